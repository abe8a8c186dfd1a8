import { serverFiles } from './certificates.ts';
import { http } from './http.ts';
import type { Recipe } from './recipe.ts';
import type { Access, Address } from './server.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

/**
 * One call of etcd's JSON gateway: `await etcdCall(server, deployment.admin, '/v3/kv/range', { key: base64 })`. Keys and values are
 * base64, numbers of 64 bits are strings.
 */
export async function etcdCall(
  address: Address,
  access: Access,
  path: string,
  body: object = {},
): Promise<Record<string, unknown>> {
  const headers: Record<string, string> = {};
  if (access.login) {
    // A token of its own for each call: tokens do not outlive a restart.
    const { user: name, password } = access.login;
    const { token } = await post('/v3/auth/authenticate', { name, password });
    headers['authorization'] = String(token);
  }
  return post(path, body);

  async function post(path: string, body: object): Promise<Record<string, unknown>> {
    const response = await http(address, access, { method: 'POST', path, headers, body: JSON.stringify(body) });
    if (response.status !== 200) throw new Error(`etcd answered ${path} with ${response.status}: ${response.body}`);
    return JSON.parse(response.body);
  }
}

async function getJson(address: Address, access: Access, path: string): Promise<Record<string, unknown>> {
  return JSON.parse((await http(address, access, { method: 'GET', path })).body);
}

export const etcd: Recipe = {
  program: 'etcd',
  ports: { client: 2379, peer: 2380 },

  command(member, members, certificates) {
    const scheme = certificates ? 'https' : 'http';
    const { client, listen, ports, directory } = member;
    const peerUrl = (of: typeof member) => `http://${of.peer}:${of.ports['peer']}`;
    const flags: Record<string, string> = {
      name: member.name,
      'data-dir': `${directory}/data`,
      'listen-client-urls': `${scheme}://${listen}:${ports['client']}`,
      'advertise-client-urls': `${scheme}://${client.host}:${client.port}`,
      'listen-peer-urls': peerUrl(member),
      'initial-advertise-peer-urls': peerUrl(member),
      'initial-cluster': members.map((each) => `${each.name}=${peerUrl(each)}`).join(),
      // Half of the defaults: each restart and each failover waits for an election.
      'heartbeat-interval': '50',
      'election-timeout': '500',
      'log-level': 'warn',
      ...(certificates && {
        'trusted-ca-file': `${directory}/ca.pem`,
        'cert-file': `${directory}/server.pem`,
        'key-file': `${directory}/server.key`,
        // The cheapest: etcdCall() logs in each time.
        'bcrypt-cost': '4',
      }),
    };
    return {
      args: [
        ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
        ...(certificates ? ['--client-cert-auth'] : []),
      ],
      files: certificates ? serverFiles(certificates) : {},
    };
  },

  // Answered by a linearizable read.
  async isReady(address, admin) {
    return (await getJson(address, { ...(admin.tls && { tls: admin.tls }) }, '/health'))['health'] === 'true';
  },

  async isLeader({ client }, admin) {
    const status = await etcdCall(client, admin, '/v3/maintenance/status');
    return (status['header'] as { member_id: string }).member_id === status['leader'];
  },

  async version(address, admin) {
    return String((await getJson(address, admin, '/version'))['etcdserver']);
  },

  async secure(address, tls) {
    const call = (path: string, body?: object) => etcdCall(address, tls, path, body);
    const root = { user: 'root', password: 'root-password' };
    const app = { user: 'app', password: 'app-password' };
    for (const { user, password } of [root, app]) {
      await call('/v3/auth/user/add', { name: user, password });
      await call('/v3/auth/role/add', { name: user });
      await call('/v3/auth/user/grant', { user, role: user });
    }
    await call('/v3/auth/role/grant', {
      name: 'app',
      perm: { permType: 'READWRITE', key: base64('app/'), range_end: base64('app0') }, // '0' follows '/'
    });
    await call('/v3/auth/enable');
    return { client: { ...tls, login: app }, admin: { ...tls, login: root } };
  },
};
