import assert from 'node:assert/strict';
import { text } from '../../codec.ts';
import { KvError } from '../../error.ts';
import type { Store } from '../../store.ts';
import { type CaseClient, type CaseContext, conformanceCase } from '../case.ts';
import { goneWithin, shortTtl } from '../durations.ts';
import { LockedRegister } from '../locked-register.ts';

export const lockFaultsHistory = [
  conformanceCase(
    'lock/histories-hold-while-the-server-restarts',
    (context) =>
      underFaults(context, async (_, progress) => {
        for (let i = 0; i < 3; i++) {
          await context.faults.restart();
          await progress();
        }
      }),
    { faults: ['restart'], timeout: 240_000 },
  ),

  conformanceCase(
    'lock/histories-hold-while-clients-are-cut-off',
    (context) =>
      underFaults(context, async (clients, progress) => {
        for (const [i, mode] of (['refuse', 'silent'] as const).entries()) {
          const heal = await clients[i]?.faults.partition(mode);
          await progress();
          await heal?.();
          await progress();
        }
      }),
    { faults: ['partition'], timeout: 240_000 },
  ),

  conformanceCase(
    'lock/histories-hold-while-connections-break',
    (context) =>
      underFaults(context, async (clients, progress) => {
        for (let i = 0; i < 9; i++) {
          await clients[i % clients.length]?.faults.reset();
          if (i % 3 === 2) await progress();
        }
      }),
    { faults: ['reset'], timeout: 240_000 },
  ),
];

type Faults = (clients: readonly CaseClient[], progress: () => Promise<void>) => Promise<void>;

/**
 * Three clients take turns at a register while `faults` goes on. `progress` resolves when the register has been written
 * some more times.
 */
async function underFaults(context: CaseContext, faults: Faults): Promise<void> {
  const { connect, open, eventually, capabilities } = context;
  const ttl = shortTtl(capabilities.session);
  const clients = await Promise.all([1, 2, 3].map(() => connect({ timeout: 2_000 })));
  const register = new LockedRegister('register');
  let over = false;
  const work = async (store: Store<string>, who: string) => {
    while (!over) {
      try {
        const lock = await store.lock('locks/register', { ttl, wait: 2_000, value: who });
        await register.write(store, who, lock);
      } catch (error) {
        assert(KvError.is(error) && bearable.has(error.code), error as Error);
      }
      await new Promise(setImmediate);
    }
  };
  const progress = async () => {
    const goal = register.written + 5;
    const within = goneWithin(ttl, capabilities) + 30_000;
    await eventually(() => assert(register.written >= goal, 'nobody gets the lock any more'), within);
  };
  const working = clients.map(({ store }, i) => work(store.withCodec(text()), `client ${i + 1}`));
  const failed = Promise.all(working);
  try {
    await Promise.race([failed, progress().then(() => faults(clients, progress))]);
  } finally {
    over = true;
    await Promise.allSettled(working);
  }
  await failed;
  const final = await eventually(async () => (await open()).withCodec(text()).get('register'), 30_000);
  register.check(final?.value);
}

/** What a call may fail with when the server or the network is away. */
const bearable = new Set(['KV_UNAVAILABLE', 'KV_TIMEOUT', 'KV_SESSION_LOST']);
