import assert from 'node:assert/strict';
import { conformanceCase } from '../case.ts';

export const getAndPut = [
  conformanceCase('put/makes-a-pair-that-every-client-reads', async ({ open }) => {
    const [writer, reader] = [await open(), await open()];
    const written = await writer.put('config/region', 'eu');
    assert.equal(written.key, 'config/region');
    assert.deepEqual(await reader.get('config/region'), written);
  }),
];
