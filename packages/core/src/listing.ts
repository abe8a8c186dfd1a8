import type { CallOptions } from './call.ts';
import type { Awaitable, CallContext, Consistency, Driver, ListPage, ListRequest, StoredPair } from './driver.ts';
import { KvError } from './error.ts';
import type { KVPair } from './pair.ts';
import type { KeyedCall, View } from './view.ts';

/** How a read may be answered. */
export interface ReadOptions extends CallOptions {
  /**
   * `linearizable` (default): sees every write that was acknowledged before the call, by whomever. `stale`: may be
   * answered by any server from what it has.
   */
  readonly consistency?: Consistency | undefined;
}

/** Which part of a directory to read. */
export interface ScanOptions extends ReadOptions {
  /** Default true: all depths. False: only keys with one segment more than the directory. */
  readonly recursive?: boolean | undefined;
  /** Only keys that come after this one in the order of keys; it need not exist. Default: all. */
  readonly after?: string | undefined;
}

/** Which part of a directory to list. */
export interface ListOptions extends ScanOptions {
  /** At most so many, the first ones. Default: all. */
  readonly limit?: number | undefined;
}

/** The pages of a scan hold about this many bytes of values, and at most so many pairs. */
const pageBytes = 1 << 20;
const longestPage = 1_000;
const firstPage = 100;

export function consistencyOf({ consistency = 'linearizable' }: ReadOptions): Consistency {
  if (consistency !== 'linearizable' && consistency !== 'stale') {
    throw invalid(`\`consistency\` must be 'linearizable' or 'stale', not ${JSON.stringify(consistency)}`);
  }
  return consistency;
}

/** All items, or the first `limit`, in as many requests as the driver makes of it. */
export async function listAll<Item extends string | StoredPair>(
  view: View<unknown, never>,
  name: KeyedCall,
  options: ListOptions,
  fetch: (driver: Driver, request: ListRequest, call: CallContext) => Awaitable<ListPage<Item>>,
): Promise<Item[]> {
  const { limit } = options;
  const items: Item[] = [];
  let request = firstRequest(view, name, options);
  for (;;) {
    const page = await view.connection.run(name, options, (driver, call) => fetch(driver, request, call));
    for (const item of page.items) items.push(item);
    if (page.next === undefined || items.length === limit) return items;
    request = nextRequest(request, page);
    if (limit !== undefined) request = { ...request, limit: limit - items.length };
  }
}

export async function* scanPages<Out>(
  view: View<Out, never>,
  name: KeyedCall,
  options: ScanOptions,
): AsyncGenerator<KVPair<Out>, void, undefined> {
  let request: ListRequest = { ...firstRequest(view, name, options), limit: firstPage };
  for (;;) {
    const page = await view.connection.run(name, options, (driver, call) => driver.list(name.storedKey, request, call));
    let bytes = 1;
    for (const stored of page.items) {
      bytes += stored.value.byteLength;
      yield view.pair(stored, name);
    }
    if (page.next === undefined) return;
    const fitting = Math.floor((pageBytes * page.items.length) / bytes);
    request = { ...nextRequest(request, page), limit: Math.max(1, Math.min(longestPage, fitting)) };
  }
}

function firstRequest(view: View<unknown, never>, name: KeyedCall, options: ListOptions): ListRequest {
  const { recursive = true, after, limit } = options;
  return {
    recursive,
    consistency: view.within(name, () => consistencyOf(options)),
    ...(after === undefined ? {} : { after: view.call(name.operation, after, false).storedKey }),
    ...(limit === undefined ? {} : { limit: view.within(name, () => checkLimit(limit)) }),
  };
}

function checkLimit(limit: number): number {
  if (Number.isInteger(limit) && limit > 0) return limit;
  throw invalid(`\`limit\` must be a whole number from 1, not ${limit}`);
}

function nextRequest(request: ListRequest, page: ListPage<string | StoredPair>): ListRequest {
  const last = page.items.at(-1);
  const next = { ...request, cursor: page.next };
  return last === undefined ? next : { ...next, after: typeof last === 'string' ? last : last.key };
}

function invalid(detail: string): KvError {
  return new KvError('KV_INVALID_ARGUMENT', detail);
}
