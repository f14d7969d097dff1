import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { before, describe, test } from 'node:test';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import * as cborg from 'cborg';
import fc from 'fast-check';
import { bytesToHex, getAddress, recoverAddress } from 'viem';
import { privateKeyToAddress, publicKeyToAddress } from 'viem/accounts';
import { decodeCbor, encodeCbor } from '../ts/core/cbor.ts';
import { TandemError } from '../ts/core/errors.ts';
import { RandomGlue } from '../ts/core/glue.ts';
import { startModule } from '../ts/core/module.ts';
import { loadGlue, loadModule, loadTandem } from '../ts/core/node.ts';
import { type DealParams, instantiate, type Messages, type ShareInfo, type Tandem } from '../ts/core/wasm.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);
const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));

/** What `derive` takes, the cheapest call: the boundary is tested with it. */
const child = { publicKey: secp256k1.Point.BASE.toBytes(), chainCode: new Uint8Array(32).fill(7), path: 'm' };
const good = encodeCbor(child);

let wasm: WebAssembly.Module;
before(async () => {
  wasm = await loadModule('tandem');
});

/** An instance without our loader: raw bytes in, raw bytes out. */
async function raw() {
  const go = new RandomGlue();
  const { exports } = await WebAssembly.instantiate(wasm, go.importObject);
  await go.run({ exports } as WebAssembly.Instance);
  const memory = () => new Uint8Array((exports.memory as WebAssembly.Memory).buffer);
  const alloc = exports.tandem_alloc as (n: number) => number;
  const free = exports.tandem_free as (pointer: number, n: number) => void;
  const step = (name: string) => exports[name] as (pointer: number, n: number) => bigint;
  const view = (packed: bigint) => {
    const at = Number(BigInt.asUintN(64, packed) >> 32n);
    return memory().subarray(at, at + Number(packed & 0xffffffffn));
  };
  const call = (name: string, input: Uint8Array) => {
    const pointer = alloc(input.length);
    assert.notEqual(pointer, 0);
    memory().set(input, pointer);
    const output = view(step(name)(pointer, input.length));
    return { output, input: memory().subarray(pointer, pointer + input.length) };
  };
  return { memory, alloc, free, step, view, call };
}

function keygen(self: number): DealParams {
  return { kind: 'keygen', threshold: 2, parties: [1, 2, 3], contributors: [1, 2, 3], self, epoch: 0 };
}

type Shares = Map<number, Uint8Array>;

function share(shares: Shares, index: number): Uint8Array {
  const found = shares.get(index);
  assert.ok(found);
  return found;
}

/** A keygen of parties 1, 2 and 3. */
function generate() {
  return dealt([1, 2, 3], keygen);
}

/** Deals among parties with an instance each; party 2 joins, as an action does. */
async function dealt(parties: number[], params: (self: number) => DealParams) {
  const others = (messages: Messages, self: number) => new Map([...messages].filter(([index]) => index !== self));
  const instances = new Map<number, Tandem>();
  for (const index of parties) instances.set(index, await loadTandem());

  const sessions = new Map<number, Uint8Array>();
  const round1 = new Map<number, Uint8Array>();
  const round2 = new Map<number, Uint8Array>();
  for (const [index, tandem] of instances) {
    if (index === 2) continue;
    const { session, message } = tandem.dealRound1(params(index));
    sessions.set(index, session);
    round1.set(index, message);
  }
  const joined = instances.get(2)?.dealJoin(params(2), round1);
  assert.ok(joined);
  round1.set(2, joined.message1);
  round2.set(2, joined.message2);

  sessions.set(2, joined.session);
  for (const [index, tandem] of instances) {
    if (index === 2) continue;
    const { session, message } = tandem.dealRound2(share(sessions, index), others(round1, index));
    sessions.set(index, session);
    round2.set(index, message);
  }
  const round3 = new Map<number, Uint8Array>();
  for (const [index, tandem] of instances) {
    const { session, message } = tandem.dealRound3(share(sessions, index), others(round2, index));
    sessions.set(index, session);
    round3.set(index, message);
  }
  const shares: Shares = new Map();
  const infos = new Map<number, ShareInfo>();
  for (const [index, tandem] of instances) {
    const finished = tandem.dealFinish(share(sessions, index), others(round3, index));
    shares.set(index, finished.share);
    infos.set(index, finished.info);
  }
  return { shares, infos };
}

