import { testProject } from '@kv-tooling/build/vitest';

export default testProject('etcd', { globalSetup: ['test/global-setup.ts'] });
