import type { ShareInfo, Tandem } from '../../ts/core/wasm.ts';
import { PublicRefusal } from '../template/action.ts';
import { equalBytes, toBase64 } from '../template/bytes.ts';
import { checkPolicy, type Policy } from './policy/index.ts';
import {
  type Intent,
  otherParties,
  type SignAnswer,
  type SignManyAnswer,
  type SignManyRequest,
  type SignRequest,
} from './protocol.ts';
import { type BoundShare, type Context, unsealShare } from './secrets.ts';

/** Answers a signing request, if the policy allows the intent. Every answer is a complete, independent execution. */
export async function sign(context: Context, { intent, request, ...rest }: SignRequest): Promise<SignAnswer> {
  const [response = ''] = await responses(context, { ...rest, requests: [{ intent, request }] });
  return { response };
}

/** Answers several signing requests, if the policy allows all their intents: all of them or none. */
export async function signMany(context: Context, request: SignManyRequest): Promise<SignManyAnswer> {
  return { responses: await responses(context, request) };
}

type Signing = Omit<SignManyRequest, 'op'>;

async function responses(context: Context, { wallet, share, requests, path, peer }: Signing): Promise<string[]> {
  for (const [i, { intent }] of requests.entries()) allow(context.policy, intent, i, requests.length);
  const first = await context.start();
  const digests = requests.map(({ intent }) => digestOf(first, intent));
  const bound = await unsealShare(context, wallet, share);
  try {
    checkBindings(bound, first.shareInfo(bound.share));
    const user = peer ?? otherParties(bound.parties, bound.index).hot;
    if (user === undefined) throw new Error('no other party');
    const answers: string[] = [];
    for (const [i, { request }] of requests.entries()) {
      // An instance frees nothing: one for each signature bounds the memory and leaves no execution another's remains.
      const tandem = i === 0 ? first : await context.start();
      const digest = digests[i] ?? new Uint8Array();
      answers.push(toBase64(tandem.dkls18Respond({ share: bound.share, peer: user, digest, path, request })));
    }
    return answers;
  } finally {
    bound.share.fill(0);
  }
}

/** The policy's verdict on an intent; of several, the reason says which. */
function allow(policy: Policy, intent: Intent, i: number, count: number): void {
  try {
    checkPolicy(policy, intent);
  } catch (error) {
    if (count === 1 || !(error instanceof PublicRefusal)) throw error;
    throw new PublicRefusal(error.code, `intent ${i + 1} of ${count}: ${error.message}`);
  }
}

/** The digest that an intent stands for, 32 bytes. */
function digestOf(tandem: Tandem, intent: Intent): Uint8Array {
  if (intent.kind === 'digest') return intent.digest;
  const { message } = intent;
  return tandem.messageDigest(typeof message === 'string' ? new TextEncoder().encode(message) : message.raw);
}

/** What was sealed beside the share must be what the share itself says. */
function checkBindings(bound: BoundShare, info: ShareInfo): void {
  const isSame =
    equalBytes(bound.keyId, info.keyId) &&
    bound.epoch === info.epoch &&
    bound.index === info.index &&
    bound.threshold === info.threshold &&
    String(bound.parties) === String(info.parties);
  if (!isSame) throw new Error('the share is not the one that was sealed');
}
