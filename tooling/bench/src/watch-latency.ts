import type { Client } from './client.ts';

export interface Latency {
  /** Writes once. @returns Milliseconds until the watcher has it. */
  next(): Promise<number>;
  end(): void;
}

/** How long it takes from a write to its arrival. */
export async function latencyOfWrite(watcher: Client, writer: Client, key: string): Promise<Latency> {
  let arrived: (value: string) => void = () => {};
  const end = await watcher.watch?.(key, (value) => arrived(Buffer.from(value).toString()));
  if (end === undefined) throw new Error('this client cannot watch');
  let writes = 0;
  return {
    async next() {
      const value = String(writes++);
      const start = performance.now();
      const arrival = new Promise<number>((resolve) => {
        arrived = (seen) => {
          if (seen === value) resolve(performance.now() - start);
        };
      });
      await writer.put(key, Buffer.from(value));
      return arrival;
    },
    end,
  };
}
