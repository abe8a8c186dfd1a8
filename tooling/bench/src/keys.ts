/** The keys of a workload, in directories of at most so many. */
const directorySize = 1_000;

/** `count` keys below `root`. */
export interface Keys {
  readonly count: number;
  key(i: number): string;
  /** One with `directorySize` keys, if there are as many. */
  directory(i: number): string;
}

export function keysBelow(root: string, count: number): Keys {
  const directories = Math.ceil(count / directorySize);
  const directory = (i: number) => `${root}/${String(i % directories).padStart(4, '0')}`;
  return {
    count,
    directory,
    key(i) {
      const place = i % count;
      return `${directory(Math.floor(place / directorySize))}/${String(place % directorySize).padStart(3, '0')}`;
    },
  };
}

const values = Array.from({ length: 17 }, (_, i) => Buffer.alloc(100, String.fromCharCode(97 + i)));
let written = 0;

/** Another one than what was last written to the same key: SQLite does not write what is there already. */
export function nextValue(): Buffer {
  return values[written++ % values.length] as Buffer;
}
