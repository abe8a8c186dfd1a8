import type { StoredCondition, StoredOperation } from './driver.ts';
import { KvError } from './error.ts';
import { type LifetimeOptions, lifetimeOf } from './lifetime.ts';
import type { KVPair, Revision } from './pair.ts';
import type { EncodedValue, View } from './view.ts';

/** What must hold for a transaction to be applied. A pair that was read is a condition: that it has not changed. */
export type Condition =
  | { readonly key: string; readonly revision: Revision }
  | { readonly key: string; readonly exists: boolean };

/** One write of a transaction. */
export type Operation<In> =
  | ({ readonly type: 'put'; readonly key: string; readonly value: In } & LifetimeOptions)
  | { readonly type: 'delete'; readonly key: string };

/** `then` is applied in one step if every condition of `if` holds, else nothing is. */
export interface TransactionRequest<In> {
  /** Default: no condition. */
  readonly if?: readonly Condition[];
  /** One operation a key at most. */
  readonly then: readonly Operation<In>[];
}

/** What became of a transaction. */
export type TransactionResult<Value> =
  | {
      readonly committed: true;
      /** For each operation, in order: the new pair of a put, `undefined` for a delete. */
      readonly pairs: readonly (KVPair<Value> | undefined)[];
    }
  | { readonly committed: false };

/**
 * A transaction as a driver wants it, and the values that its puts will have.
 *
 * @throws {KvError} `KV_UNSUPPORTED`, `KV_INVALID_ARGUMENT`, `KV_VALUE_TOO_LARGE`, and what the parts throw.
 */
export function storedTransaction<Out, In>(
  view: View<Out, In>,
  request: TransactionRequest<In>,
): {
  readonly conditions: readonly StoredCondition[];
  readonly operations: readonly StoredOperation[];
  readonly values: readonly (EncodedValue<Out> | undefined)[];
} {
  const limit = view.connection.driver.capabilities.transaction;
  if (!limit) throw new KvError('KV_UNSUPPORTED', 'this backend has no transactions');
  const { if: wanted = [], then: writes } = request;
  if (!Array.isArray(wanted) || !Array.isArray(writes)) throw invalid('`if` and `then` must be arrays');
  const conditions = (wanted as readonly Condition[]).map((condition) => {
    const key = view.call('transaction', condition.key, true).storedKey;
    return storedCondition(key, condition);
  });
  const values: (EncodedValue<Out> | undefined)[] = [];
  const operations = (writes as readonly Operation<In>[]).map((operation): StoredOperation => {
    const key = view.call('transaction', operation.key, true).storedKey;
    if (operation.type === 'delete') {
      values.push(undefined);
      return { type: 'delete', key };
    }
    if (operation.type !== 'put') throw invalid('the `type` of an operation must be `put` or `delete`');
    const encoded = view.encode(operation.value);
    values.push(encoded);
    return { type: 'put', key, value: encoded.bytes, lifetime: lifetimeOf(operation, view.connection) };
  });
  if (operations.length === 0) throw invalid('`then` has no operation');
  if (conditions.length + operations.length > limit.maxOperations) {
    throw invalid(
      `${conditions.length} conditions and ${operations.length} operations are more than the limit of ${limit.maxOperations}`,
    );
  }
  const bytes = values.reduce((sum, value) => sum + (value?.bytes.byteLength ?? 0), 0);
  if (bytes > limit.maxBytes) {
    const detail = `the values of the transaction have ${bytes} bytes together, and the limit is ${limit.maxBytes}`;
    throw new KvError('KV_VALUE_TOO_LARGE', detail);
  }
  const keys = new Set<string>();
  for (const { key } of operations) {
    if (keys.has(key)) throw invalid(`two operations on the key ${JSON.stringify(view.keyOf(key))}`);
    keys.add(key);
  }
  return { conditions, operations, values };
}

function storedCondition(key: string, condition: Condition): StoredCondition {
  if ('revision' in condition && typeof condition.revision === 'string' && condition.revision !== '') {
    return { key, revision: condition.revision };
  }
  if ('exists' in condition && typeof condition.exists === 'boolean') return { key, exists: condition.exists };
  throw invalid('a condition must have the `revision` of a pair, or `exists`');
}

function invalid(detail: string): KvError {
  return new KvError('KV_INVALID_ARGUMENT', detail);
}
