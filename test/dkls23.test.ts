import assert from 'node:assert/strict';
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { generateIdentity } from 'age-encryption';
import { type Hex, hashMessage, recoverAddress } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { buildCosigner } from '../ts/build/cosigner.ts';
import { decodeCbor } from '../ts/core/cbor.ts';
import { fromHex } from '../ts/core/evm.ts';
import { loadTandem } from '../ts/core/node.ts';
import type { Messages, Tandem } from '../ts/core/wasm.ts';
import { beginDeal, finishDeal, stepDeal } from '../ts/deal/files/party.ts';
import { createWallet } from '../ts/deal/keygen.ts';
import { planParties } from '../ts/deal/plan.ts';
import { PolicyError, ProtocolError, RefusedError, UsageError } from '../ts/errors.ts';
import { messageIntent } from '../ts/intent/from.ts';
import { digestOf, intentJson } from '../ts/intent/intent.ts';
import { STRICT_LIMITS } from '../ts/runtime/limits.ts';
import { LocalRuntime } from '../ts/runtime/local/runtime.ts';
import type { Action, Json, RunOptions, Runtime } from '../ts/runtime/types.ts';
import { openWallet, type Wallet } from '../ts/signing/wallet.ts';
import { type FileStore, openStore } from '../ts/store/node.ts';
import { readAction, readShare, shareFileName } from '../ts/store/store.ts';
import { concat, inverse, lagrange, mod, scalarBytes, toScalar, u32 } from './reference/curve.ts';
import { expand, hashToScalar } from './reference/transcript.ts';
import { bytes, decode, encode, list, map } from './reference/wire.ts';
import { command, json, type Outcome } from './support/command.ts';
import { newMachine } from './support/machines.ts';

// dkls23 end to end: shares here, and the real action in the real Deno.

const KB = 1024;
const root = mkdtempSync(join(tmpdir(), 'tandem-dkls23-'));
const b64 = (data: Uint8Array) => Buffer.from(data).toString('base64');
const fromB64 = (text: unknown) => new Uint8Array(Buffer.from(String(text), 'base64'));

let store: FileStore;
let runtime: LocalRuntime;
let cosigner: Awaited<ReturnType<typeof buildCosigner>>;
const identityFile = join(root, 'identity.txt');
/** Where a command looks for the host of a wallet in the store. */
const lit = join(root, 'store', 'local-lit');
before(async () => {
  const identity = await generateIdentity();
  writeFileSync(identityFile, identity);
  store = openStore(join(root, 'store'), async () => ({ identities: [identity] }));
  runtime = await LocalRuntime.open({ dir: lit, spare: 1, limits: STRICT_LIMITS });
  cosigner = await buildCosigner('messages');
});
after(() => {
  runtime?.close();
  rmSync(root, { recursive: true, force: true });
});

async function newWallet(options: { threshold?: number; parties?: number; interactive?: boolean } = {}) {
  const { threshold = 2, parties = 3, interactive = true } = options;
  const { wallet } = await createWallet({ store, action: { runtime, ...cosigner }, threshold, parties, interactive });
  return wallet.address as Hex;
}

interface Call {
  readonly params: { [name: string]: Json };
  readonly answer: Json;
}

/** The host, with what it is asked and answers written down, and answers changed on their way. */
function watched(
  calls: Call[],
  host: Runtime = runtime,
  change: (answer: Json, n: number) => Json = (answer) => answer,
): Runtime {
  const run = async (action: Action, params: Json, options?: RunOptions) => {
    const answer = await host.run(action, params, options);
    calls.push({ params: params as Call['params'], answer });
    return change(answer, calls.length);
  };
  const { name } = host;
  return { name, run, createWallet: () => host.createWallet(), permit: async () => {}, limits: () => host.limits() };
}

const open = (id: string, at: Runtime = runtime): Promise<Wallet> => openWallet(store, { id, runtime: at });
const size = (value: unknown) => Buffer.byteLength(JSON.stringify(value));

