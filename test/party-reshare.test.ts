import assert from 'node:assert/strict';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { recoverAddress } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { buildCosigner } from '../ts/build/cosigner.ts';
import { decodeCbor, encodeCbor } from '../ts/core/cbor.ts';
import { loadTandem } from '../ts/core/node.ts';
import {
  beginDeal,
  beginReshare,
  confirmDeal,
  type DealState,
  dropDeal,
  finishDeal,
  stepDeal,
} from '../ts/deal/files/party.ts';
import { createWallet } from '../ts/deal/keygen.ts';
import { migrateWallet } from '../ts/deal/migrate.ts';
import { type AskAuthority, signPermission } from '../ts/deal/permission.ts';
import { planParties } from '../ts/deal/plan.ts';
import { reshareWallet } from '../ts/deal/reshare.ts';
import { ProtocolError, StoreError, UsageError, WalletError } from '../ts/errors.ts';
import { digestOfPermission } from '../ts/protocol/permission.ts';
import { LocalRuntime } from '../ts/runtime/local/runtime.ts';
import type { Runtime } from '../ts/runtime/types.ts';
import { openWallet } from '../ts/signing/wallet.ts';
import { checkStore } from '../ts/store/check.ts';
import { listDeals } from '../ts/store/deals.ts';
import { openStore } from '../ts/store/node.ts';
import { readShare, readWallet, shareFileName, type WalletInfo } from '../ts/store/store.ts';
import { command, json, onTerminal } from './support/command.ts';
import { type Machine, newMachine } from './support/machines.ts';

// New shares of a key, offline. Machines are stores, each with a key of its own; the action is the real one.

const root = mkdtempSync(join(tmpdir(), 'tandem-party-reshare-'));
after(() => rmSync(root, { recursive: true, force: true }));

let count = 0;
const machine = () => newMachine(join(root, `machine${count++}`));

/** A new name for a file between machines. */
const file = () => join(root, `${count++}.deal`);
const id = ({ deal }: DealState) => Buffer.from(deal, 'hex');

interface Envelope {
  readonly messages: readonly [number, number, Uint8Array][];
}
function envelopeOf(path: string): Envelope {
  return Object.fromEntries(decodeCbor(new Uint8Array(readFileSync(path))) as Map<string, unknown>) as never;
}
const roundsIn = (path: string) => envelopeOf(path).messages.map(([round, sender]) => `${round}.${sender}`);

/** A signature under the wallet's address by these shares, each on its machine: brought together, as in an emergency. */
async function signs(info: WalletInfo, shares: readonly (readonly [Machine, number])[]): Promise<void> {
  const together = join(root, `together${count++}`, info.address);
  const [[first]] = shares as [readonly [Machine, number]];
  cpSync(join(first.store.dir, info.address, 'wallet.json'), join(together, 'wallet.json'));
  const keys = new Map<string, Machine>();
  for (const [at, index] of shares) {
    const name = shareFileName(info, index);
    copyFileSync(join(at.store.dir, info.address, name), join(together, name));
    keys.set(name, at);
  }
  const store = openStore(join(together, '..'), async (kind, what) => {
    const from = keys.get(what);
    assert.ok(from);
    return from.store.key(kind, what);
  });
  const { digest, signature } = await (await openWallet(store)).signMessage('x', { recovery: true });
  assert.equal(await recoverAddress({ hash: digest, signature }), info.address);
}

/** A key without an action, one share on each machine: made offline, and a copy of each machine's folder. */
async function people(machines: readonly Machine[], threshold = 2): Promise<WalletInfo> {
  const files = machines.map(file);
  const at = (n: number) => files[n] as string;
  const store = (n: number) => (machines[n] as Machine).store;
  const parties = planParties(threshold, machines.length, undefined);
  await beginDeal({ store: store(0), threshold, parties, here: [1], out: at(0) });
  const states: DealState[] = [];
  const joined = [at(0)];
  for (let n = 1; n < machines.length; n++) {
    await stepDeal({ store: store(n), files: joined, out: at(n), here: [n + 1] });
    joined.push(at(n));
  }
  for (let round = 0; round < 3; round++) {
    for (let n = 0; n < machines.length; n++) {
      states[n] = await stepDeal({ store: store(n), files: files.filter((_, k) => k !== n), out: at(n) });
    }
  }
  const infos: WalletInfo[] = [];
  for (const [n, state] of states.entries()) {
    infos.push(await finishDeal({ store: store(n), deal: id(state), phrase: state.dealt?.phrase ?? '' }));
  }
  const [info] = infos;
  assert.ok(info);
  return info;
}

/** New shares between machines of people: each with its parties, those who deal, to its end. */
async function reshare(
  machines: readonly (readonly [Machine, readonly number[] | undefined])[],
  options: { threshold?: number; parties?: number; dealers?: readonly number[] },
): Promise<DealState[]> {
  const files = machines.map(file);
  const at = (n: number) => files[n] as string;
  const store = (n: number) => (machines[n] as readonly [Machine, unknown])[0].store;
  const here = machines.map(([, named]) => named);
  await beginReshare({ store: store(0), here: here[0] ?? [1], out: at(0), ...options });
  for (let n = 1; n < machines.length; n++) {
    await stepDeal({ store: store(n), files: files.slice(0, n), out: at(n), here: here[n] });
  }
  const all = (n: number) => files.filter((_, k) => k !== n);
  const states: DealState[] = [];
  for (let n = 0; n < machines.length; n++) {
    states[n] = await stepDeal({ store: store(n), files: all(n), out: at(n) });
  }
  const [{ phrase } = { phrase: undefined }] = states;
  assert.match(phrase ?? '', /^([a-z]+ ){11}[a-z]+$/);
  assert.deepEqual(new Set(states.map((state) => state.phrase)), new Set([phrase]));
  // Nothing is dealt, whatever files come, until somebody has typed the words.
  for (const path of files) assert.ok(roundsIn(path).every((name) => name.startsWith('1.')));
  for (const [n, state] of states.entries()) {
    await confirmDeal({ store: store(n), deal: id(state), phrase: phrase ?? '', out: at(n) });
  }
  for (let round = 0; round < 3; round++) {
    for (let n = 0; n < machines.length; n++) {
      const state = await stepDeal({ store: store(n), files: all(n), out: at(n) });
      const sent = readFileSync(at(n));
      assert.deepEqual(await stepDeal({ store: store(n), files: all(n), out: at(n) }), state, 'a step is repeated');
      assert.deepEqual(readFileSync(at(n)), sent);
      states[n] = state;
    }
  }
  return states;
}

