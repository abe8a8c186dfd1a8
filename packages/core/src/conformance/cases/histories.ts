import assert from 'node:assert/strict';
import { type CaseClient, type CaseContext, conformanceCase } from '../case.ts';
import { expectError } from '../expect-error.ts';
import { RegisterClient, RegisterHistory } from '../register-history.ts';

/** Several clients work on one key while `disturb` goes on; then every result must have an explanation. */
async function checked(
  { capabilities, connect, random, signal }: CaseContext,
  timeout: number,
  disturb: (clients: readonly CaseClient[], history: RegisterHistory) => Promise<void>,
): Promise<void> {
  const clients = await Promise.all(Array.from({ length: 4 }, () => connect({ timeout })));
  const history = new RegisterHistory();
  const deletes = capabilities.compareAndSet === 'exact';
  const workers = clients.map(({ store }) => new RegisterClient(history, store, 'register', random, deletes));
  let over = false;
  const disturbed = disturb(clients, history).finally(() => {
    over = true;
  });
  await Promise.all([disturbed, ...workers.map((worker) => worker.work(() => over, signal))]);
  assert(history.operations.length >= 20, `only ${history.operations.length} operations were answered`);
  history.check();
}

export const histories = [
  conformanceCase('histories/are-linearizable', (context) =>
    checked(context, 10_000, async (_, history) => {
      await context.eventually(() => assert(history.operations.length > 150), 20_000);
    }),
  ),

  conformanceCase(
    'histories/are-linearizable-over-a-restart',
    (context) =>
      checked(context, 5_000, async () => {
        for (let i = 0; i < 2; i++) await context.faults.restart();
      }),
    { faults: ['restart'], timeout: 120_000 },
  ),

  conformanceCase(
    'histories/are-linearizable-over-a-failover',
    (context) =>
      checked(context, 5_000, async () => {
        const heal = await context.faults.failover();
        await heal();
      }),
    { faults: ['failover'], timeout: 120_000 },
  ),

  conformanceCase(
    'histories/are-linearizable-over-a-pause',
    (context) =>
      checked(context, 1_000, async () => {
        const { store } = await context.connect({ timeout: 1_500 });
        const heal = await context.faults.pause();
        // Until a call of its own has run into its deadline, those of the others have too.
        await expectError(store.get('register'), 'KV_TIMEOUT');
        await heal();
      }),
    { faults: ['pause'], timeout: 60_000 },
  ),

  conformanceCase(
    'histories/are-linearizable-while-connections-break',
    (context) =>
      checked(context, 3_000, async ([first, second, third]) => {
        assert(first && second && third);
        const heal = await first.faults.partition('refuse');
        await second.faults.reset();
        await third.store.get('register');
        await heal();
        await first.faults.reset();
        await third.faults.reset();
      }),
    { faults: ['partition', 'reset'], timeout: 60_000 },
  ),
];
