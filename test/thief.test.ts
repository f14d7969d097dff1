import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { generateIdentity } from 'age-encryption';
import { privateKeyToAccount } from 'viem/accounts';
import { digestOfTerms, hashOf, SAME, type Terms, typedDataOf } from '../actions/cosigner/authorization.ts';
import { cidOf } from '../ts/build/cid.ts';
import { signTerms } from '../ts/client/authorize.ts';
import { buildCosigner } from '../ts/client/cosigner.ts';
import { createWallet } from '../ts/client/keygen.ts';
import { openStore, readAction, readShare, type Store, type WalletInfo } from '../ts/client/store.ts';
import { decodeCbor } from '../ts/core/cbor.ts';
import { loadTandem } from '../ts/core/node.ts';
import type { DealStep, Tandem } from '../ts/core/wasm.ts';
import { LocalRuntime } from '../ts/runtime/local.ts';
import type { Action, Json } from '../ts/runtime/types.ts';

// A thief has the hot share, the account's key and every sealed blob, and asks the action for its share, in every way
// there is. Neither the cold share nor a guardian's key is his.

const REFUSED = { error: { code: 'refused', message: 'request refused' } };
const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const bytes = (text: unknown) => new Uint8Array(Buffer.from(String(text), 'base64'));
const soon = () => Math.floor(Date.now() / 1000) + 600;

type Fields = { [name: string]: Json };

const root = mkdtempSync(join(tmpdir(), 'tandem-thief-'));
const guardian = privateKeyToAccount(`0x${'47'.repeat(32)}`);
const mallory = privateKeyToAccount(`0x${'66'.repeat(32)}`);
let runtime: LocalRuntime;
let store: Store;
let action: Action & { policy: string };
/** What the owner moves the share to, and what the thief would like to. */
let next: Action;
let thiefs: Action;

before(async () => {
  const identity = await generateIdentity();
  store = openStore(join(root, 'store'), async () => ({ identities: [identity] }));
  runtime = await LocalRuntime.open({ dir: join(root, 'host') });
  [action, next, thiefs] = await Promise.all([
    buildCosigner('messages'),
    buildCosigner('messages', 'chipotle', { minEpoch: 1 }),
    buildCosigner('any'),
  ]);
});
after(() => {
  runtime?.close();
  rmSync(root, { recursive: true, force: true });
});

/** All that the owner has of a wallet. */
interface Owned {
  readonly info: WalletInfo;
  readonly wallet: string;
  readonly sealed: string;
  readonly hot: Uint8Array;
  readonly cold: Uint8Array;
}

async function newWallet(authority: 'cold' | 'none' | `0x${string}`, by = action): Promise<Owned> {
  const made = await createWallet({ store, action: { runtime, ...by }, threshold: 2, parties: 3, authority });
  const { wallet, sealed } = readAction(store, made.wallet);
  const [hot, cold] = [await readShare(store, made.wallet, 1), await readShare(store, made.wallet, 3)];
  return { info: made.wallet, wallet, sealed, hot, cold };
}

const ask = async (params: Json, of: Action = action) => (await runtime.run(of, params)) as Fields;

async function granted(params: Json, of: Action = action): Promise<Fields> {
  const answer = await ask(params, of);
  assert.ok('ok' in answer, JSON.stringify(answer));
  return answer.ok as Fields;
}

/** New shares for parties 1 and 3, who are on one machine: the owner's, or the thief's. Party 1 has the hot share. */
interface Machine {
  readonly round1: Map<number, DealStep>;
  readonly tandems: Map<number, Tandem>;
  readonly messages: Map<number, Uint8Array>;
}

async function machine({ hot }: Owned): Promise<Machine> {
  const deal = { kind: 'reshare' as const, threshold: 2, parties: [1, 2, 3], contributors: [1, 2], epoch: 1 };
  const tandems = new Map([
    [1, await loadTandem()],
    [3, await loadTandem()],
  ]);
  const old = (await loadTandem()).shareKey(hot);
  const round1 = new Map(
    [...tandems].map(([self, tandem]) => [
      self,
      tandem.dealRound1(self === 1 ? { ...deal, self, share: hot } : { ...deal, self, old }),
    ]),
  );
  return { round1, tandems, messages: new Map([...round1].map(([self, { message }]) => [self, message])) };
}

function termsOf({ info, wallet }: Owned, messages: Map<number, Uint8Array>): Terms {
  return {
    what: 'deal new shares',
    account: info.address.toLowerCase(),
    hostWallet: wallet,
    keyId: info.keyId,
    epoch: 1,
    dealers: [1, 2],
    holders: [1, 2, 3],
    threshold: 2,
    action: SAME,
    authority: 'cold',
    messages: hashOf(messages),
    expires: soon(),
  };
}

