import { shareServers } from '../src/vitest.ts';

export default shareServers('etcd', 'consul', 'zookeeper');
