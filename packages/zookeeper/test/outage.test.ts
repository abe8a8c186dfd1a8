import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { test } from 'vitest';

test('a client whose server never existed is told so in time, and its process exits', { timeout: 40_000 }, async () => {
  const program = fileURLToPath(new URL('./programs/no-server.ts', import.meta.url));
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--conditions=@kv/source', program], {
    timeout: 30_000,
  });
  for (const { code, milliseconds } of JSON.parse(stdout)) {
    assert.equal(code, 'KV_UNAVAILABLE');
    assert(milliseconds < 11_000, `after ${milliseconds} ms`);
  }
  assert.equal(stderr, '');
});
