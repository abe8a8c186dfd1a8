import assert from 'node:assert/strict';
import { text } from '../../codec.ts';
import { conformanceCase } from '../case.ts';
import { LockHistory } from '../lock-history.ts';

export const lockContention = [
  conformanceCase(
    'lock/protects-a-counter-without-compare-and-set',
    async ({ open, random }) => {
      const history = new LockHistory();
      const rounds = 8;
      const work = async (who: string) => {
        const store = (await open()).withCodec(text());
        for (let round = 0; round < rounds; round++) {
          const lock = await store.lock('locks/counter', { value: who });
          history.acquired(who, lock);
          const read = Number((await store.get('counter'))?.value ?? 0);
          if (random() < 0.3) await new Promise(setImmediate);
          await store.put('counter', `${read + 1}`);
          assert.equal(lock.lost.aborted, false);
          history.releasing(lock);
          await lock.release();
        }
      };
      await Promise.all(['a', 'b', 'c', 'd', 'e'].map(work));
      const counter = await (await open()).withCodec(text()).get('counter');
      assert.equal(counter?.value, `${5 * rounds}`);
      assert.equal(history.count, 5 * rounds);
    },
    { timeout: 60_000 },
  ),

  conformanceCase(
    'lock/has-one-holder-among-all-ways-to-get-it',
    async ({ open, random }) => {
      const history = new LockHistory();
      const held = { lock: 0, tryLock: 0 };
      const work = async (who: string) => {
        const store = await open();
        const other = await open();
        for (let round = 0; round < 10; round++) {
          const abort = new AbortController();
          const by = random() < 0.5 ? store : other;
          const choice = random();
          const timer = choice < 0.2 ? setTimeout(() => abort.abort(), random() * 10) : undefined;
          const attempt = choice > 0.7 ? by.tryLock('key') : by.lock('key', { signal: abort.signal });
          const lock = await attempt.catch((error) => void assert.equal(error, abort.signal.reason));
          clearTimeout(timer);
          if (lock === undefined) continue;
          history.acquired(who, lock);
          held[choice > 0.7 ? 'tryLock' : 'lock']++;
          assert.equal((await store.lockHolder('key'))?.token, lock.token);
          history.releasing(lock);
          await lock.release();
        }
      };
      await Promise.all(['a', 'b', 'c', 'd'].map(work));
      assert(held.lock > 0);
    },
    { timeout: 60_000 },
  ),

  conformanceCase('lock/one-of-many-that-try-at-once-gets-it', async ({ open, eventually }) => {
    const stores = await Promise.all(Array.from({ length: 5 }, () => open()));
    let token = 0n;
    for (let round = 0; round < 3; round++) {
      // Those that lose leave their entries for a moment, so that a round may have no winner.
      const winner = await eventually(async () => {
        const locks = (await Promise.all(stores.map((store) => store.tryLock('key')))).filter((it) => it !== undefined);
        assert(locks.length <= 1, 'two clients got the lock at once');
        return locks[0] ?? assert.fail('nobody got the lock');
      });
      assert(winner.token > token);
      token = winner.token;
      await winner.release();
    }
  }),
];
