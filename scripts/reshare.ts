import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { commandLine, retire } from '../ts/command/internals.ts';
import { findWallet, readWallet, reshareWallet, type WalletInfo } from '../ts/index.ts';
import { nextAction, printChange, tellAuthority } from './change.ts';
import { authorityOf, connectTo, correlationOf, progress, run, storeOf, wholeNumber } from './cli.ts';
import { coldAdvice, destroyAdvice, LOCAL_COPIES } from './create.ts';
import { askByFiles, PERMISSION_USAGE, permissionOptions } from './permission.ts';
import { say, tell } from './terminal.ts';

const USAGE = `Deals new shares of a wallet's key: the address stays, the epoch goes up, and old shares are of no use with new ones.
A share that is lost is replaced: whichever share files are here deal, with the action's share if they are not enough.

usage: ${commandLine('reshare')} --store DIR [options]

  --store DIR           the folder of the share store
  --wallet ID           the wallet's address; not needed if the store has only one
  --threshold N         how many shares sign (2)
  --parties N           how many shares there are; by default as many as before
  --authority A         who may ask the action to give its new share away: cold, guardian:0x…, none; by default as before
  --revoke              move the action's share to a new action that takes new shares only, and take the old action out of
                        the wallet's group: until then old shares still sign
  --policy P            of the new action, if the wallet's is a file of rules and was made by version 0.1.0
${PERMISSION_USAGE}
  --correlation memory  leave no correlation with the action on disk: for machines that may be rolled back (docs/security.md)
  --json                print {wallet, address, publicKey, threshold, parties, epoch, from, cid, calls, ms} alone

If the hot and a cold share are here, they deal, and the action only receives a share. If only one of them is here, the action deals
too, and the wallet's authority has to permit that. At Lit, --revoke needs the account's key in LIT_API_KEY. The shares open with
TANDEM_IDENTITY, TANDEM_PASSPHRASE, or a passphrase that is asked for.`;

run('reshare', async (signal) => {
  const start = performance.now();
  const { values } = parseArgs({
    options: {
      store: { type: 'string' },
      wallet: { type: 'string' },
      threshold: { type: 'string' },
      parties: { type: 'string' },
      authority: { type: 'string' },
      revoke: { type: 'boolean', default: false },
      policy: { type: 'string' },
      ...permissionOptions,
      correlation: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return say(USAGE);
  const store = storeOf(values.store);
  const info = await readWallet(store, await findWallet(store, values.wallet));
  const { runtime, close } = await connectTo(info, store.dir);
  try {
    if (values.revoke && info.action?.retired !== undefined) {
      const wallet = await retire(store, info, runtime);
      return printChange(values.json, { wallet, from: [], calls: 0 }, start);
    }
    tellAuthority(info, values.authority);
    const only = { minEpoch: info.epoch + 1, wallet: info.action?.wallet };
    const changed = await reshareWallet({
      store,
      id: info.address,
      runtime,
      next: values.revoke && runtime ? await nextAction(store, info, runtime, values.policy, only) : undefined,
      threshold: values.threshold === undefined ? undefined : wholeNumber(values.threshold, 'threshold'),
      parties: values.parties === undefined ? undefined : wholeNumber(values.parties, 'parties'),
      authority: authorityOf(values.authority),
      askAuthority: askByFiles(values, signal),
      correlation: correlationOf(values.correlation),
      onProgress: progress.step,
      onNotice: progress.notice,
      signal,
    });
    printChange(values.json, changed, start);
    tell(`${coldAdvice(store.dir, changed.wallet)}\n${oldSharesAdvice(info, values.revoke)}`);
  } finally {
    progress.end();
    close();
  }
});

function oldSharesAdvice({ epoch, runtime, action }: WalletInfo, isRevoked: boolean): string {
  const destroy = destroyAdvice(epoch);
  if (action === undefined) return `${destroy} The old shares still sign with one another.`;
  if (isRevoked && runtime === 'local')
    return `${destroy} With a hot share of their epoch they still sign. ${LOCAL_COPIES}`;
  if (isRevoked) return `${destroy} With a hot share of their epoch they still sign; the old action no longer does.`;
  return (
    `${destroy} An old hot share still signs through the old action, under its policy:\n` +
    `${commandLine('reshare')} --revoke ends that.`
  );
}
