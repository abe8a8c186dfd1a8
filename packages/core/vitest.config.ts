import { testProject } from '@kv-tooling/build/vitest';

// Nearly all of their time the cases wait.
export default testProject('core', { maxConcurrency: 20 });
