// In an extension's worker: passkeys that outlive the browser. Chromium hands it all of WebAuthn's requests, after its own checks
// of page and RP ID, as it does for remote desktops (chrome.webAuthenticationProxy). Chromium's virtual authenticator would end
// with its tab, and DevTools can put back a credential of it but not the secret of its PRF.

export interface Request {
  readonly requestId: number;
  readonly requestDetailsJson: string;
}
interface Outcome {
  readonly requestId: number;
  readonly responseJson?: string;
  readonly error?: { readonly name: string; readonly message: string };
}
interface Event<T> {
  addListener(listener: (request: T) => void): void;
}
declare const chrome: {
  readonly webAuthenticationProxy: {
    attach(): Promise<string | undefined>;
    readonly onCreateRequest: Event<Request>;
    readonly onGetRequest: Event<Request>;
    readonly onIsUvpaaRequest: Event<{ readonly requestId: number }>;
    completeCreateRequest(outcome: Outcome): Promise<void>;
    completeGetRequest(outcome: Outcome): Promise<void>;
    completeIsUvpaaRequest(outcome: { requestId: number; isUvpaa: boolean }): Promise<void>;
  };
  readonly storage: {
    readonly local: { get(key: null): Promise<Record<string, Kept>>; set(items: Record<string, Kept>): Promise<void> };
  };
};

/** A passkey as it is kept in the profile, by its id. */
interface Kept {
  readonly rpId: string;
  readonly user: string;
  readonly key: JsonWebKey;
  /** The secret of its PRF. */
  readonly secret: string;
}

/** The part of WebAuthn's options, as JSON, that is looked at. */
interface Options {
  readonly challenge: string;
  readonly rp: { readonly id: string };
  readonly rpId: string;
  readonly user: { readonly id: string };
  readonly allowCredentials: readonly { readonly id: string }[];
  readonly extensions: {
    readonly prf?: { readonly eval?: { readonly first: string; readonly second?: string } };
    readonly remoteDesktopClientOverride: { readonly origin: string };
  };
}

const ES256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

const base64url = (bytes: Uint8Array) =>
  btoa(String.fromCharCode(...bytes)).replace(/[+/=]/g, (c) => ({ '+': '-', '/': '_' })[c] ?? '');
const bytesOf = (text: string) =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
const utf8 = (text: string) => new TextEncoder().encode(text);
const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
const concat = (...parts: (Uint8Array | readonly number[])[]) => Uint8Array.from(parts.flatMap((part) => [...part]));
const sha256 = async (data: Uint8Array<ArrayBuffer>) => new Uint8Array(await crypto.subtle.digest('SHA-256', data));

const clientData = (type: string, { challenge, extensions }: Options) =>
  utf8(JSON.stringify({ type, challenge, origin: extensions.remoteDesktopClientOverride.origin, crossOrigin: false }));

/** WebAuthn's authenticatorData: the user is there, and is verified. */
const authenticatorData = async (rpId: string, attested: Uint8Array = new Uint8Array()) =>
  concat(await sha256(utf8(rpId)), [attested.length > 0 ? 0x45 : 0x05, 0, 0, 0, 0], attested);