describe('dkls23 with the action', () => {
  let address: Hex;
  before(async () => {
    address = await newWallet();
  });

  test('dkls23 with the action signs in two calls, whose sizes are those of docs/protocol.md', async () => {
    const calls: Call[] = [];
    const wallet = await open(address, watched(calls));
    const signed = await wallet.signMessage('hello', { protocol: 'dkls23', path: 'm/0/5' });
    assert.equal(signed.protocol, 'dkls23');
    assert.equal(signed.calls, 2);
    assert.equal(await recoverAddress({ hash: hashMessage('hello'), signature: signed.signature }), signed.address);
    assert.deepEqual(
      calls.map(({ params }) => params.op),
      ['dkls23Join', 'dkls23Finish'],
    );
    for (const { params, answer } of calls) {
      assert.ok(size(params) <= STRICT_LIMITS.maxParamsLength);
      assert.ok(size(answer) <= STRICT_LIMITS.maxResponseLength);
    }
    assertDocumented(calls);
    assert.equal((await wallet.signMessage('hello')).protocol, 'onecall');
  });

  test('dkls23 signs without the action, between shares that are here', async () => {
    const signed = await (await open(address)).signMessage('hello', { protocol: 'dkls23', recovery: true });
    assert.equal(signed.calls, 0);
    assert.equal(await recoverAddress({ hash: hashMessage('hello'), signature: signed.signature }), address);
  });

  test('dkls23 with the action: the policy is asked', async () => {
    await assert.rejects((await open(address)).signDigest(`0x${'11'.repeat(32)}`, { protocol: 'dkls23' }), PolicyError);
  });

  test('dkls23 with the action: a message that was changed on its way is a clear error, names the action and locks nothing', async () => {
    for (const round of ['round1', 'round2'] as const) {
      const altered = watched([], runtime, (answer, n) => {
        if (n > 1) return answer;
        const { ok } = answer as { ok: { session: string; messages: { round1: string; round2: string } } };
        const message = fromB64(ok.messages[round]);
        message[message.length - 1] = (message.at(-1) ?? 0) ^ 1;
        return { ok: { ...ok, messages: { ...ok.messages, [round]: b64(message) } } };
      });
      await assert.rejects((await open(address, altered)).signMessage('hello', { protocol: 'dkls23' }), (error) => {
        assert.ok(error instanceof ProtocolError);
        assert.match(error.message, /by party 2/);
        return true;
      });
    }
    assert.ok((await (await open(address)).signMessage('hello')).signature);
  });

  test('dkls23 with the action: a wallet that was not made for it: the client refuses, and so does the action', async () => {
    const plain = await newWallet({ interactive: false });
    const args = ['--store', store.dir, '--wallet', plain, '--message', 'hello', '--protocol', 'dkls23'];
    const { code, stderr } = await command('sign', args, { TANDEM_IDENTITY: identityFile });
    assert.equal(code, 64, stderr);
    for (const part of [
      /--allow-interactive/,
      /docs\/security\.md#the-attack/,
      /"the attack" in test\/dkls23\.test\.ts/,
    ]) {
      assert.match(stderr, part);
    }
    const wallet = await openWallet(store, { id: plain, runtime });
    (wallet.info.action as { interactive?: true }).interactive = true;
    await assert.rejects(wallet.signMessage('hello', { protocol: 'dkls23' }), RefusedError);
  });

  test('dkls23 with the action: a session is refused in any other place', async () => {
    const other = await newWallet();
    const [one, two] = [await begin(address), await begin(other)];
    assert.ok('ok' in (await one.finish({})));
    const middle = one.session.length >> 1;
    const swapped = `${one.session.slice(0, middle)}${one.session[middle] === '1' ? '2' : '1'}${one.session.slice(middle + 1)}`;
    const { sealed } = await readAction(store, (await openWallet(store, { id: address })).info);
    for (const [what, params] of Object.entries({
      'of another wallet': { session: two.session },
      'with the share of another': { share: two.share },
      altered: { session: swapped },
      'a share': { session: sealed },
      'with the messages of another': { messages: two.messages },
      'with none': { messages: {} },
    })) {
      assert.deepEqual(await one.finish(params), { error: { code: 'refused', message: 'request refused' } }, what);
    }
  });

  // Go's TestAttackByDifference, by what a user has: the store, and calls of the action. One call more than an honest
  // signature needs gives the whole private key. So no wallet does this by default.
  test('dkls23 with the action: the attack: one sealed session handed in twice gives the private key', async () => {
    const { user, message, finish, signature } = await begin(address);
    const honest = (await finish({})) as { ok: { message: string } };
    const last = decode(fromB64(honest.ok.message), 'dkls23/3');
    const [sid, u, w] = [bytes(last, 4, 32), toScalar(bytes(last, 5, 32)), toScalar(bytes(last, 6, 32))];

    // What both have in common by their shares, and the user's part of the key.
    const share = decode(user, 'share');
    const seed = list(share, 6)[0] as Uint8Array; // with party 2, the lowest other
    const x = toScalar(bytes(share, 5, 32));
    const skU = mod(lagrange([1, 2], 1) * x + hashToScalar('DKLS23-ZERO', seed, sid));

    // ψ + 1 in the place of ψ, in the box for the action.
    const boxKey = expand('DKLS23-BOX', 32, seed, sid, u32(1), u32(2));
    const outer = decode(message, 'dkls23/2');
    const boxes = map(outer.get(5));
    const contents = map(decodeBox(boxKey, bytes(boxes, 2)));
    contents.set(4, scalarBytes(mod(toScalar(bytes(contents, 4, 32)) + 1n)));
    boxes.set(2, encodeBox(boxKey, contents));

    const again = (await finish({ messages: { 1: b64(encode(outer)) } })) as { ok: { message: string } };
    const other = decode(fromB64(again.ok.message), 'dkls23/3');
    assert.notEqual(toScalar(bytes(other, 5, 32)), u); // the difference is the action's nonce
    const { r } = signature(fromB64(honest.ok.message));
    const skA = mod((toScalar(bytes(other, 6, 32)) - w) * inverse(toScalar(r)));
    const thief = privateKeyToAccount(`0x${Buffer.from(scalarBytes(mod(skU + skA))).toString('hex')}`);
    assert.equal(thief.address, address);
  });
});

