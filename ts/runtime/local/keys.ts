import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { mapHashToField } from '@noble/curves/abstract/modular.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak_256 } from '@noble/hashes/sha3.js';

/** A secp256k1 key in the forms that a Lit host gives out: hex with `0x`. */
export interface HexKey {
  readonly privateKey: string;
  readonly publicKey: string;
  readonly compressedPublicKey: string;
  readonly address: string;
}

/**
 * The signing key that `purpose` and `id` name under the root secret. The public key is computed only when it is asked for: the
 * first time, that takes a process longer than an action takes to sign.
 */
export function signingKey(root: string, purpose: 'wallet' | 'action', id: string): HexKey {
  const secret = mapHashToField(derive(root, `${purpose} key`, id, 48), secp256k1.Point.Fn.ORDER);
  const publicKey = (isCompressed: boolean) => secp256k1.getPublicKey(secret, isCompressed);
  return {
    privateKey: hex(secret),
    get publicKey() {
      return hex(publicKey(false));
    },
    get compressedPublicKey() {
      return hex(publicKey(true));
    },
    get address() {
      return hex(keccak_256(publicKey(false).subarray(1)).subarray(12));
    },
  };
}

/** Encrypts text under the wallet's key: hex of nonce (12 bytes), ciphertext, tag (16 bytes). */
export function encryptFor(root: string, path: string, message: string): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', derive(root, 'wallet encryption', path, 32), nonce);
  return Buffer.concat([nonce, cipher.update(message, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('hex');
}

/** The text, or undefined if it was not encrypted under this wallet's key or was altered. */
export function decryptFor(root: string, path: string, ciphertext: string): string | undefined {
  const bytes = Buffer.from(ciphertext, 'hex');
  if (bytes.length < 28 || bytes.length * 2 !== ciphertext.length) return undefined;
  const key = derive(root, 'wallet encryption', path, 32);
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12), { authTagLength: 16 });
  decipher.setAuthTag(bytes.subarray(-16));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString('utf8');
  } catch {
    return undefined;
  }
}

function derive(root: string, purpose: string, id: string, length: number): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', Buffer.from(root, 'hex'), id, `tandem local host v1 ${purpose}`, length));
}

function hex(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes).toString('hex')}`;
}
