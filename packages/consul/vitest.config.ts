import { testProject } from '@kv-tooling/build/vitest';

export default testProject('consul', { globalSetup: ['test/global-setup.ts'] });
