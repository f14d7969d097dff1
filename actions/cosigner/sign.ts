import { equalBytes, fromHex, toBase64, toHex } from '../../ts/core/bytes.ts';
import type { ShareInfo, Tandem } from '../../ts/core/wasm.ts';
import { digestOf, InputError, type Intent, parseIntentJson } from '../../ts/intent/intent.ts';
import { judge } from '../../ts/policy/judge.ts';
import type { SignAnswer, SignManyAnswer, SignManyRequest, SignRequest } from '../../ts/protocol/cosigner.ts';
import { ACTION, HOT } from '../../ts/protocol/roles.ts';
import { PublicRefusal } from '../template/action.ts';
import { isOwnConsent } from './consent.ts';
import { type Cosigner, openShare } from './secrets.ts';

/** Answers a signing request, if the policy allows the intent. Every answer is a complete, independent execution. */
export async function sign(
  cosigner: Cosigner,
  { intent, approval, request, ...rest }: SignRequest,
): Promise<SignAnswer> {
  const [response = ''] = await responses(cosigner, { ...rest, requests: [{ intent, approval, request }] });
  return { response };
}

/** Answers several signing requests, if the policy allows all their intents: all of them or none. */
export async function signMany(cosigner: Cosigner, request: SignManyRequest): Promise<SignManyAnswer> {
  return { responses: await responses(cosigner, request) };
}

type Signing = Omit<SignManyRequest, 'op'>;

async function responses(cosigner: Cosigner, signing: Signing): Promise<string[]> {
  const { wallet, share, requests, path, peer = HOT } = signing;
  const intents: Intent[] = [];
  for (const [i, item] of requests.entries()) {
    const which = requests.length === 1 ? '' : `intent ${i + 1} of ${requests.length}: `;
    intents.push(await allowed(cosigner, item, signing, which));
  }
  const first = await cosigner.start();
  const { bound, info } = await openShare(cosigner, first, wallet, share);
  try {
    checkSigner(first, info, signing, intents);
    if (peer === ACTION || !bound.parties.includes(peer)) throw new Error('no other party');
    const answers: string[] = [];
    for (const [i, { request }] of requests.entries()) {
      // An instance frees nothing: one for each signature bounds the memory and leaves no execution another's remains.
      const tandem = i === 0 ? first : await cosigner.start();
      const digest = fromHex(digestOf(intents[i] as Intent));
      answers.push(toBase64(tandem.dkls18Respond({ share: bound.share, peer, digest, path, request })));
    }
    return answers;
  } finally {
    bound.share.fill(0);
  }
}

/** The longest reason given: reasons may quote what was sent. */
const MAX_REASON = 1000;

/** Whose key is to sign: the one at the path, what its address is said to be, and that of the wallet. */
type Signer = Pick<SignManyRequest, 'path' | 'account' | 'root'>;

/** The intent, parsed, if the policy allows it. @throws {PublicRefusal} with code `policy` and the reason */
export async function allowed(
  { policy, recover }: Cosigner,
  { intent: text, approval }: Pick<Signing['requests'][number], 'intent' | 'approval'>,
  { path, account, root }: Signer,
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
  const verdict = await judge(policy, intent, { now, path, account, root, approval, recover, fetch });
  if (verdict.allowed) return intent;
  throw refusal(verdict.rule === undefined ? verdict.reason : `the rule ${verdict.rule}: ${verdict.reason}`);
}

/**
 * What the policy was asked about must be the account that signs, and no key consents to what is asked of itself.
 *
 * @throws Error of another account; {@link PublicRefusal} of a consent
 */
export function checkSigner(tandem: Tandem, info: ShareInfo, signer: Signer, intents: readonly Intent[]): void {
  const { path, account, root } = signer;
  const { publicKey, chainCode } = info;
  const { address } = tandem.derive({ publicKey, chainCode, path });
  if (account !== undefined && !equalBytes(address, fromHex(account))) throw new Error('another account would sign');
  if (root !== undefined && !equalBytes(info.address, fromHex(root))) throw new Error('another wallet would sign');
  const own = [toHex(info.address), toHex(address)];
  if (intents.some((intent) => isOwnConsent(intent, own))) {
    throw new PublicRefusal('policy', 'it would approve of what is asked of its own key');
  }
}
