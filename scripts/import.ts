import { parseArgs } from 'node:util';
import { commandLine, FIRST_ACCOUNT, isKeystore, isMnemonic, readPrivateKey } from '../ts/command/internals.ts';
import { keyOfMnemonic, UsageError } from '../ts/index.ts';
import { decryptKeystore } from '../ts/node.ts';
import { readInput, run } from './cli.ts';
import { CREATE_OPTIONS, CREATE_USAGE, create } from './create.ts';
import { promptPassphrase, promptSecret } from './prompt.ts';
import { say, tell } from './terminal.ts';

const KEYSTORE_ADVICE = 'set TANDEM_KEYSTORE_PASSPHRASE to the passphrase of the keystore file.';

const USAGE = `Makes a wallet of a private key that exists: its address stays, and shares of it are made as keygen does.
The key itself is not stored. It still exists whole wherever it came from.

usage: ${commandLine('import')} --store DIR [--key-file FILE] [options]

  --key-file FILE  holds the key, - is stdin; without it, it is asked for on the terminal. The key is one of
                     64 hex digits, the private key itself
                     an Ethereum keystore file of version 3, as geth, ethers, MetaMask and export write it. It opens with
                     TANDEM_KEYSTORE_PASSPHRASE, or a passphrase that is asked for
                     a mnemonic (BIP-39) of 12 to 24 words
  --path m/…       of a mnemonic, the account (${FIRST_ACCOUNT})
  --mnemonic-passphrase  ask for a passphrase that the mnemonic has (a 25th word)
${CREATE_USAGE}`;

run('import', async (signal) => {
  const { values } = parseArgs({
    options: {
      ...CREATE_OPTIONS,
      'key-file': { type: 'string' },
      path: { type: 'string' },
      'mnemonic-passphrase': { type: 'boolean', default: false },
    },
  });
  if (values.help) return say(USAGE);
  const { 'key-file': file, path, 'mnemonic-passphrase': hasPassphrase } = values;
  await create(values, signal, async () => {
    const text =
      file === undefined
        ? await promptSecret('Private key: ', 'name a file that holds the key with --key-file, - for stdin.')
        : readInput(file, 64 * 1024);
    const isWords = isMnemonic(text);
    if (!isWords && (path !== undefined || hasPassphrase)) {
      throw new UsageError('--path and --mnemonic-passphrase are for mnemonics, and that is none.');
    }
    if (isWords) return keyOfMnemonic(text, path, hasPassphrase ? await promptPassphrase('the mnemonic', false) : '');
    return isKeystore(text) ? decryptKeystore(text, await keystorePassphrase()) : readPrivateKey(text);
  });
  tell(
    '\nThe key still exists whole where it came from: anybody who has it signs alone, past the action and its policy. Delete it\n' +
      'there and from every backup; if somebody may have seen it, move what it holds to a wallet made by keygen.',
  );
});

async function keystorePassphrase(): Promise<string> {
  return process.env.TANDEM_KEYSTORE_PASSPHRASE ?? promptPassphrase('the keystore file', false, KEYSTORE_ADVICE);
}
