import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { generateIdentity } from 'age-encryption';
import { privateKeyToAccount } from 'viem/accounts';
import { buildCosigner } from '../ts/build/cosigner.ts';
import { decodeCbor, encodeCbor } from '../ts/core/cbor.ts';
import { loadTandem } from '../ts/core/node.ts';
import type { DealStep, Tandem } from '../ts/core/wasm.ts';
import { beginReshare, confirmDeal, stepDeal } from '../ts/deal/files/party.ts';
import { createWallet } from '../ts/deal/keygen.ts';
import { parsePermission, signPermission } from '../ts/deal/permission.ts';
import { StoreError } from '../ts/errors.ts';
import { cidOf } from '../ts/protocol/cid.ts';
import { digestOfPermission, hashOf, type Permission, SAME, typedDataOf } from '../ts/protocol/permission.ts';
import { LocalRuntime } from '../ts/runtime/local/runtime.ts';
import type { Action, Json } from '../ts/runtime/types.ts';
import { type FileStore, openStore } from '../ts/store/node.ts';
import { openAction, readAction, readShare, readWallet, type WalletInfo } from '../ts/store/store.ts';

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
let store: FileStore;
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
  /** Where it is, if that is not the store of all. */
  readonly from?: FileStore;
}

async function newWallet(authority: 'cold' | 'none' | `0x${string}`, by = action): Promise<Owned> {
  const made = await createWallet({ store, action: { runtime, ...by }, threshold: 2, parties: 3, authority });
  const { wallet, sealed } = await readAction(store, made.wallet);
  const [hot, cold] = [await readShare(store, made.wallet, 1), await readShare(store, made.wallet, 3)];
  return { info: made.wallet, wallet, sealed, hot, cold };
}

const ask = async (params: Json, of: Action = action, at = runtime) => (await at.run(of, params)) as Fields;

