/** Non-hardened BIP32 on a public key and its chain code: go/bip32. */
import { hmac } from '@noble/hashes/hmac.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { concat, G, mod, type Point, pointBytes, times, toScalar, u32 } from './curve.ts';

export function parsePath(path: string): number[] {
  if (!/^(m(\/(0|[1-9][0-9]*))*)?$/.test(path)) throw new Error('not a path');
  const indices = path.split('/').slice(1).map(Number);
  if (indices.length > 255 || indices.some((i) => i >= 2 ** 31)) throw new Error('not a path');
  return indices;
}

export function derive(parent: Point, chainCode: Uint8Array, path: number[]): { tweak: bigint; Q: Point } {
  let [tweak, Q, code] = [0n, parent, chainCode];
  for (const index of path) {
    const I = hmac(sha512, code, concat(pointBytes(Q), u32(index)));
    const step = toScalar(I.subarray(0, 32));
    tweak = mod(tweak + step);
    Q = Q.add(times(step, G));
    code = I.subarray(32);
  }
  return { tweak, Q };
}
