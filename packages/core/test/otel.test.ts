import assert from 'node:assert/strict';
import { KvError, openStore } from '@kv/core';
import { Gate, memory } from '@kv/core/memory';
import { instrumentStores } from '@kv/core/otel';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { describe, onTestFinished, test } from 'vitest';

const secret = 'hunter2';

function instrumented() {
  const spanExporter = new InMemorySpanExporter();
  const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const tracerProvider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: spanExporter })] });
  const meterProvider = new MeterProvider({
    readers: [new PeriodicExportingMetricReader({ exporter: metricExporter })],
  });
  const stop = instrumentStores({ tracerProvider, meterProvider });
  onTestFinished(async () => {
    stop();
    await Promise.all([tracerProvider.shutdown(), meterProvider.shutdown()]);
  });
  return {
    stop,
    spans: () => spanExporter.getFinishedSpans(),
    async metric(name: string) {
      await meterProvider.forceFlush();
      const scopes = metricExporter.getMetrics().at(-1)?.scopeMetrics ?? [];
      return scopes.flatMap(({ metrics }) => metrics).find(({ descriptor }) => descriptor.name === name);
    },
    async everything() {
      await meterProvider.forceFlush();
      const spans = spanExporter
        .getFinishedSpans()
        .map(({ name, attributes, status }) => ({ name, attributes, status }));
      return JSON.stringify({ spans, metrics: metricExporter.getMetrics() });
    },
  };
}

async function opened(link?: Gate) {
  const store = await openStore(memory(link === undefined ? {} : { link }));
  onTestFinished(() => store.close());
  return store;
}

describe('OpenTelemetry', () => {
  test('gets a client span for each call, with the attributes of the database conventions', async () => {
    const { spans } = instrumented();
    const store = await opened();
    await store.namespace('config').put('/a/', secret);
    assert.deepEqual(
      spans().map(({ name, kind, attributes, status }) => ({ name, kind, attributes, status: status.code })),
      [
        {
          name: 'openStore',
          kind: SpanKind.CLIENT,
          attributes: { 'db.system.name': 'memory', 'db.operation.name': 'openStore' },
          status: SpanStatusCode.UNSET,
        },
        {
          name: 'put',
          kind: SpanKind.CLIENT,
          attributes: { 'db.system.name': 'memory', 'db.operation.name': 'put', 'kv.key': 'config/a' },
          status: SpanStatusCode.UNSET,
        },
      ],
    );
  });

  test('tells failures by their code; a lost compare-and-set is none of the server', async () => {
    const { spans } = instrumented();
    const link = new Gate();
    const store = await opened(link);
    await store.put('a', secret);
    await assert.rejects(store.atomicPut('a', secret, null));
    link.cut();
    await assert.rejects(store.put('a', secret, { timeout: 400 }));
    const [, , conflict, failed] = spans();
    assert.equal(conflict?.attributes['error.type'], 'KV_KEY_EXISTS');
    assert.equal(conflict?.attributes['kv.outcome'], 'not-applied');
    assert.equal(conflict?.status.code, SpanStatusCode.UNSET);
    assert.equal(failed?.attributes['error.type'], 'KV_UNAVAILABLE');
    assert.equal(failed?.status.code, SpanStatusCode.ERROR);
    assert(Number(failed?.attributes['kv.retries']) > 0);
  });

  test('tells of an aborted call only the name of the reason', async () => {
    const { spans, everything } = instrumented();
    const link = new Gate();
    const store = await opened(link);
    link.pause();
    const abort = new AbortController();
    const pending = store.get('a', { signal: abort.signal });
    abort.abort(new RangeError(secret));
    await assert.rejects(pending, RangeError);
    assert.equal(spans().at(-1)?.attributes['error.type'], 'RangeError');
    assert.equal(spans().at(-1)?.status.code, SpanStatusCode.ERROR);
    assert(!(await everything()).includes(secret));
    link.open();
  });

  test('gets durations in seconds, by system, operation and error, and never the key', async () => {
    const { metric } = instrumented();
    const link = new Gate();
    const store = await opened(link);
    link.latency = 20;
    await store.put('a', secret);
    await store.put('b', secret);
    await assert.rejects(store.atomicPut('a', secret, null));
    const duration = await metric('db.client.operation.duration');
    assert.equal(duration?.descriptor.unit, 's');
    assert(duration.dataPointType === DataPointType.HISTOGRAM);
    const points = duration.dataPoints.map(({ attributes, value }) => ({ attributes, count: value.count }));
    assert.deepEqual(points.slice(1), [
      { attributes: { 'db.system.name': 'memory', 'db.operation.name': 'put' }, count: 2 },
      {
        attributes: { 'db.system.name': 'memory', 'db.operation.name': 'atomicPut', 'error.type': 'KV_KEY_EXISTS' },
        count: 1,
      },
    ]);
    const puts = duration.dataPoints[1]?.value;
    assert(puts?.sum !== undefined && puts.sum >= 0.039 && puts.sum < 5, `${puts?.sum} s`);
    assert.deepEqual(puts.buckets.boundaries, [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]);
  });

  test('gets the number of retries, and of losses of the server', async () => {
    const { metric } = instrumented();
    const link = new Gate();
    const store = await opened(link);
    const watch = store.watch('a')[Symbol.asyncIterator]();
    await watch.next();
    link.cut();
    await assert.rejects(store.get('a', { timeout: 400 }), (error) => KvError.is(error, 'KV_UNAVAILABLE'));
    const losses = await metric('kv.client.server_losses');
    assert.deepEqual(
      losses?.dataPoints.map(({ attributes, value }) => ({ attributes, value })),
      [{ attributes: { 'db.system.name': 'memory' }, value: 1 }],
    );
    const [retries] = (await metric('kv.client.retries'))?.dataPoints ?? [];
    assert.deepEqual(retries?.attributes, { 'db.system.name': 'memory', 'db.operation.name': 'get' });
    assert(Number(retries?.value) > 0);
    link.open();
    await watch.return?.();
  });

  test('gets no value', async () => {
    const { everything } = instrumented();
    const store = await opened();
    const pair = await store.put('a', secret);
    await store.update('a', () => `${secret}!`);
    await assert.rejects(store.atomicPut('a', secret, pair));
    await store.transaction({ then: [{ type: 'put', key: 'b', value: secret }] });
    await store.lock('jobs', { value: secret });
    const told = await everything();
    assert(told.includes('atomicPut') && !told.includes(secret), told);
  });

  test('gets nothing any more once it was stopped', async () => {
    const { stop, spans } = instrumented();
    const store = await opened();
    stop();
    await store.put('a', secret);
    assert.deepEqual(
      spans().map(({ name }) => name),
      ['openStore'],
    );
  });
});
