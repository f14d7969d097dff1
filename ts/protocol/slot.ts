import { BuildError } from '../errors.ts';
import { readJson } from '../json.ts';
import { CHUNK, cidOf } from './cid.ts';

// The constants of an action are in one slot of its source. The rest follows from its code and modules alone. With other
// constants in the slot, it is the action that would be built with those.

const NAME = /^[A-Z][A-Z0-9_]*$/;

/** The source of an action, except for its constants. */
export interface Slotted {
  readonly before: string;
  readonly after: string;
}

/** The action that has these constants. @throws {BuildError} as {@link slotOf} */
export function filled(
  { before, after }: Slotted,
  define: Readonly<Record<string, unknown>>,
): {
  readonly source: string;
  readonly cid: string;
} {
  const source = notOneChunk(before + slotOf(define) + after);
  return { source, cid: cidOf(source) };
}

/**
 * Lit's hosts panic when they hash a source of exactly one whole chunk, 262,144 bytes: such an action has a CID but cannot
 * run there. One byte more, which changes nothing, and the source has two chunks.
 */
function notOneChunk(source: string): string {
  return new TextEncoder().encode(source).length === CHUNK ? `${source}\n` : source;
}

/** The module by which an action imports its constants. */
export function constantsModule(names: readonly string[]): string {
  return ['export {};', ...names.map((name) => `export const ${name} = tandemConstants.${name};`)].join('\n');
}

/**
 * What is in the slot: the constants in canonical JSON (RFC 8785: sorted keys, one spelling of a number), in the order of their
 * names, and in ASCII. So equal constants give equal sources, and equal CIDs, however they were given. Nothing is in it if there
 * are none.
 *
 * @throws {BuildError} if a name is not one, or a value is not JSON
 */
export function slotOf(define: Readonly<Record<string, unknown>>): string {
  const members = Object.keys(define)
    .sort()
    .map((name) => {
      if (!NAME.test(name)) throw new BuildError(`${name} cannot be the name of a constant: use A to Z, 0 to 9, _`);
      return `${name}:${canonicalJson(define[name], name)}`;
    });
  if (members.length === 0) return '';
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return `const tandemConstants={${members.join(',').replace(/[^\x20-\x7e]/g, escaped)}};\n`;
}

/** The constants in the slot of a source; undefined if it has none, or not in this form. What it says is not verified. */
export function constantsIn(source: string): Readonly<Record<string, unknown>> | undefined {
  const [, members] = /^const tandemConstants=(\{.*\});$/m.exec(source) ?? [];
  // Quotes the names of the constants, which are the only ones without, and leaves all texts as they are.
  const json = members?.replace(/"(?:\\.|[^"\\])*"|([A-Z][A-Z0-9_]*):/g, (all, name) => (name ? `"${name}":` : all));
  try {
    return json === undefined ? undefined : (readJson(json) as Record<string, unknown>);
  } catch {
    return undefined;
  }
}

function canonicalJson(value: unknown, where: string): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') {
    if (/\p{Surrogate}/u.test(value)) throw new BuildError(`${where}: half of a surrogate pair is not text`);
    return JSON.stringify(value);
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new BuildError(`${where}: ${value} is not a number in JSON`);
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
      throw new BuildError(`${where}: ${value} is too large for a number to hold exactly; give it as a text`);
    }
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) {
    return `[${Array.from(value, (item: unknown, i) => canonicalJson(item, `${where}[${i}]`)).join(',')}]`;
  }
  if (typeof value !== 'object' || ![Object.prototype, null].includes(Object.getPrototypeOf(value) as null)) {
    throw new BuildError(`${where}: a constant is JSON, and this is a ${typeof value}`);
  }
  const members = Object.keys(value)
    .sort()
    // A literal's "__proto__" would be the prototype, not a property.
    .map((key) => {
      const name = key === '__proto__' ? '["__proto__"]' : JSON.stringify(key);
      return `${name}:${canonicalJson((value as Record<string, unknown>)[key], `${where}.${key}`)}`;
    });
  return `{${members.join(',')}}`;
}
