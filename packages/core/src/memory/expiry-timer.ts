/**
 * Calls back once `ms` milliseconds have really passed. A timer of Node.js counts from the beginning of the turn of the
 * event loop in which it is set, and so may fire early by as long as that turn has taken.
 *
 * It comes after all timers of clients in this process that are due as well: a client has to learn that its session
 * may be over before others see that it is.
 */
export class ExpiryTimer {
  readonly #due: number;
  readonly #expire: () => void;
  #timer: NodeJS.Timeout | undefined;
  #last: NodeJS.Immediate | undefined;

  constructor(ms: number, expire: () => void) {
    this.#due = performance.now() + ms;
    this.#expire = expire;
    this.#wait();
  }

  cancel(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#last);
  }

  #wait(): void {
    const left = this.#due - performance.now();
    if (left > 0) this.#timer = setTimeout(() => this.#wait(), left).unref();
    else this.#last = setImmediate(this.#expire);
  }
}
