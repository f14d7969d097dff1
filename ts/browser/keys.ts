import { bech32 } from '@scure/base';
import { Encrypter, generateX25519Identity, type Identity, identityToRecipient, type Recipient } from 'age-encryption';
import { PasskeyError, StoreError, UsageError } from '../errors.ts';
import { AgeError, type Key, open, openByPassphrase, sealByPassphrase, sealer } from '../store/age.ts';
import { type Content, nameOf, type Store } from '../store/store.ts';
import { otherPasskey } from './passkey.ts';

// How the shares of a browser open. Each is sealed to two age recipients: that of an identity of this browser, which is sealed
// by a passkey, by a passphrase, or by either; and that of the recovery key, an identity which is nowhere here. So a passkey is
// asked for once, and a user with the files and the recovery key needs neither this page nor this browser.

/** The folder of the store that holds all of this. Nothing in it is open. */
export const KEYS = 'keys';
/** The two recipients, as age takes them from a file. */
const RECIPIENTS = 'recipients.txt';
/** The identity, sealed: an age identity file, which age opens by itself if it was a passphrase. */
const SEALED = { passkey: 'passkey.age', passphrase: 'passphrase.age' } as const;
/** Which passkey it is, so that nobody has to choose one. It is not secret. */
const HINT = 'passkey.txt';
/** The names of the files of {@link KEYS}. */
export const KEY_FILES: readonly string[] = [RECIPIENTS, SEALED.passkey, SEALED.passphrase, HINT];

const LIMIT = 16 * 1024;
/** A passphrase of fewer characters is not taken: the sealed identity can be copied, and tried without end. */
const MIN_PASSPHRASE = 10;

/** By what the keys of a browser open, besides the recovery key. */
export type Method = keyof typeof SEALED;

/** A passkey, by its name for age's WebAuthn, and what asks for it. */
export interface Passkey {
  readonly hint: string;
  readonly recipient: Recipient;
}

/** By what the identity is to be sealed: one of them, or both. */
export interface NewMethods {
  readonly passkey?: Passkey | undefined;
  readonly passphrase?: string | undefined;
}

/** What opens it now. */
export type Opener =
  | { readonly passphrase: string }
  | { readonly passkey: (hint: string) => Identity }
  | { readonly recovery: string };

/** The ways in which the keys of a store open; none if it has none. */
export async function methodsOf(store: Store): Promise<Method[]> {
  const files = await store.list(KEYS);
  return (['passkey', 'passphrase'] as const).filter((method) => files.includes(SEALED[method]));
}

/** A new recovery key: the identity, which the user keeps and nobody else, and its recipient. */
export async function newRecoveryKey(): Promise<{ identity: string; recipient: string }> {
  const identity = await generateX25519Identity();
  return { identity, recipient: await identityToRecipient(identity) };
}

/** Keys that are in no store yet. */
export interface NewKeys {
  readonly key: Key;
  /** Keeps them, in the place of any that are there. @throws StoreError */
  keep(): Promise<void>;
}

/**
 * Makes keys for a store.
 *
 * @param recovery the recipient of a recovery key that the user has by now
 * @throws UsageError, PasskeyError
 */
export async function makeKeys(store: Store, methods: NewMethods, recovery: string): Promise<NewKeys> {
  const { passkey, passphrase } = methods;
  if (passkey === undefined && passphrase === undefined) {
    throw new UsageError('There is nothing to open the wallet by.', {
      next: 'choose a passkey, a passphrase or both.',
    });
  }
  if (passphrase !== undefined && [...passphrase].length < MIN_PASSPHRASE) {
    throw new UsageError(`The passphrase has fewer than ${MIN_PASSPHRASE} characters.`, {
      next: 'take five or more random words: an attacker who copies the files can try passphrases without limit.',
    });
  }
  assertRecipient(recovery);
  const identity = await generateX25519Identity();
  const recipients = [await identityToRecipient(identity), recovery];
  const plain = new TextEncoder().encode(`${identity}\n`);
  try {
    const write: Content[] = [];
    if (passkey !== undefined) {
      const seal = sealer({ identities: [], recipients: async () => [passkey.recipient] });
      write.push({ path: SEALED.passkey, data: await seal(plain) }, { path: HINT, data: `${passkey.hint}\n` });
    }
    if (passphrase !== undefined) {
      write.push({ path: SEALED.passphrase, data: await sealByPassphrase(plain, passphrase) });
    }
    write.push({ path: RECIPIENTS, data: recipients.map((recipient) => `${recipient}\n`).join('') });
    return { key: keyOf(await asCryptoKey(identity), recipients), keep: () => keepKeys(store, write) };
  } finally {
    plain.fill(0);
  }
}

