import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { UsageError } from '../ts/client/errors.ts';
import type { Hex } from '../ts/client/evm.ts';
import { findWallet, openStore, readWallet } from '../ts/client/store.ts';
import { openWallet } from '../ts/client/wallet.ts';
import { digestIntent, messageIntent, transactionIntent, typedDataIntent } from '../ts/intent/from.ts';
import type { Intent } from '../ts/intent/intent.ts';
import { InputError, parseJson } from '../ts/intent/json.ts';
import { connect, environmentKey, print, progress, run } from './cli.ts';

const USAGE = `Signs with a wallet: this machine's hot share and the action's.

usage: npx tsx scripts/sign.ts --store DIR (--message TEXT | --typed-data FILE | --transaction FILE | --digest 0x…) [options]

  --store DIR         the folder of the share store
  --wallet ID         the wallet's address; not needed if the store has only one
  --message TEXT      sign a text as personal_sign does (EIP-191)
  --typed-data FILE   sign typed data (EIP-712): {domain, types, primaryType, message}, as eth_signTypedData_v4 takes it
  --transaction FILE  sign a transaction, in the fields of viem, ethers or a node. Nothing is looked up: chainId, nonce, gas
                      and fees have to be there
  --digest 0x…        sign 32 bytes as they are, which only an action of policy "any" does
  --protocol NAME     dkls18 (default)
  --recovery          sign with the hot and the cold share, without the action
  --path m/…          sign with the key at this BIP32 path, without hardened steps
  --json              print {signature, r, s, yParity, address, digest, protocol, calls, ms} alone; of a transaction
                      also serializedTransaction, which a node takes

A FILE is JSON, - is stdin; large numbers in it are strings, decimal or 0x.
Exit codes: 2 the policy refuses, 3 the share is locked, 64 wrong usage, 1 anything else.
The shares open with TANDEM_PASSPHRASE, a passphrase that is asked for, or TANDEM_IDENTITY (an age identity file).`;

/** The types of transactions, by their number. */
const TYPES = ['legacy', 'eip2930', 'eip1559', 'eip4844', 'eip7702'];

run(USAGE, async (signal) => {
  const { values } = parseArgs({
    options: {
      store: { type: 'string' },
      wallet: { type: 'string' },
      message: { type: 'string' },
      'typed-data': { type: 'string' },
      transaction: { type: 'string' },
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
    print(values.json, result, {
      address,
      digest,
      signature,
      ...('serializedTransaction' in result && { transaction: result.serializedTransaction }),
      calls,
      time: `${ms} ms`,
    });
  } finally {
    progress.end();
    close();
  }
});

type What = 'message' | 'typed-data' | 'transaction' | 'digest';

function intentOf(values: { readonly [what in What]?: string | undefined }): Intent {
  const { message, 'typed-data': typedData, transaction, digest } = values;
  if ([message, typedData, transaction, digest].filter((value) => value !== undefined).length === 1) {
    if (message !== undefined) return messageIntent(message);
    if (typedData !== undefined) {
      return fromFile(typedData, (json) => typedDataIntent(json as Parameters<typeof typedDataIntent>[0]));
    }
    if (transaction !== undefined) return fromFile(transaction, (json) => transactionIntent(viemTransaction(json)));
    if (digest !== undefined) return digestIntent(digest as Hex);
  }
  throw new UsageError('Give one thing to sign: --message, --typed-data, --transaction or --digest.');
}

function fromFile(file: string, read: (json: object) => Intent): Intent {
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (cause) {
    throw new UsageError(`${file} cannot be read: ${(cause as Error).message}.`, { cause });
  }
  try {
    const json = parseJson(text);
    if (typeof json !== 'object' || json === null) throw new InputError('', 'not an object');
    return read(json);
  } catch (cause) {
    if (!(cause instanceof InputError)) throw cause;
    throw new UsageError(`${file}: ${cause.message}.`, { cause });
  }
}

/** A transaction as ethers and nodes write it (`gasLimit`, `input`, types by their number), as viem does. */
function viemTransaction(transaction: object): object {
  const renamed = Object.entries(transaction).map(([key, value]): [string, unknown] => {
    if (key === 'gasLimit') return ['gas', value];
    if (key === 'input') return ['data', value];
    if (key !== 'type') return [key, value];
    const number = /^(?:0x0?)?([0-4])$/.exec(String(value))?.[1];
    return [key, number === undefined ? value : TYPES[Number(number)]];
  });
  const names = renamed.map(([key]) => key);
  const twice = names.find((key, i) => names.indexOf(key) !== i);
  if (twice !== undefined) throw new InputError(twice, 'given under two names');
  return Object.fromEntries(renamed);
}
