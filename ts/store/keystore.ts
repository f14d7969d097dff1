// For Node, with its native scrypt.
import { createCipheriv, randomBytes, randomUUID, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { keccak_256 } from '@noble/hashes/sha3.js';

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
  const { n, r, p, dklen } = SCRYPT;
  const salt = random(32);
  const options = { N: n, r, p, maxmem: 2 * 128 * r * n };
  const derived = await promisify<string, Buffer, number, object, Buffer>(scrypt)(passphrase, salt, dklen, options);
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
