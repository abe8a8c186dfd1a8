import type { Change } from '@kv/core';

/** What a worker tells the one that started it, one JSON object a line. */
export type WorkerReport =
  | { readonly event: 'registered' }
  | { readonly event: 'config'; readonly type: Change['type']; readonly key: string; readonly value?: unknown }
  | { readonly event: 'leading'; readonly term: string }
  | { readonly event: 'left' };

export function send(report: WorkerReport): void {
  process.stdout.write(`${JSON.stringify(report)}\n`);
}
