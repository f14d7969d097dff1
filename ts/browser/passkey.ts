import { bech32 } from '@scure/base';
import { Stanza, webauthn } from 'age-encryption';
import { encodeCbor } from '../core/cbor.ts';
import { PasskeyError } from '../errors.ts';

// The page's part in passkeys, which no worker can ask for: age's WebAuthn, on the extension PRF.

const NO_PRF = 'choose a passphrase, or a browser and a device with passkeys that can encrypt (the extension PRF).';

/**
 * Whether this browser can keep a wallet by a passkey, as far as it tells without making one.
 *
 * @throws PasskeyError that says why not
 */
export async function assertPasskeys(): Promise<void> {
  const { isSecureContext, PublicKeyCredential: passkeys } = globalThis;
  if (!isSecureContext) {
    throw new PasskeyError('A page without HTTPS has no passkeys.', { next: 'open it by https://.' });
  }
  if (typeof passkeys === 'undefined') {
    throw new PasskeyError('This browser has no passkeys.', { next: NO_PRF });
  }
  const { getClientCapabilities } = passkeys as { getClientCapabilities?: () => Promise<Record<string, boolean>> };
  const capabilities = await getClientCapabilities?.call(passkeys);
  if (capabilities?.['extension:prf'] === false) {
    throw new PasskeyError('The passkeys of this browser cannot encrypt.', { next: NO_PRF });
  }
}

/**
 * Makes a passkey that can encrypt, and returns its name for age.
 *
 * @throws PasskeyError, too, if only the passkey tells that it cannot: nothing but it was made then, and the browser was asked
 * to remove it
 */
export async function makePasskey(name: string): Promise<string> {
  await assertPasskeys();
  const made = await create(name).catch((cause: unknown) => {
    throw notUsed(cause);
  });
  try {
    if (made.getClientExtensionResults().prf?.enabled === true) return ageName(made);
  } catch (cause) {
    await forget(made);
    throw notUsed(cause);
  }
  await forget(made);
  throw new PasskeyError('The passkey of this device cannot encrypt, so no wallet was made.', {
    next: `if the passkey "${name}" is still where passkeys are kept, remove it: nothing needs it. Then ${NO_PRF}`,
  });
}

/** As age's WebAuthn has it made, whose own `createCredential` does not say which one cannot encrypt. */
async function create(name: string): Promise<PublicKeyCredential> {
  const made = await navigator.credentials.create({
    publicKey: {
      rp: { name: '', id: location.hostname },
      user: { name, displayName: '', id: crypto.getRandomValues(new Uint8Array(8)) },
      // Nothing is verified by its public key: any kind will do.
      pubKeyCredParams: [-8, -7, -257].map((alg) => ({ type: 'public-key', alg })),
      authenticatorSelection: { requireResidentKey: true, residentKey: 'required', userVerification: 'required' },
      extensions: { prf: {} },
      challenge: new Uint8Array(1),
    },
  });
  return made as PublicKeyCredential;
}

/** How age names a passkey: all that finds it again, in bech32. */
function ageName({ rawId, response }: PublicKeyCredential): string {
  const { getTransports } = response as { getTransports?: () => string[] }; // not every browser has it
  const transports = getTransports?.call(response) ?? [];
  const parts = [1, new Uint8Array(rawId), location.hostname, transports].map((part) => [...encodeCbor(part)]);
  return bech32.encode('AGE-PLUGIN-FIDO2PRF-', bech32.toWords(Uint8Array.from(parts.flat())), false).toUpperCase();
}

/** Asks the browser to remove a passkey. Not every browser can, and none says whether it did. */
async function forget({ id }: PublicKeyCredential): Promise<void> {
  const { signalUnknownCredential } = PublicKeyCredential as {
    signalUnknownCredential?: (which: { rpId: string; credentialId: string }) => Promise<void>;
  };
  const which = { rpId: location.hostname, credentialId: id };
  await signalUnknownCredential?.call(PublicKeyCredential, which).catch(() => {});
}

/** What a worker sees of an age stanza. */
export interface PlainStanza {
  readonly args: readonly string[];
  readonly body: Uint8Array;
}

/** Has the passkey wrap a file key. @throws PasskeyError */
export async function wrapByPasskey(hint: string, fileKey: Uint8Array): Promise<PlainStanza[]> {
  try {
    const stanzas = await new webauthn.WebAuthnRecipient({ identity: hint }).wrapFileKey(fileKey);
    return stanzas.map(({ args, body }) => ({ args, body }));
  } catch (cause) {
    throw notUsed(cause);
  } finally {
    fileKey.fill(0);
  }
}

/** Has the passkey unwrap a file key; null if it is another passkey's. @throws PasskeyError */
export async function unwrapByPasskey(hint: string, stanzas: readonly PlainStanza[]): Promise<Uint8Array | null> {
  try {
    const all = stanzas.map(({ args, body }) => new Stanza([...args], body));
    return await new webauthn.WebAuthnIdentity({ identity: hint }).unwrapFileKey(all);
  } catch (cause) {
    if (isWithoutPrf(cause)) throw otherPasskey(cause); // the wallet's can encrypt
    throw notUsed(cause);
  }
}

function isWithoutPrf(cause: unknown): boolean {
  return cause instanceof Error && cause.message.startsWith('PRF');
}

/** A passkey that is not the one that the wallet was made with. */
export function otherPasskey(cause?: unknown): PasskeyError {
  return new PasskeyError('This passkey does not open the wallet.', {
    next: 'use the passkey that the wallet was made with; if it is lost, use the recovery key.',
    cause,
  });
}

function notUsed(cause: unknown): PasskeyError {
  const { name } = cause as { name?: string };
  if (name !== 'NotAllowedError') {
    return new PasskeyError(`The passkey could not be used (${name ?? 'unknown error'}).`, {
      next: 'try again.',
      cause,
    });
  }
  return new PasskeyError('The passkey was not used: nobody confirmed, or the passkey of this wallet is not here.', {
    next: 'try again, with the passkey that the wallet was made with; if it is lost, use the recovery key.',
    cause,
  });
}
