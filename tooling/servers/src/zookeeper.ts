import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import type { Recipe } from './recipe.ts';
import type { Address } from './server.ts';
import { ZooKeeperConnection } from './zookeeper-connection.ts';

/** Asks one of the server's four-letter words. `srvr` tells its version and its mode. */
async function fourLetterWord(address: Address, word: string, timeout = 2000): Promise<string> {
  const socket = connect(address.port, address.host);
  socket.setTimeout(timeout, () => socket.destroy(new Error(`ZooKeeper did not answer ${word} within ${timeout} ms`)));
  socket.write(word);
  let answer = '';
  for await (const chunk of socket) answer += chunk;
  return answer;
}

/** How many watches all clients have on a server. `undefined` where it does not tell, as others than ours by default do not. */
export async function zooKeeperWatchCount(address: Address): Promise<number | undefined> {
  const count = /^zk_watch_count\t(\d+)$/m.exec(await fourLetterWord(address, 'mntr'))?.[1];
  return count === undefined ? undefined : Number(count);
}

const superuser = { user: 'super', password: 'super-password' };
const app = { user: 'app', password: 'app-password' };

/** How an ACL names a user of the `digest` scheme. */
function digestId({ user, password }: typeof app): string {
  return `${user}:${createHash('sha1').update(`${user}:${password}`).digest('base64')}`;
}

export const zookeeper: Recipe = {
  program: 'zkServer.sh',
  ports: { client: 2181, quorum: 2888, election: 3888 },

  command(member, members, certificates) {
    const { ports, directory } = member;
    const config: Record<string, string> = {
      dataDir: `${directory}/data`,
      clientPort: `${ports['client']}`,
      clientPortAddress: member.listen,
      // Short, for fast failovers; the bounds of a session's time-out, which follow from it, are set back to the usual ones.
      tickTime: '500',
      minSessionTimeout: '1000',
      maxSessionTimeout: '40000',
      initLimit: '20',
      syncLimit: '4',
      maxClientCnxns: '0',
      'admin.enableServer': 'false',
      '4lw.commands.whitelist': 'srvr,mntr',
      extendedTypesEnabled: 'true', // TTL nodes
    };
    if (members.length > 1) {
      for (const [index, { peer, ports }] of members.entries()) {
        config[`server.${index + 1}`] = `${peer}:${ports['quorum']}:${ports['election']}`;
      }
    }
    return {
      args: ['start-foreground', `${directory}/zoo.cfg`],
      jvmFlags: [
        // A test has many of them on few cores: small, and quick to start.
        '-Xmx512m',
        '-XX:+UseSerialGC',
        '-XX:TieredStopAtLevel=1',
        // How often TTL nodes are looked at; the default is a minute.
        '-Dznode.container.checkIntervalMs=500',
        '-Dzookeeper.jmx.log4j.disable=true',
        ...(certificates
          ? [
              `-Dzookeeper.DigestAuthenticationProvider.superDigest=${digestId(superuser)}`,
              '-Dzookeeper.enforce.auth.enabled=true',
              '-Dzookeeper.enforce.auth.schemes=digest',
            ]
          : []),
      ],
      files: {
        'zoo.cfg': Object.entries(config)
          .map(([key, value]) => `${key}=${value}\n`)
          .join(''),
        'data/myid': `${members.indexOf(member) + 1}`,
      },
    };
  },

  // `ruok` is no sign of readiness: it is answered too by a server whose classes cannot be loaded.
  async isReady(address) {
    return (await fourLetterWord(address, 'srvr')).includes('Mode: ');
  },

  async isLeader({ client }) {
    return (await fourLetterWord(client, 'srvr')).match(/^Mode: (leader|standalone)$/m) !== null;
  },

  async version(address) {
    const answer = await fourLetterWord(address, 'srvr');
    return /^Zookeeper version: ([\d.]+)/m.exec(answer)?.[1] ?? 'unknown';
  },

  // ZooKeeper has no users of its own: whoever knows a name and a password has the rights that the ACL of a node gives them.
  async secure(address) {
    const connection = await ZooKeeperConnection.open(address, { login: superuser });
    await connection.create('/app', '', [{ scheme: 'digest', id: digestId(app), permissions: 31 }]);
    await connection.setAcl('/', [{ scheme: 'world', id: 'anyone', permissions: 1 }]);
    connection.close();
    return { client: { login: app }, admin: { login: superuser } };
  },
};
