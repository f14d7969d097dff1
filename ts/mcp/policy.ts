import { WalletError } from '../errors.ts';
import { builtinPolicies } from '../policy/builtin.ts';
import { InputError, type Policy, parsePolicyJson, policyHash } from '../policy/policy.ts';
import { openAction, type Store, type WalletInfo } from '../store/store.ts';

/**
 * The policy of a wallet, from the source of its action, which its CID commits to.
 *
 * @throws WalletError if the wallet has no action, or one that is not as it is made here
 */
export async function policyOf(store: Store, info: WalletInfo): Promise<Policy> {
  const name = info.action?.policy;
  if (name === 'messages' || name === 'any') return builtinPolicies[name];
  const { source } = await openAction(store, info);
  const slot = /^const tandemConstants=\{(.*)\};$/m.exec(source)?.[1] ?? '';
  const json = /(?:^|,)POLICY:(.*?)(?:,POLICY_HASH:"0x[0-9a-f]{64}")?,WALLET:"[^"]*"$/.exec(slot)?.[1];
  try {
    const policy = parsePolicyJson(json ?? '');
    if (policyHash(policy) === name) return policy;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
  }
  throw new WalletError(`The policy of ${info.address} cannot be read from the source of its action.`, {
    next: 'move it to an action of this version: migrate.',
  });
}
