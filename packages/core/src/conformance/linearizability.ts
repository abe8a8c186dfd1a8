/** No state: the operation could not have gone as its client saw it. */
export const impossible: unique symbol = Symbol('impossible');

/** One operation, as its client saw it. */
export interface ObservedOperation<State> {
  /** For messages. */
  readonly name: string;
  /** When it was sent. */
  readonly start: number;
  /** When its result came. Absent: nobody knows whether it took effect, and it may do so at any time after `start`. */
  readonly end?: number;
  /** The state that it leaves behind if it takes effect in `state`. */
  apply(state: State): State | typeof impossible;
}

interface Configuration<State> {
  readonly state: State;
  /** The pending operations that have taken effect, as a set of bits. */
  readonly done: bigint;
}

/** So many ways to order what is concurrent are looked at: far more than a history of a handful of clients has. */
const mostConfigurations = 200_000;

/**
 * Whether all operations can have taken effect one after the other, each at a moment between its start and its end: what
 * linearizability means. Goes through the history in time and keeps every state that the object may be in (just-in-time
 * linearization: Lowe, "Testing for linearizability", 2016).
 *
 * @returns The first operation for whose result there is no explanation, or `undefined` if all have one.
 */
export function firstInexplicable<State extends string | undefined>(
  initial: State,
  history: readonly ObservedOperation<State>[],
): ObservedOperation<State> | undefined {
  const pending = new Map<ObservedOperation<State>, bigint>();
  let configurations: readonly Configuration<State>[] = [{ state: initial, done: 0n }];
  for (const { operation, isStart } of eventsOf(history)) {
    if (isStart) {
      pending.set(operation, freeBit(pending));
      continue;
    }
    configurations = afterEffectOf(operation, configurations, pending);
    pending.delete(operation);
    if (configurations.length === 0) return operation;
  }
  return undefined;
}

/** Starts come before ends of the same moment: what touches counts as concurrent. */
function eventsOf<State>(history: readonly ObservedOperation<State>[]) {
  return history
    .flatMap((operation) => [
      { operation, isStart: true, at: operation.start },
      ...(operation.end === undefined ? [] : [{ operation, isStart: false, at: operation.end }]),
    ])
    .sort((a, b) => a.at - b.at || Number(b.isStart) - Number(a.isStart));
}

function freeBit(pending: ReadonlyMap<unknown, bigint>): bigint {
  const taken = new Set(pending.values());
  let bit = 1n;
  while (taken.has(bit)) bit <<= 1n;
  return bit;
}

/** What may be once `operation` has taken effect, and before it other pending ones in any order. */
function afterEffectOf<State extends string | undefined>(
  operation: ObservedOperation<State>,
  configurations: readonly Configuration<State>[],
  pending: ReadonlyMap<ObservedOperation<State>, bigint>,
): readonly Configuration<State>[] {
  const own = pending.get(operation) as bigint;
  const result = new Map<string, Configuration<State>>();
  const seen = new Map(configurations.map((configuration) => [idOf(configuration), configuration]));
  // The map grows while it is walked through.
  for (const { state, done } of seen.values()) {
    if ((done & own) !== 0n) {
      const after = { state, done: done & ~own };
      result.set(idOf(after), after);
      continue;
    }
    for (const [next, bit] of pending) {
      if ((done & bit) !== 0n) continue;
      const reached = next.apply(state);
      if (reached === impossible) continue;
      const configuration = { state: reached, done: done | bit };
      seen.set(idOf(configuration), configuration);
    }
    if (seen.size > mostConfigurations) throw new Error('too many operations are concurrent to decide this history');
  }
  return [...result.values()];
}

function idOf({ state, done }: Configuration<string | undefined>): string {
  return state === undefined ? `${done}` : `${done} ${state}`;
}
