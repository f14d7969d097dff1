import { Decrypter, Encrypter, type Identity, type Recipient } from 'age-encryption';
import { CodedError } from '../errors.ts';

/**
 * What opens age files and what they are sealed to, as age has it: of an identity, a passphrase, a passkey (age's WebAuthn).
 */
export interface Key {
  /** In the order in which they are asked; texts are age identities (AGE-SECRET-KEY-1… or AGE-SECRET-KEY-PQ-1…). */
  readonly identities: readonly (string | Identity)[];
  /** The recipients of one new file, which may be computed from this call on. */
  recipients(): Promise<readonly (string | Recipient)[]>;
}

export type KeyKind = 'passphrase' | 'identity';

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
 * A sealer for one file. What its key has to compute begins at once, so that it runs beside whatever is done before there is
 * something to seal.
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

/**
 * Opens an age file.
 *
 * @throws AgeError wrong-key, altered
 */
export async function open(file: Uint8Array, key: Key): Promise<Uint8Array> {
  const decrypter = new Decrypter();
  for (const identity of key.identities) decrypter.addIdentity(identity);
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
