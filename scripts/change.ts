// What the commands have in common that change a wallet which is there. Not a command itself.

import { performance } from 'node:perf_hooks';
import { buildCosigner, hostKind } from '../ts/build.ts';
import { policyOf } from '../ts/command/internals.ts';
import {
  builtinPolicies,
  type Changed,
  type HostedAction,
  type Policy,
  policyName,
  type Runtime,
  type Store,
  StoreError,
  UsageError,
  type WalletInfo,
} from '../ts/index.ts';
import { print, progress, sharesOf } from './cli.ts';

/** The next action for a wallet's share: of the policy asked for, or the one as now; of these shares and later ones only. */
export async function nextAction(
  store: Store,
  info: WalletInfo,
  runtime: Runtime,
  policy: string | undefined,
  only: { readonly minEpoch: number; readonly wallet?: string | undefined },
): Promise<HostedAction> {
  const wanted = policy ?? (await presentPolicy(store, info));
  progress.step('building the action');
  return { runtime, ...(await buildCosigner(wanted, hostKind(runtime.name), only)) };
}

/** The policy of a wallet, which is told before anything is dealt: nobody else may ask for consent. @throws UsageError, StoreError */
async function presentPolicy(store: Store, info: WalletInfo): Promise<Policy> {
  const next = 'name the policy with --policy.';
  const policy = await policyOf(store, info).catch((error: unknown) => {
    if (!(error instanceof StoreError) || error.kind !== 'missing') throw error;
    throw new UsageError("The source of this wallet's action is not here, so its policy is not known.", { next });
  });
  if (policy === undefined) {
    // The source of version 0.1.0 does not tell its policy.
    const name = info.action?.policy ?? '';
    const builtin = Object.entries(builtinPolicies).find(([builtinName]) => builtinName === name)?.[1];
    if (builtin === undefined) {
      throw new UsageError("This wallet's action is of version 0.1.0, whose source does not tell its policy.", {
        next,
      });
    }
    progress.notice(`the new action has the policy ${name}, as wallet.json says; --policy names another`);
    return builtin;
  }
  progress.notice(`the new action has the policy ${policyName(policy)}, as ${info.action?.cid} has`);
  return policy;
}

/** Tells which authority over the share wallet.json names, if that stands nowhere else: hot and cold share deal without asking it. */
export function tellAuthority({ action }: WalletInfo, wanted: string | undefined): void {
  if (wanted !== undefined || action === undefined || action.authority === 'cold') return;
  progress.notice(
    `the authority over the new share is ${action.authority}, as wallet.json says; --authority names another`,
  );
}

/** Prints what a change leaves. */
export function printChange(json: boolean, { wallet, from, calls }: Changed, start: number): void {
  progress.end();
  const { address, publicKey, threshold, parties, epoch, action } = wallet;
  const ms = Math.round(performance.now() - start);
  const dealers = from.map(({ index, role }) => `${index} ${role}`);
  print(
    json,
    {
      wallet: address,
      address,
      publicKey,
      threshold,
      parties: parties.length,
      epoch,
      from: dealers,
      ...(action && { cid: action.cid }),
      calls,
      ms,
    },
    {
      address,
      epoch,
      'made from': dealers.join(', '),
      shares: sharesOf(wallet),
      ...(action && { action: `${action.cid}, policy ${action.policy}`, authority: action.authority }),
      calls,
      time: `${ms} ms`,
    },
  );
}
