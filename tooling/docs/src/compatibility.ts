import type { Capabilities, DurationLimits } from '@kv/core';
import { cases } from '@kv/core/conformance';
import type { KeptReport } from './reports.ts';

const command = 'kv pnpm run reports';

/** The calls of libkv, what its own README says of each backend, and which groups of cases are about it here. */
const calls: readonly (readonly [call: string, libkv: string, ours: string, groups: readonly string[]])[] = [
  ['Put', '✓ ✓ ✓ ✓', '`put`', ['put', 'values', 'keys']],
  ['Get', '✓ ✓ ✓ ✓', '`get` `getMany`', ['get', 'get-many']],
  ['Delete', '✓ ✓ ✓ ✓', '`delete`', ['delete']],
  ['Exists', '✓ ✓ ✓ ✓', '`exists`', ['exists']],
  ['Watch', '✓ ✓ ✓ –', '`watch`', ['watch']],
  ['WatchTree', '✓ ✓ ✓ –', '`watchTree`', ['watch-tree']],
  ['NewLock', '✓ ✓ ✓ –', '`lock` `tryLock` `lockHolder`', ['lock']],
  ['List', '✓ ✓ ✓ ✓', '`list` `scan`', ['list', 'scan']],
  ['DeleteTree', '✓ ✓ ✓ ✓', '`deleteTree`', ['delete-tree']],
  ['AtomicPut', '✓ ✓ ✓ ✓', '`atomicPut` `update`', ['atomic-put', 'update']],
  ['AtomicDelete', '✓ ✓ ✓ ✓', '`atomicDelete`', ['atomic-delete']],
  ['`WriteOptions.TTL`', '≥ 20 s, whole s, ignored, ignored', '`ttl` on any write', ['ttl']],
  ['', '', '`session`', ['session']],
  ['', '', '`transaction`', ['transaction']],
];
const libkvBackends = ['Consul', 'etcd v2', 'ZooKeeper', 'BoltDB'];

/** The page that says on what the suite has run, and what came of it. */
export function compatibilityPage(reports: readonly KeptReport[]): string {
  const backends = [...new Set(reports.map(backendOf))];
  const merged = new Map(backends.map((backend) => [backend, passedAnywhere(reports, backend)]));
  const groups = [...new Set(cases.map(({ id }) => groupOf(id)))];

  const deploymentRows = reports.map((report) => {
    const { name, versions } = report;
    const count = (status: string) => Object.values(report.cases).filter((result) => result.startsWith(status)).length;
    const version = Object.entries(versions).map(([what, which]) => `${what} ${which}`);
    return [
      name,
      version.join(', ') || '–',
      count('passed'),
      count('not-exercised') || '–',
      count('unsupported') || '–',
      cases.filter(({ id }) => report.cases[id] === undefined).length || '–',
      faultsIn(report).join(', ') || '–',
    ];
  });

  const callRows = calls.map(([call, libkv, ours, about]) => [
    call,
    ...(libkv === '' ? libkvBackends.map(() => '') : libkv.split(libkv.includes(',') ? ', ' : ' ')),
    ours,
    ...backends.map((backend) => told(merged.get(backend), about)),
  ]);

  const groupRows = groups.map((group) => [
    `\`${group}\``,
    casesOf([group]).length,
    ...backends.map((backend) => told(merged.get(backend), [group])),
  ]);

  const limits = Map.groupBy(reports, ({ capabilities }) => JSON.stringify(capabilities));
  const limitRows = [...limits.values()].map((alike) => {
    const [{ capabilities } = { capabilities: undefined }] = alike;
    if (capabilities === undefined) throw new Error('a report has no capabilities');
    return [alike.map(({ name }) => name).join('; '), ...limitsOf(capabilities)];
  });

  return `<!-- Generated from docs/reports by \`${command}\`. Do not edit. -->
# Compatibility

What the conformance suite (\`@kv/core/conformance\`, ${cases.length} cases) has found on which servers. This page is generated from the
reports in [reports](reports); what has no report, or no result there, has not been seen to pass. Each is of a run against the real server;
that of *memory*, which is the reference, is of a model whose faults are its own. What the cases promise is told in
[guarantees.md](guarantees.md).

## Runs

No case may fail. *Not exercised*: the deployment lacks the means, a server to kill for instance. *Unsupported*: the backend
declares that it cannot, and a case checks that the call is refused before anything is sent. *No result yet*: the case is newer than
the report, or failed when it was made.

${table(['deployment', 'version', 'passed', 'not exercised', 'unsupported', 'no result yet', 'faults that were exercised'], deploymentRows)}

The faults: *restart* is \`kill -9\` and a new start on the same data; *pause* freezes the server with open connections; *failover* takes
away the leader of three; *partition* cuts one client off, with refused connections and with silent ones; *reset* breaks connections
once; *latency* delays what passes; *expireSession* ends a session as an operator would; *compact* discards the history that a watch
could resume from.

## Calls, beside libkv's

libkv's columns are what its README says; that of \`TTL\` is from its code. Ours have the number of cases that are about the call, or
how many of them passed where some do not apply. What else is different is told in [migrating-from-libkv.md](migrating-from-libkv.md).

${table(['libkv', ...libkvBackends.map((it) => `libkv: ${it}`), '@kv', ...backends], callRows)}

## Cases

By the first part of their ids. A case counts for a backend if it passed on one of its deployments.

${table(['group', 'cases', ...backends], groupRows)}

## Limits

As the drivers declare them (\`store.capabilities\`) on the servers of the tests; for each limit the suite checks both sides. These
etcd servers have half of the default election time-out, and grant leases from 1 s on; with the default it is 2 s.

${table(['deployment', '`ttl`', '`session`', 'value', 'transaction', 'watch', 'lock', 'compare-and-set', 'trees'], limitRows)}

## What did not run

${notRun(reports)}
`;
}

