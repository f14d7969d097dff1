import { type Cosigner, type CosignerLimits, cosigner } from '../deal/cosigner.ts';
import { readPolicy } from '../policy/file.ts';
import type { Policy } from '../policy/policy.ts';
import type { Runtime } from '../runtime/types.ts';
import type { HostKind } from './action.ts';

export type { CosignerLimits } from '../deal/cosigner.ts';

/**
 * The co-signer for a policy: `messages`, `any`, a file of rules, or a policy that was parsed. It is part of the
 * action's source, and so of its CID; and so is the kind of host that is to run it. That for Lit's older network is built from its
 * sources, the other is in the package.
 *
 * @returns the action, what the policy is called (its name, or its hash if it has none), and whose approvals it requires
 * @throws UsageError if there is no such policy; WalletError if its file is not a policy, or a wasm module was not built;
 *   BuildError if it has a rule that the action cannot enforce
 *
 * @example
 * ```ts
 * import { buildCosigner } from 'tandem-ecdsa/build';
 *
 * const { cid } = await buildCosigner('messages');
 * console.log(cid);
 * ```
 */
export async function buildCosigner(
  policy: string | Policy,
  host: HostKind = 'chipotle',
  limits: CosignerLimits = {},
): Promise<Cosigner> {
  const rules = typeof policy === 'string' ? readPolicy(policy) : policy;
  if (host === 'chipotle') return cosigner(rules, limits);
  const { slotted } = await import('./slotted.ts');
  return cosigner(rules, limits, (isGuarded) => slotted(isGuarded, host));
}

/** What a co-signer is built for that is to run there. */
export function hostKind(runtime: Runtime['name']): HostKind {
  const kinds = { local: 'chipotle', chipotle: 'chipotle', 'lit-node-client': 'lit-node-client' } as const;
  return kinds[runtime];
}
