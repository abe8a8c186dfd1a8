/* pnpm run soak [seconds] [seconds between kills] */
import { soak } from '@kv-tooling/servers/soak';
import { etcd } from '../src/index.ts';

await soak('etcd', ({ servers }) =>
  etcd({ endpoints: servers.map(({ host, port }) => `http://${host}:${port}`), root: 'soak' }),
);
