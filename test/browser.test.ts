import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { hashMessage, recoverAddress, verifyTypedData } from 'viem';
import { buildPath } from '../ts/core/node.ts';
import { type Outcome, TYPED_DATA } from './support/anywhere.ts';

// Wallets, signing, deals and policies run anywhere: what only Node has is in a few files, which nothing else needs.

const root = join(import.meta.dirname, '..');

/** The folders whose files run anywhere, and those of their files that are for Node, each of which says so. */
const ANYWHERE = [
  'core',
  'text',
  'intent',
  'intent/transaction',
  'policy',
  'protocol',
  'store',
  'signing',
  'deal',
].concat(['deal/files', 'adapters', 'runtime', 'runtime/chipotle', 'browser', 'provider']);
const NODE = [
  'ts/core/node.ts',
  'ts/core/root.ts',
  'ts/policy/file.ts',
  'ts/store/node.ts',
  'ts/store/scrypt.ts',
  'ts/store/keystore.ts',
  'ts/store/state.ts',
  // The machines of an offline deal read and write files.
  'ts/deal/files/envelope.ts',
  'ts/deal/files/party.ts',
  'ts/runtime/npm.ts',
  'ts/runtime/chipotle/settings-file.ts',
];

const files = ANYWHERE.flatMap((folder) =>
  readdirSync(join(root, 'ts', folder))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `ts/${folder}/${name}`),
);

/** Bundles for a browser. A name that only Node has stands for nothing in it. */
const bundle = (entries: readonly string[]) =>
  build({
    entryPoints: entries.map((entry) => join(root, entry)),
    bundle: true,
    write: false,
    outdir: join(root, 'build'),
    platform: 'browser',
    format: 'esm',
    logLevel: 'silent',
    external: ['ethers'],
    define: Object.fromEntries(
      ['Buffer', 'process', 'global', 'setImmediate', 'require'].map((name) => [name, 'undefined']),
    ),
  });

/** What a bundle for a browser lacks. */
async function missing(entries: readonly string[]): Promise<string[]> {
  try {
    await bundle(entries);
    return [];
  } catch (error) {
    const { errors } = error as { errors: readonly { text: string; location: { file: string } | null }[] };
    return errors.map(({ text, location }) => `${location?.file}: ${text}`);
  }
}

describe('a browser', () => {
  test('a browser can bundle all but the files that are for Node', async () => {
    for (const file of NODE) assert.match(readFileSync(join(root, file), 'utf8'), /^\/\/ For Node/m, file);
    assert.deepEqual(await missing(files.filter((file) => !NODE.includes(file))), []);
    assert.match(String(await missing(['ts/store/node.ts'])), /ts\/store\/node\.ts: Could not resolve "node:fs"/);
  });

  test('a browser has no globals of Node, which nothing but these files uses', () => {
    for (const file of files.filter((name) => !NODE.includes(name))) {
      const code = readFileSync(join(root, file), 'utf8').replace(/\/\*.*?\*\/|\/\/[^\n]*/gs, '');
      assert.doesNotMatch(
        code,
        /\b(?:Buffer|setImmediate|__dirname)\b|\bprocess\.(?:env|argv|cwd|platform|pid|exit|nextTick)/,
        file,
      );
    }
  });

  test('a browser lives through all of a wallet, where there is nothing of Node', async (t) => {
    const { outputFiles } = await bundle(['test/support/anywhere.ts']);
    const dir = mkdtempSync(join(tmpdir(), 'tandem-browser-'));
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    const urlOf = (name: string, code: string) => {
      writeFileSync(join(dir, name), code);
      return pathToFileURL(join(dir, name)).href;
    };
    const code = `
      import { parentPort, workerData } from 'node:worker_threads';
      const { wallet, wasm } = workerData;
      const { live } = await import(wallet);
      parentPort.postMessage(await live(wasm));`;
    const workerData = {
      wallet: urlOf('wallet.mjs', outputFiles[0]?.text ?? ''),
      wasm: readFileSync(`${buildPath}tandem.wasm`),
    };
    const worker = new Worker(new URL(urlOf('worker.mjs', code)), { workerData, execArgv: [] });
    const [outcome] = (await once(worker, 'message')) as [Outcome];
    const { address, message, typed } = outcome;
    assert.deepEqual([outcome.epoch, outcome.states], [1, ['sound', 'sound', 'sound']]);
    assert.match(outcome.derived ?? '', /^0x[0-9a-fA-F]{40}$/);
    assert.equal(message.digest, hashMessage('hello'));
    assert.equal(await recoverAddress({ hash: message.digest, signature: message.signature }), address);
    assert.ok(await verifyTypedData({ address: address as `0x${string}`, ...TYPED_DATA, signature: typed }));
    assert.match(outcome.without, /cannot be found here.*give `load`/s);
  });
});
