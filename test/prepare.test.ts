import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { inspect } from 'node:util';
import { generateIdentity } from 'age-encryption';
import { hashMessage, recoverAddress } from 'viem';
import { buildCosigner } from '../ts/build/cosigner.ts';
import { createWallet } from '../ts/deal/keygen.ts';
import { LockedError, PolicyError, StoreError, UsageError } from '../ts/errors.ts';
import { digestIntent, messageIntent } from '../ts/intent/from.ts';
import { RuntimeError } from '../ts/runtime/errors.ts';
import { STRICT_LIMITS } from '../ts/runtime/limits.ts';
import { LocalRuntime } from '../ts/runtime/local/runtime.ts';
import type { Action, Json, RunOptions, Runtime } from '../ts/runtime/types.ts';
import { openWallet, type Signed, type Wallet } from '../ts/signing/wallet.ts';
import { type FileStore, openStore } from '../ts/store/node.ts';
import { readShare, type WalletInfo } from '../ts/store/store.ts';

// A wallet that was prepared, and several signatures in one call, with the real action.

const root = mkdtempSync(join(tmpdir(), 'tandem-prepare-'));
const MB = 1024 * 1024;
const WIDE = { ...STRICT_LIMITS, maxParamsLength: MB, maxResponseLength: MB };

let store: FileStore;
let info: WalletInfo;
let runtime: LocalRuntime;
/** The same host with the limits that are sure everywhere. */
let strict: LocalRuntime;
before(async () => {
  const identity = await generateIdentity();
  store = openStore(join(root, 'store'), async () => ({ identities: [identity] }));
  const dir = join(root, 'lit');
  runtime = await LocalRuntime.open({ dir, limits: WIDE });
  strict = await LocalRuntime.open({ dir, limits: STRICT_LIMITS });
  const action = { ...(await buildCosigner('messages')), runtime };
  info = (await createWallet({ store, action, threshold: 2, parties: 3 })).wallet;
});
after(() => {
  runtime?.close();
  strict?.close();
  rmSync(root, { recursive: true, force: true });
});

const file = (name: string) => join(store.dir, info.address, name);
const message = (text: string) => messageIntent(text);

async function assertSigned({ digest, signature, address }: Signed, text: string): Promise<void> {
  assert.equal(digest, hashMessage(text));
  assert.equal(address, info.address);
  assert.equal(await recoverAddress({ hash: digest, signature }), info.address);
}

type Fields = { [name: string]: Json };

/** The host, with somebody between; `sent` is what it was asked for. */
function relay(change: {
  before?: (params: Fields) => Promise<void> | void;
  seen?: (answer: Json, params: Fields) => void;
}): Runtime & { sent: string[] } {
  const sent: string[] = [];
  const run = async (action: Action, params: Json, options?: RunOptions) => {
    sent.push(String((params as Fields).op));
    await change.before?.(params as Fields);
    const answer = await runtime.run(action, params, options);
    change.seen?.(answer, params as Fields);
    return answer;
  };
  const { name } = runtime;
  const none = async () => {
    throw new Error('not asked for here');
  };
  return { name, run, sent, createWallet: none, permit: none, limits: () => runtime.limits() };
}

/** The store, which says how often a share was opened. */
function watched() {
  let opened = 0;
  const watchedStore = openStore(store.dir, (kind, what) => {
    opened++;
    return store.key(kind, what);
  });
  return { store: watchedStore, opened: () => opened };
}

async function open(via: Runtime, watch = watched()): Promise<{ wallet: Wallet; watch: ReturnType<typeof watched> }> {
  return { wallet: await openWallet(watch.store, { runtime: via }), watch };
}

