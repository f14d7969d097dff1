import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle, commands } from './bundle.ts';

// Commands in processes of their own. The first time that a file of tests runs a command, it is as a user does; from then on
// from a bundle of the same source, which starts in a fifth of the time.

const scripts = fileURLToPath(new URL('../../scripts/', import.meta.url));

const tsx = fileURLToPath(import.meta.resolve('tsx'));
const seen = new Set<string>();
let bundles: Promise<string> | undefined;

/** How node is to run a command. */
async function start(name: string): Promise<string[]> {
  if (!seen.has(name)) {
    seen.add(name);
    return ['--import', tsx, join(scripts, `${name}.ts`)];
  }
  bundles ??= bundle(...commands());
  return [join(await bundles, 'scripts', `${name}.mjs`)];
}

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/**
 * Runs a command with nothing in the environment but what is given, and without a terminal: there is nobody to ask.
 *
 * @param input what it reads from stdin
 */
export async function command(
  name: string,
  args: readonly string[],
  env: Record<string, string>,
  input?: string,
): Promise<Outcome> {
  const { PATH = '', XDG_STATE_HOME = '' } = process.env;
  const options = { env: { PATH, XDG_STATE_HOME, ...env }, detached: true } as const;
  const child = spawn(process.execPath, [...(await start(name)), ...args], options);
  if (input !== undefined) child.stdin.end(input);
  const outcome: Outcome = { code: null, stdout: '', stderr: '' };
  child.stdout.on('data', (data) => {
    outcome.stdout += data;
  });
  child.stderr.on('data', (data) => {
    outcome.stderr += data;
  });
  outcome.code = await new Promise((resolve) => child.on('close', resolve));
  return outcome;
}

/**
 * Runs a command on a terminal of its own, by script(1), and types an answer to its question, once that is there.
 *
 * @returns its exit code, and all that the terminal showed
 */
export async function onTerminal(
  name: string,
  args: readonly string[],
  env: Record<string, string>,
  [question, answer]: readonly [string, string],
): Promise<{ code: number | null; shown: string }> {
  const line = [process.execPath, '--import', tsx, join(scripts, `${name}.ts`), ...args];
  const quoted = line.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const child = spawn('script', ['-qec', quoted, '/dev/null'], { env: { PATH: process.env.PATH ?? '', ...env } });
  let shown = '';
  let isAsked = false;
  child.stdout.on('data', (data) => {
    shown += data;
    if (isAsked || !shown.includes(question)) return;
    isAsked = true;
    child.stdin.write(`${answer}\r`);
  });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, shown };
}

/** The one JSON value on stdout of a command that succeeded. */
export function json({ code, stdout, stderr }: Outcome): Record<string, unknown> {
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as Record<string, unknown>;
}
