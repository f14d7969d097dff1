// For Node.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { buildPath } from '../core/node.ts';
import { packageRoot } from '../core/root.ts';
import { WalletError } from '../errors.ts';
import { builtinPolicies } from '../policy/builtin.ts';
import { policyConstants } from '../policy/constants.ts';
import type { Slotted } from '../protocol/slot.ts';
import type { Json } from '../runtime/types.ts';
import type { HostKind } from './action.ts';

/** What the co-signer is built from, except for its constants. */
export const COSIGNER = {
  main: join(packageRoot, 'actions/cosigner/main.ts'),
  wasm: `${buildPath}tandem.wasm`,
} as const;

/** What one that checks approvals has besides. */
const ECRECOVER = { wasm: `${buildPath}ecrecover.wasm`, glue: `${buildPath}wasm_exec.js` } as const;

/**
 * Builds the co-signer without its constants, in the package's place, where it is built already. A guarded one recovers who signed.
 *
 * @throws WalletError if a wasm module was not built
 */
export async function slotted(isGuarded: boolean, host: HostKind = 'chipotle'): Promise<Slotted> {
  const missing = [COSIGNER.wasm, ...(isGuarded ? Object.values(ECRECOVER) : [])].find((path) => !existsSync(path));
  if (missing !== undefined) throw new WalletError(`${missing} is not built.`, { next: 'run: make wasm' });
  // Loaded here, because signing needs no builder.
  const { buildSlotted } = await import('./action.ts');
  // Which constants there are, and the further modules, are all that is taken from these; actions/cosigner/constants.ts says the same.
  const { POLICY, POLICY_HASH } = policyConstants(builtinPolicies.any);
  const define = { POLICY: POLICY as Json, POLICY_HASH, MIN_EPOCH: 0, WALLET: '' };
  const modules = { ecrecover: isGuarded ? ECRECOVER.wasm : null };
  const parts = { ...COSIGNER, ...(isGuarded && { glue: ECRECOVER.glue }), host, define };
  const built = await buildSlotted(parts, async () => ({ constants: define, modules }));
  return built.slotted;
}
