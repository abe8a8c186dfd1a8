import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { GenericContainer, getContainerRuntimeClient, type StartedTestContainer, Wait } from 'testcontainers';
import { poll } from './poll.ts';
import { freePort, returnPort } from './ports.ts';
import type { Command, Place, Recipe } from './recipe.ts';
import { currentRun } from './run.ts';
import type { Kind } from './server.ts';
import type { Instance, Site } from './site.ts';

/** The official images: the same as in docker-compose.yml. */
export const officialImages: Readonly<Record<Kind, string>> = {
  etcd: 'quay.io/coreos/etcd:v3.5.21',
  consul: 'hashicorp/consul:1.21',
  zookeeper: 'zookeeper:3.9',
};

/**
 * The one that KV_TEST_<KIND>_IMAGE names; else the official one; but before that is fetched, one that build-images.sh has
 * made here.
 */
async function imageOf(kind: Kind): Promise<string> {
  const named = process.env[`KV_TEST_${kind.toUpperCase()}_IMAGE`];
  if (named) return named;
  const present = async (reference: string) => {
    const images = await (await engine()).listImages({ filters: { reference: [reference] } });
    return images[0]?.RepoTags?.[0];
  };
  const official = officialImages[kind];
  return (await present(official)) ?? (await present(`kv-test/${kind}`)) ?? official;
}

/** In the container: the configuration, and the data below. */
const directory = '/kv-test';

// The machine too: a daemon may serve several, and a process id says nothing on another one.
const labels = () => ({ 'kv-test.host': hostname(), 'kv-test.run': currentRun() });

function runtime() {
  // A machine that was made from a container image looks like a container to testcontainers, which then searches for the
  // address of the machine around it. Where Docker's bridge is, there is the daemon.
  if (existsSync('/sys/class/net/docker0')) process.env['TESTCONTAINERS_HOST_OVERRIDE'] ??= '127.0.0.1';
  // Its own clean-up needs one more image, which a machine without a registry lacks; ours is in watchdog.ts.
  process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true';
  return getContainerRuntimeClient();
}

async function engine() {
  return (await runtime()).container.dockerode;
}

export async function dockerAnswers(): Promise<boolean> {
  try {
    await (await engine()).ping();
    return true;
  } catch {
    return false;
  }
}

/**
 * The network among the members of one cluster. The ports that the tests reach stay published on Docker's default
 * bridge, so a member that leaves this network is cut off from its peers and from nobody else. Addresses are fixed,
 * since a member must come back under the one that its peers know.
 */
class PeerNetwork {
  readonly #id: string;
  readonly #prefix: string;

  private constructor(id: string, prefix: string) {
    this.#id = id;
    this.#prefix = prefix;
  }

  static async create(): Promise<PeerNetwork> {
    const docker = await engine();
    for (let attempt = 1; ; attempt++) {
      const byte = () => Math.floor(Math.random() * 256);
      const prefix = `10.${byte()}.${byte()}.`;
      try {
        const network = await docker.createNetwork({
          Name: `kv-test-${prefix}0`,
          Internal: true,
          Labels: labels(),
          IPAM: { Config: [{ Subnet: `${prefix}0/28` }] },
        });
        return new PeerNetwork(network.id, prefix);
      } catch (error) {
        if (attempt === 5) throw error; // most likely another network has a part of this range
      }
    }
  }

  /** Of member 1, 2, 3. The first one in the range is the gateway's. */
  address(member: number): string {
    return `${this.#prefix}${member + 1}`;
  }

