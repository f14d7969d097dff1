/** A batch of endemic oblivious transfers: go/ot. */
import { sha256 } from '@noble/hashes/sha2.js';
import {
  at,
  concat,
  equal,
  G,
  memo,
  Point,
  pointBytes,
  range,
  scalarBytes,
  split,
  times,
  toPoint,
  u32,
} from './curve.ts';
import { expand, hash, hashToPoint, mapToPoint, type Stream } from './transcript.ts';

/** H_b(r) of instance i */
export const H = (sid: Uint8Array, i: number, b: number, r: Point): Point =>
  hashToPoint('OT-POINT', sid, u32(i), Uint8Array.of(b), pointBytes(r));

export const transcript = (sid: Uint8Array, message: Uint8Array): Uint8Array => hash('OT-REQUEST', sid, message);

/** key_b of instance i, of any length, from the shared point K. */
type KDF = (i: number, b: number, K: Point, length: number) => Uint8Array;
export const kdf =
  (sid: Uint8Array, T: Uint8Array, B: Point): KDF =>
  (i, b, K, length) =>
    expand('OT-KEY', length, sid, T, pointBytes(B), u32(i), Uint8Array.of(b), pointBytes(K));

/** Bits of packed bytes, the least significant of the first byte first. */
export const bits = (packed: Uint8Array, n: number): number[] =>
  range(n).map((i) => ((packed[i >> 3] ?? 0) >> (i & 7)) & 1);

/** The inverse: unused bits of the last byte are 0. */
export const pack = (bits: number[]): Uint8Array =>
  Uint8Array.from(range(Math.ceil(bits.length / 8)), (k) =>
    bits.slice(8 * k, 8 * k + 8).reduce((byte, b, i) => byte | (b << i), 0),
  );

/** Two points for each instance: all x-coordinates, then the parities of all y-coordinates. */
export function encode(pairs: [Point, Point][]): Uint8Array {
  const encoded = pairs.flat().map(pointBytes);
  const parities = encoded.map((bytes) => (bytes[0] ?? 0) & 1);
  return concat(...encoded.map((bytes) => bytes.subarray(1)), pack(parities));
}

export function decode(message: Uint8Array, n: number): [Point, Point][] {
  const signs = message.subarray(64 * n);
  const parities = bits(signs, 2 * n);
  if (!equal(signs, pack(parities))) throw new Error('not a message of the OT receiver');
  const points = split(message.subarray(0, 64 * n), 32).map((x, k) =>
    toPoint(concat(Uint8Array.of(2 + at(parities, k)), x)),
  );
  return range(n).map((i) => [at(points, 2 * i), at(points, 2 * i + 1)]);
}

/** The receiver's message. */
export function receive(sid: Uint8Array, choices: number[], rand: Stream) {
  const x = choices.map(() => rand.scalar());
  const others = choices.map(() => rand.read(96));
  const message = encode(
    choices.map((c, i) => {
      const other = mapToPoint(at(others, i));
      const chosen = times(at(x, i), G).subtract(H(sid, i, c, other));
      return c === 0 ? [chosen, other] : [other, chosen];
    }),
  );
  return { sid, choices, x, others, message, T: transcript(sid, message) };
}

/** The sender's B, and its key_b of instance i. */
export function send(sid: Uint8Array, message: Uint8Array, n: number, rand: Stream) {
  const T = transcript(sid, message);
  const y = rand.scalar();
  const B = times(y, G);
  const shared = decode(message, n).map(([r0, r1], i) =>
    [r0.add(H(sid, i, 0, r1)), r1.add(H(sid, i, 1, r0))].map((P) => {
      if (P.is0()) throw new Error('the identity in a message of the OT receiver');
      return times(y, P);
    }),
  );
  const derive = kdf(sid, T, B);
  return { T, y, B, shared, key: (i: number, b: number, length: number) => derive(i, b, at(at(shared, i), b), length) };
}

/** All x_i·B. */
const products = memo(
  (x: bigint[], B: Point): Point[] => {
    const table = Point.fromAffine(B.toAffine()).precompute(8, false);
    return x.map((x) => times(x, table));
  },
  (x, B) => sha256(concat(...x.map(scalarBytes), pointBytes(B))),
);

/** The receiver's keys, given the sender's B. */
export function finish(receiver: { sid: Uint8Array; choices: number[]; x: bigint[]; T: Uint8Array }, B: Point) {
  const { sid, choices, x, T } = receiver;
  const points = products(x, B);
  const derive = kdf(sid, T, B);
  return (i: number, length: number): Uint8Array => derive(i, at(choices, i), at(points, i), length);
}
