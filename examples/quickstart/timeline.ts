import { styleText } from 'node:util';

type Colour = Parameters<typeof styleText>[0];

/** Prints what happens, with the time since the start. */
export class Timeline {
  readonly #start = performance.now();
  readonly #failures: string[] = [];

  say(who: string, what: string, colour: Colour = 'reset'): void {
    const seconds = ((performance.now() - this.#start) / 1_000).toFixed(3).padStart(7);
    console.log(`${styleText('dim', `${seconds} s`)}  ${styleText('bold', who.padEnd(9))} ${styleText(colour, what)}`);
  }

  /** Polls until the claim holds, and says whether it came true in time. */
  async claim(what: string, holds: () => boolean | Promise<boolean>, withinMs: number): Promise<void> {
    const start = performance.now();
    while (!(await holds())) {
      if (performance.now() - start > withinMs) {
        this.#failures.push(what);
        return this.say('✗ check', `${what}: not within ${withinMs} ms`, 'red');
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    this.say('✓ check', `${what} (${Math.round(performance.now() - start)} ms)`, 'green');
  }

  /** Prints the result. @returns Whether every claim came true. */
  finish(): boolean {
    const { length } = this.#failures;
    this.say(
      'demo',
      length === 0 ? 'every claim came true' : `${length} claims did not come true`,
      length ? 'red' : 'green',
    );
    return length === 0;
  }
}
