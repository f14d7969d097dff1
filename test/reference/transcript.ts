/** Hashing, streams of randomness and Schnorr proofs: go/transcript. */
import { createCipheriv } from 'node:crypto';
import { secp256k1_hasher } from '@noble/curves/secp256k1.js';
import { bytesToNumberBE } from '@noble/curves/utils.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import {
  concat,
  mod,
  Point,
  pointBytes,
  range,
  scalarBytes,
  split,
  times,
  toScalar,
  u32,
  uniform,
  utf8,
} from './curve.ts';

const tag = (label: string) => utf8(`TANDEM-V1-${label}`);

/** The message that is hashed: every part after its length. */
const message = (parts: Uint8Array[]) => concat(...parts.map((part) => concat(u32(part.length), part)));

/** expand_message_xmd of RFC 9380, section 5.3.1, with SHA-256: n bytes. */
export function expand(label: string, n: number, ...parts: Uint8Array[]): Uint8Array {
  const dst = concat(tag(label), Uint8Array.of(tag(label).length));
  const length = u32(n).subarray(2);
  const b0 = sha256(concat(new Uint8Array(64), message(parts), length, Uint8Array.of(0), dst));
  const blocks: Uint8Array[] = [];
  let previous = new Uint8Array(32);
  for (const i of range(Math.ceil(n / 32))) {
    const mixed = b0.map((byte, k) => byte ^ (previous[k] ?? 0));
    previous = sha256(concat(mixed, Uint8Array.of(i + 1), dst)) as Uint8Array<ArrayBuffer>;
    blocks.push(previous);
  }
  return concat(...blocks).subarray(0, n);
}

export const hash = (label: string, ...parts: Uint8Array[]): Uint8Array => expand(label, 32, ...parts);
export const hashToScalar = (label: string, ...parts: Uint8Array[]): bigint => uniform(expand(label, 48, ...parts));
/** n scalars, 48 bytes each */
export const hashToScalars = (label: string, n: number, ...parts: Uint8Array[]): bigint[] =>
  split(expand(label, 48 * n, ...parts), 48).map(uniform);
/** secp256k1_XMD:SHA-256_SSWU_RO_ */
export function hashToPoint(label: string, ...parts: Uint8Array[]): Point {
  return secp256k1_hasher.hashToCurve(message(parts), { DST: tag(label) });
}

/** What hash_to_curve maps 96 uniform bytes to. */
export function mapToPoint(bytes: Uint8Array): Point {
  const mapped = split(bytes, 48).map((u) => map(Point.Fp.create(bytesToNumberBE(u))));
  return mapped.reduce((sum, point) => sum.add(point));
}
/** noble declares it with the types of the map inside it. */
const map = secp256k1_hasher.mapToCurve as unknown as (u: bigint) => Point;

/** The seed of a hedged stream, from 32 fresh bytes. */
export function hedgedSeed(fresh: Uint8Array, label: string, secret: Uint8Array, received: Uint8Array): Uint8Array {
  return hkdf(sha256, concat(fresh, message([secret, received])), undefined, tag(label), 32);
}

/** The key stream of ChaCha20 for a seed, with counter and nonce 0. */
export class Stream {
  private readonly cipher;
  constructor(seed: Uint8Array, label: string) {
    this.cipher = createCipheriv('chacha20', expand('STREAM', 32, seed, utf8(label)), new Uint8Array(16));
  }
  read(n: number): Uint8Array {
    return new Uint8Array(this.cipher.update(new Uint8Array(n)));
  }
  scalar(): bigint {
    return uniform(this.read(48)) || this.scalar();
  }
}

/** Schnorr proof of knowledge of x for the statement x·base: challenge and response, 64 bytes. */
export function prove(nonce: bigint, label: string, base: Point, x: bigint, ...context: Uint8Array[]): Uint8Array {
  const c = challenge(label, base, times(x, base), times(nonce, base), context);
  return concat(scalarBytes(c), scalarBytes(mod(nonce + c * x)));
}

export function verifyProof(label: string, base: Point, statement: Point, proof: Uint8Array, ...context: Uint8Array[]) {
  const c = toScalar(proof.subarray(0, 32));
  const z = toScalar(proof.subarray(32));
  const commitment = times(z, base).subtract(times(c, statement));
  return challenge(label, base, statement, commitment, context) === c;
}

function challenge(label: string, base: Point, statement: Point, commitment: Point, context: Uint8Array[]): bigint {
  return hashToScalar(label, ...[base, statement, commitment].map(pointBytes), ...context);
}
