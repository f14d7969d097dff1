import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildPath } from '../core/node.ts';
import type { Action } from '../runtime/types.ts';
import { UsageError, WalletError } from './errors.ts';

/** What the co-signer may be told to sign: intents that say what is signed, or bare digests as well. */
export const POLICIES = ['messages', 'any'] as const;

/**
 * Builds the co-signer for a policy; the policy is part of its source, and so of its CID.
 *
 * @throws UsageError if there is no such policy; WalletError if the wasm module was not built
 */
export async function buildCosigner(policy: string): Promise<Action & { readonly policy: string }> {
  if (!POLICIES.some((name) => name === policy)) {
    throw new UsageError(`There is no policy "${policy}".`, { next: `choose one of ${POLICIES.join(', ')}.` });
  }
  const wasm = `${buildPath}tandem.wasm`;
  const glue = `${buildPath}wasm_exec.js`;
  if (!existsSync(wasm) || !existsSync(glue)) {
    throw new WalletError('The wasm module is not built.', { next: 'run: make wasm' });
  }
  const main = fileURLToPath(new URL('../../actions/cosigner/main.ts', import.meta.url));
  // Loaded here, because signing needs no builder.
  const { buildAction } = await import('../build/action.ts');
  const { source, cid } = await buildAction({ main, wasm, glue, mode: 'inline', define: { POLICY: policy } });
  return { source, cid, policy };
}
