import type { Intent } from '../../ts/intent/intent.ts';
import { approvedAccount } from '../../ts/policy/judge.ts';
import { permittedAccount } from '../../ts/protocol/permission.ts';

/**
 * Whether a signature of this intent would be a consent to what is asked of one of these accounts (addresses in lower-case
 * hex): an authority's to deal or move its share, or a guardian's to have it sign. Where these are the accounts of the key that
 * signs, the authority or the guardian would be that key, and its consent worth nothing.
 *
 * A raw digest says nothing of what it is of: only the policy `any` has one signed.
 */
export function isOwnConsent(intent: Intent, accounts: readonly string[]): boolean {
  const account =
    intent.kind === 'message'
      ? approvedAccount(intent.message)
      : intent.kind === 'typedData'
        ? permittedAccount(intent.typedData)
        : undefined;
  return account !== undefined && accounts.includes(account);
}
