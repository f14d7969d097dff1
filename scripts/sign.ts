import { parseArgs } from 'node:util';
import * as v from 'valibot';
import { commandLine, forms } from '../ts/command/internals.ts';
import { findWallet, type Hex, openWallet, readWallet, UsageError } from '../ts/index.ts';
import { connect, connectTo, correlationOf, print, progress, run, storeOf } from './cli.ts';
import { INTENT_USAGE, intentOf, intentOptions, textOf } from './intent.ts';
import { say } from './terminal.ts';

const USAGE = `Signs with a wallet: this machine's hot share and the action's.

usage: ${commandLine('sign')} --store DIR WHAT [options]

  --store DIR         the folder of the share store
  --wallet ID         the wallet's address; not needed if the store has only one
  --approval HEX|FILE the guardian's signature, for a policy that requires one (policy approve)
  --protocol NAME     onecall, with the action, in one call (two if there is no correlation with it yet): the default; dkls18,
                      between two shares: that for --recovery, and with actions of version 0.1.0; or dkls23, in three rounds
                      between as many as the threshold: two calls, and only if the wallet was made for it
  --correlation memory  keep no correlation with the action on disk, and use none: each process makes its own, with one more
                      call. For machines that may be rolled back: docs/security.md
  --recovery          sign with the hot and the cold shares, without the action
  --path m/…          sign with the key at this BIP32 path, without hardened steps
  --json              print {signature, r, s, yParity, address, digest, protocol, calls, ms} alone; of a transaction
                      also serializedTransaction, which a node takes

WHAT is one of
${INTENT_USAGE}
  --intent FILE       an intent as docs/intents.md writes it: any of these, or an authorization of a delegate

A FILE is JSON, - is stdin; large numbers in it are strings, decimal or 0x.
Exit codes: 2 the policy refuses, 3 the share is locked, 64 wrong usage, 1 anything else.
The shares open with TANDEM_PASSPHRASE, a passphrase that is asked for, or TANDEM_IDENTITY (an age identity file).`;

run('sign', async (signal) => {
  const { values } = parseArgs({
    options: {
      store: { type: 'string' },
      wallet: { type: 'string' },
      ...intentOptions,
      intent: { type: 'string' },
      approval: { type: 'string' },
      protocol: { type: 'string' },
      correlation: { type: 'string' },
      recovery: { type: 'boolean', default: false },
      path: { type: 'string', default: 'm' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return say(USAGE);
  const store = storeOf(values.store);
  const { protocol } = values;
  const correlation = correlationOf(values.correlation);
  if (protocol !== undefined && protocol !== 'onecall' && protocol !== 'dkls18' && protocol !== 'dkls23') {
    throw new UsageError(`There is no protocol "${protocol}" here.`);
  }
  const intent = intentOf(values, true);
  const approval = values.approval === undefined ? undefined : approvalOf(values.approval);

  const id = await findWallet(store, values.wallet);
  const { recovery, path } = values;
  const { runtime, close } = recovery
    ? await connect('none', store.dir)
    : await connectTo(await readWallet(store, id), store.dir);
  try {
    const wallet = await openWallet(store, { id, runtime, correlation });
    const signed = await wallet.sign(intent, {
      recovery,
      path,
      approval,
      protocol,
      onProgress: progress.step,
      onNotice: progress.notice,
      signal,
    });
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

function approvalOf(hexOrFile: string): Hex {
  const text = (hexOrFile.startsWith('0x') ? hexOrFile : textOf(hexOrFile)).trim();
  if (!v.is(forms.AnyHex(65), text)) throw new UsageError('--approval takes a signature of 65 bytes in hex.');
  return text as Hex;
}
