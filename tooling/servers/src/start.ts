import { makeCertificates } from './certificates.ts';
import { consul } from './consul.ts';
import { dockerAnswers, openContainerSite } from './containers.ts';
import { etcd } from './etcd.ts';
import { poll } from './poll.ts';
import { openProcessSite } from './processes.ts';
import type { Place, Recipe } from './recipe.ts';
import type { Access, Address, Deployment, Kind, Mode, Server } from './server.ts';
import type { Instance, OpenSite, Site } from './site.ts';
import { beginRun } from './sweep.ts';
import { zookeeper } from './zookeeper.ts';

const recipes: Record<Kind, Recipe> = { etcd, consul, zookeeper };

export interface StartOptions {
  /** 3: a cluster. Default: 1. */
  readonly size?: 1 | 3;
  /** TLS with client certificates (etcd, Consul) and access control (all). Default: a plain server. */
  readonly secured?: boolean;
}

/** How the servers of a kind run here: see README.md. */
export async function findMode(kind: Kind): Promise<Mode> {
  if (externalUrl(kind) !== undefined) return 'external';
  const forced = process.env['KV_TEST_MODE'];
  if (forced === 'containers' || forced === 'processes') return forced;
  if (forced) throw new Error(`KV_TEST_MODE must be containers or processes, not ${forced}`);
  return (await dockerAnswers()) ? 'containers' : 'processes';
}

function externalUrl(kind: Kind): string | undefined {
  return process.env[`KV_TEST_${kind.toUpperCase()}_URL`] || undefined;
}

/** Starts real servers, and returns when they serve. Whoever starts them removes them. */
export async function startServers(kind: Kind, options: StartOptions = {}): Promise<Deployment> {
  const mode = await findMode(kind);
  if (mode === 'external') return useExternal(kind, options);
  await beginRun();
  const { size = 1, secured = false } = options;
  const recipe = recipes[kind];
  const openSite: OpenSite = mode === 'containers' ? openContainerSite : openProcessSite;
  const site = await openSite(kind, recipe, size);
  try {
    const certificates = secured ? await makeCertificates(site.places.map(({ client }) => client.host)) : undefined;
    const tls: Access = certificates ? { tls: { ca: certificates.ca, ...certificates.client } } : {};
    let access = { client: tls, admin: tls };
    const created = await Promise.allSettled(
      site.places.map(async (place) => {
        const instance = await site.create(place, recipe.command(place, site.places, certificates));
        return makeServer(place, instance, () => recipe.isReady(place.client, access.admin));
      }),
    );
    const members = created.map((result) => {
      if (result.status === 'rejected') throw result.reason;
      return result.value;
    });
    await Promise.all(members.map(untilReady));
    const [first] = members as [Member];
    if (certificates) access = await recipe.secure(first.server, tls);
    const version = await recipe.version(first.server, access.admin);
    return makeDeployment({ kind, mode, version, ...access }, recipe, site, members);
  } catch (error) {
    await site.remove();
    throw error;
  }
}

interface Member {
  readonly server: Server;
  readonly place: Place;
  readonly instance: Instance;
  readonly isReady: () => Promise<boolean>;
}

function makeServer(place: Place, instance: Instance, isReady: () => Promise<boolean>): Member {
  const server: Server = {
    name: place.name,
    ...place.client,
    kill: () => instance.kill(),
    stop: () => instance.stop(),
    freeze: () => instance.freeze(),
    thaw: () => instance.thaw(),
    async start() {
      await instance.start();
      await untilReady(member);
    },
  };
  const member = { server, place, instance, isReady };
  return member;
}

async function untilReady({ server, instance, isReady }: Member): Promise<void> {
  const outcome = await poll(`${server.name} serves`, async () => {
    if (await isReady().catch(() => false)) return 'ready';
    return !(await instance.isRunning()) && 'ended';
  }).catch((error: Error) => error.message);
  if (outcome !== 'ready') throw new Error(`${server.name}: ${outcome}. Its log ends with:\n${await instance.log()}`);
}

function makeDeployment(
  facts: Pick<Deployment, 'kind' | 'mode' | 'version' | 'client' | 'admin'>,
  recipe: Recipe,
  site: Site,
  members: readonly Member[],
): Deployment {
  const isolated = new Set<Server>();
  const placeOf = (server: Server) => {
    const member = members.find((each) => each.server === server);
    if (!member) throw new Error(`${server.name} is not a server of this deployment`);
    return member.place;
  };
  return {
    ...facts,
    servers: members.map(({ server }) => server),
    faults: { restart: true, freeze: true, isolate: site.canIsolate },

    leader: () =>
      poll(`${facts.kind}: one leader`, async () => {
        const connected = members.filter(({ server }) => !isolated.has(server));
        const leads = await Promise.allSettled(connected.map(({ place }) => recipe.isLeader(place, facts.admin)));
        const leaders = connected.filter((_, index) => {
          const answer = leads[index];
          return answer?.status === 'fulfilled' && answer.value;
        });
        const failed = leads.find((answer) => answer.status === 'rejected');
        if (leaders.length === 0 && failed) throw failed.reason;
        return leaders.length === 1 && leaders[0]?.server;
      }),

    async isolate(server) {
      await site.isolate(placeOf(server));
      isolated.add(server);
    },

    async rejoin(server) {
      await site.rejoin(placeOf(server));
      isolated.delete(server);
    },

    remove: () => site.remove(),
  };
}

async function useExternal(kind: Kind, { size = 1, secured = false }: StartOptions): Promise<Deployment> {
  const variable = `KV_TEST_${kind.toUpperCase()}_URL`;
  if (size !== 1 || secured)
    throw new Error(`${variable} names one plain server: there is no cluster and no secured one`);
  const address = parseAddress(variable, externalUrl(kind) ?? '');
  const recipe = recipes[kind];
  const refuse = async () => {
    throw new Error(`the server at ${variable} was started by someone else: nothing can be done to it`);
  };
  const server: Server = {
    name: kind,
    ...address,
    kill: refuse,
    stop: refuse,
    start: refuse,
    freeze: refuse,
    thaw: refuse,
  };
  await poll(`${kind} at ${variable} serves`, () => recipe.isReady(address, {}), 5000);
  return {
    kind,
    mode: 'external',
    version: await recipe.version(address, {}),
    servers: [server],
    client: {},
    admin: {},
    faults: { restart: false, freeze: false, isolate: false },
    leader: async () => server,
    isolate: refuse,
    rejoin: refuse,
    remove: async () => {},
  };
}

function parseAddress(variable: string, url: string): Address {
  const match = /^(?:http:\/\/)?([^:/]+):(\d+)\/?$/.exec(url);
  if (!match) throw new Error(`${variable} must be http://host:port or host:port, not ${url}`);
  return { host: match[1] as string, port: Number(match[2]) };
}
