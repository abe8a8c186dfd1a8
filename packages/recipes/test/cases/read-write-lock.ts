import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { conformanceCase, quiet, stillPending } from '@kv/core/conformance';
import { ReadWriteLock } from '@kv/recipes/read-write-lock';
import { untilPlaces } from './places.ts';

export const readWriteLock = [
  conformanceCase('read-write-lock/has-many-readers-or-one-writer', async (context) => {
    const store = await context.open();
    const [one, other] = [new ReadWriteLock(store, 'table'), new ReadWriteLock(await context.open(), 'table')];
    const readers = [await one.read(), await other.read(), await one.read()];
    const writer = quiet(other.write());
    await untilPlaces(context, store, 'table', 4);
    assert.equal(await stillPending(writer, 50), true);
    await Promise.all(readers.slice(1).map((reader) => reader.release()));
    assert.equal(await stillPending(writer, 50), true);
    await readers[0]?.release();
    const writing = await writer;
    const [reader, second] = [quiet(one.read()), quiet(one.write())];
    await untilPlaces(context, store, 'table', 3);
    assert.equal(await stillPending(Promise.race([reader, second]), 50), true);
    await writing.release();
    for (const hold of await Promise.all([reader.then(released), second.then(released)])) assert(hold > writing.token);
  }),

  conformanceCase('read-write-lock/readers-do-not-starve-a-writer', async (context) => {
    const store = await context.open();
    const [one, other] = [new ReadWriteLock(store, 'table'), new ReadWriteLock(await context.open(), 'table')];
    const first = await one.read();
    const writer = quiet(other.write());
    await untilPlaces(context, store, 'table', 2);
    assert.equal(await stillPending(writer, 50), true);
    const late = quiet(one.read());
    await untilPlaces(context, store, 'table', 3);
    assert.equal(await stillPending(late, 50), true, 'a reader has overtaken a writer');
    await first.release();
    const writing = await writer;
    assert.equal(await stillPending(late, 50), true);
    await writing.release();
    await (await late).release();
  }),

  conformanceCase('read-write-lock/who-gives-up-is-not-in-the-way', async (context) => {
    const store = await context.open();
    const table = new ReadWriteLock(store, 'table');
    const first = await table.read();
    const abort = new AbortController();
    const writer = quiet(table.write({ signal: abort.signal }));
    await untilPlaces(context, store, 'table', 2);
    const late = quiet(table.read());
    await untilPlaces(context, store, 'table', 3);
    assert.equal(await stillPending(late, 50), true);
    abort.abort();
    await assert.rejects(writer, { name: 'AbortError' });
    await (await late).release();
    await first.release();
    await untilPlaces(context, store, 'table', 0);
  }),

  conformanceCase('read-write-lock/never-mixes-them', async ({ open, random }) => {
    const inside = { read: 0, write: 0 };
    let count = 0;
    const work = async () => {
      const table = new ReadWriteLock(await open(), 'table');
      for (let round = 0; round < 6; round++) {
        const mode = random() < 0.6 ? 'read' : 'write';
        const hold = await table[mode]();
        inside[mode]++;
        assert(inside.write === 0 || (inside.write === 1 && inside.read === 0), JSON.stringify(inside));
        await delay(5 * random());
        assert.equal(hold.lost.aborted, false);
        inside[mode]--;
        await hold.release();
        count++;
      }
    };
    await Promise.all(Array.from({ length: 5 }, work));
    assert.equal(count, 30);
  }),

  conformanceCase('read-write-lock/ends-with-the-store', async (context) => {
    const { open } = context;
    const [one, other] = [await open(), await open()];
    const held = await new ReadWriteLock(one, 'table').read();
    const waiting = quiet(new ReadWriteLock(other, 'table').write());
    await untilPlaces(context, other, 'table', 2);
    const closing = one.close();
    const next = await waiting;
    assert.equal(held.lost.aborted, true, 'a reader beside a writer');
    await closing;
    await next.release();
  }),
];

async function released(hold: Awaited<ReturnType<ReadWriteLock['read']>>): Promise<bigint> {
  await hold.release();
  return hold.token;
}
