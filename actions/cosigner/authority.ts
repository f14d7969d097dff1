import type { Tandem } from '../../ts/core/wasm.ts';
import { equalBytes, fromHex } from '../template/bytes.ts';
import { digestOfTerms, MAX_VALIDITY, type Terms } from './authorization.ts';
import { type Authorization, otherParties } from './protocol.ts';
import type { BoundShare } from './secrets.ts';

/**
 * Checks that the authority sealed with a share allows what is asked for it. What is given can be given again for as long
 * as it is good: docs/protocol.md says why that is harmless.
 *
 * @throws Error if it does not
 */
export function checkAuthority(tandem: Tandem, bound: BoundShare, terms: Terms, given: Authorization): void {
  const { authority, share } = bound;
  const now = Math.floor(Date.now() / 1000);
  if (terms.expires <= now || terms.expires > now + MAX_VALIDITY) throw new Error('not good now');
  const digest = fromHex(digestOfTerms(terms));
  const signature = fromHex(given.signature);
  switch (authority) {
    case 'none':
      throw new Error('nobody may ask for this');
    case 'cold': {
      const by = given.by ?? 0;
      if (!otherParties(bound.parties, bound.index).cold.includes(by)) throw new Error('not a cold party');
      tandem.checkAuthorized({ share, by, digest, signature });
      return;
    }
    default:
      if (!equalBytes(tandem.recover({ digest, signature }), fromHex(authority))) throw new Error('not the guardian');
  }
}

/** @throws Error if there is nobody to be the authority */
export function assertPossible(authority: string, parties: readonly number[], self: number): void {
  if (authority === 'cold' && otherParties(parties, self).cold.length === 0) throw new Error('there is no cold party');
}
