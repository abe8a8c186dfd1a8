/** A fenced code block of a Markdown page. */
export interface CodeBlock {
  readonly page: string;
  /** `ts`, `sh`, `hcl`, … */
  readonly language: string;
  /** Of its first line of code, counted from 1. */
  readonly line: number;
  readonly code: string;
  /**
   * What the HTML comment right before it says, if there is one:
   * - `continues`: it goes on with the program of the block before it;
   * - `excerpt of FILE`: it stands in that file, which is tested by itself.
   */
  readonly note: string | undefined;
}

export function codeBlocks(page: string, markdown: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  const lines = markdown.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const opening = /^```(\w*)$/.exec(lines[i] ?? '');
    if (opening === null) continue;
    const end = lines.indexOf('```', i + 1);
    if (end === -1) throw new Error(`${page}:${i + 1}: the block does not end`);
    const before = lines.slice(0, i).findLast((line) => line !== '');
    const note = /^<!-- (.*) -->$/.exec(before ?? '')?.[1];
    const code = lines.slice(i + 1, end).join('\n');
    blocks.push({ page, language: opening[1] ?? '', line: i + 2, code, note });
    i = end;
  }
  return blocks;
}

/** Blocks that are one program: the first, and those that continue it. */
export interface Program {
  readonly page: string;
  readonly line: number;
  /** The code on the same lines as in the page, so that every message about it has the line of the page. */
  readonly code: string;
}

export function programs(blocks: readonly CodeBlock[]): Program[] {
  const found: CodeBlock[][] = [];
  for (const block of blocks) {
    if (block.language !== 'ts' || block.note?.startsWith('excerpt of ')) continue;
    const last = found.at(-1);
    if (block.note === 'continues' && last !== undefined && last[0]?.page === block.page) last.push(block);
    else found.push([block]);
  }
  return found.map((parts) => {
    let code = '';
    let line = 1;
    for (const part of parts) {
      code += '\n'.repeat(part.line - line) + part.code;
      line = part.line + part.code.split('\n').length - 1;
    }
    return { page: parts[0]?.page ?? '', line: parts[0]?.line ?? 0, code };
  });
}