/** How WebAuthn has a PRF's input reach an authenticator, and hmac-secret's answer. */
async function prf(secret: string, input: string): Promise<string> {
  const key = await crypto.subtle.importKey('raw', bytesOf(secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  const salt = await sha256(concat(utf8('WebAuthn PRF'), [0], bytesOf(input)));
  return base64url(new Uint8Array(await crypto.subtle.sign('HMAC', key, salt)));
}

/** An ECDSA signature as ASN.1 has it. */
function der(signature: Uint8Array): Uint8Array {
  const integer = (bytes: Uint8Array) => {
    const from = bytes.findIndex((byte) => byte !== 0);
    const shortest = bytes.subarray(from);
    const content = (shortest[0] ?? 0) > 127 ? concat([0], shortest) : shortest;
    return concat([2, content.length], content);
  };
  const both = concat(integer(signature.subarray(0, 32)), integer(signature.subarray(32)));
  return concat([0x30, both.length], both);
}

async function create(options: Options): Promise<object> {
  const { publicKey, privateKey } = await crypto.subtle.generateKey(ES256, true, ['sign', 'verify']);
  const rawId = random(16);
  const id = base64url(rawId);
  const { x = '', y = '' } = await crypto.subtle.exportKey('jwk', publicKey);
  const cose = concat([0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32], bytesOf(x), [0x22, 0x58, 32], bytesOf(y));
  const attested = concat(new Uint8Array(16), [0, rawId.length], rawId, cose);
  const data = await authenticatorData(options.rp.id, attested);
  // CBOR: {fmt: "none", attStmt: {}, authData}
  const head = concat([0xa3, 0x63], utf8('fmt'), [0x64], utf8('none'), [0x67], utf8('attStmt'), [0xa0, 0x68]);
  const key = await crypto.subtle.exportKey('jwk', privateKey);
  const secret = base64url(random(32));
  await chrome.storage.local.set({ [id]: { rpId: options.rp.id, user: options.user.id, key, secret } });
  return {
    id,
    response: {
      clientDataJSON: base64url(clientData('webauthn.create', options)),
      attestationObject: base64url(concat(head, utf8('authData'), [0x58, data.length], data)),
      authenticatorData: base64url(data),
      publicKey: base64url(new Uint8Array(await crypto.subtle.exportKey('spki', publicKey))),
      publicKeyAlgorithm: -7,
      transports: ['internal'],
    },
    clientExtensionResults: { prf: { enabled: true } },
  };
}

async function get(options: Options): Promise<object | undefined> {
  const { allowCredentials, rpId, extensions } = options;
  const here = await chrome.storage.local.get(null);
  const id = allowCredentials.map(({ id }) => id).find((id) => here[id]?.rpId === rpId);
  const kept = id === undefined ? undefined : here[id];
  if (kept === undefined) return undefined;
  const data = await authenticatorData(rpId);
  const client = clientData('webauthn.get', options);
  const key = await crypto.subtle.importKey('jwk', kept.key, ES256, false, ['sign']);
  const signature = await crypto.subtle.sign(ES256, key, concat(data, await sha256(client)));
  const { first, second } = extensions.prf?.eval ?? {};
  const results = {
    ...(first !== undefined && { first: await prf(kept.secret, first) }),
    ...(second !== undefined && { second: await prf(kept.secret, second) }),
  };
  return {
    id,
    response: {
      clientDataJSON: base64url(client),
      authenticatorData: base64url(data),
      signature: base64url(der(new Uint8Array(signature))),
      userHandle: kept.user,
    },
    clientExtensionResults: { prf: { results } },
  };
}

const proxy = chrome.webAuthenticationProxy;

async function outcomeOf(
  { requestId, requestDetailsJson }: Request,
  make: (options: Options) => Promise<object | undefined>,
): Promise<Outcome> {
  const made = await make(JSON.parse(requestDetailsJson));
  if (made === undefined) return { requestId, error: { name: 'NotAllowedError', message: 'no such passkey' } };
  const { id } = made as { id: string };
  const whole = { ...made, rawId: id, type: 'public-key', authenticatorAttachment: 'platform' };
  return { requestId, responseJson: JSON.stringify(whole) };
}

proxy.onIsUvpaaRequest.addListener(({ requestId }) => proxy.completeIsUvpaaRequest({ requestId, isUvpaa: true }));
proxy.onCreateRequest.addListener(async (request) => proxy.completeCreateRequest(await outcomeOf(request, create)));
proxy.onGetRequest.addListener(async (request) => proxy.completeGetRequest(await outcomeOf(request, get)));
// The tests wait for it.
Object.assign(globalThis, { attached: proxy.attach() });
