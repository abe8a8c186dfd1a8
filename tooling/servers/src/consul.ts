import { serverFiles } from './certificates.ts';
import { type HttpResponse, http } from './http.ts';
import { poll } from './poll.ts';
import type { Recipe } from './recipe.ts';
import type { Access, Address } from './server.ts';

/** One call of Consul's HTTP API. Any status is an answer. */
export function consulCall(
  address: Address,
  access: Access,
  method: 'GET' | 'PUT' | 'DELETE',
  path: string,
  body?: string,
): Promise<HttpResponse> {
  return http(address, access, {
    method,
    path,
    ...(access.token && { headers: { 'X-Consul-Token': access.token } }),
    ...(body !== undefined && { body }),
  });
}

export const consul: Recipe = {
  program: 'consul',
  ports: { client: 8500, server: 8300, serf: 8301 },

  command(member, members, certificates) {
    const { ports, directory } = member;
    // Not -dev, which would keep the data in memory.
    const config = {
      server: true,
      bootstrap_expect: members.length,
      node_name: member.name,
      data_dir: `${directory}/data`,
      bind_addr: member.peer,
      client_addr: member.listen,
      ports: {
        http: certificates ? -1 : ports['client'],
        https: certificates ? ports['client'] : -1,
        server: ports['server'],
        serf_lan: ports['serf'],
        serf_wan: -1,
        dns: -1,
      },
      retry_join: members.filter((each) => each !== member).map((each) => `${each.peer}:${each.ports['serf']}`),
      retry_interval: '1s',
      performance: { raft_multiplier: 1 },
      // All clients of all tests come from one address.
      limits: { http_max_conns_per_client: 10_000 },
      // A member that comes back must still be one.
      autopilot: { cleanup_dead_servers: false },
      ...(certificates && {
        ca_file: `${directory}/ca.pem`,
        cert_file: `${directory}/server.pem`,
        key_file: `${directory}/server.key`,
        verify_incoming_https: true,
        acl: { enabled: true, default_policy: 'deny' },
      }),
    };
    return {
      args: ['agent', `-config-file=${directory}/config.json`],
      files: {
        'config.json': JSON.stringify(config, null, 2),
        ...(certificates && serverFiles(certificates)),
      },
    };
  },

  // A leader is known a little earlier than consistent reads are served. Without a token they are refused.
  async isReady(address, admin) {
    const leader = await consulCall(address, admin, 'GET', '/v1/status/leader');
    if (!/:\d+/.test(leader.body)) return false;
    const { status } = await consulCall(address, admin, 'GET', '/v1/kv/app/ready?consistent');
    return status === 404 || status === 200 || (status === 403 && admin.token === undefined);
  },

  // Not asked of /v1/agent/self, which can block for long around an election.
  async isLeader({ client, peer, ports }, admin) {
    const leader = await consulCall(client, admin, 'GET', '/v1/status/leader');
    return leader.body === `"${peer}:${ports['server']}"`;
  },

  async version(address, admin) {
    const { Config } = JSON.parse((await consulCall(address, admin, 'GET', '/v1/agent/self')).body);
    return Config.Version;
  },

  async secure(address, tls) {
    const put = async (path: string, token?: string, body?: object) => {
      const access = { ...tls, ...(token && { token }) };
      const response = await consulCall(address, access, 'PUT', path, body && JSON.stringify(body));
      if (response.status !== 200) throw new Error(`Consul answered ${path} with ${response.status}: ${response.body}`);
      return JSON.parse(response.body) as { SecretID: string };
    };
    // Refused until the leader has left the legacy ACL mode, a moment after its election.
    const { SecretID: management } = await poll('Consul: ACL bootstrap', () => put('/v1/acl/bootstrap'));
    await put('/v1/acl/policy', management, {
      Name: 'app',
      Rules: 'key_prefix "app/" { policy = "write" } session_prefix "" { policy = "write" }',
    });
    const { SecretID: token } = await put('/v1/acl/token', management, { Policies: [{ Name: 'app' }] });
    return { client: { ...tls, token }, admin: { ...tls, token: management } };
  },
};
