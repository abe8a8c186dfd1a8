import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { adviceFor, commandFailure, missingCompilerTools } from '../failure.mjs';

test('a registry that does not answer is named as the cause', () => {
  for (const output of [
    'npm error request to https://registry.example/pnpm failed, reason: getaddrinfo EAI_AGAIN registry.example',
    'error sending request for url (https://registry.example/pnpm)',
  ]) {
    expect(adviceFor(output, [])).toMatch(/^The package registry does not answer\. Check the network/);
  }
});

test('a certificate that is not trusted is named as the cause', () => {
  const output = 'npm error code SELF_SIGNED_CERT_IN_CHAIN\nnpm error request to https://registry.example/pnpm failed';
  expect(adviceFor(output, [])).toMatch(/^The certificate of the package registry is not trusted\./);
});

test('a missing compiler is named as the cause where an add-on was being built', () => {
  const output = 'gyp ERR! find Python\ngyp ERR! not ok';
  expect(adviceFor(output, ['python3', 'make'])).toContain('this machine lacks python3, make.');
  expect(adviceFor(output, [])).toBe('');
  expect(adviceFor('ERR_PNPM_SOMETHING', ['python3'])).toBe('');
});

test('the tools that are missing are those that no folder of PATH has', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kv-bootstrap-'));
  try {
    await writeFile(join(folder, 'make'), '');
    await chmod(join(folder, 'make'), 0o755);
    assert.deepEqual(missingCompilerTools({ PATH: `/nowhere:${folder}` }), ['python3', 'g++']);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a failure shows the command, its status and the end of its output', () => {
  const output = Array.from({ length: 100 }, (_, line) => `line ${line}`).join('\n');
  const { message, status } = commandFailure(['pnpm', 'install'], 3, output, {});
  expect(message).toMatch(/^pnpm install ended with 3:\nline 75\n/);
  expect(message).toMatch(/line 99$/);
  assert.equal(status, 1);
});
