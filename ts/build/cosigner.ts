import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildPath } from '../core/node.ts';
import type { HostedAction } from '../deal/plan.ts';
import { WalletError } from '../errors.ts';
import { builtinPolicies } from '../policy/builtin.ts';
import { readPolicy } from '../policy/file.ts';
import { type Policy, policyHash, policyJson } from '../policy/policy.ts';
import { FORMAT } from '../protocol/cosigner.ts';
import type { Json, Runtime } from '../runtime/types.ts';
import type { HostKind } from './action.ts';

/** What a co-signer may be limited to; it is part of its source, as the policy is. */
export interface CosignerLimits {
  /** The least epoch of the shares that it takes; by default 0, any. */
  readonly minEpoch?: number | undefined;
  /** The one wallet of the host that it works for; by default any. */
  readonly wallet?: string | undefined;
}

/**
 * Builds the co-signer for a policy: `messages`, `any`, a file of rules, or a policy that was parsed. It is part of the
 * action's source, and so of its CID; and so is the kind of host that is to run it.
 *
 * @returns the action, what the policy is called (its name, or else its hash), and whose approvals it wants
 * @throws UsageError if there is no such policy; WalletError if its file is none, or a wasm module was not built;
 *   BuildError if it has a rule that the action cannot enforce
 */
export async function buildCosigner(
  policy: string | Policy,
  host: HostKind = 'chipotle',
  { minEpoch = 0, wallet = '' }: CosignerLimits = {},
): Promise<Omit<HostedAction, 'runtime'>> {
  const rules = typeof policy === 'string' ? readPolicy(policy) : policy;
  const wasm = `${buildPath}tandem.wasm`;
  const glue = `${buildPath}wasm_exec.js`;
  const define = { POLICY: JSON.parse(policyJson(rules)) as Json, MIN_EPOCH: minEpoch, WALLET: wallet };
  const main = fileURLToPath(new URL('../../actions/cosigner/main.ts', import.meta.url));
  const guardians = guardiansOf(rules);
  const needed = [wasm, glue, ...(guardians.length > 0 ? [`${buildPath}ecrecover.wasm`] : [])];
  const missing = needed.find((path) => !existsSync(path));
  if (missing !== undefined) throw new WalletError(`${missing} is not built.`, { next: 'run: make wasm' });
  // Loaded here, because signing needs no builder.
  const { buildAction } = await import('./action.ts');
  const { source, cid } = await buildAction({ main, wasm, glue, host, mode: 'inline', define });
  return { source, cid, policy: nameOf(rules), format: FORMAT, guardians };
}

/** What a co-signer is built for that is to run there. */
export function hostKind(runtime: Runtime['name']): HostKind {
  const kinds = { local: 'chipotle', chipotle: 'chipotle', 'lit-node-client': 'lit-node-client' } as const;
  return kinds[runtime];
}

function guardiansOf({ rules }: Policy): string[] {
  return rules === 'any' ? [] : rules.flatMap(({ guardian }) => guardian ?? []);
}

function nameOf(policy: Policy): string {
  const hash = policyHash(policy);
  return Object.entries(builtinPolicies).find(([, builtin]) => policyHash(builtin) === hash)?.[0] ?? hash;
}
