import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Capabilities } from '../capabilities.ts';
import { openStore } from '../open-store.ts';
import type { ConformanceCase } from './case.ts';
import { cases as contract } from './cases/index.ts';
import type { Harness } from './harness.ts';
import { seededRandom } from './random.ts';
import { type Report, report } from './report.ts';
import { type CaseResult, runCase } from './run-case.ts';

/** On what the suite is to run. */
export interface SuiteOptions {
  /** Names the driver and its configuration in reports: `etcd, three nodes, TLS`. */
  readonly name: string;
  /** Makes the harness, once for the whole run. */
  readonly harness: () => Harness | Promise<Harness>;
  /** What is run. Default: the contract of a driver. */
  readonly cases?: readonly ConformanceCase[];
  /** Only cases whose id starts with one of these. Default: all. */
  readonly only?: readonly string[];
  /** Repeats the order and the random choices of an earlier run. Default: a new one. */
  readonly seed?: number;
  /**
   * The path of a JSON file to write the report to. Default: with the environment variable `KV_CONFORMANCE_REPORTS`, a
   * directory, a file in it that is called like `name`; else, and for `cases` of your own, none.
   */
  readonly reportFile?: string;
}

/** One run of the suite: what the adapters for test runners share. */
export class SuiteRun {
  readonly name: string;
  readonly seed: number;
  /** In the order in which they are to run. */
  readonly cases: readonly ConformanceCase[];
  readonly #options: SuiteOptions;
  readonly #results: CaseResult[] = [];
  #harness: Promise<Harness> | undefined;

  constructor(options: SuiteOptions) {
    const { cases = contract, only = [''], seed = Math.floor(Math.random() * 2 ** 31) } = options;
    this.name = options.name;
    this.seed = seed;
    this.#options = options;
    const chosen = cases.filter(({ id }) => only.some((prefix) => id.startsWith(prefix)));
    this.cases = shuffled(chosen, seededRandom(seed));
  }

  /** Makes the harness, if that has not been done. */
  start(): Promise<Harness> {
    this.#harness ??= (async () => this.#options.harness())();
    return this.#harness;
  }

  async run(tested: ConformanceCase): Promise<CaseResult> {
    const result = await runCase(await this.start(), tested, this.seed);
    this.#results.push(result);
    return result;
  }

  /** Closes the harness, and writes the report where one is wanted. */
  async finish(): Promise<Report> {
    const harness = await this.start();
    try {
      const made = report(
        {
          name: this.name,
          seed: this.seed,
          versions: harness.versions ?? {},
          capabilities: await capabilitiesOf(harness),
        },
        this.#results,
      );
      const { reportFile, cases } = this.#options;
      const file = reportFile ?? (cases === undefined ? reportFileOf(this.name) : undefined);
      if (file !== undefined) {
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, `${JSON.stringify(made, undefined, 2)}\n`);
      }
      return made;
    } finally {
      await harness.close();
    }
  }
}

/** `etcd, three nodes` → `…/etcd-three-nodes.json` */
function reportFileOf(name: string): string | undefined {
  const folder = process.env['KV_CONFORMANCE_REPORTS'];
  return folder ? join(folder, `${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}.json`) : undefined;
}

async function capabilitiesOf(harness: Harness): Promise<Capabilities> {
  const client = await harness.client();
  const store = await openStore(client.driver);
  try {
    return store.capabilities;
  } finally {
    await store.close();
    await client.close?.();
  }
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [result[i], result[j]] = [result[j] as T, result[i] as T];
  }
  return result;
}
