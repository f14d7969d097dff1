import * as v from 'valibot';
import type { Hex } from 'viem';
import { equalBytes, fromBase64, fromHex, toBase64 } from '../../ts/core/bytes.ts';
import { decodeCbor, encodeCbor } from '../../ts/core/cbor.ts';
import type { ShareInfo, Tandem } from '../../ts/core/wasm.ts';
import type { Policy } from '../../ts/policy/policy.ts';
import { ACTION, areParties } from '../../ts/protocol/roles.ts';
import type { Host } from '../template/host.ts';
import { fields, seal, unseal } from '../template/seal.ts';

/** What a request is handled with. */
export interface Cosigner {
  readonly host: Host;
  readonly policy: Policy;
  /** The policy's hash as bytes: what a share is sealed under. */
  readonly policyHash: Uint8Array<ArrayBuffer>;
  /** Shares of earlier epochs are refused. */
  readonly minEpoch: number;
  /** Starts the wasm module; one instance serves one request. */
  readonly start: () => Promise<Tandem>;
  /** The address whose key made a signature of 65 bytes. */
  readonly recover: (digest: Hex, signature: Hex) => Promise<string>;
}

const bytes = v.instance(Uint8Array<ArrayBuffer>);

/** What the action's place in a key rests on. It is sealed with the secret, and compared when that is opened. */
const bindings = {
  policy: bytes,
  authority: v.string(),
  threshold: v.number(),
  parties: v.array(v.number()),
  index: v.number(),
  /** Whether the share may sign by dkls23. */
  interactive: v.boolean(),
};

const sessionSchema = v.strictObject({
  ...bindings,
  /** The round of a deal that it has been through. */
  round: v.literal(2),
  /** The action that is to hold the share, if it is another one. */
  action: v.optional(v.string()),
  session: bytes,
});

const shareSchema = v.strictObject({ ...bindings, share: bytes });

const signingSchema = v.strictObject({
  policy: bytes,
  kind: v.literal('dkls23'),
  round: v.literal(2),
  index: v.number(),
  digest: bytes,
  /** Has itself what the session id is the hash of. */
  session: bytes,
});

/** A deal between the action's two calls. */
export type DealSession = Omit<v.InferOutput<typeof sessionSchema>, 'policy'>;

/** The action's key share with what it is bound to. */
export type BoundShare = Omit<v.InferOutput<typeof shareSchema>, 'policy'> & { keyId: Uint8Array; epoch: number };

/** A signature by dkls23 between the action's two calls. */
export type SigningSession = Omit<v.InferOutput<typeof signingSchema>, 'policy'> & { keyId: Uint8Array; epoch: number };

/** Seals a deal's session for the second call. */
export function sealSession({ host, policyHash }: Cosigner, wallet: string, session: DealSession): Promise<string> {
  return sealed(host, { purpose: 'session', wallet, epoch: 0 }, { ...session, policy: policyHash });
}

/** Opens a deal's session. @throws Error if it is not one, of this wallet and this policy */
export async function unsealSession(cosigner: Cosigner, wallet: string, text: string): Promise<DealSession> {
  const { header, body } = await unsealed(cosigner.host, 'session', wallet, text);
  const { policy, ...session } = v.parse(sessionSchema, body);
  checkPolicyHash(cosigner, policy);
  if (header.epoch !== 0 || header.keyId) throw new Error('not a session');
  return session;
}

/** Seals the action's key share. */
export async function sealShare(
  { host, policyHash, minEpoch }: Cosigner,
  wallet: string,
  bound: BoundShare,
): Promise<string> {
  const { keyId, epoch, ...body } = bound;
  if (epoch < minEpoch) throw new Error('a share of an epoch that is over');
  return sealed(host, { purpose: 'share', wallet, keyId, epoch }, { ...body, policy: policyHash });
}

/**
 * Opens the action's key share. The caller clears it, and compares what it says of itself: {@link checkBound}.
 *
 * @throws Error if it is not one, of this wallet and this policy, in an epoch that counts
 */
export async function unsealShare(cosigner: Cosigner, wallet: string, text: string): Promise<BoundShare> {
  const { header, body } = await unsealed(cosigner.host, 'share', wallet, text);
  const { policy, ...rest } = v.parse(shareSchema, body);
  try {
    checkPolicyHash(cosigner, policy);
    if (!header.keyId) throw new Error('not the share of a key');
    if (header.epoch < cosigner.minEpoch) throw new Error('a share of an epoch that is over');
    return { ...rest, keyId: header.keyId, epoch: header.epoch };
  } catch (error) {
    rest.share.fill(0);
    throw error;
  }
}

/**
 * Opens the action's key share, with what it says of itself. The caller clears it.
 *
 * @throws Error as {@link unsealShare} does, or if it is not all that was sealed with it
 */
