import { Buffer } from 'node:buffer';
import { connect } from 'node:net';
import type { ConnectionOptions } from './connection.ts';

/** What a client must know to go on with a session, in hexadecimal. */
export interface SessionTicket {
  readonly id: string;
  readonly password: string;
}

/** Of one attempt, in milliseconds. */
const patience = 2_000;

/**
 * Ends a session over a connection of its own, with the messages that it takes. The client's own way to end one stops the whole
 * process until the server has hung up, or for 1.5 s. Asks one server after the other, each once. Where none answers, the session
 * ends by its time-out.
 */
export async function endSession({ servers, timeout, login }: ConnectionOptions, ticket: SessionTicket): Promise<void> {
  // Whose nodes go with the session does not matter, but a server may be set to hear nobody who has not logged in.
  const messages = [resume(timeout, ticket), ...(login === undefined ? [] : [logIn(login)]), closeSession];
  const request = Buffer.concat(messages.map(frame));
  for (const server of servers) {
    if (await isAnswered(server, request)) return;
  }
}

/** Whether a server has hung up, as it does both when it has ended the session and when there is none, after it has answered. */
function isAnswered(server: string, request: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    const colon = server.lastIndexOf(':');
    const host = server.slice(0, colon).replace(/^\[|\]$/g, '');
    const socket = connect({ host, port: Number(server.slice(colon + 1)) });
    let answered = false;
    socket.on('connect', () => socket.write(request));
    socket.on('data', () => {
      answered = true;
    });
    // 'close' follows.
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(answered);
    });
    const timer = setTimeout(() => socket.destroy(), patience);
  });
}

/** ConnectRequest in zookeeper.jute: protocol, last transaction seen, time-out, session, password, read-only. */
function resume(timeout: number, { id, password }: SessionTicket): Buffer {
  const secret = Buffer.from(password, 'hex');
  const message = Buffer.alloc(4 + 8 + 4 + 8 + 4 + secret.length + 1);
  message.writeInt32BE(timeout, 12);
  message.writeBigUInt64BE(BigInt(`0x${id}`), 16);
  message.writeInt32BE(secret.length, 24);
  secret.copy(message, 28);
  return message;
}

/** RequestHeader: a number, and the operation, which is -11. */
const closeSession = Buffer.from([0, 0, 0, 1, 0xff, 0xff, 0xff, 0xf5]);

/** RequestHeader, with the number -4 and the operation 100; and AuthPacket: a type that is ignored, the scheme, and the credentials. */
function logIn({ user, password }: NonNullable<ConnectionOptions['login']>): Buffer {
  const head = Buffer.from([0xff, 0xff, 0xff, 0xfc, 0, 0, 0, 100, 0, 0, 0, 0]);
  return Buffer.concat([head, frame(Buffer.from('digest')), frame(Buffer.from(`${user}:${password}`))]);
}

function frame(message: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(message.length);
  return Buffer.concat([length, message]);
}
