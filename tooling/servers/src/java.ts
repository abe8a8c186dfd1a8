import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';

/** The host's own Java, or, where it has none that will do, the one that fetch-servers.sh fetches. */
export async function findJava(): Promise<{
  /** Those that fetch-servers.sh has to fetch for it. */
  readonly parts: readonly string[];
  /** @param store The folder that fetch-servers.sh has told. */
  program(store: string): string;
}> {
  return (await hostHasJava())
    ? { parts: [], program: () => 'java' }
    : { parts: ['java'], program: (store) => `${store}/java/usr/lib/jvm/default/bin/java` };
}

async function hostHasJava(): Promise<boolean> {
  try {
    const { stderr } = await promisify(execFile)('java', ['-version']);
    return Number(/version "(\d+)/.exec(stderr)?.[1]) >= 11;
  } catch {
    return false;
  }
}

/** The class path of these parts of what fetch-servers.sh has fetched. */
export async function classPath(store: string, ...parts: string[]): Promise<string> {
  const folders = await Promise.all(
    parts.map(async (part) => {
      const folder = `${store}/${part}/jars`;
      return (await readdir(folder)).sort().map((jar) => `${folder}/${jar}`);
    }),
  );
  return folders.flat().join(':');
}
