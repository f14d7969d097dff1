import type { BuildFailure, Plugin } from 'esbuild';
import { packageRoot } from '../../core/root.ts';
import { readLimited } from '../../files/files.ts';
import { withDeadline } from '../deadline.ts';
import { RuntimeError } from '../errors.ts';
import { CDN, findInstalled, type NpmFile, npmSpecifier, parseNpmFile, parseNpmImport, sha384 } from '../npm.ts';
import { esbuild } from '../peer.ts';

const MB = 1024 * 1024;
/** How long a source with imports may be, in characters, and all that it imports, in bytes. */
const MAX_SOURCE = 1 * MB;
export const MAX_IMPORTED = 10 * MB;
export const MAX_MODULES = 256;
const FETCH_MS = 20_000;
const BUNDLE_MS = 60_000;
const MAX_MESSAGE = 4096;

/** Whether a source may have import statements: they stand at the beginning of a line, in a source of 1 MB at most. */
export function hasImports(source: string): boolean {
  return source.length <= MAX_SOURCE && /^[ \t]*import\b[^(.]/m.test(source);
}

/**
 * Puts what a source imports into it, so that it is a script again. An import names a file of an npm package at an exact
 * version, as in a URL of jsDelivr, and may pin it: `import { x } from "name@1.2.3/file.js#sha384-…"`. A file of a package
 * that is installed in `folder` at that version is taken from there, any other from jsDelivr.
 *
 * @throws {RuntimeError} `action` if an import is not pinned to a version, cannot be had, has another SHA-384, or is too long
 */
export function inlineImports(source: string, folder: string = packageRoot): Promise<string> {
  // One after another: a source that nests deep enough makes the bundler take 1 GB before it gives up.
  const done = last.then(() => inline(source, folder));
  last = done.catch(() => {});
  return done;
}

let last: Promise<unknown> = Promise.resolve();

async function inline(source: string, folder: string): Promise<string> {
  const { build, stop } = await esbuild();
  try {
    const { outputFiles, metafile } = await withDeadline(BUNDLE_MS, undefined, (late) =>
      build({
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
        // Go's glue looks whether it is there, and must not find it.
        define: { require: 'undefined' },
        plugins: [fromJsDelivr(folder, late)],
      }),
    );
    const isScript = Object.keys(metafile.inputs).length === 1; // what looked like imports were texts or comments
    return isScript ? source : outputFiles.map(({ text }) => text).join('');
  } catch (error) {
    const messages = (error as Partial<BuildFailure>).errors?.map(({ text }) => text);
    // Without messages the bundler's own process has ended: the next source gets another.
    if (messages === undefined) await stop();
    const reason = messages?.join('\n') ?? 'the bundler gave up on the source';
    throw new RuntimeError('action', reason.slice(0, MAX_MESSAGE), { cause: error });
  }
}

function fromJsDelivr(folder: string, late: AbortSignal): Plugin {
  let modules = 0;
  let imported = 0;
  return {
    name: 'jsdelivr',
    setup(build) {
      build.onResolve({ filter: /.*/ }, ({ path, importer, namespace }) => {
        const [, specifier = '', pin] = /^([^#]*)(?:#(.*))?$/s.exec(path) ?? [];
        const from = namespace === 'cdn' ? parseNpmFile(importer) : undefined;
        const file = from === undefined ? parseNpmFile(specifier) : parseNpmImport(specifier, from);
        if (file === undefined) {
          return { errors: [{ text: `the import "${path}" is not a file of an npm package at an exact version` }] };
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
          if (++modules > MAX_MODULES) throw new Error(`an action may import ${MAX_MODULES} modules`);
          const bytes = installed === undefined ? await fetched(path, late) : readLimited(installed, MAX_IMPORTED);
          imported += bytes.length;
          if (imported > MAX_IMPORTED) throw new Error(`an action may import ${MAX_IMPORTED} bytes`);
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

async function fetched(path: string, late: AbortSignal): Promise<Uint8Array> {
  return withDeadline(FETCH_MS, late, async (signal) => {
    const response = await fetch(`${CDN}${path}`, { signal, redirect: 'error' });
    if (!response.ok) throw new Error(`jsDelivr answered ${response.status}`);
    const parts: Uint8Array[] = [];
    let length = 0;
    for await (const part of response.body ?? []) {
      length += part.length;
      if (length > MAX_IMPORTED) throw new Error(`it has more than ${MAX_IMPORTED} bytes`);
      parts.push(part);
    }
    return Buffer.concat(parts);
  });
}
