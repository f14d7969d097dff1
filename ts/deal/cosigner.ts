import * as v from 'valibot';
import { slotted } from '#cosigner';
import { policyName } from '../policy/builtin.ts';
import { guardiansOf, policyConstants } from '../policy/constants.ts';
import type { Policy } from '../policy/policy.ts';
import { FORMAT } from '../protocol/cosigner.ts';
import { Epoch, LowerAddress } from '../protocol/schema.ts';
import { filled, type Slotted } from '../protocol/slot.ts';
import type { HostedAction } from './plan.ts';

/** Limits of a co-signer, which are part of its source, like the policy. */
export interface CosignerLimits {
  /** The least epoch of the shares that it takes; by default 0, any. */
  readonly minEpoch?: number | undefined;
  /** The one wallet of the host that it works for; by default any. */
  readonly wallet?: string | undefined;
}

/** A co-signer and its public data. */
export type Cosigner = Omit<HostedAction, 'runtime'>;

/**
 * The co-signer for a policy. The policy is part of the action's source, and so its CID commits to it. Nothing is built: the
 * source exists already, except for the constants, which go into their slot.
 *
 * @throws InputError if the policy's paces contradict each other
 * @param of the co-signer without its constants, with the recovery of who signed in it or not; by default that for Lit's hosts
 *
 * @example
 * ```ts
 * import { cosigner, parsePolicy } from 'tandem-ecdsa';
 *
 * const rule = { name: 'log in', kind: 'message', prefixes: ['example.com wants you to sign in'] };
 * const { cid } = await cosigner(parsePolicy({ version: 1, rules: [rule] }));
 * console.log(cid);
 * ```
 */
export async function cosigner(
  policy: Policy,
  { minEpoch = 0, wallet = '' }: CosignerLimits = {},
  of: (isGuarded: boolean) => Promise<Slotted> = slotted,
): Promise<Cosigner> {
  const guardians = guardiansOf(policy);
  const define = {
    ...policyConstants(policy),
    MIN_EPOCH: v.parse(Epoch, minEpoch),
    WALLET: wallet === '' ? wallet : v.parse(LowerAddress, wallet),
  };
  const action = filled(await of(guardians.length > 0), define);
  return { ...action, policy: policyName(policy), format: FORMAT, guardians };
}
