// Writes the API reference: a page for each module, from the docstrings of the sources, into the folder that is named.
import { mkdirSync, writeFileSync } from 'node:fs';
import { type ApiExport, type ApiMember, type ApiModule, publicApi } from './api.ts';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('which folder?');
mkdirSync(folder, { recursive: true });
for (const module of publicApi()) {
  const file = `${folder}/${module.name.replace('@kv/', '').replaceAll('/', '-')}.md`;
  writeFileSync(file, pageOf(module));
  console.log(file);
}

function pageOf({ name, exports }: ApiModule): string {
  const intro = `# ${name}\n\n\`\`\`ts\nimport { … } from '${name}';\n\`\`\``;
  return `${[intro, ...exports.map(sectionOf)].join('\n\n')}\n`;
}

function sectionOf({ name, kind, place, signatures, doc, members }: ApiExport): string {
  return [
    `## ${name}`,
    `*${kind}*, ${place}`,
    `\`\`\`ts\n${signatures.join('\n')}\n\`\`\``,
    proseOf(doc),
    ...members.map(memberOf),
  ].join('\n\n');
}

function memberOf({ name, signature, doc }: ApiMember): string {
  return [`### ${name}`, `\`\`\`ts\n${signature}\n\`\`\``, proseOf(doc)].join('\n\n').trimEnd();
}

/** The tags as prose. */
function proseOf(doc: string): string {
  return doc
    .replaceAll(/\{@link (\w+)\}/g, '`$1`')
    .replaceAll(/^@(returns|throws|param|typeParam)\b ?(?:\{KvError\} ?)?/gm, (_, tag: string) => `\n**${tag}** `);
}
