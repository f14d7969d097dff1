// For Node.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInThisContext } from 'node:vm';
import { WalletError } from '../errors.ts';
import { type Glue, globalGlue } from './glue.ts';
import { packageRoot } from './root.ts';
import { instantiate, type Tandem } from './wasm.ts';

/** The folder that `make wasm` writes to. */
export const buildPath: string = join(packageRoot, 'build/');

let loaded: Promise<WebAssembly.Module> | undefined;

/**
 * Starts a fresh instance of build/tandem.wasm, to serve one session. The file is read and compiled once.
 *
 * @throws WalletError if the module was not built
 */
export async function loadTandem(): Promise<Tandem> {
  loaded ??= loadModule('tandem');
  return instantiate(await loaded);
}

/** Reads and compiles a wasm module that `make wasm` built. Not to wait for the file is faster. */
export async function loadModule(name: string): Promise<WebAssembly.Module> {
  return new WebAssembly.Module(built(`${name}.wasm`));
}

/** Runs the built `wasm_exec.js` and returns what it defines: the glue of the other modules. */
export async function loadGlue(): Promise<Glue> {
  const name = 'wasm_exec.js';
  runInThisContext(built(name).toString(), { filename: buildPath + name }); // a plain script; import() would take longer
  return globalGlue();
}

function built(name: string): Buffer<ArrayBuffer> {
  try {
    return readFileSync(buildPath + name);
  } catch (cause) {
    throw new WalletError(`${name} is not built.`, { next: 'run: make wasm', cause });
  }
}
