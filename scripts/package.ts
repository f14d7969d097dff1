// Builds the package into dist/: the code as JavaScript with its types, the wasm module as text, the co-signer. `npm pack` runs it.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import { deflateSync } from 'node:zlib';
import { transform } from 'esbuild';
import { slotted } from '../ts/build.ts';
import { buildPath, packageRoot } from '../ts/node.ts';
import { run } from './cli.ts';

const dist = join(packageRoot, 'dist');

/** What the package has in the place of what these imports are in a clone; package.json says the latter, and of the last both. */
const IMPORTS: Readonly<Record<string, string>> = {
  '#command': './ts/command/package.js',
  '#cosigner': './cosigner.js',
  '#load': './load.js',
  '#state': '#package/state',
};

/** What is no TypeScript, and is found beside the code. */
const ASSETS = [
  'ts/runtime/local/guest.js',
  'ts/runtime/local/guest-imports.json',
  'ts/runtime/local/openapi.json',
  'actions/template/modules.d.ts',
];

run('usage: npm run build', async () => {
  rmSync(dist, { recursive: true, force: true });
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
  execFileSync(process.execPath, [tsc, '-p', join(packageRoot, 'tsconfig.build.json')], { stdio: 'inherit' });
  for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    if (/\.[jt]s$/.test(name)) finish(name);
  }
  for (const name of ASSETS) cpSync(join(packageRoot, name), join(dist, name));
  write('wasm.js', `export const wasm = ${JSON.stringify(wasmText())};\n`);
  write('glue.js', await glue());
  write('load.js', LOAD);
  write('load.d.ts', "export { loadTandem } from './ts/core/node.js';\n");
  write('cosigner.js', COSIGNER);
  write('cosigner.d.ts', "export { slotted } from './ts/deal/cosigner-web.js';\n");
  for (const [name, isGuarded] of [
    ['plain', false],
    ['guarded', true],
  ] as const) {
    const { before, after } = await slotted(isGuarded);
    write(
      `cosigner/${name}.js`,
      `export const before = ${JSON.stringify(before)};\nexport const after = ${JSON.stringify(after)};\n`,
    );
  }
  chmodSync(join(dist, 'scripts/tandem.js'), 0o755);
});

const LOAD = `import { Go } from './glue.js';
import { loaderOf } from './ts/core/inside.js';
import { wasm } from './wasm.js';

export const loadTandem = loaderOf(wasm, Go);
`;

const COSIGNER = `export const slotted = (isGuarded) => (isGuarded ? import('./cosigner/guarded.js') : import('./cosigner/plain.js'));
`;

function write(name: string, text: string): void {
  const path = join(dist, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** Imports as they are in the package. The compiler leaves their endings in declarations as they are. */
function finish(name: string): void {
  const path = join(dist, name);
  const text = readFileSync(path, 'utf8')
    .replace(/(?<=\bfrom ')#[a-z]+(?=')/g, (specifier) => {
      const target = IMPORTS[specifier] ?? specifier;
      if (!target.startsWith('.')) return target;
      const file = relative(dirname(name), target).split(sep).join('/');
      return file.startsWith('.') ? file : `./${file}`;
    })
    .replace(/((?:from |import\()['"]\.[^'"]*?)(?<!\.d)\.ts(?=['"])/g, '$1.js');
  writeFileSync(path, text);
}

function wasmText(): string {
  return deflateSync(readFileSync(`${buildPath}tandem.wasm`), { level: 9 }).toString('base64');
}

/**
 * TinyGo's script as a module that leaves nothing behind: it finds a `global` of its own, which has all that it would fill in for
 * what a machine lacks, and no `require`, by whose absence it goes.
 */
async function glue(): Promise<string> {
  const script = readFileSync(`${buildPath}wasm_exec.js`, 'utf8');
  const notice = /^(\/\/.*\n)*/.exec(script)?.[0] ?? '';
  const wrapped = `export const Go = /* @__PURE__ */ ((require, module, global) => {
${script}
return global.Go;
})(undefined, undefined, {
  Object, Array, Error, Uint8Array, TextEncoder, TextDecoder, crypto, performance, process: {}, fs: {},
});`;
  const { code } = await transform(wrapped, { target: 'es2022', charset: 'ascii', minify: true });
  return notice + code;
}
