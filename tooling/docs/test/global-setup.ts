import { shareServers } from '@kv-tooling/servers/vitest';

export default shareServers('etcd', 'consul', 'zookeeper');
