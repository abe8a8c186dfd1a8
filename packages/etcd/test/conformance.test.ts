import { describeConformance } from '@kv/core/conformance/vitest';
import { type StartOptions, startServers } from '@kv-tooling/servers';
import { etcdHarness } from './harness.ts';

const deployments: readonly (readonly [string, StartOptions])[] = [
  ['etcd', {}],
  ['etcd, TLS and login', { secured: true }],
  ['etcd, three nodes', { size: 3 }],
  ['etcd, three nodes, TLS and login', { size: 3, secured: true }],
];

for (const [name, options] of deployments) {
  describeConformance({ name, harness: async () => etcdHarness(await startServers('etcd', options), rootOf(options)) });
}

/** On a secured deployment the client may touch nothing outside of `app`. */
function rootOf({ secured = false }: StartOptions): string {
  return secured ? 'app/conformance' : '';
}
