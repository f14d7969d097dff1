import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { generateIdentity } from 'age-encryption';
import { build } from 'esbuild';
import { recoverAddress } from 'viem';
import { checkStore } from '../ts/client/check.ts';
import { createWallet } from '../ts/client/keygen.ts';
import { listWallets, openStore, readWallet, type Store, walletFiles } from '../ts/client/store.ts';
import { openWallet } from '../ts/client/wallet.ts';

// An operation in a process that is killed at a random instant, a hundred times: afterwards the old wallet signs or the new
// one does, and what was left half done is reported and removed.

const KILLS = 100;

/** Up to how long after its beginning, where 1 is the operation's duration: the machine may be slower by then. */
const SPAN = 1.3;

/** What the process runs, by the operation's name. It says on stdout when it begins and when it stores. */
const WORKER = `
  import { writeSync } from 'node:fs';
  import { createWallet } from './ts/client/keygen.ts';
  import { reshareWallet } from './ts/client/reshare.ts';
  import { openStore } from './ts/client/store.ts';
  const [operation, dir, identity] = process.argv.slice(2);
  const store = openStore(dir, async () => ({ identities: [identity] }));
  const onProgress = (step) => step.startsWith('storing') && writeSync(1, 'storing\\n');
  const operations = {
    keygen: () => createWallet({ store, threshold: 2, parties: 2, onProgress }),
    import: () => createWallet({ store, threshold: 2, parties: 2, secret: new Uint8Array(32).fill(7), onProgress }),
    reshare: () => reshareWallet({ store, onProgress }),
  };
  writeSync(1, 'begun\\n');
  await operations[operation]();
  writeSync(1, 'done\\n');`;

