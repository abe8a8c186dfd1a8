import { resolve } from 'node:path';
import ts from 'typescript';
import type { Program } from './code-blocks.ts';
import { repository } from './pages.ts';

/** The compiler's options for everything in the repository. */
export function compilerOptions(): ts.CompilerOptions {
  const config = ts.getParsedCommandLineOfConfigFile(`${repository}/tsconfig.json`, {}, {
    ...ts.sys,
    readDirectory: () => [],
    onUnRecoverableConfigFileDiagnostic: (diagnostic) => {
      throw new Error(ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'));
    },
  } as ts.ParseConfigFileHost);
  if (config === undefined) throw new Error('there is no tsconfig.json');
  return config.options;
}

/** The compiler's messages about each program, as `page:line: message`. */
export function typeErrors(programs: readonly Program[]): Map<Program, string[]> {
  // As if they were files of this package, which depends on all that they import.
  const folder = resolve(import.meta.dirname, '../blocks');
  const files = new Map(programs.map((program, i) => [`${folder}/${i}.ts`, program]));
  // An example may leave unused what it shows.
  const options: ts.CompilerOptions = { ...compilerOptions(), noUnusedLocals: false, noUnusedParameters: false };
  const host = ts.createCompilerHost(options);
  const { fileExists, getSourceFile, readFile } = host;
  host.fileExists = (name) => files.has(name) || fileExists(name);
  host.readFile = (name) => files.get(name)?.code ?? readFile(name);
  host.getSourceFile = (name, ...rest) => {
    const program = files.get(name);
    return program === undefined
      ? getSourceFile.call(host, name, ...rest)
      : ts.createSourceFile(name, `${program.code}\nexport {};\n`, ts.ScriptTarget.ES2024);
  };
  const compiled = ts.createProgram({ rootNames: [...files.keys()], options, host });
  const errors = new Map<Program, string[]>();
  for (const [name, program] of files) {
    const source = compiled.getSourceFile(name);
    if (source === undefined) throw new Error(`the compiler did not read ${name}`);
    const diagnostics = [...compiled.getSyntacticDiagnostics(source), ...compiled.getSemanticDiagnostics(source)];
    errors.set(
      program,
      diagnostics.map(({ start = 0, messageText }) => {
        const line = source.getLineAndCharacterOfPosition(start).line + 1;
        return `${program.page}:${line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
      }),
    );
  }
  return errors;
}
