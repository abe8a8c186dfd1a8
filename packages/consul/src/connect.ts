import { readFile } from 'node:fs/promises';
import { type CallContext, KvError } from '@kv/core';
import { ConsulDriver } from './driver.ts';
import { isUnknownToken, onStatus, toKvError } from './errors.ts';
import { Keys } from './keys.ts';
import type { Settings } from './options.ts';
import { printableHead } from './read.ts';
import { Servers } from './servers.ts';

/** Resolves once one of the servers has answered, and knows the token. */
export async function connect(settings: Settings, call: CallContext): Promise<ConsulDriver> {
  const token = settings.tokenFile === undefined ? settings.token : await readToken(settings.tokenFile);
  const servers = new Servers(settings, token);
  try {
    await reach(servers, settings.root, token !== undefined, call);
    return new ConsulDriver(servers, new Keys(settings.root));
  } catch (error) {
    await servers.close();
    throw error;
  }
}

async function readToken(file: string): Promise<string> {
  const token = await readFile(file, 'utf8').catch((cause) => {
    throw new KvError('KV_INVALID_ARGUMENT', '`tokenFile` cannot be read', { cause });
  });
  if (token.trim() === '') throw new KvError('KV_INVALID_ARGUMENT', '`tokenFile` is empty');
  return token.trim();
}

/** Tries each server, for an equal part of the time that is left. */
async function reach(servers: Servers, root: string, hasToken: boolean, call: CallContext): Promise<void> {
  for (let left = servers.size; ; left--) {
    const part = new AbortController();
    const timer = setTimeout(
      () => part.abort(new KvError('KV_TIMEOUT', 'the server did not answer in time', { retryable: true })),
      (call.deadline - performance.now()) / left,
    );
    try {
      return await probe(servers, root, hasToken, AbortSignal.any([call.signal, part.signal]));
    } catch (error) {
      const told = part.signal.aborted ? toKvError(part.signal.reason) : toKvError(error);
      if (call.signal.aborted || !told.retryable || left === 1) throw told;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A read of the key `root`, whether or not it exists: what it takes to answer is a leader, and a token that is known. */
async function probe(servers: Servers, root: string, hasToken: boolean, signal: AbortSignal): Promise<void> {
  await servers.request(signal, (client, ctx) =>
    client.kv.get({ key: printableHead(root) || 'a', buffer: true, consistent: true, ctx }).catch((error) =>
      onStatus(403, (body) => {
        // A token that is known may be for keys further below. No token at all, and nothing to read, is one forgotten.
        if (isUnknownToken(body) || !hasToken) throw error;
        return undefined;
      })(error),
    ),
  );
}
