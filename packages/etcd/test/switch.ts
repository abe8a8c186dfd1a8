import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { Address } from '@kv-tooling/servers';

/** Stands between a client and a server that can be exchanged. While there is none, it accepts connections for ever in silence. */
export class Switch implements Address {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly #listener: Server;
  readonly #sockets = new Set<Socket>();
  #target: Address | undefined;

  static async open(target: Address): Promise<Switch> {
    const listener = createServer();
    await once(listener.listen(0, '127.0.0.1'), 'listening');
    return new Switch(listener, target);
  }

  private constructor(listener: Server, target: Address) {
    this.#listener = listener;
    this.port = (listener.address() as AddressInfo).port;
    this.#target = target;
    listener.on('connection', (client) => {
      this.#keep(client);
      if (this.#target === undefined) return;
      const server = connect(this.#target.port, this.#target.host);
      this.#keep(server);
      client.pipe(server).pipe(client);
      // A reset ends no pipe.
      client.once('close', () => server.destroy());
      server.once('close', () => client.destroy());
    });
  }

  /** What new connections lead to. The ones there are stay as they are. */
  lead(target: Address | undefined): void {
    this.#target = target;
  }

  breakConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  get connections(): number {
    return this.#sockets.size;
  }

  async close(): Promise<void> {
    const closed = once(this.#listener.close(), 'close');
    this.breakConnections();
    await closed;
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => this.#sockets.delete(socket));
  }
}