const isStore = (kind: StoreError['kind']) => (error: unknown) => error instanceof StoreError && error.kind === kind;

describe('new shares of people', () => {
  test('new shares of people on the same machines sign under the same address, and not with old ones', async () => {
    const [one, two, three] = [await machine(), await machine(), await machine()];
    const old = await people([one, two, three]);
    cpSync(join(two.store.dir, old.address), join(root, 'old', old.address), { recursive: true });
    const states = await reshare(
      [
        [one, [1]],
        [two, undefined],
        [three, undefined],
      ],
      {},
    );
    const infos: WalletInfo[] = [];
    for (const [n, { store }] of [one, two, three].entries()) {
      infos.push(await finishDeal({ store, deal: id(states[n] as DealState) }));
      assert.deepEqual(readdirSync(join(store.dir, old.address)).length, 2, 'the old share is gone');
      assert.ok((await checkStore(store)).ok);
    }
    const [info] = infos as [WalletInfo];
    assert.deepEqual(infos, [info, info, info]);
    assert.deepEqual([info.address, info.epoch], [old.address, 1]);
    await signs(info, [
      [one, 1],
      [two, 2],
    ]);
    await signs(info, [
      [one, 1],
      [three, 3],
    ]);
    const stale = join(two.store.dir, old.address, shareFileName(info, 2));
    copyFileSync(join(root, 'old', old.address, shareFileName(old, 2)), stale);
    await assert.rejects(
      signs(info, [
        [one, 1],
        [two, 2],
      ]),
      isStore('old-share'),
    );
  });

  test('new shares of people are for another machine in the place of one that is lost, another number, another threshold', async () => {
    const [one, two, three, four, five] = [
      await machine(),
      await machine(),
      await machine(),
      await machine(),
      await machine(),
    ];
    const old = await people([one, two, three]);
    // The hot share is lost: the others deal, 2 begins, and four machines hold shares, of which three sign.
    const states = await reshare(
      [
        [two, [2]],
        [three, undefined],
        [four, [1]],
        [five, [4]],
      ],
      { threshold: 3, parties: 4, dealers: [2, 3] },
    );
    const holders = [two, three, four, five];
    for (const [n, { store }] of holders.entries()) await finishDeal({ store, deal: id(states[n] as DealState) });
    const grown = await readWallet(four.store, old.address);
    assert.deepEqual([grown.address, grown.threshold, grown.parties.length, grown.epoch], [old.address, 3, 4, 1]);
    assert.deepEqual(await readWallet(two.store, old.address), grown);

    // And fewer again: 4 leaves, and deals; 3 leaves, and does not.
    const fewer = await reshare(
      [
        [four, [1]],
        [two, undefined],
        [five, undefined],
      ],
      { threshold: 2, parties: 2, dealers: [1, 2, 4] },
    );
    for (const [n, { store }] of [four, two].entries()) await finishDeal({ store, deal: id(fewer[n] as DealState) });
    const small = await readWallet(four.store, old.address);
    assert.deepEqual([small.threshold, small.parties.length, small.epoch], [2, 2, 2]);
    await signs(small, [
      [four, 1],
      [two, 2],
    ]);
    const [, , leaving] = fewer as [DealState, DealState, DealState];
    assert.deepEqual([leaving.here, leaving.dealt], [[4], undefined]);
    await assert.rejects(finishDeal({ store: five.store, deal: id(leaving) }), UsageError);
    assert.equal((await readWallet(five.store, old.address)).epoch, 1);
    await dropDeal(five.store, id(leaving));
    // The machine that has nothing to do with it is told what becomes of its share.
    const begun = file();
    await beginReshare({ store: four.store, here: [1], out: begun });
    await assert.rejects(stepDeal({ store: three.store, files: [begun], out: file() }), isStore('old-share'));
  });

  test('new shares of people tell a machine that takes no part that its share is void', async () => {
    const [one, two, three] = [await machine(), await machine(), await machine()];
    const { address } = await people([one, two, three]);
    const begun = file();
    await beginReshare({ store: one.store, here: [1], parties: 2, out: begun });
    const joining = stepDeal({ store: three.store, files: [begun], out: file() });
    await assert.rejects(joining, (error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.next ?? '', new RegExp(`void once the others have finished: delete the folder of ${address}`));
      return true;
    });
    assert.deepEqual((await readWallet(three.store, address)).epoch, 0);
  });

  test('new shares of people are begun as usage says', async () => {
    const [one, two] = [await machine(), await machine()];
    await people([one, two]);
    const begin = (options: object) => beginReshare({ store: one.store, here: [1], out: file(), ...options });
    await assert.rejects(begin({ dealers: [1] }), UsageError);
    await assert.rejects(begin({ dealers: [1, 5] }), UsageError);
    await assert.rejects(begin({ here: [2] }), isStore('missing'));
    await assert.rejects(begin({ here: [4] }), UsageError);
    await assert.rejects(begin({ authority: 'cold' }), UsageError);
    await assert.rejects(begin({ id: `0x${'1'.repeat(40)}` }), isStore('missing'));
    assert.deepEqual(await listDeals(one.store), []);
  });
});

/** Two machines of a 2-of-2 key, each with round 1 of both, and its words. */
async function pair() {
  const [one, two] = [await machine(), await machine()];
  const old = await people([one, two]);
  const [a, b] = [file(), file()];
  await beginReshare({ store: one.store, here: [1], out: a });
  const second = await stepDeal({ store: two.store, files: [a], out: b });
  const first = await stepDeal({ store: one.store, files: [b], out: a });
  assert.ok(first.phrase);
  assert.equal(second.phrase, first.phrase);
  return { one, two, old, a, b, deal: id(first), phrase: first.phrase };
}

