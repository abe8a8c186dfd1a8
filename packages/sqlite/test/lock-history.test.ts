import assert from 'node:assert/strict';
import { expect, test } from 'vitest';
import { Program } from './program.ts';
import type { Hold } from './programs/lock-rounds.ts';
import { temporaryDatabase } from './temporary-database.ts';

const processes = 8;
const rounds = 200;

test(`${processes} processes take a lock ${rounds} times each: never two at once, tokens grow`, {
  timeout: 180_000,
}, async () => {
  const path = await temporaryDatabase();
  const programs = Array.from({ length: processes }, () => Program.start<Hold[]>('lock-rounds', path, rounds));
  const holds = (await Promise.all(programs.map((program) => program.message())))
    .flat()
    .map(({ token, from, to }) => ({ token: BigInt(token), from: BigInt(from), to: BigInt(to) }))
    .sort((a, b) => (a.from < b.from ? -1 : 1));
  expect(holds).toHaveLength(processes * rounds);
  for (const [i, hold] of holds.entries()) {
    const before = holds[i - 1];
    if (before === undefined) continue;
    assert(before.to < hold.from, `hold ${i} began before the one before it had ended`);
    assert(before.token < hold.token, `hold ${i} has no greater token than the one before it`);
  }
  for (const program of programs) {
    await program.ended;
    expect(program.exitCode).toBe(0);
  }
});