/** Signs a random digest with two shares and returns the address that viem recovers. */
async function signedBy(shares: Shares, user: number, peer: number, path: string): Promise<string> {
  const [asking, answering] = [await loadTandem(), await loadTandem()];
  const digest = crypto.getRandomValues(new Uint8Array(32));
  const { session, request } = asking.dkls18Request({ share: share(shares, user), peer });
  const response = answering.dkls18Respond({ share: share(shares, peer), peer: user, digest, path, request });
  const signature = asking.dkls18Finish({ share: share(shares, user), session, digest, path, response });
  return recoverAddress({
    hash: bytesToHex(digest),
    signature: { r: bytesToHex(signature.r), s: bytesToHex(signature.s), yParity: signature.yParity },
  });
}

/** Signs a random digest in three rounds; party 2 joins. Returns the addresses that viem recovers, for each signer. */
async function signedByThree(shares: Shares, signers: readonly number[], path: string): Promise<string[]> {
  const digest = crypto.getRandomValues(new Uint8Array(32));
  const params = (self: number) => ({ share: share(shares, self), signers, digest, path });
  const relay = await loadTandem();
  const to = (self: number, messages: Messages) =>
    new Map([...messages].filter(([i]) => i !== self).map(([i, message]) => [i, relay.dkls23For(self, message)]));
  const instances = new Map<number, Tandem>();
  for (const index of signers) instances.set(index, await loadTandem());

  const sessions = new Map<number, Uint8Array>();
  const [round1, round2, round3] = [new Map(), new Map(), new Map()] as [Shares, Shares, Shares];
  for (const [index, tandem] of instances) {
    if (index === 2) continue;
    const { session, message } = tandem.dkls23Round1(params(index));
    sessions.set(index, session);
    round1.set(index, message);
  }
  const joined = instances.get(2)?.dkls23Join(params(2), to(2, round1));
  if (joined) {
    sessions.set(2, joined.session);
    round1.set(2, joined.message1);
    round2.set(2, joined.message2);
  }
  const next = (index: number, messages: Messages) => ({
    share: share(shares, index),
    session: share(sessions, index),
    messages: to(index, messages),
  });
  for (const [index, tandem] of instances) {
    if (index === 2) continue;
    const { session, message } = tandem.dkls23Round2(next(index, round1));
    sessions.set(index, session);
    round2.set(index, message);
  }
  for (const [index, tandem] of instances) {
    const { session, message } = tandem.dkls23Round3(next(index, round2));
    assert.ok(session.length < 2048 && share(sessions, index).length < 2048);
    sessions.set(index, session);
    round3.set(index, message);
  }
  const signatures = [...instances].map(([index, tandem]) => tandem.dkls23Finish(next(index, round3)));
  return Promise.all(
    signatures.map(({ r, s, yParity }) =>
      recoverAddress({ hash: bytesToHex(digest), signature: { r: bytesToHex(r), s: bytesToHex(s), yParity } }),
    ),
  );
}

function uncompressed(publicKey: Uint8Array) {
  return bytesToHex(secp256k1.Point.fromBytes(publicKey).toBytes(false));
}

function errorCode(output: Uint8Array): unknown {
  const reply = decodeCbor(output);
  assert.ok(reply instanceof Map);
  const error: unknown = reply.get('error');
  assert.ok(error instanceof Map, 'an error was expected');
  assert.equal(typeof error.get('message'), 'string');
  return error.get('code');
}

describe('the wasm module', () => {
  test('the wasm module needs nothing from its host except random bytes', async () => {
    assert.deepEqual(WebAssembly.Module.imports(wasm), [
      { module: 'wasi_snapshot_preview1', name: 'random_get', kind: 'function' },
    ]);
    // TinyGo's own glue gives them too.
    const call = await startModule(wasm, await loadGlue());
    assert.deepEqual(call('derive', child).bytes('publicKey'), child.publicKey);
  });

  test('the wasm module takes arguments of up to 1 MB', async () => {
    const tandem = await loadTandem();
    const refused = (length: number, message: RegExp) =>
      assert.throws(() => tandem.derive({ ...child, chainCode: new Uint8Array(length) }), { code: 'input', message });
    const framing = good.length - child.chainCode.length + 3; // its length takes 5 bytes then, not 2
    refused((1 << 20) - framing, /chain code/);
    refused((1 << 20) - framing + 1, /too long/);
  });

  test('the wasm module serves many calls on one instance', async () => {
    const tandem = await loadTandem();
    for (let i = 1n; i <= 200n; i++) {
      const point = secp256k1.Point.BASE.multiply(i);
      const { address } = tandem.derive({ ...child, publicKey: point.toBytes() });
      assert.equal(getAddress(bytesToHex(address)), publicKeyToAddress(bytesToHex(point.toBytes(false))));
    }
  });
});

