// For Node: the keys that are kept in files and typed in, with Node's native scrypt.
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { type Identity, identityToRecipient, type Recipient, Stanza } from 'age-encryption';
import { AgeError, isAge, type Key, keyKindOf, open } from './age.ts';

/** A passphrase, or age identities (AGE-SECRET-KEY-1… or AGE-SECRET-KEY-PQ-1…). */
export type Secret = { readonly passphrase: string } | { readonly identities: readonly string[] };

/** scrypt's work factor as age sets it: N = 2^18, about a second and 256 MiB. Files up to 2^20 are opened. */
const WORK_FACTOR = 18;
const WORK_FACTOR_LIMIT = 20;
const SCRYPT_LABEL = 'age-encryption.org/v1/scrypt';

/** The key that a secret is. A passphrase's scrypt runs on a thread of its own. */
export function keyOf(secret: Secret): Key {
  if ('passphrase' in secret) {
    const { passphrase } = secret;
    return {
      identities: [scryptIdentity(passphrase)],
      recipients: async () => [scryptRecipient(passphrase)],
    };
  }
  const { identities } = secret;
  return { identities, recipients: () => Promise.all(identities.map(identityToRecipient)) };
}

/**
 * The identities in a file of age-keygen, which may be encrypted with a passphrase (`age -p`).
 *
 * @param passphrase is asked for one
 * @throws AgeError if it is another file, or does not open; the error quotes none of it
 */
export async function identitiesIn(file: Uint8Array, passphrase: () => Promise<string>): Promise<readonly string[]> {
  const text = new TextDecoder().decode(isAge(file) ? await decrypted(file, passphrase) : file);
  const identities = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (identities.length === 0 || !identities.every((line) => /^AGE-SECRET-KEY-(PQ-)?1[0-9A-Z]+$/.test(line))) {
    throw new AgeError('unsupported', whatElse(text));
  }
  return identities;
}

async function decrypted(file: Uint8Array, passphrase: () => Promise<string>): Promise<Uint8Array> {
  if (keyKindOf(file) !== 'passphrase') throw new AgeError('unsupported', 'it is encrypted for another identity');
  try {
    return await open(file, keyOf({ passphrase: await passphrase() }));
  } catch (error) {
    if (!(error instanceof AgeError) || error.kind !== 'wrong-key') throw error;
    throw new AgeError('wrong-key', 'its passphrase is another');
  }
}

/** What a file is that somebody gives by mistake as a file of identities. */
function whatElse(text: string): string {
  if (/^AGE-PLUGIN-/m.test(text)) return 'it is of an age plugin, and identities of plugins are not taken here';
  if (/^-----BEGIN .*PRIVATE KEY-----/m.test(text))
    return 'it is a private key of ssh or the like, which are not taken here';
  if (/^(age1|ssh-)/m.test(text)) return 'it is of public keys (recipients), which open nothing';
  return 'it is not a file of age identities';
}

// The scrypt stanza of the age format, on Node's native scrypt: three times as fast as in JavaScript, and off the main thread.

function scryptRecipient(passphrase: string): Recipient {
  const salt = randomBytes(16);
  const wrappingKey = deriveKey(passphrase, salt, WORK_FACTOR);
  wrappingKey.catch(() => {}); // reported when it is used
  return {
    wrapFileKey: async (fileKey) => {
      const cipher = createCipheriv('chacha20-poly1305', await wrappingKey, new Uint8Array(12), { authTagLength: 16 });
      const body = Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()]);
      return [new Stanza(['scrypt', unpadded(salt), String(WORK_FACTOR)], body)];
    },
  };
}

function scryptIdentity(passphrase: string): Identity {
  return {
    unwrapFileKey: async (stanzas) => {
      const [stanza] = stanzas;
      if (stanza?.args[0] !== 'scrypt') return null;
      const [, saltText, logNText] = stanza.args;
      const salt = Buffer.from(saltText ?? '', 'base64');
      const logN = Number(logNText);
      if (
        stanzas.length !== 1 ||
        stanza.args.length !== 3 ||
        salt.length !== 16 ||
        unpadded(salt) !== saltText ||
        !/^[1-9][0-9]?$/.test(logNText ?? '') ||
        stanza.body.length !== 32
      ) {
        throw new AgeError('altered', 'invalid scrypt stanza');
      }
      if (logN > WORK_FACTOR_LIMIT) {
        throw new AgeError(
          'unsupported',
          `its passphrase takes 2^${logN} rounds of scrypt, and at most 2^${WORK_FACTOR_LIMIT} are made`,
        );
      }
      const key = await deriveKey(passphrase, salt, logN);
      const decipher = createDecipheriv('chacha20-poly1305', key, new Uint8Array(12), { authTagLength: 16 });
      decipher.setAuthTag(stanza.body.subarray(16));
      const fileKey = decipher.update(stanza.body.subarray(0, 16));
      try {
        decipher.final();
      } catch {
        return null;
      }
      return fileKey;
    },
  };
}

function deriveKey(passphrase: string, salt: Uint8Array, logN: number): Promise<Buffer> {
  return nativeScrypt(passphrase, Buffer.concat([Buffer.from(SCRYPT_LABEL), salt]), {
    n: 2 ** logN,
    r: 8,
    p: 1,
    dklen: 32,
  });
}

/** Node's scrypt (RFC 7914), on a thread of its own: `dklen` bytes, with as much memory as it takes. */
export function nativeScrypt(
  passphrase: string,
  salt: Uint8Array,
  { n, r, p, dklen }: { readonly n: number; readonly r: number; readonly p: number; readonly dklen: number },
): Promise<Buffer> {
  const options = { N: n, r, p, maxmem: 2 * 128 * r * (n + p) };
  return promisify<string, Uint8Array, number, object, Buffer>(scrypt)(passphrase, salt, dklen, options);
}

function unpadded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '');
}
