import { describeConformance } from '@kv/core/conformance/vitest';
import { memoryHarness } from '../memory-harness.ts';

describeConformance({ name: 'memory', harness: () => memoryHarness() });
