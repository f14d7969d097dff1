import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { packageRoot } from '../../core/root.ts';
import { esbuild, peerMissing } from '../peer.ts';

const require = createRequire(import.meta.url);
const texts = new Map<string, Promise<string>>();

/** The script whose value is a library that a Lit host has as a global; undefined if it has no such library. */
export async function library(name: string): Promise<string | undefined> {
  let text = texts.get(name);
  if (text === undefined) {
    if (name === 'ethers') text = ethers();
    else if (name === 'viem') text = viem();
    else return undefined;
    texts.set(name, text);
  }
  return text;
}

async function ethers(): Promise<string> {
  const script = await readFile(resolved('ethers-v5/dist/ethers.umd.min.js'), 'utf8');
  // As a CommonJS module it leaves no global behind.
  return `((module) => { const { exports } = module;\n${script}\nreturn module.exports.ethers; })({ exports: {} })`;
}

function resolved(file: string): string {
  try {
    return require.resolve(file);
  } catch (cause) {
    throw peerMissing('ethers-v5', cause);
  }
}

async function viem(): Promise<string> {
  const { build } = await esbuild();
  const contents =
    "export * from 'viem'; export * as accounts from 'viem/accounts'; export * as chains from 'viem/chains';";
  const result = await build({
    stdin: { contents, resolveDir: packageRoot },
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'viem',
    minify: true,
    target: 'es2022',
    logLevel: 'silent',
  });
  return `(() => {\n${result.outputFiles[0]?.text}\n; return viem; })()`;
}
