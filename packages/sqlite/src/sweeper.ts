import type { CallContext } from '@kv/core';
import type { GroupCommit } from './group-commit.ts';

/** How long a removal may wait for the lock, in milliseconds. */
const patience = 1_000;

const never = new AbortController().signal;

/** Removes what is overdue; for all who ask meanwhile, once. */
export class Sweeper {
  readonly #commit: GroupCommit;
  #underWay: Promise<void> | undefined;

  constructor(commit: GroupCommit) {
    this.#commit = commit;
  }

  /**
   * Resolves when everything that was overdue has been removed. Also if that could not be done, because another process does
   * not let go of the lock or the disk is full: the pairs are still there then, for everyone.
   */
  sweep(): Promise<void> {
    this.#underWay ??= this.#sweep();
    return this.#underWay;
  }

  async #sweep(): Promise<void> {
    const call: CallContext = { signal: never, deadline: performance.now() + patience };
    // Each write transaction begins with the removal: an empty one is enough.
    await this.#commit.submit(call, () => {}).catch(() => {});
    this.#underWay = undefined;
  }
}
