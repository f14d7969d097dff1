import { parseArgs } from 'node:util';
import { commandLine } from '../ts/command/internals.ts';
import { run } from './cli.ts';
import { CREATE_OPTIONS, CREATE_USAGE, create } from './create.ts';
import { say } from './terminal.ts';

const USAGE = `Makes a wallet: a key in shares, one here (hot), one with an action, the others to be put away (cold).

usage: ${commandLine('keygen')} --store DIR [options]

${CREATE_USAGE}`;

run('keygen', async (signal) => {
  const { values } = parseArgs({ options: CREATE_OPTIONS });
  if (values.help) return say(USAGE);
  await create(values, signal);
});
