import {
  type CallContext,
  type Capabilities,
  type Consistency,
  type Driver,
  type DriverLock,
  type DriverSession,
  type DriverWatch,
  KvError,
  type Lifetime,
  type ListPage,
  type ListRequest,
  type StoredCondition,
  type StoredOperation,
  type StoredPair,
  type StoredTransactionResult,
  type WatchSink,
  type WatchTarget,
} from '@kv/core';
import type { ICompare, IKeyValue, IRequestOp, IResponseOp, ITxnResponse } from 'etcd3';
import { capabilitiesOf } from './capabilities.ts';
import type { Client } from './client.ts';
import type { Keyspace } from './keyspace.ts';
import { type Lease, Leases } from './lease.ts';
import { LeaseLock } from './lock.ts';
import { readPage } from './page.ts';
import { EtcdWatch } from './watch.ts';
import { WatchStream } from './watch-stream.ts';

/** As many operations as a server takes in one transaction, if it runs with its default --max-txn-ops. */
const longestTransaction = 128;

export class EtcdDriver implements Driver {
  readonly capabilities: Capabilities;
  readonly lock: DriverLock;
  readonly #client: Client;
  readonly #keyspace: Keyspace;
  readonly #leases: Leases;
  readonly #stream: WatchStream;

  /** Asks the server for what it can do. */
  static async open(client: Client, keyspace: Keyspace, call: CallContext): Promise<EtcdDriver> {
    const leases = new Leases(client);
    const shortest = await leases.grant(1, call.deadline);
    await leases.revoke(shortest.id, call);
    return new EtcdDriver(client, keyspace, leases, capabilitiesOf(shortest.ttl));
  }

