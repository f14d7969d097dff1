import * as v from 'valibot';
import { decodeCbor, encodeCbor } from '../../ts/core/cbor.ts';
import type { Tandem } from '../../ts/core/wasm.ts';
import type { Policy } from '../../ts/policy/policy.ts';
import { equalBytes } from '../template/bytes.ts';
import type { Host } from '../template/host.ts';
import { fields, seal, unseal } from '../template/seal.ts';

/** What a request is handled with. */
export interface Context {
  readonly host: Host;
  readonly policy: Policy;
  /** The policy's hash as bytes: what a share is sealed under. */
  readonly policyHash: Uint8Array<ArrayBuffer>;
  /** Starts the wasm module; one instance serves one request. */
  readonly start: () => Promise<Tandem>;
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
  /** The deal this session is of, and the round it has been through. */
  kind: v.literal('keygen'),
  round: v.literal(2),
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
export function sealSession({ host, policyHash }: Context, wallet: string, session: DealSession): Promise<string> {
  return sealed(host, { purpose: 'session', wallet, epoch: 0 }, { ...session, policy: policyHash });
}

/** Opens a deal's session. @throws Error if it is not one, of this wallet and this policy */
export async function unsealSession(context: Context, wallet: string, text: string): Promise<DealSession> {
  const { header, body } = await unsealed(context.host, 'session', wallet, text);
  const session = v.parse(sessionSchema, body);
  checkPolicyHash(context, session.policy);
  if (header.epoch !== 0 || header.keyId) throw new Error('not the session of a key generation');
  return session;
}

/** Seals the action's key share. */
export function sealShare({ host, policyHash }: Context, wallet: string, bound: BoundShare): Promise<string> {
  const { keyId, epoch, ...body } = bound;
  return sealed(host, { purpose: 'share', wallet, keyId, epoch }, { ...body, policy: policyHash });
}

/** Opens the action's key share. @throws Error if it is not one, of this wallet and this policy */
export async function unsealShare(context: Context, wallet: string, text: string): Promise<BoundShare> {
  const { header, body } = await unsealed(context.host, 'share', wallet, text);
  const { policy, ...share } = v.parse(shareSchema, body);
  checkPolicyHash(context, policy);
  if (!header.keyId) throw new Error('not the share of a key');
  return { ...share, keyId: header.keyId, epoch: header.epoch };
}

/** Seals the session of a signature for the second call. */
export function sealSigning({ host, policyHash }: Context, wallet: string, session: SigningSession): Promise<string> {
  const { keyId, epoch, ...body } = session;
  return sealed(host, { purpose: 'dkls23', wallet, keyId, epoch }, { ...body, policy: policyHash });
}

/** Opens the session of a signature. @throws Error if it is not one, of this wallet and this policy */
export async function unsealSigning(context: Context, wallet: string, text: string): Promise<SigningSession> {
  const { header, body } = await unsealed(context.host, 'dkls23', wallet, text);
  const { policy, ...session } = v.parse(signingSchema, body);
  checkPolicyHash(context, policy);
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

function checkPolicyHash(context: Context, policyHash: Uint8Array): void {
  if (!equalBytes(policyHash, context.policyHash)) throw new Error('sealed under another policy');
}
