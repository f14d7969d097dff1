// What the commands that build an action have in common. Not a command itself.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type ActionParts, type BuiltAction, buildWithToolchain, manifestOf, manifestPath } from '../ts/build.ts';
import { cleanLine, type WasmFile } from '../ts/command/internals.ts';

export interface BuiltFile {
  readonly out: string;
  readonly manifest: string;
  readonly result: Omit<BuiltAction, 'source'>;
}

/** Builds an action into a file, and its manifest beside it. The module is read, unless it was before. */
export async function buildFile(parts: ActionParts, out: string, wasm?: WasmFile): Promise<BuiltFile> {
  const built = await buildWithToolchain(parts, undefined, wasm);
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, built.source);
  const manifest = manifestPath(out);
  writeFileSync(manifest, `${JSON.stringify(manifestOf(manifest, parts, built), null, 2)}\n`);
  const { source: _, toolchain: _toolchain, ...result } = built;
  return { out, manifest, result };
}

/** What was built, for a person. */
export function describeBuilt({ out, manifest, result }: BuiltFile): string {
  const { cid, bytes, sha256, wasmSha256, modulesSha256 = {} } = result;
  const modules = Object.entries(modulesSha256).map(([name, hash]) => `\nwasm    ${hash} (${cleanLine(name)})`);
  return (
    `${cleanLine(resolve(out))}\ncid     ${cid}\nbytes   ${bytes}\nsha256  ${sha256}\nwasm    ${wasmSha256}${modules.join('')}\n` +
    cleanLine(resolve(manifest))
  );
}
