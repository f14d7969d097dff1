import { parseArgs } from 'node:util';
import { commandLine } from '../ts/command/internals.ts';
import { deriveAddresses, findWallet, readWallet } from '../ts/index.ts';
import { print, run, storeOf, wholeNumber } from './cli.ts';
import { say } from './terminal.ts';

const USAGE = `Lists the addresses that a wallet signs for: sign --path m/… signs for the one at that path.

usage: ${commandLine('address')} --store DIR [options]

  --store DIR     the folder of the share store
  --wallet ID     the wallet's address; not needed if the store has only one
  --path m/…      the BIP32 path to list (m), without hardened steps: these need the whole private key
  --count N       how many steps below it (5)
  --json          print {wallet, path, xpub, addresses: [{path, address}]} alone

The first address is that at the path itself. xpub is the extended public key there: other software derives the same addresses
from it, and anybody who has it can link them all.
A share is opened for the chain code, with TANDEM_PASSPHRASE, a passphrase that is asked for, or TANDEM_IDENTITY.`;

run('address', async () => {
  const { values } = parseArgs({
    options: {
      store: { type: 'string' },
      wallet: { type: 'string' },
      path: { type: 'string', default: 'm' },
      count: { type: 'string', default: '5' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return say(USAGE);
  const { path, json } = values;
  const store = storeOf(values.store);
  const count = wholeNumber(values.count, 'count');
  const wallet = await findWallet(store, values.wallet);
  const { xpub, addresses } = await deriveAddresses(store, await readWallet(store, wallet), { path, count });
  const lines = Object.fromEntries(addresses.map((entry) => [entry.path, entry.address]));
  print(json, { wallet, path, xpub, addresses }, { ...lines, xpub });
});
