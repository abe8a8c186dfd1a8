/* half-transaction <path>: begins a transaction past the driver, writes half of it, tells, and does nothing more. */
import Sqlite from 'better-sqlite3';

const [path = ''] = process.argv.slice(2);
const database = new Sqlite(path);
database.exec("BEGIN IMMEDIATE; UPDATE pairs SET value = x'00'");
process.send?.('half');
setInterval(() => database.inTransaction, 1_000); // it needs the database: one that nobody needs is closed, with its transaction
