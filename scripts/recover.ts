import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { commandLine } from '../ts/command/internals.ts';
import { findWallet, readWallet, reshareWallet, UsageError, type WalletInfo } from '../ts/index.ts';
import { nextAction, printChange, tellAuthority } from './change.ts';
import { authorityOf, connect, connectTo, correlationOf, progress, run, storeOf } from './cli.ts';
import { coldAdvice, destroyAdvice } from './create.ts';
import { askByFiles, PERMISSION_USAGE, permissionOptions } from './permission.ts';
import { say, tell } from './terminal.ts';

const USAGE = `Makes a whole new set of shares from those that are left. The address stays.

usage: ${commandLine('recover')} --store DIR [options]

  --store DIR           the folder of the share store
  --wallet ID           the wallet's address; not needed if the store has only one
  --new-action          the action, its host or the account is gone, or you do not trust it any more: from the hot and the cold
                        share, for a new action
  --runtime NAME        where the new action runs; by default where the old one did
  --policy P            of the new action; by default as before
  --authority A         who may ask the action to give its new share away: cold, guardian:0x…, none; by default as before
${PERMISSION_USAGE}
  --correlation memory  leave no correlation with the action on disk: for machines that may be rolled back (docs/security.md)
  --json                print {wallet, address, publicKey, threshold, parties, epoch, from, cid, calls, ms} alone

A share file that is not in the wallet's folder counts as lost. If the hot share is lost, put cold.age into the folder. If the cold
share is lost, this works only with a guardian as the authority, or with another cold share in the folder. At Lit, --new-action
needs the account's key in LIT_API_KEY. The shares open with TANDEM_IDENTITY, TANDEM_PASSPHRASE, or a passphrase that is asked for.`;

run('recover', async (signal) => {
  const start = performance.now();
  const { values } = parseArgs({
    options: {
      store: { type: 'string' },
      wallet: { type: 'string' },
      'new-action': { type: 'boolean', default: false },
      runtime: { type: 'string' },
      policy: { type: 'string' },
      authority: { type: 'string' },
      ...permissionOptions,
      correlation: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return say(USAGE);
  const store = storeOf(values.store);
  const info = await readWallet(store, await findWallet(store, values.wallet));
  const isActionGone = values['new-action'];
  if (isActionGone && info.action === undefined) throw new UsageError('This wallet has no action.');
  const { runtime, close } = isActionGone
    ? await connect(values.runtime ?? info.runtime, store.dir)
    : await connectTo(info, store.dir);
  try {
    tellAuthority(info, values.authority);
    const only = { minEpoch: info.epoch + 1 };
    const changed = await reshareWallet({
      store,
      id: info.address,
      runtime,
      next: isActionGone && runtime ? await nextAction(store, info, runtime, values.policy, only) : undefined,
      isActionGone,
      authority: authorityOf(values.authority),
      askAuthority: askByFiles(values, signal),
      correlation: correlationOf(values.correlation),
      onProgress: progress.step,
      onNotice: progress.notice,
      signal,
    });
    printChange(values.json, changed, start);
    tell(
      `${coldAdvice(store.dir, changed.wallet)}\n${destroyAdvice(info.epoch)}\n` +
        'If a share was stolen, not lost: the old hot and cold share still sign together, and nothing but moving what the wallet holds ends that.' +
        oldActionAdvice(info, changed.wallet, isActionGone),
    );
  } finally {
    progress.end();
    close();
  }
});

/** What the action from before may still do. One that was not asked for anything cannot be revoked by its successor. */
function oldActionAdvice({ action, runtime }: WalletInfo, now: WalletInfo, isActionGone: boolean): string {
  if (action === undefined) return '';
  if (isActionGone && action.wallet === now.action?.wallet)
    return (
      '\nThe old action may not use the wallet any more, unless another key of this store still has its share there. ' +
      'It can take the host an hour to forget that it did.'
    );
  if (isActionGone)
    return '\nAs long as the old action runs, it signs with the old hot share: destroy all copies of that too.';
  const except = runtime === 'local' ? ', unless somebody has a copy of the local host' : '';
  return `\nThe old hot share still signs through the old action: ${commandLine('reshare')} --revoke ends that${except}.`;
}
