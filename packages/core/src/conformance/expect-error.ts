import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { KvError, type KvErrorCode } from '../error.ts';

/** Asserts that `pending` rejects with a `KvError` of one of these codes and with these fields. @returns That error. */
export async function expectError(
  pending: Promise<unknown>,
  codes: KvErrorCode | readonly KvErrorCode[],
  fields: Partial<Pick<KvError, 'operation' | 'key' | 'driver' | 'outcome' | 'retryable' | 'revision'>> = {},
): Promise<KvError> {
  let found: unknown;
  await assert.rejects(pending, (error) => {
    found = error;
    return true;
  });
  if (!KvError.is(found)) assert.fail(`rejected with something else than a KvError: ${inspect(found)}`);
  const expected = [codes].flat();
  if (!expected.includes(found.code)) assert.fail(`expected ${expected.join(' or ')}, not ${inspect(found)}`);
  for (const [name, value] of Object.entries(fields)) {
    if (found[name as keyof KvError] !== value) {
      assert.fail(`expected \`${name}\` to be ${inspect(value)} in ${inspect(found)}`);
    }
  }
  return found;
}
