import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { generateIdentity } from 'age-encryption';
import { hashMessage, recoverAddress } from 'viem';
import { buildCosigner } from '../ts/build/cosigner.ts';
import { decodeCbor, encodeCbor } from '../ts/core/cbor.ts';
import { loadTandem } from '../ts/core/node.ts';
import type { Tandem } from '../ts/core/wasm.ts';
import { createWallet } from '../ts/deal/keygen.ts';
import {
  CheckFailedError,
  LockedError,
  PolicyError,
  ProtocolError,
  StaleResponseError,
  StoreError,
  UsageError,
} from '../ts/errors.ts';
import { digestIntent, messageIntent } from '../ts/intent/from.ts';
import { RuntimeError } from '../ts/runtime/errors.ts';
import { STRICT_LIMITS } from '../ts/runtime/limits.ts';
import { LocalRuntime } from '../ts/runtime/local/runtime.ts';
import type { Action, Json, RunOptions, Runtime } from '../ts/runtime/types.ts';
import { SigningRequest } from '../ts/signing/prepared.ts';
import { openWallet, type Signed, type Wallet } from '../ts/signing/wallet.ts';
import { openStore, readShare, type Store, type WalletInfo } from '../ts/store/store.ts';

// Requests made ahead of time, and several signatures in one call: with the real action, and with ones that cheat.

const root = mkdtempSync(join(tmpdir(), 'tandem-prepare-'));
const MB = 1024 * 1024;
const WIDE = { ...STRICT_LIMITS, maxParamsLength: MB, maxResponseLength: MB };

let store: Store;
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

/** The host, with what goes through it changed; `sent` are the requests that it got, in base64. */
function relay(change: {
  before?: (params: Fields) => Promise<void> | void;
  answer?: (answer: Json, params: Fields) => Json | Promise<Json>;
}): Runtime & { sent: string[] } {
  const sent: string[] = [];
  const run = async (action: Action, params: Json, options?: RunOptions) => {
    const { requests, request } = params as { requests?: { request: string }[]; request?: string };
    sent.push(...(requests?.map((item) => item.request) ?? [request ?? '']));
    await change.before?.(params as Fields);
    const answer = await runtime.run(action, params, options);
    return change.answer === undefined ? answer : change.answer(answer, params as Fields);
  };
  const { name } = runtime;
  const none = async () => {
    throw new Error('not asked for here');
  };
  return { name, run, sent, createWallet: none, permit: none, limits: () => runtime.limits() };
}

/** Instances that keep an eye on the secrets: every session handed out, and how often each was finished. */
function watched() {
  const sessions: Uint8Array[] = [];
  const finished: string[] = [];
  let opened = 0;
  const load = async (): Promise<Tandem> => {
    const tandem = await loadTandem();
    const { dkls18Request, dkls18Finish } = tandem;
    tandem.dkls18Request = (input) => {
      const made = dkls18Request.call(tandem, input);
      sessions.push(made.session);
      return made;
    };
    tandem.dkls18Finish = (input) => {
      finished.push(Buffer.from(input.session).toString('hex'));
      return dkls18Finish.call(tandem, input);
    };
    return tandem;
  };
  const watchedStore: Store = {
    dir: store.dir,
    key: (kind, what) => {
      opened++;
      return store.key(kind, what);
    },
  };
  return {
    sessions,
    finished,
    load,
    store: watchedStore,
    opened: () => opened,
    /** Every session was finished at most once, and nothing is left of any. */
    assertSpent: (count: number) => {
      assert.equal(sessions.length, count);
      assert.equal(new Set(finished).size, finished.length, 'none was finished twice');
      const left = sessions.filter((session) => session.length < 100 || session.some((byte) => byte !== 0));
      assert.equal(left.length, 0, 'nothing is left of any session');
    },
  };
}

function open(via: Runtime, watch = watched()): { wallet: Wallet; watch: ReturnType<typeof watched> } {
  return { wallet: openWallet(watch.store, { runtime: via, load: watch.load }), watch };
}

