import { testProject } from '@kv-tooling/build/vitest';

export default testProject('zookeeper', { globalSetup: ['test/global-setup.ts'] });
