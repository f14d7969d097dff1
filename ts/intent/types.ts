import type { TypedDataParameter } from 'viem';
import { MAX_DEPTH } from '../json.ts';
import { InputError, type Json, within } from './read/json.ts';
import { address, boolean, entries, hex, int, list, object, type Reader, text, uint } from './read/strict.ts';

/** A type of Solidity's ABI or of EIP-712. Structs of a name that occurs twice are one object. */
export type Type =
  | { readonly kind: 'atom'; readonly name: string }
  | { readonly kind: 'list'; readonly item: Type; readonly length: number | undefined }
  | { readonly kind: 'struct'; readonly fields: readonly Field[] };

export interface Field {
  readonly name: string;
  readonly type: Type;
}

/** A value of a {@link Type} in its only form: numbers are bigints, addresses and bytes are lower-case hex. */
export type Value = Atom | readonly Value[] | { readonly [field: string]: Value };

/** A value without parts. */
export type Atom = string | boolean | bigint;

/** Structs of EIP-712 typed data by name, frozen. */
export type Structs = { readonly [name: string]: readonly TypedDataParameter[] };

// A guard against hashing one long type again for each of many values; the longest in use have some 700 characters.
const MAX_TYPE_SIZE = 4096;

/** The type that EIP-712 gives the domain. No other struct has this name, and none uses it. */
export const DOMAIN = 'EIP712Domain';

// A name must leave encodeType only one reading, and be shown as it is: no part of a type's own syntax, no blank, and nothing that is
// invisible or changes the direction of text.
const NAME = /^[^()[\],\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]+$/u;
// Those of Solidity, and what others take for one, like int7 or bytes33.
const ATOM_LIKE = /^(address|bool|string|function|bytes\d*|u?(int|fixed)[\dx]*)$/;
const ATOM = /^(?:address|bool|string|(bytes)([1-9]\d?)?|(u?int)([1-9]\d{0,2}))$/;

/** Tells whether `name` is a type without parts; those of EIP-712 and of the ABI are the same. */
export function isAtom(name: string): boolean {
  const match = ATOM.exec(name);
  const [, , size, , bits] = match ?? [];
  return match !== null && !(Number(size) > 32) && !(Number(bits) > 256) && !(Number(bits) % 8 > 0);
}

/** Tells whether `name` may name a field: not `__proto__`, `toString` and the like. */
export function isName(name: string): boolean {
  return NAME.test(name) && !(name in {});
}

/**
 * Tells whether `name` may name a struct. The primary type may have spaces within: as the type of a field, such a name and
 * the field's could be told apart in two ways. Nor is it sorted among others, which libraries do in different ways for
 * characters beyond U+FFFF.
 */
export function isStructName(name: string, isPrimary: boolean): boolean {
  const plain = isPrimary ? name.replace(/(?<=.) (?=.)/gu, '_') : name;
  return isName(plain) && !ATOM_LIKE.test(name) && (isPrimary || !/[^\0-\uffff]/u.test(name));
}

/** The type that `name` names with the brackets that follow it, outermost last, as in `T[2][]`. */
export function withBrackets(type: Type, brackets: string): Type {
  return [...brackets.matchAll(/\[(\d*)\]/g)].reduce<Type>(
    (item, [, length]) => ({ kind: 'list', item, length: length ? Number(length) : undefined }),
    type,
  );
}

/** Reads a field of a struct. */
export const readField = object<TypedDataParameter>({ name: text, type: text }, {});

/**
 * Reads the structs of typed data, and finds the types they stand for.
 *
 * Exactly those that `primaryType` needs must be there, of valid and different names, none empty and none within itself.
 *
 * @param path the place of the structs; `primaryPath` that of the name
 * @throws InputError
 */