describe('a prepared wallet', () => {
  test('signs without opening the share again', async () => {
    const via = relay({});
    const { wallet, watch } = await open(via);
    assert.deepEqual(await wallet.prepare(), { calls: 0 });
    assert.deepEqual(await wallet.prepare(), { calls: 0 });
    assert.equal(watch.opened(), 1);
    await assertSigned(await wallet.signMessage('one'), 'one');
    await assertSigned(await wallet.sign(message('two')), 'two');
    assert.equal(watch.opened(), 1);
    assert.deepEqual(via.sent, ['onecall', 'onecall']);
  });

  test('without a correlation has one made, with one call, and the signatures then take one each', async () => {
    const via = relay({});
    const wallet = await openWallet(store, { runtime: via, correlation: 'memory' });
    assert.deepEqual(await wallet.prepare(), { calls: 1 });
    await assertSigned(await wallet.signMessage('one'), 'one');
    assert.deepEqual(via.sent, ['correlate', 'onecall']);
  });

  test('has nothing in the store, and shows nothing in what is printed', async () => {
    const all = () => readdirSync(store.dir, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
    const contents = () => all().map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'));
    const earlier = contents();
    const { wallet } = await open(runtime);
    await wallet.prepare();
    assert.deepEqual(contents(), earlier);
    const share = Buffer.from(await readShare(store, info, 1)).toString('hex');
    const shown = inspect(wallet, { depth: null, showHidden: true }) + JSON.stringify(wallet);
    assert.ok(!shown.includes(share.slice(100, 116)) && !/session|secret/i.test(shown));
    wallet.close();
  });

  test('forgets the share with close, or at the end of its scope', async () => {
    const { wallet } = await open(runtime);
    await wallet.prepare();
    wallet.close();
    await assert.rejects(wallet.signMessage('x'), /was closed/);
    await assert.rejects(wallet.prepare(), UsageError);
    {
      using scoped = (await open(runtime)).wallet;
      await scoped.prepare();
    }
  });

  test('that is closed while it prepares or signs finishes that, and keeps nothing', async () => {
    const { wallet, watch } = await open(relay({ before: () => wallet.close() }));
    await wallet.prepare();
    await assertSigned(await wallet.signMessage('last'), 'last');
    assert.equal(watch.opened(), 1);
    await assert.rejects(wallet.signMessage('x'), UsageError);
  });

  test('opens the share anew when another process locked it', async () => {
    const { wallet, watch } = await open(runtime);
    await wallet.prepare();
    writeFileSync(file('hot.locked'), '{}');
    try {
      await assert.rejects(wallet.signMessage('x'), LockedError);
      await assert.rejects(wallet.prepare(), LockedError);
    } finally {
      rmSync(file('hot.locked'));
    }
    await assertSigned(await wallet.signMessage('y'), 'y');
    assert.equal(watch.opened(), 2);
  });

  test('does not sign with a share whose file was changed or taken away', async () => {
    const { wallet } = await open(runtime);
    const bytes = readFileSync(file('hot.age'));
    await wallet.prepare();
    renameSync(file('hot.age'), file('hot.away'));
    try {
      await assert.rejects(wallet.signMessage('x'), (error) => error instanceof StoreError && error.kind === 'missing');
    } finally {
      renameSync(file('hot.away'), file('hot.age'));
    }
    await wallet.prepare();
    writeFileSync(file('hot.age'), Buffer.concat([bytes.subarray(0, -1), Buffer.from([(bytes.at(-1) ?? 0) ^ 1])]));
    try {
      await assert.rejects(wallet.signMessage('x'), (error) => error instanceof StoreError && error.kind === 'altered');
    } finally {
      writeFileSync(file('hot.age'), bytes);
    }
    await assertSigned(await wallet.signMessage('x'), 'x');
  });
});

describe('one call', () => {
  const texts = Array.from({ length: 8 }, (_, i) => `payment ${i}`);

  test('makes 8 signatures, within what every host takes', async () => {
    const seen: number[] = [];
    const via = relay({
      seen: (answer, params) => seen.push(JSON.stringify(params).length, JSON.stringify(answer).length),
    });
    via.limits = () => strict.limits();
    const signed = await (await open(via)).wallet.signMany(texts.map(message));
    for (const [i, text] of texts.entries()) await assertSigned(signed[i] as Signed, text);
    assert.equal(new Set(signed.map(({ r }) => r)).size, 8);
    const [params = 0, answer = 0] = seen;
    assert.ok(params < 5000 && answer <= 34 * 1024, `${params} and ${answer} bytes`);
  });

  test('signs an intent of 40 KB within what every host takes, and says what would not fit', async () => {
    const long = 'x'.repeat(40 * 1024);
    await assertSigned(await (await open(strict)).wallet.signMessage(long), long);
    const typed = {
      domain: { name: 'Long' },
      types: { Note: [{ name: 'text', type: 'string' }] },
      primaryType: 'Note',
      message: { text: long },
    } as const;
    assert.equal((await (await open(strict)).wallet.signTypedData(typed)).calls, 1);
    const none = relay({});
    none.limits = () => strict.limits();
    await assert.rejects((await open(none)).wallet.signMessage('x'.repeat(64 * 1024)), (error) => {
      assert.ok(error instanceof UsageError);
      const [, has, takes, over] =
        /its parameters would have (\d+) bytes where the host takes (\d+), (\d+) too many\.$/.exec(error.short) ?? [];
      assert.equal(Number(has) - Number(takes), Number(over));
      assert.match(String(error.next), /^sign something shorter, .*--recovery.*, or at a host with wider limits\.$/);
      return Number(over) > 1024 && Number(over) < 4096;
    });
    assert.deepEqual(none.sent, []);
  });

  test('has small parameters and a small answer', async () => {
    const seen: number[] = [];
    const via = relay({
      seen: (answer, { intents, share, ...rest }) =>
        seen.push(JSON.stringify(rest).length, JSON.stringify(answer).length),
    });
    await (await open(via)).wallet.signMessage('x');
    const [params = 0, answer = 0] = seen;
    assert.ok(params <= 1536 && answer <= 8 * 1024, `${params} and ${answer} bytes`);
  });

  test('is not made if the limits would refuse it, and the error says how many fit', async () => {
    const call = async (limits: { params: number; response: number }, count: number) => {
      const via = relay({});
      via.limits = async () => ({ ...WIDE, maxParamsLength: limits.params, maxResponseLength: limits.response });
      const signing = (await open(via)).wallet.signMany(texts.slice(0, count).map(message));
      return signing.finally(() => assert.deepEqual(via.sent, []));
    };
    await assert.rejects(call({ params: MB, response: 10_000 }, 2), /sign 1 of them in one call/);
    await assert.rejects(call({ params: MB, response: 18 * 1024 }, 8), /sign 4 of them in one call/);
    await assert.rejects(call({ params: 1000, response: MB }, 1), /sign something shorter/);
    for (const count of [0, 9]) {
      await assert.rejects((await open(runtime)).wallet.signMany(Array(count).fill(message('x'))), UsageError);
    }
  });

  test('is computed at the size that it has, before it is made', async () => {
    const seen: number[] = [];
    const via = relay({
      seen: (answer, params) => seen.push(JSON.stringify(params).length, JSON.stringify(answer).length),
    });
    await (await open(via)).wallet.signMany(texts.slice(0, 2).map(message));
    const [params = 0, answer = 0] = seen;
    const fitting = async (limits: object) => {
      const exact = relay({});
      exact.limits = async () => ({ ...WIDE, ...limits });
      return (await open(exact)).wallet.signMany(texts.slice(0, 2).map(message));
    };
    await fitting({ maxParamsLength: params + 100, maxResponseLength: answer + 300 });
    await assert.rejects(fitting({ maxParamsLength: params - 1 }), UsageError);
    await assert.rejects(fitting({ maxResponseLength: answer - 1 }), UsageError);
  });

  test('gives nothing if the policy refuses one of them, and says which', async () => {
    const { wallet } = await open(runtime);
    const intents = [message('a'), digestIntent(`0x${'11'.repeat(32)}`), message('b')];
    await assert.rejects(wallet.signMany(intents), (error) => {
      assert.ok(error instanceof PolicyError);
      assert.match(error.message, /intent 2 of 3: .*digest/);
      return true;
    });
  });

  test('that is lost, refused or given up leaves all as it was', async () => {
    const controller = new AbortController();
    const lost = relay({
      before: () => {
        throw new RuntimeError('unavailable', 'the connection broke');
      },
    });
    await assert.rejects((await open(lost)).wallet.signMessage('x'), RuntimeError);
    const { wallet } = await open(relay({ before: () => controller.abort() }));
    await assert.rejects(wallet.signMessage('x', { signal: controller.signal }));
    assert.equal((await wallet.signMessage('x')).calls, 1);
  });

  test('of the other protocols too, where they are asked for', async () => {
    const signed = await (await openWallet(store)).signMany(texts.slice(0, 2).map(message), { recovery: true });
    await assertSigned(signed[0] as Signed, 'payment 0');
    await assertSigned(signed[1] as Signed, 'payment 1');
    const two = await (await open(runtime)).wallet.signMany(texts.slice(0, 2).map(message), { protocol: 'dkls18' });
    assert.deepEqual([two[0]?.calls, two[0]?.protocol], [1, 'dkls18']);
    await assert.rejects(
      (await open(strict)).wallet.signMany(texts.slice(0, 2).map(message), { protocol: 'dkls18' }),
      /sign 1 of them in one call/,
    );
  });
});