/** Keeps the files of keys, and none that were there before. @throws StoreError */
export async function keepKeys(store: Store, write: readonly Content[]): Promise<void> {
  const written = write.map(({ path }) => path);
  await store.makeFolder(KEYS);
  await store.commit(KEYS, { write, remove: KEY_FILES.filter((name) => !written.includes(name)) });
}

/**
 * Opens the keys of a store. What seals new shares is the same as before, whatever they were opened by.
 *
 * @throws StoreError missing, passphrase, identity, altered; PasskeyError
 */
export async function openKeys(store: Store, opener: Opener): Promise<Key> {
  const recipients = (await text(store, RECIPIENTS)).split('\n').filter((line) => line !== '');
  if ('recovery' in opener) {
    const identity = opener.recovery.trim().toUpperCase();
    await assertIdentity(identity);
    return keyOf(identity, recipients);
  }
  const file = SEALED['passphrase' in opener ? 'passphrase' : 'passkey'];
  const sealed = await store.read(`${KEYS}/${file}`, LIMIT);
  const path = nameOf(store, `${KEYS}/${file}`);
  try {
    const plain =
      'passphrase' in opener
        ? await openByPassphrase(sealed, opener.passphrase)
        : await open(sealed, { identities: [opener.passkey((await text(store, HINT)).trim())] });
    try {
      return keyOf(await asCryptoKey(new TextDecoder().decode(plain).trim()), recipients);
    } finally {
      plain.fill(0);
    }
  } catch (error) {
    if (!(error instanceof AgeError)) throw error;
    if (error.cause instanceof PasskeyError) throw error.cause;
    if (error.kind === 'altered') {
      throw new StoreError('altered', `${path} is cut short or altered.`, { next: 'restore a backup.', cause: error });
    }
    if ('passkey' in opener) throw otherPasskey(error);
    throw new StoreError('passphrase', 'The passphrase does not open the wallet.', {
      next: 'try again with the passphrase it was made with.',
    });
  }
}

/** @throws UsageError */
async function assertIdentity(identity: string): Promise<void> {
  const recipient = await identityToRecipient(identity).catch(() => undefined);
  if (recipient !== undefined) return;
  throw new UsageError('This is not a recovery key.', {
    next: 'type the text that begins with AGE-SECRET-KEY-, from the file or sheet that was saved with the present shares.',
  });
}

/** @throws UsageError */
function assertRecipient(recipient: string): void {
  try {
    new Encrypter().addRecipient(recipient);
  } catch {
    throw new UsageError('This is not an age recipient.', { next: 'give one that begins with age1.' });
  }
}

async function text(store: Store, file: string): Promise<string> {
  return new TextDecoder().decode(await store.read(`${KEYS}/${file}`, LIMIT));
}

function keyOf(identity: CryptoKey | string, recipients: readonly string[]): Key {
  return { identities: [identity], recipients: async () => recipients };
}

/** PKCS #8 in front of the 32 bytes of an X25519 key (RFC 8410). */
const PKCS8 = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20];

/** An age identity as a key that cannot be read any more, only used. */
async function asCryptoKey(identity: string): Promise<CryptoKey> {
  const { bytes } = bech32.decodeToBytes(identity);
  const pkcs8 = Uint8Array.from([...PKCS8, ...bytes]);
  try {
    return await crypto.subtle.importKey('pkcs8', pkcs8, { name: 'X25519' }, false, ['deriveBits']);
  } finally {
    bytes.fill(0);
    pkcs8.fill(0);
  }
}
