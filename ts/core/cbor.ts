import { decode, encode, rfc8949EncodeOptions } from 'cborg';

/**
 * Encodes a value in the core deterministic encoding of RFC 8949, section 4.2.1. Objects and Maps become maps; an
 * `undefined` property is left out.
 */
export function encodeCbor(value: unknown): Uint8Array<ArrayBuffer> {
  return encode(value, { ...rfc8949EncodeOptions, ignoreUndefinedProperties: true }) as Uint8Array<ArrayBuffer>;
}

/**
 * Decodes exactly what {@link encodeCbor} gives for some value: one item, deterministic, no tags, no floats but finite
 * ones, no repeated keys, no trailing bytes. Every map becomes a `Map`.
 *
 * @throws Error if `data` is anything else
 */
export function decodeCbor(data: Uint8Array): unknown {
  const value: unknown = decode(data, {
    allowIndefinite: false,
    allowUndefined: false,
    allowInfinity: false,
    allowNaN: false,
    rejectDuplicateMapKeys: true,
    strict: true,
    useMaps: true,
  });
  // What cborg cannot enforce: the order of keys, the size of floats, the validity of UTF-8.
  const again = encodeCbor(value);
  const same = again.length === data.length && again.every((byte, i) => byte === data[i]);
  again.fill(0);
  if (!same) throw new Error('CBOR decode error: not the deterministic encoding');
  return value;
}
