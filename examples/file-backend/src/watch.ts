import {
  type CallContext,
  type DriverWatch,
  prefixOf,
  type StoredPair,
  type WatchSink,
  type WatchTarget,
} from '@kv/core';
import type { Log } from './log.ts';

/** How often a watch looks for what other processes have committed, in milliseconds. */
const pollEvery = 20;

/** Reports what the log of this client reads, and makes it read on. */
export class FileWatch implements DriverWatch {
  readonly ended: Promise<void>;
  readonly #log: Log;

  constructor(log: Log, target: WatchTarget, sink: WatchSink, signal: AbortSignal) {
    this.#log = log;
    this.ended = this.#run(target, sink, signal);
  }

  async catchUp(_call: CallContext): Promise<void> {
    await this.#log.sync();
  }

  async #run(target: WatchTarget, sink: WatchSink, signal: AbortSignal): Promise<void> {
    const concerns = (key: string) =>
      'key' in target ? key === target.key : key.startsWith(prefixOf(target.directory));
    const snapshot = () => {
      const keys = 'key' in target ? [target.key] : this.#log.state.keys(target.directory);
      sink.snapshot(
        keys.map((key) => this.#log.state.get(key)).filter((pair): pair is StoredPair => pair !== undefined),
      );
    };
    await this.#log.sync();
    if (signal.aborted) return;
    snapshot();
    const unfollow = this.#log.follow({
      changed: (changes) => {
        const seen = changes.filter(({ key }) => concerns(key));
        if (seen.length > 0) sink.changes(seen);
      },
      jumped: snapshot,
    });
    try {
      while (await pause(signal)) await this.#log.sync();
    } finally {
      unfollow();
    }
  }
}

/** @returns False as soon as the signal aborts. */
function pause(signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (goOn: boolean) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve(goOn);
    };
    const onAbort = () => end(false);
    const timer = setTimeout(() => end(true), pollEvery);
    if (signal.aborted) return end(false);
    signal.addEventListener('abort', onAbort);
  });
}
