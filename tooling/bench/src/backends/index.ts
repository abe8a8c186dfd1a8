import type { Backend } from '../backend.ts';

// Loaded one by one: a process that measures one backend has no code of the others.
const backends: Readonly<Record<string, () => Promise<Backend>>> = {
  sqlite: async () => (await import('./sqlite.ts')).sqlite,
  etcd: async () => (await import('./etcd.ts')).etcd,
  consul: async () => (await import('./consul.ts')).consul,
  zookeeper: async () => (await import('./zookeeper.ts')).zookeeper,
};

export const backendNames: readonly string[] = Object.keys(backends);

export async function loadBackend(name: string): Promise<Backend> {
  const load = Object.hasOwn(backends, name) ? backends[name] : undefined;
  if (load === undefined) throw new Error(`there is no backend ${name}: there are ${backendNames.join(', ')}`);
  return load();
}
