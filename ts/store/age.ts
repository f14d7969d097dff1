import { armor, Decrypter, Encrypter, type Identity, type Recipient, type Stanza } from 'age-encryption';
import { CodedError } from '../errors.ts';

/**
 * What opens age files and what they are sealed to, in the terms of age: an identity, a passphrase, a passkey (WebAuthn).
 */
export interface Key {
  /** In the order in which they are asked; texts are age identities (AGE-SECRET-KEY-1… or AGE-SECRET-KEY-PQ-1…). */
  readonly identities: readonly (string | CryptoKey | Identity)[];
  /** The recipients of one new file, which may be computed from this call on. */
  recipients(): Promise<readonly (string | Recipient)[]>;
}

export type KeyKind = 'passphrase' | 'identity';

/**
 * `wrong-key`: a sound file that this key does not open. `unsupported`: a sound one, or a key, of a kind that is not taken here.
 * `altered`: not an age file, cut short or changed.
 */
export type AgeErrorKind = 'wrong-key' | 'unsupported' | 'altered';

export class AgeError extends CodedError {
  override readonly name = 'AgeError';
  override readonly code: `age-${AgeErrorKind}`;
  readonly kind: AgeErrorKind;

  constructor(kind: AgeErrorKind, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = `age-${kind}`;
    this.kind = kind;
  }
}

const FIRST_LINE = 'age-encryption.org/v1';
const ARMOR = '-----BEGIN AGE ENCRYPTED FILE-----';

/** Whether a file looks like an age file, armored or not. */
export function isAge(file: Uint8Array): boolean {
  const head = new TextDecoder('latin1').decode(file.subarray(0, 256)).trimStart();
  return head.startsWith(FIRST_LINE) || head.startsWith(ARMOR);
}

/** The binary file, whether it is armored (`age -a`) or not. @throws AgeError altered */
function unarmored(file: Uint8Array): Uint8Array {
  const text = new TextDecoder('latin1').decode(file);
  if (!text.trimStart().startsWith(ARMOR)) return file;
  try {
    return armor.decode(text);
  } catch (cause) {
    throw new AgeError('altered', 'its armor is cut short or changed', cause);
  }
}

/**
 * What a file was made with, read from its header, which is plain text.
 *
 * @throws AgeError altered
 */
export function keyKindOf(file: Uint8Array): KeyKind {
  const header = new TextDecoder('latin1').decode(unarmored(file).subarray(0, 4096));
  const lines = header.split('\n');
  if (lines[0] !== FIRST_LINE) throw new AgeError('altered', 'not an age file');
  const stanza = lines[1]?.split(' ');
  if (stanza?.[0] !== '->' || stanza[1] === undefined) throw new AgeError('altered', 'the age header is cut short');
  return stanza[1] === 'scrypt' ? 'passphrase' : 'identity';
}

/**
 * A sealer for one file. The computation for its key begins at once, so that it runs in parallel to whatever happens before there
 * is something to seal.
 */
export function sealer(key: Key): (plaintext: Uint8Array) => Promise<Uint8Array> {
  const recipients = key.recipients();
  recipients.catch(() => {}); // reported when it is used
  return async (plaintext) => {
    const encrypter = new Encrypter();
    for (const recipient of await recipients) encrypter.addRecipient(recipient);
    return encrypter.encrypt(plaintext);
  };
}

/** Seals by a passphrase, where there is no native scrypt: it takes seconds. */
export function sealByPassphrase(plaintext: Uint8Array, passphrase: string): Promise<Uint8Array> {
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  return encrypter.encrypt(plaintext);
}

/**
 * Opens an age file, armored or not.
 *
 * @throws AgeError
 */
export function open(file: Uint8Array, key: Pick<Key, 'identities'>): Promise<Uint8Array> {
  return openWith(file, (decrypter) => {
    for (const identity of key.identities) decrypter.addIdentity(identity);
  });
}

/**
 * Opens an age file with a passphrase, where there is no native scrypt: it takes seconds.
 *
 * @throws AgeError wrong-key, altered
 */
export function openByPassphrase(file: Uint8Array, passphrase: string): Promise<Uint8Array> {
  return openWith(file, (decrypter) => decrypter.addPassphrase(passphrase));
}

async function openWith(file: Uint8Array, add: (decrypter: Decrypter) => void): Promise<Uint8Array> {
  const decrypter = new Decrypter();
  try {
    add(decrypter);
  } catch (cause) {
    throw new AgeError('unsupported', 'an identity is none of age (AGE-SECRET-KEY-…)', cause);
  }
  // Identities are asked in order until one knows the file: when this one is asked, none did.
  decrypter.addIdentity({
    unwrapFileKey: (stanzas) => {
      const kinds = foreignKinds(stanzas);
      if (kinds === undefined) throw new AgeError('wrong-key', 'this key does not open the file');
      throw new AgeError('unsupported', `it was made for ${kinds}, and only age's own identities are taken here`);
    },
  });
  try {
    return await decrypter.decrypt(unarmored(file));
  } catch (error) {
    if (error instanceof AgeError) throw error;
    throw new AgeError('altered', error instanceof Error ? error.message : String(error), error);
  }
}

/** The kinds of keys that a file is for, such as `ssh-ed25519`, if age's own are not among them. */
function foreignKinds(stanzas: readonly Stanza[]): string | undefined {
  const kinds = stanzas.map(({ args }) => args[0] ?? '').filter((kind) => !kind.endsWith('-grease'));
  const isOwn = kinds.some((kind) => ['X25519', 'mlkem768x25519', 'scrypt'].includes(kind));
  return isOwn || kinds.length === 0 ? undefined : [...new Set(kinds)].join(' and ');
}
