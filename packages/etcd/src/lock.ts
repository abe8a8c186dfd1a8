import { Buffer } from 'node:buffer';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CallContext, type DriverHold, type DriverLock, KvError, type LockRequest } from '@kv/core';
import type { IRequestOp } from 'etcd3';
import type { Client } from './client.ts';
import { deletion } from './deletion.ts';
import type { Keyspace } from './keyspace.ts';
import { leaseOf } from './lease.ts';
import type { WatchStream } from './watch-stream.ts';

interface Place {
  readonly key: Buffer;
  readonly createRevision: number;
  readonly revision: string;
}

/** The one to wait for, as of a revision. */
interface Predecessor {
  readonly key: Buffer;
  readonly asOf: number;
}

const pauseAfterFailure = 100;

/**
 * The lock of etcd's own clients and of `etcdctl lock` and `etcdctl elect` (client/v3/concurrency in etcd): who wants it creates
 * `<key>/<its lease's number>`, and holds it once no key below `<key>/` was created earlier. Each one waits for the deletion
 * of the key that was created just before its own.
 */
export class LeaseLock implements DriverLock {
  readonly #client: Client;
  readonly #keyspace: Keyspace;
  readonly #stream: WatchStream;

  constructor(client: Client, keyspace: Keyspace, stream: WatchStream) {
    this.#client = client;
    this.#keyspace = keyspace;
    this.#stream = stream;
  }

  async acquire(
    { key, value, session, wait }: LockRequest,
    { signal, timeout }: { readonly signal: AbortSignal; readonly timeout: number },
  ): Promise<DriverHold | undefined> {
    const entryKey = `${key}/${session.id}`;
    const queue = this.#keyspace.below(key);
    const own = this.#keyspace.bytes(entryKey);
    const untilAnswered = <T>(send: (call: CallContext) => Promise<T>) => persist(send, signal, timeout);

    const place = await untilAnswered((call) => this.#enter(own, queue, value, leaseOf(session)?.id ?? '0', call));
    let { predecessor } = place;
    while (predecessor !== undefined) {
      if (!wait) return undefined;
      await deletion(this.#stream, predecessor.key, predecessor.asOf, signal);
      predecessor = await untilAnswered((call) => this.#predecessor(place, queue, call));
    }
    return this.#hold(entryKey, place);
  }

  async holder(
    key: string,
    call: CallContext,
  ): Promise<{ readonly value: Uint8Array; readonly token: bigint } | undefined> {
    const first = { sort_target: 'Create', sort_order: 'Ascend', limit: 1 } as const;
    const { kvs } = await this.#client.send('range', { ...this.#keyspace.below(key), ...first }, call);
    const pair = kvs[0] && this.#keyspace.pair(kvs[0]);
    return pair && { value: pair.value, token: pair.createRevision };
  }

  /** Joins the queue, or finds that an earlier attempt, whose answer did not arrive, has done so. */
  async #enter(
    own: Buffer,
    queue: IRequestOp['request_range'],
    value: Uint8Array,
    lease: string,
    call: CallContext,
  ): Promise<Place & { readonly predecessor: Predecessor | undefined }> {
    const { succeeded, responses, header } = await this.#client.send(
      'txn',
      {
        compare: [{ key: own, target: 'Create', result: 'Equal', create_revision: 0 }],
        success: [
          { request_put: { key: own, value: Buffer.from(value), lease } },
          { request_range: { ...queue, sort_target: 'Create', sort_order: 'Descend', limit: 2, keys_only: true } },
        ],
        failure: [{ request_range: { key: own, keys_only: true } }],
      },
      call,
    );
    if (succeeded) {
      const revision = Number(header.revision);
      const before = responses[1]?.response_range.kvs[1];
      const predecessor = before && { key: before.key, asOf: revision };
      return { key: own, createRevision: revision, revision: header.revision, predecessor };
    }
    const [kv] = responses[0]?.response_range.kvs ?? [];
    if (kv === undefined) throw new KvError('KV_INTERNAL', 'the transaction has told two states of one key');
    const place = { key: own, createRevision: Number(kv.create_revision), revision: kv.mod_revision };
    return { ...place, predecessor: await this.#predecessor(place, queue, call) };
  }

  async #predecessor(
    { key, createRevision }: Place,
    queue: IRequestOp['request_range'],
    call: CallContext,
  ): Promise<Predecessor | undefined> {
    const last = { sort_target: 'Create', sort_order: 'Descend', limit: 1, keys_only: true } as const;
    const { responses, header } = await this.#client.send(
      'txn',
      {
        success: [
          { request_range: { key, keys_only: true } },
          { request_range: { ...queue, ...last, max_create_revision: createRevision - 1 } },
        ],
      },
      call,
    );
    const [own, before] = responses.map(({ response_range }) => response_range.kvs[0]);
    if (own?.create_revision !== String(createRevision)) {
      throw new KvError('KV_SESSION_LOST', 'the session ended while the lock was waited for', {
        outcome: 'not-applied',
      });
    }
    return before && { key: before.key, asOf: Number(header.revision) };
  }

  #hold(entryKey: string, place: Place): DriverHold {
    const released = new AbortController();
    return {
      token: BigInt(place.createRevision),
      condition: { key: entryKey, revision: place.revision },
      lost: this.#gone(place, released.signal).catch(() => never),
      // The end of the session, which follows, deletes the key.
      release: async () => released.abort(),
    };
  }

  async #gone({ key, createRevision }: Place, signal: AbortSignal): Promise<void> {
    for (let asOf = createRevision; ; ) {
      await deletion(this.#stream, key, asOf, signal);
      const { kvs, header } = await persist(
        (call) => this.#client.send('range', { key, keys_only: true }, call),
        signal,
        longestCheck,
      );
      if (kvs[0]?.create_revision !== String(createRevision)) return;
      asOf = Number(header.revision);
    }
  }
}

const longestCheck = 10_000;
const never = new Promise<never>(() => {});

/** Sends a request that may be repeated until the server has answered, or the signal aborts. */
async function persist<T>(send: (call: CallContext) => Promise<T>, signal: AbortSignal, timeout: number): Promise<T> {
  for (;;) {
    try {
      return await send({ signal, deadline: performance.now() + timeout });
    } catch (error) {
      signal.throwIfAborted();
      if (!KvError.is(error) || !error.retryable) throw error;
    }
    await sleep(Math.random() * pauseAfterFailure, undefined, { signal });
  }
}
