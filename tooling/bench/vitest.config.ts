import { testProject } from '@kv-tooling/build/vitest';

export default testProject('bench');
