import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'vitest';
import { officialImages } from '../src/containers.ts';

test('the tests and docker-compose.yml name the same images', async () => {
  const compose = await readFile(join(import.meta.dirname, '../../../docker-compose.yml'), 'utf8');
  const named = [...compose.matchAll(/^ {4}image: (\S+)$/gm)].map(([, image]) => image);
  assert.deepEqual(named, Object.values(officialImages));
});
