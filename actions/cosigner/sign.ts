import type { ShareInfo, Tandem } from '../../ts/core/wasm.ts';
import { digestOf, InputError, type Intent, parseIntentJson } from '../../ts/intent/intent.ts';
import { judge } from '../../ts/policy/judge.ts';
import { PublicRefusal } from '../template/action.ts';
import { equalBytes, fromHex, toBase64 } from '../template/bytes.ts';
import {
  otherParties,
  type SignAnswer,
  type SignManyAnswer,
  type SignManyRequest,
  type SignRequest,
} from './protocol.ts';
import { type Context, openShare } from './secrets.ts';

/** Answers a signing request, if the policy allows the intent. Every answer is a complete, independent execution. */
export async function sign(context: Context, { intent, approval, request, ...rest }: SignRequest): Promise<SignAnswer> {
  const [response = ''] = await responses(context, { ...rest, requests: [{ intent, approval, request }] });
  return { response };
}

/** Answers several signing requests, if the policy allows all their intents: all of them or none. */
export async function signMany(context: Context, request: SignManyRequest): Promise<SignManyAnswer> {
  return { responses: await responses(context, request) };
}

type Signing = Omit<SignManyRequest, 'op'>;

async function responses(context: Context, signing: Signing): Promise<string[]> {
  const { wallet, share, requests, path, peer, account } = signing;
  const digests: Uint8Array[] = [];
  for (const [i, item] of requests.entries()) {
    const which = requests.length === 1 ? '' : `intent ${i + 1} of ${requests.length}: `;
    digests.push(fromHex(digestOf(await allowed(context, item, account, which))));
  }
  const first = await context.start();
  const { bound, info } = await openShare(context, first, wallet, share);
  try {
    checkAccount(first, info, path, account);
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

/** The longest reason given: reasons may quote what was sent. */
const MAX_REASON = 1000;

/** The intent, parsed, if the policy allows it. @throws {PublicRefusal} with code `policy` and the reason */
export async function allowed(
  { policy, recover }: Context,
  { intent: text, approval }: Pick<Signing['requests'][number], 'intent' | 'approval'>,
  account: string | undefined,
  which: string,
): Promise<Intent> {
  const refusal = (reason: string) => new PublicRefusal('policy', `${which}${reason}`.slice(0, MAX_REASON));
  let intent: Intent;
  try {
    intent = parseIntentJson(text);
  } catch (error) {
    throw error instanceof InputError ? refusal(`not an intent: ${error.message}`) : error;
  }
  const now = Math.floor(Date.now() / 1000);
  const verdict = await judge(policy, intent, { now, account, approval, recover, fetch });
  if (verdict.allowed) return intent;
  throw refusal(verdict.rule === undefined ? verdict.reason : `the rule ${verdict.rule}: ${verdict.reason}`);
}

/** The account that the policy was asked about must be the one that signs. */
export function checkAccount(tandem: Tandem, info: ShareInfo, path: string, account: string | undefined): void {
  if (account === undefined) return;
  const { address } = tandem.derive({ publicKey: info.publicKey, chainCode: info.chainCode, path });
  if (!equalBytes(address, fromHex(account))) throw new Error('another account would sign');
}
