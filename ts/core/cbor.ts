// The core deterministic encoding of CBOR (RFC 8949, section 4.2.1), of what the messages here consist of: integers that a
// number holds exactly, byte strings, texts, lists, maps, booleans and null. Written out rather than taken from a package: it is
// part of every action's source, and a decoder that knows one encoding needs no options, no second pass and no copy.

import { MAX_DEPTH } from '../json.ts';

const NUMBER = 0;
const NEGATIVE = 1;
const BYTES = 2;
const TEXT = 3;
const LIST = 4;
const MAP = 5;
const SIMPLE = [false, true, null];
const FIRST_SIMPLE = 0xf4;

const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Encodes a value. Objects and Maps become maps; an `undefined` property is left out.
 *
 * @throws Error if the value is of another type, or nested deeper than {@link MAX_DEPTH}
 */
export function encodeCbor(value: unknown): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  encodeItem(parts, value, 0);
  return joined(parts);
}

/**
 * Decodes exactly what {@link encodeCbor} gives for some value: one item in its one encoding, without trailing bytes.
 * Every map becomes a `Map`.
 *
 * @throws Error if `data` is anything else
 */
export function decodeCbor(data: Uint8Array): unknown {
  const decoder = new Decoder(data);
  const value = decoder.item(0);
  if (!decoder.isAtEnd) throw malformed('trailing bytes');
  return value;
}

function encodeItem(parts: Uint8Array[], value: unknown, depth: number): void {
  if (depth > MAX_DEPTH) throw new Error('CBOR: nested too deep');
  const simple = SIMPLE.indexOf(value as boolean | null);
  if (simple >= 0) parts.push(Uint8Array.of(FIRST_SIMPLE + simple));
  else if (typeof value === 'number' && Number.isSafeInteger(value)) {
    parts.push(value < 0 ? head(NEGATIVE, -1 - value) : head(NUMBER, value));
  } else if (typeof value === 'string') {
    if (/\p{Surrogate}/u.test(value)) throw new Error('CBOR: half of a surrogate pair is not text');
    const text = utf8.encode(value);
    parts.push(head(TEXT, text.length), text);
  } else if (value instanceof Uint8Array) parts.push(head(BYTES, value.length), value);
  else if (Array.isArray(value)) {
    parts.push(head(LIST, value.length));
    for (const element of value) encodeItem(parts, element, depth + 1);
  } else if (isMap(value)) encodeMap(parts, value, depth);
  else throw new Error(`CBOR: ${typeof value === 'number' ? value : `a ${typeof value}`} has no encoding here`);
}

function isMap(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  return value instanceof Map || [Object.prototype, null].includes(Object.getPrototypeOf(value) as null);
}

function encodeMap(parts: Uint8Array[], map: object, depth: number): void {
  const entries = map instanceof Map ? [...map] : Object.entries(map).filter(([, value]) => value !== undefined);
  const members = entries
    .map(([key, value]) => ({ key: encodeCbor(key), value: value as unknown }))
    .sort((a, b) => compare(a.key, b.key));
  parts.push(head(MAP, members.length));
  for (const { key, value } of members) {
    parts.push(key);
    encodeItem(parts, value, depth + 1);
  }
}

/** The first bytes of an item: its major type, and its value or length in as few bytes as hold it. */
function head(type: number, value: number): Uint8Array {
  if (value < 24) return Uint8Array.of((type << 5) | value);
  const size = value < 2 ** 8 ? 0 : value < 2 ** 16 ? 1 : value < 2 ** 32 ? 2 : 3;
  const bytes = new Uint8Array(1 + 2 ** size);
  bytes[0] = (type << 5) | (24 + size);
  for (let i = bytes.length - 1, rest = value; i > 0; i--, rest = Math.floor(rest / 256)) bytes[i] = rest % 256;
  return bytes;
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

class Decoder {
  readonly #data: Uint8Array;
  #at = 0;

  constructor(data: Uint8Array) {
    this.#data = data;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#data.length;
  }

  item(depth: number): unknown {
    if (depth > MAX_DEPTH) throw malformed('nested too deep');
    const [first = 0] = this.#take(1);
    const simple = SIMPLE[first - FIRST_SIMPLE];
    if (simple !== undefined) return simple;
    const value = this.#value(first & 31);
    switch (first >> 5) {
      case NUMBER:
        return value;
      case NEGATIVE:
        return this.#exact(-1 - value);
      case BYTES:
        return this.#take(value).slice();
      case TEXT:
        return this.#text(value);
      case LIST:
        return this.#list(value, depth);
      case MAP:
        return this.#map(value, depth);
      default:
        throw malformed('a tag, a float or another simple value');
    }
  }

  /** The value or length of a head, from the lower five bits of its first byte. */
  #value(info: number): number {
    if (info < 24) return info;
    if (info > 27) throw malformed('an indefinite length');
    const size = info - 24;
    const value = this.#take(2 ** size).reduce((sum, byte) => 256 * sum + byte, 0);
    if (value < (size === 0 ? 24 : 2 ** (4 * 2 ** size))) throw malformed('a number in more bytes than it needs');
    return this.#exact(value);
  }

  #exact(value: number): number {
    if (!Number.isSafeInteger(value)) throw malformed('a number past what a number holds exactly');
    return value;
  }

  #text(length: number): string {
    try {
      return strictUtf8.decode(this.#take(length));
    } catch {
      throw malformed('a text that is not UTF-8');
    }
  }

  #list(length: number, depth: number): unknown[] {
    this.#assertRoom(length);
    return Array.from({ length }, () => this.item(depth + 1));
  }

  #map(length: number, depth: number): Map<unknown, unknown> {
    this.#assertRoom(2 * length);
    const map = new Map<unknown, unknown>();
    let before: Uint8Array | undefined;
    for (let i = 0; i < length; i++) {
      const start = this.#at;
      const key = this.item(depth + 1);
      const encoded = this.#data.subarray(start, this.#at);
      if (before !== undefined && compare(before, encoded) >= 0)
        throw malformed('keys that repeat or are out of order');
      before = encoded;
      map.set(key, this.item(depth + 1));
    }
    return map;
  }

  /** Every item takes at least one byte, so a length beyond the rest of the input gets no memory. */
  #assertRoom(items: number): void {
    if (items > this.#data.length - this.#at) throw malformed('a length past the end');
  }

  #take(length: number): Uint8Array {
    this.#assertRoom(length);
    this.#at += length;
    return this.#data.subarray(this.#at - length, this.#at);
  }
}

/** Orders keys by their encodings, byte by byte. */
function compare(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at < 0 ? a.length - b.length : (a[at] ?? 0) - (b[at] ?? -1);
}

function malformed(what: string): Error {
  return new Error(`CBOR decode error: ${what}`);
}
