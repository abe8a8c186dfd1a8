import type { CallContext, DriverWatch, StoredChange, StoredPair, WatchSink, WatchTarget } from '../driver.ts';
import { type Gate, unreachable } from './gate.ts';
import type { MemoryServer } from './memory-server.ts';

const heartbeatMs = 250;
/** After so many heartbeats without an answer the connection counts as broken. */
const longestSilence = 4;

/** One watch: reports travel from the server to the client in order, past the same gates as answers. */
export class MemoryWatch implements DriverWatch {
  readonly ended: Promise<void>;
  readonly #server: MemoryServer;
  readonly #link: Gate;
  /** Settles when all reports so far have arrived. */
  #arrived: Promise<void> | undefined;

  constructor(server: MemoryServer, link: Gate, target: WatchTarget, sink: WatchSink, signal: AbortSignal) {
    this.#server = server;
    this.#link = link;
    const over = Promise.withResolvers<void>();
    this.ended = over.promise;
    const undo: (() => void)[] = [];
    let open = !signal.aborted;
    const end = (error?: Error) => {
      open = false;
      for (const step of undo) step();
      if (error === undefined) over.resolve();
      else over.reject(error);
    };
    const onAbort = () => end();
    signal.addEventListener('abort', onAbort, { once: true });
    undo.push(() => signal.removeEventListener('abort', onAbort));
    for (const gate of [link, server.gate]) undo.push(gate.connected(() => end(unreachable())));
    let silentBeats = 0;
    const heartbeat = setInterval(() => {
      silentBeats = link.silent || server.gate.silent ? silentBeats + 1 : 0;
      if (silentBeats === longestSilence) end(unreachable());
    }, heartbeatMs).unref();
    undo.push(() => clearInterval(heartbeat));
    this.#deliver(async () => {
      if (!open) return;
      // Subscribes and reads in one turn: no change comes between.
      const report = (changes: readonly StoredChange[]) => this.#deliver(() => open && sink.changes(changes));
      undo.push(server.subscribe({ target, report }));
      sink.snapshot(this.#state(target));
    }, end);
  }

  async catchUp(_call: CallContext): Promise<void> {
    for (const gate of [this.#link, this.#server.gate]) if (!gate.clear) await gate.pass();
    await this.#arrived;
  }

  #deliver(report: () => unknown, fail: (error: Error) => void = () => {}): void {
    const before = this.#arrived;
    const gates = [this.#link, this.#server.gate];
    if (before === undefined && gates.every((gate) => gate.clear)) {
      report();
      return;
    }
    const arrived = (async () => {
      await before;
      for (const gate of gates) if (!gate.clear) await gate.pass();
      await report();
    })().catch(fail);
    this.#arrived = arrived;
    arrived.then(() => {
      if (this.#arrived === arrived) this.#arrived = undefined;
    });
  }

  #state(target: WatchTarget): readonly StoredPair[] {
    const keys = 'key' in target ? [target.key] : [...this.#server.keys(target.directory)];
    return keys.map((key) => this.#server.get(key)).filter((pair) => pair !== undefined);
  }
}
