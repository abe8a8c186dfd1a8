import { describeConformance } from '@kv/core/conformance/vitest';
import { memoryHarness } from '../../core/test/memory-harness.ts';
import { recipeCases } from './cases/index.ts';

describeConformance({
  name: 'recipes on memory',
  harness: () => memoryHarness({ latency: 2 }),
  cases: recipeCases,
});
