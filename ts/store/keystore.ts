// For Node, with its native scrypt.
import { createCipheriv, createDecipheriv, pbkdf2, randomBytes, randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { keccak_256 } from '@noble/hashes/sha3.js';
import * as v from 'valibot';
import { equalBytes } from '../core/bytes.ts';
import { addressOfKey, readPrivateKey, toHex } from '../core/evm.ts';
import { WalletError } from '../errors.ts';
import { readJson } from '../json.ts';
import { nativeScrypt } from './scrypt.ts';

/** geth's standard scrypt: 256 MiB and about a second. */
const SCRYPT = { n: 2 ** 18, r: 8, p: 1, dklen: 32 };

/**
 * A private key as an Ethereum keystore file, version 3 (Web3 Secret Storage): JSON that geth and most wallets open.
 *
 * @param passphrase as it is typed: it is taken as UTF-8, without normalisation
 */
export async function encryptKeystore(
  key: Uint8Array,
  address: string,
  passphrase: string,
  random: (bytes: number) => Buffer = randomBytes,
): Promise<string> {
  const salt = random(32);
  const derived = await nativeScrypt(passphrase, salt, SCRYPT);
  try {
    const iv = random(16);
    const ciphertext = createCipheriv('aes-128-ctr', derived.subarray(0, 16), iv).update(key);
    const mac = keccak_256(Buffer.concat([derived.subarray(16, 32), ciphertext]));
    const crypto = {
      cipher: 'aes-128-ctr',
      cipherparams: { iv: iv.toString('hex') },
      ciphertext: ciphertext.toString('hex'),
      kdf: 'scrypt',
      kdfparams: { ...SCRYPT, salt: salt.toString('hex') },
      mac: Buffer.from(mac).toString('hex'),
    };
    return `${JSON.stringify({ version: 3, id: randomUUID(), address: address.slice(2).toLowerCase(), crypto })}\n`;
  } finally {
    derived.fill(0);
  }
}

/** The most that opening a file may take: scrypt's memory in bytes and passes over it, and the rounds of PBKDF2. */
const MAX_MEMORY = 2 ** 30;
const MAX_PASSES = 16;
const MAX_ROUNDS = 10_000_000;

const Digits = (bytes: number) =>
  v.pipe(
    v.string(),
    v.transform((text) => text.replace(/^0x/, '')),
    v.regex(new RegExp(`^([0-9a-f]{2}){1,${bytes}}$`, 'i')),
    v.transform((text) => Buffer.from(text, 'hex')),
  );
const Count = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(max));

const Derived = { dklen: v.pipe(Count(64), v.minValue(32)), salt: Digits(1024) };
const Crypto = v.intersect([
  v.object({
    cipher: v.literal('aes-128-ctr'),
    cipherparams: v.object({ iv: v.pipe(Digits(16), v.length(16)) }),
    ciphertext: Digits(32),
    mac: v.pipe(Digits(32), v.length(32)),
  }),
  v.variant('kdf', [
    v.object({
      kdf: v.literal('scrypt'),
      kdfparams: v.pipe(
        v.object({ ...Derived, n: Count(2 ** 24), r: Count(256), p: Count(MAX_PASSES) }),
        v.check(({ n, r }) => n > 1 && (n & (n - 1)) === 0 && 128 * n * r <= MAX_MEMORY),
      ),
    }),
    v.object({
      kdf: v.literal('pbkdf2'),
      kdfparams: v.object({ ...Derived, c: Count(MAX_ROUNDS), prf: v.literal('hmac-sha256') }),
    }),
  ]),
]);
const File = v.object({ version: v.literal(3), address: v.optional(v.string()), crypto: Crypto });

type KeystoreFile = v.InferOutput<typeof File>;

/** Whether a text is meant as a keystore file: a JSON object that says how it is encrypted. */
export function isKeystore(text: string): boolean {
  return /^\s*\{/.test(text);
}

/**
 * The private key in an Ethereum keystore file of version 3, by scrypt or PBKDF2, as geth, ethers, MetaMask and
 * {@link encryptKeystore} write it.
 *
 * @param passphrase as it is typed; tried in Unicode's form NFKC too, which ethers takes it in
 * @throws WalletError if it is not such a file, or the passphrase does not open it
 */
export async function decryptKeystore(text: string, passphrase: string): Promise<Uint8Array> {
  const file = readKeystore(text);
  for (const form of new Set([passphrase, passphrase.normalize('NFKC')])) {
    const key = await opened(file, form);
    if (key === undefined) continue;
    const { address } = file;
    const digits = address?.replace(/^0x/i, '').toLowerCase();
    if (digits !== undefined && digits !== '' && digits !== addressOfKey(key).slice(2).toLowerCase()) {
      key.fill(0);
      throw new WalletError('The keystore file holds the key of another address than it names.');
    }
    return key;
  }
  throw new WalletError('The passphrase does not open the keystore file.', { next: 'type the one it was made with.' });
}

function readKeystore(text: string): KeystoreFile {
  const fail = (why: string, cause?: unknown) =>
    new WalletError(`That is not a keystore file of version 3: ${why}.`, {
      next: 'give one by scrypt or PBKDF2, as geth, ethers and MetaMask write it, or the key itself.',
      cause,
    });
  let json: unknown;
  try {
    json = readJson(text);
  } catch (cause) {
    throw fail('it is not JSON', cause);
  }
  const given = Object.entries(Object(json)).map(([key, value]) => [key === 'Crypto' ? 'crypto' : key, value]); // as ethers spells it
  const read = v.safeParse(File, Object.fromEntries(given), { abortEarly: true });
  if (read.success) return read.output;
  const path = (read.issues[0].path ?? []).map(({ key }) => String(key)).join('.');
  throw fail(`${path || 'the whole'} is not what is expected`);
}

/** The key, or undefined if the passphrase is wrong. */
async function opened({ crypto }: KeystoreFile, passphrase: string): Promise<Uint8Array | undefined> {
  const derived = await derive(crypto, passphrase);
  try {
    const { ciphertext, mac, cipherparams } = crypto;
    if (!equalBytes(keccak_256(Buffer.concat([derived.subarray(16, 32), ciphertext])), mac)) return undefined;
    const bytes = createDecipheriv('aes-128-ctr', derived.subarray(0, 16), cipherparams.iv).update(ciphertext);
    try {
      // Some programs leave out the zeros before a short key.
      return readPrivateKey(toHex(bytes).slice(2).padStart(64, '0'));
    } finally {
      bytes.fill(0);
    }
  } finally {
    derived.fill(0);
  }
}

function derive(crypto: KeystoreFile['crypto'], passphrase: string): Promise<Buffer> {
  if (crypto.kdf === 'pbkdf2') {
    const { c, dklen, salt } = crypto.kdfparams;
    return promisify(pbkdf2)(passphrase, salt, c, dklen, 'sha256');
  }
  return nativeScrypt(passphrase, crypto.kdfparams.salt, crypto.kdfparams);
}
