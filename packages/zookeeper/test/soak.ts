/* pnpm run soak [seconds] [seconds between kills] */
import { soak } from '@kv-tooling/servers/soak';
import { zookeeper } from '../src/index.ts';

await soak('zookeeper', ({ servers }) =>
  zookeeper({ servers: servers.map(({ host, port }) => `${host}:${port}`), root: 'soak' }),
);
