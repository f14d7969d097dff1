import { readdirSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';

/** The folder of the project. */
export const root: string = fileURLToPath(new URL('../..', import.meta.url));

/** Every file finds what is beside it, where it was written. */
const located: Plugin = {
  name: 'located',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      if (!path.startsWith(root) || path.includes('/node_modules/')) return undefined;
      const source = await readFile(path, 'utf8');
      const url = JSON.stringify(pathToFileURL(path).href);
      return { contents: source.replaceAll('import.meta.url', url), loader: 'ts' };
    }),
};

/**
 * Bundles programs of this project with all that they import, so that they start in a tenth of a second, and one that is
 * started often costs a test little. They are gone when this process ends.
 *
 * @param entries their paths from the folder of the project
 * @returns the folder with the bundles: as in the project, with the ending .mjs
 */
export async function bundle(...entries: readonly string[]): Promise<string> {
  // In here, because the packages that are not bundled are found from there.
  const outdir = join(root, 'build', `test-${process.pid}`);
  process.once('exit', () => rmSync(outdir, { recursive: true, force: true }));
  await build({
    entryPoints: [...entries],
    absWorkingDir: root,
    outbase: root,
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    // For packages that require what Node has.
    banner: {
      js: "import * as nodeModule from 'node:module'; const require = nodeModule.createRequire(import.meta.url);",
    },
    plugins: [located],
    external: ['esbuild', 'ethers', '@lit-protocol/*', 'vite', 'webpack', 'playwright-core'],
    logLevel: 'error',
  });
  return outdir;
}

/** The commands; what builds and measures the package is none, and has tools in it that do not bundle. */
export function commands(): string[] {
  const names = readdirSync(join(root, 'scripts')).filter((name) => !['bench.ts', 'package.ts'].includes(name));
  return names.map((name) => `scripts/${name}`);
}
