import type { Json } from '../intent/read/json.ts';
import { type Policy, policyHash, policyJson } from './policy.ts';
import { checkPaces } from './sequences.ts';

/**
 * The constants of a co-signer that follow from its policy, in canonical form: equal policies give equal sources.
 *
 * @throws InputError if the policy's paces contradict each other
 */
export function policyConstants(policy: Policy): { readonly POLICY: Json; readonly POLICY_HASH: string } {
  checkPaces(policy);
  return { POLICY: JSON.parse(policyJson(policy)) as Json, POLICY_HASH: policyHash(policy) };
}

/** The guardians whose approval some rule requires: a co-signer with any recovers who signed. */
export function guardiansOf({ rules }: Policy): string[] {
  return rules === 'any' ? [] : rules.flatMap(({ guardian }) => guardian ?? []);
}
