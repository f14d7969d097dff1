// Builds the package into dist/: the code as JavaScript with its types, the wasm module as text, the co-signer. `npm pack` runs it.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import { deflateSync } from 'node:zlib';
import { build } from 'esbuild';
import { PEERS, slotted } from '../ts/build.ts';
import { packageRoot } from '../ts/command/internals.ts';
import { WalletError } from '../ts/index.ts';
import { buildPath } from '../ts/node.ts';
import { run } from './cli.ts';
import { tell } from './terminal.ts';

const dist = join(packageRoot, 'dist');

/** What the package has in the place of what these imports are in a clone; package.json says the latter, and of the last both. */
const IMPORTS: Readonly<Record<string, string>> = {
  '#command': './ts/command/package.js',
  '#cosigner': './cosigner.js',
  '#load': '#package/load',
  '#state': '#package/state',
};

const LOAD = `import { inflated, loaderOf } from './ts/core/inside.js';
import { wasm } from './wasm.js';

export const loadTandem = loaderOf(() => inflated(wasm));
`;

const LOAD_NODE = `import { inflateSync } from 'node:zlib';
import { loaderOf } from './ts/core/inside.js';
import { wasm } from './wasm.js';

export const loadTandem = loaderOf(() => inflateSync(Buffer.from(wasm, 'base64')));
`;

/** For Node, which says of a package only that it is not there. */
const ETHERS = `import { peerMissing } from './ts/runtime/peer.js';

export const { TandemSigner } = await import('./ts/ethers.js').catch((cause) => {
  throw cause?.code === 'ERR_MODULE_NOT_FOUND' ? peerMissing('ethers', cause) : cause;
});
`;

const COSIGNER = `export const slotted = (isGuarded) => (isGuarded ? import('./cosigner/guarded.js') : import('./cosigner/plain.js'));
`;

run('package', async () => {
  checkRecord();
  rmSync(dist, { recursive: true, force: true });
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
  try {
    execFileSync(process.execPath, [tsc, '-p', join(packageRoot, 'tsconfig.build.json')], { stdio: 'inherit' });
  } catch (cause) {
    throw new WalletError('The sources do not compile.', {
      next: 'if a module is not found, install what the lock file names: npm ci',
      cause,
    });
  }
  for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    if (/\.[jt]s$/.test(name)) finish(name);
  }
  cpSync(join(packageRoot, 'actions/template/modules.d.ts'), join(dist, 'actions/template/modules.d.ts'));
  write('wasm.js', `export const wasm = ${JSON.stringify(wasmText())};\n`);
  write('load.js', LOAD);
  write('load-node.js', LOAD_NODE);
  write('load.d.ts', "export { loadTandem } from './ts/core/node.js';\n");
  write('ethers.js', ETHERS);
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
  await program();
});

/** What is published is what anybody can build: the modules are those of the record. Before that, other tools are fine. */
function checkRecord(): void {
  const record = readFileSync(join(packageRoot, 'toolchain/wasm.sha256'), 'utf8');
  for (const name of ['tandem', 'ecrecover']) {
    const hash = createHash('sha256')
      .update(readFileSync(`${buildPath}${name}.wasm`))
      .digest('hex');
    if (record.includes(`${hash}  build/${name}.wasm`)) continue;
    const short = `build/${name}.wasm is not the recorded module`;
    if (process.env.npm_command === 'publish') throw new WalletError(`${short}.`, { next: 'run: make verify' });
    tell(`${short}: do not publish this.\nNext: run: make wasm`);
  }
}

/** The commands with all that they import: a hundred files more would take half of the time of a signature to load. */
async function program(): Promise<void> {
  const { metafile } = await build({
    entryPoints: [join(dist, 'scripts/tandem.js')],
    outdir: join(dist, 'bin'),
    chunkNames: '[name]-[hash]',
    bundle: true,
    splitting: true,
    metafile: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    charset: 'utf8',
    legalComments: 'none', // they are in LICENSES.txt, with those of packages whose code says none
    // For packages that require what Node has.
    banner: {
      js: "import * as nodeModule from 'node:module'; const require = nodeModule.createRequire(import.meta.url);",
    },
    // What only some need is not inside: those who do install it.
    external: ['@lit-protocol/*', ...peers().flatMap((name) => [name, `${name}/*`])],
    logLevel: 'error',
  });
  chmodSync(join(dist, 'bin/tandem.js'), 0o755);
  write('bin/LICENSES.txt', licences(Object.keys(metafile.inputs)));
  rmSync(join(dist, 'scripts'), { recursive: true });
}

function peers(): string[] {
  const { peerDependencies } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
    peerDependencies: Readonly<Record<string, string>>;
  };
  return [...new Set([...Object.keys(PEERS), ...Object.keys(peerDependencies)])];
}

/** The licences of the packages that these files are of. */
function licences(files: readonly string[]): string {
  const inside = files.flatMap((file) => /^(.*\bnode_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []);
  const texts = [...new Set(inside)].sort().map((folder) => {
    const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, string>;
    const licence = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file));
    if (licence === undefined) throw new Error(`${folder} has no licence`);
    return `${name} ${version}\n\n${readFileSync(join(folder, licence), 'utf8').trim()}\n`;
  });
  return `The program has code of these packages in it.\n\n${texts.join(`\n${'-'.repeat(78)}\n\n`)}`;
}

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
