import { serializeTransaction } from 'viem/utils';
import { fromHex, type Hex, recoverAddress, toHex } from '../core/evm.ts';
import type { Signature } from '../core/wasm.ts';
import { ProtocolError } from '../errors.ts';
import { digestOf, type Intent } from '../intent/intent.ts';

// The result of signing.

export type Protocol = 'onecall' | 'dkls18' | 'dkls23';

/** A signature that was checked twice: by the wasm module against the key, and by noble against the address. */
export interface Signed {
  /** r, s and v (27 or 28): 65 bytes. */
  readonly signature: Hex;
  readonly r: Hex;
  readonly s: Hex;
  readonly yParity: 0 | 1;
  /** The address of the key that signed: the wallet's, or the one at the path. */
  readonly address: Hex;
  readonly digest: Hex;
  readonly protocol: Protocol;
  /** How often the action was called. */
  readonly calls: number;
  readonly ms: number;
}

/** A signature of a transaction, with the bytes for a node. */
export interface SignedTransaction extends Signed {
  readonly serializedTransaction: Hex;
}

/** How a signature came about. */
export interface Made {
  readonly address: Hex;
  readonly protocol: Protocol;
  readonly calls: number;
  /** By `performance.now()`. */
  readonly start: number;
}

/** Whether a signature of a digest is by this address, according to noble. */
export function isBy(address: Hex, digest: Uint8Array, parts: Signature): boolean {
  return recoverAddress(digest, parts) === address;
}

/**
 * A signature of an intent, which {@link isBy} has found to be by the address. For a transaction also the signed transaction, as
 * nodes take it.
 */
export function signedOf(
  intent: Intent,
  { r, s, yParity }: Signature,
  { address, protocol, calls, start }: Made,
): Signed | SignedTransaction {
  const parts = { r: toHex(r), s: toHex(s), yParity };
  const signature: Hex = `${parts.r}${parts.s.slice(2)}${yParity === 0 ? '1b' : '1c'}`;
  const ms = performance.now() - start;
  const signed = { signature, ...parts, address, digest: digestOf(intent), protocol, calls, ms };
  if (intent.kind !== 'transaction') return signed;
  const v = yParity === 0 ? 27n : 28n;
  return { ...signed, serializedTransaction: serializeTransaction(intent.transaction, { ...parts, v }) };
}

/** As {@link signedOf}, after noble has recovered the same address. @throws ProtocolError if it recovers another one */
export function signedBy(intent: Intent, parts: Signature, made: Made): Signed | SignedTransaction {
  if (!isBy(made.address, fromHex(digestOf(intent)), parts)) {
    throw new ProtocolError('The signature is not by this address.', { next: 'sign again.' });
  }
  return signedOf(intent, parts, made);
}
