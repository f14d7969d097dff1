import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { Decrypter, Encrypter, type Identity, identityToRecipient, type Recipient, Stanza } from 'age-encryption';
import { CodedError } from '../errors.ts';

/** What opens an age file: a passphrase, or age identities (AGE-SECRET-KEY-1… or AGE-SECRET-KEY-PQ-1…). */
export type Key = { readonly passphrase: string } | { readonly identities: readonly string[] };

export type KeyKind = 'passphrase' | 'identity';

/** scrypt's work factor as age sets it: N = 2^18, about a second and 256 MiB. Files up to 2^20 are opened. */
const WORK_FACTOR = 18;
const WORK_FACTOR_LIMIT = 20;
const SCRYPT_LABEL = 'age-encryption.org/v1/scrypt';

/** `wrong-key`: a sound file that this key does not open. `altered`: not an age file, cut short or changed. */
export class AgeError extends CodedError {
  override readonly name = 'AgeError';
  override readonly code: 'age-wrong-key' | 'age-altered';
  readonly kind: 'wrong-key' | 'altered';

  constructor(kind: 'wrong-key' | 'altered', message: string, cause?: unknown) {
    super(message, { cause });
    this.code = `age-${kind}`;
    this.kind = kind;
  }
}

/**
 * What a file was made with, read from its header, which is plain text.
 *
 * @throws AgeError altered
 */
export function keyKindOf(file: Uint8Array): KeyKind {
  const header = new TextDecoder('latin1').decode(file.subarray(0, 4096));
  const lines = header.split('\n');
  if (lines[0] !== 'age-encryption.org/v1') throw new AgeError('altered', 'not an age file');
  const stanza = lines[1]?.split(' ');
  if (stanza?.[0] !== '->' || stanza[1] === undefined) throw new AgeError('altered', 'the age header is cut short');
  return stanza[1] === 'scrypt' ? 'passphrase' : 'identity';
}

/**
 * A sealer for one file. A passphrase's scrypt starts at once, on a thread of its own, so that it runs beside whatever
 * is done before there is something to seal.
 */
export function sealer(key: Key): (plaintext: Uint8Array) => Promise<Uint8Array> {
  const recipients =
    'passphrase' in key ? [Promise.resolve(scryptRecipient(key.passphrase))] : key.identities.map(identityToRecipient);
  return async (plaintext) => {
    const encrypter = new Encrypter();
    for (const recipient of recipients) encrypter.addRecipient(await recipient);
    return encrypter.encrypt(plaintext);
  };
}

/**
 * Opens an age file. scrypt runs on a thread of its own.
 *
 * @throws AgeError wrong-key, altered
 */
export async function open(file: Uint8Array, key: Key): Promise<Uint8Array> {
  const decrypter = new Decrypter();
  if ('passphrase' in key) decrypter.addIdentity(scryptIdentity(key.passphrase));
  else for (const identity of key.identities) decrypter.addIdentity(identity);
  // Identities are asked in order until one knows the file: when this one is asked, none did.
  decrypter.addIdentity({
    unwrapFileKey: () => {
      throw new AgeError('wrong-key', 'this key does not open the file');
    },
  });
  try {
    return await decrypter.decrypt(file);
  } catch (error) {
    if (error instanceof AgeError) throw error;
    throw new AgeError('altered', error instanceof Error ? error.message : String(error), error);
  }
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
        throw new AgeError('altered', `scrypt work factor ${logN} is above ${WORK_FACTOR_LIMIT}`);
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
  const N = 2 ** logN;
  return promisify<string, Buffer, number, object, Buffer>(scrypt)(
    passphrase,
    Buffer.concat([Buffer.from(SCRYPT_LABEL), salt]),
    32,
    { N, r: 8, p: 1, maxmem: 2 * 128 * 8 * N },
  );
}

function unpadded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '');
}