describe('the boundary', () => {
  // Each is the good argument but for what is said, so that nothing else is the reason.
  const bytes = (...parts: (Uint8Array | string)[]) =>
    Uint8Array.from(Buffer.concat(parts.map((part) => (typeof part === 'string' ? hex(part) : part))));
  const field = (name: string, ...value: (Uint8Array | string)[]) =>
    bytes(Uint8Array.of(0x60 + name.length), utf8(name), ...value);
  const path = field('path', '616d');
  const chainCode = field('chainCode', '5820', child.chainCode);
  const publicKey = field('publicKey', '5821', child.publicKey);
  const refused: Record<string, Uint8Array> = {
    garbage: hex('ff00c0ffee'),
    'a lone number': hex('00'),
    'a list': hex('80'),
    null: hex('f6'),
    'a map without a field': bytes('a2', path, chainCode),
    'a field of another type': bytes('a3', field('path', '416d'), chainCode, publicKey),
    'a field of null': bytes('a3', field('path', 'f6'), chainCode, publicKey),
    'an unknown field': bytes('a4', path, field('peth', '616d'), chainCode, publicKey),
    'a field named in capitals': bytes('a3', field('PATH', '616d'), chainCode, publicKey),
    'fields in another order': bytes('a3', chainCode, path, publicKey),
    'a trailing byte': bytes(good, '00'),
    'two values': bytes(good, good),
    'a repeated field': bytes('a4', path, path, chainCode, publicKey),
    'a longer length than need be': bytes('a3', field('path', '78016d'), chainCode, publicKey),
    'an indefinite byte string': bytes('a3', path, field('chainCode', '5f5820', child.chainCode, 'ff'), publicKey),
    'an indefinite map': bytes('bf', path, chainCode, publicKey, 'ff'),
    'a tag': bytes('a3', path, field('chainCode', 'c25820', child.chainCode), publicKey),
    'a length past the end': bytes('a3', path, chainCode, field('publicKey', '5affffffff', child.publicKey)),
    'a length past 64 bits of memory': bytes(
      'a3',
      path,
      chainCode,
      field('publicKey', '5bffffffffffffffff', child.publicKey),
    ),
    'lists nested a hundred thousand deep': new Uint8Array(100_000).fill(0x81),
    'maps nested a hundred thousand deep': new Uint8Array(100_000).fill(0xa1),
    'a list that claims four billion elements': hex('9affffffff'),
    'a key that is no text': bytes('a4', '014101', path, chainCode, publicKey),
    'a field that is no UTF-8': bytes('a4', '62c3284101', path, chainCode, publicKey),
  };

  for (const [name, input] of Object.entries(refused)) {
    test(`the wasm boundary refuses ${name}`, async () => {
      const { call } = await raw();
      assert.equal(errorCode(call('derive', input).output), 'input');
      // The instance still works.
      assert.ok(decodeCbor(call('derive', good).output) instanceof Map);
    });
  }

  test('the wasm boundary refuses every truncation', async () => {
    const { call } = await raw();
    for (let n = 1; n < good.length; n++) {
      assert.equal(errorCode(call('derive', good.slice(0, n)).output), 'input', `${n} bytes`);
    }
  });

  test('the wasm boundary answers to every flipped bit with a result or an error', async () => {
    const { call } = await raw();
    for (let bit = 0; bit < good.length * 8; bit++) {
      const altered = good.slice();
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const { output } = call('derive', altered);
      const isOk = (decodeCbor(output) as Map<string, unknown>).has('ok');
      if (!isOk) assert.equal(errorCode(output), 'input', `bit ${bit}`);
      // The chain code may change freely, and the public key to that of another point.
      const [key, code] = [good.length - 33, good.length - publicKey.length - 32];
      const at = bit >> 3;
      if (at < key) assert.equal(isOk, at >= code && at < code + 32, `bit ${bit}`);
    }
  });

  test('the wasm boundary gives no buffer of no or too many bytes', async () => {
    const { alloc } = await raw();
    assert.equal(alloc(0), 0);
    assert.equal(alloc((1 << 20) + 1), 0);
    assert.equal(alloc(-1), 0);
    assert.notEqual(alloc(1 << 20), 0);
  });

  test('the wasm boundary reads no memory that it did not hand out', async () => {
    const { memory, alloc, free, step, view } = await raw();
    const pointer = alloc(good.length);
    memory().set(good, pointer);
    const attempts: [number, number][] = [
      [0, 0],
      [0, good.length],
      [pointer + 1, good.length - 1],
      [pointer, good.length + 1],
      [pointer, 0],
      [0xfffffff0, 100],
      [8, 0xffffffff],
    ];
    for (const [at, length] of attempts) {
      assert.equal(errorCode(view(step('derive')(at, length))), 'input', `${length} bytes at ${at}`);
      free(pointer + 1, 1);
    }
    assert.ok((decodeCbor(view(step('derive')(pointer, good.length))) as Map<string, unknown>).has('ok'));
    free(pointer, good.length);
    assert.equal(errorCode(view(step('derive')(pointer, good.length))), 'input');
  });

  test('the wasm boundary clears inputs after the call, and results when they are freed', async () => {
    const { memory, free, call } = await raw();
    const { output, input } = call('derive', good);
    assert.deepEqual(input, new Uint8Array(good.length));
    assert.ok(output.some((byte) => byte !== 0));
    const { byteOffset, length } = output;
    free(byteOffset, length);
    assert.deepEqual(memory().slice(byteOffset, byteOffset + length), new Uint8Array(length));
  });
});

