import { testProject } from './vitest.ts';

export default testProject('build');
