import type { Socket } from 'node:net';

/** What @grpc/grpc-js keeps for TLS, as far as it matters here. */
interface Credentials {
  _createSecureConnector(...args: unknown[]): { connect(socket: Socket): Promise<unknown> };
}

/** How long a handshake may take, in milliseconds. */
const handshakeTimeout = 3_000;

/**
 * Gives the TLS handshakes that are made with these credentials a time limit. @grpc/grpc-js has none: a server that is frozen
 * when a client connects would keep the socket open, and the process alive, also after the client was closed.
 *
 * @returns A function that ends the handshakes that are under way.
 */
export function limitHandshakes(credentials: unknown): () => void {
  const waiting = new Set<Socket>();
  const { _createSecureConnector: createConnector } = credentials as Credentials;
  (credentials as Credentials)._createSecureConnector = function (...args) {
    const connector = createConnector.apply(this, args);
    const { connect } = connector;
    connector.connect = (socket) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          socket.destroy();
          reject(new Error(`no TLS handshake within ${handshakeTimeout} ms`));
        }, handshakeTimeout);
        timer.unref();
        waiting.add(socket);
        connect
          .call(connector, socket)
          .then(resolve, reject)
          .finally(() => {
            clearTimeout(timer);
            waiting.delete(socket);
          });
      });
    return connector;
  };
  return () => {
    for (const socket of waiting) socket.destroy();
  };
}