  private constructor(client: Client, keyspace: Keyspace, leases: Leases, capabilities: Capabilities) {
    this.capabilities = capabilities;
    this.#client = client;
    this.#keyspace = keyspace;
    this.#leases = leases;
    this.#stream = new WatchStream(client);
    this.lock = new LeaseLock(client, keyspace, this.#stream);
  }

  async get(key: string, consistency: Consistency, call: CallContext): Promise<StoredPair | undefined> {
    const stale = consistency === 'stale';
    const request = { key: this.#keyspace.bytes(key), serializable: stale };
    const { kvs } = await this.#client.send('range', request, call, stale ? 'anyServer' : 'requireLeader');
    return kvs[0] && this.#keyspace.pair(kvs[0]);
  }

  async getMany(
    keys: readonly string[],
    consistency: Consistency,
    call: CallContext,
  ): Promise<(StoredPair | undefined)[]> {
    const stale = consistency === 'stale';
    const reads: IRequestOp[] = keys.map((key) => ({
      request_range: { key: this.#keyspace.bytes(key), serializable: stale },
    }));
    const audience = stale ? 'anyServer' : 'requireLeader';
    const batches: Promise<ITxnResponse>[] = [];
    for (let i = 0; i < reads.length; i += longestTransaction) {
      const success = reads.slice(i, i + longestTransaction);
      batches.push(this.#client.send('txn', { success }, call, audience));
    }
    return (await Promise.all(batches)).flatMap(({ responses }) =>
      responses.map(({ response_range: { kvs } }) => kvs[0] && this.#keyspace.pair(kvs[0])),
    );
  }

  async exists(key: string, call: CallContext): Promise<boolean> {
    const { count } = await this.#client.send('range', { key: this.#keyspace.bytes(key), count_only: true }, call);
    return count !== '0';
  }

  async put(key: string, value: Uint8Array, lifetime: Lifetime, call: CallContext): Promise<StoredPair> {
    const result = await this.transaction([], [{ type: 'put', key, value, lifetime }], call);
    return result.pairs[0] as StoredPair;
  }

  async atomicPut(
    key: string,
    value: Uint8Array,
    previous: string | null,
    lifetime: Lifetime,
    call: CallContext,
  ): Promise<StoredPair> {
    const condition = previous === null ? { key, exists: false } : { key, revision: previous };
    const operation: StoredOperation = { type: 'put', key, value, lifetime };
    const { committed, pairs, existing } = await this.#transact([condition], [operation], call, key);
    if (!committed) throw conflict(previous, existing);
    return pairs[0] as StoredPair;
  }

  async delete(key: string, call: CallContext): Promise<boolean> {
    const { deleted } = await this.#client.send('deleteRange', { key: this.#keyspace.bytes(key) }, call);
    return deleted !== '0';
  }

  async atomicDelete(key: string, previous: string, call: CallContext): Promise<void> {
    const operation: StoredOperation = { type: 'delete', key };
    const { committed, existing } = await this.#transact([{ key, revision: previous }], [operation], call, key);
    if (!committed) throw conflict(previous, existing);
  }

  async list(directory: string, request: ListRequest, call: CallContext): Promise<ListPage<StoredPair>> {
    const { kvs, ...rest } = await readPage(this.#client, this.#keyspace, directory, request, false, call);
    return { items: kvs.map((kv) => this.#keyspace.pair(kv)), ...rest };
  }

  async keys(directory: string, request: ListRequest, call: CallContext): Promise<ListPage<string>> {
    const { kvs, ...rest } = await readPage(this.#client, this.#keyspace, directory, request, true, call);
    return { items: kvs.map((kv) => this.#keyspace.key(kv.key)), ...rest };
  }

  async deleteTree(directory: string, call: CallContext): Promise<void> {
    await this.#client.send('deleteRange', this.#keyspace.below(directory), call);
  }

  transaction(
    conditions: readonly StoredCondition[],
    operations: readonly StoredOperation[],
    call: CallContext,
  ): Promise<StoredTransactionResult> {
    return this.#transact(conditions, operations, call);
  }

  watch(target: WatchTarget, sink: WatchSink, signal: AbortSignal): DriverWatch {
    return new EtcdWatch({
      client: this.#client,
      stream: this.#stream,
      keyspace: this.#keyspace,
      target,
      sink,
      signal,
    });
  }

  openSession(ttl: number, call: CallContext): Promise<DriverSession> {
    return this.#leases.openSession(ttl, call);
  }

  async close(): Promise<void> {
    this.#stream.close();
    await this.#leases.close();
    this.#client.close();
  }

  /** @param read In the same request, whether this key exists where a condition fails. */
  async #transact(
    conditions: readonly StoredCondition[],
    operations: readonly StoredOperation[],
    call: CallContext,
    read?: string,
  ): Promise<StoredTransactionResult & { readonly existing: boolean }> {
    const puts = operations.filter((operation) => operation.type === 'put');
    const lifetimes = puts.map(({ lifetime }) => lifetime);
    const send = async (leases: readonly (Lease | undefined)[]) => {
      const response = await this.#client.send(
        'txn',
        {
          compare: conditions.map((condition) => this.#compare(condition)),
          success: [
            ...operations.map((operation): IRequestOp => {
              const key = this.#keyspace.bytes(operation.key);
              if (operation.type === 'delete') return { request_delete_range: { key } };
              const { value } = operation;
              const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
              const lease = leases[puts.indexOf(operation)];
              return { request_put: { key, value: bytes, ...(lease && { lease: lease.id }) } };
            }),
            // The answer to a put does not tell when the key was created.
            ...puts.map(({ key }) => this.#stat(key)),
          ],
          ...(read !== undefined && { failure: [this.#stat(read)] }),
        },
        call,
      );
      return { response, leases };
    };
    const { response, leases } = await this.#leases.write(lifetimes, call, send, ({ response }) => response.succeeded);
    const { succeeded, responses } = response;
    if (!succeeded) return { committed: false, pairs: [], existing: statted(responses[0]) !== undefined };
    let put = 0;
    const pairs = operations.map((operation): StoredPair | undefined => {
      if (operation.type === 'delete') return undefined;
      const { key, value, lifetime } = operation;
      const lease = leases[put];
      const kv = statted(responses[operations.length + put++]) as IKeyValue;
      return {
        key,
        value,
        revision: kv.mod_revision,
        createRevision: BigInt(kv.create_revision),
        ...(lifetime.ttl !== undefined && lease && { ttl: lease.ttl }),
      };
    });
    return { committed: true, pairs, existing: true };
  }

  #compare(condition: StoredCondition): ICompare {
    const key = this.#keyspace.bytes(condition.key);
    if ('revision' in condition) return { key, target: 'Mod', result: 'Equal', mod_revision: condition.revision };
    return { key, target: 'Version', result: condition.exists ? 'NotEqual' : 'Equal', version: 0 };
  }

  /** Reads the revisions of a key. */
  #stat(key: string): IRequestOp {
    return { request_range: { key: this.#keyspace.bytes(key), keys_only: true } };
  }
}

function statted(response: IResponseOp | undefined): IKeyValue | undefined {
  return response?.response_range.kvs[0];
}

function conflict(previous: string | null, existing: boolean): KvError {
  const outcome = 'not-applied';
  if (previous === null) return new KvError('KV_KEY_EXISTS', 'the key exists', { outcome });
  if (!existing) return new KvError('KV_KEY_NOT_FOUND', 'the key does not exist', { outcome });
  return new KvError('KV_KEY_MODIFIED', 'the pair has another revision than the one given', { outcome });
}