export function readStructs(
  value: Json,
  primaryType: string,
  path: string,
  primaryPath: string,
): { structs: Structs; type: Type } {
  const given = new Map(
    entries(value, path).map(([name, fields]) => [name, list(readField, 1)(fields, within(path, name))]),
  );
  // All of them are needed, or refused: so this is the length of the type, and what it bounds is looked at once.
  const size = [...given].reduce((sum, [name, fields]) => sum + name.length + fieldsSize(fields), 0);
  if (size > MAX_TYPE_SIZE) throw new InputError(path, `longer than ${MAX_TYPE_SIZE} characters when encoded`);
  const found = new Map<string, Type | undefined>();

  function find(name: string, place: string): Type {
    if (isAtom(name)) return { kind: 'atom', name };
    if (found.has(name)) {
      const type = found.get(name);
      if (type === undefined) throw new InputError(place, 'a struct within itself');
      return type;
    }
    const struct = given.get(name);
    if (struct === undefined) {
      throw new InputError(
        place,
        /^u?int$/.test(name) ? `${name} is written ${name}256` : 'a type that is not defined',
      );
    }
    if (!isStructName(name, name === primaryType)) throw new InputError(within(path, name), 'not a name for a struct');
    found.set(name, undefined);
    const names = new Set<string>();
    const fields = struct.map((field, i) => {
      const place = `${within(path, name)}[${i}]`;
      if (!isName(field.name) || names.has(field.name))
        throw new InputError(`${place}.name`, 'not a name, or not a new one');
      names.add(field.name);
      const [, base, brackets = ''] = /^([^[\]]+)((?:\[(?:[1-9]\d{0,3})?\])*)$/.exec(field.type) ?? [];
      if (base === undefined)
        throw new InputError(`${place}.type`, 'not a type, or one with a length not from 1 to 9999');
      if (brackets.split('[').length > MAX_DEPTH + 1) {
        throw new InputError(`${place}.type`, `lists nested deeper than ${MAX_DEPTH}`);
      }
      return { name: field.name, type: withBrackets(find(base, `${place}.type`), brackets) };
    });
    const type: Type = { kind: 'struct', fields };
    found.set(name, type);
    return type;
  }

  if (isAtom(primaryType)) throw new InputError(primaryPath, 'not a struct');
  const type = find(primaryType, primaryPath);
  const structs: Record<string, readonly TypedDataParameter[]> = {};
  for (const name of [...given.keys()].sort()) {
    if (!found.has(name)) throw new InputError(within(path, name), `not needed for ${primaryType}`);
    structs[name] = given.get(name) ?? [];
  }
  return { structs, type };
}

/** The length of a struct's fields in EIP-712's encodeType: a space in each, commas between them, and parentheses. */
function fieldsSize(fields: readonly TypedDataParameter[]): number {
  return fields.reduce((sum, { name, type }) => sum + type.length + 1 + name.length, fields.length + 1);
}

/** EIP-712's encodeType, for structs that are exactly those needed, and perhaps the domain's besides. */
export function encodeType(structs: Structs, primaryType: string): string {
  const others = Object.keys(structs).filter((name) => name !== primaryType && name !== DOMAIN);
  return [primaryType, ...others.sort()]
    .map((name) => `${name}(${structs[name]?.map((field) => `${field.type} ${field.name}`).join(',')})`)
    .join('');
}

/** Reads a value of `type` from JSON: whole numbers as decimal strings, structs as objects with exactly their fields. */
export function readValue(type: Type, value: Json, path: string): Value {
  switch (type.kind) {
    case 'atom':
      return atomReader(type.name)(value, path);
    case 'list': {
      const items = list((item, place) => readValue(type.item, item, place))(value, path);
      if (type.length !== undefined && items.length !== type.length) {
        throw new InputError(path, `not ${type.length} items`);
      }
      return items;
    }
    case 'struct': {
      const readers = type.fields.map(({ name, type }) => [
        name,
        (item: Json, place: string) => readValue(type, item, place),
      ]);
      return object<{ [field: string]: Value }>(Object.fromEntries(readers), {})(value, path);
    }
  }
}

/** Reads a value of a type without parts. */
export function atomReader(name: string): Reader<Atom> {
  if (name === 'address') return address;
  if (name === 'bool') return boolean;
  if (name === 'string') return text;
  if (name === 'bytes') return hex();
  if (name.startsWith('bytes')) return hex(Number(name.slice(5)));
  return name.startsWith('uint') ? uint(Number(name.slice(4))) : int(Number(name.slice(3)));
}
