import { parseArgs } from 'node:util';
import { commandLine, MESSAGE_LIMIT, readLimited, writeDurable } from '../ts/command/internals.ts';
import { beginRounds, finishRounds, nextRound, type Sent, UsageError } from '../ts/index.ts';
import { needed, print, run, storeOf, wholeNumber } from './cli.ts';
import { countOf, INTENT_USAGE, intentOf, intentOptions } from './intent.ts';
import { say } from './terminal.ts';

const USAGE = `Signs with people on other machines, each with a share of their own: dkls23, in three rounds. They exchange files, by stick,
mail or chat. Anybody who carries them learns what is signed, and nothing about a share.

usage: ${commandLine('rounds')} begin --store DIR --signers LIST WHAT --out FILE [options]
       ${commandLine('rounds')} next --store DIR --in FILE [--in FILE …] --out FILE [options]
       ${commandLine('rounds')} finish --store DIR --in FILE [--in FILE …] [options]

  begin           round 1: every signer gives the same signers and the same thing to sign
  next            rounds 2 and 3, each with the newest files of all others
  finish          prints the signature, from the others' files of round 3

  --store DIR     the folder of the share store
  --wallet ID     the wallet's address; not needed if the store has only one
  --party N       who signs here, if the store has shares of several
  --signers LIST  all who sign, as many as the threshold: e.g. 1,3,5
  --path m/…      sign with the key at this BIP32 path, without hardened steps
  --in FILE       a file of another signer
  --out FILE      the file for the others; what was there is replaced
  --json          print {round, party, waitingFor} alone; in the end what sign prints

WHAT is one of
${INTENT_USAGE}
  --intent FILE       an intent as docs/intents.md writes it: any of these, or an authorization of a delegate

The store keeps what this party has to remember, sealed like a share, and deletes it before it writes the next file. A step that fails
ends the signature, and everybody begins again. Do not restore a store from a backup during a signature: a remembered state that
is used twice reveals the key.`;

run('rounds', async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      store: { type: 'string' },
      wallet: { type: 'string' },
      party: { type: 'string' },
      signers: { type: 'string' },
      ...intentOptions,
      intent: { type: 'string' },
      path: { type: 'string' },
      in: { type: 'string', multiple: true },
      out: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return say(USAGE);
  const store = storeOf(values.store);
  const party = values.party === undefined ? undefined : wholeNumber(values.party, 'party');
  const options = { store, id: values.wallet, party };
  const [command, ...more] = positionals;
  if (more.length > 0) throw new UsageError(`What is ${more.join(' ')}?`);
  if (command !== 'begin' && (countOf(values) > 0 || values.signers !== undefined || values.path !== undefined)) {
    throw new UsageError('What is signed, and by whom, was said in the beginning.');
  }
  switch (command) {
    case 'begin': {
      const signers = needed(values.signers, 'signers').split(',');
      const indices = signers.map((index) => wholeNumber(index, 'signers'));
      const { path } = values;
      const begun = { ...options, signers: indices, intent: intentOf(values), ...(path !== undefined && { path }) };
      return send(values, () => beginRounds(begun));
    }
    case 'next':
      return send(values, () => nextRound({ ...options, messages: read(values.in) }));
    case 'finish': {
      const signed = await finishRounds({ ...options, messages: read(values.in) });
      const { signature, address, digest } = signed;
      const transaction = 'serializedTransaction' in signed && { transaction: signed.serializedTransaction };
      return print(
        values.json,
        { ...signed, ms: Math.round(signed.ms) },
        { address, digest, signature, ...transaction },
      );
    }
    default:
      throw new UsageError(`There is no command "${command ?? ''}".`, { next: 'choose one of begin, next, finish.' });
  }
});

/** Takes a step and writes its message; that it can be written is seen before. */
async function send({ out, json }: { out?: string; json: boolean }, step: () => Promise<Sent>): Promise<void> {
  const path = needed(out, 'out');
  writeDurable(path, '');
  const { round, party, waitingFor, message } = await step();
  writeDurable(path, message);
  const others = waitingFor.join(' and ');
  print(
    json,
    { round, party, waitingFor },
    { round, file: `${path}: for the parties ${others}`, next: `with their files: ${round < 3 ? 'next' : 'finish'}` },
  );
}

function read(files: readonly string[] | undefined): Uint8Array[] {
  if (files === undefined) throw new UsageError('--in is needed, for each file of another signer.');
  return files.map((file) => readLimited(file, MESSAGE_LIMIT));
}
