// Shows what a release would publish now, and leaves everything as it is.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { announce } from './announce.ts';
import { build } from './build.ts';
import { rehearseRelease } from './rehearsal.ts';

await build();
const folder = await mkdtemp(join(tmpdir(), 'kv-release-'));
try {
  console.log(await announce(await rehearseRelease(folder)));
} finally {
  await rm(folder, { recursive: true });
}
