// What the commands have in common: exit codes, the key of the store, progress, hosts. Not a command itself.

import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import {
  cleanBlock,
  cleanLine,
  commandLine,
  fileError,
  forms,
  hideSecret,
  identitiesIn,
  LIMIT_SETS,
  makeFolder,
} from '../ts/command/internals.ts';
import {
  type Hex,
  InputError,
  LockedError,
  PolicyError,
  type Runtime,
  RuntimeError,
  UsageError,
  WalletError,
  type WalletInfo,
} from '../ts/index.ts';
import type { CompleteSettings, Finding, LogEntry } from '../ts/lit.ts';
import type { LitHostOptions } from '../ts/local.ts';
import { type FileStore, openStore, readSettings, type Secret, type SecretSource, writeSettings } from '../ts/node.ts';
import { promptPassphrase } from './prompt.ts';
import { say, sayJson, status, tell } from './terminal.ts';

export const EXIT = { failure: 1, policy: 2, locked: 3, usage: 64, interrupted: 130 };

/**
 * Runs a command to its exit code: 2 if the policy refuses, 3 if the share is locked, 64 for wrong usage, 130 if it was
 * interrupted, 1 for anything else. Errors go to stderr. The first Ctrl-C aborts `signal`, so that what was begun ends cleanly;
 * the second kills.
 *
 * @param name the command's own, for advice
 */
export function run(name: string, command: (signal: AbortSignal) => Promise<void>): void {
  const controller = new AbortController();
  process.once('SIGINT', () => controller.abort());
  process.once('uncaughtException', (error) => {
    tell(describe(error)); // Node would print it as it is, with all that caused it
    process.exit(EXIT.failure);
  });
  command(controller.signal).catch((error: unknown) => {
    if (isUsage(error)) {
      tell(`${describe(error)}\nSee \`${commandLine(name)} --help\`.`);
      process.exitCode = EXIT.usage;
      return;
    }
    tell(controller.signal.aborted ? 'Interrupted.' : describe(error));
    if (controller.signal.aborted) process.exitCode = EXIT.interrupted;
    else if (error instanceof PolicyError) process.exitCode = EXIT.policy;
    else if (error instanceof LockedError) process.exitCode = EXIT.locked;
    else process.exitCode = EXIT.failure;
  });
}

function isUsage(error: unknown): error is Error {
  if (error instanceof UsageError || error instanceof InputError) return true;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && code.startsWith('ERR_PARSE_ARGS');
}

function describe(error: unknown): string {
  if (error instanceof RuntimeError) {
    return `The host says: ${error.short}.${error.next === undefined ? '' : `\nNext: ${error.next}.`}`;
  }
  if (error instanceof WalletError) return error.message;
  return cleanBlock(error instanceof Error ? error.message : String(error));
}

/** What an option has to say. @throws UsageError */
export function needed(value: string | undefined, name: string): string {
  if (!value) throw new UsageError(`--${name} is needed.`);
  return value;
}

/** The store of the command line, which opens by {@link environmentKey}. @throws UsageError */
export function storeOf(dir: string | undefined): FileStore {
  return openStore(needed(dir, 'store'), environmentKey);
}

/** A whole number of the command line. @throws UsageError */
export function wholeNumber(text: string, name: string): number {
  if (!/^[0-9]{1,9}$/.test(text)) throw new UsageError(`--${name} takes a whole number, not "${text}".`);
  return Number(text);
}

/** Which of Lit's hosts a local one is to be like, and by which limits, as --generation and --limits say. @throws UsageError */
export function hostOptions(values: {
  generation: string;
  limits?: string | undefined;
}): Pick<LitHostOptions, 'generation' | 'limits'> {
  const { generation, limits: name } = values;
  if (generation !== 'newest' && generation !== 'april') throw new UsageError('--generation is newest or april.');
  if (name === undefined) return { generation };
  const limits = Object.hasOwn(LIMIT_SETS, name) ? LIMIT_SETS[name] : undefined;
  if (limits === undefined) throw new UsageError('--limits is strict or documented.');
  return { generation, limits };
}

/** Where the command line puts a correlation. @throws UsageError */
export function correlationOf(text: string | undefined): 'memory' | undefined {
  if (text === undefined || text === 'memory') return text;
  throw new UsageError(`--correlation takes memory, not "${text}".`, { next: 'leave it out to keep correlations.' });
}

/** The authority of the command line, as the client takes it. @throws UsageError */
export function authorityOf(text: string | undefined): 'cold' | 'none' | Hex | undefined {
  if (text === undefined || text === 'cold' || text === 'none') return text;
  const [, address] = /^guardian:(.*)$/.exec(text) ?? [];
  if (!v.is(forms.Address, address))
    throw new UsageError(`--authority takes cold, none or guardian:0x…, not "${text}".`);
  return address as Hex;
}

