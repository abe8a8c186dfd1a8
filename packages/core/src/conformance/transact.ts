import type { Store } from '../store.ts';
import type { Condition, Operation, TransactionResult } from '../transaction.ts';

/** Applies `operations` in one step if all `conditions` hold. */
export function transact<Out, In>(
  store: Store<Out, In>,
  operations: readonly Operation<In>[],
  conditions?: readonly Condition[],
): Promise<TransactionResult<Out>> {
  return store.transaction({ then: operations, ...(conditions === undefined ? {} : { if: conditions }) });
}
