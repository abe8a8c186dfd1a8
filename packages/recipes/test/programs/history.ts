/*
 * history <sqlite|etcd|consul|zookeeper> [terms] [kills] [freezes] [candidates]: a history of elections, checked; the defaults are
 * 100 terms, 10 kills, 10 freezes and 5 candidates. Prints the result as JSON, or fails.
 */
import { type Backend, historyOn } from '../history/backend.ts';

const [backend = 'sqlite', ...numbers] = process.argv.slice(2);
const [terms = 100, kills = 10, freezes = 10, candidates = 5] = numbers.map(Number);
const start = performance.now();
const result = await historyOn(backend as Backend, { terms, kills, freezes, candidates });
const seconds = Math.round((performance.now() - start) / 1_000);
process.stdout.write(`${JSON.stringify({ backend, candidates, ...result, seconds })}\n`);