/** The text of a file of at most `limit` bytes, - for stdin. @throws UsageError */
export function readInput(file: string, limit: number): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file === '-' ? 0 : file);
  } catch (cause) {
    throw misnamed(cause, file, 'read');
  }
  if (bytes.length <= limit) return bytes.toString('utf8');
  throw new UsageError(`${file} has ${bytes.length} bytes; at most ${limit} are expected.`);
}

/** Writes what a command makes into a new file. @throws UsageError if it cannot be written, or is there already */
export function writeOutput(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: 'wx' });
  } catch (cause) {
    throw misnamed(cause, file, 'write');
  }
}

/** For a file that the command line names wrongly. */
function misnamed(cause: unknown, file: string, doing: 'read' | 'write'): UsageError {
  const { kind, short, next } = fileError(cause, file, doing);
  return new UsageError(short, { next: kind === 'missing' ? 'check the path.' : next, cause });
}

/** Prints the one JSON value of a command, or lines for a person: a name, aligned, and what it is. */
export function print(json: boolean, value: object, lines: Record<string, string | number>): void {
  if (json) {
    sayJson(value);
    return;
  }
  const width = Math.max(...Object.keys(lines).map((name) => name.length));
  for (const [name, text] of Object.entries(lines)) say(`${name.padEnd(width)}  ${cleanLine(String(text))}`);
}

/** The shares of a wallet, for a person. */
export function sharesOf({ parties, threshold }: Pick<WalletInfo, 'parties' | 'threshold'>): string {
  return `${parties.map(({ index, role }) => `${index} ${role}`).join(', ')}; ${threshold} of them sign`;
}

/** Shows what is being done: on a terminal only, only once it has taken two seconds, and not while something is asked. */
export const progress = {
  step(step: string): void {
    current = step;
    if (process.stderr.isTTY) timer ??= setTimeout(show, 2000).unref();
    if (isShown) show();
  },
  /** Says what a person should know, on stderr, terminal or not. */
  notice(text: string): void {
    progress.end();
    tell(cleanLine(text));
  },
  end(): void {
    clearTimeout(timer);
    timer = undefined;
    if (isShown) status('');
    isShown = false;
  },
};

let current = '';
let isShown = false;
let timer: NodeJS.Timeout | undefined;

function show(): void {
  isShown = true;
  status(`${current} …`);
}

/**
 * The key of the store: the identities in the file that TANDEM_IDENTITY names, the passphrase in TANDEM_PASSPHRASE, or one
 * that is typed in. For new shares an identity goes before a passphrase.
 */
export const environmentKey: SecretSource = async (kind, what) => {
  const identityFile = process.env.TANDEM_IDENTITY;
  const passphrase = process.env.TANDEM_PASSPHRASE;
  if (identityFile && kind !== 'passphrase') return readIdentities(identityFile);
  if (kind === 'identity') {
    throw new WalletError(`${what} opens with an age identity.`, {
      next: 'name the identity file in the environment variable TANDEM_IDENTITY.',
    });
  }
  if (passphrase) return { passphrase };
  progress.end();
  const other = `set TANDEM_PASSPHRASE: ${what} opens with a passphrase, not with the identity of TANDEM_IDENTITY.`;
  return { passphrase: await promptPassphrase(what, kind === 'any', identityFile ? other : undefined) };
};

const identityFiles = new Map<string, Promise<Secret>>();

/** The identities of a file, which is asked for its passphrase once, if it has one. */
function readIdentities(path: string): Promise<Secret> {
  const known = identityFiles.get(path) ?? identitiesAt(path);
  identityFiles.set(path, known);
  return known;
}

async function identitiesAt(path: string): Promise<Secret> {
  try {
    if (statSync(path).size > 64 * 1024) throw new Error('it is too long');
    const identities = await identitiesIn(readFileSync(path), async () => {
      progress.end();
      return process.env.TANDEM_PASSPHRASE || promptPassphrase(`the identity file ${path}`, false);
    });
    for (const identity of identities) hideSecret(identity);
    return { identities };
  } catch (cause) {
    if (cause instanceof WalletError) throw cause; // there is nobody to ask
    throw new WalletError(`TANDEM_IDENTITY names ${path}, which cannot be used: ${(cause as Error).message}.`, {
      next: 'name a file of age-keygen: lines that begin with AGE-SECRET-KEY-, and comments. It may have a passphrase.',
      cause,
    });
  }
}

/** A connected host, and what ends it. */
export interface Connection {
  readonly runtime: Runtime | undefined;
  close(): void;
}

/** The name of the folder of the host on this machine, and where it is. */
export const LOCAL = 'local-lit';
export function localFolder(storeDir: string): string {
  return join(storeDir, LOCAL);
}

