import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { createServer, build as viteBuild } from 'vite';
import { buildPath } from '../../ts/core/node.ts';
import { servePages } from './chromium.ts';

// One page with a worker, by each of the bundlers that people have. All of them know `new URL(…, import.meta.url)`.

const PAGE = '<!doctype html><meta charset="utf-8"><title>t</title><script type="module" src="/main.js"></script>';
const MAIN = `
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  worker.onmessage = ({ data }) => { globalThis.outcome = data; };
  worker.onerror = ({ message }) => { globalThis.outcome = message; };`;
const WORKER = `
  import { signHere } from './lib.js';
  signHere(new URL('./tandem.wasm', import.meta.url))
    .then(postMessage, (error) => postMessage(String(error.stack)));`;

/** A page that is served, and what ends that. */
export interface Served {
  readonly url: string;
  close(): unknown;
}

/** Makes the page's files, of JavaScript as a package has it. */
export async function makeApp(dir: string): Promise<void> {
  mkdirSync(dir, { recursive: true });
  const entry = join(import.meta.dirname, 'in-worker.ts');
  await build({ entryPoints: [entry], bundle: true, format: 'esm', outfile: join(dir, 'lib.js'), logLevel: 'silent' });
  cpSync(`${buildPath}tandem.wasm`, join(dir, 'tandem.wasm'));
  writeFileSync(join(dir, 'main.js'), MAIN);
  writeFileSync(join(dir, 'worker.js'), WORKER);
  writeFileSync(join(dir, 'index.html'), PAGE);
}

async function serve(dir: string): Promise<Served> {
  const types: Record<string, string> = { '.js': 'text/javascript', '.wasm': 'application/wasm', '.html': 'text/html' };
  const { url, server } = await servePages((path) => {
    const name = path === '/' ? 'index.html' : path;
    try {
      return { type: types[extname(name)] ?? 'text/plain', body: readFileSync(join(dir, name)) };
    } catch {
      return undefined;
    }
  });
  return { url, close: () => server.close() };
}

export const BUNDLERS: Readonly<Record<string, (app: string, out: string) => Promise<Served>>> = {
  esbuild: async (app, out) => {
    const entryPoints = [join(app, 'main.js'), join(app, 'worker.js')];
    await build({ entryPoints, bundle: true, format: 'esm', minify: true, outdir: out, logLevel: 'silent' });
    for (const name of ['tandem.wasm', 'index.html']) cpSync(join(app, name), join(out, name));
    return serve(out);
  },
  'webpack 5': async (app, out) => {
    const output = { path: out, filename: 'main.js' };
    const optimization = { minimize: false }; // which would take most of the time
    const options = { mode: 'production', entry: join(app, 'main.js'), output, optimization, performance: false };
    const code = `
      import webpack from 'webpack';
      webpack(${JSON.stringify(options)}, (error, stats) => {
        if (error === null && !stats.hasErrors()) return;
        console.error(error ?? stats.toString());
        process.exitCode = 1;
      });`;
    // It starts threads with the options of its process, which here has some that are the tests'.
    await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', code], { cwd: import.meta.dirname });
    cpSync(join(app, 'index.html'), join(out, 'index.html'));
    return serve(out);
  },
  Vite: async (app, out) => {
    const options = { outDir: out, emptyOutDir: true, target: 'es2022' } as const;
    await viteBuild({ root: app, configFile: false, logLevel: 'error', worker: { format: 'es' }, build: options });
    return serve(out);
  },
  "Vite's server": async (app) => {
    const server = await createServer({ root: app, configFile: false, logLevel: 'error', server: { port: 0 } });
    await server.listen();
    const [url = ''] = server.resolvedUrls?.local ?? [];
    return { url, close: () => server.close() };
  },
};