export async function openShare(
  cosigner: Cosigner,
  tandem: Tandem,
  wallet: string,
  text: string,
): Promise<{ bound: BoundShare; info: ShareInfo }> {
  const bound = await unsealShare(cosigner, wallet, text);
  try {
    return { bound, info: boundInfo(tandem, bound) };
  } catch (error) {
    bound.share.fill(0);
    throw error;
  }
}

/** @throws Error unless the index is another party's of the key */
export function checkPeer({ parties }: BoundShare, peer: number): void {
  if (peer === ACTION || !parties.includes(peer)) throw new Error('no other party');
}

const movedSchema = v.strictTuple([bytes, bytes]);
const labelSchema = v.strictObject({
  purpose: v.literal('migration'),
  wallet: bytes,
  action: v.string(),
  keyId: bytes,
  epoch: v.number(),
  authority: v.string(),
  threshold: v.number(),
  parties: v.array(v.number()),
  index: v.number(),
  interactive: v.boolean(),
});

/** Seals a key share for another action, which alone can open it: under its public key, and the wallet's encryption. */
export async function sealForAction(
  { host }: Cosigner,
  tandem: Tandem,
  wallet: string,
  action: string,
  { share, ...bound }: BoundShare,
): Promise<string> {
  const label = encodeCbor({ purpose: 'migration', wallet: fromHex(wallet), action, ...bound });
  const sealed = tandem.sealTo({ publicKey: await host.actionPublicKey(action), context: label, plaintext: share });
  return host.encrypt(wallet, toBase64(encodeCbor([label, sealed])));
}

/** Opens what another action sealed for this one. The caller clears it. @throws Error if it is anything else */
export async function openFromAction(
  { host }: Cosigner,
  tandem: Tandem,
  wallet: string,
  text: string,
): Promise<{ bound: BoundShare; info: ShareInfo }> {
  const [label, sealed] = v.parse(movedSchema, decodeCbor(fromBase64(await host.decrypt(wallet, text))));
  const { purpose: _, action: __, wallet: of, ...bound } = v.parse(labelSchema, fields(decodeCbor(label)));
  if (!equalBytes(of, fromHex(wallet))) throw new Error('sealed for another wallet');
  const secretKey = await host.actionKey();
  const share = new Uint8Array(tandem.openSealed({ secretKey, context: label, sealed }));
  secretKey.fill(0);
  try {
    return { bound: { ...bound, share }, info: boundInfo(tandem, { ...bound, share }) };
  } catch (error) {
    share.fill(0);
    throw error;
  }
}

/** What a share says of itself, once it is checked. @throws Error as {@link checkBound} does */
export function boundInfo(tandem: Tandem, bound: BoundShare): ShareInfo {
  const info = tandem.shareInfo(bound.share);
  checkBound(bound, info);
  return info;
}

/**
 * Compares what a share says of itself with what was sealed beside it: the action's, of a key of which every index has its role.
 *
 * @throws Error if it is another one
 */
export function checkBound(bound: BoundShare, info: ShareInfo): void {
  const isSame =
    bound.index === ACTION &&
    areParties(bound.parties, true) &&
    equalBytes(bound.keyId, info.keyId) &&
    bound.epoch === info.epoch &&
    bound.index === info.index &&
    bound.threshold === info.threshold &&
    String(bound.parties) === String(info.parties);
  if (!isSame) throw new Error('the share is not the one that was sealed');
}

/** Seals the session of a signature for the second call. */
export function sealSigning({ host, policyHash }: Cosigner, wallet: string, session: SigningSession): Promise<string> {
  const { keyId, epoch, ...body } = session;
  return sealed(host, { purpose: 'dkls23', wallet, keyId, epoch }, { ...body, policy: policyHash });
}

/** Opens the session of a signature. @throws Error if it is not one, of this wallet and this policy */
export async function unsealSigning(cosigner: Cosigner, wallet: string, text: string): Promise<SigningSession> {
  const { header, body } = await unsealed(cosigner.host, 'dkls23', wallet, text);
  const { policy, ...session } = v.parse(signingSchema, body);
  checkPolicyHash(cosigner, policy);
  if (!header.keyId) throw new Error('not a session of a signature');
  return { ...session, keyId: header.keyId, epoch: header.epoch };
}

async function sealed(host: Host, header: Parameters<typeof seal>[1], body: object): Promise<string> {
  const secret = encodeCbor(body);
  try {
    return await seal(host, header, secret);
  } finally {
    secret.fill(0);
  }
}

async function unsealed(host: Host, purpose: string, wallet: string, text: string) {
  const { header, secret } = await unseal(host, { purpose, wallet }, text);
  try {
    return { header, body: fields(decodeCbor(secret)) };
  } finally {
    secret.fill(0);
  }
}

function checkPolicyHash(cosigner: Cosigner, policyHash: Uint8Array): void {
  if (!equalBytes(policyHash, cosigner.policyHash)) throw new Error('sealed under another policy');
}
