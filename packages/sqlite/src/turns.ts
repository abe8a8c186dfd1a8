/** So many answers are given within one turn of the event loop. */
const answersInTurn = 256;

/**
 * An answer that is given at once does not let go of the event loop: a program that awaits one after the other until
 * something happens would keep the timers and writes waiting that are to make it happen. So now and then one takes a turn.
 */
export class Turns {
  #answers = 0;

  /** The answer, or a promise of it. */
  give<T>(answer: T): T | Promise<T> {
    this.#answers++;
    if (this.#answers % answersInTurn !== 0) return answer;
    return new Promise((resolve) => setImmediate(resolve, answer));
  }
}
