import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { BuildFailure, Plugin } from 'esbuild';
import { deflateSync } from 'fflate';
import { toBase64 } from '../core/bytes.ts';
import { packageRoot as root } from '../core/root.ts';
import { BuildError, WalletError } from '../errors.ts';
import { readLimited } from '../files/files.ts';
import { constantsModule, filled, type Slotted } from '../protocol/slot.ts';
import { CDN, installedVersion, npmFileAt, npmSpecifier, parseNpmFile, sha384 } from '../runtime/npm.ts';
import { esbuild } from '../runtime/peer.ts';
import type { Json } from '../runtime/types.ts';
import { bundleConstants } from './bundle.ts';
import type { Configured } from './configure.ts';
import { assertGlue, type Glue, importsFromEntry } from './glue.ts';

export { BuildError } from '../errors.ts';

/**
 * How the wasm gets to the action:
 * - `inline`: it is in the source, so that the CID commits to it and nothing has to be reached
 * - `fetch`: the source pins its URL, length and SHA-256, and the action checks them before it is compiled
 * - `import`: the same, and the glue too stays outside: the host imports it from jsDelivr, pinned by version and SHA-384
 */
export const MODES = ['inline', 'fetch', 'import'] as const;

/** See {@link MODES}. */
export type Mode = (typeof MODES)[number];

/**
 * What runs the action:
 * - `chipotle`: Lit's current hosts, and the local one: they call the global `main`
 * - `lit-node-client`: the older network: the script runs by itself, on one node for all
 */
export const HOSTS = ['chipotle', 'lit-node-client'] as const;

/** See {@link HOSTS}. */
export type HostKind = (typeof HOSTS)[number];

/** What an action is built from. */
export interface ActionParts {
  /** Path of the TypeScript or JavaScript file that exports `main`. */
  readonly main: string;
  /** Path of the wasm module. */
  readonly wasm: string;
  /**
   * Path of a plain script that runs before the action, `wasm_exec.js` for Go. With mode `import` it is the glue, such
   * a script or the module that wasm-bindgen made, as a file of an installed npm package.
   */
  readonly glue?: string;
  /** The entry file starts the module with actions/template/wasi.ts: it is checked to import nothing else than WASI. */
  readonly wasi?: boolean;
  /** What `tandem:constants` exports to the action. */
  readonly define?: Readonly<Record<string, Json>>;
  /** Default `chipotle`. */
  readonly host?: HostKind;
  /** Default `inline`. */
  readonly mode?: Mode;
  /** How an inlined module is written: `deflate` (default) or, faster to start and longer, `plain`. */
  readonly encoding?: 'deflate' | 'plain';
  /** Where the action fetches the module. With mode `import`, default: where jsDelivr has it. */
  readonly url?: string;
}

/** A built action. The hashes are SHA-256 in hex. */
export interface BuiltAction {
  readonly source: string;
  readonly cid: string;
  /** Length of the source in bytes. */
  readonly bytes: number;
  readonly sha256: string;
  readonly wasmSha256: string;
  /** Those of further modules, by name, if it has any. */
  readonly modulesSha256?: Readonly<Record<string, string>>;
}

/** What, besides the parts, the bytes of an action follow from: the tools and the packages in it, by version. */
export interface Toolchain {
  readonly tools: Readonly<Record<string, string>>;
  readonly packages: Readonly<Record<string, string>>;
}

/** Gives what a file constants.ts, at `path`, makes of the constants. @throws {BuildError} */
export type Configure = (path: string, define: Readonly<Record<string, Json>>) => Promise<Configured>;

/**
 * Bundles an action, its wasm and its constants into one script that leaves a global `main`. The same parts give the
 * same bytes, on any machine and in any folder: no path, no date and nothing from the machine's own zlib gets in.
 *
 * The glue runs before the action. The rest it finds in two modules that exist in this build only:
 * - `tandem:wasm` says what the module is and where it comes from; `loadWasm` of actions/template reads it
 * - `tandem:constants` exports what `define` holds. If a file constants.ts beside `main` exports `constants`, a valibot
 *   schema of all of them, then it checks and completes them first: equal by the schema is equal in the source
 *
 * If that file exports `modules`, a function of the constants that gives paths of further wasm modules by name, then each
 * is inlined as `tandem:wasm/NAME`, in every mode; one whose path is undefined is left out, and does not load. A path is
 * relative to that file.
 *
 * The file constants.ts is the author's own code, and runs in this process. {@link verifyManifest} runs it apart.
 *
 * @throws {BuildError}
 *
 * @example
 * ```ts
 * import { writeFileSync } from 'node:fs';
 * import { buildAction } from 'tandem-ecdsa/build';
 * import { buildPath } from 'tandem-ecdsa/node';
 *
 * writeFileSync('main.js', 'export const main = async () => 1;');
 * const { cid, source } = await buildAction({ main: 'main.js', wasm: `${buildPath}tandem.wasm` });
 * console.log(cid, source.length);
 * ```
 */