describe('the loader', () => {
  test('the loader of the wasm module keeps instances apart', async () => {
    const [one, two] = await Promise.all([instantiate(wasm), instantiate(wasm)]);
    const double = secp256k1.Point.BASE.double().toBytes();
    assert.deepEqual(one.derive(child).publicKey, child.publicKey);
    assert.deepEqual(two.derive({ ...child, publicKey: double }).publicKey, double);
  });

  test('the loader of the wasm module leaves the arguments of the caller alone', async () => {
    const mine = { ...child, chainCode: child.chainCode.slice() };
    (await instantiate(wasm)).derive(mine);
    assert.deepEqual(mine, child);
  });

  test('the loader of the wasm module refuses a module that is not ours', async () => {
    const empty = await WebAssembly.compile(hex('0061736d01000000'));
    await assert.rejects(instantiate(empty), (error) => error instanceof TandemError && error.code === 'internal');
  });

  test('the loader of the wasm module turns a trap into an error and does not use the instance again', async () => {
    let randomness = true;
    class Flaky extends RandomGlue {
      constructor() {
        super();
        const wasi = this.importObject.wasi_snapshot_preview1;
        const { random_get } = wasi;
        wasi.random_get = (...args) => (randomness ? random_get(...args) : 52);
      }
    }
    const call = await startModule(wasm, Flaky);
    const keygenArgument = { ...keygen(1) };
    call('deal_round1', keygenArgument);
    randomness = false;
    assert.throws(() => call('deal_round1', keygenArgument), { code: 'internal', message: /failed in deal_round1/ });
    randomness = true;
    assert.throws(() => call('derive', child), { code: 'internal', message: /start a new one/ });
    assert.ok((await startModule(wasm, Flaky))('derive', child));
  });

  test('the loader of the wasm module does not start without randomness', async () => {
    class Broken extends RandomGlue {
      constructor() {
        super();
        this.importObject.wasi_snapshot_preview1.random_get = () => 52;
      }
    }
    await assert.rejects(startModule(wasm, Broken), { name: 'TandemError', code: 'internal' });
  });
});

