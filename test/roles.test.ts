import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { decodeCbor, encodeCbor } from '../ts/core/cbor.ts';
import { loadTandem } from '../ts/core/node.ts';
import type { ShareInfo, Tandem } from '../ts/core/wasm.ts';
import { beginDeal, dropDeal, finishDeal, stepDeal } from '../ts/deal/files/party.ts';
import { createWallet } from '../ts/deal/keygen.ts';
import { planParties } from '../ts/deal/plan.ts';
import { ProtocolError, StoreError, UsageError } from '../ts/errors.ts';
import { areParties, coldOf, type Role, roleOf } from '../ts/protocol/roles.ts';
import { sealer } from '../ts/store/age.ts';
import { listDeals, readSession } from '../ts/store/deals.ts';
import { openStore } from '../ts/store/node.ts';
import { listWallets, type PartyInfo, readWallet } from '../ts/store/store.ts';
import { newMachine } from './support/machines.ts';

// A role is a constant of the index, wherever one is written down.

const root = mkdtempSync(join(tmpdir(), 'tandem-roles-'));
after(() => rmSync(root, { recursive: true, force: true }));

const parties = (...all: [number, Role][]): PartyInfo[] => all.map(([index, role]) => ({ index, role }));
/** Each of these is refused of a key, with an action or without. */
const wrong: { readonly [name: string]: readonly [PartyInfo[], boolean] } = {
  'the action hot': [parties([1, 'action'], [2, 'hot'], [3, 'cold']), true],
  'another one hot': [parties([2, 'action'], [3, 'cold'], [5, 'hot']), true],
  'hot and cold swapped': [parties([1, 'cold'], [2, 'action'], [3, 'hot']), true],
  'the action elsewhere': [parties([1, 'hot'], [3, 'action'], [4, 'cold']), true],
  'no hot one': [parties([2, 'action'], [3, 'cold']), true],
  'no action': [parties([1, 'hot'], [3, 'cold']), true],
  'two actions': [parties([1, 'hot'], [2, 'action'], [3, 'action']), true],
  'two hot ones': [parties([1, 'hot'], [2, 'action'], [3, 'hot']), true],
  'out of order': [parties([1, 'hot'], [3, 'cold'], [2, 'action']), true],
  twice: [parties([1, 'hot'], [2, 'action'], [3, 'cold'], [3, 'cold']), true],
  'an action where there is none': [parties([1, 'hot'], [2, 'action'], [3, 'cold']), false],
  'no hot one among people': [parties([2, 'hot'], [3, 'cold']), false],
  'a cold first one': [parties([1, 'cold'], [2, 'hot']), false],
};
const right: readonly (readonly [PartyInfo[], boolean])[] = [
  [parties([1, 'hot'], [2, 'action']), true],
  [parties([1, 'hot'], [2, 'action'], [3, 'cold']), true],
  [parties([1, 'hot'], [2, 'action'], [4, 'cold'], [9, 'cold']), true],
  [parties([1, 'hot'], [2, 'cold']), false],
  [parties([1, 'hot'], [3, 'cold'], [7, 'cold']), false],
];