export async function buildAction(parts: ActionParts): Promise<BuiltAction> {
  const { toolchain: _, ...built } = await buildWithToolchain(parts);
  return built;
}

/**
 * Like {@link buildAction}, and tells what a manifest has to name.
 *
 * @param wasm the module of `parts`, if it is read already
 * @throws {BuildError}
 */
export async function buildWithToolchain(
  parts: ActionParts,
  configure: Configure = configureHere,
  wasm?: WasmFile,
): Promise<BuiltAction & { toolchain: Toolchain }> {
  const { slotted, constants, ...built } = await buildSlotted(parts, configure, wasm);
  const { source, cid } = filled(slotted, constants);
  return { source, cid, bytes: Buffer.byteLength(source), sha256: sha256(source), ...built };
}

/** Like {@link buildWithToolchain}, with the constants apart from the rest, which holds them in its slot. @throws {BuildError} */
export async function buildSlotted(
  parts: ActionParts,
  configure: Configure = configureHere,
  given?: WasmFile,
): Promise<
  Pick<BuiltAction, 'wasmSha256' | 'modulesSha256'> & {
    readonly slotted: Slotted;
    readonly constants: Readonly<Record<string, Json>>;
    readonly toolchain: Toolchain;
  }
> {
  const { version } = await esbuild();
  const { mode = 'inline', encoding = 'deflate' } = parts;
  const { bytes: wasm, imports } = given ?? (await readWasm(parts.wasm));
  assertGlue(imports, await glueOf(parts));
  if (mode === 'inline' && parts.url !== undefined) throw new BuildError('an inlined module has no URL');
  if (mode !== 'inline' && parts.encoding !== undefined) throw new BuildError('a fetched module has no encoding');
  const imported = mode === 'import' ? await importedGlue(parts) : undefined;
  const { constants, modules: paths } = await configured(parts, configure);
  const further: [string, Uint8Array | undefined][] = [];
  for (const [name, path] of Object.entries(paths))
    further.push([name, path === undefined ? path : (await readWasm(path)).bytes]);
  const modules = {
    'tandem:action': entry(parts),
    'tandem:wasm': mode === 'inline' ? wasmModule(wasm, encoding) : wasmModule(wasm, 'fetch', wasmUrl(parts)),
    ...Object.fromEntries(
      further.map(([name, wasm]) => [`tandem:wasm/${name}`, wasmModule(wasm ?? new Uint8Array(), encoding)]),
    ),
    'tandem:constants': constantsModule(Object.keys(constants).sort()),
    ...(imported && { 'tandem:glue': imported.module }),
  };
  const hashes = further.flatMap(([name, wasm]) => (wasm ? [[name, sha256(wasm)] as const] : []));
  const before = imported?.statement ?? (parts.glue === undefined ? '' : await script(await read(parts.glue)));
  const bundled = await bundle(modules, imported?.path);
  return {
    slotted: { before, after: bundled.code },
    constants,
    wasmSha256: sha256(wasm),
    ...(hashes.length > 0 && { modulesSha256: Object.fromEntries(hashes) }),
    toolchain: {
      tools: { esbuild: version, fflate: installedVersion('fflate', root) ?? 'unknown' },
      packages: bundled.packages,
    },
  };
}

/** What the wasm module of an action imports that only the entry file can provide, as `env.abort`. @throws {BuildError} */
export async function entryImports(parts: ActionParts, { imports }: WasmFile): Promise<string[]> {
  return importsFromEntry(imports, await glueOf(parts));
}

async function glueOf({ wasi, glue }: ActionParts): Promise<Glue> {
  if (wasi) return 'wasi';
  return glue === undefined ? undefined : { text: await textOf(glue) };
}

function entry({ main, host = 'chipotle' }: ActionParts): string {
  const action = `import { main } from ${JSON.stringify(resolve(main))};`;
  if (host === 'chipotle') return `${action} globalThis.main = main;`;
  const template = JSON.stringify(join(root, 'actions/template/network.ts'));
  return `${action} import { runOnNetwork } from ${template}; runOnNetwork(main);`;
}

