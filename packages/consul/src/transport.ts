import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher, Pool } from 'undici';
import type { ConsulClient, PapiListener, PapiOptions } from './consul-client.ts';

/**
 * Has the client library send its requests through a pool of undici in place of `node:http`: for about half the work, and an answer
 * that breaks off is an error.
 *
 * @param silence After so many milliseconds without a byte the request fails, counted from when it has a connection. Default: never.
 */
export function useTransport(client: ConsulClient, pool: Pool, silence = 0): void {
  const transport = { request: (options: PapiOptions) => new Exchange(pool, options, silence) };
  client._ext('onRequest', (request, next) => {
    request.transport = transport;
    next();
  });
}

/**
 * One request and its response, both with what the client library uses of those of `node:http`; it has one listener for each
 * event. An abort is told by the library itself, so that nothing is emitted after it.
 */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #pool: Pool;
  readonly #options: PapiOptions;
  readonly #silence: number;
  readonly #listeners = new Map<string, PapiListener>();
  #controller: Dispatcher.DispatchController | undefined;
  #aborted = false;
  statusCode = 0;
  headers: IncomingHttpHeaders = {};

  constructor(pool: Pool, options: PapiOptions, silence: number) {
    this.#pool = pool;
    this.#options = options;
    this.#silence = silence;
  }

  on(event: string, listener: PapiListener): this {
    this.#listeners.set(event, listener);
    return this;
  }

  emit(event: string, argument?: unknown): void {
    this.#listeners.get(event)?.(argument);
  }

  /** Of the user agent: there is none, and none is wanted. */
  getHeader(): null {
    return null;
  }

  removeHeader(): void {}

  end(body: Buffer | null = null): void {
    const { path, method, headers } = this.#options;
    this.#pool.dispatch(
      { path, method, headers, body, headersTimeout: this.#silence, bodyTimeout: this.#silence },
      this,
    );
  }

  abort(): void {
    this.#aborted = true;
    this.#controller?.abort(abortion);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#aborted) controller.abort(abortion);
  }

  onResponseStart(_: Dispatcher.DispatchController, statusCode: number, headers: IncomingHttpHeaders): void {
    this.statusCode = statusCode;
    this.headers = headers;
    this.emit('response', this);
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.emit('data', chunk);
  }

  onResponseEnd(): void {
    this.emit('end');
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    if (!this.#aborted) this.emit('error', error);
  }
}

const abortion = new Error('the request was given up');
