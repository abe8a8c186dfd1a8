import { library } from '@kv-tooling/build/tsup';

export default library(['src/index.ts']);