/** The request that these terms are about. */
function requestOf({ wallet, sealed }: Owned, messages: Map<number, Uint8Array>, terms: Terms): Fields {
  const { dealers, holders, threshold, action: to, authority } = terms;
  return {
    op: 'deal1',
    kind: 'reshare',
    wallet,
    share: sealed,
    threshold,
    parties: [...holders],
    contributors: [...dealers],
    authority,
    ...(to !== SAME && { action: to }),
    messages: Object.fromEntries([...messages].map(([index, message]) => [String(index), b64(message)])),
  };
}

type Given = { expires: number; by?: number; signature: string };

async function byShare(share: Uint8Array, terms: Terms): Promise<Given> {
  const { by = 0, signature } = signTerms(await loadTandem(), share, terms);
  return { by, signature, expires: terms.expires };
}

async function byAccount(account: typeof guardian, terms: Terms): Promise<Given> {
  const { EIP712Domain: _, ...types } = typedDataOf(terms).types;
  const signature = await account.signTypedData({ ...typedDataOf(terms), types } as never);
  return { signature, expires: terms.expires };
}

/** Each of the ways to ask is refused, in the same words. */
async function refuses(cases: { readonly [name: string]: Json }, of: Action = action): Promise<void> {
  for (const [name, params] of Object.entries(cases)) assert.deepEqual(await ask(params, of), REFUSED, name);
}

