import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

// Commands as a user runs them, in processes of their own.

const scripts = fileURLToPath(new URL('../scripts/', import.meta.url));

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
  const options = { env: { PATH: process.env.PATH ?? '', ...env }, detached: true } as const;
  const tsx = fileURLToPath(import.meta.resolve('tsx'));
  const child = spawn(process.execPath, ['--import', tsx, join(scripts, `${name}.ts`), ...args], options);
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

/** The one JSON value on stdout of a command that succeeded. */
export function json({ code, stdout, stderr }: Outcome): Record<string, unknown> {
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as Record<string, unknown>;
}
