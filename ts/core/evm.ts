import { secp256k1 } from '@noble/curves/secp256k1.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { UsageError, WalletError } from '../errors.ts';
import { fromHex as decodeHex, type Hex, toHex } from './bytes.ts';

// Ethereum's computations, with noble alone: a second opinion on what the wasm module computes.

export { type Hex, toHex };

const ORDER = secp256k1.Point.Fn.ORDER;
const MAX_DEPTH = 255;

/**
 * The bytes of `0x` and an even number of hex digits, which somebody may have typed.
 *
 * @param what is named in the error
 * @throws UsageError
 */
export function fromHex(hex: string, what = 'The value'): Uint8Array<ArrayBuffer> {
  try {
    return decodeHex(hex);
  } catch (cause) {
    throw new UsageError(`${what} is not 0x and an even number of hex digits.`, { cause });
  }
}

/**
 * A private key of 64 hex digits, with or without 0x.
 *
 * @throws WalletError if it is anything else, or not from 1 to q - 1; the error does not quote it
 */
export function readPrivateKey(text: string): Uint8Array {
  const digits = /^\s*(?:0x)?([0-9a-fA-F]{64})\s*$/.exec(text)?.[1];
  if (digits === undefined) throw new WalletError('That is not a private key: 64 hex digits, with or without 0x.');
  const key = hexToBytes(digits);
  if (secp256k1.utils.isValidSecretKey(key)) return key;
  throw new WalletError('That is not a private key of secp256k1: it is 0, or not below the order of the group.');
}

/** The address of a private key that is whole: noble's arithmetic promises no constant time. */
export function addressOfKey(key: Uint8Array): Hex {
  return addressOf(secp256k1.getPublicKey(key));
}

/** The EIP-55 address of a public key in SEC1 form. */
export function addressOf(publicKey: Uint8Array): Hex {
  const point = secp256k1.Point.fromBytes(publicKey).toBytes(false);
  const digits = bytesToHex(keccak_256(point.subarray(1)).subarray(12));
  const checksum = bytesToHex(keccak_256(utf8ToBytes(digits)));
  const mixed = Array.from(digits, (digit, i) =>
    Number.parseInt(checksum.charAt(i), 16) >= 8 ? digit.toUpperCase() : digit,
  );
  return `0x${mixed.join('')}`;
}

/** The parts of a signature: r and s of 32 bytes, and the parity of R.y. */
export interface SignatureParts {
  readonly r: Uint8Array;
  readonly s: Uint8Array;
  readonly yParity: number;
}

/** The address whose key made this signature. Undefined if no key can have made it, or if s is not the lower of its two values. */
export function recoverAddress(digest: Uint8Array, { r, s, yParity }: SignatureParts): Hex | undefined {
  if (r.length !== 32 || s.length !== 32 || (yParity !== 0 && yParity !== 1)) return undefined;
  if (BigInt(toHex(s)) > ORDER / 2n) return undefined;
  try {
    const signature = concatBytes(Uint8Array.of(yParity), r, s);
    return addressOf(secp256k1.recoverPublicKey(signature, digest, { prehash: false }));
  } catch {
    return undefined;
  }
}

/** The public key at a path, given by its non-hardened BIP32 steps. */
export function derivePublicKey(publicKey: Uint8Array, chainCode: Uint8Array, steps: readonly number[]): Uint8Array {
  let point = secp256k1.Point.fromBytes(publicKey);
  let code = chainCode;
  for (const index of steps) {
    const number = new Uint8Array(4);
    new DataView(number.buffer).setUint32(0, index);
    const sum = hmac(sha512, code, concatBytes(point.toBytes(true), number));
    point = point.add(secp256k1.Point.BASE.multiply(BigInt(toHex(sum.subarray(0, 32)))));
    code = sum.subarray(32);
  }
  return point.toBytes(true);
}

/** The steps of a path such as `m` or `m/0/5`. @throws UsageError if it is malformed or hardened */
export function parsePath(path: string): number[] {
  if (path === '' || path === 'm') return [];
  const steps = path.split('/');
  if (steps.shift() !== 'm' || steps.length > MAX_DEPTH || !steps.every((step) => /^(0|[1-9][0-9]{0,9})$/.test(step))) {
    const isHardened = /['hH]/.test(path);
    throw new UsageError(
      isHardened
        ? `The path ${path} has a hardened step; that needs the whole private key, which nobody has.`
        : `${path} is not a derivation path.`,
      { next: 'give one like m/0/5, of numbers below 2147483648 and without apostrophes.' },
    );
  }
  return steps.map((step) => {
    const index = Number(step);
    if (index >= 2 ** 31) throw new UsageError(`Step ${step} of the path ${path} is not below 2147483648.`);
    return index;
  });
}
