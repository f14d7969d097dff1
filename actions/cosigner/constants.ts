// Not part of the action. The builder runs this file, in Node, to check what the action's source is built with: it looks for a
// file of this name beside the entry. The rest of this folder runs in the host's sandbox.
import * as v from 'valibot';
import { builtinPolicies } from '../../ts/policy/builtin.ts';
import { guardiansOf, policyConstants } from '../../ts/policy/constants.ts';
import { InputError, type Policy, parsePolicy } from '../../ts/policy/policy.ts';
import { Epoch, LowerAddress } from '../../ts/protocol/schema.ts';

const given = v.strictObject({
  POLICY: v.pipe(
    v.unknown(),
    v.rawTransform(({ dataset, addIssue, NEVER }): ReturnType<typeof policyConstants> => {
      try {
        return policyConstants(read(dataset.value));
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        addIssue({ message: error.message });
        return NEVER;
      }
    }),
  ),
  MIN_EPOCH: v.optional(Epoch, 0),
  WALLET: v.optional(v.union([v.literal(''), LowerAddress], 'not an address'), ''),
});

/**
 * What the co-signer is built with, in canonical form, so that what means the same is one source, however it was written
 * down: POLICY, a policy's name or its rules; MIN_EPOCH, the least epoch of a share that it works with; WALLET, the one
 * wallet of the host that it works for, empty for any. POLICY_HASH follows from POLICY, and no call has to compute it.
 */
export const constants = v.pipe(
  given,
  v.transform(({ POLICY, ...others }) => ({ ...POLICY, ...others })),
);

/** Besides its own module: go-ethereum's recovery of who signed, if a rule requires the approval of a guardian. Relative to this file. */
export function modules({ POLICY }: v.InferOutput<typeof constants>): { ecrecover: string | undefined } {
  const isGuarded = guardiansOf(parsePolicy(POLICY)).length > 0;
  return { ecrecover: isGuarded ? '../../build/ecrecover.wasm' : undefined };
}

function read(value: unknown): Policy {
  if (value === 'messages' || value === 'any') return builtinPolicies[value];
  if (typeof value === 'string') throw new InputError('', `there is no policy "${value}"`);
  return parsePolicy(value);
}
