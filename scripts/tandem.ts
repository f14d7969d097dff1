#!/usr/bin/env node
// The one program of the package: each command by its name. What a command needs is loaded when it is called, so that this starts
// at once; for the same reason the help is printed without what makes texts from outside fit to be shown.

export {};

interface Command {
  readonly what: string;
  readonly load: () => Promise<unknown>;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  demo: { what: 'a wallet and a signature, from nothing', load: () => import('./demo.ts') },
  keygen: {
    what: 'makes a wallet: shares here, one with an action, others to put away',
    load: () => import('./keygen.ts'),
  },
  sign: { what: 'signs a message, typed data, a transaction', load: () => import('./sign.ts') },
  wallet: { what: 'lists, shows, checks, locks and unlocks wallets', load: () => import('./wallet.ts') },
  address: { what: 'the addresses of a wallet', load: () => import('./address.ts') },
  policy: { what: 'tests, explains and approves: what an action may sign', load: () => import('./policy.ts') },
  mcp: { what: 'serves a wallet to a model (MCP)', load: () => import('./mcp.ts') },
  import: { what: 'makes a wallet of a private key that exists', load: () => import('./import.ts') },
  export: { what: 'makes the key whole, in a file', load: () => import('./export.ts') },
  reshare: { what: 'makes new shares of a key; the address stays', load: () => import('./reshare.ts') },
  recover: { what: 'makes new shares from those that are left', load: () => import('./recover.ts') },
  migrate: { what: "moves an action's share to another action", load: () => import('./migrate.ts') },
  authorize: { what: 'a cold share allows one of these three, offline', load: () => import('./authorize.ts') },
  party: { what: 'a key of parties on several machines, offline', load: () => import('./party.ts') },
  rounds: { what: 'people on several machines sign, with files', load: () => import('./rounds.ts') },
  setup: { what: 'prepares an account on Lit', load: () => import('./setup.ts') },
  doctor: { what: 'checks what is between here and a signature on Lit', load: () => import('./doctor.ts') },
  serve: { what: "serves Lit's API on this machine", load: () => import('./serve.ts') },
  action: {
    what: 'an action of your own, from a folder: init, build, run, verify, serve',
    load: () => import('./action.ts'),
  },
  'build-action': {
    what: 'builds an action: a wasm module in one script, and its CID',
    load: () => import('./build-action.ts'),
  },
  'run-action': { what: 'runs an action once, on this machine', load: () => import('./run-action.ts') },
  'verify-action': { what: 'builds an action again and compares its CID', load: () => import('./verify-action.ts') },
};

const NAMES = Object.keys(COMMANDS);
const WIDTH = Math.max(...NAMES.map((name) => name.length));
const HELP = `Threshold ECDSA between a user and a Lit Action.

usage: npx tandem NAME [options]

${NAMES.map((name) => `  ${name.padEnd(WIDTH)}  ${COMMANDS[name]?.what}`).join('\n')}

npx tandem NAME --help says what there is to a command. --version prints the version.
`;

const EXIT_USAGE = 64;
/** How many letters a mistyped name may be from the one that is suggested. */
const CLOSE = 2;

const [name] = process.argv.splice(2, 1);
const command = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
if (command !== undefined) await command.load().catch(named);
else if (name === '--help' || name === '-h' || name === 'help') process.stdout.write(HELP);
else if (name === '--version') {
  const { packageVersion } = await import('../ts/command/internals.ts');
  process.stdout.write(`${packageVersion()}\n`);
} else await refuse(name);

/** A package that a command needs and most do not is named with what installs it. */
async function named(error: unknown): Promise<void> {
  const { peerMissingIn } = await import('../ts/build.ts');
  const missing = peerMissingIn(error);
  if (missing === undefined) throw error;
  const { tell } = await import('./terminal.ts');
  tell(missing.message);
  process.exitCode = 1;
}

async function refuse(given: string | undefined): Promise<void> {
  const { tell } = await import('./terminal.ts');
  const { cleanLine } = await import('../ts/command/internals.ts');
  process.exitCode = EXIT_USAGE;
  if (given === undefined) return tell(HELP.trimEnd());
  const near = nearest(given.slice(0, 64));
  const next = near === undefined ? 'npx tandem --help lists them all' : `did you mean ${near}?`;
  tell(`There is no command "${cleanLine(given.slice(0, 64))}".\nNext: ${next}`);
}

/** The command that begins so, or whose name is the fewest letters away. */
function nearest(given: string): string | undefined {
  const far = (name: string) => (given.length > 1 && name.startsWith(given) ? 0 : distance(given, name));
  const [best] = [...NAMES].sort((a, b) => far(a) - far(b));
  return best !== undefined && far(best) <= CLOSE ? best : undefined;
}

/** How many letters have to be put in, left out, replaced, or swapped with their neighbours. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      const ways = [(last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (isSame ? 0 : 1)];
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) ways.push((before[j - 2] ?? 0) + 1);
      row.push(Math.min(...ways));
    }
    [before, last] = [last, row];
  }
  return last[b.length] ?? 0;
}
