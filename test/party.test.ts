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
import { after, before, describe, test } from 'node:test';
import { type Hex, recoverAddress } from 'viem';
import { decodeCbor, encodeCbor } from '../ts/core/cbor.ts';
import { beginDeal, type DealState, dropDeal, finishDeal, stepDeal } from '../ts/deal/files/party.ts';
import { planParties } from '../ts/deal/plan.ts';
import { ProtocolError, StoreError, UsageError } from '../ts/errors.ts';
import { openWallet } from '../ts/signing/wallet.ts';
import { checkStore } from '../ts/store/check.ts';
import { listDeals } from '../ts/store/deals.ts';
import { type FileStore, openStore } from '../ts/store/node.ts';
import { readWallet } from '../ts/store/store.ts';
import { command, json } from './support/command.ts';
import { type Machine, newMachine } from './support/machines.ts';

// Two machines are two stores, each with a key of its own. What goes between them is files.

const root = mkdtempSync(join(tmpdir(), 'tandem-party-'));
after(() => rmSync(root, { recursive: true, force: true }));

let count = 0;
const machine = () => newMachine(join(root, `machine${count++}`));

/** A new name for a file between machines. */
const file = () => join(root, `${count++}.deal`);

describe('a key of two machines and an action, by commands', () => {
  test('a key of two machines and an action is dealt in five files, compared by six words, and signs', async () => {
    const [hot, cold] = [await machine(), await machine()];
    const party = async ({ store, env }: Machine, ...args: string[]) =>
      json(await command('party', [...args, '--store', store.dir, '--json'], env));
    const [a, b] = [file(), file()];
    const guardian = `0x${'47'.repeat(20)}`;
    const begun = await party(hot, 'begin', '--out', a, '--authority', `guardian:${guardian}`);
    assert.deepEqual(begun.waitingFor, [2, 3]);
    const joined = await party(cold, 'step', '--in', a, '--out', b, '--here', '3');
    assert.deepEqual([joined.deal, joined.here, joined.waitingFor], [begun.deal, [3], [2]]);
    assert.deepEqual((await party(hot, 'step', '--in', b, '--out', a)).waitingFor, [3]);
    assert.deepEqual((await party(cold, 'step', '--in', a, '--out', b)).waitingFor, [1, 2]);
    const here = await party(hot, 'step', '--in', b, '--out', a);
    const there = await party(cold, 'step', '--in', a, '--out', b);
    assert.match(String(here.phrase), /^([a-z]+ ){5}[a-z]+$/);
    assert.deepEqual([here.phrase, here.address, here.waitingFor], [there.phrase, there.address, []]);
    assert.deepEqual(await party(hot, 'list'), { deals: [begun.deal] });

    const address = here.address as Hex;
    const unasked = await command('party', ['finish', '--store', hot.store.dir], hot.env);
    assert.deepEqual([unasked.code, unasked.stdout], [1, '']);
    assert.match(unasked.stderr, /--phrase/);
    const finish = ['finish', '--phrase', String(there.phrase)] as const;
    const finished = await Promise.all([party(hot, ...finish), party(cold, ...finish)]);
    assert.deepEqual(
      finished.map(({ wallet }) => wallet),
      [address, address],
    );
    assert.deepEqual(await party(hot, 'list'), { deals: [] });

    // Each machine has its own share and no other, and both know the same of the wallet.
    const files = ({ store }: Machine) => readdirSync(join(store.dir, address)).sort();
    assert.deepEqual(files(hot), ['action.sealed', 'actions', 'hot.age', 'wallet.json']);
    assert.deepEqual(files(cold), ['cold.age', 'wallet.json']);
    assert.deepEqual(await readWallet(cold.store, address), await readWallet(hot.store, address));
    assert.equal((await readWallet(hot.store, address)).action?.authority, guardian);
    for (const { store } of [hot, cold]) assert.ok((await checkStore(store)).ok);

    const signed = json(await command('sign', ['--store', hot.store.dir, '--message', 'x', '--json'], hot.env));
    assert.equal(signed.calls, 2); // an offline deal leaves no correlation: the first signature makes one
    assert.equal(await recoverAddress({ hash: signed.digest as Hex, signature: signed.signature as Hex }), address);
    copyFileSync(join(cold.store.dir, address, 'cold.age'), join(hot.store.dir, address, 'cold.age'));
    const both = openStore(hot.store.dir, async (kind, what) =>
      what === 'cold.age' ? cold.store.key(kind, what) : hot.store.key(kind, what),
    );
    const { digest, signature } = await (await openWallet(both)).signMessage('x', { recovery: true });
    assert.equal(await recoverAddress({ hash: digest, signature }), address);
  });

  test('party exits with 64 at wrong usage', async () => {
    const { store, env } = await machine();
    const nothing = join(root, 'nothing');
    writeFileSync(nothing, '');
    const usages = [
      ['deal'],
      ['begin', '--out', nothing, '--runtime', 'none', '--here', '4'],
      ['begin', '--out', nothing, '--parties', '3', '--threshold', '3'],
      ['begin', '--out', nothing, '--authority', 'somebody'],
      ['begin', '--out', nothing, '--from', '1,2'],
      ['begin', '--out', nothing, '--reshare', '--policy', 'any'],
      ['step', '--in', nothing],
      ['confirm', '--out', nothing, '--phrase', 'x'],
      ['finish', '--phrase', 'x'],
    ];
    const run = async (args: string[]) => command('party', [...args, '--store', store.dir], env);
    for (let i = 0; i < usages.length; i += 3) {
      const some = usages.slice(i, i + 3);
      for (const [n, { code, stdout }] of (await Promise.all(some.map(run))).entries()) {
        assert.deepEqual([code, stdout], [64, ''], some[n]?.join(' '));
      }
    }
  });
});

