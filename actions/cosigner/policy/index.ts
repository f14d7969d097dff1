import * as v from 'valibot';
import { PublicRefusal } from '../../template/action.ts';
import type { Intent } from '../protocol.ts';

/**
 * What the co-signer signs; part of its source, and so of its CID:
 * - `messages`: intents that say what is signed
 * - `any`: bare digests as well
 */
export const policySchema = v.picklist(['messages', 'any']);

/** A policy; see {@link policySchema}. */
export type Policy = v.InferOutput<typeof policySchema>;

/**
 * Returns if the policy allows the intent.
 *
 * @throws {PublicRefusal} with code `policy` and the reason
 */
export function checkPolicy(policy: Policy, intent: Intent): void {
  if (intent.kind === 'digest' && policy !== 'any') {
    throw new PublicRefusal('policy', `the policy "${policy}" signs no bare digests: say what is to be signed`);
  }
}
