import type { ClientRequest, RequestOptions } from 'node:http';
import type { ConsulClient, PapiRequest } from './consul-client.ts';

/**
 * Mends what the HTTP client below the client library lacks: it waits only for the `end` of an answer, which never comes if
 * the connection breaks inside of it, and it cannot tell a silent connection.
 *
 * @param silence After so many milliseconds without a byte the request fails. From when it has a socket, unlike the
 * time-out of the client library, which counts the wait for one.
 */
export function mendTransport(
  client: ConsulClient,
  transport: typeof import('node:http') | typeof import('node:https'),
  silence?: number,
): void {
  const mended = {
    request(options: RequestOptions): ClientRequest {
      const request = transport.request(options);
      if (silence !== undefined) request.once('timeout', () => request.destroy());
      request.once('response', (response) => {
        // Its only one: an answer that breaks off. The listener of the client library is on the request.
        response.once('error', (error) => request.emit('error', error));
      });
      return request;
    },
  } as PapiRequest['transport'];
  client._ext('onRequest', (request, next) => {
    if (silence !== undefined) request.req.timeout = silence;
    request.transport = mended;
    next();
  });
}
