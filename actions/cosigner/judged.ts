import { equalBytes, fromHex, toHex } from '../../ts/core/bytes.ts';
import type { ShareInfo, Tandem } from '../../ts/core/wasm.ts';
import { InputError, type Intent, parseIntentJson } from '../../ts/intent/intent.ts';
import { judge } from '../../ts/policy/judge.ts';
import type { OnecallRequest } from '../../ts/protocol/cosigner.ts';
import { PublicRefusal } from '../template/action.ts';
import { isOwnConsent } from './consent.ts';
import type { Cosigner } from './sealed.ts';

// Whether the action signs: what its policy says of the intents, and whose key it would be.

/** The longest reason given: reasons may quote what was sent. */
const MAX_REASON = 1000;

/** Whose key is to sign: the one at the path, what its address is said to be, and that of the wallet. */
type Signer = Pick<OnecallRequest, 'path' | 'account' | 'root'>;
type Judged = OnecallRequest['intents'][number];

/** Intents that the policy allows, and all else that its judgement rested on besides what was sent. */
export interface Allowed {
  readonly intents: readonly Intent[];
  /** By the host's clock, in seconds. */
  readonly now: number;
  /** The numbers that its rules read. */
  readonly reads: readonly bigint[];
}

/** The intents, parsed, if the policy allows all of them. @throws {PublicRefusal} with code `policy` and the reason */
export async function allowedAll(cosigner: Cosigner, items: readonly Judged[], signer: Signer): Promise<Allowed> {
  const now = Math.floor(Date.now() / 1000);
  const intents: Intent[] = [];
  const reads: bigint[] = [];
  for (const [i, item] of items.entries()) {
    const which = items.length === 1 ? '' : `intent ${i + 1} of ${items.length}: `;
    intents.push(await allowed(cosigner, item, { ...signer, now, onRead: (value) => reads.push(value) }, which));
  }
  return { intents, now, reads };
}

async function allowed(
  { policy, recover }: Cosigner,
  { intent: text, approval }: Judged,
  { path, account, root, now, onRead }: Signer & { readonly now: number; readonly onRead: (value: bigint) => void },
  which: string,
): Promise<Intent> {
  const refusal = (reason: string) => new PublicRefusal('policy', `${which}${reason}`.slice(0, MAX_REASON));
  let intent: Intent;
  try {
    intent = parseIntentJson(text);
  } catch (error) {
    throw error instanceof InputError ? refusal(`not an intent: ${error.message}`) : error;
  }
  const verdict = await judge(policy, intent, { now, path, account, root, approval, recover, fetch, onRead });
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
  const { address } = path === 'm' ? info : tandem.derive({ publicKey, chainCode, path });
  if (account !== undefined && !equalBytes(address, fromHex(account))) throw new Error('another account would sign');
  if (root !== undefined && !equalBytes(info.address, fromHex(root))) throw new Error('another wallet would sign');
  const own = [toHex(info.address), toHex(address)];
  if (intents.some((intent) => isOwnConsent(intent, own))) {
    throw new PublicRefusal('policy', 'it would consent to a request about its own key');
  }
}