describe('audit 1: a role is a constant of the index', () => {
  test('audit 1: 1 is hot, 2 the action where there is one, all others are cold', () => {
    const all = [1, 2, 3, 4, 255];
    assert.deepEqual(
      all.map((index) => roleOf(index, true)),
      ['hot', 'action', 'cold', 'cold', 'cold'],
    );
    assert.deepEqual(
      all.map((index) => roleOf(index, false)),
      ['hot', 'cold', 'cold', 'cold', 'cold'],
    );
    assert.deepEqual(coldOf(all), [3, 4, 255]);
    for (const [of, hasAction] of right)
      assert.ok(
        areParties(
          of.map(({ index }) => index),
          hasAction,
        ),
      );
    for (const of of [[], [2, 3], [1, 3], [1, 3, 2], [1, 1, 2], [1, 2, 2]])
      assert.ok(!areParties(of, true), String(of));
    for (const of of [[], [2, 3], [3, 1], [1, 1]]) assert.ok(!areParties(of, false), String(of));
    assert.deepEqual(planParties(2, 3, {}), parties([1, 'hot'], [2, 'action'], [3, 'cold']));
    assert.deepEqual(planParties(2, 3, undefined), parties([1, 'hot'], [2, 'cold'], [3, 'cold']));
  });

  test('audit 1: a wallet.json that says anything else is not read', async () => {
    const address = `0x${'Ab'.repeat(20)}`;
    const store = openStore(join(root, 'wallets'), async () => assert.fail('no share is opened'));
    mkdirSync(join(store.dir, address), { recursive: true });
    const write = ([of, hasAction]: readonly [PartyInfo[], boolean]) => {
      const info = {
        version: 1,
        address,
        publicKey: `0x02${'11'.repeat(32)}`,
        keyId: `0x${'22'.repeat(32)}`,
        epoch: 0,
        threshold: 2,
        parties: of,
        runtime: hasAction ? 'local' : 'none',
        ...(hasAction && {
          action: { wallet: address, cid: `Qm${'a'.repeat(44)}`, policy: 'messages', authority: 'none' },
        }),
        created: new Date().toISOString(),
      };
      writeFileSync(join(store.dir, address, 'wallet.json'), JSON.stringify(info));
    };
    for (const of of right) {
      write(of);
      assert.deepEqual((await readWallet(store, address)).parties, of[0]);
    }
    for (const [name, of] of Object.entries(wrong)) {
      write(of);
      await assert.rejects(readWallet(store, address), { name: 'StoreError', kind: 'altered' }, name);
    }
  });

  test('audit 1: terms of a deal that say anything else are neither written nor read', async () => {
    const one = await newMachine(join(root, 'one'));
    const out = join(root, 'out.deal');
    const begin = (of: PartyInfo[]) => beginDeal({ store: one.store, threshold: 2, parties: of, here: [1], out });
    for (const [name, [of, hasAction]] of Object.entries(wrong)) {
      if (!hasAction) await assert.rejects(begin(of), UsageError, name);
    }
    assert.deepEqual(await listDeals(one.store), []);
    await begin(parties([1, 'hot'], [2, 'cold'], [3, 'cold']));

    const changed = join(root, 'changed.deal');
    const two = await newMachine(join(root, 'two'));
    for (const [name, [of, hasAction]] of Object.entries(wrong)) {
      const envelope = decodeCbor(new Uint8Array(readFileSync(out))) as Map<string, unknown>;
      const terms = envelope.get('terms') as Map<string, unknown>;
      terms.set('parties', of);
      if (hasAction) {
        terms.set('runtime', 'local');
        terms.set('action', {
          wallet: `0x${'11'.repeat(20)}`,
          cid: `Qm${'a'.repeat(44)}`,
          policy: 'messages',
          authority: 'cold',
        });
      }
      writeFileSync(changed, encodeCbor(envelope));
      const joining = stepDeal({ store: two.store, files: [changed], out: join(root, 'two.deal'), here: [3] });
      await assert.rejects(joining, (error) => error instanceof StoreError && error.kind === 'altered', name);
    }
    assert.deepEqual(await listDeals(two.store), []);
  });

  test('audit 1: a session of such terms, which an earlier version kept, goes on no more, and can be dropped', async () => {
    const { store } = await newMachine(join(root, 'kept'));
    await beginDeal({
      store,
      threshold: 2,
      parties: planParties(2, 3, undefined),
      here: [1],
      out: join(root, 'k.deal'),
    });
    const [deal = new Uint8Array()] = await listDeals(store);
    const { session, key } = await readSession(store, deal);
    const terms = { ...session.terms, parties: parties([1, 'cold'], [2, 'hot'], [3, 'cold']) };
    const sealed = await sealer(key)(encodeCbor({ ...session, terms }));
    writeFileSync(join(store.dir, 'deals', `${Buffer.from(deal).toString('hex')}.age`), sealed);
    await assert.rejects(readSession(store, deal), /gives its parties wrong roles/);
    await dropDeal(store, deal, true);
    assert.deepEqual(await listDeals(store), []);
  });
});

/** The module, except for what it says of the keys that it finishes: the nth call is changed. */
function lying(change: (info: ShareInfo, n: number) => ShareInfo): () => Promise<Tandem> {
  let calls = 0;
  return async () => {
    const tandem = await loadTandem();
    const honest = tandem.dealFinish.bind(tandem);
    tandem.dealFinish = (session, messages) => {
      const { share, info } = honest(session, messages);
      return { share, info: change(info, ++calls) };
    };
    return tandem;
  };
}

describe('audit 8: one look at a finished deal', () => {
  const twice = (info: ShareInfo, n: number): ShareInfo => (n === 2 ? { ...info, keyId: new Uint8Array(32) } : info);
  const lies: { readonly [name: string]: (info: ShareInfo, n: number) => ShareInfo } = {
    'parties here with different keys': twice,
    "an address that is not noble's": (info) => ({ ...info, address: new Uint8Array(20) }),
    'another threshold': (info) => ({ ...info, threshold: 3 }),
    'other parties': (info) => ({ ...info, parties: [1, 2, 4] }),
  };

  test('audit 8: on one machine, which makes no wallet of any of these', async () => {
    const { store } = await newMachine(join(root, 'alone'));
    for (const [name, lie] of Object.entries(lies)) {
      const making = createWallet({ store, threshold: 2, parties: 3, load: lying(lie) });
      await assert.rejects(making, ProtocolError, name);
    }
    assert.deepEqual(await listWallets(store), []);
  });

  test('audit 8: offline, which makes no wallet of any of these', async () => {
    const [one, two] = [await newMachine(join(root, 'a')), await newMachine(join(root, 'b'))];
    const [a, b] = [join(root, 'a.deal'), join(root, 'b.deal')];
    await beginDeal({ store: one.store, threshold: 2, parties: planParties(2, 3, undefined), here: [1, 3], out: a });
    await stepDeal({ store: two.store, files: [a], out: b, here: [2] });
    for (let round = 0; round < 2; round++) {
      await stepDeal({ store: one.store, files: [b], out: a });
      await stepDeal({ store: two.store, files: [a], out: b });
    }
    const state = await stepDeal({ store: one.store, files: [b], out: a });
    const options = { store: one.store, deal: Buffer.from(state.deal, 'hex'), phrase: state.dealt?.phrase };
    for (const [name, lie] of Object.entries(lies)) {
      await assert.rejects(finishDeal({ ...options, load: lying(lie) }), ProtocolError, name);
    }
    const info = await finishDeal(options);
    assert.deepEqual(await readWallet(one.store, info.address), info);
  });
});
