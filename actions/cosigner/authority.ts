import { equalBytes, fromHex, toHex } from '../../ts/core/bytes.ts';
import type { Tandem } from '../../ts/core/wasm.ts';
import type { Policy } from '../../ts/policy/policy.ts';
import type { SignedPermission } from '../../ts/protocol/cosigner.ts';
import { digestOfPermission, MAX_VALIDITY, type Permission } from '../../ts/protocol/permission.ts';
import { areParties, coldOf } from '../../ts/protocol/roles.ts';
import type { BoundShare } from './sealed.ts';

/**
 * Checks that the authority sealed with a share allows what is asked for it. What is given can be given again for as long
 * as it is good: docs/protocol.md says why that is harmless.
 *
 * @throws Error if it does not
 */
export function checkAuthority(
  tandem: Tandem,
  bound: BoundShare,
  permission: Permission,
  given: SignedPermission,
): void {
  const { authority, share } = bound;
  const now = Math.floor(Date.now() / 1000);
  if (permission.expires <= now || permission.expires > now + MAX_VALIDITY) throw new Error('not good now');
  const digest = fromHex(digestOfPermission(permission));
  const signature = fromHex(given.signature);
  switch (authority) {
    case 'none':
      throw new Error('nobody may ask for this');
    case 'cold': {
      const by = given.by ?? 0;
      if (!coldOf(bound.parties).includes(by)) throw new Error('not a cold party');
      tandem.checkAuthorized({ share, by, digest, signature });
      return;
    }
    default:
      if (!equalBytes(tandem.recover({ digest, signature }), fromHex(authority))) throw new Error('not the guardian');
  }
}

/** @throws Error if these cannot be the parties of a key with an action, or none of them can be the authority */
export function assertPossible(authority: string, parties: readonly number[]): void {
  if (!areParties(parties, true)) throw new Error('not the hot party, the action and cold ones');
  if (authority === 'cold' && coldOf(parties).length === 0) throw new Error('there is no cold party');
}

/**
 * A key has no say over itself: an attacker who may have it sign would be the authority over its share, and the guardian of its
 * policy.
 *
 * @throws Error if the authority, or a guardian of the policy, is the key of this address
 */
export function assertOthers(account: Uint8Array, authority: string, { rules }: Policy): void {
  const guardians = rules === 'any' ? [] : rules.map(({ guardian }) => guardian);
  if ([authority, ...guardians].includes(toHex(account))) throw new Error('the key would be its own authority');
}