describe('nothing is dealt before the words were compared', () => {
  test('nothing is dealt to somebody between who puts their keys into round 1: the words differ', async () => {
    const [one, two] = [await machine(), await machine()];
    const old = await people([one, two]);
    const [a, b, ma, mb] = [file(), file(), file(), file()];
    await beginReshare({ store: one.store, here: [1], out: a });
    await stepDeal({ store: two.store, files: [a], out: b });
    // Mallory cannot run party 2, whose share he has not got; but to be dealt to he needs no more than its round 1.
    const [c, d] = [file(), file()];
    await beginReshare({ store: two.store, here: [2], out: c });
    await beginReshare({ store: one.store, here: [1], out: d });
    const put = (path: string, from: string, out: string) => {
      const envelope = decodeCbor(new Uint8Array(readFileSync(path))) as Map<string, unknown>;
      const mine = envelopeOf(from).messages[0];
      const messages = (envelope.get('messages') as [number, number, Uint8Array][]).filter(
        ([, who]) => who !== mine?.[1],
      );
      writeFileSync(out, encodeCbor(envelope.set('messages', [...messages, mine])));
    };
    put(b, c, mb);
    const towardsOne = await stepDeal({ store: one.store, files: [mb], out: a });
    // Party 2 has round 1 of party 1 already; to a machine that has not, he gives his.
    await dropDeal(two.store, id(towardsOne));
    put(a, d, ma);
    const begun = decodeCbor(new Uint8Array(readFileSync(ma))) as Map<string, unknown>;
    const others = (begun.get('messages') as [number, number, Uint8Array][]).filter(([, who]) => who === 1);
    writeFileSync(ma, encodeCbor(begun.set('messages', others)));
    const towardsTwo = await stepDeal({ store: two.store, files: [ma], out: b });
    assert.ok(towardsOne.phrase && towardsTwo.phrase);
    assert.notEqual(towardsOne.phrase, towardsTwo.phrase);
    for (const [{ store }, phrase, out] of [
      [one, towardsTwo.phrase, a],
      [two, towardsOne.phrase, b],
    ] as const) {
      const before = readFileSync(out);
      const deal = id(towardsOne);
      await assert.rejects(confirmDeal({ store, deal, phrase, out }), (error) => {
        assert.ok(error instanceof ProtocolError);
        assert.match(error.message, /words differ.*nothing was dealt.*drop the deal/s);
        return true;
      });
      assert.deepEqual(readFileSync(out), before);
      await stepDeal({ store, files: [out === a ? mb : ma], out });
      assert.deepEqual([...new Set(roundsIn(out))].sort(), ['1.1', '1.2']);
    }
    assert.deepEqual(await readWallet(one.store, old.address), old);
  });

  test('nothing is dealt by wrong words, before all have joined, nor confirmed of a new key', async () => {
    const { one, two, a, b, deal, phrase } = await pair();
    const other = phrase.split(' ').reverse().join(' ');
    for (const wrong of [other, phrase.split(' ').slice(0, 6).join(' '), '', `${phrase} ${phrase}`]) {
      await assert.rejects(confirmDeal({ store: one.store, deal, phrase: wrong, out: a }), ProtocolError);
    }
    await assert.rejects(finishDeal({ store: one.store, deal }), UsageError);
    // One has confirmed and deals; the other takes nothing of that before it has.
    await confirmDeal({ store: one.store, deal, phrase: `  ${phrase.toUpperCase()} `, out: a });
    assert.deepEqual(roundsIn(a), ['1.1', '1.2', '2.1']);
    const waiting = await stepDeal({ store: two.store, files: [a], out: b });
    assert.equal(waiting.phrase, phrase);
    assert.deepEqual(roundsIn(b).sort(), ['1.1', '1.2']);
    await assert.rejects(confirmDeal({ store: two.store, deal, phrase: other, out: b }), ProtocolError);
    await confirmDeal({ store: two.store, deal, phrase, out: b });
    await stepDeal({ store: two.store, files: [a], out: b });
    assert.ok(roundsIn(b).includes('3.2'));

    const fresh = await machine();
    const begun = file();
    const keygen = await beginDeal({
      store: fresh.store,
      threshold: 2,
      parties: planParties(2, 2, undefined),
      here: [1],
      out: begun,
    });
    await assert.rejects(confirmDeal({ store: fresh.store, deal: id(keygen), phrase, out: begun }), UsageError);
    const alone = await beginReshare({ store: one.store, here: [1], out: begun });
    await assert.rejects(confirmDeal({ store: one.store, deal: id(alone), phrase, out: begun }), UsageError);
    await assert.rejects(confirmDeal({ store: fresh.store, deal, phrase, out: begun }), UsageError);
  });

  test('nothing is dealt with terms that were changed on their way: the words differ, or the file is refused', async () => {
    const { one, two, a, b, deal, phrase } = await pair();
    const edits: Record<string, (terms: Map<string, unknown>, reshare: Map<string, unknown>) => void> = {
      threshold: (terms) => terms.set('threshold', 3),
      epoch: (_, reshare) => reshare.set('epoch', 2),
      dealers: (_, reshare) => reshare.set('dealers', [1, 3]),
      'the key': (_, reshare) => {
        const old = reshare.get('old') as Uint8Array;
        old[40] = (old[40] ?? 0) ^ 1;
      },
      'a party': (terms) =>
        (terms.get('parties') as unknown[]).push(
          new Map<string, unknown>([
            ['index', 3],
            ['role', 'cold'],
          ]),
        ),
    };
    for (const [name, edit] of Object.entries(edits)) {
      const envelope = decodeCbor(new Uint8Array(readFileSync(a))) as Map<string, unknown>;
      const terms = envelope.get('terms') as Map<string, unknown>;
      edit(terms, terms.get('reshare') as Map<string, unknown>);
      const changed = file();
      writeFileSync(changed, encodeCbor(envelope));
      await assert.rejects(stepDeal({ store: two.store, files: [changed], out: file() }), ProtocolError, name);
      const fresh = await machine();
      writeFileSync(changed, encodeCbor(envelope.set('messages', [])));
      const joining = stepDeal({ store: fresh.store, files: [changed], out: file(), here: [3] });
      const state = await joining.catch((error: unknown) => assert.ok(error instanceof Error));
      assert.notEqual(state?.phrase, phrase, name);
    }
    await confirmDeal({ store: one.store, deal, phrase, out: a });
    await confirmDeal({ store: two.store, deal, phrase, out: b });
  });

  test('new shares offline: a confirmation that was changed on its way does not leave out its reader when the others finish', async () => {
    const [one, two, three] = [await machine(), await machine(), await machine()];
    await people([one, two, three], 3);
    const [a, b, c, changed] = [file(), file(), file(), file()];
    await beginReshare({ store: one.store, here: [1], out: a });
    await stepDeal({ store: two.store, files: [a], out: b });
    await stepDeal({ store: three.store, files: [a, b], out: c });
    await stepDeal({ store: one.store, files: [b, c], out: a });
    const state = await stepDeal({ store: two.store, files: [a, c], out: b });
    const [deal, phrase] = [id(state), state.phrase ?? ''];
    for (const [{ store }, out] of [[one, a] as const, [two, b] as const, [three, c] as const]) {
      await confirmDeal({ store, deal, phrase, out });
    }
    const envelope = decodeCbor(new Uint8Array(readFileSync(a))) as Map<string, unknown>;
    (envelope.get('messages') as unknown[]).push([3, 1, Uint8Array.of(1)]);
    writeFileSync(changed, encodeCbor(envelope));
    await stepDeal({ store: two.store, files: [changed, c], out: b });
    await stepDeal({ store: one.store, files: [b, c], out: a });
    await stepDeal({ store: three.store, files: [b, a], out: c });
    await stepDeal({ store: one.store, files: [c], out: a });
    const finished = await finishDeal({ store: one.store, deal });
    await finishDeal({ store: three.store, deal });
    await assert.rejects(stepDeal({ store: two.store, files: [c, changed], out: b }), ProtocolError);
    await stepDeal({ store: two.store, files: [a, c], out: b });
    await assert.rejects(stepDeal({ store: two.store, files: [changed], out: b }), ProtocolError);
    assert.deepEqual(await finishDeal({ store: two.store, deal }), finished);
    await signs(finished, [
      [one, 1],
      [two, 2],
      [three, 3],
    ]);
  });

  test('new shares offline: two deals at a time are not both confirmed', async () => {
    const { one, two, a, b, deal, phrase } = await pair();
    const [c, d] = [file(), file()];
    await beginReshare({ store: one.store, here: [1], out: c });
    await stepDeal({ store: two.store, files: [c], out: d });
    const second = await stepDeal({ store: one.store, files: [d], out: c });
    const first = { store: one.store, deal, phrase, out: a };
    const other = { store: one.store, deal: id(second), phrase: second.phrase ?? '', out: c };
    const outcomes = await Promise.allSettled([confirmDeal(first), confirmDeal(other)]);
    assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    const [won, lost] = outcomes[0]?.status === 'fulfilled' ? [first, other] : [other, first];
    await assert.rejects(confirmDeal(lost), new RegExp(`under way.*--deal ${won.deal.toString('hex')}`, 's'));
    assert.deepEqual(roundsIn(lost.out), ['1.1', '1.2']);
    await dropDeal(one.store, won.deal);
    await confirmDeal(lost);
    await confirmDeal({ ...lost, store: two.store, out: b });
  });

  test('new shares offline: who has confirmed does not drop the deal by mistake; the last file is kept', async () => {
    const { one, two, old, a, b, deal, phrase } = await pair();
    await confirmDeal({ store: one.store, deal, phrase, out: a });
    await confirmDeal({ store: two.store, deal, phrase, out: b });
    await stepDeal({ store: two.store, files: [a], out: b });
    await stepDeal({ store: one.store, files: [b], out: a });
    const kept = join(one.store.dir, 'deals', deal.toString('hex'));
    const session = `${kept}.age`;
    const before = readFileSync(session);
    // Another deal from the same old shares, which was not confirmed, deals them no more afterwards.
    const [c, d] = [file(), file()];
    await beginReshare({ store: one.store, here: [1], out: c });
    await stepDeal({ store: two.store, files: [c], out: d });
    const second = await stepDeal({ store: one.store, files: [d], out: c });
    const secondSession = join(one.store.dir, 'deals', `${second.deal}.age`);
    const begun = readFileSync(secondSession);
    const oldShare = join(one.store.dir, old.address, shareFileName(old, 1));
    const share = readFileSync(oldShare);
    // Nor is it kept because the session of a third one, which comes before it, does not open.
    const damaged = join(one.store.dir, 'deals', `${'0'.repeat(32)}.age`);
    writeFileSync(damaged, 'x');
    const finished = await finishDeal({ store: one.store, deal });
    assert.equal(finished.epoch, 1);
    assert.ok(!existsSync(secondSession), 'a part of the old share is left');
    rmSync(damaged);
    writeFileSync(secondSession, begun);
    const other = { store: one.store, deal: id(second), phrase: second.phrase ?? '', out: c };
    await assert.rejects(confirmDeal(other), isStore('old-share'));
    assert.deepEqual(roundsIn(c), ['1.1', '1.2']);
    await dropDeal(one.store, id(second));
    // A process that was killed before it deleted the old share and the session: finish again.
    writeFileSync(session, before);
    writeFileSync(oldShare, share);
    assert.deepEqual(await finishDeal({ store: one.store, deal }), finished);
    assert.ok(!existsSync(session) && !existsSync(oldShare));
    assert.ok((await checkStore(one.store)).ok);
    // Not if the new one is not there.
    const newShare = join(one.store.dir, old.address, shareFileName(finished, 1));
    const away = readFileSync(newShare);
    writeFileSync(session, before);
    writeFileSync(oldShare, share);
    rmSync(newShare);
    await assert.rejects(finishDeal({ store: one.store, deal }), isStore('missing'));
    assert.ok(existsSync(session) && existsSync(oldShare));
    writeFileSync(newShare, away);
    await finishDeal({ store: one.store, deal });
    await assert.rejects(dropDeal(two.store, deal), /others may have the new shares already/);
    rmSync(a);
    await stepDeal({ store: two.store, files: [`${kept}.deal`], out: b });
    await finishDeal({ store: two.store, deal });
    await signs(finished, [
      [one, 1],
      [two, 2],
    ]);
    assert.equal(old.address, finished.address);
  });

  test('new shares offline: who takes a step of another deal while one is finished leaves no session of it', async () => {
    const { one, two, a, b, deal, phrase } = await pair();
    await confirmDeal({ store: one.store, deal, phrase, out: a });
    await confirmDeal({ store: two.store, deal, phrase, out: b });
    await stepDeal({ store: two.store, files: [a], out: b });
    await stepDeal({ store: one.store, files: [b], out: a });
    const [c, d] = [file(), file()];
    const other = await beginReshare({ store: one.store, here: [1], out: c });
    await stepDeal({ store: two.store, files: [c], out: d });
    let finishing: Promise<WalletInfo> | undefined;
    const slow = openStore(one.store.dir, async (kind, what) => {
      finishing ??= finishDeal({ store: one.store, deal });
      await Promise.race([finishing, sleep(500)]);
      return one.store.key(kind, what);
    });
    await stepDeal({ store: slow, files: [d], out: c });
    assert.equal((await finishing)?.epoch, 1);
    assert.ok(!(await listDeals(one.store)).some((left) => Buffer.compare(left, id(other)) === 0));
  });

  test('new shares offline: as long as a session does not open nothing is changed; it can be dropped', async () => {
    const { one, a, deal, phrase } = await pair();
    const damaged = '0'.repeat(32);
    writeFileSync(join(one.store.dir, 'deals', `${damaged}.age`), 'x');
    const advice = new RegExp(
      `does not open.*scripts/party.ts drop --store ${one.store.dir} --deal ${damaged} --yes`,
      's',
    );
    await assert.rejects(confirmDeal({ store: one.store, deal, phrase, out: a }), advice);
    await assert.rejects(reshareWallet({ store: one.store }), advice);
    await dropDeal(one.store, Buffer.from(damaged, 'hex'), true);
    await confirmDeal({ store: one.store, deal, phrase, out: a });
  });
});

