import { BuildError } from '../errors.ts';
import type { Json } from '../runtime/types.ts';

const NAME = /^[A-Z][A-Z0-9_]*$/;

/**
 * The constants of an action as a module: each in canonical JSON (RFC 8785: sorted keys, one spelling of a number), in
 * the order of their names. So equal constants give equal sources, and equal CIDs, however they were given.
 *
 * @throws {BuildError} if a name is not one, or a value is not JSON
 */
export function constantsModule(define: Readonly<Record<string, Json>>): string {
  const lines = Object.keys(define)
    .sort()
    .map((name) => {
      if (!NAME.test(name)) throw new BuildError(`${name} is no name for a constant: use A to Z, 0 to 9, _`);
      return `export const ${name} = ${canonicalJson(define[name], name)};`;
    });
  return ['export {};', ...lines].join('\n');
}

function canonicalJson(value: unknown, where: string): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') {
    if (/\p{Surrogate}/u.test(value)) throw new BuildError(`${where}: half of a surrogate pair is no text`);
    return JSON.stringify(value);
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new BuildError(`${where}: ${value} is no number of JSON`);
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
      throw new BuildError(`${where}: ${value} is past the integers that a number holds exactly; give it as a text`);
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
