import type { CallName, Connection } from './connection.ts';
import { effectiveTtl } from './lifetime.ts';
import { Session, type SessionOptions } from './session.ts';

const defaultTtl = 15_000;

export async function openSession(
  connection: Connection,
  name: CallName,
  { ttl = defaultTtl, ...options }: SessionOptions,
): Promise<Session> {
  const effective = checkedTtl(connection, name, ttl);
  let sentAt = 0;
  const stored = await connection.run(
    name,
    options,
    (driver, call) => {
      sentAt = performance.now();
      return driver.openSession(effective, call);
    },
    (late) => connection.background(Promise.resolve(connection.finish(name, {}, (_, call) => late.close(call)))),
  );
  return new Session(connection, stored, sentAt);
}

function checkedTtl(connection: Connection, name: CallName, ttl: number): number {
  try {
    return effectiveTtl(ttl, connection.driver.capabilities.session);
  } catch (error) {
    throw connection.tell(error, name);
  }
}
