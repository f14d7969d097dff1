import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { generateIdentity } from 'age-encryption';
import { build } from 'esbuild';
import { recoverMessageAddress } from 'viem';
import { buildCosigner } from '../ts/build/cosigner.ts';
import { createWallet } from '../ts/deal/keygen.ts';
import { migrateWallet } from '../ts/deal/migrate.ts';
import { GENERATIONS, type GenerationName } from '../ts/runtime/local/generations.ts';
import { LocalRuntime } from '../ts/runtime/local/runtime.ts';
import { openWallet } from '../ts/signing/wallet.ts';
import { type FileStore, openStore } from '../ts/store/node.ts';
import { root } from './support/bundle.ts';

// The co-signer on each generation of Lit's hosts, with the Deno that it embeds.

let dir: string;
let action: Awaited<ReturnType<typeof buildCosigner>>;
let store: FileStore;
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tandem-generations-'));
  action = await buildCosigner('messages');
  const identity = await generateIdentity();
  store = openStore(join(dir, 'store'), async () => ({ identities: [identity] }));
});
after(() => rmSync(dir, { recursive: true, force: true }));

/** One host, in one folder: of April until it is brought up to date. */
const host = (generation: GenerationName) => LocalRuntime.open({ dir: join(dir, 'host'), generation });

async function signs(id: string, generation: GenerationName): Promise<void> {
  const wallet = await openWallet(store, { id, runtime: await host(generation) });
  for (const protocol of ['onecall', 'dkls18', 'dkls23'] as const) {
    const { signature } = await wallet.signMessage(protocol, { protocol });
    assert.equal(await recoverMessageAddress({ message: protocol, signature }), id);
  }
}

describe('base64', () => {
  for (const [name, { deno }] of Object.entries(GENERATIONS) as [GenerationName, { deno: string }][]) {
    // The newest has a decoder of its own, the other has not.
    test(`base64 is read in its one canonical form only on Deno ${deno}`, async () => {
      const contents = `
        import { fromBase64, toBase64 } from './ts/core/bytes.ts';
        const read = (text) => {
          try {
            return toBase64(fromBase64(text));
          } catch {
            return null;
          }
        };
        globalThis.main = async (texts) => texts.map(read);`;
      const { outputFiles } = await build({ stdin: { contents, resolveDir: root }, bundle: true, write: false });
      const good = ['', 'AA==', 'AAA=', 'AAAA', '+/+/', Buffer.alloc(20_000, 'x').toString('base64')];
      const padding = ['A', 'AA', 'AA=', 'AAA', '====', 'AAAA=', 'AAAA====', 'AA==AA=='];
      const others = [
        'AB==',
        'AAB=',
        'AA==\n',
        ' AA==',
        'AA= =',
        'AA \n',
        'AAAAAA\n\n',
        'AAAA\n\n\n\n',
        'A-==',
        'A_A=',
        'ÀAAA',
      ];
      const source = outputFiles.map(({ text }) => text).join('');
      const { response } = await (await host(name)).host.execute({ source, params: [...good, ...padding, ...others] });
      assert.deepEqual(response, [...good, ...[...padding, ...others].map(() => null)]);
    });
  }
});

describe('the co-signer', () => {
  for (const [name, { deno }] of Object.entries(GENERATIONS) as [GenerationName, { deno: string }][]) {
    test(`the co-signer makes a key and signs on Deno ${deno}, then on the other, and hands its share on`, async () => {
      const runtime = await host(name);
      const { response } = await runtime.host.execute({
        source: 'async function main() { return navigator.userAgent }',
        params: null,
      });
      assert.equal(response, `Deno/${deno}`);
      const hosted = { runtime, ...action };
      const { wallet } = await createWallet({ store, threshold: 2, parties: 3, interactive: true, action: hosted });
      const id = wallet.address;
      await signs(id, name);
      await signs(id, name === 'april' ? 'newest' : 'april');
      // The old action is told the new one's public key, which is of another form at each.
      await migrateWallet({ store, id, runtime, next: { runtime, ...(await buildCosigner('any')) } });
      await signs(id, name);
    });
  }
});
