import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'vitest';

const program = `${import.meta.dirname}/programs/debug-log.ts`;

function logOf(NODE_DEBUG: string): { stdout: string; lines: string[] } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...process.execArgv, program], {
    encoding: 'utf8',
    env: { ...process.env, NODE_DEBUG },
  });
  assert.equal(status, 0, stderr);
  return { stdout, lines: stderr.split('\n').filter((line) => line.startsWith('KV ')) };
}

test('NODE_DEBUG=kv tells each call once, and never a value', () => {
  const { lines } = logOf('kv');
  const told = lines.map((line) => line.replace(/^KV \d+: /, '').replace(/after [\d.]+ ms/, 'after … ms'));
  assert.deepEqual(
    told.slice(0, 2),
    ['openStore on memory: done after … ms', 'openStore on memory: done after … ms'],
    'one line a call, however many stores',
  );
  for (const expected of [
    'put "config/a" on memory: done after … ms',
    'atomicPut "config/a" on memory: KV_KEY_MODIFIED (atomicPut "config/a" on memory: ',
    'transaction on memory: done after … ms',
    'get "config/a" on memory: aborted after … ms',
    'memory is closed',
  ]) {
    assert(
      told.some((line) => line.startsWith(expected)),
      `${expected} is missing in\n${told.join('\n')}`,
    );
  }
  assert(!lines.join('\n').includes('hunter2'));
});

test('without it nothing is told, and nobody listens', () => {
  const { stdout, lines } = logOf('http');
  assert.deepEqual(lines, []);
  assert.equal(stdout, 'false\n');
});