describe('a threshold of 3', () => {
  test('dkls23: 3 of 5 with two shares here and the action, at a host that takes it', async () => {
    const id = await newWallet({ threshold: 3, parties: 5 });
    const calls: Call[] = [];
    await assert.rejects((await open(id, watched(calls))).signMessage('hello'), (error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, /where the host takes 65536/);
      return true;
    });
    assert.equal(calls.length, 0, 'what the host would refuse is not sent');

    // The newest hosts do, with what they have in force.
    const wide = await LocalRuntime.open({ dir: lit });
    try {
      const wallet = await open(id, watched(calls, wide));
      const signed = await wallet.signMessage('hello', { path: 'm/1' });
      assert.equal(signed.calls, 2);
      assert.equal(await recoverAddress({ hash: hashMessage('hello'), signature: signed.signature }), signed.address);
      assertDocumented(calls);
    } finally {
      wide.close();
    }
    await assert.rejects((await open(id)).signMessage('hello', { protocol: 'dkls18' }), UsageError);
    await assert.rejects((await open(id)).prepare(), UsageError);
    await assert.rejects((await open(id)).signMany([messageIntent('hello'), messageIntent('you')]), UsageError);
  });

  test('dkls23: 3 of 5 without an action: any shares that are here', async () => {
    const { wallet } = await createWallet({ store, threshold: 3, parties: 5 });
    const folder = join(store.dir, wallet.address);
    for (const name of ['cold.age', 'cold-4.age']) renameSync(join(folder, name), join(root, name));
    const signed = await (await openWallet(store, { id: wallet.address })).signMessage('hello');
    assert.equal(await recoverAddress({ hash: hashMessage('hello'), signature: signed.signature }), wallet.address);
    renameSync(join(folder, 'cold-3.age'), join(root, 'cold-3.age'));
    await assert.rejects((await openWallet(store, { id: wallet.address })).signMessage('hello'), { kind: 'missing' });
  });

  test('a threshold of 3 with an action has to be interactive', async () => {
    await assert.rejects(newWallet({ threshold: 3, parties: 5, interactive: false }), /--allow-interactive/);
    await assert.rejects(newWallet({ threshold: 4, parties: 3 }), UsageError);
  });

  test('dkls23: 3 of 4 of an offline deal, two shares on the machine that calls the action', async () => {
    const [one, two] = [await newMachine(join(root, 'one')), await newMachine(join(root, 'two'))];
    const [a, b] = [join(root, 'a.deal'), join(root, 'b.deal')];
    const parties = planParties(3, 4, { interactive: true });
    const action = { runtime, ...cosigner, authority: 'cold' };
    const deal = { store: one.store, threshold: 3, parties, here: [1, 3], action, out: a };
    await assert.rejects(beginDeal(deal), /--allow-interactive/);
    await beginDeal({ ...deal, interactive: true });
    const connect = async () => runtime;
    await stepDeal({ store: two.store, files: [a], out: b, here: [4] });
    for (let n = 0; n < 2; n++) {
      await stepDeal({ store: one.store, files: [b], out: a, connect });
      await stepDeal({ store: two.store, files: [a], out: b });
    }
    const { deal: id, dealt } = await stepDeal({ store: two.store, files: [a], out: b });
    const finished = [];
    for (const { store } of [one, two]) {
      finished.push(await finishDeal({ store, deal: Buffer.from(id, 'hex'), phrase: dealt?.phrase }));
    }
    assert.deepEqual(finished[1], finished[0]);
    assert.deepEqual([finished[0]?.threshold, finished[0]?.action?.interactive], [3, true]);

    const wide = await LocalRuntime.open({ dir: lit });
    try {
      const signed = await (await openWallet(one.store, { runtime: wide })).signMessage('hello');
      assert.equal(await recoverAddress({ hash: hashMessage('hello'), signature: signed.signature }), dealt?.address);
    } finally {
      wide.close();
    }
  });
});