/** The response in an answer of `sign`, changed. */
function tamper(answer: Json, change: (response: Map<number, unknown>) => void): Json {
  const { response } = (answer as { ok: { response: string } }).ok;
  const fields = decodeCbor(new Uint8Array(Buffer.from(response, 'base64'))) as Map<number, unknown>;
  change(fields);
  return { ok: { response: Buffer.from(encodeCbor(fields)).toString('base64') } };
}

function flip(value: unknown): void {
  assert.ok(value instanceof Uint8Array);
  value[value.length - 1] = (value.at(-1) ?? 0) ^ 1;
}

describe('a prepared request', () => {
  test('a prepared request signs without opening the share or making a request again', async () => {
    const via = relay({});
    const { wallet, watch } = open(via);
    assert.equal(await wallet.prepare(2), 2);
    assert.equal(await wallet.prepare(2), 2);
    assert.equal(watch.opened(), 1);
    await assertSigned(await wallet.signMessage('one'), 'one');
    await assertSigned(await wallet.sign(message('two')), 'two');
    assert.equal(watch.opened(), 1);
    watch.assertSpent(2);
    await assertSigned(await wallet.signMessage('three'), 'three');
    assert.equal(watch.opened(), 2);
    watch.assertSpent(3);
    assert.equal(new Set(via.sent).size, 3);
  });

  test('a prepared request is one of at most 8', async () => {
    const { wallet, watch } = open(runtime);
    for (const count of [0, 9, -1, 1.5, Number.NaN]) await assert.rejects(wallet.prepare(count), UsageError);
    assert.equal(await wallet.prepare(8), 8);
    assert.equal(await wallet.prepare(8), 8);
    wallet.close();
    watch.assertSpent(8);
  });

  test('a prepared request is nowhere in the store, and shows in nothing that the wallet prints', async () => {
    const all = () => readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const contents = () => all().map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'));
    const earlier = contents();
    const { wallet, watch } = open(runtime);
    await wallet.prepare();
    assert.deepEqual(contents(), earlier);
    const { inspect } = await import('node:util');
    const [session] = watch.sessions;
    const shown = inspect(wallet, { depth: null, showHidden: true }) + JSON.stringify(wallet);
    assert.ok(session !== undefined && !shown.includes(Buffer.from(session.subarray(20, 28)).toString('hex')));
    assert.ok(!/session|secret/i.test(shown));
    wallet.close();
  });

  test('a prepared request goes to one of two signatures that are asked for at once', async () => {
    const via = relay({});
    const { wallet, watch } = open(via);
    await wallet.prepare();
    const [a, b] = await Promise.all([wallet.signMessage('a'), wallet.signMessage('b')]);
    await assertSigned(a, 'a');
    await assertSigned(b, 'b');
    watch.assertSpent(2);
    assert.equal(new Set(via.sent).size, 2);
  });

  test('a prepared request is not used for recovery, whose other signer is another one', async () => {
    const { wallet, watch } = open(runtime);
    await wallet.prepare();
    await assertSigned(await wallet.signMessage('out', { recovery: true }), 'out');
    await assertSigned(await wallet.signMessage('in'), 'in');
    watch.assertSpent(2);
  });

  test('a prepared request is cleared with the wallet, by close or at the end of its scope', async () => {
    const { wallet, watch } = open(runtime);
    await wallet.prepare(2);
    assert.ok(watch.sessions.every((session) => session.some((byte) => byte !== 0)));
    wallet.close();
    watch.assertSpent(2);
    await assert.rejects(wallet.signMessage('x'), /was closed/);
    await assert.rejects(wallet.prepare(), UsageError);
    const other = watched();
    {
      using scoped = open(runtime, other).wallet;
      await scoped.prepare();
    }
    other.assertSpent(1);
  });

  test('a prepared request is not left behind by a wallet that is closed while it prepares or signs', async () => {
    const { wallet, watch } = open(relay({ before: () => wallet.close() }));
    const preparing = wallet.prepare(3);
    await wallet.prepare(1);
    await preparing;
    await assertSigned(await wallet.signMessage('last'), 'last');
    watch.assertSpent(3);

    const closing = open(runtime);
    const load = closing.watch.load;
    const slow = openWallet(closing.watch.store, {
      runtime,
      load: async () => {
        const tandem = await load();
        setImmediate(() => slow.close());
        return tandem;
      },
    });
    await slow.prepare(8);
    assert.ok(closing.watch.sessions.length < 8);
    closing.watch.assertSpent(closing.watch.sessions.length);
  });

  test('a prepared request cannot be finished twice, or after it was cleared', async () => {
    const share = await readShare(store, info, 1);
    const cold = await readShare(store, info, 3);
    const known = (await loadTandem()).shareInfo(share);
    const make = async () => new SigningRequest(await loadTandem(), known, share, 3);
    const request = await make();
    const job = { digest: new Uint8Array(32).fill(7), path: 'm' };
    // An action that cheats answers one request twice, and needs both signatures.
    const answer = async (digest: Uint8Array) =>
      (await loadTandem()).dkls18Respond({ share: cold, peer: 1, path: 'm', digest, request: request.message });
    const other = new Uint8Array(32).fill(8);
    const responses = [await answer(job.digest), await answer(other)] as const;
    const finish = (target: SigningRequest, digest: Uint8Array, response: Uint8Array, tandem: Tandem) =>
      target.finish(tandem, { digest, path: 'm', response });
    finish(request, job.digest, responses[0], await loadTandem());
    const tandem = await loadTandem();
    assert.throws(() => finish(request, other, responses[1], tandem), { name: 'TandemError', code: 'session' });
    const cleared = await make();
    cleared.clear();
    assert.throws(() => finish(cleared, job.digest, responses[0], tandem), { name: 'TandemError', code: 'session' });
    const failed = await make();
    assert.throws(() => finish(failed, job.digest, responses[0], tandem), { code: 'stale' });
    assert.throws(() => finish(failed, job.digest, responses[0], tandem), { code: 'session' });
  });
});

