import { testProject } from '@kv-tooling/build/vitest';

export default testProject('recipes', { globalSetup: ['test/global-setup.ts'] });
