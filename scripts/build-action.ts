import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type ActionParts, HOSTS, MODES } from '../ts/build.ts';
import {
  cleanLine,
  commandLine,
  entryImports,
  needsGlue,
  readJson,
  readWasm,
  type WasmFile,
} from '../ts/command/internals.ts';
import { type Json, UsageError, WalletError } from '../ts/index.ts';
import { buildPath } from '../ts/node.ts';
import { buildFile, describeBuilt } from './built.ts';
import { run } from './cli.ts';
import { say, sayJson, tell } from './terminal.ts';

const USAGE = `Builds a Lit Action: one script from an entry file, a wasm module and constants.

usage: ${commandLine('build-action')} --main FILE --wasm FILE [--glue FILE|wasi|none] [--mode inline|fetch|import] [--url URL]
         [--encoding deflate|plain] [--host chipotle|lit-node-client] [--define NAME=VALUE]... --out FILE [--json]

  --main      the TypeScript or JavaScript file that exports main(params)
  --wasm      the wasm module
  --glue      the script that runs before the action: wasm_exec.js of the compiler that built the module, TinyGo's or
              Go's. wasi: a module for WASI preview 1 (GOOS=wasip1, or clang with wasi-libc), which the entry file starts
              with tandem-ecdsa/template/wasi. none: the entry file imports what the module needs, as with wasm-bindgen.
              Default: TinyGo's, of this package, if the module imports from Go or WASI; otherwise none.
              With --mode import: the file in node_modules that jsDelivr is to serve
  --mode      inline: the source holds the module (default). fetch: the source pins its URL, length and SHA-256.
              import: as fetch, and the glue is imported from jsDelivr, pinned by version and SHA-384
  --url       where the module is fetched (import: by default from jsDelivr, if it lies in node_modules)
  --encoding  how an inlined module is written: deflate (default), or plain
  --host      what runs it: chipotle, Lit's current hosts (default), or lit-node-client, its older network
  --define    a constant that the action imports from tandem:constants; VALUE is JSON, or else a text. NAME:text=VALUE
              takes any VALUE as a text, NAME:json=VALUE takes JSON only

Beside the source comes FILE's manifest (action.manifest.json for action.js), from which verify-action builds it again.`;

function constant(argument: string): [string, Json] {
  const [, name, type, value] = /^([^=:]+)(?::(text|json))?=(.*)$/s.exec(argument) ?? [];
  if (name === undefined || value === undefined) throw new UsageError(`--define takes NAME=VALUE, not ${argument}.`);
  if (type === 'text') return [name, value];
  try {
    return [name, readJson(value) as Json];
  } catch {
    if (type === 'json') throw new UsageError(`--define ${name} takes JSON, not ${value}.`);
    return [name, value];
  }
}

function constants(list: readonly string[]): Record<string, Json> {
  const entries = list.map(constant);
  const names = entries.map(([name]) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new UsageError(`--define ${twice} is given twice.`);
  return Object.fromEntries(entries);
}

function oneOf<T extends string>(name: string, value: string, choices: readonly T[]): T {
  const choice = choices.find((candidate) => candidate === value);
  if (choice === undefined) throw new UsageError(`--${name} is one of ${choices.join(', ')}, not ${value}.`);
  return choice;
}

/** The glue that is wanted; if none is named, what the module needs. */
function glueOf(named: string | undefined, { imports }: WasmFile): Pick<ActionParts, 'glue' | 'wasi'> {
  if (named === 'wasi') return { wasi: true };
  if (named === 'none') return {};
  if (named !== undefined) return { glue: named };
  if (needsGlue(imports)) return { glue: `${buildPath}wasm_exec.js` };
  tell('The module imports nothing from Go or WASI, so the action contains no glue (as with --glue none).');
  return {};
}

/** What the builder cannot check is said. */
async function tellEntryImports(parts: ActionParts, module: WasmFile): Promise<void> {
  const imports = await entryImports(parts, module);
  if (imports.length === 0) return;
  const listed = imports
    .slice(0, 3)
    .map((name) => cleanLine(name))
    .join(', ');
  const more = imports.length > 3 ? ` and ${imports.length - 3} more` : '';
  tell(`The module imports ${listed}${more}. The entry file has to provide that, and the builder cannot check it.`);
}

run('build-action', async () => {
  const { values } = parseArgs({
    options: {
      main: { type: 'string' },
      wasm: { type: 'string' },
      glue: { type: 'string' },
      mode: { type: 'string', default: 'inline' },
      encoding: { type: 'string' },
      host: { type: 'string', default: 'chipotle' },
      url: { type: 'string' },
      define: { type: 'string', multiple: true, default: [] },
      out: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return say(USAGE);
  const { main, wasm, glue, mode, encoding, url, host, define, out, json } = values;
  if (!main || !wasm || !out) throw new UsageError('--main, --wasm and --out are needed.');
  const given: ActionParts = {
    main,
    wasm,
    mode: oneOf('mode', mode, MODES),
    ...(host !== 'chipotle' && { host: oneOf('host', host, HOSTS) }),
    define: constants(define),
    ...(encoding !== undefined && { encoding: oneOf('encoding', encoding, ['deflate', 'plain']) }),
    ...(url !== undefined && { url }),
  };
  const module = await readWasm(wasm);
  const parts = { ...given, ...glueOf(glue, module) };
  if (parts.glue !== undefined && !existsSync(parts.glue)) {
    const next = glue === undefined ? 'run: make wasm' : 'check the path that --glue names.';
    throw new WalletError(`${parts.glue} does not exist.`, { next });
  }
  const built = await buildFile(parts, out, module);
  await tellEntryImports(parts, module);
  if (json) return sayJson(built.result);
  say(describeBuilt(built));
});
