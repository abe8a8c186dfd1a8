import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { type Store, text } from '@kv/core';
import { expect, test } from 'vitest';
import { eventually } from './eventually.ts';
import { open } from './open-stores.ts';
import { Program } from './program.ts';
import type { Acknowledged } from './programs/counter-writer.ts';
import type { SeenState } from './programs/tree-watcher.ts';
import { temporaryDatabase } from './temporary-database.ts';

const kills = 200;
const lanes = 4;

test(`${kills} writers are killed while others write, and nothing acknowledged is lost`, {
  timeout: 180_000,
}, async () => {
  const path = await temporaryDatabase();
  const store = await open(path);
  const watchers = [Program.start<SeenState>('tree-watcher', path), Program.start<SeenState>('tree-watcher', path)];
  const survivor = Program.start<Acknowledged>('counter-writer', path, 'survivor');
  const over = new AbortController();
  const reading = readTwins(store, over.signal);

  let left = kills;
  const killOneAfterTheOther = async (lane: number) => {
    const name = `lane-${lane}`;
    while (left-- > 0) {
      const writer = Program.start<Acknowledged>('counter-writer', path, name);
      await writer.message();
      await delay(20 * Math.random());
      writer.kill('SIGKILL');
      await writer.ended;
      await checkAcknowledged(store, writer.messages);
    }
  };
  await Promise.all(Array.from({ length: lanes }, (_, lane) => killOneAfterTheOther(lane)));

  const before = survivor.messages.length;
  await eventually(() => expect(survivor.messages.length).toBeGreaterThan(before));
  survivor.kill('SIGKILL');
  await survivor.ended;
  await checkAcknowledged(store, survivor.messages);
  over.abort();
  expect(await reading).toBeGreaterThan(kills);

  const truth = (await store.withCodec(text()).list('')).map(({ key, value }) => [key, value]);
  for (const watcher of watchers) {
    await eventually(async () => {
      const asked = watcher.messages.length;
      watcher.send('what have you seen?');
      await eventually(() => assert(watcher.messages.length > asked));
      assert.deepEqual([...(watcher.messages.at(-1) ?? [])].sort(), truth.sort());
    });
  }
});

async function checkAcknowledged(store: Store, messages: readonly Acknowledged[]): Promise<void> {
  for (const [key, count] of Object.entries(Object.assign({}, ...messages) as Acknowledged)) {
    const stored = Number((await store.withCodec(text()).get(key))?.value);
    assert(stored >= count, `${key} was acknowledged at ${count}, and ${stored} is stored`);
  }
}

/** Reads until the end that twins are alike. @returns How often. */
async function readTwins(store: Store, signal: AbortSignal): Promise<number> {
  let reads = 0;
  for (; !signal.aborted; reads++) {
    const twins = await store.withCodec(text()).list('twins');
    for (let i = 0; i < twins.length; i += 2) assert.equal(twins[i]?.value, twins[i + 1]?.value);
    await delay(1);
  }
  return reads;
}
