import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { commandLine, toHex, writeNew } from '../ts/command/internals.ts';
import { exportKey, findWallet, readWallet, StoreError, UsageError, WalletError } from '../ts/index.ts';
import { encryptKeystore, openStore } from '../ts/node.ts';
import { environmentKey, print, progress, run } from './cli.ts';
import { promptLine, promptPassphrase } from './prompt.ts';
import { say, tell } from './terminal.ts';

const USAGE = `Puts the private key of a wallet together from the shares that are here, and writes it to a file.

usage: ${commandLine('export')} --store DIR --out FILE [options]

  --store DIR       the folder of the share store; as many shares as sign have to be in it: put the cold one back
  --wallet ID       the wallet's address; not needed if the store has only one
  --out FILE        the file, which must not exist yet; of mode 0600
  --format F        keystore (default), an Ethereum keystore file of version 3, which geth and most wallets open; or
                    key, the bare private key as 0x and 64 hex digits
  --confirm ID      the wallet's address once more, instead of typing it when asked
  --json            print {wallet, file, format} alone

The shares open with TANDEM_PASSPHRASE, a passphrase that is asked for, or TANDEM_IDENTITY (an age identity file); the keystore
file will open with TANDEM_KEYSTORE_PASSPHRASE, or a passphrase that is asked for.`;

run('export', async () => {
  const { values } = parseArgs({
    options: {
      store: { type: 'string' },
      wallet: { type: 'string' },
      out: { type: 'string' },
      format: { type: 'string', default: 'keystore' },
      confirm: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return say(USAGE);
  const { store: dir, out, format, json } = values;
  if (!dir || !out) throw new UsageError('--store and --out are needed.');
  if (format !== 'keystore' && format !== 'key') throw new UsageError(`There is no format "${format}".`);
  const store = openStore(dir, environmentKey);
  const id = await findWallet(store, values.wallet);
  await readWallet(store, id);
  if (existsSync(out)) throw new StoreError('exists', `${out} exists already.`, { next: 'choose another name.' });

  tell(`This ends what ${id} is: its private key, which was never whole, will be in ${out}.
Anybody who reads that file can sign anything. No policy applies, the action is not asked, and new shares do not change
that: to have a shared key again, make a new wallet and move what this one holds.`);
  const typed = values.confirm ?? (await promptLine(`To export, type ${id}: `, `repeat the address: --confirm ${id}`));
  if (typed.trim() !== id) throw new WalletError('That is not the address; nothing was exported.');
  const passphrase = format === 'keystore' ? await keystorePassphrase() : '';

  progress.step('opening the shares');
  const key = await exportKey(store, id);
  try {
    writeNew(out, format === 'key' ? `${toHex(key)}\n` : await encryptKeystore(key, id, passphrase));
  } finally {
    key.fill(0);
    progress.end();
  }
  print(json, { wallet: id, file: out, format }, { address: id, file: out, format });
});

async function keystorePassphrase(): Promise<string> {
  return process.env.TANDEM_KEYSTORE_PASSPHRASE || promptPassphrase('the keystore file', true);
}
