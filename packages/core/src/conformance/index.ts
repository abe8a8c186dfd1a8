export {
  type CapabilityName,
  type CaseClient,
  type CaseContext,
  type CaseOptions,
  type ConformanceCase,
  conformanceCase,
} from './case.ts';
export { cases } from './cases/index.ts';
export { goneWithin, shortTtl } from './durations.ts';
export type { ClientFaults, FaultName, Harness, HarnessClient, Heal, RawAccess, ServerFaults } from './harness.ts';
export { Observer } from './observer.ts';
export { quiet, stillPending } from './pending.ts';
export type { Report } from './report.ts';
export { type CaseResult, type CaseStatus, runCase } from './run-case.ts';
export { runConformance } from './run-conformance.ts';
export type { SuiteOptions } from './suite.ts';
