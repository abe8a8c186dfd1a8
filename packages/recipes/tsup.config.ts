import { library } from '@kv-tooling/build/tsup';

export default library([
  'src/election/election.ts',
  'src/discovery/discovery.ts',
  'src/semaphore.ts',
  'src/read-write-lock.ts',
  'src/barrier.ts',
  'src/persistent-key.ts',
  'src/counter.ts',
]);
