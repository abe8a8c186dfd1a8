import type { Manifest } from './rehearsal.ts';

/** How a user's program opens each backend; `target` is what `KV_TARGET` says. */
const factories: Readonly<Record<string, string>> = {
  sqlite: 'sqlite({ path: target })',
  etcd: "etcd({ endpoints: ['http://' + target] })",
  consul: "consul({ addresses: ['http://' + target] })",
  zookeeper: 'zookeeper({ servers: [target] })',
};

/** The specifier and the call by which a program gets its backend; packages that have none use the store in memory. */
export function backendOf(folder: string): {
  readonly specifier: string;
  readonly name: string;
  readonly call: string;
} {
  if (folder === 'core' || folder === 'recipes')
    return { specifier: '@kv/core/memory', name: 'memory', call: 'memory()' };
  const call = factories[folder];
  if (call === undefined) throw new Error(`how is a store of @kv/${folder} opened?`);
  return { specifier: `@kv/${folder}`, name: folder, call };
}

const target = `const target = process.env.KV_TARGET ?? '';\n`;

/** What each program does with its store: one call of each kind. Runs wherever `openStore` comes from. */
export const exercise = `
export async function exercise(store, { KvError }) {
  const view = store.namespace('packaging/' + Math.random().toString(36).slice(2));
  const pair = await view.put('a/b', 'one');
  const next = await view.atomicPut('a/b', 'two', pair);
  await view.atomicPut('a/b', 'three', pair).then(
    () => { throw new Error('a compare-and-set with an old revision was applied'); },
    (error) => { if (!KvError.is(error, 'KV_KEY_MODIFIED')) throw error; },
  );
  for await (const { pairs } of view.watchTree('a')) {
    if (pairs.get('a/b')?.revision !== next.revision) throw new Error('the watch does not show what was written');
    break;
  }
  const lock = await view.lock('lock');
  if (await view.tryLock('lock')) throw new Error('two hold the lock');
  await lock.release();
  await view.deleteTree('');
  await store.close();
  console.log('works');
}
`;

export function esmProgram(folder: string): string {
  const { specifier, name, call } = backendOf(folder);
  return `import * as core from '@kv/core';
import { ${name} } from '${specifier}';
import { exercise } from './exercise.mjs';

${target}
await exercise(await core.openStore(${call}), core);
`;
}

export function commonJsProgram(folder: string): string {
  const { specifier, name, call } = backendOf(folder);
  return `const core = require('@kv/core');
const { ${name} } = require('${specifier}');
const { exercise } = require('./exercise.mjs');

${target}
core.openStore(${call}).then((store) => exercise(store, core));
`;
}

/** A program that compiles only if the types come through: each error that is expected must be one. */
export function typedProgram(folder: string): string {
  const { specifier, name, call } = backendOf(folder);
  return `import { json, KvError, type KVPair, openStore, type Store } from '@kv/core';
import { ${name} } from '${specifier}';

interface Config { readonly replicas: number }

${target}
const store: Store<Config> = await openStore(${call}, { codec: json<Config>() });
const key = 'packaging/' + Math.random().toString(36).slice(2);
try {
  const pair: KVPair<Config> = await store.put(key, { replicas: 3 });
  const replicas: number = (await store.get(key))?.value.replicas ?? 0;
  if (replicas !== pair.value.replicas) throw new Error('another value came back');
  // @ts-expect-error: the value has another type
  await store.put(key, 'three').catch(() => {});
  // @ts-expect-error: an option that does not exist
  if (Math.random() < 0) ${name}({ nonsense: true });
  // @ts-expect-error: a get may find nothing
  (await store.get(key)).value;
  await store.delete(key);
  console.log('works');
} catch (error) {
  if (KvError.is(error)) console.error(error.code);
  throw error;
} finally {
  await store.close();
}
`;
}

/** A program that prints what `openStore` says where the native part of its client is missing. */
export const unbuiltProgram = `import { openStore } from '@kv/core';
import { zookeeper } from '@kv/zookeeper';

await openStore(zookeeper({ servers: [process.env.KV_TARGET] })).then(
  (store) => store.close(),
  ({ code, message }) => console.log(code + '\\n' + message),
);
`;

/** A program that loads every entry point of a package, in the way that `load` is written. */
export function loadingProgram({ name, exports }: Manifest, load: 'await import' | 'require'): string {
  const entries = Object.keys(exports).map((entry) => JSON.stringify(name + entry.slice(1)));
  return entries
    .map(
      (entry) =>
        `try { ${load}(${entry}${load === 'require' || !entry.endsWith('.json"') ? '' : ", { with: { type: 'json' } }"}); } catch (error) { console.log(${entry}, error.code, error.message.split('\\n')[0]); }`,
    )
    .join('\n');
}
