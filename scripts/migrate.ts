import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { commandLine } from '../ts/command/internals.ts';
import { findWallet, migrateWallet, readWallet, UsageError } from '../ts/index.ts';
import { nextAction, printChange } from './change.ts';
import { authorityOf, connectTo, progress, run, storeOf } from './cli.ts';
import { askByFiles, PERMISSION_USAGE, permissionOptions } from './permission.ts';
import { say } from './terminal.ts';

const USAGE = `Moves the action's share, as it is, to another action: one of another policy, or of a newer version of this source.
The other shares stay. The old action is taken out of the wallet's group.

usage: ${commandLine('migrate')} --store DIR --policy P [options]

  --store DIR           the folder of the share store
  --wallet ID           the wallet's address; not needed if the store has only one
  --policy P            what the new action signs: messages, any, or a file of rules
  --authority A         who may ask the new action to give its share away: cold, guardian:0x…, none; by default as before
${PERMISSION_USAGE}
  --json                print {wallet, address, publicKey, threshold, parties, epoch, from, cid, calls, ms} alone

The wallet's authority has to sign for it; a cold share that is in the folder does. It opens with TANDEM_IDENTITY,
TANDEM_PASSPHRASE, or a passphrase that is asked for.`;

run('migrate', async (signal) => {
  const start = performance.now();
  const { values } = parseArgs({
    options: {
      store: { type: 'string' },
      wallet: { type: 'string' },
      policy: { type: 'string' },
      authority: { type: 'string' },
      ...permissionOptions,
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return say(USAGE);
  if (values.policy === undefined) throw new UsageError('--policy is needed.');
  const store = storeOf(values.store);
  const info = await readWallet(store, await findWallet(store, values.wallet));
  const { runtime, close } = await connectTo(info, store.dir);
  try {
    if (!runtime || !info.action) throw new UsageError('This wallet has no action.');
    const changed = await migrateWallet({
      store,
      id: info.address,
      runtime,
      next: await nextAction(store, info, runtime, values.policy, { minEpoch: info.epoch, wallet: info.action.wallet }),
      authority: authorityOf(values.authority),
      askAuthority: askByFiles(values, signal),
      onProgress: progress.step,
      signal,
    });
    printChange(values.json, changed, start);
  } finally {
    progress.end();
    close();
  }
});