async function granted(params: Json, of: Action = action, at = runtime): Promise<Fields> {
  const answer = await ask(params, of, at);
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

function termsOf({ info, wallet }: Owned, messages: Map<number, Uint8Array>): Permission {
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
function requestOf({ wallet, sealed }: Owned, messages: Map<number, Uint8Array>, terms: Permission): Fields {
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

/** Without a look at what is signed, which a client takes. */
async function byShare(share: Uint8Array, terms: Permission): Promise<Given> {
  const tandem = await loadTandem();
  const signature = tandem.authorize({ share, digest: Buffer.from(digestOfPermission(terms).slice(2), 'hex') });
  const { index: by } = tandem.shareInfo(share);
  return { by, signature: `0x${Buffer.from(signature).toString('hex')}`, expires: terms.expires };
}

async function byAccount(account: typeof guardian, terms: Permission): Promise<Given> {
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
  let terms: Permission;
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
  const asking = (change: Partial<Permission>, given: object, messages = thief.messages): Fields => {
    const wanted = { ...termsOf(owned, messages), ...change };
    return { ...requestOf(owned, messages, wanted), authorization: { expires: wanted.expires, ...given } };
  };

  test('with the cold share as authority, what the owner signed is done, and the same shares sign', async () => {
    const answer = await granted({ ...requestOf(owned, honest.messages, terms), authorization: { ...signed } });
    assert.equal(typeof answer.session, 'string');
  });

  test('with the cold share as authority, a thief has no new shares without its signature', async () => {
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

  test('with the cold share as authority, a thief has no use for a signature of the owner but what it is for', async () => {
    const { expires } = terms;
    const replayed = (change: Partial<Permission>, messages = honest.messages) =>
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

  test('with the cold share as authority, a thief has no time but the hour that it is good for', async () => {
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

  test('with the cold share as authority, a thief has no key from fewer shares than two, whoever signs', async () => {
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

  test('with the cold share as authority, a replay deals anew, to the same machines alone', async () => {
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

  test('with the cold share as authority, a thief has no other way out', async () => {
    const { wallet, sealed, info, cold, hot } = owned;
    const move: Permission = {
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

  test("with the cold share as authority, a thief has no key to the share for an action of the thief's in the group, nor for his co-signer", async () => {
    const { wallet, sealed, info } = owned;
    const source = `async function main({ wallet, share }) {
      const own = await Lit.Actions.getLitActionPrivateKey();
      return { own, outer: await Lit.Actions.Decrypt({ pkpId: wallet, ciphertext: share }) };
    }`;
    const opener = { source, cid: cidOf(source) };
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
  test('with a guardian as authority, a thief has no new shares and no move without the signature of that address', async () => {
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
          signature: await guardian.signMessage({ message: { raw: digestOfPermission(terms) } }),
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
  test('with no authority, a thief has no new shares and no move, whoever signs', async () => {
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
  test('an action built for less makes no key below its least epoch, and works for no other wallet', async () => {
    await assert.rejects(newWallet('cold', { ...next, policy: 'messages' }), { name: 'RefusedError' });
    const bound = await buildCosigner('messages', 'chipotle', { wallet: `0x${'AB'.repeat(20)}` });
    await assert.rejects(newWallet('cold', bound), { name: 'RefusedError' });
    const same = await buildCosigner('messages', 'chipotle', { wallet: `0x${'ab'.repeat(20)}` });
    assert.equal(bound.cid, same.cid);
    assert.equal((await buildCosigner('messages', 'chipotle', { minEpoch: 0, wallet: '' })).cid, action.cid);
  });
});

/** What a machine with the cold share does about a deal that the thief began: its messages, and that the action may deal. */
interface ColdMachine {
  /** Joins, and once its user has compared the words, deals: round 1, and its signature for the action. */
  confirm(begun: string): Promise<{ round1: Uint8Array; authorization: Given }>;
  /** Rounds 2 and 3, once the action has dealt. */
  answer(dealt: string): Promise<{ round2: Uint8Array; round3: Uint8Array }>;
}

/** A machine of this version, with the cold share alone. */
async function coldMachine({ info, from = store }: Owned): Promise<ColdMachine> {
  const dir = mkdtempSync(join(root, 'cold-'));
  for (const name of ['wallet.json', 'cold.age']) {
    cpSync(join(from.dir, info.address, name), join(dir, info.address, name));
  }
  const cold = openStore(dir, from.key);
  const out = join(dir, 'out.deal');
  const sent = (round: number) => {
    const messages = (decodeCbor(new Uint8Array(readFileSync(out))) as Map<string, unknown>).get('messages');
    const found = (messages as [number, number, Uint8Array][]).find(([r, sender]) => r === round && sender === 3);
    return found?.[2] ?? new Uint8Array();
  };
  return {
    confirm: async (begun) => {
      const { deal, phrase = '' } = await stepDeal({ store: cold, files: [begun], out });
      await confirmDeal({ store: cold, deal: Buffer.from(deal, 'hex'), phrase, out });
      const envelope = decodeCbor(new Uint8Array(readFileSync(out))) as Map<string, unknown>;
      const authorization = Object.fromEntries(envelope.get('authorization') as Map<string, unknown>);
      return { round1: sent(1), authorization: authorization as Given };
    },
    answer: async (dealt) => {
      await stepDeal({ store: cold, files: [dealt], out });
      return { round2: sent(2), round3: sent(3) };
    },
  };
}

/** One that looks at no role, as those of the version before did. */
async function credulousMachine(owned: Owned): Promise<ColdMachine> {
  const tandem = await loadTandem();
  const old = (await loadTandem()).shareKey(owned.hot);
  const read = (path: string) => {
    const envelope = decodeCbor(new Uint8Array(readFileSync(path))) as Map<string, unknown>;
    const messages = envelope.get('messages') as [number, number, Uint8Array][];
    const of = (round: number) =>
      new Map(
        messages.filter(([r, sender]) => r === round && sender !== 3).map(([, sender, bytes]) => [sender, bytes]),
      );
    const parties = (envelope.get('terms') as Map<string, unknown>).get('parties') as Map<string, number>[];
    return { of, holders: parties.map((party) => party.get('index') ?? 0) };
  };
  let first: DealStep;
  return {
    confirm: async (begun) => {
      const { of, holders } = read(begun);
      const deal = { kind: 'reshare' as const, threshold: 2, parties: holders, contributors: [1, 2], epoch: 1 };
      first = tandem.dealRound1({ ...deal, self: 3, old });
      const terms = { ...termsOf(owned, new Map([...of(1), [3, first.message]])), holders };
      return { round1: first.message, authorization: await byShare(owned.cold, terms) };
    },
    answer: async (dealt) => {
      const { of } = read(dealt);
      const second = tandem.dealRound2(first.session, of(1));
      const third = tandem.dealRound3(second.session, of(2));
      return { round2: second.message, round3: third.message };
    },
  };
}

/**
 * The thief begins new shares offline, for 2, the action; 3, cold; and 5, a share of the thief's, which is hot: so the terms
 * say. To an action that takes the lowest other index for the hot party, 3 is hot and 5 is cold: the authority.
 *
 * @returns the private key, which the thief has in the end; and the share of 5, the authority, with the action's beside it
 */
async function takeOver(owned: Owned, cold: ColdMachine, of: Action, at = runtime) {
  const { info, wallet, hot } = owned;
  const dir = mkdtempSync(join(root, 'takeover-'));
  const holders = [2, 3, 5];
  const deal = { kind: 'reshare' as const, threshold: 2, parties: holders, contributors: [1, 2], epoch: 1 };
  const old = (await loadTandem()).shareKey(hot);
  const [one, five] = [await loadTandem(), await loadTandem()];
  const round1 = {
    1: one.dealRound1({ ...deal, self: 1, share: hot }),
    5: five.dealRound1({ ...deal, self: 5, old }),
  };
  const terms = {
    threshold: 2,
    parties: [
      { index: 2, role: 'action' },
      { index: 3, role: 'cold' },
      { index: 5, role: 'hot' },
    ],
    runtime: 'local',
    action: { wallet, cid: of.cid, policy: 'messages', authority: 'cold', sealed: 'action.1.sealed' },
    created: info.created,
    reshare: { account: info.address, keyId: info.keyId, old, authority: 'cold', epoch: 1, dealers: [1, 2] },
  };
  const fileOf = (name: string, messages: [number, number, Uint8Array][]) => {
    const path = join(dir, name);
    const head = { version: 1, kind: 'tandem-deal', deal: new Uint8Array(16).fill(9), from: [1, 2, 5], to: [3] };
    writeFileSync(path, encodeCbor({ ...head, terms, messages }));
    return path;
  };
  const first: [number, number, Uint8Array][] = [
    [1, 1, round1[1].message],
    [1, 5, round1[5].message],
  ];
  const { round1: theirs, authorization } = await cold.confirm(fileOf('begun', first));

  // What the cold share signed lets the action deal.
  const others = new Map([
    [1, round1[1].message],
    [3, theirs],
    [5, round1[5].message],
  ]);
  const wanted = { ...termsOf(owned, others), holders, expires: authorization.expires };
  const dealt = await granted({ ...requestOf(owned, others, wanted), authorization: { ...authorization } }, of, at);
  const answered = dealt.messages as Fields;
  const all1 = new Map([...others, [2, bytes(answered.round1)] as const]);
  const without = (all: Map<number, Uint8Array>, self: number) => new Map([...all].filter(([index]) => index !== self));
  const two = {
    1: one.dealRound2(round1[1].session, without(all1, 1)),
    5: five.dealRound2(round1[5].session, without(all1, 5)),
  };
  const second: [number, number, Uint8Array][] = [
    ...first,
    [1, 2, bytes(answered.round1)],
    [2, 1, two[1].message],
    [2, 2, bytes(answered.round2)],
    [2, 5, two[5].message],
  ];
  const { round2, round3 } = await cold.answer(fileOf('dealt', second));
  const all2 = new Map([
    [1, two[1].message],
    [2, bytes(answered.round2)],
    [3, round2],
    [5, two[5].message],
  ]);
  const three = five.dealRound3(two[5].session, without(all2, 5));
  const texts = (all: Map<number, Uint8Array>) =>
    Object.fromEntries([...all].map(([index, message]) => [String(index), b64(message)]));
  const confirmed = new Map([
    [3, round3],
    [5, three.message],
  ]);
  const messages = { round2: texts(without(all2, 2)), round3: texts(confirmed) };
  const ended = await granted({ op: 'deal2', wallet, session: dealt.session ?? '', messages }, of, at);
  const { share: fifth, info: now } = five.dealFinish(
    three.session,
    new Map([
      [2, bytes(ended.message)],
      [3, round3],
    ]),
  );

  // Once more, to the thief alone: its own share is the authority.
  const again = { kind: 'reshare' as const, threshold: 2, parties: [1, 2, 3], contributors: [2, 5], epoch: 2 };
  const nowOld = (await loadTandem()).shareKey(fifth);
  const machines = new Map([
    [1, await loadTandem()],
    [3, await loadTandem()],
    [5, await loadTandem()],
  ]);
  const begin = new Map(
    [...machines].map(([self, tandem]) => [
      self,
      tandem.dealRound1({ ...again, self, ...(self === 5 ? { share: fifth } : { old: nowOld }) }),
    ]),
  );
  const sent = new Map([...begin].map(([self, { message }]) => [self, message]));
  const mine: Permission = {
    ...termsOf(owned, sent),
    keyId: `0x${Buffer.from(now.keyId).toString('hex')}`,
    epoch: 2,
    dealers: [2, 5],
  };
  const request = { ...requestOf(owned, sent, mine), share: ended.share ?? '' };
  const taken = await granted({ ...request, authorization: { ...(await byShare(fifth, mine)) } }, of, at);
  const from = taken.messages as Fields;
  const next = new Map(
    [...machines].map(([self, tandem]) => {
      const all = new Map([...sent, [2, bytes(from.round1)] as const]);
      return [self, tandem.dealRound2(begin.get(self)?.session ?? new Uint8Array(), without(all, self))] as const;
    }),
  );
  const opened = new Map([
    ...[...next].map(([self, { message }]) => [self, message] as const),
    [2, bytes(from.round2)] as const,
  ]);
  const last = new Map(
    [1, 3].map((self) => {
      const tandem = machines.get(self) as Tandem;
      return [self, tandem.dealRound3(next.get(self)?.session ?? new Uint8Array(), without(opened, self))] as const;
    }),
  );
  const closing = {
    round2: texts(without(opened, 2)),
    round3: texts(new Map([...last].map(([self, { message }]) => [self, message]))),
  };
  const done = await granted({ op: 'deal2', wallet, session: taken.session ?? '', messages: closing }, of, at);
  const shares = [...last].map(([self, { session }]) => {
    const tandem = machines.get(self) as Tandem;
    const all = new Map([
      ...[...last].map(([index, { message }]) => [index, message] as const),
      [2, bytes(done.message)] as const,
    ]);
    return tandem.dealFinish(session, without(all, self)).share;
  });
  const key = (await loadTandem()).combine(shares);
  return { key, fifth, now, sealed: String(ended.share) };
}

/** The action that version 0.1.0 built, and a wallet that version made with it, in a copy of its store. */
async function ofVersion1(): Promise<{ owned: Owned; old: Action & { policy: string }; at: LocalRuntime }> {
  const dir = join(mkdtempSync(join(root, 'before-')), 'store');
  cpSync(join(import.meta.dirname, 'fixtures/store-1'), dir, { recursive: true });
  const identity = readFileSync(join(import.meta.dirname, 'fixtures/store-1-identity.txt'), 'utf8').trim();
  const from = openStore(dir, async () => ({ identities: [identity] }));
  const info = await readWallet(from, '0x31405adBEa01669cd7f2b903CFcffe4a0E5D55e3');
  const { wallet, sealed, cid, source } = await openAction(from, info);
  const [hot, cold] = [await readShare(from, info, 1), await readShare(from, info, 3)];
  const at = await LocalRuntime.open({ dir: join(dir, 'local-lit') });
  return { owned: { info, wallet, sealed, hot, cold, from }, old: { cid, source, policy: 'messages' }, at };
}

const isMisnamed = (error: unknown) => {
  assert.ok(error instanceof StoreError && error.kind === 'altered', String(error));
  assert.match(error.message, /gives its parties wrong roles: party 1 is hot, 2 the action/);
  return true;
};

describe('audit 1: roles that are told', () => {
  test('audit 1: a cold machine joins no deal that calls another index hot', async () => {
    const owned = await newWallet('cold');
    await assert.rejects(takeOver(owned, await coldMachine(owned), action), isMisnamed);
  });

  test('audit 1: the action deals to no other roles, whatever the cold share signed', async () => {
    const owned = await newWallet('cold');
    await assert.rejects(takeOver(owned, await credulousMachine(owned), action), /request refused/);
  });

  test('audit 1: an action of version 0.1.0 gives the key away, unless its cold machine is of this version', async () => {
    const { owned, old, at } = await ofVersion1();
    try {
      const { info, wallet } = owned;
      await assert.rejects(takeOver(owned, await coldMachine(owned), old, at), isMisnamed);
      const { messages } = await machine(owned);
      const terms = { ...termsOf(owned, messages), holders: [2, 3, 5] };
      assert.throws(() => parsePermission(JSON.stringify(typedDataOf(terms))), /not a request/);
      const tandem = await loadTandem();
      assert.throws(() => signPermission(tandem, owned.cold, terms), /asks for something that no action does/);

      // With a cold machine that looks at no role, all of it works: so the test above can fail.
      const { key, fifth, now, sealed } = await takeOver(owned, await credulousMachine(owned), old, at);
      assert.equal(privateKeyToAccount(`0x${Buffer.from(key).toString('hex')}`).address, info.address);

      // An action of this version takes no share of such a key over.
      await at.permit(wallet, old.cid, action.cid);
      const move: Permission = {
        ...termsOf(owned, new Map()),
        what: 'move the share',
        keyId: `0x${Buffer.from(now.keyId).toString('hex')}`,
        dealers: [],
        holders: [2, 3, 5],
        action: action.cid,
      };
      const request = { op: 'migrate', wallet, share: sealed, action: action.cid, authority: 'cold' };
      const moved = await granted({ ...request, authorization: { ...(await byShare(fifth, move)) } }, old, at);
      assert.deepEqual(await ask({ op: 'adopt', wallet, share: moved.share ?? '' }, action, at), REFUSED);
    } finally {
      at.close();
    }
  });

  test('audit 1: no place for the action but its own, no key without the hot party, no peer but the others', async () => {
    const { wallet, sealed, hot, cold } = await newWallet('cold');
    const deal = { kind: 'keygen' as const, threshold: 2, epoch: 0 };
    const keygen = async (parties: number[], self: number) => {
      const others = parties.filter((index) => index !== self);
      const messages: Fields = {};
      for (const index of others) {
        const { message } = (await loadTandem()).dealRound1({ ...deal, parties, contributors: parties, self: index });
        messages[String(index)] = b64(message);
      }
      return { op: 'deal1', kind: 'keygen', wallet, threshold: 2, parties, self, authority: 'none', messages };
    };
    await granted(await keygen([1, 2, 3], 2));
    await granted(await keygen([1, 2], 2));
    await granted(await keygen([1, 2, 5, 9], 2));
    await refuses({
      'as the hot party': await keygen([1, 2, 3], 1),
      'as a cold one': await keygen([1, 2, 3], 3),
      'as a cold one of two': await keygen([1, 3], 3),
      'without the hot party': await keygen([2, 3, 5], 2),
      'with two of no role': await keygen([2, 3], 2),
    });
    const tandem = await loadTandem();
    const asking = (share: Uint8Array, peer: Json) => ({
      op: 'sign',
      wallet,
      share: sealed,
      intent: JSON.stringify({ kind: 'message', message: 'x' }),
      request: b64(tandem.dkls18Request({ share, peer: 2 }).request),
      peer,
    });
    await granted(asking(hot, 1));
    await granted(asking(cold, 3));
    await refuses({
      'with itself': asking(hot, 2),
      'with nobody': asking(hot, 4),
      'as another': asking(hot, 3),
      'as the hot one': asking(cold, 1),
      'as none': asking(hot, 0),
    });
  });
});

describe('audit 1: facts that one side infers and another is told', () => {
  test('audit 1: a signature for terms of which one is another moves nothing', async () => {
    const owned = await newWallet('cold');
    const honest = await machine(owned);
    const terms = termsOf(owned, honest.messages);
    const request = requestOf(owned, honest.messages, terms);
    const changes: { [Name in keyof Permission]: Permission[Name] } = {
      what: 'move the share',
      account: mallory.address.toLowerCase(),
      hostWallet: mallory.address.toLowerCase(),
      keyId: `0x${'00'.repeat(32)}`,
      epoch: 2,
      dealers: [1, 3],
      holders: [1, 2, 4],
      threshold: 3,
      action: thiefs.cid,
      authority: mallory.address.toLowerCase(),
      messages: `0x${'00'.repeat(32)}`,
      expires: terms.expires - 1,
    };
    assert.deepEqual(Object.keys(changes).sort(), Object.keys(terms).sort(), 'every one of them');
    for (const [name, value] of Object.entries(changes)) {
      const { by, signature } = await byShare(owned.cold, { ...terms, [name]: value });
      const authorization = { by: by ?? 0, signature, expires: terms.expires };
      assert.deepEqual(await ask({ ...request, authorization }), REFUSED, name);
    }
    await granted({ ...request, authorization: { ...(await byShare(owned.cold, terms)) } });
  });

  test('audit 1: a cold share signs nothing that it knows to be otherwise', async () => {
    const owned = await newWallet('cold');
    const terms = termsOf(owned, (await machine(owned)).messages);
    const tandem = await loadTandem();
    const move: Permission = { ...terms, what: 'move the share', epoch: 0, dealers: [], action: next.cid };
    signPermission(tandem, owned.cold, terms);
    signPermission(tandem, owned.cold, move);
    for (const [name, wrong] of Object.entries({
      account: { ...terms, account: mallory.address.toLowerCase() },
      keyId: { ...terms, keyId: `0x${'00'.repeat(32)}` },
      epoch: { ...terms, epoch: 2 },
      'the epoch of a move': { ...move, epoch: 1 },
      'one dealer': { ...terms, dealers: [2] },
      'a dealer without a share': { ...terms, dealers: [2, 4] },
      'dealers without the action': { ...terms, dealers: [1, 3] },
      'dealers of a move': { ...move, dealers: [1, 2] },
      'no hot party': { ...terms, holders: [2, 3, 5] },
      'no action': { ...terms, holders: [1, 3, 4] },
      'holders out of order': { ...terms, holders: [2, 1, 3] },
      'other holders of a move': { ...move, holders: [1, 2, 3, 4] },
      'another threshold of a move': { ...move, threshold: 3 },
      'a threshold of one': { ...terms, threshold: 1 },
      'no cold authority': { ...terms, holders: [1, 2] },
      'the key as its authority': { ...terms, authority: terms.account },
    } satisfies { [name: string]: Permission })) {
      assert.throws(
        () => signPermission(tandem, owned.cold, wrong),
        /does not belong to the key|asks for something that no action does/,
        name,
      );
    }
    assert.throws(() => signPermission(tandem, owned.hot, terms), /party 1 is not a cold one/);
  });

  test('audit 1: terms of an offline deal that were changed are refused by a machine that knows better, or its words differ', async () => {
    const owned = await newWallet('cold');
    const { info, hot } = owned;
    const cold = mkdtempSync(join(root, 'told-'));
    for (const name of ['wallet.json', 'cold.age']) {
      cpSync(join(store.dir, info.address, name), join(cold, info.address, name));
    }
    const at = openStore(cold, store.key);
    const begun = join(cold, 'begun.deal');
    await beginReshare({ store: openStore(hotOnly(owned), store.key), runtime, here: [1], out: begun });
    type Told = Map<string, unknown>;
    let count = 0;
    /** The words that the cold machine shows of terms with something else in them. */
    const shown = async (edit: (terms: Told, reshare: Told, action: Told) => void) => {
      const envelope = decodeCbor(new Uint8Array(readFileSync(begun))) as Told;
      const terms = envelope.get('terms') as Told;
      edit(terms, terms.get('reshare') as Told, terms.get('action') as Told);
      envelope.set('deal', new Uint8Array(16).fill(++count));
      const changed = join(cold, 'changed.deal');
      writeFileSync(changed, encodeCbor(envelope));
      return (await stepDeal({ store: at, files: [changed], out: join(cold, 'out.deal') })).phrase;
    };
    const parties = (...all: [number, string][]) => all.map(([index, role]) => ({ index, role }));
    const old = (await loadTandem()).shareKey(hot);
    const otherOld = old.slice();
    otherOld[otherOld.length - 1] = (otherOld.at(-1) ?? 0) ^ 1;
    const words = new Set([await shown(() => {})]);
    for (const [name, edit] of Object.entries({
      'hot and cold swapped': (terms) => terms.set('parties', parties([1, 'cold'], [2, 'action'], [3, 'hot'])),
      'the action elsewhere': (terms) => terms.set('parties', parties([1, 'hot'], [3, 'cold'], [4, 'action'])),
      'the action cold': (terms) => terms.set('parties', parties([1, 'hot'], [2, 'cold'], [3, 'cold'])),
      'two hot ones': (terms) => terms.set('parties', parties([1, 'hot'], [2, 'action'], [3, 'hot'])),
      'no hot one': (terms) => terms.set('parties', parties([2, 'action'], [3, 'cold'])),
      'two actions': (terms) => terms.set('parties', parties([1, 'hot'], [2, 'action'], [3, 'action'])),
      'out of order': (terms) => terms.set('parties', parties([2, 'action'], [1, 'hot'], [3, 'cold'])),
      'threshold of one': (terms) => terms.set('threshold', 1),
      'threshold above all': (terms) => terms.set('threshold', 4),
      host: (terms) => terms.set('runtime', 'chipotle'),
      'no action': (terms) => terms.delete('action'),
      "the host's wallet": (_, __, held) => held.set('wallet', mallory.address),
      interactive: (_, __, held) => held.set('interactive', true),
      'an action to be retired': (_, __, held) => held.set('retired', thiefs.cid),
      'the key as its authority': (_, __, held) => held.set('authority', info.address.toLowerCase()),
      account: (_, reshare) => reshare.set('account', mallory.address),
      'key id': (_, reshare) => reshare.set('keyId', `0x${'00'.repeat(32)}`),
      'old key': (_, reshare) => reshare.set('old', otherOld),
      epoch: (_, reshare) => reshare.set('epoch', 2),
      'another dealer': (_, reshare) => reshare.set('dealers', [2, 4]),
      'the cold one deals': (_, reshare) => reshare.set('dealers', [2, 3]),
      'three deal': (_, reshare) => reshare.set('dealers', [1, 2, 3]),
    } satisfies { [name: string]: (terms: Told, reshare: Told, action: Told) => unknown })) {
      await assert.rejects(shown(edit), /StoreError|ProtocolError|UsageError|WalletError/, name);
    }
    for (const edit of [
      (terms) => terms.set('parties', parties([1, 'hot'], [2, 'action'], [3, 'cold'], [4, 'cold'])),
      (terms) => terms.set('threshold', 3),
      (terms) => terms.set('created', new Date(0).toISOString()),
      (_, reshare) => reshare.set('authority', 'none'),
      (_, __, held) => held.set('authority', mallory.address.toLowerCase()),
      (_, __, held) => held.set('policy', 'any'),
      (_, __, held) => held.set('cid', thiefs.cid),
      (_, __, held) => held.set('sealed', 'action.2.sealed'),
    ] satisfies ((terms: Told, reshare: Told, action: Told) => unknown)[]) {
      words.add(await shown(edit));
    }
    assert.equal(words.size, count - 22, 'every change shows other words, or none');
  });
});

/** A copy of the owner's store as it is on the hot machine. */
function hotOnly({ info }: Owned): string {
  const dir = mkdtempSync(join(root, 'hot-'));
  cpSync(join(store.dir, info.address), join(dir, info.address), { recursive: true });
  rmSync(join(dir, info.address, 'cold.age'));
  return dir;
}