describe('the protocols', () => {
  test('keygen, with one party that joins: all agree, and any two sign', async () => {
    const { shares, infos } = await generate();
    const [first] = infos.values();
    assert.ok(first);
    for (const [index, info] of infos) {
      assert.deepEqual(info, { ...first, index });
      assert.deepEqual((await loadTandem()).shareInfo(share(shares, index)), info);
      assert.ok(share(shares, index).length < 400);
    }
    assert.deepEqual(first.parties, [1, 2, 3]);
    assert.equal(getAddress(bytesToHex(first.address)), publicKeyToAddress(uncompressed(first.publicKey)));
    for (const [user, peer] of [
      [1, 2],
      [2, 1],
      [3, 2],
    ] as const) {
      assert.equal(await signedBy(shares, user, peer, 'm'), getAddress(bytesToHex(first.address)));
    }
    const child = (await loadTandem()).derive({ ...first, path: 'm/44/60' });
    assert.notDeepEqual(child.publicKey, first.publicKey);
    assert.equal(await signedBy(shares, 1, 2, 'm/44/60'), getAddress(bytesToHex(child.address)));
  });

  test('import of a known key', async () => {
    const secret = hex('4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318');
    const terms = { kind: 'import', threshold: 2, parties: [1, 2], contributors: [1], epoch: 0 } as const;
    const { shares, infos } = await dealt([1, 2], (self) =>
      self === 1 ? { ...terms, self, secret } : { ...terms, self },
    );
    const address = privateKeyToAddress(bytesToHex(secret));
    assert.equal(getAddress(bytesToHex(infos.get(2)?.address ?? secret)), address);
    assert.equal(await signedBy(shares, 2, 1, 'm'), address);
  });

  test('combine: any two shares give the key that was imported; one alone, or of another key, does not', async () => {
    const tandem = await loadTandem();
    const secret = hex('11'.repeat(32));
    const { shares } = await dealt([1, 2, 3], (self) => ({
      ...{ kind: 'import', threshold: 2, parties: [1, 2, 3], contributors: [1], self, epoch: 0 },
      ...(self === 1 && { secret }),
    }));
    for (const [a, b] of [[1, 2] as const, [3, 1] as const]) {
      assert.deepEqual(tandem.combine([share(shares, a), share(shares, b)]), secret);
    }
    const { shares: other } = await generate();
    assert.throws(() => tandem.combine([share(shares, 1)]), { code: 'input' });
    assert.throws(() => tandem.combine([share(shares, 1), share(shares, 1)]), { code: 'input' });
    assert.throws(() => tandem.combine([share(shares, 1), share(other, 2)]), { code: 'identity' });
  });

  test('reshare: a new party in the place of a lost one, the same key', async () => {
    const { shares, infos } = await generate();
    const old = (await loadTandem()).shareKey(share(shares, 1));
    const params = (self: number): DealParams => ({
      ...{ kind: 'reshare', threshold: 2, parties: [1, 2, 4], contributors: [1, 2], self, epoch: 1 },
      ...(self === 4 ? { old } : { share: share(shares, self) }),
    });
    const next = await dealt([1, 2, 4], params);
    const address = getAddress(bytesToHex(infos.get(1)?.address ?? old));
    assert.equal(await signedBy(next.shares, 4, 2, 'm'), address);
    assert.equal(next.infos.get(4)?.epoch, 1);
    assert.notDeepEqual(next.infos.get(4)?.keyId, infos.get(1)?.keyId);
    // An old share and a new one do not go together.
    const mixed = new Map([...next.shares, [1, share(shares, 1)]]);
    await assert.rejects(signedBy(mixed, 1, 2, 'm'), { code: 'identity' });
  });

  test('dkls23: any t of n, a party that joins, messages with no more than is for their receiver', async () => {
    const three = await dealt([1, 2, 3, 4, 5], (self) => ({
      ...keygen(self),
      ...{ threshold: 3, parties: [1, 2, 3, 4, 5], contributors: [1, 2, 3, 4, 5] },
    }));
    const two = await generate();
    for (const [{ shares, infos }, signers, path] of [
      [two, [1, 2], 'm'],
      [two, [1, 3], 'm/0/7'],
      [three, [1, 2, 4], 'm/7'],
      [three, [3, 4, 5], 'm'],
    ] as const) {
      const info = infos.get(1);
      assert.ok(info);
      const { address } = (await loadTandem()).derive({ ...info, path });
      for (const signed of await signedByThree(shares, signers, path)) {
        assert.equal(signed, getAddress(bytesToHex(address)), String(signers));
      }
    }
  });

  test('dkls23: errors carry a code, and the party at fault', async () => {
    const { shares } = await generate();
    const tandem = await loadTandem();
    const digest = new Uint8Array(32).fill(5);
    const params = (self: number) => ({ share: share(shares, self), signers: [1, 2], digest, path: 'm' });
    const one = tandem.dkls23Round1(params(1));
    const joined = tandem.dkls23Join(params(2), new Map([[1, one.message]]));
    const round2 = { share: share(shares, 1), session: one.session, messages: new Map([[2, joined.message1]]) };
    const two = tandem.dkls23Round2(round2);
    const round3 = { share: share(shares, 1), session: two.session, messages: new Map([[2, joined.message2]]) };

    assert.throws(() => tandem.dkls23Round1({ ...params(1), signers: [1, 2, 3] }), { code: 'input' });
    assert.throws(() => tandem.dkls23Round1({ ...params(1), signers: [2, 3] }), { code: 'input' });
    assert.throws(() => tandem.dkls23Round1({ ...params(1), digest: digest.slice(1) }), { code: 'input' });
    assert.throws(() => tandem.dkls23Round2({ ...round2, session: two.session }), { code: 'session' });
    assert.throws(() => tandem.dkls23Round2({ ...round2, share: share(shares, 2) }), { code: 'session' });
    assert.throws(() => tandem.dkls23Round2({ ...round2, messages: new Map() }), { code: 'input' });
    assert.throws(() => tandem.dkls23Round2({ ...round2, messages: new Map([[2, hex('a0')]]) }), {
      code: 'party',
      party: 2,
    });
    const altered = joined.message2.slice();
    altered[altered.length - 1] = (altered.at(-1) ?? 0) ^ 1;
    assert.throws(() => tandem.dkls23Round3({ ...round3, messages: new Map([[2, altered]]) }), {
      code: 'party',
      party: 2,
    });
    const other = tandem.dkls23Round1({ ...params(1), digest: digest.map((byte) => byte ^ 1) });
    assert.throws(() => tandem.dkls23Join(params(2), new Map([[1, other.message]])), { code: 'party', party: 1 });
    assert.throws(() => tandem.dkls23For(3, one.message), { code: 'input' });
    assert.throws(() => tandem.dkls23For(2, hex('a0')), { code: 'input' });
  });

  test('errors carry a code, and the party at fault', async () => {
    const { shares } = await generate();
    const tandem = await loadTandem();
    const [one, two, three] = [share(shares, 1), share(shares, 2), share(shares, 3)];
    const digest = new Uint8Array(32).fill(5);
    const { session, request } = tandem.dkls18Request({ share: one, peer: 2 });
    const response = tandem.dkls18Respond({ share: two, peer: 1, digest, path: 'm', request });
    const finish = { share: one, session, digest, path: 'm', response };

    assert.throws(() => tandem.shareInfo(one.slice(1)), { code: 'input' });
    assert.throws(() => tandem.dkls18Request({ share: one, peer: 9 }), { code: 'input' });
    assert.throws(() => tandem.dkls18Respond({ share: three, peer: 1, digest, path: 'm', request }), {
      code: 'identity',
    });
    assert.throws(() => tandem.dkls18Respond({ share: two, peer: 1, digest, path: "m/0'", request }), {
      code: 'input',
    });
    assert.throws(() => tandem.dkls18Respond({ share: two, peer: 1, digest: digest.slice(1), path: 'm', request }), {
      code: 'input',
    });
    assert.throws(() => tandem.dealRound2(session, new Map()), { code: 'session' });
    assert.throws(() => tandem.dkls18Finish({ ...finish, share: two }), { code: 'session' });
    assert.throws(() => tandem.dkls18Finish({ ...finish, digest: digest.map((byte) => byte ^ 1) }), { code: 'stale' });
    const altered = response.slice();
    altered[altered.length - 1] = (altered.at(-1) ?? 0) ^ 1;
    assert.throws(() => tandem.dkls18Finish({ ...finish, response: altered }), { code: 'check' });
    assert.equal(tandem.dkls18Finish(finish).r.length, 32);

    const junk = new Map([2, 3].map((i) => [i, hex('a0')]));
    assert.throws(() => tandem.dealJoin(keygen(1), junk), { code: 'party', party: 2 });
  });
});

