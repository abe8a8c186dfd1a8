export type { CallOptions } from './call.ts';
export type { Capabilities, DurationLimits } from './capabilities.ts';
export { bytes, type Codec, json, text } from './codec.ts';
export type { Status } from './connection.ts';
export type {
  Awaitable,
  CallContext,
  Consistency,
  Driver,
  DriverFactory,
  DriverHold,
  DriverLock,
  DriverSession,
  DriverWatch,
  Lifetime,
  ListPage,
  ListRequest,
  LockRequest,
  StoredChange,
  StoredCondition,
  StoredOperation,
  StoredPair,
  StoredTransactionResult,
  WatchSink,
  WatchTarget,
} from './driver.ts';
export { KvError, type KvErrorCode, type KvErrorDetails, type Outcome } from './error.ts';
export { canonicalDirectory, compareKeys, maxKeyBytes, prefixOf } from './key.ts';
export type { LifetimeOptions } from './lifetime.ts';
export type { ListOptions, ReadOptions, ScanOptions } from './listing.ts';
export type { Lock, LockOptions, TryLockOptions } from './lock/lock.ts';
export { openStore, type StoreOptions } from './open-store.ts';
export type { KVPair, Revision } from './pair.ts';
export type { Session, SessionOptions } from './session.ts';
export type { SchemaIssue, SchemaResult, StandardSchema } from './standard-schema.ts';
export type { LockHolder, Store, WatchOptions, WriteOptions } from './store.ts';
export type { CallTrace, StatusTrace } from './tracing.ts';
export type { Condition, Operation, TransactionRequest, TransactionResult } from './transaction.ts';
export type { Change, TreeState } from './watch/tree-watcher.ts';
