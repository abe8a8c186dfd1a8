import { library } from '@kv-tooling/build/tsup';

export default library([
  'src/index.ts',
  'src/memory/index.ts',
  'src/conformance/index.ts',
  'src/conformance/vitest.ts',
  'src/conformance/node.ts',
  'src/otel/index.ts',
]);
