import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BuildFailure, Plugin } from 'esbuild';
import { RuntimeError } from '../errors.ts';
import { CDN, findInstalled, type NpmFile, npmSpecifier, parseNpmFile, parseNpmImport, sha384 } from '../npm.ts';

const MAX_MODULE = 10 * 1024 * 1024;
const FETCH_MS = 20_000;

const here = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');

/** Whether a source may have import statements; they stand at the beginning of a line. */
export function hasImports(source: string): boolean {
  return /^[ \t]*import\b[^(.]/m.test(source);
}

/**
 * Puts what a source imports into it, so that it is a script again. An import names a file of an npm package at an exact
 * version, as jsDelivr has it, and may pin it: `import { x } from "name@1.2.3/file.js#sha384-…"`. A file of a package
 * that is installed in `folder` at that version is taken from there, any other from jsDelivr.
 *
 * @throws {RuntimeError} `action` if an import is not pinned to a version, cannot be had, or has another SHA-384
 */
export async function inlineImports(source: string, folder: string = here): Promise<string> {
  const { build } = await import('esbuild');
  try {
    const { outputFiles, metafile } = await build({
      // A bundler leaves out what nothing uses, and shuts in what it keeps: the host needs a global main.
      stdin: { contents: `${source}\n;globalThis.main = main;`, resolveDir: folder, sourcefile: 'action.js' },
      bundle: true,
      write: false,
      metafile: true,
      format: 'iife',
      platform: 'neutral',
      target: 'es2022',
      charset: 'ascii',
      legalComments: 'inline',
      logLevel: 'silent',
      tsconfigRaw: '{}',
      // What goes by its absence, as Go's glue does, must find none.
      define: { require: 'undefined' },
      plugins: [fromJsDelivr(folder)],
    });
    const isScript = Object.keys(metafile.inputs).length === 1; // what looked like imports were texts or comments
    return isScript ? source : outputFiles.map(({ text }) => text).join('');
  } catch (error) {
    const messages = (error as Partial<BuildFailure>).errors?.map(({ text }) => text);
    throw messages ? new RuntimeError('action', messages.join('\n'), { cause: error }) : error;
  }
}

function fromJsDelivr(folder: string): Plugin {
  return {
    name: 'jsdelivr',
    setup(build) {
      build.onResolve({ filter: /.*/ }, ({ path, importer, namespace }) => {
        const [, specifier = '', pin] = /^([^#]*)(?:#(.*))?$/s.exec(path) ?? [];
        const from = namespace === 'cdn' ? parseNpmFile(importer) : undefined;
        const file = from === undefined ? parseNpmFile(specifier) : parseNpmImport(specifier, from);
        if (file === undefined) {
          return { errors: [{ text: `the import "${path}" is no file of an npm package at an exact version` }] };
        }
        if (pin !== undefined && !/^sha384-[A-Za-z0-9+/]{64}$/.test(pin)) {
          return { errors: [{ text: `the import "${path}" is pinned by something other than a SHA-384` }] };
        }
        return { path: npmSpecifier(file), namespace: 'cdn', pluginData: { file, pin } };
      });
      build.onLoad({ filter: /.*/, namespace: 'cdn' }, async ({ path, pluginData }) => {
        const { file, pin } = pluginData as { file: NpmFile; pin: string | undefined };
        const installed = findInstalled(file, folder);
        try {
          const bytes = installed === undefined ? await fetched(path) : await readFile(installed);
          const hash = sha384(bytes);
          if (pin !== undefined && hash !== pin) {
            return { errors: [{ text: `the import "${path}" has the hash ${hash} where the source pins ${pin}` }] };
          }
          return { contents: bytes, loader: file.file.endsWith('.json') ? 'json' : 'js' };
        } catch (error) {
          return { errors: [{ text: `the import "${path}" cannot be fetched: ${(error as Error).message}` }] };
        }
      });
    },
  };
}

async function fetched(path: string): Promise<Uint8Array> {
  const response = await fetch(`${CDN}${path}`, { signal: AbortSignal.timeout(FETCH_MS), redirect: 'error' });
  if (!response.ok) throw new Error(`jsDelivr answered ${response.status}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (bytes.length > MAX_MODULE) throw new Error(`it has ${bytes.length} bytes; ${MAX_MODULE} are allowed`);
  return bytes;
}
