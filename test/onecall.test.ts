import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { TandemError } from '../ts/core/errors.ts';
import { loadTandem } from '../ts/core/node.ts';
import type { DealParams, ShareInfo, Signature, Tandem } from '../ts/core/wasm.ts';

const USER = 1;
const ACTION = 2;

/** A 2-of-2 key; each party's steps in one instance. */
async function keygen(): Promise<{ user: Uint8Array; action: Uint8Array; info: ShareInfo }> {
  const [one, two] = [await loadTandem(), await loadTandem()];
  const params = (self: number): DealParams => {
    return { kind: 'keygen', threshold: 2, parties: [1, 2], contributors: [1, 2], self, epoch: 0 };
  };
  const from = (index: number, message: Uint8Array) => new Map([[index, message]]);
  const [a1, b1] = [one.dealRound1(params(1)), two.dealRound1(params(2))];
  const a2 = one.dealRound2(a1.session, from(2, b1.message));
  const b2 = two.dealRound2(b1.session, from(1, a1.message));
  const a3 = one.dealRound3(a2.session, from(2, b2.message));
  const b3 = two.dealRound3(b2.session, from(1, a2.message));
  const finished = one.dealFinish(a3.session, from(2, b3.message));
  const action = two.dealFinish(b3.session, from(1, a3.message)).share;
  return { user: finished.share, action, info: finished.info };
}

/** Made once, by instances that are not used again. */
async function correlate(user: Uint8Array, action: Uint8Array) {
  const asking = await loadTandem();
  const { session, request } = asking.correlateRequest({ hedge: user, peer: ACTION });
  const answer = (await loadTandem()).correlateRespond({ share: action, peer: USER, request });
  const { correlation, id } = (await loadTandem()).correlateAccept({ share: user, session, answer });
  return { session, request, answer, correlation, id };
}

const digests = (n: number) => Array.from({ length: n }, () => crypto.getRandomValues(new Uint8Array(32)));

