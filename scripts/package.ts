// Builds the package into dist/: the code as JavaScript with its types, the wasm module as text, the co-signer. `npm pack` runs it.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { transform } from 'esbuild';
import { slotted } from '../ts/build.ts';
import { buildPath, packageRoot, packageVersion } from '../ts/node.ts';
import { run } from './cli.ts';

const dist = join(packageRoot, 'dist');

/** What is in the place of the files that package.json names so for a clone. */
const IMPORTS = {
  '#command': './ts/command/package.js',
  '#cosigner': './cosigner.js',
  '#load': './load.js',
  '#state': { node: './ts/store/state.js', default: './ts/store/state-web.js' },
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
    if (name.endsWith('.d.ts')) declare(join(dist, name));
  }
  for (const name of ASSETS) cpSync(join(packageRoot, name), join(dist, name));
  // Of its own, because here other files are behind the imports that begin with #. Bundlers take sideEffects from it too.
  const own = { name: 'tandem-dist', version: packageVersion(), type: 'module', sideEffects: false, imports: IMPORTS };
  write('package.json', `${JSON.stringify(own, null, 2)}\n`);
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

/** The compiler leaves the endings of imports in declarations as they are. */
function declare(path: string): void {
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.replace(/((?:from |import\(|reference path=)['"]\.[^'"]*?)(?<!\.d)\.ts(?=['"])/g, '$1.js'));
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
