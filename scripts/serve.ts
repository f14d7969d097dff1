import { parseArgs } from 'node:util';
import { cleanBlock, cleanLine, commandLine } from '../ts/command/internals.ts';
import { UsageError } from '../ts/index.ts';
import { LIMITS_MEMORY, LitServer } from '../ts/local.ts';
import { hostOptions, localFolder, run, wholeNumber } from './cli.ts';
import { say, tell } from './terminal.ts';

const USAGE = `Serves Lit's API on this machine: actions run in a real Deno, keys and groups are kept in a folder.

usage: ${commandLine('serve')} [--port N] [--store DIR] [--limits SET] [--spare N] [--concurrency N]
         [--address IP] [--credit N] [--generation newest|april] [--settle SECONDS] [--quiet]

  --port         default 8787; 0 for any that is free
  --store        the folder of the state, DIR/local-lit (default ./.tandem): the same that --runtime local uses
  --limits       documented: those of Lit's documentation, with 64 KB of parameters; strict: the lowest of all that are known
                 (default: those that the generation has in force)
  --spare        how many processes wait for the next calls (default 4)
  --concurrency  how many calls run at once, of one account half of them (default: four for each processor)
  --address      where to listen (default 127.0.0.1): anybody who reaches the server can make an account and run code
  --credit       how many calls of actions all accounts together may make, until 402 (default: any number)
  --generation   which of Lit's hosts to be like: the newest, with Deno 2.8.0 (default), or that of April 2026, with 2.2.2
  --settle       after how many seconds what is permitted counts, for tests: at Lit it may take a while (default 0)
  --quiet        print no line for each request

Clients find it at http://127.0.0.1:8787, the description of the API under /core/v1/openapi.json.`;

/** How much of a path is printed: a client can send any. */
const MAX_PATH = 64;

run('serve', async (signal) => {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '8787' },
      store: { type: 'string', default: '.tandem' },
      limits: { type: 'string' },
      spare: { type: 'string', default: '4' },
      concurrency: { type: 'string' },
      address: { type: 'string', default: '127.0.0.1' },
      credit: { type: 'string' },
      generation: { type: 'string', default: 'newest' },
      settle: { type: 'string', default: '0' },
      quiet: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return say(USAGE);
  const concurrency = values.concurrency === undefined ? undefined : wholeNumber(values.concurrency, 'concurrency');
  if (concurrency === 0) throw new UsageError('--concurrency is at least 1.');
  const server = await LitServer.start({
    dir: localFolder(values.store),
    ...hostOptions(values),
    spare: wholeNumber(values.spare, 'spare'),
    ...(concurrency !== undefined && { concurrency }),
    settleMs: 1000 * wholeNumber(values.settle, 'settle'),
    port: wholeNumber(values.port, 'port'),
    address: values.address,
    ...(values.credit !== undefined && { credit: wholeNumber(values.credit, 'credit') }),
    ...(!values.quiet && {
      onRequest: ({ method, path, status, ms }) =>
        tell(cleanLine(`${status} ${method} ${path.slice(0, MAX_PATH)} ${ms.toFixed(0)} ms`)),
    }),
    onFault: (error) => tell(cleanBlock(error instanceof Error ? (error.stack ?? error.message) : String(error))),
  });
  say(`listening at ${server.url}`);
  if (!LIMITS_MEMORY) {
    tell('This system has no limit for the memory that an action takes outside of its heap (buffers, wasm).');
  }
  process.once('SIGTERM', () => void server.close());
  signal.addEventListener('abort', () => void server.close());
});
