import * as v from 'valibot';
import { equalBytes, fromBase64, fromHex, toBase64 } from '../../ts/core/bytes.ts';
import { decodeCbor, encodeCbor } from '../../ts/core/cbor.ts';
import type { Host } from './host.ts';

const VERSION = 1;
const INFO = new TextEncoder().encode('tandem seal v1');

/** What a sealed secret says of itself: readable once the wallet's encryption is off, and authenticated with the rest. */
export interface SealHeader {
  /** What the secret is for; it opens for nothing else. */
  readonly purpose: string;
  /** The wallet under whose encryption it is, an address in lower-case hex. */
  readonly wallet: string;
  /** The key it belongs to, 32 bytes, if there is one yet. */
  readonly keyId?: Uint8Array;
  readonly epoch: number;
}

const bytes = v.instance(Uint8Array<ArrayBuffer>);
const envelopeSchema = v.strictTuple([bytes, bytes, bytes]);
const headerSchema = v.strictObject({
  version: v.literal(VERSION),
  purpose: v.string(),
  wallet: v.pipe(bytes, v.length(20)),
  keyId: v.optional(v.pipe(bytes, v.length(32))),
  epoch: v.number(),
});

/**
 * Seals a secret twice. Inside is AES-256-GCM under a key that only this very source can derive, no matter who
 * administers the account that it runs under; outside, the host's encryption under the wallet. The action's CID is bound by the inner
 * key, which the host derives from it: an action is not told its own CID.
 */
export async function seal(host: Host, header: SealHeader, secret: Uint8Array<ArrayBuffer>): Promise<string> {
  const { wallet, ...rest } = header;
  const associated = encodeCbor({ version: VERSION, ...rest, wallet: fromHex(wallet) });
  const actionKey = await host.actionKey();
  const salt = await saltOf(actionKey, associated, secret);
  const ciphertext = await crypto.subtle.encrypt(algorithm(associated), await keyOf(actionKey, salt), secret);
  return host.encrypt(wallet, toBase64(encodeCbor([associated, salt, new Uint8Array(ciphertext)])));
}

/**
 * Opens what {@link seal} made, in the same action, for the same purpose and wallet. What the header says beyond that
 * is the caller's to compare with the secret.
 *
 * @throws Error if anything does not fit; which of it, the error does not say
 */
export async function unseal(
  host: Host,
  expected: { readonly purpose: string; readonly wallet: string },
  sealed: string,
): Promise<{ header: SealHeader; secret: Uint8Array<ArrayBuffer> }> {
  const envelope = decodeCbor(fromBase64(await host.decrypt(expected.wallet, sealed)));
  const [associated, salt, ciphertext] = v.parse(envelopeSchema, envelope);
  const header = v.parse(headerSchema, fields(decodeCbor(associated)));
  if (header.purpose !== expected.purpose || !equalBytes(header.wallet, fromHex(expected.wallet))) {
    throw new Error('sealed for something else');
  }
  const key = await keyOf(await host.actionKey(), salt);
  const secret = new Uint8Array(await crypto.subtle.decrypt(algorithm(associated), key, ciphertext));
  const { epoch, keyId } = header;
  return { header: { ...expected, epoch, ...(keyId && { keyId }) }, secret };
}

/** The fields of a CBOR map with text keys. */
export function fields(map: unknown): unknown {
  return map instanceof Map ? Object.fromEntries(map) : map;
}

/** The key of one seal serves for nothing else, so that the nonce may be constant. */
function algorithm(additionalData: Uint8Array<ArrayBuffer>): AesGcmParams {
  return { name: 'AES-GCM', iv: new Uint8Array(12), additionalData };
}

/**
 * 32 bytes that do not repeat: random, and hedged with what they are for, so that even a random source that repeats
 * itself never gives one key to two secrets.
 */
async function saltOf(
  actionKey: Uint8Array<ArrayBuffer>,
  associated: Uint8Array<ArrayBuffer>,
  secret: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  const mac = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', actionKey, mac, false, ['sign']);
  const input = encodeCbor([INFO, crypto.getRandomValues(new Uint8Array(32)), associated, secret]);
  const salt = await crypto.subtle.sign(mac, key, input);
  input.fill(0);
  return new Uint8Array(salt);
}

/** Derives the key and clears the action's. */
async function keyOf(actionKey: Uint8Array<ArrayBuffer>, salt: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  const base = await crypto.subtle.importKey('raw', actionKey, 'HKDF', false, ['deriveKey']);
  actionKey.fill(0);
  const hkdf = { name: 'HKDF', hash: 'SHA-256', salt, info: INFO };
  return crypto.subtle.deriveKey(hkdf, base, { name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
}