const guardian = privateKeyToAccount(`0x${'47'.repeat(32)}`);

describe('new shares of two machines and an action', () => {
  test('new shares by commands: dealt by the hot share and the action once the cold one allows it', async () => {
    const [hot, cold] = [await machine(), await machine()];
    const party = async ({ store, env }: Machine, ...args: string[]) =>
      json(await command('party', [...args, '--store', store.dir, '--json'], env));
    const made = json(await command('keygen', ['--store', hot.store.dir, '--json'], hot.env));
    const address = String(made.address);
    // The cold share is put on a machine of its own, with the public file; there under that machine's key.
    cpSync(join(hot.store.dir, address, 'wallet.json'), join(cold.store.dir, address, 'wallet.json'));
    copyFileSync(join(hot.store.dir, address, 'cold.age'), join(cold.store.dir, address, 'cold.age'));
    rmSync(join(hot.store.dir, address, 'cold.age'));
    const both = join(root, 'both.txt');
    writeFileSync(
      both,
      readFileSync(cold.env.TANDEM_IDENTITY ?? '', 'utf8') + readFileSync(hot.env.TANDEM_IDENTITY ?? '', 'utf8'),
    );
    cold.env.TANDEM_IDENTITY = both;

    const [a, b] = [file(), file()];
    const begun = await party(hot, 'begin', '--reshare', '--out', a, '--authority', `guardian:${guardian.address}`);
    const there = await party(cold, 'step', '--in', a, '--out', b);
    assert.deepEqual([there.deal, there.here], [begun.deal, [3]]);
    const here = await party(hot, 'step', '--in', b, '--out', a);
    assert.equal(here.phrase, there.phrase);
    const unasked = await command('party', ['confirm', '--store', hot.store.dir, '--out', a], hot.env);
    assert.deepEqual([unasked.code, unasked.stdout], [1, '']);
    assert.match(unasked.stderr, /dealt by 1, 2[\s\S]*--phrase/);
    const words = ['--phrase', String(there.phrase)] as const;
    // The hot machine has confirmed; the action is not asked before the cold share has signed.
    assert.deepEqual((await party(hot, 'confirm', ...words, '--out', a)).waitingFor, [3]);
    assert.deepEqual(roundsIn(a).sort(), ['1.1', '1.3']);
    const asked = ['The twelve words that all other machines show: ', String(here.phrase)] as const;
    const typed = await onTerminal('party', ['confirm', '--store', cold.store.dir, '--out', b], cold.env, asked);
    assert.equal(typed.code, 0, typed.shown);
    assert.match(typed.shown, /parties: 1 hot, 2 action, 3 cold \(here\); 2 of them sign/);
    await party(hot, 'step', '--in', b, '--out', a);
    assert.ok(roundsIn(a).includes('2.2'));
    await party(cold, 'step', '--in', a, '--out', b);
    const last = await party(hot, 'step', '--in', b, '--out', a);
    assert.deepEqual([last.waitingFor, last.address], [[], address]);
    await party(cold, 'step', '--in', a, '--out', b);
    const finished = await Promise.all([party(hot, 'finish'), party(cold, 'finish')]);
    assert.deepEqual(
      finished.map(({ epoch }) => epoch),
      [1, 1],
    );

    const files = ({ store }: Machine) => readdirSync(join(store.dir, address)).sort();
    assert.deepEqual(files(hot), ['action.1.sealed', 'actions', 'correlation.json', 'hot.1.age', 'wallet.json']);
    assert.deepEqual(files(cold), ['cold.1.age', 'wallet.json']);
    const info = await readWallet(hot.store, address);
    assert.deepEqual(await readWallet(cold.store, address), info);
    assert.equal(info.action?.authority, guardian.address.toLowerCase());
    const signed = json(await command('sign', ['--store', hot.store.dir, '--message', 'x', '--json'], hot.env));
    assert.equal(signed.address, address);
  });

  describe('in calls', () => {
    const made = async (authority: 'cold' | `0x${string}`) => {
      const hot = await machine();
      const runtime = await LocalRuntime.open({ dir: join(hot.store.dir, 'local-lit') });
      after(() => runtime.close());
      const action = { runtime, ...(await buildCosigner('messages')) };
      const { wallet } = await createWallet({ store: hot.store, action, threshold: 2, parties: 3, authority });
      const path = join(hot.store.dir, wallet.address, 'cold.age');
      let calls = 0;
      const watched: Runtime = {
        name: 'local',
        createWallet: () => runtime.createWallet(),
        permit: (...given) => runtime.permit(...given),
        limits: () => runtime.limits(),
        run: (...given) => {
          calls++;
          return runtime.run(...given);
        },
      };
      return { hot, wallet, path, runtime: watched, connect: async () => watched, calls: () => calls };
    };

    test('new shares of two machines and an action: a lost cold share is replaced on another machine, if the guardian signs', async () => {
      const { hot, wallet, path, runtime, connect, calls } = await made(guardian.address);
      rmSync(path);
      const cold = await machine();
      const [a, b] = [file(), file()];
      await assert.rejects(beginReshare({ store: hot.store, runtime, here: [1], dealers: [1, 3], out: a }), UsageError);
      await beginReshare({ store: hot.store, runtime, here: [1], out: a });
      await assert.rejects(stepDeal({ store: cold.store, files: [a], out: b }), UsageError);
      const { phrase = '', messages } = await stepDeal({ store: cold.store, files: [a], out: b, here: [3] });
      const state = await stepDeal({ store: hot.store, files: [b], out: a, connect });
      const options = { store: hot.store, deal: id(state), phrase, connect, out: a };
      await assert.rejects(confirmDeal(options), /only if the guardian 0x.* permits/);
      const stranger = privateKeyToAccount(`0x${'48'.repeat(32)}`);
      const by = (account: typeof guardian) => async (terms: Parameters<typeof digestOfPermission>[0]) => {
        assert.equal(terms.messages, messages, 'the guardian can compare with every machine');
        return { signature: await account.sign({ hash: digestOfPermission(terms) }) };
      };
      await assert.rejects(confirmDeal({ ...options, askAuthority: by(stranger) }), /not the guardian/);
      assert.equal(calls(), 0);
      await confirmDeal({ ...options, askAuthority: by(guardian) });
      assert.equal(calls(), 1);
      await confirmDeal({ store: cold.store, deal: id(state), phrase, out: b });
      await stepDeal({ store: cold.store, files: [a], out: b });
      await stepDeal({ store: hot.store, files: [b], out: a, connect });
      assert.equal(calls(), 2);
      await stepDeal({ store: cold.store, files: [a], out: b });
      const info = await finishDeal({ store: hot.store, deal: id(state) });
      assert.deepEqual(await finishDeal({ store: cold.store, deal: id(state) }), info);
      assert.ok((await checkStore(cold.store)).ok && (await checkStore(hot.store)).ok);
      const { digest, signature } = await (await openWallet(hot.store, { runtime })).signMessage('x');
      assert.equal(await recoverAddress({ hash: digest, signature }), wallet.address);
      await signs(info, [
        [hot, 1],
        [cold, 3],
      ]);
    });

    test('new shares of two machines and an action: a cold share on another machine is the authority; who changes its signature or the deal is refused', async (t) => {
      const { hot, wallet, path, runtime, connect, calls } = await made('cold');
      const cold = await machine();
      const at = join(cold.store.dir, wallet.address);
      cpSync(join(hot.store.dir, wallet.address, 'wallet.json'), join(at, 'wallet.json'));
      copyFileSync(path, join(at, 'cold.age'));
      rmSync(path);
      cpSync(join(hot.store.dir, wallet.address), join(root, 'stolen', wallet.address), { recursive: true });
      const keys = openStore(cold.store.dir, async (kind, what) =>
        what === 'cold.age' ? hot.store.key(kind, what) : cold.store.key(kind, what),
      );
      const [a, b] = [file(), file()];
      await beginReshare({ store: hot.store, runtime, here: [1], out: a });
      const { phrase = '' } = await stepDeal({ store: keys, files: [a], out: b });
      const state = await stepDeal({ store: hot.store, files: [b], out: a, connect });
      const deal = id(state);
      await confirmDeal({ store: keys, deal, phrase, out: b });
      // Before the hot machine has confirmed, the signature moves nothing.
      await stepDeal({ store: hot.store, files: [b], out: a, connect });
      await confirmDeal({ store: hot.store, deal, phrase, out: a, connect });
      assert.equal(calls(), 0);
      const changed = file();
      for (const field of ['signature', 'expires', 'by']) {
        const envelope = decodeCbor(new Uint8Array(readFileSync(b))) as Map<string, unknown>;
        const given = envelope.get('authorization') as Map<string, unknown>;
        if (field === 'signature') {
          const other = String(given.get(field)).replace(/.$/, (digit) => (digit === '0' ? '1' : '0'));
          given.set(field, other);
        }
        if (field === 'expires') given.set(field, Number(given.get(field)) + 1);
        if (field === 'by') given.set(field, 1);
        writeFileSync(changed, encodeCbor(envelope));
        await assert.rejects(stepDeal({ store: hot.store, files: [changed], out: a, connect }), ProtocolError, field);
      }
      t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 3_600_000 });
      await assert.rejects(stepDeal({ store: hot.store, files: [b], out: a, connect }), /confirm the words once more/);
      t.mock.timers.reset();
      assert.equal(calls(), 0);
      await confirmDeal({ store: keys, deal, phrase, out: b });
      await stepDeal({ store: hot.store, files: [b], out: a, connect });
      assert.equal(calls(), 1);
      await stepDeal({ store: keys, files: [a], out: b });
      await stepDeal({ store: hot.store, files: [b], out: a, connect });
      await stepDeal({ store: keys, files: [a], out: b });
      const info = await finishDeal({ store: hot.store, deal });
      await finishDeal({ store: keys, deal });
      assert.ok(!existsSync(join(at, 'cold.age')) && existsSync(join(at, 'cold.1.age')));
      await signs(info, [
        [hot, 1],
        [cold, 3],
      ]);
      // Old hot and sealed share sign through the old action, until the new one's is moved to one that takes no old one.
      const stolen = openStore(join(root, 'stolen'), hot.store.key);
      const { digest, signature } = await (await openWallet(stolen, { runtime })).signMessage('x');
      assert.equal(await recoverAddress({ hash: digest, signature }), wallet.address);
      const next = { runtime, ...(await buildCosigner('messages', 'chipotle', { minEpoch: 1 })) };
      const share = await readShare(keys, info, 3);
      const askAuthority: AskAuthority = async (terms) => signPermission(await loadTandem(), share, terms);
      const moved = await migrateWallet({ store: hot.store, runtime, next, askAuthority });
      assert.deepEqual([moved.wallet.action?.cid, moved.wallet.action?.retired], [next.cid, undefined]);
      await assert.rejects((await openWallet(stolen, { runtime })).signMessage('x'), /refused/);
      const after = await (await openWallet(hot.store, { runtime })).signMessage('x');
      assert.equal(await recoverAddress({ hash: after.digest, signature: after.signature }), wallet.address);
    });

    test('new shares of two machines and an action: cold shares leave the hot machine for others, and of two one allows it when the other is lost', async () => {
      const { hot, wallet, path, runtime, connect, calls } = await made('cold');
      const [three, four, five] = [await machine(), await machine(), await machine()];
      type Joining = readonly (readonly [Machine, number[] | undefined])[];
      const deal = async (joining: Joining, parties?: number) => {
        const a = file();
        const files = joining.map(file);
        await beginReshare({ store: hot.store, runtime, here: [1], parties, out: a });
        for (const [n, [{ store }, here]] of joining.entries()) {
          await stepDeal({ store, files: [a, ...files.slice(0, n)], out: files[n] ?? '', here });
        }
        const state = await stepDeal({ store: hot.store, files, out: a, connect });
        const { phrase = '' } = state;
        for (const [n, [{ store }]] of joining.entries()) {
          await stepDeal({ store, files: [a], out: files[n] ?? '' });
          await confirmDeal({ store, deal: id(state), phrase, out: files[n] ?? '' });
        }
        await confirmDeal({ store: hot.store, deal: id(state), phrase, out: a, connect });
        for (let round = 0; round < 2; round++) {
          await stepDeal({ store: hot.store, files, out: a, connect });
          for (const [n, [{ store }]] of joining.entries()) {
            await stepDeal({
              store,
              files: [a, ...files.filter((_, k) => k !== n && existsSync(files[k] ?? ''))],
              out: files[n] ?? '',
            });
          }
        }
        await stepDeal({ store: hot.store, files, out: a, connect });
        const infos = [await finishDeal({ store: hot.store, deal: id(state) })];
        for (const [{ store }] of joining) {
          await stepDeal({ store, files: [a], out: file() });
          infos.push(await finishDeal({ store, deal: id(state) }));
        }
        return infos[0] as WalletInfo;
      };
      const grown = await deal(
        [
          [three, [3]],
          [four, [4]],
        ],
        4,
      );
      assert.equal(calls(), 2);
      assert.deepEqual([grown.parties.length, grown.epoch, existsSync(path)], [4, 1, false]);
      await signs(grown, [
        [hot, 1],
        [four, 4],
      ]);
      const again = await deal([
        [four, undefined],
        [five, [3]],
      ]);
      assert.deepEqual([again.address, again.epoch, calls()], [wallet.address, 2, 4]);
      await signs(again, [
        [hot, 1],
        [five, 3],
      ]);
      await signs(again, [
        [hot, 1],
        [four, 4],
      ]);
      const { digest, signature } = await (await openWallet(hot.store, { runtime })).signMessage('x');
      assert.equal(await recoverAddress({ hash: digest, signature }), wallet.address);
    });

    test('no share is dealt by who joins: terms of a machine in the wrong hands, which plays the action', async () => {
      const { hot, wallet, path, runtime } = await made('cold');
      const cold = await machine();
      const at = join(cold.store.dir, wallet.address);
      cpSync(join(hot.store.dir, wallet.address, 'wallet.json'), join(at, 'wallet.json'));
      copyFileSync(path, join(at, 'cold.age'));
      rmSync(path);
      const keys = openStore(cold.store.dir, async (kind, what) =>
        what === 'cold.age' ? hot.store.key(kind, what) : cold.store.key(kind, what),
      );
      const [a, b] = [file(), file()];
      await beginReshare({ store: hot.store, runtime, here: [1], out: a });
      type Fields = Map<string, unknown>;
      const changed = (from: string, edit: (terms: Fields, reshare: Fields, envelope: Fields) => void) => {
        const envelope = decodeCbor(new Uint8Array(readFileSync(from))) as Fields;
        const terms = envelope.get('terms') as Fields;
        edit(terms, terms.get('reshare') as Fields, envelope);
        const out = file();
        writeFileSync(out, encodeCbor(envelope));
        return out;
      };
      const refused = async (store: typeof keys, from: string, message: RegExp) => {
        const before = (await listDeals(store)).length;
        const joining = stepDeal({ store, files: [from], out: file() });
        await assert.rejects(joining, (error) => error instanceof ProtocolError && message.test(error.message));
        assert.equal((await listDeals(store)).length, before);
      };
      // What is read before the words are typed cannot be written over by a name.
      for (const [name, text] of [
        ['policy', 'messages\n\u001b[2A\u001b[2K'],
        ['authority', 'cold\u001b[1A'],
      ] as const) {
        const shown = changed(a, (terms) => (terms.get('action') as Fields).set(name, text));
        await assert.rejects(stepDeal({ store: keys, files: [shown], out: file() }), (error) => {
          assert.ok(error instanceof StoreError && error.kind === 'altered');
          assert.match(error.message, new RegExp(`terms.action.${name} is not as agreed`));
          return true;
        });
      }
      // To the hot machine and to an action that it plays the cold share would deal all of itself.
      const coldDeals = changed(a, (_, reshare) => reshare.set('dealers', [1, 3]));
      await refused(keys, coldDeals, /a joining machine must not deal/);
      const noAction = changed(a, (terms, reshare) => {
        reshare.set('dealers', [1, 3]);
        for (const party of terms.get('parties') as Fields[]) if (party.get('index') === 2) party.set('role', 'cold');
        terms.delete('action');
        terms.set('runtime', 'none');
      });
      await refused(keys, noAction, /has an action/);
      // Nor the hot share to an action that the cold machine plays, whose round 1 is not under the words.
      await stepDeal({ store: keys, files: [a], out: b });
      const begunByCold = changed(b, (_, __, envelope) => {
        envelope.set('deal', new Uint8Array(16).fill(7));
        const messages = envelope.get('messages') as [number, number, Uint8Array][];
        envelope.set(
          'messages',
          messages.filter(([, sender]) => sender === 3),
        );
      });
      await refused(hot.store, begunByCold, /a joining machine must not deal/);
    });

    test('new shares of two machines and an action: nothing else changes the wallet meanwhile; nor undoes the deal what did', async () => {
      const { hot, wallet, runtime, connect, calls } = await made('cold');
      const { store } = hot;
      const [cold, next] = [await machine(), { runtime, ...(await buildCosigner('messages', 'chipotle', {})) }];
      const folder = join(store.dir, wallet.address);
      const contents = () =>
        readdirSync(folder, { withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map(({ name }) => [name, readFileSync(join(folder, name))]);
      const [a, b] = [file(), file()];
      const begun = await beginReshare({ store, runtime, here: [1], out: a });
      const deal = id(begun);
      const refused = async () => {
        const before = [contents(), calls()];
        const advice = `under way here.*scripts/party.ts drop --store ${store.dir} --deal ${begun.deal}`;
        for (const change of [
          () => reshareWallet({ store, runtime }),
          () => reshareWallet({ store, runtime, next }),
          () => reshareWallet({ store, runtime, next, isActionGone: true }),
          () => migrateWallet({ store, runtime, next }),
        ]) {
          await assert.rejects(change(), (error) => {
            assert.ok(error instanceof WalletError);
            assert.match(error.message, new RegExp(advice, 's'));
            return true;
          });
        }
        assert.deepEqual([contents(), calls()], before);
      };
      await refused();
      const { phrase = '' } = await stepDeal({ store: cold.store, files: [a], out: b, here: [3] });
      await stepDeal({ store, files: [b], out: a, connect });
      await confirmDeal({ store, deal, phrase, connect, out: a });
      await confirmDeal({ store: cold.store, deal, phrase, out: b });
      assert.equal(calls(), 1);
      await refused();
      await stepDeal({ store: cold.store, files: [a], out: b });
      await stepDeal({ store, files: [b], out: a, connect });
      await stepDeal({ store: cold.store, files: [a], out: b });
      assert.equal(calls(), 2);
      await refused();
      assert.equal((await finishDeal({ store: cold.store, deal })).epoch, 1);

      // Moved all the same, in a copy that is put back.
      const copy = openStore(join(root, `copy${count++}`), store.key);
      cpSync(folder, join(copy.dir, wallet.address), { recursive: true });
      const moved = await migrateWallet({ store: copy, runtime, next });
      rmSync(folder, { recursive: true });
      cpSync(join(copy.dir, wallet.address), folder, { recursive: true });
      const before = contents();
      await assert.rejects(finishDeal({ store, deal }), isStore('changed'));
      assert.deepEqual(contents(), before);
      assert.deepEqual(await readWallet(store, wallet.address), moved.wallet);
      const { digest, signature } = await (await openWallet(store, { runtime })).signMessage('x');
      assert.equal(await recoverAddress({ hash: digest, signature }), wallet.address);
    });

    test('new shares offline are not begun beside new shares by command, which are not stored then', async () => {
      const { hot, wallet, path, runtime } = await made(guardian.address);
      rmSync(path);
      const { store } = hot;
      let begun: DealState | undefined;
      const askAuthority: AskAuthority = async (terms) => {
        begun ??= await beginReshare({ store, runtime, here: [1], out: file() });
        return { signature: await guardian.sign({ hash: digestOfPermission(terms) }) };
      };
      await assert.rejects(reshareWallet({ store, runtime, askAuthority }), /under way here/);
      assert.deepEqual(await readWallet(store, wallet.address), wallet);
      assert.ok(begun);
      await dropDeal(store, id(begun));
      assert.equal((await reshareWallet({ store, runtime, askAuthority })).wallet.epoch, 1);
    });

    test('new shares of two machines and an action are not begun without the hot share, nor if nobody may ask the action', async () => {
      const { hot, wallet, runtime } = await made('cold');
      const begin = (here: number[]) => beginReshare({ store: hot.store, runtime, here, out: file() });
      await assert.rejects(begin([3]), /hot share begins/);
      const wallets = join(hot.store.dir, wallet.address, 'wallet.json');
      const info = await readWallet(hot.store, wallet.address);
      writeFileSync(wallets, JSON.stringify({ ...info, action: { ...info.action, authority: 'none' } }));
      await assert.rejects(begin([1]), /Nobody may ask/);
    });
  });
});
