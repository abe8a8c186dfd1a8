export type { CapabilityName, CaseClient, CaseContext, ConformanceCase } from './case.ts';
export { cases } from './cases/index.ts';
export type { ClientFaults, FaultName, Harness, HarnessClient, Heal, RawAccess, ServerFaults } from './harness.ts';
export { Observer } from './observer.ts';
export type { Report } from './report.ts';
export { type CaseResult, type CaseStatus, runCase } from './run-case.ts';
export { runConformance } from './run-conformance.ts';
export type { SuiteOptions } from './suite.ts';
