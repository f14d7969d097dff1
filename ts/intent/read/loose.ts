import { InputError } from './json.ts';

// What viem, ethers and wallets pass around, put into the one form that the parser takes: for clients, never in an action.
// What these functions do not know they pass on, for the parser to refuse.

export type Loose = { readonly [key: string]: unknown };

/** A number in any notation as canonical decimal digits. */
export function decimal(value: unknown): unknown {
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value))) return String(value);
  if (typeof value === 'string' && /^0x[0-9a-f]{1,64}$/i.test(value)) return String(BigInt(value));
  return value;
}

/** Hex in lower case. */
export function lower(value: unknown): unknown {
  return typeof value === 'string' && /^0x[0-9a-f]*$/i.test(value) ? value.toLowerCase() : value;
}

/** Hex in lower case as 32 bytes, with the zeros that were left out. */
export function padded(value: unknown): unknown {
  return typeof value === 'string' && /^0x[0-9a-f]{1,64}$/i.test(value)
    ? `0x${value.slice(2).toLowerCase().padStart(64, '0')}`
    : value;
}

export function each(value: unknown, convert: (item: unknown) => unknown): unknown {
  return Array.isArray(value) ? value.map(convert) : value;
}

/** Leaves out what is undefined, as viem takes it, and what becomes undefined. */
export function mapValues(value: unknown, convert: (item: unknown, key: string) => unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const given = Object.entries(value).filter(([, item]) => item !== undefined);
  const converted = given.map(([key, item]) => [key, convert(item, key)] as const);
  return Object.fromEntries(converted.filter(([, item]) => item !== undefined));
}

/** @throws InputError */
export function record(value: unknown, path: string): Loose {
  if (typeof value !== 'object' || value === null) throw new InputError(path, 'not an object');
  return value as Loose;
}
