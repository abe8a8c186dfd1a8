import { describeConformance } from '@kv/core/conformance/vitest';
import { sqliteHarness } from '../sqlite-harness.ts';

describeConformance({ name: 'sqlite, with a root', harness: () => sqliteHarness({ root: 'registry/team-a' }) });
