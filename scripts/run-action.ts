import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { commandLine, readJson, sourceOf } from '../ts/command/internals.ts';
import { type Json, UsageError } from '../ts/index.ts';
import { LitHost } from '../ts/local.ts';
import { hostOptions, localFolder, run } from './cli.ts';
import { say, sayJson, tell } from './terminal.ts';

const USAGE = `Runs an action once on this machine, as a Lit host would, and prints what it answers.

usage: ${commandLine('run-action')} FILE [PARAMS] [--store DIR] [--generation newest|april] [--limits strict|documented]

  FILE          the action, as build-action wrote it
  PARAMS        what main is given, in JSON (default null)
  --store       the folder of keys and groups, DIR/local-lit (default ./.tandem): the same that serve uses
  --generation  newest (default) or april; --limits: its own (default), strict or documented. See serve --help

The answer goes to stdout as JSON, what the action prints to stderr: also the cause of a refusal that its answer does not give.`;

run('run-action', async (signal) => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      store: { type: 'string', default: '.tandem' },
      generation: { type: 'string', default: 'newest' },
      limits: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return say(USAGE);
  const [file, text = 'null', ...rest] = positionals;
  if (file === undefined || rest.length > 0)
    throw new UsageError('An action file is needed, and after it its parameters.');
  const host = await LitHost.open({ dir: localFolder(values.store), ...hostOptions(values) });
  const call = { source: sourceOf(readFileSync(file)), params: parsed(text), showsRefusals: true, signal };
  const { response, logs } = await host.execute(call);
  if (logs !== '') tell(logs.replace(/\n$/, ''));
  sayJson(response);
});

function parsed(text: string): Json {
  try {
    return readJson(text) as Json;
  } catch {
    throw new UsageError(`The parameters are not JSON: ${text}`);
  }
}
