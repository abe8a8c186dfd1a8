/** What is asked in one turn of the event loop goes over in one message, and so do the answers to one commit. */
export type Question =
  | { readonly id: number; readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly id: number; readonly type: 'delete'; readonly key: string }
  | { readonly id: number; readonly type: 'close' };

export interface Reply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: unknown;
}
