import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the real server does not do on demand: an HTTP server that answers as told. The probe of `openStore` gets its answer here. */
export class FakeConsul {
  readonly address: string;
  readonly requests: URL[] = [];
  readonly #close: () => Promise<void>;

  static async start(
    answer: (url: URL, response: ServerResponse, request: IncomingMessage) => unknown,
  ): Promise<FakeConsul> {
    const server = createServer((request, response) => {
      const url = new URL(request.url ?? '', 'http://fake');
      request.resume();
      if (url.pathname === '/v1/kv/probe') return response.writeHead(404, { 'x-consul-index': '1' }).end();
      fake.requests.push(url);
      answer(url, response, request);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const fake = new FakeConsul((server.address() as AddressInfo).port, async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    });
    return fake;
  }

  private constructor(port: number, close: () => Promise<void>) {
    this.address = `http://127.0.0.1:${port}`;
    this.#close = close;
  }

  /** The root under which `openStore` is answered. */
  readonly root = 'probe';

  close(): Promise<void> {
    return this.#close();
  }
}

/** As Consul answers `/v1/kv`. */
export function sendPair(response: ServerResponse, index: number, value: string): void {
  response.writeHead(200, { 'content-type': 'application/json', 'x-consul-index': `${index}` });
  const Value = Buffer.from(value).toString('base64');
  response.end(JSON.stringify([{ Key: 'probe/key', Value, Flags: 0, CreateIndex: 1, ModifyIndex: index }]));
}
