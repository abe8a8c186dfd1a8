import { type IncomingHttpHeaders, request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import type { Access, Address } from './server.ts';

export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For the whole exchange, in milliseconds. Default: 5 s. */
  readonly timeout?: number;
}

/** One request on a connection of its own, so that no pooled connection outlives a restart of the server. */
export function http(address: Address, access: Access, request: HttpRequest): Promise<HttpResponse> {
  const { method, path, headers, body, timeout = 5000 } = request;
  return new Promise((resolve, reject) => {
    const outgoing = (access.tls ? tlsRequest : plainRequest)(
      {
        host: address.host,
        port: address.port,
        method,
        path,
        headers,
        agent: false,
        signal: AbortSignal.timeout(timeout),
        ...access.tls,
      },
      (incoming) => {
        let received = '';
        incoming.setEncoding('utf8');
        incoming.on('data', (text: string) => {
          received += text;
        });
        incoming.once('error', reject);
        incoming.once('end', () =>
          resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: received }),
        );
      },
    );
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}
