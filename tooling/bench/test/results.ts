import type { Results, Row } from '../src/results.ts';

const once = (number: number) => ({ median: number, min: number, max: number });

/** A row in which the store has so much of the bare client's speed. */
export function comparedRow(id: string, ratio: number): Row {
  const cells = { store: { value: once(1_000 * ratio) }, bare: { value: once(1_000), ratio: once(ratio) } };
  return { id, unit: 'calls/s', better: 'more', cells };
}

export function countedRow(id: string, requests: number, minimum: number): Row {
  return { id, unit: 'requests', better: 'less', minimum, cells: { store: { value: once(requests) } } };
}

export function resultsOf(...rows: Row[]): Results {
  return {
    backends: [
      {
        backend: 'etcd',
        machine: { cpu: 'a CPU', cores: 2, memory: '4 GiB', system: 'a system', node: 'v24.0.0', commit: 'abc' },
        date: '2026-01-02T03:04:05.000Z',
        seconds: 90,
        versions: { etcd3: '1.1.2' },
        rows,
        notes: ['libkv is skipped'],
      },
    ],
  };
}
