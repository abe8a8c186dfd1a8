import { stat } from 'node:fs/promises';
import type { PackedPackage } from './rehearsal.ts';

/** What a release would publish, for people. */
export async function announce(packages: readonly PackedPackage[]): Promise<string> {
  const released = packages.filter(({ before, manifest }) => manifest.version !== before);
  if (released.length === 0) return 'Nothing would be published: there is no changeset.';
  const texts = released.map(async ({ before, manifest, tarball, files, notes }) => {
    const { size } = await stat(tarball);
    const peers = Object.entries(manifest.peerDependencies ?? {}).map(([name, range]) => `${name} ${range}`);
    return [
      `${manifest.name} ${before} → ${manifest.version}`,
      `${files.length} files, ${Math.ceil(size / 1024)} KiB packed${peers.length > 0 ? `; beside ${peers.join(', ')}` : ''}`,
      notes.replace(/^(?=.)/gm, '  '),
    ].join('\n');
  });
  return ['Would be published:', ...(await Promise.all(texts))].join('\n\n');
}
