import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import { encode, type Message } from './protobuf.ts';

/** Of a message of gRPC: whether it is compressed, and how long it is. */
const frameHeader = 5;
const flowControlWindow = 4 * 1024 * 1024;

/** gRPC over node:http2, unary and in plain text. */
export class GrpcConnection {
  readonly #session: ClientHttp2Session;

  static async open(place: string): Promise<GrpcConnection> {
    const session = connect(`http://${place}`, { settings: { initialWindowSize: flowControlWindow } });
    await once(session, 'connect');
    session.setLocalWindowSize(flowControlWindow);
    return new GrpcConnection(session);
  }

  private constructor(session: ClientHttp2Session) {
    this.#session = session;
  }

  /** @returns The message that answers. */
  call(path: string, message: Message): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const stream = this.#session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
        hasleader: 'true',
        'grpc-timeout': '60S',
      });
      const chunks: Buffer[] = [];
      let status: unknown;
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('trailers', (trailers) => {
        status = trailers['grpc-status'];
      });
      stream.on('error', reject);
      stream.on('end', () => {
        const [first] = chunks;
        if (status !== '0' || first === undefined) reject(new Error(`status ${status}`));
        else resolve((chunks.length === 1 ? first : Buffer.concat(chunks)).subarray(frameHeader));
      });
      const frame = encode(message, frameHeader);
      frame[0] = 0;
      frame.writeUInt32BE(frame.length - frameHeader, 1);
      stream.end(frame);
    });
  }

  close(): void {
    this.#session.close();
  }
}
