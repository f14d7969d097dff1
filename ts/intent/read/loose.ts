import { InputError } from './json.ts';

// What viem, ethers and wallets pass around, put into the one form that the parser takes: for clients, never in an action.
// What these functions do not know they pass on, for the parser to refuse.

export type Loose = { readonly [key: string]: unknown };

/** Told in a sentence what is left out of what is signed, or hashed in another way by some library. */
export type Notice = (text: string) => void;

/**
 * A number in any notation as canonical decimal digits.
 *
 * @throws InputError for a JavaScript number that may have lost digits
 */
export function decimal(value: unknown, path: string): unknown {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    const problem = Number.isInteger(value)
      ? 'beyond 2^53, where JSON numbers lose digits: write it as a string'
      : 'not a whole number';
    throw new InputError(path, problem);
  }
  const isNumber = typeof value === 'bigint' || typeof value === 'number';
  const isDigits = typeof value === 'string' && /^(0x[0-9a-f]{1,64}|-?[0-9]{1,78})$/i.test(value);
  // BigInt takes no hex with a sign, and a text like "-0" is 0.
  return isNumber || isDigits ? String(BigInt(value)) : value;
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

export function each(value: unknown, convert: (item: unknown, index: number) => unknown): unknown {
  return Array.isArray(value) ? value.map(convert) : value;
}

/** Leaves out what is undefined, as viem takes it, and what becomes undefined. */
export function mapValues(value: unknown, convert: (item: unknown, key: string) => unknown): unknown {
  if (!isRecord(value)) return value;
  const given = Object.entries(value).filter(([, item]) => item !== undefined);
  const converted = given.map(([key, item]) => [key, convert(item, key)] as const);
  return Object.fromEntries(converted.filter(([, item]) => item !== undefined));
}

/** What is there: neither undefined nor null, which stands for the same with viem, ethers and nodes. */
export function present(value: Loose): Loose {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined && item !== null));
}

export function isRecord(value: unknown): value is Loose {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @throws InputError */
export function record(value: unknown, path: string): Loose {
  if (!isRecord(value)) throw new InputError(path, 'not an object');
  return value;
}
