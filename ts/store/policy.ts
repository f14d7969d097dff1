import { StoreError } from '../errors.ts';
import { policyName } from '../policy/builtin.ts';
import { InputError, type Policy, parsePolicy } from '../policy/policy.ts';
import { constantsIn } from '../protocol/slot.ts';
import { openAction, type Store, type WalletInfo } from './store.ts';

/** The policy that is written in the source of a co-signer; undefined for a source without one, such as those of version 0.1.0. */
export function policyIn(source: string): Policy | undefined {
  try {
    return parsePolicy(constantsIn(source)?.POLICY);
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

/**
 * The policy of a wallet, from the source of its action, to which its CID commits. What wallet.json calls it is bound to nothing,
 * and has to agree. Undefined if the source has none, see {@link policyIn}.
 *
 * @throws StoreError; UsageError if the wallet has no action
 */
export async function policyOf(store: Store, info: WalletInfo): Promise<Policy | undefined> {
  return policyFrom(info, (await openAction(store, info)).source);
}

/** As {@link policyOf}, from the source of the action that was opened already. @throws StoreError */
export function policyFrom(info: WalletInfo, source: string): Policy | undefined {
  const policy = policyIn(source);
  if (policy === undefined || policyName(policy) === info.action?.policy) return policy;
  throw new StoreError(
    'altered',
    `wallet.json of ${info.address} names the policy ${info.action?.policy}, but its action has ${policyName(policy)}.`,
    { next: 'restore wallet.json from a backup.' },
  );
}