describe('a prepared request is dropped', () => {
  /** After an error the next signature is from another request, and works. */
  async function dropsAfter(via: Runtime & { sent: string[] }, error: object | RegExp | typeof Error): Promise<void> {
    const { wallet, watch } = open(via);
    await wallet.prepare(2);
    await assert.rejects(wallet.signMessage('pay'), error);
    assert.ok(
      watch.sessions[0]?.every((byte) => byte === 0),
      'the session is cleared',
    );
    await assertSigned(await wallet.signMessage('again'), 'again');
    watch.assertSpent(2);
    assert.equal(via.sent.length, 2);
    assert.notEqual(via.sent[0], via.sent[1]);
  }
  /** Applies to the first answer only. */
  const first = (change: (answer: Json) => Json) => {
    let calls = 0;
    return relay({ answer: (answer) => (calls++ === 0 ? change(answer) : answer) });
  };

  test('a prepared request is dropped when its answer is lost', () =>
    dropsAfter(
      first(() => {
        throw new RuntimeError('unavailable', 'the connection broke');
      }),
      RuntimeError,
    ));

  test('a prepared request is dropped when the action refuses', () =>
    dropsAfter(
      first(() => ({ error: { code: 'policy', message: 'no' } })),
      PolicyError,
    ));

  test('a prepared request is dropped when what comes back is no answer', async () => {
    await dropsAfter(
      first(() => null),
      ProtocolError,
    );
    await dropsAfter(
      first((answer) => tamper(answer, (response) => response.set(99, 1))),
      ProtocolError,
    );
  });

  test('a prepared request is dropped when the answer is to another session', () =>
    dropsAfter(
      first((answer) => tamper(answer, (response) => flip(response.get(3)))),
      StaleResponseError,
    ));

  test('a prepared request is dropped when the call is aborted', async () => {
    const controller = new AbortController();
    const { wallet, watch } = open(relay({ before: () => controller.abort() }));
    await wallet.prepare();
    await assert.rejects(wallet.signMessage('x', { signal: controller.signal }));
    watch.assertSpent(1);
    assert.deepEqual(watch.finished, []);
  });

  test('an answer that comes late finds no prepared request to finish it', async () => {
    // The action keeps the answer to the first request back and gives it to the second, when it has both.
    let kept: Json = null;
    const via = relay({
      answer: (answer) => {
        const given = kept;
        kept = answer;
        if (given === null) throw new RuntimeError('timeout', 'too late');
        return given;
      },
    });
    const { wallet, watch } = open(via);
    await wallet.prepare(2);
    await assert.rejects(wallet.signMessage('pay'), RuntimeError);
    await assert.rejects(wallet.signMessage('pay'), StaleResponseError);
    watch.assertSpent(2);
    assert.equal(watch.finished.length, 1);
  });

  test('a prepared request is dropped with all others when an answer fails a check, and the share is locked', async () => {
    const { wallet, watch } = open(relay({ answer: (answer) => tamper(answer, (fields) => flip(fields.get(11))) }));
    await wallet.prepare(3);
    await assert.rejects(wallet.signMessage('pay'), (error) => {
      assert.ok(error instanceof CheckFailedError);
      assert.ok(existsSync(file('hot.locked')));
      watch.assertSpent(3);
      return true;
    });
    await assert.rejects(wallet.signMessage('pay'), LockedError);
    await assert.rejects(wallet.prepare(), LockedError);
    rmSync(file('hot.locked'));
    assert.equal(watch.finished.length, 1);
  });

  test('a prepared request is dropped when another process locked the share', async () => {
    const via = relay({});
    const { wallet, watch } = open(via);
    for (const use of [
      () => assert.rejects(wallet.signMessage('x'), LockedError),
      () => assert.rejects(wallet.prepare(2), LockedError),
      () => wallet.signMessage('x', { recovery: true }),
    ]) {
      await wallet.prepare(2);
      writeFileSync(file('hot.locked'), '{}');
      try {
        await use();
        watch.assertSpent(watch.sessions.length);
      } finally {
        rmSync(file('hot.locked'));
      }
    }
    assert.deepEqual(via.sent, []);
    await assertSigned(await wallet.signMessage('y'), 'y');
  });

  test('a prepared request is dropped when the share file was changed or taken away', async () => {
    const { wallet, watch } = open(runtime);
    const bytes = readFileSync(file('hot.age'));
    await wallet.prepare(2);
    renameSync(file('hot.age'), file('hot.away'));
    try {
      await assert.rejects(wallet.signMessage('x'), (error) => error instanceof StoreError && error.kind === 'missing');
    } finally {
      renameSync(file('hot.away'), file('hot.age'));
    }
    watch.assertSpent(2);

    await wallet.prepare(2);
    writeFileSync(file('hot.age'), Buffer.concat([bytes.subarray(0, -1), Buffer.from([(bytes.at(-1) ?? 0) ^ 1])]));
    try {
      await assert.rejects(wallet.signMessage('x'), (error) => error instanceof StoreError && error.kind === 'altered');
    } finally {
      writeFileSync(file('hot.age'), bytes);
    }
    watch.assertSpent(4);
    await assertSigned(await wallet.signMessage('x'), 'x');
  });
});

