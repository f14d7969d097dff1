/**
 * An independent second implementation of tandem's cryptography, for tests: noble and BigInt, written from the package
 * comments of go/. It is plain and slow, it is not constant time, and it must never meet a real secret.
 *
 * This file: scalars modulo q, the order of secp256k1, as bigints; points as noble has them; bytes.
 */
import type { WeierstrassPoint } from '@noble/curves/abstract/weierstrass.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { bytesToNumberBE, concatBytes, numberToBytesBE } from '@noble/curves/utils.js';

export type Point = WeierstrassPoint<bigint>;
export const Point = secp256k1.Point;
export const q = Point.Fn.ORDER;
export const G: Point = Point.BASE;
export const identity: Point = Point.ZERO;

export const mod = (x: bigint): bigint => Point.Fn.create(x);
export const inverse = (x: bigint): bigint => Point.Fn.inv(mod(x));
export const sum = (xs: bigint[]): bigint => mod(xs.reduce((a, b) => a + b, 0n));
/** Σ a_i b_i */
export const inner = (a: bigint[], b: bigint[]): bigint => sum(a.map((x, i) => x * at(b, i)));
/** k·P, for any k */
export const times = (k: bigint, P: Point): Point => P.multiplyUnsafe(mod(k));

/** 32 bytes, big endian. */
export const scalarBytes = (x: bigint): Uint8Array => numberToBytesBE(x, 32);
export function toScalar(bytes: Uint8Array): bigint {
  const x = bytesToNumberBE(bytes);
  if (bytes.length !== 32 || x >= q) throw new Error('not a scalar');
  return x;
}
/** 48 bytes, big endian, modulo q: how hashes and random bytes become scalars. */
export const uniform = (bytes: Uint8Array): bigint => mod(bytesToNumberBE(bytes));

/** 33 bytes, compressed; zeros for the identity. */
export const pointBytes = (P: Point): Uint8Array => (P.is0() ? new Uint8Array(33) : P.toBytes(true));
export function toPoint(bytes: Uint8Array): Point {
  if (bytes.length !== 33) throw new Error('not a point');
  return Point.fromBytes(bytes);
}

export const u32 = (i: number): Uint8Array => numberToBytesBE(i, 4);
export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
export const concat = (...parts: Uint8Array[]): Uint8Array => concatBytes(...parts);
export const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
/** bytes in pieces of n */
export const split = (bytes: Uint8Array, n: number): Uint8Array[] =>
  range(bytes.length / n).map((i) => bytes.subarray(i * n, (i + 1) * n));

export const range = (n: number): number[] => [...Array(n).keys()];
export function at<T>(list: readonly T[], i: number): T {
  const item = list.at(i);
  if (item === undefined) throw new RangeError(`no item ${i} in a list of ${list.length}`);
  return item;
}

/** λ_i = Π (x − j) / (i − j), over the other j of the set: f(x) = Σ λ_i f(i) for a polynomial of degree below its size. */
export function lagrange(set: readonly number[], i: number, x = 0): bigint {
  const others = set.filter((j) => j !== i).map(BigInt);
  const product = (xs: bigint[]) => xs.reduce((a, b) => mod(a * b), 1n);
  return mod(product(others.map((j) => BigInt(x) - j)) * inverse(product(others.map((j) => BigInt(i) - j))));
}

/** The function, computed once for each key: the tests finish one request many times. */
export function memo<A extends unknown[], R>(f: (...args: A) => R, key: (...args: A) => Uint8Array): (...args: A) => R {
  const known = new Map<string, R>();
  return (...args) => {
    const k = Buffer.from(key(...args)).toString('hex');
    const value = known.get(k) ?? f(...args);
    known.set(k, value);
    return value;
  };
}
