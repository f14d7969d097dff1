// Loaded before a bundled command: what it imports of this project by path, TypeScript, is taken from its bundle.
import { existsSync } from 'node:fs';
import { register } from 'node:module';
import { pathToFileURL } from 'node:url';
import { isMainThread } from 'node:worker_threads';

const root = new URL('../..', import.meta.url).href;
let bundles;

if (isMainThread) register(import.meta.url, { data: new URL('..', pathToFileURL(process.argv[1])).href });

/** The command says where its bundle is. */
export function initialize(data) {
  bundles = data;
}

export function resolve(specifier, context, next) {
  if (specifier.startsWith(root) && specifier.endsWith('.ts')) {
    const bundled = new URL(specifier.slice(root.length).replace(/ts$/, 'mjs'), bundles);
    if (existsSync(bundled)) return { url: bundled.href, shortCircuit: true };
  }
  return next(specifier, context);
}
