import type { BackendResults, Row } from './results.ts';

/** What the process that measures a backend tells. */
export type Message =
  | { readonly type: 'step'; readonly what: string }
  | { readonly type: 'row'; readonly row: Row }
  | { readonly type: 'note'; readonly text: string }
  | { readonly type: 'failed'; readonly what: string; readonly error: string }
  | { readonly type: 'done'; readonly results: BackendResults };
