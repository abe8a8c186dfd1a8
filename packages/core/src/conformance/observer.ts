import assert from 'node:assert/strict';

/** What an iterable has yielded so far, collected without back-pressure. */
export class Observer<Step> {
  readonly steps: Step[] = [];
  /** Settles when the iteration is over: rejects with what it threw. */
  readonly ended: Promise<void>;
  #over = false;
  #changed = Promise.withResolvers<void>();

  constructor(iterable: AsyncIterable<Step>, signal: AbortSignal) {
    const onAbort = () => this.#wake();
    signal.addEventListener('abort', onAbort, { once: true });
    this.ended = this.#collect(iterable, signal).finally(() => signal.removeEventListener('abort', onAbort));
    this.ended.catch(() => {});
  }

  get last(): Step | undefined {
    return this.steps.at(-1);
  }

  /**
   * Resolves with the first step, from the `from`th on, that fits; rejects if the iteration ends or `within` milliseconds
   * pass before.
   */
  async until(fits: (step: Step) => boolean, { from = 0, within = 10_000 } = {}): Promise<Step> {
    const deadline = performance.now() + within;
    for (let i = from; ; i++) {
      while (i >= this.steps.length) {
        if (this.#over) await this.ended;
        assert(!this.#over, `the iteration ended after ${this.steps.length} steps, before the one waited for`);
        const left = deadline - performance.now();
        assert(left > 0, `the step waited for did not come within ${within} ms; there were ${this.steps.length}`);
        await this.#nextChange(left);
      }
      const step = this.steps[i] as Step;
      if (fits(step)) return step;
    }
  }

  /** Resolves when there are `count` steps. */
  async count(count: number, within?: number): Promise<readonly Step[]> {
    await this.until(() => true, { from: count - 1, ...(within === undefined ? {} : { within }) });
    return this.steps;
  }

  async #collect(iterable: AsyncIterable<Step>, signal: AbortSignal): Promise<void> {
    try {
      for await (const step of iterable) {
        if (signal.aborted) return;
        this.steps.push(step);
        this.#wake();
      }
    } finally {
      this.#over = true;
      this.#wake();
    }
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async #nextChange(within: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, within);
    });
    await Promise.race([this.#changed.promise, timeout]);
    clearTimeout(timer);
  }
}
