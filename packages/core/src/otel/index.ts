import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import {
  type Attributes,
  type MeterProvider,
  metrics,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';
import { KvError, type KvErrorCode } from '../error.ts';
import type { CallTrace, StatusTrace } from '../tracing.ts';

/** Where to report to. */
export interface InstrumentOptions {
  /** Default: the global one. */
  readonly tracerProvider?: TracerProvider | undefined;
  /** Default: the global one. */
  readonly meterProvider?: MeterProvider | undefined;
}

interface RunningCall {
  readonly span: Span;
  readonly attributes: Attributes;
  readonly startedAt: number;
}

const scope = '@kv/core';

// Those that the semantic conventions prescribe, in seconds.
const durationBuckets = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];

/** Answers that compare-and-set exists for: the call failed, the server did not. */
const conflicts: ReadonlySet<KvErrorCode> = new Set(['KV_KEY_EXISTS', 'KV_KEY_MODIFIED', 'KV_KEY_NOT_FOUND']);

/**
 * Reports what every store of this process does to OpenTelemetry, by its semantic conventions for databases: a span and a
 * duration in seconds for each call, with the number of requests that were sent again, and a count of how often stores have
 * lost their server. Spans have the key; nothing has a value, an option or a secret.
 *
 * Call it once, after the SDK has been started.
 *
 * @returns Ends the reporting. Calls that are under way are not reported any more.
 */
export function instrumentStores({
  tracerProvider = trace.getTracerProvider(),
  meterProvider = metrics.getMeterProvider(),
}: InstrumentOptions = {}): () => void {
  const tracer = tracerProvider.getTracer(scope);
  const meter = meterProvider.getMeter(scope);
  const duration = meter.createHistogram('db.client.operation.duration', {
    description: 'Duration of database client operations.',
    unit: 's',
    advice: { explicitBucketBoundaries: durationBuckets },
  });
  const retries = meter.createCounter('kv.client.retries', {
    description: 'Requests that were sent again because the server could not be reached.',
    unit: '{request}',
  });
  const losses = meter.createCounter('kv.client.server_losses', {
    description: 'How often a watch or a session of a store has lost the server.',
    unit: '{loss}',
  });
  const running = new WeakMap<CallTrace, RunningCall>();

  const calls = tracingChannel<unknown, CallTrace>('kv:call');
  const subscribers = {
    start(call: CallTrace) {
      const attributes: Attributes = { 'db.system.name': call.driver, 'db.operation.name': call.operation };
      const span = tracer.startSpan(call.operation, {
        kind: SpanKind.CLIENT,
        attributes: call.key === undefined ? attributes : { ...attributes, 'kv.key': call.key },
      });
      running.set(call, { span, attributes, startedAt: performance.now() });
    },
    end() {},
    asyncStart() {},
    asyncEnd(call: CallTrace) {
      const known = running.get(call);
      if (known === undefined) return;
      const { span, startedAt } = known;
      const attributes = 'error' in call ? { ...known.attributes, 'error.type': typeOf(call.error) } : known.attributes;
      if ('error' in call) tellFailure(span, call.error);
      if (call.retries > 0) {
        span.setAttribute('kv.retries', call.retries);
        retries.add(call.retries, known.attributes);
      }
      span.end();
      duration.record((performance.now() - startedAt) / 1000, attributes);
    },
    error() {},
  };
  const onStatus = (message: unknown) => {
    const { driver, status } = message as StatusTrace;
    if (status === 'reconnecting') losses.add(1, { 'db.system.name': driver });
  };

  calls.subscribe(subscribers);
  subscribe('kv:status', onStatus);
  return () => {
    calls.unsubscribe(subscribers);
    unsubscribe('kv:status', onStatus);
  };
}

function tellFailure(span: Span, error: unknown): void {
  span.setAttribute('error.type', typeOf(error));
  if (!KvError.is(error)) {
    span.setStatus({ code: SpanStatusCode.ERROR });
    return;
  }
  if (error.outcome !== undefined) span.setAttribute('kv.outcome', error.outcome);
  if (!conflicts.has(error.code)) span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
}

/** The code; of what a caller aborted with only its name, since the rest is not ours to tell. */
function typeOf(error: unknown): string {
  if (KvError.is(error)) return error.code;
  return error instanceof Error ? error.name : '_OTHER';
}