// Beside the wasm module's folder, which it finds from there.
const worker = fileURLToPath(new URL(`../build/kill-${process.pid}/worker.mjs`, import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'tandem-kill-'));
let identity: string;
before(async () => {
  identity = await generateIdentity();
  const resolveDir = fileURLToPath(new URL('..', import.meta.url));
  const banner = { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" };
  const stdin = { contents: WORKER, resolveDir, loader: 'ts' } as const;
  await build({ stdin, outfile: worker, bundle: true, platform: 'node', format: 'esm', banner, logLevel: 'error' });
});
after(() => {
  rmSync(root, { recursive: true, force: true });
  rmSync(join(worker, '..'), { recursive: true, force: true });
});

type Moment = 'begun' | 'storing' | 'done';

/** Runs an operation and kills it a while after a moment of it; or, without one, times it. */
async function run(operation: string, dir: string, kill?: { after: Moment; ms: number }): Promise<Map<string, number>> {
  const child = spawn(process.execPath, [worker, operation, dir, identity], { stdio: ['ignore', 'pipe', 'inherit'] });
  const moments = new Map<string, number>();
  child.stdout.on('data', async (data) => {
    for (const moment of String(data).trim().split('\n')) {
      moments.set(moment, performance.now());
      if (moment !== kill?.after) continue;
      await sleep(kill.ms);
      child.kill('SIGKILL');
    }
  });
  await new Promise((resolve) => child.on('close', resolve));
  if (kill === undefined) assert.ok(moments.has('done'), `${operation} failed`);
  return moments;
}

/** How long it takes from a moment to the end, in ms: the longest of a few runs, two at a time as those that are killed. */
async function durations(
  operation: string,
  fresh: () => Promise<string>,
): Promise<Record<'begun' | 'storing', number>> {
  const longest = { begun: 0, storing: 0 };
  const one = async () => {
    const moments = await run(operation, await fresh());
    const at = (moment: Moment) => moments.get(moment) ?? Number.NaN;
    longest.begun = Math.max(longest.begun, at('done') - at('begun'));
    longest.storing = Math.max(longest.storing, at('done') - at('storing'));
  };
  for (let i = 0; i < 3; i++) await Promise.all([one(), one()]);
  return longest;
}

/**
 * Kills an operation at instants drawn over its duration, for one half, and over the time in which it stores, for the other.
 *
 * @param fresh makes a store for the operation to run on
 * @param verify looks at it afterwards and says what it found
 * @returns how often each was found
 */
async function killed(
  operation: string,
  fresh: () => Promise<string>,
  verify: (store: Store) => Promise<string>,
): Promise<Map<string, number>> {
  const longest = await durations(operation, fresh);
  const found = new Map<string, number>();
  let left = KILLS;
  const one = async () => {
    while (left-- > 0) {
      const after = left % 2 === 0 ? 'begun' : 'storing';
      const ms = Math.random() * SPAN * longest[after];
      const dir = await fresh();
      await run(operation, dir, { after, ms });
      const outcome = await verify(openStore(dir, async () => ({ identities: [identity] })));
      found.set(outcome, (found.get(outcome) ?? 0) + 1);
      rmSync(dir, { recursive: true, force: true });
    }
  };
  await Promise.all([one(), one()]);
  return found;
}

let count = 0;
async function emptyStore(): Promise<string> {
  return mkdtempSync(join(root, `${count++}-`));
}

async function assertSigns(store: Store, address: string): Promise<void> {
  const { digest, signature } = await openWallet(store, { id: address }).signMessage('alive', { recovery: true });
  assert.equal(await recoverAddress({ hash: digest, signature }), address);
}

/** Checks the store, which must be in order but for what was left; returns whether anything was, and that it is gone. */
async function cleaned(store: Store): Promise<boolean> {
  const { ok, wallets, cleaned } = await checkStore(store);
  assert.ok(ok, JSON.stringify(wallets));
  const again = await checkStore(store);
  const left = (checked: typeof again) => [...checked.cleaned, ...checked.wallets.flatMap((wallet) => wallet.cleaned)];
  assert.deepEqual(left(again), []);
  return left({ ok, wallets, cleaned }).length > 0;
}

describe('killed at a hundred instants', () => {
  for (const operation of ['keygen', 'import']) {
    test(`${operation} makes a wallet that signs, or none`, async (t) => {
      const found = await killed(operation, emptyStore, async (store) => {
        const before = readdirSync(store.dir);
        const wallets = listWallets(store);
        const wasLeft = await cleaned(store);
        assert.deepEqual(readdirSync(store.dir), wallets);
        for (const address of wallets) await assertSigns(store, address);
        if (wallets.length > 0) return 'a wallet';
        assert.equal(wasLeft, before.length > 0);
        return wasLeft ? 'a half, removed' : 'nothing';
      });
      t.diagnostic(JSON.stringify(Object.fromEntries(found)));
      assert.ok(found.has('a half, removed'));
      assert.ok(found.has('a wallet') || found.has('nothing'));
    });
  }

  test('reshare leaves the old wallet or the new one, which signs, and nothing of the other', async (t) => {
    const origin = openStore(await emptyStore(), async () => ({ identities: [identity] }));
    const { address } = (await createWallet({ store: origin, threshold: 2, parties: 2 })).wallet;
    const copy = async () => {
      const dir = await emptyStore();
      cpSync(origin.dir, dir, { recursive: true });
      return dir;
    };
    const found = await killed('reshare', copy, async (store) => {
      const info = readWallet(store, address);
      const files = walletFiles(info).sort();
      const isClean = readdirSync(join(store.dir, address)).sort().join() === files.join();
      await assertSigns(store, address);
      await cleaned(store);
      assert.deepEqual(readdirSync(join(store.dir, address)).sort(), files);
      await assertSigns(store, address);
      return `the ${info.epoch === 0 ? 'old' : 'new'} one${isClean ? '' : ', and what was left, removed'}`;
    });
    t.diagnostic(JSON.stringify(Object.fromEntries(found)));
    assert.ok(found.has('the old one'));
    assert.ok(found.has('the old one, and what was left, removed'));
    assert.ok([...found.keys()].some((outcome) => outcome.startsWith('the new one')));
  });
});
