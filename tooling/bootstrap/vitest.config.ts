import { testProject } from '@kv-tooling/build/vitest';

// Where the packages have changed meanwhile, a job installs them first.
export default testProject('bootstrap', { testTimeout: 60_000 });
