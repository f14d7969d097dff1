import { parseArgs } from 'node:util';
import { UsageError } from '../ts/client/errors.ts';
import type { Hex } from '../ts/client/evm.ts';
import { digestOf, type Intent } from '../ts/client/intent.ts';
import { findWallet, openStore, readWallet } from '../ts/client/store.ts';
import { openWallet } from '../ts/client/wallet.ts';
import { connect, environmentKey, print, progress, run } from './cli.ts';

const USAGE = `Signs with a wallet: this machine's hot share and the action's.

usage: npx tsx scripts/sign.ts --store DIR (--message TEXT | --digest 0x…) [options]

  --store DIR       the folder of the share store
  --wallet ID       the wallet's address; not needed if the store has only one
  --message TEXT    sign a text as personal_sign does (EIP-191)
  --digest 0x…      sign 32 bytes as they are, which only an action of policy "any" does
  --protocol NAME   dkls18 (default)
  --recovery        sign with the hot and the cold share, without the action
  --path m/…        sign with the key at this BIP32 path, without hardened steps
  --json            print {signature, r, s, yParity, address, digest, protocol, calls, ms} alone

Exit codes: 2 the policy refuses, 3 the share is locked, 64 wrong usage, 1 anything else.
The shares open with TANDEM_PASSPHRASE, a passphrase that is asked for, or TANDEM_IDENTITY (an age identity file).`;

run(USAGE, async (signal) => {
  const { values } = parseArgs({
    options: {
      store: { type: 'string' },
      wallet: { type: 'string' },
      message: { type: 'string' },
      digest: { type: 'string' },
      protocol: { type: 'string', default: 'dkls18' },
      recovery: { type: 'boolean', default: false },
      path: { type: 'string', default: 'm' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  if (!values.store) throw new UsageError('--store is needed.');
  if (values.protocol !== 'dkls18') throw new UsageError(`There is no protocol "${values.protocol}" here.`);
  const intent = intentOf(values);
  digestOf(intent);

  const store = openStore(values.store, environmentKey);
  const id = findWallet(store, values.wallet);
  const { recovery, path } = values;
  const { runtime, close } = await connect(recovery ? 'none' : readWallet(store, id).runtime, store.dir);
  try {
    const wallet = openWallet(store, { id, runtime });
    const signed = await wallet.sign(intent, { recovery, path, onProgress: progress.step, signal });
    progress.end();
    const result = { ...signed, ms: Math.round(signed.ms) };
    const { signature, address, digest, calls, ms } = result;
    print(values.json, result, { address, digest, signature, calls, time: `${ms} ms` });
  } finally {
    progress.end();
    close();
  }
});

function intentOf({ message, digest }: { message?: string | undefined; digest?: string | undefined }): Intent {
  if (message !== undefined && digest === undefined) return { kind: 'message', message };
  if (digest !== undefined && message === undefined) return { kind: 'digest', digest: digest as Hex };
  throw new UsageError('Give one thing to sign: --message or --digest.');
}
