import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BuildFailure, Plugin } from 'esbuild';
import { packageRoot } from '../core/root.ts';
import { BuildError } from '../errors.ts';
import { readLimited } from '../files/files.ts';
import { sourceOf } from '../protocol/source.ts';
import { esbuild } from '../runtime/peer.ts';

const MAX_FILE = 8 * 1024 * 1024;

/**
 * Bundles a file constants.ts and all that it imports into one script or module, without running any of it.
 *
 * @param entry what there is to it besides, as code, given the name of the function from constants to what the file makes of them
 * @throws {BuildError}
 */
export async function bundleConstants(
  path: string,
  format: 'iife' | 'esm',
  entry: (configured: string) => string,
): Promise<string> {
  const { build } = await esbuild();
  const contents = `
    import { configure } from ${JSON.stringify(join(packageRoot, 'ts/build/configure.ts'))};
    import * as file from ${JSON.stringify(path)};
    const configured = (define) => configure(file, define);
    ${entry('configured')}`;
  try {
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: packageRoot, sourcefile: 'constants' },
      bundle: true,
      write: false,
      absWorkingDir: packageRoot,
      plugins: [withOwnUrl],
      format,
      mainFields: ['module', 'main'],
      ...(format === 'iife' ? { platform: 'neutral', conditions: ['deno'] } : { platform: 'node' }),
      target: 'es2022',
      charset: 'ascii',
      logLevel: 'silent',
      tsconfigRaw: '{}',
    });
    return outputFiles.map(({ text }) => text).join('');
  } catch (error) {
    const messages = (error as Partial<BuildFailure>).errors?.map(({ text }) => text);
    if (messages === undefined) throw error;
    const doing = format === 'iife' ? 'run apart' : 'build';
    throw new BuildError(`${path} does not ${doing}: ${messages.join('\n')}`, { cause: error });
  }
}

/** Modules name files by their own URL, which a bundle does not have. */
const withOwnUrl: Plugin = {
  name: 'own-url',
  setup(build) {
    build.onLoad({ filter: /\.[cm]?[jt]s$/, namespace: 'file' }, async ({ path }) => {
      const code = sourceOf(readLimited(path, MAX_FILE));
      if (!code.includes('import.meta')) return undefined;
      const define = { 'import.meta.url': JSON.stringify(pathToFileURL(path).href) };
      const loader = /\.[cm]?ts$/.test(path) ? 'ts' : 'js';
      const { transform } = await esbuild();
      return { contents: (await transform(code, { loader, define, tsconfigRaw: '{}' })).code, loader: 'js' };
    });
  },
};
