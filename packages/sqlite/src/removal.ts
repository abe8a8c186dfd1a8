import type { Database } from 'better-sqlite3';
import type { ChangeLog } from './change-log.ts';

/** Removes the pairs that fulfil a condition, and logs them in the order of their keys. */
export class Removal<Parameters extends unknown[]> {
  readonly #log: ChangeLog;
  readonly #appendDeletions;
  readonly #delete;

  /** @param where A condition on the table of pairs, with positional parameters. */
  constructor(database: Database, log: ChangeLog, where: string) {
    this.#log = log;
    this.#appendDeletions = database.prepare<[number, ...Parameters]>(
      `INSERT INTO changes (revision, key)
       SELECT ? + row_number() OVER (ORDER BY key) - 1, key FROM pairs WHERE ${where}`,
    );
    this.#delete = database.prepare<Parameters>(`DELETE FROM pairs WHERE ${where}`);
  }

  run(...parameters: Parameters): void {
    const { changes } = this.#appendDeletions.run(this.#log.next, ...parameters);
    if (changes === 0) return;
    this.#log.appended(changes);
    this.#delete.run(...parameters);
  }
}
