import { KvError } from '../error.ts';
import { sleep } from '../sleep.ts';

/** What a message has to pass: a server, or the network between one client and it. With faults to switch on. */
export class Gate {
  /** Milliseconds that each passage takes. */
  latency = 0;
  #cut = false;
  #opened: PromiseWithResolvers<void> | undefined;
  readonly #onCut = new Set<() => void>();

  /** Whether messages pass at once. */
  get clear(): boolean {
    return !this.#cut && this.#opened === undefined && this.latency === 0;
  }

  /** Whether messages wait, and nobody is told. */
  get silent(): boolean {
    return this.#opened !== undefined;
  }

  /** Messages wait until `open`. */
  pause(): void {
    this.#opened ??= Promise.withResolvers();
  }

  /** Messages fail, and what was connected is disconnected, until `open`. */
  cut(): void {
    this.#cut = true;
    this.reset();
  }

  /** Messages pass again; those that waited go on. */
  open(): void {
    this.#cut = false;
    this.#opened?.resolve();
    this.#opened = undefined;
  }

  /** What is connected is disconnected, once. */
  reset(): void {
    for (const disconnect of [...this.#onCut]) disconnect();
  }

  /** Calls `disconnect` when the connection breaks. @returns What stops that. */
  connected(disconnect: () => void): () => void {
    this.#onCut.add(disconnect);
    return () => this.#onCut.delete(disconnect);
  }

  /** Resolves when a message has passed. @throws {KvError} `KV_UNAVAILABLE` if the connection breaks meanwhile. */
  async pass(): Promise<void> {
    if (this.#cut) throw unreachable();
    let stop = () => {};
    const broken = new Promise<never>((_, reject) => {
      stop = this.connected(() => reject(unreachable()));
    });
    try {
      if (this.latency > 0) await Promise.race([sleep(this.latency), broken]);
      while (this.#opened !== undefined) await Promise.race([this.#opened.promise, broken]);
    } finally {
      stop();
      broken.catch(() => {});
    }
  }
}

export function unreachable(): KvError {
  return new KvError('KV_UNAVAILABLE', 'the server cannot be reached', { retryable: true, outcome: 'not-applied' });
}
