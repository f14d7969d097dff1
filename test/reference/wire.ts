/** CBOR in the core deterministic encoding: go/wire. Messages are maps with the keys 1, 2, 3 …. */
import * as cborg from 'cborg';
import { equal } from './curve.ts';

export const encode = (map: Map<number, unknown>): Uint8Array => cborg.encode(map, cborg.rfc8949EncodeOptions);

/** The map of these values under the keys 1, 2, 3 …. */
export const numbered = (...values: unknown[]): Map<number, unknown> =>
  new Map(values.map((value, k) => [k + 1, value]));

/** A message of a kind. */
export function decode(bytes: Uint8Array, kind: string): Map<number, unknown> {
  const message = map(cborg.decode(bytes, { useMaps: true, rejectDuplicateMapKeys: true }));
  if (!equal(encode(message), bytes)) throw new Error('not the deterministic encoding');
  if (message.get(1) !== 1 || message.get(2) !== kind) throw new Error(`not a ${kind}`);
  return message;
}

/** The value of a key, of a type. */
export function bytes(map: Map<number, unknown>, key: number, length?: number): Uint8Array {
  const value = map.get(key);
  if (!(value instanceof Uint8Array) || (length ?? value.length) !== value.length) throw new Error(`key ${key}`);
  return value;
}
export function list(map: Map<number, unknown>, key: number): unknown[] {
  const value = map.get(key);
  if (!Array.isArray(value)) throw new Error(`key ${key}`);
  return value;
}
export function map(value: unknown): Map<number, unknown> {
  if (!(value instanceof Map)) throw new Error('not a map');
  return value;
}
