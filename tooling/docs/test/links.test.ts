import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'vitest';
import { pages, readPage, repository } from '../src/pages.ts';

/** As GitHub names the headings of a page. */
function anchors(markdown: string): Set<string> {
  const headings = markdown.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ (.*)$/gm);
  return new Set(
    [...headings].map(([, title = '']) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

test.each(pages)('%s links to what exists', (page) => {
  const markdown = readPage(page);
  const broken: string[] = [];
  for (const [index, line] of markdown.split('\n').entries()) {
    for (const [, target = ''] of line.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^\w+:/.test(target)) continue;
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? join(repository, page) : join(repository, dirname(page), path);
      if (!existsSync(file)) broken.push(`${page}:${index + 1}: ${target}`);
      else if (anchor !== undefined && !anchors(readPage(relative(repository, file))).has(anchor)) {
        broken.push(`${page}:${index + 1}: ${target} (no such heading)`);
      }
    }
  }
  assert.deepEqual(broken, []);
});
