import { parseArgs } from 'node:util';
import { commandLine, readPrivateKey } from '../ts/index.ts';
import { readInput, run } from './cli.ts';
import { CREATE_OPTIONS, CREATE_USAGE, create } from './create.ts';
import { promptSecret } from './prompt.ts';
import { say, tell } from './terminal.ts';

const USAGE = `Makes a wallet of a private key that exists: its address stays, and shares of it are made as keygen does.
The key itself is not stored. It still exists whole wherever it came from.

usage: ${commandLine('import')} --store DIR [--key-file FILE] [options]

  --key-file FILE  holds the private key, 64 hex digits; - is stdin. Without it, the key is asked for on the terminal
${CREATE_USAGE}`;

run(USAGE, async (signal) => {
  const { values } = parseArgs({ options: { ...CREATE_OPTIONS, 'key-file': { type: 'string' } } });
  if (values.help) return say(USAGE);
  const file = values['key-file'];
  await create(values, signal, async () =>
    readPrivateKey(
      file === undefined
        ? await promptSecret('Private key: ', 'name a file that holds the key with --key-file, - for stdin.')
        : readInput(file, 1024),
    ),
  );
  tell(
    '\nThe key still exists whole where it came from: whoever has it signs alone, past the action and its policy. Delete it\n' +
      'there and from every backup; if somebody may have seen it, move what it holds to a wallet made by keygen.',
  );
});