/** Two machines without an action, and the files of a deal between them up to some step. */
interface Pair {
  readonly one: Machine;
  readonly two: Machine;
  readonly a: string;
  readonly b: string;
}

const parties = (n: number) => planParties(2, n, undefined);

/** Steps of a deal between two machines: the first begins, the second joins, and so on. */
async function pair(steps: number): Promise<Pair & { states: DealState[] }> {
  const made = { one: await machine(), two: await machine(), a: file(), b: file() };
  const states: DealState[] = [];
  for (let n = 0; n < steps; n++) states.push(await next(made, n));
  return { ...made, states };
}

async function next({ one, two, a, b }: Pair, n: number): Promise<DealState> {
  if (n === 0) return beginDeal({ store: one.store, threshold: 2, parties: parties(2), here: [1], out: a });
  if (n % 2 === 0) return stepDeal({ store: one.store, files: [b], out: a });
  return stepDeal({ store: two.store, files: [a], out: b, here: n === 1 ? [2] : undefined });
}

let store: FileStore;
before(async () => {
  store = (await machine()).store;
});

describe('an offline deal', () => {
  test('an offline deal without an action takes four', async () => {
    const { one, two, states } = await pair(4);
    const { deal, dealt } = states[3] as DealState;
    assert.deepEqual(states[2]?.dealt, undefined);
    assert.ok(dealt);
    const id = Buffer.from(deal, 'hex');
    await finishDeal({ store: two.store, deal: id, phrase: `  ${dealt.phrase?.toUpperCase()} ` });
    await assert.rejects(finishDeal({ store: one.store, deal: id, phrase: dealt.phrase }), UsageError);
  });

  test('an offline deal of three machines goes round in any way, and step may be repeated', async () => {
    const machines = [await machine(), await machine(), await machine()] as const;
    const files = machines.map(file);
    const at = (n: number) => files[n] as string;
    await beginDeal({ store: machines[0].store, threshold: 2, parties: parties(3), here: [1], out: at(0) });
    const step = (n: 0 | 1 | 2, from: number[], here?: number[]) =>
      stepDeal({ store: machines[n].store, files: from.map(at), out: at(n), here });
    await step(1, [0], [2]);
    await step(2, [1], [3]);
    const states: DealState[] = [];
    for (let round = 0; round < 3; round++) {
      for (const n of [0, 1, 2] as const) {
        const others = [0, 1, 2].filter((other) => other !== n);
        const state = await step(n, others);
        const sent = readFileSync(at(n));
        assert.deepEqual(await step(n, others), state);
        assert.deepEqual(readFileSync(at(n)), sent, 'the same again');
        states[n] = state;
      }
    }
    const phrases = new Set(states.map(({ dealt }) => dealt?.phrase));
    assert.equal(phrases.size, 1);
    const [phrase] = phrases;
    assert.ok(phrase);
    const infos = [];
    for (const { store } of machines) {
      const [deal] = await listDeals(store);
      assert.ok(deal);
      infos.push(await finishDeal({ store, deal, phrase }));
    }
    assert.deepEqual(infos[1], infos[0]);
    assert.deepEqual(infos[2], infos[0]);
  });

  test('an offline deal keeps one session, sealed, in the place of the one before', async () => {
    const pairing = await pair(2);
    const sessions = join(pairing.one.store.dir, 'deals');
    const [name = ''] = readdirSync(sessions);
    const before = readFileSync(join(sessions, name));
    assert.match(before.toString('latin1'), /^age-encryption\.org\/v1\n/);
    await next(pairing, 2);
    assert.deepEqual(readdirSync(sessions), [name]);
    assert.notDeepEqual(readFileSync(join(sessions, name)), before);
    await dropDeal(pairing.one.store, Buffer.from(name.slice(0, 32), 'hex'));
    assert.deepEqual(readdirSync(sessions), []);
    await assert.rejects(next(pairing, 2), UsageError);
  });

  test('in an offline deal, a file that cannot be written leaves the step taken: the same file comes when it can', async () => {
    const pairing = await pair(2);
    const { one, b, a } = pairing;
    await assert.rejects(
      stepDeal({ store: one.store, files: [b], out: join(root, 'no', 'such', 'folder') }),
      StoreError,
    );
    await next(pairing, 2);
    const sent = readFileSync(a);
    await next(pairing, 2);
    assert.deepEqual(readFileSync(a), sent);
    assert.ok((await next(pairing, 3)).dealt);
  });
});

