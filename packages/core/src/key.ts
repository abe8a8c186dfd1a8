import { Buffer } from 'node:buffer';
import { KvError } from './error.ts';

/** The longest key, in bytes of UTF-8, namespace included. */
export const maxKeyBytes = 512;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const controlCharacter = /[\u0000-\u001f\u007f-\u009f]/;
// A key of these characters only, without empty, `.` and `..` segments at the places a regular expression can see cheaply.
const plain = /^[\w@:=+,~%-][\w@:=+,~%.-]*(?:\/[\w@:=+,~%-][\w@:=+,~%.-]*)*$/;

/**
 * The canonical form of a key: without leading and trailing slashes.
 *
 * @throws {KvError} `KV_INVALID_KEY` that names the rule: not a string, empty, an empty segment, a `.` or `..` segment, a
 * control character, a lone surrogate, more than {@link maxKeyBytes} bytes.
 */
export function canonicalKey(key: string): string {
  if (typeof key === 'string' && key.length <= maxKeyBytes && plain.test(key)) return key;
  const canonical = canonicalDirectory(key);
  if (canonical === '') throw invalid(key, 'is empty');
  return canonical;
}

/** As {@link canonicalKey}, and the empty string (or `/`) is the directory of everything. */
export function canonicalDirectory(directory: string): string {
  if (typeof directory !== 'string') throw invalid(directory, `must be a string, not ${typeof directory}`);
  let start = 0;
  let end = directory.length;
  while (start < end && directory[start] === '/') start++;
  while (end > start && directory[end - 1] === '/') end--;
  const canonical = directory.slice(start, end);
  if (canonical === '') return '';
  for (const segment of canonical.split('/')) {
    if (segment === '') throw invalid(directory, 'has an empty segment (`//`)');
    if (segment === '.' || segment === '..') throw invalid(directory, `has the segment \`${segment}\``);
  }
  if (controlCharacter.test(canonical)) throw invalid(directory, 'has a control character');
  if (!canonical.isWellFormed()) throw invalid(directory, 'has a lone surrogate, which UTF-8 cannot express');
  checkLength(canonical);
  return canonical;
}

/** `key` below `directory`, both canonical. */
export function join(directory: string, key: string): string {
  if (directory === '') return key;
  if (key === '') return directory;
  const joined = `${directory}/${key}`;
  if (joined.length * 3 > maxKeyBytes) checkLength(joined);
  return joined;
}

/** What every key below `directory` starts with: never the key `ab` for the directory `a`. */
export function prefixOf(directory: string): string {
  return directory === '' ? '' : `${directory}/`;
}

/**
 * The order of keys everywhere: that of their UTF-8 bytes. JavaScript's own comparison goes by UTF-16 units and differs
 * where characters beyond U+FFFF meet those from U+E000 on.
 */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return codePointRank(x) - codePointRank(y);
  }
  return a.length - b.length;
}

/** Lifts the surrogates, which stand for characters beyond U+FFFF, over the other units. */
function codePointRank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

function checkLength(key: string): void {
  const bytes = Buffer.byteLength(key);
  if (bytes > maxKeyBytes) throw invalid(key, `has ${bytes} bytes in UTF-8, over the limit of ${maxKeyBytes}`);
}

function invalid(key: unknown, rule: string): KvError {
  const shown = typeof key === 'string' ? JSON.stringify(key.length > 80 ? `${key.slice(0, 80)}…` : key) : typeof key;
  return new KvError('KV_INVALID_KEY', `the key ${shown} ${rule}`, { outcome: 'not-applied' });
}
