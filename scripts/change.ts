// What the commands have in common that change a wallet which is there. Not a command itself.

import { performance } from 'node:perf_hooks';
import * as v from 'valibot';
import { buildCosigner, hostKind } from '../ts/build.ts';
import { forms, policyIn, readAction } from '../ts/command/internals.ts';
import {
  type Changed,
  type HostedAction,
  type Policy,
  type Runtime,
  type Store,
  UsageError,
  type WalletInfo,
} from '../ts/index.ts';
import { type FileStore, openStore } from '../ts/node.ts';
import { environmentKey, print, progress } from './cli.ts';
import { sharesOf } from './create.ts';

/** The store of the command line. @throws UsageError */
export function storeOf(dir: string | undefined): FileStore {
  if (!dir) throw new UsageError('--store is needed.');
  return openStore(dir, environmentKey);
}

/** The next action for a wallet's share: of the policy asked for, or the one as now; of these shares and later ones only. */
export async function nextAction(
  store: Store,
  info: WalletInfo,
  runtime: Runtime,
  policy: string | undefined,
  only: { readonly minEpoch: number; readonly wallet?: string | undefined },
): Promise<HostedAction> {
  const wanted = policy ?? (await policyOf(store, info));
  progress.step('building the action');
  return { runtime, ...(await buildCosigner(wanted, hostKind(runtime.name), only)) };
}

/** The policy of a wallet: its name, or the rules that the source of its action has in it. @throws UsageError, StoreError */
async function policyOf(store: Store, info: WalletInfo): Promise<string | Policy> {
  const name = info.action?.policy ?? '';
  if (!v.is(forms.Hex(32), name)) return name;
  const policy = policyIn((await readAction(store, info)).source, name);
  if (policy !== undefined) return policy;
  throw new UsageError(
    'The policy of this wallet is a file of rules, and its action is of version 0.1.0, which does not tell them.',
    {
      next: 'name that file with --policy.',
    },
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