describe('somebody between the machines', () => {
  test('somebody between the machines who deals with each alone makes other words, and there is no wallet', async () => {
    const [one, two, mallory] = [await machine(), await machine(), [await machine(), await machine()]];
    const [m1, m2] = mallory as [Machine, Machine];
    const [a, ma, b, mb] = [file(), file(), file(), file()];
    // Towards the first machine Mallory is party 2, towards the second party 1.
    await beginDeal({ store: one.store, threshold: 2, parties: parties(2), here: [1], out: a });
    await beginDeal({ store: m2.store, threshold: 2, parties: parties(2), here: [1], out: mb });
    await stepDeal({ store: m1.store, files: [a], out: ma, here: [2] });
    await stepDeal({ store: two.store, files: [mb], out: b, here: [2] });
    await stepDeal({ store: one.store, files: [ma], out: a });
    await stepDeal({ store: m2.store, files: [b], out: mb });
    await stepDeal({ store: m1.store, files: [a], out: ma });
    const first = await stepDeal({ store: one.store, files: [ma], out: a });
    const second = await stepDeal({ store: two.store, files: [mb], out: b });
    assert.ok(first.dealt && second.dealt);
    assert.notEqual(first.dealt.phrase, second.dealt.phrase);
    const wrong = { deal: Buffer.from(first.deal, 'hex'), phrase: second.dealt.phrase };
    await assert.rejects(finishDeal({ store: one.store, ...wrong }), (error) => {
      assert.ok(error instanceof ProtocolError);
      assert.match(error.message, /words differ.*drop the deal/s);
      return true;
    });
    assert.deepEqual(readdirSync(one.store.dir), ['deals']);
  });

  /** A file with its envelope changed. */
  function change(path: string, edit: (envelope: Map<string, unknown>) => void): string {
    const envelope = decodeCbor(new Uint8Array(readFileSync(path))) as Map<string, unknown>;
    edit(envelope);
    const changed = file();
    writeFileSync(changed, encodeCbor(envelope));
    return changed;
  }
  const messagesOf = (envelope: Map<string, unknown>) => envelope.get('messages') as [number, number, Uint8Array][];
  const flip = (bytes: Uint8Array) => {
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  };

  test('somebody between the machines who changes a message of any round is found out, and the deal can go on with the right one', async () => {
    const pairing = await pair(1);
    for (const n of [1, 2, 3]) {
      const { one, two, a, b } = pairing;
      const [reader, path, out] = n % 2 === 1 ? [two, a, b] : [one, b, a];
      const honest = readFileSync(path);
      const here = n === 1 ? [2] : undefined;
      const step = (from: string) => stepDeal({ store: reader.store, files: [from], out: file(), here });
      const sent = messagesOf(decodeCbor(new Uint8Array(honest)) as Map<string, unknown>);
      for (const [at, [, sender]] of sent.entries()) {
        const changed = change(path, (envelope) => flip(messagesOf(envelope)[at]?.[2] as Uint8Array));
        // A commitment that was changed on its way shows once it is opened.
        if (n === 1 && sender === 1) continue;
        await assert.rejects(step(changed), ProtocolError, `file ${n}, message ${at}`);
      }
      assert.deepEqual(readFileSync(path), honest);
      assert.ok(!existsSync(out) || n !== 1);
      await next(pairing, n);
    }
  });

  test('somebody between the machines who changes a commitment is found out when it is opened', async () => {
    const pairing = await pair(1);
    const changed = change(pairing.a, (envelope) => flip(messagesOf(envelope)[0]?.[2] as Uint8Array));
    const { one, two, b } = pairing;
    const joining = stepDeal({ store: two.store, files: [changed], out: b, here: [2] });
    await assert.rejects(
      joining.then(() => stepDeal({ store: one.store, files: [b], out: pairing.a })),
      ProtocolError,
    );
  });

  test('somebody between the machines who changes the terms, mixes deals or sends what is no message is refused', async () => {
    const pairing = await pair(2);
    const { one, b } = pairing;
    const other = await pair(2);
    const take = (...files: string[]) => stepDeal({ store: one.store, files, out: file() });
    const edits: Record<string, (envelope: Map<string, unknown>) => void> = {
      terms: (envelope) => (envelope.get('terms') as Map<string, unknown>).set('created', '2026-01-01T00:00:00.000Z'),
      'a message of the reader': (envelope) => messagesOf(envelope).push([2, 1, Uint8Array.of(1)]),
      'a message of nobody': (envelope) => messagesOf(envelope).push([1, 9, Uint8Array.of(1)]),
    };
    for (const [name, edit] of Object.entries(edits)) await assert.rejects(take(change(b, edit)), ProtocolError, name);
    await assert.rejects(take(b, other.b), UsageError);
    await assert.rejects(take(other.b), UsageError, 'a deal of others');
    await assert.rejects(take(), UsageError);

    const forms: Record<string, (envelope: Map<string, unknown>) => void> = {
      'a field more': (envelope) => envelope.set('more', 1),
      'a field less': (envelope) => envelope.delete('to'),
      'another kind': (envelope) => envelope.set('kind', 'tandem-share'),
      'round 4': (envelope) => messagesOf(envelope).push([4, 2, Uint8Array.of(1)] as never),
      'a message twice': (envelope) => messagesOf(envelope).push([1, 2, Uint8Array.of(1)]),
      'a message too long': (envelope) => messagesOf(envelope).push([2, 2, new Uint8Array(8193)]),
      'two hot parties': (envelope) =>
        ((envelope.get('terms') as Map<string, unknown>).get('parties') as Map<string, unknown>[])[1]?.set(
          'role',
          'hot',
        ),
    };
    const altered = (error: unknown) => error instanceof StoreError && error.kind === 'altered';
    for (const [name, edit] of Object.entries(forms)) await assert.rejects(take(change(b, edit)), altered, name);
    const named = take(change(b, (envelope) => envelope.set('\u001b[2K', 1)));
    await assert.rejects(
      named,
      (error) => altered(error) && !/\p{C}/u.test((error as Error).message.replace('\n', '')),
    );
    const version = change(b, (envelope) => envelope.set('version', 2));
    await assert.rejects(take(version), (error) => error instanceof StoreError && error.kind === 'version');
    const honest = readFileSync(b);
    for (const content of [
      honest.subarray(0, -1),
      Buffer.concat([honest, honest]),
      Buffer.alloc(1_100_000),
      Buffer.of(),
    ]) {
      const spoilt = file();
      writeFileSync(spoilt, content);
      await assert.rejects(take(spoilt), altered);
    }
    await next(pairing, 2);
    assert.ok((await next(pairing, 3)).dealt);
  });

  test('somebody between the machines who sends old files again changes nothing', async () => {
    const pairing = await pair(1);
    const { one, two, a, b } = pairing;
    const first = file();
    copyFileSync(a, first);
    await next(pairing, 1);
    const joined = file();
    copyFileSync(b, joined);
    await next(pairing, 2);
    const done = await next(pairing, 3);
    // The beginning, to a machine that is further, and to one that knows nothing of it.
    assert.deepEqual(await stepDeal({ store: two.store, files: [first], out: b }), done);
    assert.deepEqual((await stepDeal({ store: one.store, files: [joined], out: a })).waitingFor, [2]);
    await assert.rejects(stepDeal({ store, files: [joined], out: file(), here: [2] }), UsageError);
  });

  test('somebody between the machines has no use for a session of another machine', async () => {
    const { one, two } = await pair(2);
    cpSync(join(one.store.dir, 'deals'), join(root, 'stolen', 'deals'), { recursive: true });
    const [deal] = await listDeals(one.store);
    assert.ok(deal);
    const thief = openStore(join(root, 'stolen'), two.store.key);
    await assert.rejects(
      finishDeal({ store: thief, deal, phrase: 'x' }),
      (error) => error instanceof StoreError && error.kind === 'identity',
    );
  });
});
