import assert from 'node:assert/strict';
import type { KVPair } from '../pair.ts';
import type { Change, TreeState } from '../watch/tree-watcher.ts';

/**
 * The steps of a watched key. Throws where two of them cannot follow each other: the same state twice, a state that was
 * left before.
 */
export async function* keySteps<Value>(
  watch: AsyncIterable<KVPair<Value> | undefined>,
): AsyncGenerator<KVPair<Value> | undefined, void, undefined> {
  const history = new PairHistory();
  let first = true;
  for await (const pair of watch) {
    if (pair !== undefined) history.put(pair);
    else assert(first || history.current !== undefined, 'the key was told to be absent twice in a row');
    if (pair === undefined) history.current = undefined;
    first = false;
    yield pair;
  }
}

/**
 * The steps of a watched directory, each with `pairs` as they were then. Throws where `changes` and `pairs` disagree, a
 * step changes nothing, a pair is told twice, or a state comes back that was left before.
 */
export async function* treeSteps<Value>(
  watch: AsyncIterable<TreeState<Value>>,
): AsyncGenerator<TreeState<Value>, void, undefined> {
  const histories = new Map<string, PairHistory>();
  let first = true;
  for await (const { pairs, changes } of watch) {
    assert(first || changes.length > 0, 'a step changed nothing');
    for (const change of changes) {
      const history = histories.get(change.key) ?? new PairHistory();
      histories.set(change.key, history);
      apply(change, history);
    }
    assert(sameRevisions(pairs, currentPairs(histories)), 'the pairs are not what the changes lead to');
    first = false;
    yield { pairs: new Map(pairs), changes };
  }
}

/** What is known of one key. */
class PairHistory {
  current: KVPair<unknown> | undefined;
  #last: KVPair<unknown> | undefined;
  readonly #seen = new Set<string>();

  put(pair: KVPair<unknown>): void {
    const { key, revision, createRevision } = pair;
    assert(!this.#seen.has(revision), `${key} was told again to have revision ${revision}`);
    const last = this.#last?.createRevision ?? createRevision;
    assert(createRevision >= last, `${key}: createRevision went back from ${last} to ${createRevision}`);
    this.#seen.add(revision);
    this.#last = pair;
    this.current = pair;
  }
}

function apply(change: Change<unknown>, history: PairHistory): void {
  const { type, key, previous } = change;
  assert.equal(
    previous?.revision,
    history.current?.revision,
    `${type} ${key}: \`previous\` is not the last state told`,
  );
  if (type === 'put') {
    assert.equal(change.pair.key, key);
    history.put(change.pair);
  } else {
    assert(history.current, `delete ${key}: it was not known to exist`);
    history.current = undefined;
  }
}

/** Whether both have the same pairs. */
export function sameRevisions(
  a: ReadonlyMap<string, KVPair<unknown>>,
  b: ReadonlyMap<string, KVPair<unknown>>,
): boolean {
  return a.size === b.size && [...a].every(([key, { revision }]) => b.get(key)?.revision === revision);
}

function currentPairs(histories: ReadonlyMap<string, PairHistory>): ReadonlyMap<string, KVPair<unknown>> {
  return new Map([...histories].flatMap(([key, { current }]) => (current ? [[key, current] as const] : [])));
}
