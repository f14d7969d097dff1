/** Between the values of a protocol and the JSON of its vectors: hex for scalars, points and bytes, base64 for long bytes. */
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { G, Point, pointBytes, scalarBytes, toPoint, toScalar } from './curve.ts';

const long = 1024;

/** The JSON of a value, without the fields that are undefined. */
export function toJson(value: unknown): unknown {
  if (value instanceof Point) return bytesToHex(pointBytes(value));
  if (value instanceof Uint8Array)
    return value.length > long ? Buffer.from(value).toString('base64') : bytesToHex(value);
  if (typeof value === 'bigint') return bytesToHex(scalarBytes(value));
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).flatMap(([k, v]) => (v === undefined ? [] : [[k, toJson(v)]])));
}

/** The value that JSON stands for, of the types of another one. */
export function fromJson<T>(json: unknown, like: T): T;
export function fromJson(json: unknown, like: unknown): unknown {
  if (like instanceof Point) return toPoint(hexToBytes(String(json)));
  if (like instanceof Uint8Array) {
    return like.length > long ? new Uint8Array(Buffer.from(String(json), 'base64')) : hexToBytes(String(json));
  }
  if (typeof like === 'bigint') return toScalar(hexToBytes(String(json)));
  if (Array.isArray(like))
    return (json as unknown[]).map((item, k) => fromJson(item, like[Math.min(k, like.length - 1)]));
  if (typeof like !== 'object' || like === null) return json;
  const fields = json as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(like).map(([k, v]) => [k, v === undefined || !(k in fields) ? undefined : fromJson(fields[k], v)]),
  );
}

/** The value, which calls back with the path of whatever is read of it. */
export function track<T>(value: T, read: (where: string) => void, where?: string): T;
export function track(value: unknown, read: (where: string) => void, where = ''): unknown {
  const leaf = typeof value !== 'object' || value === null || value instanceof Point || value instanceof Uint8Array;
  if (leaf) {
    read(where);
    return value;
  }
  return new Proxy(value, {
    get: (target, key) => {
      const item: unknown = Reflect.get(target, key);
      return typeof key === 'string' && Object.hasOwn(target, key) && key !== 'length'
        ? track(item, read, `${where}.${key}`)
        : item;
    },
  });
}

/** A changed copy of some JSON, and the path of the change. */
export interface Mutation {
  where: string;
  json: unknown;
}

/** One copy of the JSON for each change of each of its leaves: a valid value of the same type, but another one. */
export function mutations(json: unknown, where = ''): Mutation[] {
  if (typeof json === 'object' && json !== null) {
    return Object.entries(json).flatMap(([key, item]) =>
      mutations(item, `${where}.${key}`).map(({ where, json: changed }) => {
        const copy = Array.isArray(json) ? [...json] : { ...json };
        return { where, json: Object.assign(copy, { [key]: changed }) };
      }),
    );
  }
  return changes(json).map((changed) => ({ where, json: changed }));
}

function changes(leaf: unknown): unknown[] {
  if (typeof leaf === 'number') return [leaf + 1];
  if (typeof leaf !== 'string') throw new TypeError('a leaf of another type');
  if (/^0[23][0-9a-f]{64}$/.test(leaf)) return [toJson(toPoint(hexToBytes(leaf)).add(G))];
  if (/^(0x)?([0-9a-f]{2})+$/.test(leaf))
    return flips(Buffer.from(leaf.replace('0x', ''), 'hex')).map(
      (b) => leaf.slice(0, leaf.startsWith('0x') ? 2 : 0) + b.toString('hex'),
    );
  if (leaf.length > long) return flips(Buffer.from(leaf, 'base64')).map((b) => b.toString('base64'));
  return [`${leaf}x`];
}

/** The lowest bit of the last byte flipped, and in more than 64 bytes (not a scalar, a hash or a proof) some others. */
function flips(bytes: Buffer): Buffer[] {
  const places = bytes.length <= 64 ? [1] : [1, 0.8, 0.5, 0.3, 0];
  return places.map((place) => {
    const copy = Buffer.from(bytes);
    const k = Math.round(place * (bytes.length - 1));
    copy[k] = bytes.readUInt8(k) ^ 1;
    return copy;
  });
}
