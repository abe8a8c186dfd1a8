/**
 * How many requests of one call are under way at a time. Enough to keep the server busy, and few enough for the binding, which sends
 * each at once and blocks the event loop with thousands of them.
 */
const window = 256;

/** Does something with every item, several at a time. Rejects with the first failure, and starts nothing more then. */
export async function inWindow<Item>(
  items: readonly Item[],
  action: (item: Item, index: number) => unknown,
): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < items.length) {
      const index = next++;
      try {
        await action(items[index] as Item, index);
      } catch (error) {
        next = items.length;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(window, items.length) }, work));
}
