import type { ConsulPair, ReadMode } from './consul-client.ts';
import { onStatus, permissionDenied } from './errors.ts';
import type { Servers } from './servers.ts';
import { sendTxn } from './txn.ts';

// The server refuses a path with a character that it takes for unprintable, which depends on the Unicode version that it was
// built with: private use, joiners, wide spaces, emoji that are newer than it. These are in every version.
const printable = /^[ -~¡-¬®-ɏΑ-Ρα-ωА-яぁ-ゖァ-ヺ一-龥가-힣]*/u;

/** The part of a name that can be in a path; names that are not in it to the end are read and written by transactions. */
export function printableHead(name: string): string {
  return (printable.exec(name) as RegExpExecArray)[0];
}

export function isPrintable(name: string): boolean {
  return printableHead(name).length === name.length;
}

export async function readPair(
  servers: Servers,
  name: string,
  mode: ReadMode,
  signal: AbortSignal,
): Promise<ConsulPair | undefined> {
  if (isPrintable(name)) {
    return servers.request(signal, (client, ctx) => client.kv.get({ key: name, buffer: true, ctx, ...mode }));
  }
  const answer = await sendTxn(servers, signal, [{ KV: { Verb: 'get', Key: name } }], mode);
  if ('refusal' in answer) return undefined;
  const [pair] = answer.pairs;
  // What the token does not cover is left out, without an error.
  if (pair === undefined) throw permissionDenied();
  return pair;
}

export async function readTree(
  servers: Servers,
  prefix: string,
  mode: ReadMode,
  signal: AbortSignal,
): Promise<readonly ConsulPair[]> {
  if (isPrintable(prefix)) {
    const pairs = await servers.request(signal, (client, ctx) =>
      client.kv.get({ key: prefix, recurse: true, buffer: true, ctx, ...mode }),
    );
    return pairs ?? [];
  }
  const answer = await sendTxn(servers, signal, [{ KV: { Verb: 'get-tree', Key: prefix } }], mode);
  return 'pairs' in answer ? answer.pairs : [];
}

/** The names that start with a prefix; where it is not recursive, without those that have a further slash. */
export async function readNames(
  servers: Servers,
  prefix: string,
  recursive: boolean,
  mode: ReadMode,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (isPrintable(prefix)) {
    const names = await servers.request(signal, (client, ctx) =>
      client.kv
        .keys({ key: prefix, ctx, ...(!recursive && { separator: '/' }), ...mode })
        .catch(onStatus(404, (): string[] => [])),
    );
    // With a separator, what is deeper comes as `folder/`.
    return recursive ? names : names.filter((name) => !name.endsWith('/'));
  }
  const names = (await readTree(servers, prefix, mode, signal)).map(({ Key }) => Key);
  return recursive ? names : names.filter((name) => !name.includes('/', prefix.length));
}

export async function deleteTree(servers: Servers, prefix: string, signal: AbortSignal): Promise<void> {
  if (isPrintable(prefix)) {
    await servers.request(signal, (client, ctx) => client.kv.del({ key: prefix, recurse: true, ctx }));
  } else {
    await sendTxn(servers, signal, [{ KV: { Verb: 'delete-tree', Key: prefix } }]);
  }
}