describe('with the cold share as authority', () => {
  let owned: Owned;
  let honest: Machine;
  let terms: Terms;
  let signed: Given;
  let thief: Machine;
  before(async () => {
    owned = await newWallet('cold');
    honest = await machine(owned);
    thief = await machine(owned);
    terms = termsOf(owned, honest.messages);
    signed = await byShare(owned.cold, terms);
  });
  /** The thief asks for new shares by these terms, with what he has for an authorization. */
  const asking = (change: Partial<Terms>, given: object, messages = thief.messages): Fields => {
    const wanted = { ...termsOf(owned, messages), ...change };
    return { ...requestOf(owned, messages, wanted), authorization: { expires: wanted.expires, ...given } };
  };

  test('what the owner signed is done, and the same shares sign', async () => {
    const answer = await granted({ ...requestOf(owned, honest.messages, terms), authorization: { ...signed } });
    assert.equal(typeof answer.session, 'string');
  });

  test('no new shares without its signature', async () => {
    const mine = termsOf(owned, thief.messages);
    const { signature } = await byShare(owned.hot, mine);
    await refuses({
      'no authorization': requestOf(owned, thief.messages, mine),
      'an empty one': asking({}, { signature: '0x' }),
      'zeros, by the cold party': asking({}, { by: 3, signature: `0x${'00'.repeat(64)}` }),
      'the hot share, as itself': asking({ expires: mine.expires }, { by: 1, signature }),
      'the hot share, as the cold party': asking({ expires: mine.expires }, { by: 3, signature }),
      'the hot share, as nobody': asking({ expires: mine.expires }, { signature }),
      'a key of the thief': asking({ expires: mine.expires }, await byAccount(mallory, mine)),
    });
  });

  test('no use for a signature of the owner but what it is for', async () => {
    const { expires } = terms;
    const replayed = (change: Partial<Terms>, messages = honest.messages) =>
      asking({ expires, ...change }, signed, messages);
    const mixed = new Map([...honest.messages, ...[...thief.messages].slice(1)]);
    await refuses({
      'the machines of the thief': replayed({}, thief.messages),
      'one machine of the thief': replayed({}, mixed),
      'one machine fewer': replayed({}, new Map([...honest.messages].slice(0, 1))),
      'another authority': replayed({ authority: mallory.address.toLowerCase() }),
      'no authority': replayed({ authority: 'none' }),
      'another action': replayed({ action: thiefs.cid }),
      'fewer parties': replayed({ holders: [1, 2] }),
      'more parties': replayed({ holders: [1, 2, 3, 4] }),
      'a higher threshold': replayed({ threshold: 3 }),
      'other dealers': replayed({ dealers: [2, 3] }),
      'a later end': asking({ expires: expires + 1 }, { ...signed, expires: expires + 1 }, honest.messages),
      'as another party': asking({ expires }, { ...signed, by: 1 }, honest.messages),
      altered: asking(
        { expires },
        { ...signed, signature: signed.signature.replace(/.$/, (digit) => (digit === '0' ? '1' : '0')) },
        honest.messages,
      ),
      'to move the share': {
        op: 'migrate',
        wallet: owned.wallet,
        share: owned.sealed,
        action: thiefs.cid,
        authority: 'cold',
        authorization: { ...signed },
      },
    });
    const higher = await byShare(owned.cold, { ...terms, threshold: 3 });
    const lowered = { ...requestOf(owned, honest.messages, terms), authorization: { ...higher } };
    await refuses({ 'a smaller threshold': lowered });
    const other = await newWallet('cold');
    await refuses({
      'another wallet': { ...replayed({}), wallet: other.wallet, share: other.sealed },
      'the share of another wallet': { ...replayed({}), share: other.sealed },
    });
  });

  test('no time but the hour that it is good for', async () => {
    const at = async (expires: number) => {
      const wanted = { ...terms, expires };
      const authorization = { ...(await byShare(owned.cold, wanted)) };
      return { ...requestOf(owned, honest.messages, wanted), authorization };
    };
    const now = Math.floor(Date.now() / 1000);
    await refuses({
      'a second ago': await at(now - 1),
      'in a day': await at(now + 86_400),
      'in an hour and a minute': await at(now + 3660),
      never: await at(Number.MAX_SAFE_INTEGER),
    });
    await granted(await at(now + 3500));
  });

  test('no key from fewer shares than two, whoever signs', async () => {
    const cases: { [name: string]: Json } = {};
    for (const [name, change] of Object.entries({
      'a threshold of one': { threshold: 1 },
      'a share of nobody': { holders: [1, 3] },
      'of one party': { holders: [2] },
      'dealt by one': { dealers: [2] },
      'dealt by none': { dealers: [] },
    })) {
      const wanted = { ...terms, ...change };
      const authorization = { ...(await byShare(owned.cold, wanted)) };
      cases[name] = { ...requestOf(owned, honest.messages, wanted), authorization };
    }
    await refuses(cases);
  });

  test('a replay deals anew, to the same machines alone', async () => {
    const request = { ...requestOf(owned, honest.messages, terms), authorization: { ...signed } };
    const [one, two] = [await granted(request), await granted(request)];
    const [first, second] = [one.messages as Fields, two.messages as Fields];
    assert.notEqual(first.round1, second.round1);
    // A machine whose ephemeral keys are others cannot open what the action dealt: here the thief relays it to his own.
    const round1 = new Map([...thief.messages, [2, bytes(first.round1)]]);
    const steps = new Map(
      [...thief.tandems].map(([self, tandem]) => {
        const session = thief.round1.get(self)?.session ?? new Uint8Array();
        return [self, tandem.dealRound2(session, round1)] as const;
      }),
    );
    const round2 = new Map([
      ...[...steps].map(([self, { message }]) => [self, message] as const),
      [2, bytes(first.round2)],
    ]);
    for (const [self, tandem] of thief.tandems) {
      const session = steps.get(self)?.session ?? new Uint8Array();
      assert.throws(() => tandem.dealRound3(session, new Map(round2)), { party: 2 });
    }
  });

  test('no other way out', async () => {
    const { wallet, sealed, info, cold, hot } = owned;
    const move: Terms = {
      ...terms,
      what: 'move the share',
      epoch: 0,
      dealers: [],
      action: next.cid,
      messages: hashOf(new Map()),
    };
    const moving = { op: 'migrate', wallet, share: sealed, action: next.cid, authority: 'cold' };
    const good = { ...(await byShare(cold, move)) };
    await refuses({
      export: { op: 'export', wallet, share: sealed },
      'another op': { op: 'migrate2', wallet, share: sealed },
      'a move that the hot share signs': { ...moving, authorization: { ...(await byShare(hot, move)) } },
      'a move to another action': { ...moving, action: thiefs.cid, authorization: good },
      'a move to no action': { ...moving, action: 'the same', authorization: good },
      'a move under another authority': { ...moving, authority: 'none', authorization: good },
      'a move as new shares': { ...requestOf(owned, honest.messages, terms), authorization: good },
      'the share itself as one that was moved': { op: 'adopt', wallet, share: sealed },
    });
    const { share } = await granted({ ...moving, authorization: good });
    await runtime.permit(wallet, action.cid, next.cid, thiefs.cid);
    await refuses({ 'a share for another action': { op: 'adopt', wallet, share: share ?? '' } }, thiefs);
    // The next one would take no share of this epoch, which is how old shares end.
    await refuses({ 'a share of an epoch that is over': { op: 'adopt', wallet, share: share ?? '' } }, next);
    assert.equal(info.epoch, 0);
    await runtime.permit(wallet, action.cid);
  });

  test("no key to the share for an action of the thief's in the group, nor for his co-signer", async () => {
    const { wallet, sealed, info } = owned;
    const source = `async function main({ wallet, share }) {
      const own = await Lit.Actions.getLitActionPrivateKey();
      return { own, outer: await Lit.Actions.Decrypt({ pkpId: wallet, ciphertext: share }) };
    }`;
    const opener = { source, cid: await cidOf(source) };
    await runtime.permit(wallet, action.cid, opener.cid, thiefs.cid);
    const { own, outer } = (await runtime.run(opener, { wallet, share: sealed })) as { own: string; outer: string };
    const [label, salt, ciphertext] = decodeCbor(bytes(outer)) as Uint8Array<ArrayBuffer>[];
    assert.ok(label && salt && ciphertext, 'the outer seal is off');
    const base = await crypto.subtle.importKey('raw', Buffer.from(own.slice(2), 'hex'), 'HKDF', false, ['deriveKey']);
    const hkdf = { name: 'HKDF', hash: 'SHA-256', salt, info: new TextEncoder().encode('tandem seal v1') };
    const key = await crypto.subtle.deriveKey(hkdf, base, { name: 'AES-GCM', length: 256 }, false, ['decrypt']);
    const gcm = { name: 'AES-GCM', iv: new Uint8Array(12), additionalData: label };
    await assert.rejects(crypto.subtle.decrypt(gcm, key, ciphertext));
    const intent = JSON.stringify({ kind: 'message', message: 'x' });
    const request = b64((await loadTandem()).dkls18Request({ share: owned.hot, peer: 2 }).request);
    await refuses({ 'a signature': { op: 'sign', wallet, share: sealed, intent, request } }, thiefs);
    const signature = await signed;
    const again = { ...requestOf(owned, honest.messages, terms), authorization: { ...signature } };
    await refuses({ 'new shares, though the owner signed': again }, thiefs);
    assert.ok('ok' in (await ask({ op: 'sign', wallet, share: sealed, intent, request })), 'the owner signs');
    await runtime.permit(wallet, action.cid);
    assert.equal(info.action?.authority, 'cold');
  });
});