describe('CBOR', () => {
  test('CBOR is written deterministically: shortest forms, keys in the order of their bytes', () => {
    const value = {
      b: 1,
      aa: new Map([
        [10, 'x'],
        [-1, 'y'],
        [1, 'z'],
      ] as const),
      a: [24, true, null],
      c: undefined,
    };
    assert.equal(
      Buffer.from(encodeCbor(value)).toString('hex'),
      'a361618318' + '18f5f661620162' + '6161a301617a0a61782061' + '79',
    );
  });

  test('CBOR round-trips', () => {
    const value = new Map<unknown, unknown>([
      [1, Uint8Array.of(1, 2, 3)],
      ['k', new Map([[7, [1, 'two', -3]]])],
    ]);
    assert.deepEqual(decodeCbor(encodeCbor(value)), value);
  });

  for (const [name, data] of Object.entries({
    nothing: '',
    'a trailing byte': '0000',
    'a long form': '1801',
    'keys out of order': 'a2616201616101',
    'a repeated key': 'a2616101616102',
    'an indefinite list': '9fff',
    'an indefinite map': 'bfff',
    undefined: 'f7',
    'not-a-number': 'f97e00',
    infinity: 'f97c00',
    'a long float': 'fb3ff8000000000000',
    'an integer as a float': 'f93c00',
    'a tag': 'c101',
    'text that is no UTF-8': '62c328',
    'a truncated byte string': '4201',
  })) {
    test(`CBOR refuses ${name}`, () => {
      assert.throws(() => decodeCbor(hex(data)));
    });
  }

  test('CBOR refuses to write what has no encoding', () => {
    const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);
    assert.deepEqual(decodeCbor(encodeCbor(nested(64))), nested(64));
    assert.throws(() => decodeCbor(Uint8Array.of(...Array(65).fill(0x81), 1)), /nested/);
    for (const value of [undefined, 1.5, 2 ** 53, 1n, '\ud800', new Date(), new ArrayBuffer(1), nested(65), () => 1]) {
      assert.throws(() => encodeCbor(value), /^Error: CBOR/, String(value));
    }
  });

  const { item } = fc.letrec<{ item: unknown }>((tie) => ({
    item: fc.oneof(
      { maxDepth: 3 },
      fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -70_000, max: 70_000 }), fc.boolean(), fc.constant(null)),
      fc.string({ unit: 'grapheme' }),
      fc.uint8Array({ maxLength: 300 }),
      fc.array(tie('item'), { maxLength: 30, size: 'small' }),
      fc
        .array(fc.tuple(fc.oneof(fc.string(), fc.integer()), tie('item')), { size: 'small' })
        .map((entries) => new Map(entries)),
    ),
  }));

  test('CBOR is that of another implementation', () => {
    fc.assert(
      fc.property(item, (value) => {
        const encoded = encodeCbor(value);
        assert.equal(bytesToHex(encoded), bytesToHex(cborg.encode(value, cborg.rfc8949EncodeOptions)));
        assert.deepEqual(decodeCbor(encoded), value);
      }),
      { seed: 8 },
    );
  });

  test('CBOR is refused where another implementation reads something else, or writes it otherwise', () => {
    const plain = fc.oneof(fc.uint8Array({ maxLength: 12 }), item.map(encodeCbor));
    const edit = fc.tuple(fc.nat(), fc.nat({ max: 255 }));
    fc.assert(
      fc.property(plain, fc.array(edit, { maxLength: 2 }), (data, edits) => {
        const bytes = data.slice();
        for (const [at, value] of edits) if (bytes.length > 0) bytes[at % bytes.length] = value;
        assert.deepEqual(
          attempt(() => decodeCbor(bytes)),
          attempt(() => byCborg(bytes)),
        );
      }),
      { numRuns: 1000, seed: 8 },
    );
  });
});

function attempt(decode: () => unknown): unknown {
  try {
    return { value: decode() };
  } catch (error) {
    fc.pre(!/complex key types are not supported/.test(String(error))); // cborg writes no list or map as a key
    return 'refused';
  }
}

/** cborg's reading of bytes that are what it writes, of numbers that encodeCbor writes. */
function byCborg(bytes: Uint8Array): unknown {
  const strict = { allowIndefinite: false, allowUndefined: false, rejectDuplicateMapKeys: true, strict: true };
  const value: unknown = cborg.decode(bytes, { ...strict, useMaps: true });
  const typeEncoders = { number: (n: number) => (Number.isSafeInteger(n) ? null : assert.fail()), bigint: assert.fail };
  const again = cborg.encode(value, { ...cborg.rfc8949EncodeOptions, typeEncoders });
  assert.equal(bytesToHex(again), bytesToHex(bytes));
  return value;
}

test('the glue is TinyGo’s own and generates no code from strings', async () => {
  const source = await readFile(new URL('../build/wasm_exec.js', import.meta.url), 'utf8');
  assert.match(source, /modified for use by the TinyGo compiler/);
  assert.doesNotMatch(source, /\beval\(|new Function\(/);
});
