import type { PackedPackage } from './rehearsal.ts';

/** A program that is bundled, with everything that it may and may not contain. */
export interface Bundle {
  readonly name: string;
  /** The user's project in which it is bundled: the package installed beside core. */
  readonly project: string;
  /** What the program uses, by the module that it comes from. `*` is all. */
  readonly uses: Readonly<Record<string, string>>;
  /** The modules that may be in it, by the beginning of their names: `@kv/core/src/watch/`, `consul/`. */
  readonly modules: readonly string[];
  /** Of those, the modules that may not be in it. */
  readonly except: readonly string[];
  /** Packages that are left out, and have to be installed where it runs. */
  readonly external: readonly string[];
  /** Bytes, minified and compressed with brotli. */
  readonly budget: number;
}

const openStore = { '@kv/core': 'openStore, KvError' };
const core = ['@kv/core/src/'];
/** Parts of core that nobody gets who has not asked for them. */
const parts = ['@kv/core/src/conformance/', '@kv/core/src/memory/', '@kv/core/src/otel/'];
const without = (...wanted: readonly string[]) => parts.filter((part) => !wanted.includes(part));

/**
 * What each backend's client needs of a bundler, and how much the driver may add. A client is left out where it loads
 * something from its own folder: a native add-on, or the `.proto` files of etcd3. Consul's can be bundled with undici or without.
 */
const backends: Readonly<Record<string, readonly Client[]>> = {
  sqlite: [{ external: ['better-sqlite3'], bundled: [], budget: 16_000 }],
  etcd: [{ external: ['etcd3'], bundled: [], budget: 18_000 }],
  consul: [
    { external: [], bundled: ['consul/', 'papi/', 'undici/'], budget: 165_000 },
    { external: ['undici'], bundled: ['consul/', 'papi/'], budget: 30_000 },
  ],
  zookeeper: [{ external: ['zookeeper'], bundled: [], budget: 20_500 }],
};

interface Client {
  readonly external: readonly string[];
  readonly bundled: readonly string[];
  readonly budget: number;
}

/** Every bundle of the packages that exist: core alone, with each of its parts, each backend and each recipe. */
export function bundlesOf(packages: readonly PackedPackage[]): Bundle[] {
  const alone: Bundle = {
    name: 'core, all of it',
    project: 'core',
    uses: { '@kv/core': '*' },
    modules: core,
    except: without(),
    external: [],
    budget: 10_000,
  };
  const memory: Bundle = {
    ...alone,
    name: 'core and memory',
    uses: { ...openStore, '@kv/core/memory': 'memory' },
    except: without('@kv/core/src/memory/'),
    budget: 12_500,
  };
  return [alone, memory, ...packages.flatMap((packed) => bundlesWith(packed))];
}

function bundlesWith({ folder, manifest }: PackedPackage): Bundle[] {
  if (folder === 'core') return [];
  if (folder === 'recipes') {
    return Object.keys(manifest.exports)
      .filter((entry) => entry !== '.' && entry !== './package.json')
      .map((entry) => recipeBundle(entry.slice(2)));
  }
  const clients = backends[folder];
  if (clients === undefined) throw new Error(`what may a bundle with @kv/${folder} contain?`);
  const uses = { ...openStore, [`@kv/${folder}`]: folder };
  return clients.map(({ external, bundled, budget }, i) => ({
    name: `core and ${folder}${i === 0 ? '' : `, without ${external.join()}`}`,
    project: folder,
    uses,
    modules: [...core, `@kv/${folder}/src/`, ...bundled],
    except: without(),
    external,
    budget,
  }));
}

function recipeBundle(recipe: string): Bundle {
  return {
    name: `core and ${recipe}`,
    project: 'recipes',
    uses: { ...openStore, [`@kv/recipes/${recipe}`]: '*' },
    modules: [...core, ...[recipe, ...(recipeParts[recipe] ?? [])].map((part) => `@kv/recipes/src/${part}`)],
    except: without(),
    external: [],
    budget: recipe === 'discovery' ? 12_500 : 10_500,
  };
}

/** What a recipe shares with others. */
const recipeParts: Readonly<Record<string, readonly string[]>> = {
  election: ['iterate.ts', 'persist.ts'],
  discovery: ['iterate.ts', 'persist.ts', 'persistent-key.ts'],
  semaphore: ['place.ts', 'persist.ts', 'until-step.ts'],
  'read-write-lock': ['place.ts', 'persist.ts', 'until-step.ts'],
  barrier: ['place.ts', 'persist.ts', 'until-step.ts'],
  'persistent-key': ['persist.ts'],
  counter: ['iterate.ts'],
};

/** The source of the program. */
export function programOf({ uses }: Bundle): string {
  return Object.entries(uses)
    .map(([specifier, names]) => `export ${names === '*' ? '*' : `{ ${names} }`} from '${specifier}';\n`)
    .join('');
}

/** Modules of a bundle that should not be in it. */
export function intruders({ modules, except }: Bundle, held: readonly string[]): string[] {
  const startsWith = (module: string) => (prefix: string) => module.startsWith(prefix);
  return held.filter((module) => !modules.some(startsWith(module)) || except.some(startsWith(module)));
}