/** The largest module or glue, in bytes: a manifest may name any file. */
const MAX_FILE = 64 * 1024 * 1024;

const output = { target: 'es2022', charset: 'ascii', minify: true, logLevel: 'silent' } as const;

/** A plain script, which stays one (a bundler would see a Node module in it), with its copyright notice. */
async function script(bytes: Uint8Array): Promise<string> {
  const code = new TextDecoder().decode(bytes);
  const notice = /^(\/\/.*\n)*/.exec(code)?.[0] ?? '';
  return notice + (await (await esbuild()).transform(code, output)).code;
}

/** The import statement for a glue that stays outside, and the module that stands for it in the bundle. */
async function importedGlue({ glue }: ActionParts): Promise<{ path: string; statement: string; module: string }> {
  if (glue === undefined)
    throw new BuildError(
      'mode import needs the glue: a file of an installed npm package. Next: give --glue, or use --mode fetch',
    );
  const bytes = await read(glue);
  const specifier = specifierOf(glue);
  if (specifier === undefined)
    throw new BuildError(`${glue} is not in node_modules: jsDelivr has only files of npm packages`);
  const { build } = await esbuild();
  const { metafile } = await build({ entryPoints: [glue], write: false, metafile: true, format: 'esm', ...output });
  const names = Object.values(metafile.outputs).flatMap(({ exports }) => exports);
  return {
    path: resolve(glue),
    // On a line of its own and first, where hosts look for imports.
    statement: `import * as tandemGlue from ${JSON.stringify(`${specifier}#${sha384(bytes)}`)};\n`,
    module: ['export {};', ...names.map((name) => exportOf(name))].join('\n'),
  };
}

function exportOf(name: string): string {
  // Its exports may have any text as a name, and here that is code.
  if (!/^[A-Za-z_$][\w$]*$/.test(name)) throw new BuildError(`the glue exports ${JSON.stringify(name)}: not a name`);
  return name === 'default' ? 'export default tandemGlue.default;' : `export const ${name} = tandemGlue.${name};`;
}

async function bundle(
  modules: Readonly<Record<string, string>>,
  gluePath: string | undefined,
): Promise<{ code: string; packages: Record<string, string> }> {
  const { build } = await esbuild();
  const virtual: Plugin = {
    name: 'tandem',
    setup(build) {
      build.onResolve({ filter: /^tandem:/ }, ({ path }) => ({ path, namespace: 'tandem' }));
      // The template is the builder's own, wherever the entry is: so the bytes follow from the builder's version alone.
      build.onResolve({ filter: /^tandem-ecdsa\/template\/[a-z]+$/ }, ({ path }) => ({
        path: join(root, 'actions', `${path.slice(path.indexOf('/') + 1)}.ts`),
      }));
      build.onLoad({ filter: /.*/, namespace: 'tandem' }, ({ path }) => {
        const contents = modules[path];
        return contents === undefined ? { errors: [{ text: `there is no ${path}` }] } : { contents, resolveDir: root };
      });
      if (gluePath === undefined) return;
      build.onLoad({ filter: /.*/, namespace: 'file' }, ({ path }) =>
        path === gluePath ? { contents: modules['tandem:glue'] ?? '' } : undefined,
      );
    },
  };
  try {
    const { outputFiles, metafile } = await build({
      entryPoints: ['tandem:action'],
      bundle: true,
      write: false,
      metafile: true,
      absWorkingDir: root,
      plugins: [virtual],
      format: 'iife',
      platform: 'neutral',
      mainFields: ['module', 'main'],
      // If an entry has no packages of its own, it gets those of the builder.
      nodePaths: [join(root, 'node_modules'), dirname(root)],
      // Without it, packages with a file for each runtime choose one that reads the environment or Node's modules.
      conditions: ['deno'],
      legalComments: 'inline',
      logOverride: { 'import-is-undefined': 'error' },
      tsconfigRaw: '{}',
      ...output,
    });
    const inputs = Object.keys(metafile.inputs).filter((path) => !path.startsWith('tandem:'));
    const files = inputs.map((path) => npmFileAt(resolve(root, path))).filter((file) => file !== undefined);
    return {
      code: outputFiles.map(({ text }) => text).join(''),
      packages: Object.fromEntries(files.map(({ name, version }) => [name, version] as const).sort()),
    };
  } catch (error) {
    const messages = (error as Partial<BuildFailure>).errors?.map(
      ({ text, location }) => (location ? `${location.file}:${location.line}: ` : '') + text,
    );
    throw messages ? new BuildError(messages.join('\n'), { cause: error }) : error;
  }
}

