/* session-holder <path> <ttl>: registers itself, tells, and stays. */
import { openStore } from '@kv/core';
import { sqlite } from '@kv/sqlite';

const [path = '', ttl = ''] = process.argv.slice(2);
const store = await openStore(sqlite({ path }));
const session = await store.session({ ttl: Number(ttl) });
await store.put('services/me', 'here', { session });
process.send?.('registered');