describe('people on different machines, who pass files', () => {
  const out = (name: string) => join(root, name);
  let key: Hex;
  /** The store of each machine: the wallet's folder with one share. */
  const machines = new Map<number, string>();
  before(async () => {
    const identity = readFileSync(identityFile, 'utf8');
    const whole = openStore(out('whole'), async () => ({ identities: [identity] }));
    const { wallet } = await createWallet({ store: whole, threshold: 3, parties: 5 });
    key = wallet.address as Hex;
    for (const { index } of wallet.parties) {
      const dir = out(`machine-${index}`);
      cpSync(whole.dir, dir, { recursive: true });
      for (const { index: other } of wallet.parties) {
        if (other !== index) rmSync(join(dir, key, shareFileName(wallet, other)));
      }
      machines.set(index, dir);
    }
  });

  const rounds = (party: number, step: string, args: string[]) =>
    command('rounds', [step, '--store', String(machines.get(party)), ...args, '--json'], {
      TANDEM_IDENTITY: identityFile,
    });
  const begin = (party: number, signers: number[], message: string) =>
    rounds(party, 'begin', ['--signers', signers.join(), '--message', message, '--out', out(`1-${party}`)]);
  const from = (round: number, parties: number[]) => parties.flatMap((party) => ['--in', out(`${round}-${party}`)]);
  const session = (party: number) => join(String(machines.get(party)), key, `signing-${party}.age`);

  test('dkls23 by files: 3 of 5 sign; what each remembers is sealed, and gone in the end', async () => {
    const signers = [1, 3, 5];
    const others = (party: number) => signers.filter((other) => other !== party);
    const all = (step: (party: number) => Promise<Outcome>) => Promise.all(signers.map(step));
    for (const outcome of await all((party) => begin(party, signers, 'hello'))) json(outcome);
    assert.match(readFileSync(session(3), 'latin1'), /^age-encryption\.org/);
    for (const round of [1, 2]) {
      const steps = await all((party) =>
        rounds(party, 'next', [...from(round, others(party)), '--out', out(`${round + 1}-${party}`)]),
      );
      assert.deepEqual(json(steps[1] as Outcome), { round: round + 1, party: 3, waitingFor: [1, 5] });
    }
    const [first, ...more] = (await all((party) => rounds(party, 'finish', from(3, signers)))).map(json);
    assert.equal(first?.address, key);
    assert.equal(await recoverAddress({ hash: hashMessage('hello'), signature: first.signature as Hex }), key);
    for (const other of more) assert.equal(other.signature, first.signature);
    for (const party of signers) assert.ok(!existsSync(session(party)));
  });

  test('dkls23 by files: a session serves one step: also when that fails, and whose message it was is named', async () => {
    const messages = { 1: 'hello', 2: 'hello', 4: 'something else' };
    const begun = Object.entries(messages).map(([party, message]) => begin(Number(party), [1, 2, 4], message));
    for (const outcome of await Promise.all(begun)) json(outcome);
    // Nothing is used up before all messages are there.
    const kept = readFileSync(session(1));
    const wrong: [string[], RegExp][] = [
      [from(1, [2]), /party 4 is missing/],
      [from(1, [2, 2, 4]), /Two messages of party 2/],
      [['--in', identityFile], /not a message of dkls23/],
      [from(3, [1]), /those of round 1 are needed/],
    ];
    const told = wrong.map(async ([files, problem]) => {
      const { code, stderr } = await rounds(1, 'next', [...files, '--out', out('2-1')]);
      assert.equal(code, 64);
      assert.match(stderr, problem);
    });
    await Promise.all(told);
    assert.deepEqual(readFileSync(session(1)), kept);
    const refused = await rounds(1, 'next', [...from(1, [2, 4]), '--out', out('2-1')]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /by party 4 was refused \(it signs another digest\)/);
    assert.ok(!existsSync(session(1)));
    const again = await rounds(1, 'next', [...from(1, [2, 4]), '--out', out('2-1')]);
    assert.equal(again.code, 64);
    assert.match(again.stderr, /no signature under way/);
  });

  test('dkls23 by files refuses what cannot be signed', async () => {
    const refused = [
      ['begin', '--signers', '1,2', '--message', 'two are too few', '--out', out('x')],
      ['begin', '--signers', '2,3,4', '--message', 'without this party', '--out', out('x')],
      ['begin', '--signers', '1,2,3', '--message', 'no file'],
      ['next', '--out', out('x')],
      ['next', '--signers', '1,2,3', '--in', out('1-2'), '--out', out('x')],
      ['sign'],
    ].map(async ([step = '', ...args]) => {
      const { code, stderr } = await rounds(1, step, args);
      assert.equal(code, 64, `${step} ${args}: ${stderr}`);
    });
    await Promise.all(refused);
  });
});

