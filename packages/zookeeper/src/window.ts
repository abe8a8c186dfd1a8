/**
 * How many requests of one call are under way at a time. Enough to keep the server busy, and few enough for the binding, which sends
 * each at once and blocks the event loop with thousands of them.
 */
const window = 512;

/** Does something with every item, several at a time. Rejects with the first failure, and starts nothing more then. */
export function inWindow<Item>(items: readonly Item[], action: (item: Item, index: number) => unknown): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let next = 0;
  let underWay = 0;
  const start = async (index: number) => {
    underWay++;
    try {
      await action(items[index] as Item, index);
    } catch (error) {
      next = items.length;
      reject(error);
    }
    underWay--;
    // Again many at once, which the server reads and answers with less work than one by one.
    if (underWay <= window / 2) fill();
  };
  const fill = () => {
    while (underWay < window && next < items.length) void start(next++);
    if (underWay === 0) resolve();
  };
  fill();
  return promise;
}
