import assert from 'node:assert/strict';
import { text } from '../codec.ts';
import type { KVPair } from '../pair.ts';
import type { Store } from '../store.ts';
import type { TreeState } from '../watch/tree-watcher.ts';
import type { CaseClient, CaseContext } from './case.ts';
import type { Observer } from './observer.ts';
import { keySteps, sameRevisions, treeSteps } from './watch-steps.ts';

/** How long a server may take to answer again after a fault, in milliseconds. */
const serverBack = 30_000;
/** How long a watch may take to be up to date once its server answers. */
const resumed = 15_000;

/**
 * The directory `dir` and the key `dir/changed`, watched by one client and changed by another, for cases that put a fault
 * between. The watched steps are checked as `treeSteps` and `keySteps` do.
 */
export class WatchedTree {
  readonly client: CaseClient;
  readonly writer: Store<string>;
  readonly #context: CaseContext;
  readonly #tree: Observer<TreeState<string>>;
  readonly #key: Observer<KVPair<string> | undefined>;
  #changes = 0;

  /** Resolves when the watches have their first state. */
  static async start(context: CaseContext): Promise<WatchedTree> {
    const [client, writer] = [await context.connect(), (await context.open()).withCodec(text())];
    for (const name of ['kept', 'changed', 'deleted', 'recreated']) await writer.put(`dir/${name}`, 'at the start');
    const watched = new WatchedTree(context, client, writer);
    await Promise.all([watched.#tree.count(1), watched.#key.count(1)]);
    return watched;
  }

  private constructor(context: CaseContext, client: CaseClient, writer: Store<string>) {
    this.#context = context;
    this.client = client;
    this.writer = writer;
    const store = client.store.withCodec(text());
    this.#tree = context.observe(treeSteps(store.watchTree('dir')));
    this.#key = context.observe(keySteps(store.watch('dir/changed')));
  }

  /** A change of every kind. It may follow a fault that the writer has suffered too. */
  async change(): Promise<void> {
    const round = `round ${++this.#changes}`;
    const { writer } = this;
    const changes: readonly (() => Promise<unknown>)[] = [
      () => writer.put('dir/changed', round),
      () => writer.delete('dir/deleted'),
      () => writer.delete('dir/recreated'),
      () => writer.put('dir/recreated', round),
      () => writer.put(`dir/created/${this.#changes}`, round),
      () => writer.put('dir/transient', round),
      () => writer.delete('dir/transient'),
      // A state that was not there before, so that only the end of the round looks like it.
      () => writer.put('dir/last', round),
    ];
    // What may or may not have been applied may be sent again: the result is the same.
    for (const change of changes) await this.#context.eventually(change, serverBack);
  }

  /** Resolves when both watches have the state that the writer reads, and `dir/kept` was told once. */
  async isUpToDate(): Promise<void> {
    const { writer } = this;
    const listed = await this.#context.eventually(() => writer.list('dir'), serverBack);
    const expected = new Map(listed.map((pair) => [pair.key, pair]));
    const within = resumed;
    await this.#tree.until(({ pairs }) => sameRevisions(pairs, expected), {
      from: this.#tree.steps.length - 1,
      within,
    });
    const { revision } = expected.get('dir/changed') ?? assert.fail();
    await this.#key.until((pair) => pair?.revision === revision, { from: this.#key.steps.length - 1, within });
    assert.deepEqual(this.#tree.last?.pairs, expected);
    const kept = this.#tree.steps.flatMap(({ changes }) => changes.filter(({ key }) => key === 'dir/kept'));
    assert.equal(kept.length, 1, 'a key that nobody changed was told again');
  }
}