function verifies(signature: Signature, digest: Uint8Array, publicKey: Uint8Array): boolean {
  const { r, s, yParity } = signature;
  const bytes = Uint8Array.from([...r, ...s]);
  const ours = secp256k1.Signature.fromBytes(bytes).addRecoveryBit(yParity);
  assert.deepEqual(ours.recoverPublicKey(digest).toBytes(true), publicKey);
  return secp256k1.verify(bytes, digest, publicKey, { prehash: false, lowS: true });
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

describe('onecall, in the built module', () => {
  let key: Awaited<ReturnType<typeof keygen>>;
  let made: Awaited<ReturnType<typeof correlate>>;
  let tandem: Tandem;
  before(async () => {
    key = await keygen();
    made = await correlate(key.user, key.action);
    tandem = await loadTandem();
  });

  /** The request and its response, by one instance each. */
  async function exchange(all: readonly Uint8Array[], path: string) {
    const { session, request } = (await loadTandem()).onecallRequest({
      share: key.user,
      correlation: made.correlation,
      peer: ACTION,
      digests: all,
      path,
    });
    const params = { share: key.action, peer: USER, digests: all, path, inputs: new Uint8Array() };
    const { response } = (await loadTandem()).onecallRespond({ ...params, request });
    return { session, request, response, params };
  }

  test('signs one digest and three, under the key and under a derived one', async () => {
    for (const [n, path] of [
      [1, 'm'],
      [3, 'm'],
      [8, 'm/44/60'],
    ] as const) {
      const all = digests(n);
      const { session, response } = await exchange(all, path);
      const finishing = await loadTandem();
      finishing.onecallCheck({ session, response });
      const signatures = finishing.onecallFinish({ correlation: made.correlation, session, response });
      assert.equal(signatures.length, n);
      const { publicKey } = tandem.derive({ ...key.info, path });
      for (const [i, signature] of signatures.entries())
        assert.ok(verifies(signature, all[i] ?? signature.r, publicKey));
    }
  });

  test('is small', async () => {
    assert.ok(made.request.length < 28_000 && made.answer.length < 30_500 && made.correlation.length < 14_500);
    const one = await exchange(digests(1), 'm');
    assert.ok(one.request.length < 320 && one.response.length < 5_000);
    const eight = await exchange(digests(8), 'm');
    assert.ok(eight.request.length < 1_100 && eight.response.length < 23_000);
  });

  test('a set-up request gets the same answer again, but for its proof', async () => {
    const again = (await loadTandem()).correlateRespond({ share: key.action, peer: USER, request: made.request });
    assert.deepEqual(again.subarray(0, -64), made.answer.subarray(0, -64));
    assert.notDeepEqual(again, made.answer);
    const { correlation, id } = (await loadTandem()).correlateAccept({
      share: key.user,
      session: made.session,
      answer: again,
    });
    assert.deepEqual(correlation, made.correlation);
    assert.deepEqual(id, made.id);
  });

  test('what a relay changes is stale, and loses nothing', async () => {
    const all = digests(2);
    const { session, request, response, params } = await exchange(all, 'm');
    const { correlation } = made;
    const finishing = await loadTandem();
    const changed = flipped(response, response.length - 40);
    assert.throws(() => finishing.onecallCheck({ session, response: changed }), { code: 'stale' });
    assert.throws(() => finishing.onecallFinish({ correlation, session, response: changed }), { code: 'stale' });
    const seed = request.findIndex((_, i) => Buffer.from(request.subarray(i)).indexOf(Buffer.from(made.id)) === 0) + 35;
    const { response: other } = tandem.onecallRespond({ ...params, request: flipped(request, seed) });
    assert.throws(() => finishing.onecallFinish({ correlation, session, response: other }), { code: 'stale' });
    assert.equal(finishing.onecallFinish({ correlation, session, response }).length, 2);

    const answer = flipped(made.answer, 1000);
    const input = { share: key.user, session: made.session, answer };
    assert.throws(() => tandem.correlateAccept(input), { code: 'stale' });
  });

  test("answers a thousand altered requests with one of two errors, or as if they were a cheating user's", async () => {
    const all = digests(1);
    const { session, request, params } = await exchange(all, 'm');
    let seed = 1;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    const counts: Record<string, number> = {};
    let [acting, finishing] = [await loadTandem(), await loadTandem()];
    for (let i = 0; i < 1000; i++) {
      if (i % 50 === 0) [acting, finishing] = [await loadTandem(), await loadTandem()];
      let altered = request.slice();
      for (let n = random(3); n >= 0; n--) altered[random(altered.length)] = random(256);
      if (i % 10 === 0) altered = altered.slice(0, random(altered.length));
      if (Buffer.compare(altered, request) === 0) continue;
      let code = 'answered';
      try {
        const { response } = acting.onecallRespond({ ...params, request: altered });
        assert.throws(() => finishing.onecallCheck({ session, response }), { code: 'stale' });
      } catch (error) {
        assert.ok(error instanceof TandemError, String(error));
        code = error.code;
      }
      counts[code] = (counts[code] ?? 0) + 1;
    }
    assert.deepEqual(Object.keys(counts).sort(), ['answered', 'identity', 'input']);
    assert.ok((counts.answered ?? 0) > 50, JSON.stringify(counts));
  });

  test('refuses what belongs to another key, and what is none', async () => {
    const stranger = await keygen();
    const asked = { correlation: made.correlation, peer: ACTION, digests: digests(1), path: 'm' };
    assert.throws(() => tandem.onecallRequest({ ...asked, share: stranger.user }), { code: 'session' });
    assert.throws(() => tandem.onecallRequest({ ...asked, share: key.user, peer: 3 }), { code: 'session' });
    assert.throws(() => tandem.onecallRequest({ ...asked, share: key.user, digests: [] }), { code: 'input' });
    assert.throws(() => tandem.onecallRequest({ ...asked, share: key.user, digests: digests(9) }), { code: 'input' });
    const { request, params } = await exchange(digests(1), 'm');
    assert.throws(() => tandem.onecallRespond({ ...params, request, share: stranger.action }), { code: 'identity' });
    const other = (await loadTandem()).correlateRespond({ share: stranger.action, peer: USER, request: made.request });
    assert.throws(() => tandem.correlateAccept({ share: key.user, session: made.session, answer: other }), {
      code: 'stale',
    });
  });
});
