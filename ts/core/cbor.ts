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
  const from = { data, at: 0 };
  const value = decodeItem(from, 0);
  if (from.at !== data.length) throw malformed('trailing bytes');
  return value;
}

// Loops and few closures, no regular expressions: every action and every command runs this once, before V8 has compiled any of it.

function encodeItem(parts: Uint8Array[], value: unknown, depth: number): void {
  if (depth > MAX_DEPTH) throw new Error('CBOR: nested too deep');
  const simple = SIMPLE.indexOf(value as boolean | null);
  if (simple >= 0) parts.push(Uint8Array.of(FIRST_SIMPLE + simple));
  else if (typeof value === 'number' && Number.isSafeInteger(value)) {
    parts.push(value < 0 ? head(NEGATIVE, -1 - value) : head(NUMBER, value));
  } else if (typeof value === 'string') {
    if (!value.isWellFormed()) throw new Error('CBOR: half of a surrogate pair is not text');
    const text = utf8.encode(value);
    parts.push(head(TEXT, text.length), text);
  } else if (value instanceof Uint8Array) parts.push(head(BYTES, value.length), value);
  else if (Array.isArray(value)) {
    parts.push(head(LIST, value.length));
    for (const element of value) encodeItem(parts, element, depth + 1);
  } else if (value instanceof Map) encodeMap(parts, value, depth);
  else if (isPlain(value)) {
    encodeMap(
      parts,
      Object.entries(value).filter(([, member]) => member !== undefined),
      depth,
    );
  } else throw new Error(`CBOR: ${typeof value === 'number' ? value : `a ${typeof value}`} has no encoding here`);
}

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function encodeMap(parts: Uint8Array[], entries: Iterable<[unknown, unknown]>, depth: number): void {
  const members: [key: Uint8Array, value: unknown][] = [];
  for (const [key, value] of entries) members.push([encodeCbor(key), value]);
  members.sort(([a], [b]) => compare(a, b));
  parts.push(head(MAP, members.length));
  for (const [key, value] of members) {
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
  let length = 0;
  for (const part of parts) length += part.length;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** What is being decoded, and the place of the next byte. */
interface Input {
  readonly data: Uint8Array;
  at: number;
}

function decodeItem(from: Input, depth: number): unknown {
  if (depth > MAX_DEPTH) throw malformed('nested too deep');
  const first = nextByte(from);
  const simple = SIMPLE[first - FIRST_SIMPLE];
  if (simple !== undefined) return simple;
  const value = argumentOf(from, first & 31);
  switch (first >> 5) {
    case NUMBER:
      return value;
    case NEGATIVE:
      return exact(-1 - value);
    case BYTES:
      return from.data.slice(from.at, skip(from, value));
    case TEXT:
      return textOf(from.data.subarray(from.at, skip(from, value)));
    case LIST:
      return decodeList(from, value, depth);
    case MAP:
      return decodeMap(from, value, depth);
    default:
      throw malformed('a tag, a float or another simple value');
  }
}

/** The argument of a head, a value or a length, from the lower five bits of its first byte. */
function argumentOf(from: Input, info: number): number {
  if (info < 24) return info;
  if (info > 27) throw malformed('an indefinite length');
  const size = info - 24;
  let value = 0;
  for (let i = 0; i < 2 ** size; i++) value = 256 * value + nextByte(from);
  if (value < (size === 0 ? 24 : 2 ** (4 * 2 ** size))) throw malformed('a number in more bytes than it needs');
  return exact(value);
}

function exact(value: number): number {
  if (!Number.isSafeInteger(value)) throw malformed('a number past what a number holds exactly');
  return value;
}

function textOf(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    throw malformed('a text that is not UTF-8');
  }
}

function decodeList(from: Input, length: number, depth: number): unknown[] {
  assertRoom(from, length);
  const list: unknown[] = [];
  for (let i = 0; i < length; i++) list.push(decodeItem(from, depth + 1));
  return list;
}

function decodeMap(from: Input, length: number, depth: number): Map<unknown, unknown> {
  assertRoom(from, 2 * length);
  const map = new Map<unknown, unknown>();
  let before: Uint8Array | undefined;
  for (let i = 0; i < length; i++) {
    const start = from.at;
    const key = decodeItem(from, depth + 1);
    const encoded = from.data.subarray(start, from.at);
    if (before !== undefined && compare(before, encoded) >= 0) throw malformed('keys that repeat or are out of order');
    before = encoded;
    map.set(key, decodeItem(from, depth + 1));
  }
  return map;
}

/** Every item takes at least one byte, so a length beyond the rest of the input gets no memory. */
function assertRoom({ data, at }: Input, items: number): void {
  if (items > data.length - at) throw malformed('a length past the end');
}

/** The place after the next `length` bytes, which are taken. */
function skip(from: Input, length: number): number {
  assertRoom(from, length);
  from.at += length;
  return from.at;
}

function nextByte(from: Input): number {
  const byte = from.data[from.at++];
  if (byte === undefined) throw malformed('a length past the end');
  return byte;
}

/** Orders keys by their encodings, byte by byte. */
function compare(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) {
    const order = (a[i] ?? 0) - (b[i] ?? -1);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function malformed(what: string): Error {
  return new Error(`CBOR decode error: ${what}`);
}
