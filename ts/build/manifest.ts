import { dirname, relative, resolve, sep } from 'node:path';
import * as v from 'valibot';
import { BuildError } from '../errors.ts';
import { readLimited } from '../files/files.ts';
import { readJson } from '../json.ts';
import type { Json } from '../runtime/types.ts';
import { cleanLine } from '../text/untrusted.ts';
import { type ActionParts, type BuiltAction, buildWithToolchain, HOSTS, MODES, type Toolchain } from './action.ts';
import { configureApart } from './apart.ts';

const MAX_MANIFEST = 4 * 1024 * 1024;

type Named = Readonly<Record<string, string>>;

const versions = v.record(v.string(), v.string());

const manifestSchema = v.strictObject({
  version: v.literal(1),
  cid: v.string(),
  /** The length of the source, in bytes. */
  bytes: v.number(),
  sha256: v.string(),
  wasmSha256: v.string(),
  modulesSha256: v.optional(versions),
  /** What the action is built from; paths are relative to the manifest. */
  parts: v.strictObject({
    main: v.string(),
    wasm: v.string(),
    glue: v.optional(v.string()),
    host: v.optional(v.picklist(HOSTS)),
    mode: v.picklist(MODES),
    encoding: v.optional(v.picklist(['deflate', 'plain'])),
    url: v.optional(v.string()),
    define: v.custom<Record<string, Json>>((value) => v.is(v.record(v.string(), v.unknown()), value)),
  }),
  /** The versions of what builds it and of the packages inside it. */
  toolchain: v.strictObject({ tools: versions, packages: versions }),
});

/** What is stored beside a built action, so that others can build it again and compare. */
export type Manifest = v.InferOutput<typeof manifestSchema>;

/** Where the manifest of an action file is: `action.manifest.json` beside `action.js`. */
export function manifestPath(out: string): string {
  return `${out.replace(/\.js$/, '')}.manifest.json`;
}

/** The manifest of an action that was built from `parts`, to be kept at `path`. */
export function manifestOf(path: string, parts: ActionParts, built: BuiltAction & { toolchain: Toolchain }): Manifest {
  const { source: _, toolchain, ...result } = built;
  const folder = dirname(resolve(path));
  const portable = (file: string) => relative(folder, resolve(file)).split(sep).join('/');
  const { main, wasm, glue, host, mode = 'inline', encoding, url, define = {} } = parts;
  const files = { main: portable(main), wasm: portable(wasm), ...(glue !== undefined && { glue: portable(glue) }) };
  const options = {
    ...(host && { host }),
    mode,
    ...(encoding && { encoding }),
    ...(url !== undefined && { url }),
    define: { ...define },
  };
  return { version: 1, ...result, parts: { ...files, ...options }, toolchain };
}

/** Reads a manifest. @throws {BuildError} if the file is not one */
export async function readManifest(path: string): Promise<Manifest> {
  try {
    return v.parse(manifestSchema, readJson(Buffer.from(readLimited(path, MAX_MANIFEST)).toString('utf8')));
  } catch (cause) {
    throw new BuildError(`${path} is not the manifest of an action: ${(cause as Error).message}`, { cause });
  }
}

/**
 * Builds the action of a manifest again, from the files as they are now. None of them runs in this process: they are bundled, and
 * constants.ts, which has to run, runs apart.
 *
 * @returns the differences, in words; none if the action is the one that the manifest names
 * @throws {BuildError} if it does not build
 */
export async function verifyManifest(path: string, manifest: Manifest): Promise<string[]> {
  const folder = dirname(resolve(path));
  const { main, wasm, glue, ...options } = manifest.parts;
  const files = { main: resolve(folder, main), wasm: resolve(folder, wasm) };
  const parts: ActionParts = {
    ...(options as Omit<ActionParts, 'main' | 'wasm'>),
    ...files,
    ...(glue !== undefined && { glue: resolve(folder, glue) }),
  };
  const built = await buildWithToolchain(parts, configureApart);
  const differences = [
    ...compare('the SHA-256 of the wasm module', manifest.wasmSha256, built.wasmSha256),
    ...compareEach((name) => `the SHA-256 of the module ${name}`, manifest.modulesSha256, built.modulesSha256),
    ...compare('the CID', manifest.cid, built.cid),
    ...compare('the SHA-256 of the source', manifest.sha256, built.sha256),
    ...compare('the length of the source', manifest.bytes, built.bytes),
  ];
  if (differences.length === 0) return [];
  return [...differences, ...comparedVersions(manifest.toolchain, built.toolchain)];
}

function comparedVersions(then: Toolchain, now: Toolchain): string[] {
  return compareEach((name) => name, { ...then.packages, ...then.tools }, { ...now.packages, ...now.tools });
}

function compareEach(what: (name: string) => string, then: Named = {}, now: Named = {}): string[] {
  const names = [...new Set([...Object.keys(then), ...Object.keys(now)])].sort();
  return names.flatMap((name) => compare(what(name), then[name] ?? 'none', now[name] ?? 'none'));
}

function compare(what: string, expected: string | number, found: string | number): string[] {
  return expected === found ? [] : [cleanLine(`${what} is ${found}, but the manifest says ${expected}`)];
}