/** The sizes of two calls are those of docs/protocol.md, and the sealed session is small. */
function assertDocumented(calls: readonly Call[]): void {
  const docs = readFileSync(new URL('../docs/protocol.md', import.meta.url), 'utf8');
  for (const bytes of calls.flatMap(({ params, answer }) => [size(params), size(answer)])) {
    assert.match(docs, new RegExp(`\\b${bytes.toLocaleString('en-US')}\\b`));
  }
  assert.ok(String(calls[1]?.params.session).length <= 4 * KB);
}

const noNonce = new Uint8Array(12);
function decodeBox(key: Uint8Array, box: Uint8Array): unknown {
  const cipher = createDecipheriv('chacha20-poly1305', key, noNonce, { authTagLength: 16 });
  cipher.setAuthTag(box.subarray(-16));
  return decodeCbor(concat(cipher.update(box.subarray(0, -16)), cipher.final()));
}
function encodeBox(key: Uint8Array, contents: Map<number, unknown>): Uint8Array {
  const cipher = createCipheriv('chacha20-poly1305', key, noNonce, { authTagLength: 16 });
  const sealed = concat(cipher.update(encode(contents)), cipher.final());
  return concat(sealed, cipher.getAuthTag());
}

/** A signature with the action up to the second call, by hand: what a user can do with the store. */
async function begin(id: string) {
  const { info } = await openWallet(store, { id });
  const { sealed: share, wallet, cid, source } = await readAction(store, info);
  const user = await readShare(store, info, 1);
  const tandem: Tandem = await loadTandem();
  const intent = messageIntent('hello');
  const digest = fromHex(digestOf(intent));
  const one = tandem.dkls23Round1({ share: user, signers: [1, 2], digest, path: 'm' });
  const call = async (params: Json) => (await runtime.run({ cid, source }, params)) as { [name: string]: Json };
  const joined = (await call({
    op: 'dkls23Join',
    ...{ wallet, share, signers: [1, 2], intent: intentJson(intent) },
    messages: { 1: b64(one.message) },
  })) as { ok: { session: string; messages: { round1: string; round2: string } } };
  const [first, second] = [fromB64(joined.ok.messages.round1), fromB64(joined.ok.messages.round2)];
  const from = (message: Uint8Array): Messages => new Map([[2, message]]);
  const two = tandem.dkls23Round2({ share: user, session: one.session, messages: from(first) });
  const { session } = joined.ok;
  const messages = { 1: b64(two.message) };
  return {
    ...{ user, share, session, messages, message: two.message },
    finish: (change: { [name: string]: Json }) =>
      call({ op: 'dkls23Finish', wallet, share, session, messages, ...change }),
    signature: (round3: Uint8Array) => {
      const three = tandem.dkls23Round3({ share: user, session: two.session, messages: from(second) });
      return tandem.dkls23Finish({ share: user, session: three.session, messages: from(round3) });
    },
  };
}