describe('with a guardian as authority', () => {
  test('no new shares and no move without the signature of that address', async () => {
    const owned = await newWallet(guardian.address);
    const { messages } = await machine(owned);
    const terms = { ...termsOf(owned, messages), authority: guardian.address.toLowerCase() };
    const request = requestOf(owned, messages, terms);
    const good = await byAccount(guardian, terms);
    const flipped = good.signature.replace(/(?<=^0x)./, (digit) => (digit === '0' ? '1' : '0'));
    await refuses({
      'the hot share': { ...request, authorization: { ...(await byShare(owned.hot, terms)) } },
      'the cold share': { ...request, authorization: { ...(await byShare(owned.cold, terms)) } },
      'another address': { ...request, authorization: { ...(await byAccount(mallory, terms)) } },
      altered: { ...request, authorization: { ...good, signature: flipped } },
      'for other terms': { ...request, authority: 'none', authorization: { ...good } },
      expired: {
        ...request,
        authorization: { ...(await byAccount(guardian, { ...terms, expires: terms.expires - 86_400 })) },
      },
      'a message of the guardian': {
        ...request,
        authorization: {
          signature: await guardian.signMessage({ message: { raw: digestOfTerms(terms) } }),
          expires: terms.expires,
        },
      },
      'to move the share': {
        op: 'migrate',
        wallet: owned.wallet,
        share: owned.sealed,
        action: next.cid,
        authority: 'none',
        authorization: { ...good },
      },
    });
    await granted({ ...request, authorization: { ...good } });
  });
});

describe('with no authority', () => {
  test('no new shares and no move, whoever signs', async () => {
    const owned = await newWallet('none');
    const { messages } = await machine(owned);
    const terms = { ...termsOf(owned, messages), authority: 'none' };
    const request = requestOf(owned, messages, terms);
    const move = { ...terms, what: 'move the share' as const, epoch: 0, dealers: [], action: next.cid };
    await refuses({
      'the cold share': { ...request, authorization: { ...(await byShare(owned.cold, terms)) } },
      'the hot share': { ...request, authorization: { ...(await byShare(owned.hot, terms)) } },
      'an address': { ...request, authorization: { ...(await byAccount(guardian, terms)) } },
      'a move': {
        op: 'migrate',
        wallet: owned.wallet,
        share: owned.sealed,
        action: next.cid,
        authority: 'none',
        authorization: { ...(await byShare(owned.cold, { ...move, messages: hashOf(new Map()) })) },
      },
    });
  });
});

describe('an action built for less', () => {
  test('makes no key below its least epoch, and works for no other wallet', async () => {
    await assert.rejects(newWallet('cold', { ...next, policy: 'messages' }), { name: 'RefusedError' });
    const bound = await buildCosigner('messages', 'chipotle', { wallet: `0x${'AB'.repeat(20)}` });
    await assert.rejects(newWallet('cold', bound), { name: 'RefusedError' });
    const same = await buildCosigner('messages', 'chipotle', { wallet: `0x${'ab'.repeat(20)}` });
    assert.equal(bound.cid, same.cid);
    assert.equal((await buildCosigner('messages', 'chipotle', { minEpoch: 0, wallet: '' })).cid, action.cid);
  });
});
