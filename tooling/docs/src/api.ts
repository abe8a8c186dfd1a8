import ts from 'typescript';
import { repository } from './pages.ts';
import { compilerOptions } from './type-check.ts';

/** What a package exports under one name. */
export interface ApiExport {
  readonly name: string;
  readonly kind: 'class' | 'function' | 'interface' | 'type' | 'value';
  /** Where it is declared: `packages/core/src/store.ts:30`. */
  readonly place: string;
  /** As it is declared, without bodies and comments. */
  readonly signatures: readonly string[];
  readonly doc: string;
  readonly members: readonly ApiMember[];
}

export interface ApiMember {
  readonly name: string;
  readonly place: string;
  readonly signature: string;
  readonly optional: boolean;
  readonly doc: string;
}

export interface ApiModule {
  /** `@kv/core/memory` */
  readonly name: string;
  readonly exports: readonly ApiExport[];
}

/** The public API of every package, read from its sources. */
export function publicApi(): ApiModule[] {
  const entries = packageEntries();
  const compiled = ts.createProgram({ rootNames: entries.map(({ file }) => file), options: compilerOptions() });
  const checker = compiled.getTypeChecker();
  return entries.map(({ name, file }) => {
    const source = compiled.getSourceFile(file);
    const module = source && checker.getSymbolAtLocation(source);
    if (module === undefined) throw new Error(`${file} is no module`);
    const symbols = checker.getExportsOfModule(module);
    const exports = symbols.map((symbol) => apiExport(symbol, checker));
    return { name, exports: exports.sort((a, b) => (a.name < b.name ? -1 : 1)) };
  });
}

function packageEntries(): { name: string; file: string }[] {
  const manifests = ts.sys.readDirectory(
    `${repository}/packages`,
    ['package.json'],
    ['**/node_modules'],
    ['*/package.json'],
  );
  return manifests.flatMap((manifest) => {
    const { name, exports } = JSON.parse(ts.sys.readFile(manifest) ?? '') as {
      name: string;
      exports: Record<string, string | { '@kv/source'?: string }>;
    };
    return Object.entries(exports).flatMap(([path, target]) => {
      const source = typeof target === 'object' ? target['@kv/source'] : undefined;
      if (source === undefined) return [];
      return [{ name: name + path.slice(1), file: `${manifest.slice(0, -'package.json'.length)}${source.slice(2)}` }];
    });
  });
}

function apiExport(exported: ts.Symbol, checker: ts.TypeChecker): ApiExport {
  const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
  const declarations = (symbol.declarations ?? []).filter((declaration) => !isImplementation(declaration));
  const [first] = declarations;
  if (first === undefined) throw new Error(`${exported.name} has no declaration`);
  return {
    name: exported.name,
    kind: kindOf(first),
    place: placeOf(first),
    signatures: declarations.map(headOf),
    doc: docOf(declarations),
    members: membersOf(first),
  };
}

/** The one with the body, where overloads are what callers see. */
function isImplementation(declaration: ts.Declaration): boolean {
  if (!ts.isFunctionDeclaration(declaration) && !ts.isMethodDeclaration(declaration)) return false;
  if (declaration.body === undefined) return false;
  const siblings = ts.isSourceFile(declaration.parent) ? declaration.parent.statements : declaration.parent;
  const all = 'members' in siblings ? (siblings.members as ts.NodeArray<ts.Node>) : (siblings as ts.NodeArray<ts.Node>);
  return all.some(
    (other) =>
      (ts.isFunctionDeclaration(other) || ts.isMethodDeclaration(other)) &&
      other.body === undefined &&
      other.name?.getText() === declaration.name?.getText(),
  );
}

function kindOf(declaration: ts.Declaration): ApiExport['kind'] {
  if (ts.isClassDeclaration(declaration)) return 'class';
  if (ts.isFunctionDeclaration(declaration)) return 'function';
  if (ts.isInterfaceDeclaration(declaration)) return 'interface';
  return ts.isTypeAliasDeclaration(declaration) ? 'type' : 'value';
}

function membersOf(declaration: ts.Declaration): ApiMember[] {
  if (!ts.isClassDeclaration(declaration) && !ts.isInterfaceDeclaration(declaration)) return [];
  const members = new Map<string, ts.ClassElement[] | ts.TypeElement[]>();
  for (const member of declaration.members as ts.NodeArray<ts.ClassElement | ts.TypeElement>) {
    if (!isPublic(member) || isImplementation(member)) continue;
    const name = ts.isConstructorDeclaration(member) ? 'constructor' : (member.name?.getText() ?? '');
    (members.get(name) as ts.Node[] | undefined)?.push(member) ?? members.set(name, [member] as ts.ClassElement[]);
  }
  return [...members].map(([name, same]) => ({
    name,
    place: placeOf(same[0] as ts.Declaration),
    signature: (same as ts.Declaration[]).map(headOf).join('\n'),
    optional: (same as ts.PropertySignature[]).some(({ questionToken }) => questionToken !== undefined),
    doc: docOf(same as ts.Declaration[]),
  }));
}

function isPublic(member: ts.ClassElement | ts.TypeElement): boolean {
  if (member.name !== undefined && (ts.isPrivateIdentifier(member.name) || ts.isComputedPropertyName(member.name)))
    return false;
  if (ts.getCombinedModifierFlags(member) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) return false;
  return !ts.getJSDocTags(member).some(({ tagName }) => tagName.text === 'internal');
}

function placeOf(node: ts.Node): string {
  const source = node.getSourceFile();
  const { line } = source.getLineAndCharacterOfPosition(node.getStart());
  return `${source.fileName.slice(repository.length + 1)}:${line + 1}`;
}

/** The text of the comments, without their frame. */
function docOf(declarations: readonly ts.Declaration[]): string {
  const texts = declarations.flatMap((declaration) => {
    const owner = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
    return ts.getJSDocCommentsAndTags(owner).filter(ts.isJSDoc);
  });
  return texts
    .map((doc) =>
      doc
        .getText()
        .replace(/^\/\*\*\s?|\s*\*\/$/g, '')
        .replaceAll(/^\s*\* ?/gm, '')
        .trim(),
    )
    .join('\n\n');
}

/** A declaration as far as its users see it. */
function headOf(declaration: ts.Declaration): string {
  const text = declaration.getText();
  const body = (declaration as ts.FunctionLikeDeclaration).body;
  if (body !== undefined) return text.slice(0, body.getStart() - declaration.getStart()).trim();
  if (ts.isClassDeclaration(declaration) || ts.isInterfaceDeclaration(declaration)) {
    return text.slice(0, text.indexOf('{')).trim();
  }
  return text.replaceAll(/\/\*\*[\s\S]*?\*\/\s*/g, '');
}
