import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { generateIdentity } from 'age-encryption';
import { type Hex, recoverMessageAddress } from 'viem';
import { run } from './cli.ts';
import { say } from './terminal.ts';

const USAGE = `Runs the life of a key on Lit, by the commands as a user would give them: setup, doctor, keygen, sign by both protocols, rotate, reshare
with revocation, a change of the policy, recovery with a new action, teardown. Each says what it did and how long it took. Takes 16 calls
of actions, and leaves an empty wallet (PKP) in the account.

usage: LIT_API_KEY=… npm run try:lit

LIT_API_KEY is the key of an account, LIT_API_URL the host (default: Lit's own). Without a key nothing is done.`;

const MESSAGE = 'Two hold one key; both must turn it.';
const DIGEST = `0x${'5a'.repeat(32)}`;
/** How long a host may take to see what was changed. */
const PATIENCE_MS = 60_000;

run('try-lit', async (signal) => {
  const { values } = parseArgs({ options: { help: { type: 'boolean', default: false } } });
  if (values.help) return say(USAGE);
  const { LIT_API_KEY: key, LIT_API_URL: url } = process.env;
  if (!key) return say('Skipped: LIT_API_KEY is not set, so nothing was tried on Lit.');

  const dir = mkdtempSync(join(tmpdir(), 'tandem-lit-'));
  const store = join(dir, 'store');
  const identity = join(dir, 'identity.txt');
  writeFileSync(identity, `${await generateIdentity()}\n`, { mode: 0o600 });
  // What daily use needs is in the store: only setup gets the key of the account.
  const daily = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', TANDEM_IDENTITY: identity };
  const owner = { ...daily, LIT_API_KEY: key, ...(url && { LIT_API_URL: url }) };
  const command = async (env: Record<string, string>, name: string, args: string[], patienceMs = 0) => {
    const start = performance.now();
    const once = () => node(env, name, [...args, '--store', store], signal);
    let outcome = await once();
    while (outcome.code === 0 && performance.now() - start < patienceMs) {
      await setTimeout(1000, undefined, { signal });
      outcome = await once();
    }
    say(`${outcome.code === 0 ? 'ok' : 'no'}  ${name} ${args.join(' ')}  ${Math.round(performance.now() - start)} ms`);
    return outcome;
  };
  const succeed = async (env: Record<string, string>, name: string, ...args: string[]) => {
    const outcome = await command(env, name, args);
    if (outcome.code !== 0) throw new Error(`${name} failed:\n${outcome.stdout}${outcome.stderr}`);
    return outcome.stdout;
  };
  const sign = async (address: Hex, ...more: string[]) => {
    const output = await succeed(daily, 'sign', '--message', MESSAGE, '--json', ...more);
    const { signature } = JSON.parse(output) as { signature: Hex };
    const signer = await recoverMessageAddress({ message: MESSAGE, signature });
    if (signer !== address) throw new Error(`the signature is by ${signer}, not by ${address}`);
  };
  /** That a signature is refused, once the host has seen what was changed. */
  const refuse = async (otherwise: string, ...what: string[]) => {
    const { code, stderr } = await command(daily, 'sign', what.length > 0 ? what : ['--message', MESSAGE], PATIENCE_MS);
    if (code === 0) throw new Error(otherwise);
    say(`    as it should: ${stderr.split('\n')[0]}`);
  };

  let isSetUp = false;
  try {
    await succeed(owner, 'setup', '--json');
    isSetUp = true;
    say(await succeed(owner, 'doctor'));
    const made = await succeed(daily, 'keygen', '--runtime', 'chipotle', '--allow-interactive', '--json');
    const { address } = JSON.parse(made) as { address: Hex };
    await sign(address);
    await sign(address, '--protocol', 'dkls23');
    await succeed(owner, 'setup', 'rotate');
    await sign(address);

    const wallet = join(store, address);
    const replace = async (name: string, flag: string) => {
      const [before, now] = [join(dir, `before ${name}`), join(dir, `after ${name}`)];
      cpSync(wallet, before, { recursive: true });
      await succeed(owner, name, flag, '--json');
      await sign(address);
      renameSync(wallet, now);
      cpSync(before, wallet, { recursive: true });
      await refuse(`the old shares still sign after ${name} ${flag}`);
      rmSync(wallet, { recursive: true });
      renameSync(now, wallet);
    };
    await replace('reshare', '--revoke');

    await refuse('the policy lets a raw digest pass', '--digest', DIGEST);
    await succeed(owner, 'migrate', '--policy', 'any', '--json');
    await succeed(daily, 'sign', '--digest', DIGEST, '--json');
    await replace('recover', '--new-action');

    await succeed(owner, 'setup', 'teardown');
    await refuse('the action still signs after the teardown');
    await succeed(owner, 'setup');
    await sign(address);
    say(`\nA wallet lived on ${url ?? 'Lit'}: ${address}`);
  } finally {
    if (isSetUp) await command(owner, 'setup', ['teardown']);
    rmSync(dir, { recursive: true, force: true });
  }
});

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a script of this folder in a process of its own, with this environment alone. */
function node(env: Record<string, string>, name: string, args: string[], signal: AbortSignal): Promise<Outcome> {
  const script = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
  const argv = ['--import', import.meta.resolve('tsx'), script, ...args];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, argv, { env, signal }, (error, stdout, stderr) => {
      if (signal.aborted) reject(error);
      else resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
    });
  });
}
