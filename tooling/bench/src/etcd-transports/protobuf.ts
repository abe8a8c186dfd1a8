/* As much of Protocol Buffers as the requests of the prototype need. */

type Field = readonly [number: number, value: Buffer | number | bigint | Message];
export type Message = readonly Field[];

const varint = 0;
const lengthDelimited = 2;

/** @param reserved How many bytes to leave free before the message. */
export function encode(message: Message, reserved = 0): Buffer {
  const buffer = Buffer.allocUnsafe(reserved + lengthOf(message));
  write(message, buffer, reserved);
  return buffer;
}

function lengthOf(message: Message): number {
  let length = 0;
  for (const [number, value] of message) {
    length += varintLength(number << 3);
    if (typeof value === 'object') {
      const inner = Buffer.isBuffer(value) ? value.length : lengthOf(value);
      length += varintLength(inner) + inner;
    } else length += varintLength(value);
  }
  return length;
}

function varintLength(value: number | bigint): number {
  let length = 1;
  for (let rest = BigInt(value); rest > 127n; rest >>= 7n) length++;
  return length;
}

function write(message: Message, buffer: Buffer, start: number): number {
  let at = start;
  for (const [number, value] of message) {
    if (typeof value !== 'object') {
      at = writeVarint(value, buffer, writeVarint((number << 3) | varint, buffer, at));
      continue;
    }
    at = writeVarint((number << 3) | lengthDelimited, buffer, at);
    at = writeVarint(Buffer.isBuffer(value) ? value.length : lengthOf(value), buffer, at);
    at = Buffer.isBuffer(value) ? at + value.copy(buffer, at) : write(value, buffer, at);
  }
  return at;
}

function writeVarint(value: number | bigint, buffer: Buffer, start: number): number {
  let at = start;
  let rest = BigInt(value);
  for (; rest > 127n; rest >>= 7n) buffer[at++] = Number(rest & 127n) | 128;
  buffer[at++] = Number(rest);
  return at;
}

/** Reads the fields of a message, one after the other. */
export class Reader {
  number = 0;
  /** Of a field that is a number. */
  integer = 0n;
  /** Of a field that is bytes, or a message. */
  bytes: Buffer;
  readonly #message: Buffer;
  #at = 0;

  constructor(message: Buffer) {
    this.#message = message;
    this.bytes = message;
  }

  next(): boolean {
    if (this.#at >= this.#message.length) return false;
    const tag = Number(this.#varint());
    this.number = tag >> 3;
    if ((tag & 7) === varint) this.integer = BigInt(this.#varint());
    else {
      const length = Number(this.#varint());
      this.bytes = this.#message.subarray(this.#at, this.#at + length);
      this.#at += length;
    }
    return true;
  }

  #varint(): number | bigint {
    let value = 0;
    let factor = 1;
    for (let digits = 0; digits < 7; digits++) {
      const byte = this.#message[this.#at++] as number;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
    let long = BigInt(value);
    for (let shift = 49n; ; shift += 7n) {
      const byte = this.#message[this.#at++] as number;
      long |= BigInt(byte & 127) << shift;
      if (byte < 128) return long;
    }
  }
}
