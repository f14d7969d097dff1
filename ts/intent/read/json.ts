import { CodedError } from '../../errors.ts';
import { MAX_DEPTH, readJson } from '../../json.ts';

/** A value of JSON as {@link parseJson} and {@link copyJson} give it: frozen, objects without a prototype. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** The size limit of an intent or a policy, as JSON text or as the strings within an object: UTF-16 code units. */
export const MAX_JSON_SIZE = 131_072;
const MAX_NODES = 8192;

/** Input that is not what it must be. The message names the place and what is wrong there. */
export class InputError extends CodedError {
  override readonly name = 'InputError';
  override readonly code = 'malformed';
  /** Where, such as `transaction.accessList[0].address`; empty for the whole. */
  readonly path: string;

  constructor(path: string, problem: string) {
    super(path === '' ? problem : `${path}: ${problem}`);
    this.path = path;
  }
}

/**
 * Parses JSON text, refusing repeated keys, which every parser resolves in its own way.
 *
 * @throws {@link InputError} if the text is too large, is not JSON, repeats a key, or fails {@link copyJson}
 */
export function parseJson(text: string): Json {
  if (typeof text !== 'string') throw new InputError('', 'not a text');
  if (text.length > MAX_JSON_SIZE) throw new InputError('', `larger than ${MAX_JSON_SIZE} characters`);
  let value: unknown;
  try {
    value = readJson(text);
  } catch {
    throw new InputError('', `not JSON, or nested deeper than ${MAX_DEPTH}`);
  }
  const copy = copyJson(value);
  // JSON.parse keeps the last of repeated keys; so what it saw is all there was only if it can be written back. This
  // also refuses numbers that lost digits.
  const normal = text.replace(/"[^"\\]*(?:\\.[^"\\]*)*"|\s+/g, (token) =>
    token.startsWith('"') ? JSON.stringify(JSON.parse(token)) : '',
  );
  if (normal !== JSON.stringify(value))
    throw new InputError('', 'a key is repeated, or a number is not in shortest form');
  return copy;
}

/**
 * Copies a value read from JSON, property by property and once, so that nothing can change it afterwards.
 *
 * @throws {@link InputError} if it is too large or too deep, or is anything that JSON cannot hold: accessors, symbols,
 *   inherited or hidden properties, other prototypes, holes, lone surrogates, or a key of the prototype machinery
 */
export function copyJson(value: unknown): Json {
  let nodes = 0;
  let size = 0;

  function text(value: string, path: string): string {
    size += value.length;
    if (size > MAX_JSON_SIZE) throw new InputError('', `larger than ${MAX_JSON_SIZE} characters`);
    if (/\p{Surrogate}/u.test(value)) throw new InputError(path, 'not valid Unicode');
    return value;
  }

  function copy(value: unknown, path: string, depth: number): Json {
    nodes += 1;
    if (nodes > MAX_NODES) throw new InputError('', `more than ${MAX_NODES} values`);
    if (depth > MAX_DEPTH) throw new InputError('', `nested deeper than ${MAX_DEPTH}`);
    if (value === null || typeof value === 'boolean') return value;
    if (typeof value === 'string') return text(value, path);
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    if (typeof value !== 'object') throw new InputError(path, 'not a JSON value');

    const isList = Array.isArray(value);
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== (isList ? Array.prototype : Object.prototype) && (isList || prototype !== null)) {
      throw new InputError(path, 'not a plain object or list');
    }
    const keys = Reflect.ownKeys(value).filter((key) => !isList || key !== 'length');
    const items: Json[] = [];
    const object: Record<string, Json> = Object.create(null);
    for (const [i, key] of keys.entries()) {
      const property = Object.getOwnPropertyDescriptor(value, key);
      if (typeof key !== 'string' || property?.enumerable !== true || !('value' in property)) {
        throw new InputError(path, 'a property that JSON does not have');
      }
      if (isList) {
        if (key !== String(i)) throw new InputError(path, 'not a plain list');
        items.push(copy(property.value, `${path}[${i}]`, depth + 1));
      } else {
        const place = within(path, key);
        if (key === '__proto__' || key === 'constructor' || key === 'prototype') {
          throw new InputError(place, 'not a key that is allowed');
        }
        object[text(key, place)] = copy(property.value, place, depth + 1);
      }
    }
    if (isList && items.length !== value.length) throw new InputError(path, 'not a plain list');
    return Object.freeze(isList ? items : object);
  }

  return copy(value, '', 0);
}

/** The path of a property. A key that could be mistaken for something else is quoted and shortened. */
export function within(path: string, key: string): string {
  const name = /^[\w$-]{1,40}$/.test(key) ? key : JSON.stringify(key.slice(0, 40)).replace(/[^ -~]/g, '?');
  return path === '' ? name : `${path}.${name}`;
}
