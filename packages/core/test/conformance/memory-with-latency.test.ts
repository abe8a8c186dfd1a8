import { describeConformance } from '@kv/core/conformance/vitest';
import { memoryHarness } from '../memory-harness.ts';

describeConformance({ name: 'memory, with latency', harness: () => memoryHarness({ latency: 2 }) });
