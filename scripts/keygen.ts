import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { buildCosigner, hostKind } from '../ts/client/cosigner.ts';
import { UsageError } from '../ts/client/errors.ts';
import { createWallet } from '../ts/client/keygen.ts';
import { openStore, shareFileName, type WalletInfo } from '../ts/client/store.ts';
import { connect, environmentKey, print, progress, run, wholeNumber } from './cli.ts';

const USAGE = `Makes a wallet: a key in shares, one here (hot), one with an action, the others to be put away (cold).

usage: npx tsx scripts/keygen.ts --store DIR [options]

  --store DIR      the folder of the share store; made if it does not exist
  --runtime NAME   where the action runs: local (default), a Deno on this machine; chipotle, Lit (run setup.ts first);
                   lit-node-client, a network of Lit's older generation (docs/lit.md); none, no action: all shares are here
  --threshold N    how many shares sign (2). More than 2 sign by dkls23, in three rounds
  --parties N      how many shares there are (3)
  --policy P       what the action signs: messages (default), all but raw digests and authorizations of a delegate;
                   any, these too; or a file of rules (docs/policies.md)
  --allow-interactive  let the action sign by dkls23 too, which a threshold above 2 needs. Whoever has this machine then
                   gets the whole key, past any policy: docs/security.md, "Why one call"
  --json           print {wallet, address, publicKey, threshold, parties, calls, ms} alone

The shares open with TANDEM_IDENTITY (an age identity file), TANDEM_PASSPHRASE, or a passphrase that is asked for.`;

run(USAGE, async (signal) => {
  const start = performance.now();
  const { values } = parseArgs({
    options: {
      store: { type: 'string' },
      runtime: { type: 'string', default: 'local' },
      threshold: { type: 'string', default: '2' },
      parties: { type: 'string', default: '3' },
      policy: { type: 'string', default: 'messages' },
      'allow-interactive': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  if (!values.store) throw new UsageError('--store is needed.');
  const store = openStore(values.store, environmentKey);
  const threshold = wholeNumber(values.threshold, 'threshold');
  const parties = wholeNumber(values.parties, 'parties');

  const { runtime, close } = await connect(values.runtime, store.dir);
  try {
    progress.step('building the action');
    const action = runtime && { runtime, ...(await buildCosigner(values.policy, hostKind(runtime.name))) };
    const { wallet, calls } = await createWallet({
      store,
      action,
      threshold,
      parties,
      interactive: values['allow-interactive'],
      onProgress: progress.step,
      signal,
    });
    progress.end();
    const { address, publicKey } = wallet;
    const ms = Math.round(performance.now() - start);
    print(
      values.json,
      { wallet: address, address, publicKey, threshold, parties, calls, ms },
      {
        address,
        'public key': publicKey,
        shares: `${wallet.parties.map(({ index, role }) => `${index} ${role}`).join(', ')}; ${threshold} of them sign`,
        ...(wallet.action && { action: `${wallet.action.cid}, policy ${wallet.action.policy}` }),
        calls,
        time: `${ms} ms`,
      },
    );
    const advice = coldAdvice(store.dir, wallet);
    if (advice !== '') console.error(advice);
  } finally {
    progress.end();
    close();
  }
});

/** Two shares on one machine are the whole key to whoever takes the machine. */
function coldAdvice(dir: string, wallet: WalletInfo): string {
  const files = wallet.parties
    .filter(({ role }) => role === 'cold')
    .map(({ index }) => join(dir, wallet.address, shareFileName(wallet, index)));
  const [first] = files;
  if (first === undefined) return '';
  return (
    `\nThe cold share lies beside the hot one: whoever opens both has the key. Move it to a medium that you put away, e.g.\n` +
    `${files.map((file) => `  mv ${file} /media/usb/\n`).join('')}` +
    `and put it back into ${dirname(first)} only for a recovery.`
  );
}
