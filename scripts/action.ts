import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import * as v from 'valibot';
import type { ActionParts } from '../ts/build.ts';
import { cleanLine, commandLine, readJson, readLimited, writeNew } from '../ts/command/internals.ts';
import { UsageError, WalletError } from '../ts/index.ts';
import { LANGUAGES, type Language, starter } from './action-starter.ts';
import { buildFile, describeBuilt } from './built.ts';
import { run } from './cli.ts';
import { say, sayJson, tell } from './terminal.ts';

const USAGE = `An action of your own, in a folder: an entry file and a wasm module become one script and its CID.

usage: ${commandLine('action')} init NAME [--lang go|tinygo]
       ${commandLine('action')} build DIR [--json]
       ${commandLine('action')} run DIR [PARAMS] [options of run-action]
       ${commandLine('action')} verify DIR [CID] [--json]
       ${commandLine('action')} serve [options of serve]

  init    writes the folder NAME: the entry main.ts, the module main.go, a test, a README. --lang is what compiles the
          module: go (default), or tinygo, whose modules are a tenth as long
  build   compiles the module and makes the action of it, build/NAME.js, with its manifest; prints the CID
  run     runs it once, as a Lit host would; it is built first if it is older than its sources. PARAMS is JSON (default null)
  verify  builds it again from its manifest and compares; with CID, it must also be the one of that CID
  serve   serves Lit's API on this machine`;

/** What is in the folder besides the files that are its author's: which compiler makes the module. */
const Settings = v.strictObject({ lang: v.picklist(LANGUAGES) });
const SETTINGS = 'action.json';
const BUILD = 'build';
const MAX_SETTINGS = 64 * 1024;

const [, , command = '', ...rest] = process.argv;
switch (command) {
  case 'run':
    run('action', runFolder);
    break;
  case 'verify':
    run('action', verifyFolder);
    break;
  case 'serve':
    process.argv.splice(2, 1);
    await import('./serve.ts');
    break;
  default:
    run('action', initOrBuild);
}

async function initOrBuild(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      lang: { type: 'string', default: 'go' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return say(USAGE);
  const [name, dir, ...more] = positionals;
  if (more.length > 0) throw new UsageError(`What is ${more.join(' ')}?`);
  if (name === 'init') return init(dir ?? '', values.lang);
  if (name === 'build') {
    const built = await build(folderOf(dir));
    if (values.json) return sayJson(built.result);
    return say(describeBuilt(built));
  }
  throw new UsageError(`There is no "action ${name ?? ''}".`, {
    next: 'choose one of init, build, run, verify, serve.',
  });
}

function init(name: string, wanted: string): void {
  const lang = LANGUAGES.find((known) => known === wanted);
  if (lang === undefined) throw new UsageError('--lang is go or tinygo.');
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(basename(name))) {
    throw new UsageError('An action needs a name: small letters, digits and hyphens.');
  }
  if (existsSync(name)) throw new UsageError(`${name} is there already.`, { next: 'choose another name.' });
  mkdirSync(name, { recursive: true });
  const files = { ...starter(basename(name), lang), [SETTINGS]: `${JSON.stringify({ lang })}\n` };
  for (const [file, text] of Object.entries(files)) writeNew(join(name, file), text);
  say(`${cleanLine(name)}: ${Object.keys(files).join(', ')}`);
  tell(`Next: ${commandLine('action')} run ${name} '{"name":"you"}'`);
}

function folderOf(dir: string | undefined): string {
  if (dir !== undefined && existsSync(join(dir, SETTINGS))) return dir;
  throw new UsageError(`${dir ?? 'An action'} needs a folder with ${SETTINGS}.`, {
    next: `make one: ${commandLine('action')} init NAME`,
  });
}

function outOf(dir: string): string {
  return join(dir, BUILD, `${basename(resolve(dir))}.js`);
}

/** Compiles the module and builds the action. */
async function build(dir: string) {
  const settings = v.safeParse(
    Settings,
    readJson(Buffer.from(readLimited(join(dir, SETTINGS), MAX_SETTINGS)).toString()),
  );
  if (!settings.success) throw new WalletError(`${join(dir, SETTINGS)} is not {"lang": "go"} or {"lang": "tinygo"}.`);
  mkdirSync(join(dir, BUILD), { recursive: true });
  const parts: ActionParts = { main: join(dir, 'main.ts'), ...compile(dir, settings.output.lang) };
  return buildFile(parts, outOf(dir));
}

function compile(dir: string, lang: Language): Pick<ActionParts, 'wasm' | 'glue'> {
  const [wasm, glue] = [join(dir, BUILD, 'main.wasm'), join(dir, BUILD, 'wasm_exec.js')];
  const out = ['-o', resolve(wasm), '.'];
  if (lang === 'go') {
    compiler(dir, 'go', ['build', '-trimpath', '-ldflags=-s -w', ...out], { GOOS: 'js', GOARCH: 'wasm' });
    cpSync(join(compiler(dir, 'go', ['env', 'GOROOT']).trim(), 'lib/wasm/wasm_exec.js'), glue);
  } else {
    compiler(dir, 'tinygo', ['build', '-target', 'wasm', '-no-debug', ...out]);
    cpSync(join(compiler(dir, 'tinygo', ['env', 'TINYGOROOT']).trim(), 'targets/wasm_exec.js'), glue);
  }
  return { wasm, glue };
}

function compiler(
  cwd: string,
  name: Language,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): string {
  try {
    return execFileSync(name, args, { cwd, encoding: 'utf8', stdio: 'pipe', env: { ...process.env, ...env } });
  } catch (cause) {
    const { code, stderr } = cause as { code?: unknown; stderr?: unknown };
    if (code === 'ENOENT') {
      const where = { go: 'https://go.dev/dl', tinygo: 'https://tinygo.org/getting-started/install' }[name];
      throw new WalletError(`${name} is not installed.`, { next: `see ${where}`, cause });
    }
    throw new WalletError(`${name} ${args[0]} fails: ${stderr}`, { cause });
  }
}

async function runFolder(): Promise<void> {
  const [dir, ...more] = rest;
  if (dir === '--help') return say(USAGE);
  const folder = folderOf(dir);
  if (!isFresh(folder)) await build(folder);
  process.argv.splice(2, 2, outOf(folder));
  process.argv.splice(3, process.argv.length, ...more);
  await import('./run-action.ts');
}

/** Whether the action is newer than all that is in its folder. */
function isFresh(dir: string): boolean {
  const out = outOf(dir);
  if (!existsSync(out)) return false;
  const { mtimeMs } = statSync(out);
  return readdirSync(dir).every(
    (name) => name === BUILD || name.startsWith('.') || statSync(join(dir, name)).mtimeMs <= mtimeMs,
  );
}

async function verifyFolder(): Promise<void> {
  const options = rest.filter((word) => word.startsWith('--'));
  const [dir, given] = rest.filter((word) => !word.startsWith('--'));
  if (options.includes('--help')) return say(USAGE);
  const manifest = outOf(folderOf(dir)).replace(/\.js$/, '.manifest.json');
  if (!existsSync(manifest)) {
    throw new WalletError(`${manifest} is not there.`, { next: `run: ${commandLine('action')} build ${dir}` });
  }
  const { cid } = readJson(readFileSync(manifest, 'utf8')) as { cid?: unknown };
  process.argv.splice(2, process.argv.length, given ?? String(cid), manifest, ...options);
  await import('./verify-action.ts');
}