/** Connects to the host that a wallet's action runs at; with `none` there is nothing to connect to. @throws UsageError */
export async function connect(name: string, storeDir: string): Promise<Connection> {
  switch (name) {
    case 'none':
      return { runtime: undefined, close: () => {} };
    case 'local': {
      makeFolder(storeDir);
      const { LocalRuntime } = await import('../ts/local.ts');
      const runtime = await LocalRuntime.open({ dir: localFolder(storeDir) });
      return { runtime, close: () => runtime.close() };
    }
    case 'chipotle':
      return { runtime: await connectChipotle(storeDir), close: () => {} };
    case 'lit-node-client': {
      const { connectLitNodeClient } = await import('../ts/lit-node-client.ts');
      return connectLitNodeClient(process.env);
    }
    default:
      throw new UsageError(`There is no host "${name}".`, {
        next: 'choose one of local, chipotle, lit-node-client, none.',
      });
  }
}

/**
 * Connects to the host of a wallet's action. A host on this machine that is lost, or another, is not begun again in its place: that would
 * hide the loss.
 *
 * @throws RuntimeError, UsageError
 */
export async function connectTo({ runtime, action }: WalletInfo, storeDir: string): Promise<Connection> {
  if (runtime === 'local' && action !== undefined) {
    const { LocalRuntime } = await import('../ts/local.ts');
    const problem = LocalRuntime.problemOf(localFolder(storeDir), action.wallet);
    if (problem !== undefined) throw problem;
  }
  return connect(runtime, storeDir);
}

/** What setup has prepared for a store. @throws UsageError if it has not, or not to its end; RuntimeError if the file is not right */
export async function settingsOf(storeDir: string): Promise<CompleteSettings> {
  const { isComplete } = await import('../ts/lit.ts');
  const settings = readSettings(storeDir);
  if (isComplete(settings)) return settings;
  throw new UsageError(`The store ${storeDir} is not set up for Lit.`, {
    next: `run: ${commandLine('setup')} --store ${storeDir}`,
  });
}

async function connectChipotle(storeDir: string): Promise<Runtime> {
  const { ChipotleRuntime } = await import('../ts/lit.ts');
  return new ChipotleRuntime({
    settings: await settingsOf(storeDir),
    accountKey: process.env.LIT_API_KEY,
    waitMs: waitMs(),
    onWait: (why) => {
      progress.end();
      tell(`On Lit: ${why}. LIT_WAIT is how many seconds to wait (300).`);
    },
    onPermit: (changed) => writeSettings(storeDir, changed),
    onAttempt: logAttempt,
  });
}

/** How long a call waits for a new permission: LIT_WAIT, in seconds. @throws UsageError */
function waitMs(): number | undefined {
  const { LIT_WAIT: text } = process.env;
  if (!text) return undefined;
  if (!/^[0-9]{1,5}$/.test(text)) throw new UsageError(`LIT_WAIT is seconds, not "${text}".`);
  return 1000 * Number(text);
}

/** The key of the account on Lit: from the environment alone, since arguments are for all to see. @throws UsageError */
export function accountKey(): string {
  const key = process.env.LIT_API_KEY;
  if (key) return key;
  throw new UsageError('The environment variable LIT_API_KEY is not set.', {
    next: "set it to the key of an account, which Lit's dashboard or POST new_account of serve gives.",
  });
}

/** Prints what was found as a table, or as JSON; the exit code is 1 if something is wrong. */
export function printFindings(json: boolean, given: readonly Finding[]): void {
  const findings = given.map(({ what, found, problem, isUnknown }) => ({
    what,
    ...(isUnknown && { isUnknown }),
    found: cleanLine(found),
    ...(problem && { problem: { message: cleanLine(problem.message), next: cleanLine(problem.next) } }),
  }));
  const problems = findings.filter(({ problem }) => problem !== undefined);
  if (problems.length > 0) process.exitCode = EXIT.failure;
  if (json) {
    sayJson(findings);
    return;
  }
  const width = Math.max(...findings.map(({ what }) => what.length));
  for (const { what, found, problem, isUnknown } of findings) {
    say(`${problem ? 'no' : isUnknown ? '??' : 'ok'}  ${what.padEnd(width)}  ${found}`);
    if (problem) say(`    ${' '.repeat(width)}  ${problem.message}. Next: ${problem.next}.`);
  }
}

/** With LIT_LOG set, what went to the host and when: never what was in it. */
export function logAttempt({ id, attempt, method, path, result, sent, received, ms }: LogEntry): void {
  if (!process.env.LIT_LOG) return;
  tell(`${id} #${attempt} ${method} ${path}: ${result}, ${sent} bytes sent, ${received} received, ${ms} ms`);
}
