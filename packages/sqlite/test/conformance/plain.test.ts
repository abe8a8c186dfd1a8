import { describeConformance } from '@kv/core/conformance/vitest';
import { sqliteHarness } from '../sqlite-harness.ts';

describeConformance({ name: 'sqlite', harness: () => sqliteHarness() });