function backendOf({ name }: KeptReport): string {
  return name.split(',')[0] ?? name;
}

function groupOf(id: string): string {
  return id.split('/')[0] ?? id;
}

function casesOf(groups: readonly string[]): string[] {
  return cases.map(({ id }) => id).filter((id) => groups.includes(groupOf(id)));
}

function passedAnywhere(reports: readonly KeptReport[], backend: string): Set<string> {
  const own = reports.filter((report) => backendOf(report) === backend);
  return new Set(cases.map(({ id }) => id).filter((id) => own.some((report) => report.cases[id] === 'passed')));
}

/** How many cases of these groups passed: `12`, or `10 of 12`. */
function told(passed: ReadonlySet<string> | undefined, groups: readonly string[]): string {
  const all = casesOf(groups);
  const count = all.filter((id) => passed?.has(id)).length;
  if (count === 0) return 'no';
  return count === all.length ? `✓ ${count}` : `${count} of ${all.length}`;
}

function faultsIn(report: KeptReport): string[] {
  const exercised = cases.filter(({ id }) => report.cases[id] === 'passed').flatMap(({ faults }) => faults);
  return [...new Set(exercised)].sort();
}

function limitsOf({ ttl, session, maxValueBytes, transaction, watch, lock, compareAndSet, atomicTrees }: Capabilities) {
  return [
    ttl === false ? 'no' : range(ttl),
    range(session),
    bytes(maxValueBytes),
    transaction === false ? 'no' : `${transaction.maxOperations} operations, ${bytes(transaction.maxBytes)}`,
    watch.replace('-', ' '),
    lock.fair ? 'fair' : 'not fair',
    compareAndSet,
    atomicTrees ? 'atomic' : 'not atomic',
  ];
}

function range({ minMs, maxMs, latestFactor }: DurationLimits): string {
  return `${duration(minMs)} to ${duration(maxMs)}, over at ${latestFactor}×`;
}

const units = [
  ['y', 31_536_000_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['s', 1000],
  ['ms', 1],
] as const;

function duration(ms: number): string {
  const [unit, size] = units.find(([, size]) => ms >= size) ?? ['ms', 1];
  return `${Number((ms / size).toFixed(1))} ${unit}`;
}

function bytes(count: number): string {
  const kib = count / 1024;
  return kib >= 1024 ? `${Number((kib / 1024).toFixed(2))} MiB` : `${Number(kib.toFixed(1))} KiB`;
}

/** Deployments that lack the same are told together. */
function notRun(reports: readonly KeptReport[]): string {
  const alike = Map.groupBy(reports, (report) => gapsOf(report).join('\n'));
  return [...alike]
    .map(
      ([gaps, of]) => `- **${of.map(({ name }) => name).join('; ')}**${gaps === '' ? ': everything ran' : `\n${gaps}`}`,
    )
    .join('\n');
}

function gapsOf(report: KeptReport): string[] {
  const reasons = Map.groupBy(
    cases.map(({ id }) => id),
    (id) => report.cases[id] ?? 'missing: a run in which it passes',
  );
  reasons.delete('passed');
  return [...reasons].sort().map(([reason, ids]) => {
    const [status, missing] = reason.split(': ');
    return `  - ${status?.replace('-', ' ')}, for lack of *${missing}*: ${ids.map((id) => `\`${id}\``).join(', ')}`;
  });
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
