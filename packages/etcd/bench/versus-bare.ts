/*
 * This driver beside what it is made of, with the same requests: etcd3 with its policies off, and the gRPC services that it has
 * generated: pnpm run bench [milliseconds for each measurement]
 *
 * The contestants take turns in each round, and the medians of five rounds are compared: what else runs on the machine hits all
 * of them. Against a server of its own, or the one that KV_TEST_ETCD_URL names.
 */
import { openStore } from '@kv/core';
import { startServers } from '@kv-tooling/servers';
import { Etcd3, type IRangeRequest, type ITxnRequest } from 'etcd3';
import { etcd } from '../src/index.ts';

const duration = Number(process.argv[2] ?? 1_000);
const rounds = 5;
const callers = [1, 64];
const listed = 1_000;

interface Contestant {
  put(key: string, value: Buffer): Promise<unknown>;
  get(key: string): Promise<unknown>;
  /** Changes a key that nobody else changes, and gives what the next change needs. */
  compareAndSet(key: string, value: Buffer, previous: unknown): Promise<unknown>;
  list(): Promise<unknown>;
  close(): void | Promise<void>;
}

/** The requests that the driver sends. */
function putRequest(key: string, value: Buffer): ITxnRequest {
  const bytes = Buffer.from(key);
  return {
    success: [{ request_put: { key: bytes, value } }, { request_range: { key: bytes, keys_only: true } }],
  };
}

function compareAndSetRequest(key: string, value: Buffer, previous: unknown): ITxnRequest {
  const bytes = Buffer.from(key);
  const compare =
    previous === undefined
      ? ({ key: bytes, target: 'Version', result: 'Equal', version: 0 } as const)
      : ({ key: bytes, target: 'Mod', result: 'Equal', mod_revision: previous as string } as const);
  return {
    compare: [compare],
    ...putRequest(key, value),
    failure: [{ request_range: { key: bytes, keys_only: true } }],
  };
}

const listRequest: IRangeRequest = { key: Buffer.from('list/'), range_end: Buffer.from('list0') };

async function driver(endpoint: string): Promise<Contestant> {
  const store = await openStore(etcd({ endpoints: [endpoint] }));
  return {
    put: (key, value) => store.put(key, value),
    get: (key) => store.get(key),
    compareAndSet: (key, value, previous) => store.atomicPut(key, value, (previous as never) ?? null),
    list: () => store.list('list'),
    close: () => store.close(),
  };
}

const inactive = {
  execute: <T>(action: (context: { signal: AbortSignal }) => T) => action({ signal: new AbortController().signal }),
};
const bareOptions = (endpoint: string) => ({
  hosts: endpoint,
  grpcOptions: { 'grpc.max_receive_message_length': -1 },
  faultHandling: { host: () => inactive as never, global: inactive as never },
  defaultCallOptions: () => ({ deadline: Date.now() + 10_000 }),
});

function bareEtcd3(endpoint: string): Contestant {
  const client = new Etcd3(bareOptions(endpoint));
  return {
    put: (key, value) => client.kv.txn(putRequest(key, value)),
    get: (key) => client.kv.range({ key: Buffer.from(key) }),
    compareAndSet: async (key, value, previous) => {
      const { succeeded, header } = await client.kv.txn(compareAndSetRequest(key, value, previous));
      if (!succeeded) throw new Error('the compare-and-set failed');
      return header.revision;
    },
    list: () => client.kv.range(listRequest),
    close: () => client.close(),
  };
}

class Services extends Etcd3 {
  kvService() {
    return this.pool.withConnection('KV', (connection) => connection);
  }
}

async function bareGrpc(endpoint: string): Promise<Contestant> {
  const etcd3 = new Services(bareOptions(endpoint));
  const { client, metadata } = await etcd3.kvService();
  type Answer = { succeeded: boolean; header: { revision: string } };
  const service = client as unknown as Record<string, (...args: unknown[]) => void>;
  const call = (method: string, request: unknown) =>
    new Promise<Answer>((resolve, reject) => {
      service[method]?.(request, metadata, { deadline: Date.now() + 10_000 }, (error: unknown, answer: Answer) =>
        error ? reject(error) : resolve(answer),
      );
    });
  return {
    put: (key, value) => call('txn', putRequest(key, value)),
    get: (key) => call('range', { key: Buffer.from(key) }),
    compareAndSet: async (key, value, previous) => {
      const { succeeded, header } = await call('txn', compareAndSetRequest(key, value, previous));
      if (!succeeded) throw new Error('the compare-and-set failed');
      return header.revision;
    },
    list: () => call('range', listRequest),
    close: () => etcd3.close(),
  };
}

type Action = (contestant: Contestant, caller: number) => Promise<unknown>;

const value = Buffer.alloc(100, 'x');
const actions: Record<string, () => Action> = {
  put: () => (contestant, caller) => contestant.put(`put/${caller}`, value),
  get: () => (contestant) => contestant.get('list/0000'),
  'compare-and-set': () => {
    const run = Math.random().toString(36).slice(2);
    const previous: unknown[] = [];
    return async (contestant, caller) => {
      previous[caller] = await contestant.compareAndSet(`cas/${run}/${caller}`, value, previous[caller]);
    };
  },
  [`list of ${listed}`]: () => (contestant) => contestant.list(),
};

/** Operations a second. */
async function measure(contestant: Contestant, action: Action, concurrency: number): Promise<number> {
  const start = performance.now();
  let operations = 0;
  const call = async (caller: number) => {
    while (performance.now() - start < duration) {
      await action(contestant, caller);
      operations++;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, (_, caller) => call(caller)));
  return (operations / (performance.now() - start)) * 1_000;
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;
}

const deployment = await startServers('etcd');
const [server] = deployment.servers;
const endpoint = `http://${server?.host}:${server?.port}`;
const contestants: Record<string, Contestant> = {
  '@kv/etcd': await driver(endpoint),
  etcd3: bareEtcd3(endpoint),
  'grpc-js': await bareGrpc(endpoint),
};
try {
  for (let i = 0; i < listed; i++) await contestants['etcd3']?.put(`list/${String(i).padStart(4, '0')}`, value);
  const rows: Record<string, Record<string, string>> = {};
  for (const [name, makeAction] of Object.entries(actions)) {
    for (const concurrency of callers) {
      const results: Record<string, number[]> = {};
      for (let round = -1; round < rounds; round++) {
        for (const [contestant, client] of Object.entries(contestants)) {
          const speed = await measure(client, makeAction(), concurrency);
          // The first round warms up.
          if (round >= 0) results[contestant] = [...(results[contestant] ?? []), speed];
        }
      }
      const own = median(results['@kv/etcd'] ?? []);
      const row: Record<string, string> = {};
      for (const [contestant, speeds] of Object.entries(results)) {
        const other = median(speeds);
        row[contestant] = `${Math.round(other)}/s`;
        if (contestant !== '@kv/etcd') row[`to ${contestant}`] = (own / other).toFixed(2);
      }
      rows[`${name}, ${concurrency} at a time`] = row;
    }
  }
  process.stdout.write(`etcd ${deployment.version}, ${duration} ms each, medians of ${rounds}\n`);
  // biome-ignore lint/suspicious/noConsole: the table is what this program is for.
  console.table(rows);
} finally {
  for (const contestant of Object.values(contestants)) await contestant.close();
  await deployment.remove();
}
