// What the commands have in common that change a wallet which is there. Not a command itself.

import { performance } from 'node:perf_hooks';
import * as v from 'valibot';
import { buildCosigner, hostKind } from '../ts/build.ts';
import { forms } from '../ts/command/internals.ts';
import { type Changed, type HostedAction, type Runtime, UsageError, type WalletInfo } from '../ts/index.ts';
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
  info: WalletInfo,
  runtime: Runtime,
  policy: string | undefined,
  only: { readonly minEpoch: number; readonly wallet?: string | undefined },
): Promise<HostedAction> {
  const wanted = policy ?? info.action?.policy ?? '';
  if (v.is(forms.Hex(32), wanted)) {
    throw new UsageError('The policy of this wallet is rules of a file.', { next: 'name that file with --policy.' });
  }
  progress.step('building the action');
  return { runtime, ...(await buildCosigner(wanted, hostKind(runtime.name), only)) };
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
