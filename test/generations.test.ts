import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { generateIdentity } from 'age-encryption';
import { recoverMessageAddress } from 'viem';
import { buildCosigner } from '../ts/build/cosigner.ts';
import { createWallet } from '../ts/deal/keygen.ts';
import { migrateWallet } from '../ts/deal/migrate.ts';
import { GENERATIONS, type GenerationName } from '../ts/runtime/local/generations.ts';
import { LocalRuntime } from '../ts/runtime/local/runtime.ts';
import { openWallet } from '../ts/signing/wallet.ts';
import { type FileStore, openStore } from '../ts/store/node.ts';

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
  for (const protocol of ['dkls18', 'dkls23'] as const) {
    const { signature } = await wallet.signMessage(protocol, { protocol });
    assert.equal(await recoverMessageAddress({ message: protocol, signature }), id);
  }
}

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
