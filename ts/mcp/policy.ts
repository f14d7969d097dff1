import { WalletError } from '../errors.ts';
import type { Policy } from '../policy/policy.ts';
import { policyOf as written } from '../store/policy.ts';
import type { Store, WalletInfo } from '../store/store.ts';

/**
 * The policy of a wallet, from the source of its action, which its CID commits to.
 *
 * @throws WalletError if the wallet has no action, or one that is not as it is made here
 */
export async function policyOf(store: Store, info: WalletInfo): Promise<Policy> {
  const policy = await written(store, info);
  if (policy !== undefined) return policy;
  throw new WalletError(`The policy of ${info.address} cannot be read from the source of its action.`, {
    next: 'move it to an action of this version: migrate.',
  });
}
