import type { Address, Hex } from 'viem';
import { isAddress } from 'viem/utils';
import { InputError, type Json, within } from './json.ts';

/** Turns a JSON value into one of ours. @throws InputError naming `path` if it is not exactly of the form. */
export type Reader<T> = (value: Json, path: string) => T;

/** Strings of Unicode (lone surrogates were refused before). */
export const text: Reader<string> = (value, path) => {
  if (typeof value !== 'string') throw new InputError(path, 'not a string');
  return value;
};

/** `0x` and whole bytes in lower case: any number of them, or exactly `size`. */
export function hex(size?: number): Reader<Hex> {
  return (value, path) => {
    if (typeof value !== 'string' || !/^0x[0-9a-fA-F]*$/.test(value))
      throw new InputError(path, 'not 0x and hex digits');
    if (value.length % 2 === 1) throw new InputError(path, 'an odd number of hex digits');
    if (value !== value.toLowerCase()) throw new InputError(path, 'hex digits in upper case; lower case is needed');
    if (size !== undefined && value.length !== 2 + 2 * size) throw new InputError(path, `not ${size} bytes`);
    return value as Hex;
  };
}

/** An address, all in lower case or with a right EIP-55 checksum; lower case once read. */
export const address: Reader<Address> = (value, path) => {
  if (typeof value !== 'string' || !isAddress(value)) {
    throw new InputError(path, 'not an address in lower case or with its right checksum');
  }
  return value.toLowerCase() as Address;
};

/** An unsigned number of `bits` bits, as a string of decimal digits without leading zeros. */
export function uint(bits: number): Reader<bigint> {
  return (value, path) => integer(value, path, 0n, 2n ** BigInt(bits) - 1n);
}

/** A two's complement number of `bits` bits, written as {@link uint} is, with `-` before it if below zero. */
export function int(bits: number): Reader<bigint> {
  const half = 2n ** BigInt(bits - 1);
  return (value, path) => integer(value, path, -half, half - 1n);
}

/** A number from `min` to 2^53 - 1, written as {@link uint} is: a JavaScript number is exact up to there. */
export function count(min = 0): Reader<number> {
  return (value, path) => Number(integer(value, path, BigInt(min), BigInt(Number.MAX_SAFE_INTEGER)));
}

function integer(value: Json, path: string, min: bigint, max: bigint): bigint {
  if (typeof value !== 'string' || !/^(0|-?[1-9][0-9]{0,77})$/.test(value)) {
    throw new InputError(path, 'not a whole number as a string of decimal digits');
  }
  const number = BigInt(value);
  if (number < min || number > max) throw new InputError(path, `not from ${min} to ${max}`);
  return number;
}

export const boolean: Reader<boolean> = (value, path) => {
  if (typeof value !== 'boolean') throw new InputError(path, 'not true or false');
  return value;
};

export function literal<const T extends string>(expected: T): Reader<T> {
  return (value, path) => {
    if (value !== expected) throw new InputError(path, `not ${expected}`);
    return expected;
  };
}

/** `null`, or what `read` reads. */
export function nullable<T>(read: Reader<T>): Reader<T | null> {
  return (value, path) => (value === null ? null : read(value, path));
}

/** A frozen list of at least `min` items. */
export function list<T>(read: Reader<T>, min = 0): Reader<readonly T[]> {
  return (value, path) => {
    if (!isList(value)) throw new InputError(path, 'not a list');
    if (value.length < min) throw new InputError(path, `fewer than ${min} items`);
    return Object.freeze(value.map((item, i) => read(item, `${path}[${i}]`)));
  };
}

/** A frozen object with all these properties, in this order, any of the `optional` ones, and no others. */
export function object<T extends object>(
  required: { readonly [K in keyof T as undefined extends T[K] ? never : K]-?: Reader<T[K]> },
  optional: { readonly [K in keyof T as undefined extends T[K] ? K : never]-?: Reader<Exclude<T[K], undefined>> },
): Reader<T> {
  const readers = Object.entries<Reader<unknown>>({ ...required, ...optional });
  return (value, path) => {
    const properties = entries(value, path);
    for (const [key] of properties) {
      if (!readers.some(([name]) => name === key)) throw new InputError(within(path, key), 'not a key known here');
    }
    const given = new Map(properties);
    const result: Record<string, unknown> = {};
    for (const [key, read] of readers) {
      const item = given.get(key);
      if (item !== undefined) result[key] = read(item, within(path, key));
      else if (key in required) throw new InputError(within(path, key), 'missing');
    }
    return Object.freeze(result) as T;
  };
}

/** The properties of a JSON object. */
export function entries(value: Json, path: string): [string, Json][] {
  if (typeof value !== 'object' || value === null || isList(value)) throw new InputError(path, 'not an object');
  return Object.entries(value);
}

/** Reads an object by the reader that its own property `key` names. */
export function variant<T>(key: string, readers: { readonly [name: string]: Reader<T> }): Reader<T> {
  return (value, path) => {
    const name = new Map(entries(value, path)).get(key);
    const read = typeof name === 'string' && Object.hasOwn(readers, name) ? readers[name] : undefined;
    if (read === undefined) throw new InputError(within(path, key), `not one of ${Object.keys(readers).join(', ')}`);
    return read(value, path);
  };
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
