/** Protocols whose requests a proxy can tell apart in what a client sends, where it is not encrypted. */
export type Protocol = 'http1' | 'http2' | 'zookeeper';

const lineEnd = '\r\n';

/** Asks for a number of bytes, or for all up to and with the next end of a line, and gets them. */
type Parser = Generator<number | typeof lineEnd, void, Buffer>;

function* http1(count: () => void): Parser {
  for (;;) {
    let length = 0;
    let chunked = false;
    yield lineEnd; // the method and the path
    for (let header = yield lineEnd; header.length > lineEnd.length; header = yield lineEnd) {
      const [name, value = ''] = header.toString('latin1').toLowerCase().split(':');
      if (name === 'content-length') length = Number(value);
      if (name === 'transfer-encoding') chunked = value.includes('chunked');
    }
    count();
    if (length > 0) yield length;
    while (chunked) {
      const size = Number.parseInt((yield lineEnd).toString('latin1'), 16);
      if (size > 0) yield size + lineEnd.length;
      else while ((yield lineEnd).length > lineEnd.length); // trailers, up to an empty line
      chunked = size > 0;
    }
  }
}

/** One HEADERS frame opens one stream: a call of gRPC, however many messages it carries. */
function* http2(count: () => void): Parser {
  yield 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'.length;
  for (;;) {
    const head = yield 9;
    if (head[3] === 1) count();
    yield head.readUIntBE(0, 3);
  }
}

/** Neither the first frame, which opens the session, nor pings. */
function* zookeeper(count: () => void): Parser {
  const ping = -2;
  for (let frames = 0; ; frames++) {
    const frame = yield (yield 4).readInt32BE();
    if (frames > 0 && frame.readInt32BE() !== ping) count();
  }
}

/** Takes what one connection's client sends, in pieces of any size, and calls `count` for each request. */
export function requestCounter(protocol: Protocol, count: () => void): (piece: Buffer) => void {
  const parser = { http1, http2, zookeeper }[protocol](count);
  let wanted = parser.next().value;
  let pending: Buffer = Buffer.alloc(0);
  return (piece) => {
    pending = Buffer.concat([pending, piece]);
    for (;;) {
      const lineStart = wanted === lineEnd ? pending.indexOf(lineEnd) : -1;
      const length = typeof wanted === 'number' ? wanted : lineStart < 0 ? Infinity : lineStart + lineEnd.length;
      if (pending.length < length) return;
      const found = pending.subarray(0, length);
      pending = pending.subarray(length);
      wanted = parser.next(found).value;
    }
  };
}