  async connect(container: string, address: string): Promise<void> {
    const network = (await engine()).getNetwork(this.#id);
    await network.connect({ Container: container, EndpointConfig: { IPAMConfig: { IPv4Address: address } } });
  }

  async disconnect(container: string): Promise<void> {
    await (await engine()).getNetwork(this.#id).disconnect({ Container: container, Force: true });
  }

  async remove(): Promise<void> {
    await (await engine()).getNetwork(this.#id).remove();
  }
}

/** Joins the network of its peers before it starts: a server listens there from its first moment on. */
class MemberContainer extends GenericContainer {
  readonly #join: (container: string) => Promise<void>;

  constructor(image: string, join: (container: string) => Promise<void>) {
    super(image);
    this.#join = join;
  }

  protected override containerCreated(container: string): Promise<void> {
    return this.#join(container);
  }
}

class ContainerInstance implements Instance {
  readonly container: StartedTestContainer;

  constructor(container: StartedTestContainer) {
    this.container = container;
  }

  async #engine() {
    return (await engine()).getContainer(this.container.getId());
  }

  async start(): Promise<void> {
    await (await this.#engine()).start();
  }

  async kill(): Promise<void> {
    const container = await this.#engine();
    await container.kill({ signal: 'SIGKILL' });
    await container.wait();
  }

  async stop(): Promise<void> {
    await (await this.#engine()).stop({ t: 10 });
  }

  async freeze(): Promise<void> {
    await (await this.#engine()).pause();
  }

  async thaw(): Promise<void> {
    await (await this.#engine()).unpause();
  }

  async isRunning(): Promise<boolean> {
    return (await (await this.#engine()).inspect()).State.Running;
  }

  async log(): Promise<string> {
    const lines = await (await this.#engine()).logs({ stdout: true, stderr: true, tail: 20 });
    return lines.toString('utf8');
  }
}

export async function openContainerSite(kind: Kind, recipe: Recipe, size: 1 | 3): Promise<Site> {
  const { host } = (await runtime()).info.containerRuntime;
  const network = size === 1 ? undefined : await PeerNetwork.create();
  const places: Place[] = [];
  for (let number = 1; number <= size; number++) {
    places.push({
      name: `${kind}${number}`,
      client: { host, port: await freePort() },
      listen: '0.0.0.0',
      peer: network?.address(number) ?? '127.0.0.1',
      ports: recipe.ports,
      directory,
    });
  }

  const instances = new Map<Place, ContainerInstance>();
  const containerOf = (place: Place) => instances.get(place)?.container.getId() ?? '';
  return {
    places,
    canIsolate: network !== undefined,

    async create(place, command) {
      const image = await imageOf(kind);
      const definition = new MemberContainer(image, async (id) => network?.connect(id, place.peer))
        .withLabels(labels())
        .withEntrypoint([recipe.program])
        .withCommand([...command.args])
        .withEnvironment({ JVMFLAGS: (command.jvmFlags ?? []).join(' ') })
        .withCopyContentToContainer(copies(command))
        // The same port after each start: Docker would choose a new one.
        .withExposedPorts({ container: recipe.ports.client, host: place.client.port })
        // Whether it serves is asked from outside: other strategies need a shell, which etcd's official image lacks.
        .withWaitStrategy(Wait.forLogMessage(/./));
      const container = await definition.start().catch((error: Error) => {
        throw startFailed(kind, image, error);
      });
      const instance = new ContainerInstance(container);
      instances.set(place, instance);
      return instance;
    },

    async isolate(place) {
      await network?.disconnect(containerOf(place));
    },

    async rejoin(place) {
      await network?.connect(containerOf(place), place.peer);
    },

    async remove() {
      await Promise.all([...instances.values()].map(({ container }) => container.stop({ removeVolumes: true })));
      await network?.remove();
      for (const { client } of places) returnPort(client.port);
    },
  };
}

function startFailed(kind: Kind, image: string, cause: Error): Error {
  return new Error(
    [
      `no container of the image ${image} could be started: ${cause.message}`,
      'Where its registry is out of reach: build local images (scripts/build-images.sh), name another image',
      `(KV_TEST_${kind.toUpperCase()}_IMAGE), or run the servers as processes (KV_TEST_MODE=processes).`,
    ].join('\n'),
    { cause },
  );
}

// Readable by whatever user the image's server runs as.
function copies({ files }: Command) {
  return Object.entries(files).map(([name, content]) => ({ target: `${directory}/${name}`, content, mode: 0o644 }));
}

/** Removes the containers and networks of the runs that `isOver` tells. */
export async function sweepContainers(isOver: (run: string) => boolean): Promise<void> {
  const docker = await engine();
  const filters = { label: [`kv-test.host=${hostname()}`] };
  const isLeft = (thing: { Labels?: Record<string, string> | undefined }) =>
    isOver(thing.Labels?.['kv-test.run'] ?? '');
  // More than once: another run may sweep the same ones at the same time, and then Docker refuses one of both.
  await poll('containers of ended runs are removed', async () => {
    const containers = (await docker.listContainers({ all: true, filters })).filter(isLeft);
    await Promise.allSettled(containers.map(({ Id }) => docker.getContainer(Id).remove({ force: true, v: true })));
    const networks = (await docker.listNetworks({ filters })).filter(isLeft);
    await Promise.allSettled(networks.map(({ Id }) => docker.getNetwork(Id).remove()));
    return containers.length === 0 && networks.length === 0;
  });
}
