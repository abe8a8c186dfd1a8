import { FaultProxy } from '@kv-tooling/servers';
import type { Bench } from '../bench.ts';
import { type Client, storeClient } from '../client.ts';
import { type Operation, operations } from '../contestant.ts';
import { keysBelow, nextValue } from '../keys.ts';
import type { Cell } from '../results.ts';

const keys = keysBelow('calls', 1_000);
const measured = 20;

/** Requests, and bytes in each direction, of one call: counted by a proxy between each client and the server. */
export async function wire(bench: Bench): Promise<void> {
  const { backend, place } = bench;
  if (backend.server === undefined) return;
  bench.step('requests and bytes');
  const [host = '', port] = place.split(':');
  const cells = new Map<Operation, Record<string, Cell>>(operations.map((operation) => [operation, {}]));
  for (const name of ['store', 'bare']) {
    const proxy = await FaultProxy.open({ host, port: Number(port) }, backend.server.protocol);
    const through = `${proxy.host}:${proxy.port}`;
    const client = name === 'store' ? storeClient(await backend.openStore(through)) : await backend.openBare(through);
    try {
      for (const operation of operations) {
        const cell = await countCalls(client, operation, proxy);
        if (cell !== undefined) (cells.get(operation) as Record<string, Cell>)[name] = cell;
      }
    } finally {
      await client.close();
      await proxy.close();
    }
  }
  for (const [operation, ofOperation] of cells) {
    const minimum = backend.fewestRequests?.[operation];
    bench.add({
      id: `wire/${operation}`,
      unit: 'requests',
      better: 'less',
      cells: ofOperation,
      ...(minimum !== undefined && { minimum }),
    });
  }
}

async function countCalls(client: Client, operation: Operation, proxy: FaultProxy): Promise<Cell | undefined> {
  const call = caller(client, operation);
  if (call === undefined) return undefined;
  let previous = await client.put('counters/wire', nextValue());
  const next = async (i: number) => {
    if (operation === 'delete') await client.put(keys.key(i), nextValue());
    const before = proxy.counts;
    previous = await call(keys.key(i), previous);
    const { requests, sentBytes, receivedBytes } = proxy.counts;
    return [requests - before.requests, sentBytes - before.sentBytes, receivedBytes - before.receivedBytes] as const;
  };
  await next(0); // connects, and what else happens only once
  let [requests, sent, received] = [0, 0, 0];
  for (let i = 1; i <= measured; i++) {
    const [more, moreSent, moreReceived] = await next(i);
    requests += more / measured;
    sent += moreSent / measured;
    received += moreReceived / measured;
  }
  // The keys are to be there afterwards.
  if (operation === 'delete')
    await Promise.all(Array.from({ length: measured + 1 }, (_, i) => client.put(keys.key(i), nextValue())));
  const mean = Math.round(requests * 100) / 100;
  return {
    value: { median: mean, min: mean, max: mean },
    details: { 'sent, B': Math.round(sent), 'received, B': Math.round(received) },
  };
}

function caller(client: Client, operation: Operation): ((key: string, previous: unknown) => unknown) | undefined {
  if (client[operation] === undefined) return undefined;
  const { get, put, atomicPut, delete: remove, list, session } = client as Required<Client>;
  switch (operation) {
    case 'get':
      return (key) => get(key);
    case 'put':
      return (key) => put(key, nextValue());
    case 'atomicPut':
      return (_, previous) => atomicPut('counters/wire', nextValue(), previous);
    case 'delete':
      return (key) => remove(key);
    case 'list':
      return () => list(keys.directory(0));
    case 'session':
      return () => session();
  }
}