describe('signMany', () => {
  const texts = Array.from({ length: 8 }, (_, i) => `payment ${i}`);

  test('signMany signs 8 intents in one call, from prepared requests and new ones', async () => {
    const via = relay({});
    const { wallet, watch } = open(via);
    await wallet.prepare(3);
    const signed = await wallet.signMany(texts.map(message));
    assert.equal(signed.length, 8);
    for (const [i, text] of texts.entries()) await assertSigned(signed[i] as Signed, text);
    watch.assertSpent(8);
    assert.equal(new Set(via.sent).size, 8);
    assert.equal(new Set(signed.map(({ r }) => r)).size, 8);
  });

  test('signMany signs in recovery too', async () => {
    const signed = await openWallet(store).signMany(texts.slice(0, 2).map(message), { recovery: true });
    await assertSigned(signed[0] as Signed, 'payment 0');
    await assertSigned(signed[1] as Signed, 'payment 1');
  });

  test('signMany sends nothing that the limits would refuse, and says how many fit', async () => {
    const call = (limits: { params: number; response: number }, count: number) => {
      const via = relay({});
      via.limits = async () => ({ ...WIDE, maxParamsLength: limits.params, maxResponseLength: limits.response });
      const signing = open(via).wallet.signMany(texts.slice(0, count).map(message));
      return signing.finally(() => assert.deepEqual(via.sent, []));
    };
    await assert.rejects(open(strict).wallet.signMany(texts.map(message)), /sign 1 of them in one call/);
    await assert.rejects(call({ params: MB, response: 100 * 1024 }, 2), /sign 1 of them in one call/);
    await assert.rejects(call({ params: 192 * 1024, response: MB }, 8), /sign 3 of them in one call/);
    await assert.rejects(call({ params: 1000, response: MB }, 1), /sign something shorter/);
    await assert.rejects(open(strict).wallet.signMessage('x'.repeat(7000)), UsageError);
    const [one] = await open(strict).wallet.signMany([message('one')]);
    await assertSigned(one as Signed, 'one');
    for (const count of [0, 9]) {
      await assert.rejects(open(runtime).wallet.signMany(Array(count).fill(message('x'))), UsageError);
    }
  });

  test('signMany reckons with the sizes that requests and answers have', async () => {
    const seen: number[] = [];
    const via = relay({
      answer: (answer, params) => {
        seen.push(JSON.stringify(params).length, JSON.stringify(answer).length);
        return answer;
      },
    });
    const path = `m${'/2147483647'.repeat(10)}`;
    await open(via).wallet.signMany(texts.slice(0, 2).map(message), { path });
    const [params = 0, answer = 0] = seen;
    const fitting = (limits: object) => {
      const exact = relay({});
      exact.limits = async () => ({ ...WIDE, ...limits });
      return open(exact).wallet.signMany(texts.slice(0, 2).map(message), { path });
    };
    await fitting({ maxParamsLength: params + 100, maxResponseLength: answer + 500 });
    await assert.rejects(fitting({ maxParamsLength: params - 1 }), UsageError);
    await assert.rejects(fitting({ maxResponseLength: answer - 1 }), UsageError);
  });

  test('signMany gives nothing if the policy refuses one of them, and says which', async () => {
    const { wallet, watch } = open(runtime);
    const intents = [message('a'), digestIntent(`0x${'11'.repeat(32)}`), message('b')];
    await assert.rejects(wallet.signMany(intents), (error) => {
      assert.ok(error instanceof PolicyError);
      assert.match(error.message, /intent 2 of 3: .*digest/);
      return true;
    });
    watch.assertSpent(3);
    assert.deepEqual(watch.finished, []);
  });

  test('signMany gives nothing if answers are missing, mixed up or false', async () => {
    const changed = (change: (responses: string[]) => string[]) =>
      relay({
        answer: (answer) => {
          const { responses } = (answer as { ok: { responses: string[] } }).ok;
          return { ok: { responses: change(responses) } };
        },
      });
    const fails = async (via: Runtime, error: new (short: string) => Error, finished: number) => {
      const { wallet, watch } = open(via);
      await wallet.prepare(4);
      await assert.rejects(wallet.signMany(texts.slice(0, 3).map(message)), error);
      assert.equal(watch.finished.length, finished);
      wallet.close();
      watch.assertSpent(4);
    };
    await fails(
      changed(([a = '', b = '']) => [a, b]),
      ProtocolError,
      0,
    );
    await fails(
      changed(([a = '', b = '', c = '']) => [b, a, c]),
      StaleResponseError,
      1,
    );
    await fails(
      changed(([a = '', , c = '']) => [a, a, c]),
      StaleResponseError,
      2,
    );
    assert.ok(!existsSync(file('hot.locked')));
    await fails(
      changed(([a = '', b = '', c = '']) => {
        const bad = tamper({ ok: { response: b } }, (fields) => flip(fields.get(11)));
        return [a, (bad as { ok: { response: string } }).ok.response, c];
      }),
      CheckFailedError,
      2,
    );
    assert.ok(existsSync(file('hot.locked')));
    rmSync(file('hot.locked'));
  });
});
