import { describeConformance } from '@kv/core/conformance/vitest';
import { sqliteHarness } from '../../sqlite/test/sqlite-harness.ts';
import { recipeCases } from './cases/index.ts';

describeConformance({ name: 'recipes on SQLite', harness: () => sqliteHarness(), cases: recipeCases });