function wasmModule(wasm: Uint8Array, encoding: 'deflate' | 'plain' | 'fetch', url = ''): string {
  const bytes = { deflate: () => deflateSync(wasm, { level: 9 }), plain: () => wasm, fetch: () => new Uint8Array() };
  const data = toBase64(bytes[encoding]());
  const values = { encoding, data, url, length: wasm.length, sha256: sha256(wasm) };
  return Object.entries(values)
    .map(([name, value]) => `export const ${name} = ${JSON.stringify(value)};`)
    .join('\n');
}

/** What a file of an installed package is called at jsDelivr; undefined if it is in none. */
function specifierOf(path: string): string | undefined {
  const file = npmFileAt(path);
  if (file === undefined) return undefined;
  const specifier = npmSpecifier(file);
  if (parseNpmFile(specifier) === undefined) throw new BuildError(`${path} has a name that hosts do not import`);
  return specifier;
}

/** Where an action gets its module. Only HTTPS, except for a server on the machine itself, which tests use. */
function wasmUrl({ url, mode, wasm }: ActionParts): string {
  const specifier = url === undefined && mode === 'import' ? specifierOf(wasm) : undefined;
  const text = specifier === undefined ? url : CDN + specifier;
  if (text === undefined) throw new BuildError('a module that is fetched needs its URL');
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  const isSafe =
    parsed?.protocol === 'https:' ||
    (parsed?.protocol === 'http:' && /^(127\.0\.0\.1|localhost)$/.test(parsed.hostname));
  if (!isSafe || parsed.username || parsed.password || parsed.hash) {
    throw new BuildError(`${text} is not a URL to fetch a module from: give https, no user, no fragment`);
  }
  return parsed.href;
}

/** What the file constants.ts beside the entry makes of the constants, and the further modules that it needs for them. */
async function configured(
  { main, define = {} }: ActionParts,
  configure: Configure,
): Promise<{
  constants: Readonly<Record<string, Json>>;
  modules: Readonly<Record<string, string | undefined>>;
}> {
  const path = join(dirname(resolve(main)), 'constants.ts');
  if (!existsSync(path)) return { constants: define, modules: {} };
  const configured = await configure(path, define);
  if ('error' in configured) throw new BuildError(configured.error.replace(/^constants.ts/, path));
  const modules = Object.entries(configured.modules).map(([name, module]): [string, string | undefined] => [
    name,
    module === null ? undefined : resolve(dirname(path), module),
  ]);
  return { constants: configured.constants, modules: Object.fromEntries(modules) };
}

/** In this process, with all its rights. As a bundle, because Node itself may not read TypeScript. */
const configureHere: Configure = async (path, define) => {
  const code = await bundleConstants(path, 'esm', (configured) => `export { ${configured} as configured };`);
  const url = `data:text/javascript;base64,${Buffer.from(code).toString('base64')}`;
  const { configured } = (await import(url)) as { configured(define: Readonly<Record<string, Json>>): Configured };
  return configured(define);
};

/** A wasm module, read and parsed. */
export interface WasmFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly imports: readonly WebAssembly.ModuleImportDescriptor[];
}

/** Reads a wasm module. @throws {BuildError} if the file cannot be read, or is none */
export async function readWasm(path: string): Promise<WasmFile> {
  const bytes = await read(path);
  if (isComponent(bytes)) {
    throw new BuildError(`${path} is a component of WASI preview 2, which no host of Lit runs: compile it for wasip1`);
  }
  try {
    return { bytes, imports: WebAssembly.Module.imports(new WebAssembly.Module(bytes)) };
  } catch (cause) {
    throw new BuildError(`${path} is not a wasm module`, { cause });
  }
}

/** A file that has the header of wasm, but is not a module. */
function isComponent(wasm: Uint8Array): boolean {
  return wasm.length >= 8 && wasm[0] === 0 && wasm[1] === 0x61 && wasm[2] === 0x73 && wasm[3] === 0x6d && wasm[6] === 1;
}

async function textOf(path: string): Promise<string> {
  return new TextDecoder().decode(await read(path));
}

async function read(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return readLimited(path, MAX_FILE);
  } catch (cause) {
    throw new BuildError(`${path} cannot be read: ${cause instanceof WalletError ? cause.short : cause}`, { cause });
  }
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
