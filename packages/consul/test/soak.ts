/* pnpm run soak [seconds] [seconds between kills] */
import { soak } from '@kv-tooling/servers/soak';
import { consul } from '../src/index.ts';

await soak('consul', ({ servers }) =>
  consul({ addresses: servers.map(({ host, port }) => `http://${host}:${port}`), root: 'soak' }),
);
