import * as v from 'valibot';
import { builtinPolicies } from '../../ts/policy/builtin.ts';
import { InputError, type Policy, parsePolicy, policyJson } from '../../ts/policy/policy.ts';
import type { Json } from '../../ts/runtime/types.ts';

/**
 * What the co-signer is built with. POLICY is a policy's name or its rules; the source gets it in canonical form, so that
 * one policy is one source however it was written down.
 */
export const constants = v.strictObject({
  POLICY: v.pipe(
    v.unknown(),
    v.rawTransform(({ dataset, addIssue, NEVER }): Json => {
      try {
        return JSON.parse(policyJson(read(dataset.value))) as Json;
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        addIssue({ message: error.message });
        return NEVER;
      }
    }),
  ),
});

function read(value: unknown): Policy {
  if (value === 'messages' || value === 'any') return builtinPolicies[value];
  if (typeof value === 'string') throw new InputError('', `there is no policy "${value}"`);
  return parsePolicy(value);
}
