import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { hashMessage, recoverAddress } from 'viem';
import { decodeCbor, encodeCbor } from '../ts/core/cbor.ts';
import { TandemError } from '../ts/core/errors.ts';
import { loadTandem } from '../ts/core/node.ts';
import type { Tandem } from '../ts/core/wasm.ts';
import { createWallet } from '../ts/deal/keygen.ts';
import { reshareWallet } from '../ts/deal/reshare.ts';
import {
  CheckFailedError,
  LockedError,
  ProtocolError,
  RefusedError,
  StaleResponseError,
  StoreError,
  UsageError,
} from '../ts/errors.ts';
import { messageIntent } from '../ts/intent/from.ts';
import { cidOf } from '../ts/protocol/cid.ts';
import type { CosignerRequest } from '../ts/protocol/cosigner.ts';
import { type OpenOptions, openWallet, type Signed, type Wallet } from '../ts/signing/wallet.ts';
import { checkStore } from '../ts/store/check.ts';
import { type CorrelationNote, NOTE } from '../ts/store/correlations.ts';
import { memoryStore } from '../ts/store/memory.ts';
import { type FileStore, openStore } from '../ts/store/node.ts';
import { assertUnlocked, holdWallet, readWallet, type Store } from '../ts/store/store.ts';
import { tauHash } from './reference/correlation.ts';
import { hash } from './reference/transcript.ts';
import { type FakeAction, fakeAction } from './support/fake-action.ts';
import { adoptCorrelations } from './support/state.ts';

// Signatures from a correlation: where it is, when it ends, and who may cause that. The action's part is played here, so that it
// may cheat.

const root = mkdtempSync(join(tmpdir(), 'tandem-correlation-'));
after(() => rmSync(root, { recursive: true, force: true }));

/** A machine: a store with one wallet, and the folder of its user's state. */
interface Machine {
  readonly store: FileStore;
  readonly address: string;
  readonly state: string;
}

let identity: string;
let made: Machine;
let count = 0;
before(async () => {
  identity = await generateIdentity();
  made = await newMachine();
});

const storeAt = (dir: string) => openStore(dir, async () => ({ identities: [identity] }));

/** Files are looked for where the environment says at that moment. */
const at = <T extends Pick<Machine, 'state'>>(machine: T): T => {
  process.env.XDG_STATE_HOME = machine.state;
  return machine;
};

async function newMachine(): Promise<Machine> {
  const dir = join(root, String(count++));
  const { state } = at({ state: join(dir, 'state') });
  const store = storeAt(join(dir, 'store'));
  const { wallet, calls } = await createWallet({ store, action: fakeAction().action, threshold: 2, parties: 3 });
  assert.equal(calls, 2);
  return { store, address: wallet.address, state };
}

/** A copy of the machine that all tests begin with, state and all. */
function machine(): Machine {
  const dir = join(root, String(count++));
  cpSync(join(made.store.dir, '..'), dir, { recursive: true });
  adoptCorrelations(join(dir, 'state'), join(dir, 'store'));
  return at({ store: storeAt(join(dir, 'store')), address: made.address, state: join(dir, 'state') });
}

const folderOf = ({ state }: Pick<Machine, 'state'>) => join(state, 'tandem', 'correlations');
const kept = (machine: Pick<Machine, 'state'>) =>
  existsSync(folderOf(machine)) ? readdirSync(folderOf(machine)).sort() : [];
const notePath = ({ store, address }: Machine) => join(store.dir, address, NOTE);
/** What the note says; without it, what it would. */
const noteOf = (machine: Machine): CorrelationNote =>
  existsSync(notePath(machine))
    ? (JSON.parse(readFileSync(notePath(machine), 'utf8')) as CorrelationNote)
    : { version: 1, failures: 0, failedSetUps: 0 };
const isLocked = ({ store, address }: Machine) => existsSync(join(store.dir, address, 'hot.locked'));
/** The correlation is there, and the note names it. */
function assertAlive(machine: Machine, id?: string): void {
  const { alive } = noteOf(machine);
  assert.ok(alive !== undefined && (id === undefined || alive.id === id));
  assert.equal(kept(machine).length, 1);
  assert.ok(kept(machine)[0]?.endsWith(`-${alive.id.slice(2)}`));
  assert.ok(!isLocked(machine));
}

async function assertSigned({ digest, signature, address }: Signed, text: string): Promise<void> {
  assert.equal(digest, hashMessage(text));
  assert.equal(address, made.address);
  assert.equal(await recoverAddress({ hash: digest, signature }), address);
}

type Methods = Pick<Wallet, 'signMessage' | 'signMany' | 'prepare' | 'correlate'>;
/** A wallet that is being opened. */
type Opening = Methods & { close(): Promise<void> };

/** Begins to open a wallet, at once: where its correlations are is settled now. */
function opening(store: Store, options: OpenOptions): Opening {
  const wallet = openWallet(store, options);
  wallet.catch(() => {});
  return {
    signMessage: async (...given) => (await wallet).signMessage(...given),
    signMany: async (...given) => (await wallet).signMany(...given),
    prepare: async (...given) => (await wallet).prepare(...given),
    correlate: async (...given) => (await wallet).correlate(...given),
    close: async () => (await wallet).close(),
  };
}

/** Signs, and says how often the action was called for it. */
async function calls(wallet: Methods, text = 'x'): Promise<number> {
  const signed = await wallet.signMessage(text);
  await assertSigned(signed, text);
  assert.equal(signed.protocol, 'onecall');
  return signed.calls;
}

/** A wallet, with the sessions that its signatures had. */
function open({ store }: Machine, runtime: FakeAction = fakeAction()) {
  const sessions: Uint8Array[] = [];
  const load = async (): Promise<Tandem> => {
    const tandem = await loadTandem();
    const { onecallRequest } = tandem;
    tandem.onecallRequest = (input) => {
      const asked = onecallRequest.call(tandem, input);
      sessions.push(asked.session.slice());
      return asked;
    };
    return tandem;
  };
  return { wallet: opening(store, { runtime, load }), runtime, sessions };
}

type Fields = Map<number, unknown>;
const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const fieldsOf = (text: unknown) => decodeCbor(new Uint8Array(Buffer.from(String(text), 'base64'))) as Fields;
const bytesAt = (fields: Fields, key: number) => fields.get(key) as Uint8Array;
const flipped = (bytes: Uint8Array, at = bytes.length - 1) =>
  bytes.map((byte, i) => (i === at ? byte ^ 1 : byte)) as Uint8Array<ArrayBuffer>;

/** Has a relay change the response of each answer. */
function relay(change: (fields: Fields) => void): FakeAction {
  const fake = fakeAction();
  fake.between.answered = (answer, { op }) => {
    if (op !== 'onecall') return answer;
    const fields = fieldsOf(answer.response);
    change(fields);
    return { response: b64(encodeCbor(fields)) };
  };
  return fake;
}

/** Every field of a response, altered. */
const responseFields: Record<string, (fields: Fields) => void> = {
  sid: (fields) => fields.set(3, flipped(bytesAt(fields, 3))),
  digest: (fields) => fields.set(4, [flipped((fields.get(4) as Uint8Array[])[0] as Uint8Array)]),
  'another digest': (fields) => fields.set(4, [...(fields.get(4) as Uint8Array[]), new Uint8Array(32)]),
  'τ, at its beginning': (fields) => fields.set(5, flipped(bytesAt(fields, 5), 0)),
  'τ, at its end': (fields) => fields.set(5, flipped(bytesAt(fields, 5))),
  η̂: (fields) => fields.set(6, flipped(bytesAt(fields, 6))),
  μ: (fields) => fields.set(7, flipped(bytesAt(fields, 7))),
  "R'": (fields) => item(fields).set(1, flipped(bytesAt(item(fields), 1))),
  π: (fields) => item(fields).set(2, flipped(bytesAt(item(fields), 2))),
  η: (fields) => item(fields).set(3, flipped(bytesAt(item(fields), 3))),
  'no item': (fields) => fields.set(8, []),
  mac: (fields) => fields.set(9, flipped(bytesAt(fields, 9))),
  kind: (fields) => fields.set(2, 'dkls18/response'),
  'a field too many': (fields) => fields.set(10, 1),
};
const item = (fields: Fields) => (fields.get(8) as Fields[])[0] as Fields;

/** What only the action can do: its MAC over what it says, with the keys from the session of the user. */
function authenticate(fields: Fields, session: Uint8Array): void {
  const state = decodeCbor(new Uint8Array(session)) as Fields;
  const [macKey, ssid] = [bytesAt(state, 5), bytesAt(state, 9)];
  const items = fields.get(8) as Fields[];
  const rho = hash('ONE-RHO', ssid, Buffer.concat(items.map((one) => bytesAt(one, 1)))).subarray(0, 15);
  const parts = [ssid, tauHash(ssid, rho, bytesAt(fields, 5)), bytesAt(fields, 6), bytesAt(fields, 7)];
  const each = items.flatMap((one) => [1, 2, 3].map((key) => bytesAt(one, key)));
  fields.set(
    9,
    new Uint8Array(
      createHmac('sha256', macKey)
        .update(Buffer.concat([...parts, ...each]))
        .digest(),
    ),
  );
}

/** A wallet whose action cheats, with the right MAC. */
function cheated(machine: Machine, change: (fields: Fields) => void) {
  let sessions: Uint8Array[] = [];
  const opened = open(
    machine,
    relay((fields) => {
      change(fields);
      authenticate(fields, sessions.at(-1) ?? new Uint8Array());
    }),
  );
  sessions = opened.sessions;
  return opened;
}

/** The id of a process that is no more. */
async function deadProcess(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'close');
  return child.pid ?? assert.fail();
}
const hostHash = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);

describe('a correlation', () => {
  test('a key is left with a correlation at no further call, and any number of signatures follow from it', async () => {
    const here = machine();
    assertAlive(here);
    const { alive } = noteOf(here);
    const { wallet, runtime } = open(here);
    assert.equal(await calls(wallet, 'a'), 1);
    assert.equal(await calls(wallet, 'b'), 1);
    assert.equal(await calls(open(here).wallet, 'c'), 1);
    assert.deepEqual(runtime.calls, ['onecall', 'onecall']);
    assertAlive(here, alive?.id);
  });

  test('an imported key has one too, and one of parties that are many', async () => {
    const dir = join(root, String(count++));
    const { state } = at({ state: join(dir, 'state') });
    const store = storeAt(join(dir, 'store'));
    const secret = new Uint8Array(32).fill(9);
    const { action } = fakeAction();
    const { wallet, calls } = await createWallet({ store, action, threshold: 2, parties: 16, secret });
    assert.equal(calls, 2);
    assertAlive({ store, address: wallet.address, state });
    const signed = await opening(store, { runtime: fakeAction() }).signMessage('x');
    assert.deepEqual([signed.calls, signed.protocol], [1, 'onecall']);
  });

  test('who has none makes one with one more call, and is told', async () => {
    const here = machine();
    rmSync(here.state, { recursive: true });
    const { wallet, runtime } = open(here);
    const told: string[] = [];
    const signed = await wallet.signMessage('x', { onNotice: (notice) => told.push(notice) });
    assert.equal(signed.calls, 2);
    assert.deepEqual(runtime.calls, ['correlate', 'onecall']);
    assert.equal(told.length, 1);
    assert.match(told[0] ?? '', /one more call/);
    assertAlive(here);
    assert.equal(await calls(wallet), 1);
  });

  test('copying a store copies none', async () => {
    const [here, there] = [machine(), join(root, String(count++))];
    cpSync(here.store.dir, there, { recursive: true });
    const copy = { store: storeAt(there), address: here.address };
    const elsewhere = at({ ...copy, state: join(root, 'elsewhere') });
    assert.equal(await calls(open(elsewhere).wallet), 2, 'on another machine');
    at(here);
    const besides = join(root, String(count++));
    cpSync(here.store.dir, besides, { recursive: true });
    assert.equal(await calls(open({ ...here, store: storeAt(besides) }).wallet), 2, 'on this one');
    assert.equal(kept(here).length, 2);
    assert.equal(await calls(open(here).wallet), 1);
  });

  test('is a file of mode 0600 in a folder of the user, sealed, and while a signature is finished it is nowhere', async () => {
    const here = machine();
    const [name = ''] = kept(here);
    assert.equal(statSync(join(folderOf(here), name)).mode & 0o777, 0o600);
    assert.equal(statSync(folderOf(here)).mode & 0o777, 0o700);
    const before = readFileSync(join(folderOf(here), name));
    const seen: string[][] = [];
    const { store } = here;
    const load = async () => {
      const tandem = await loadTandem();
      const { onecallFinish } = tandem;
      tandem.onecallFinish = (input) => {
        seen.push([...kept(here), String(noteOf(here).alive?.id)]);
        return onecallFinish.call(tandem, input);
      };
      return tandem;
    };
    await calls(opening(store, { runtime: fakeAction(), load }));
    assert.deepEqual(seen, [['undefined']], 'while a secret meets the answer it is nowhere else');
    assert.deepEqual(readFileSync(join(folderOf(here), name)), before);
  });

  test('what a process that died had taken is deleted, not adopted', async () => {
    const here = machine();
    const [name = ''] = kept(here);
    const taken = `.tmp-taken-${await deadProcess()}-1-${hostHash}-${'0'.repeat(12)}`;
    renameSync(join(folderOf(here), name), join(folderOf(here), taken));
    const { alive } = noteOf(here);
    assert.equal(await calls(open(here).wallet), 2);
    assert.notEqual(noteOf(here).alive?.id, alive?.id);
    assertAlive(here);
  });

  test('new shares end it, at no further call for another one', async () => {
    const here = machine();
    const before = kept(here);
    const { store } = here;
    const runtime = fakeAction();
    const changed = await reshareWallet({ store, runtime });
    assert.deepEqual([changed.wallet.epoch, changed.calls], [1, 2]);
    assertAlive(here);
    assert.notDeepEqual(kept(here), before);
    const { wallet } = open(here, runtime);
    assert.equal(await calls(wallet), 1);
  });

  test('lost shares made anew have one with the new action', async () => {
    const here = machine();
    const runtime = fakeAction();
    const { store } = here;
    const next = { ...runtime.action, source: '// another', cid: await cidOf('// another') };
    await reshareWallet({ store, runtime, next, isActionGone: true });
    assertAlive(here);
    assert.equal(await calls(opening(store, { runtime })), 1);
  });

  test('in memory is of one process, and leaves nothing on disk', async () => {
    const here = machine();
    rmSync(here.state, { recursive: true });
    const runtime = fakeAction();
    const inMemory = () => opening(here.store, { runtime, correlation: 'memory' });
    const wallet = inMemory();
    assert.deepEqual(await wallet.prepare(), { calls: 1 });
    assert.equal(await calls(wallet), 1);
    assert.equal(await calls(wallet), 1);
    assert.deepEqual(kept(here), []);
    assert.equal(await calls(inMemory()), 2);

    const dir = join(root, String(count++));
    const store = storeAt(join(dir, 'store'));
    const { state } = at({ state: join(dir, 'state') });
    await createWallet({ store, action: runtime.action, threshold: 2, parties: 2, correlation: 'memory' });
    assert.deepEqual(kept({ state }), []);
  });

  test('of a store in memory is in that store, where no other store of its kind takes it', async () => {
    const before = at({ state: join(root, String(count++)) });
    const key = async () => ({ identities: [identity], recipients: async () => [await identityToRecipient(identity)] });
    const [one, other] = [memoryStore(key), memoryStore(key)];
    const action = fakeAction();
    for (const store of [one, other]) {
      await createWallet({ store, action: action.action, threshold: 2, parties: 3 });
    }
    for (const store of [one, other, one]) {
      const signed = await opening(store, { runtime: action }).signMessage('x');
      assert.deepEqual([signed.protocol, signed.calls], ['onecall', 1]);
    }
    assert.deepEqual(kept(before), []);
  });

  test('where its folder cannot be written is kept in memory, which is said once', async () => {
    const here = machine();
    rmSync(here.state, { recursive: true });
    writeFileSync(here.state, 'a file, no folder');
    const { wallet } = open(here);
    const told: string[] = [];
    const onNotice = (notice: string) => told.push(notice);
    assert.equal((await wallet.signMessage('a', { onNotice })).calls, 2);
    assert.equal((await wallet.signMessage('b', { onNotice })).calls, 1);
    assert.deepEqual(
      told.map((notice) => /memory/.test(notice)),
      [false, true],
    );
  });

  test('is known to check, which deletes what is left of another', async () => {
    const here = machine();
    const [name = ''] = kept(here);
    const states = async () => {
      const { wallets } = await checkStore(here.store);
      return wallets[0]?.files.find(({ file }) => file === 'correlation')?.state;
    };
    assert.equal(await states(), 'sound');
    const path = join(folderOf(here), name);
    const bytes = readFileSync(path);
    writeFileSync(path, flipped(bytes));
    assert.equal(await states(), 'wrong');
    rmSync(path);
    assert.equal(await states(), undefined);
  });
});

describe('a relay', () => {
  test('that alters any field of a response gets it refused: nothing is locked, and the correlation is there', async () => {
    const here = machine();
    const { alive } = noteOf(here);
    for (const [name, change] of Object.entries(responseFields)) {
      await assert.rejects(open(here, relay(change)).wallet.signMessage('x'), (error) => {
        assert.ok(error instanceof StaleResponseError || error instanceof ProtocolError, `${name}: ${error}`);
        return true;
      });
      assertAlive(here, alive?.id);
    }
    assert.equal(await calls(open(here).wallet), 1);
    assert.equal(noteOf(here).failures, 0);
  });

  test('that alters any field of a request gets nothing for it: nothing is locked, and the correlation is there', async () => {
    const here = machine();
    const { alive } = noteOf(here);
    const inRequest = (change: (fields: Fields) => void) => (params: Asked) => {
      const fields = fieldsOf(params.request);
      change(fields);
      return { ...params, request: b64(encodeCbor(fields)) };
    };
    const itemOf = (fields: Fields) => (fields.get(9) as Fields[])[0] as Fields;
    type Asked = Extract<CosignerRequest, { op: 'onecall' }>;
    const changes: Record<string, (params: Asked) => CosignerRequest> = {
      'key id': inRequest((fields) => fields.set(3, flipped(bytesAt(fields, 3)))),
      signers: inRequest((fields) => fields.set(4, [3, 2])),
      id: inRequest((fields) => fields.set(5, flipped(bytesAt(fields, 5)))),
      seed: inRequest((fields) => fields.set(6, flipped(bytesAt(fields, 6)))),
      δ: inRequest((fields) => fields.set(7, flipped(bytesAt(fields, 7)))),
      nonce: inRequest((fields) => fields.set(8, flipped(bytesAt(fields, 8)))),
      D: inRequest((fields) => itemOf(fields).set(1, flipped(bytesAt(itemOf(fields), 1), 0))),
      proof: inRequest((fields) => itemOf(fields).set(2, flipped(bytesAt(itemOf(fields), 2)))),
      intent: (params) => ({ ...params, intents: [{ intent: '{"kind":"message","message":"y"}' }] }),
      path: (params) => ({ ...params, path: 'm/1' }),
      peer: (params) => ({ ...params, peer: 3 }),
    };
    for (const [name, change] of Object.entries(changes)) {
      const fake = fakeAction();
      fake.between.asked = (params) => (params.op === 'onecall' ? change(params) : params);
      await assert.rejects(open(here, fake).wallet.signMessage('x'), (error) => {
        assert.ok(error instanceof StaleResponseError || error instanceof RefusedError, `${name}: ${error}`);
        return true;
      });
      assertAlive(here, alive?.id);
    }
    assert.equal(await calls(open(here).wallet), 1);
  });

  test('that answers with what it has from before gets it refused', async () => {
    const here = machine();
    const responses: unknown[] = [];
    const fake = fakeAction();
    fake.between.answered = (answer) => {
      responses.push(answer.response);
      return { response: String(responses[0]) };
    };
    const { wallet } = open(here, fake);
    assert.equal(await calls(wallet), 1);
    await assert.rejects(wallet.signMessage('x'), StaleResponseError);
    assertAlive(here);
  });

  test('that alters the answer to a set-up, or gives that of another wallet, leaves the user without one and no worse', async () => {
    const other = await newMachine();
    const theirs: string[] = [];
    const stranger = fakeAction();
    stranger.between.answered = (answer, { op }) => {
      if (op === 'correlate') theirs.push(String(answer.answer));
      return answer;
    };
    await opening(other.store, { runtime: stranger, correlation: 'memory' }).prepare();

    const here = machine();
    rmSync(here.state, { recursive: true });
    const changes: Record<string, (answer: string) => string> = {
      B: altered(3),
      e: altered(4),
      sums: altered(5),
      h: altered(6),
      proof: altered(7),
      'of another wallet': () => theirs[0] ?? assert.fail(),
      'none at all': () => b64(encodeCbor(new Map())),
    };
    for (const [name, change] of Object.entries(changes)) {
      const fake = fakeAction();
      fake.between.answered = (answer, { op }) =>
        op === 'correlate' ? { answer: change(String(answer.answer)) } : answer;
      await assert.rejects(open(here, fake).wallet.signMessage('x'), StaleResponseError, name);
      assert.deepEqual([kept(here), noteOf(here).failedSetUps, isLocked(here)], [[], 0, false]);
    }
    assert.equal(await calls(open(here).wallet), 2);
  });
  const altered = (key: number) => (answer: string) => {
    const fields = fieldsOf(answer);
    fields.set(key, flipped(bytesAt(fields, key)));
    return b64(encodeCbor(fields));
  };

  test('that alters the answer to the set-up in a deal does not stop the deal', async () => {
    const dir = join(root, String(count++));
    const { state } = at({ state: join(dir, 'state') });
    const store = storeAt(join(dir, 'store'));
    const fake = fakeAction();
    fake.between.answered = (answer) =>
      answer.correlation === undefined ? answer : { ...answer, correlation: altered(4)(String(answer.correlation)) };
    const told: string[] = [];
    const options = { action: fake.action, threshold: 2, parties: 2, onNotice: (notice: string) => told.push(notice) };
    const { wallet, calls } = await createWallet({ store, ...options });
    assert.equal(calls, 2);
    assert.deepEqual(kept({ state }), []);
    assert.equal((await opening(store, { runtime: fakeAction() }).signMessage('x')).calls, 2);
    assertAlive({ store, address: wallet.address, state });
  });
});

describe('an action that cheats', () => {
  const cheats: Record<string, (fields: Fields) => void> = {
    ...Object.fromEntries(
      ['τ, at its beginning', 'τ, at its end', 'η̂', 'μ', "R'", 'π', 'η'].map((name) => [
        name,
        responseFields[name] ?? assert.fail(),
      ]),
    ),
    'no scalar': (fields) => item(fields).set(3, new Uint8Array(32).fill(0xff)),
    'no scalar in τ': (fields) => fields.set(5, bytesAt(fields, 5).slice().fill(0xff, 0, 32)),
  };
  for (const [name, change] of Object.entries(cheats)) {
    test(`with a right MAC over a wrong ${name}: the correlation is destroyed, the share locked`, async () => {
      const here = machine();
      const files = kept(here);
      const { wallet } = cheated(here, change);
      await assert.rejects(wallet.signMessage('x'), (error) => {
        assert.ok(error instanceof CheckFailedError, String(error));
        // When the error is shown it is all done.
        assert.ok(isLocked(here));
        assert.deepEqual(kept(here), []);
        assert.deepEqual([noteOf(here).alive, noteOf(here).failures], [undefined, 1]);
        return true;
      });
      assert.equal(files.length, 1);
      await assert.rejects(wallet.signMessage('x'), LockedError);
    });
  }

  test('is not helped by an old copy of the correlation, of the note, or of both', async () => {
    const here = machine();
    const saved = join(root, String(count++));
    mkdirSync(saved);
    cpSync(folderOf(here), join(saved, 'correlations'), { recursive: true });
    const { alive } = noteOf(here);
    const cheat = responseFields.η ?? assert.fail();
    await assert.rejects(cheated(here, cheat).wallet.signMessage('x'), CheckFailedError);

    const unlock = async () => {
      const hold = await holdWallet(here.store, here.address);
      await hold.unlockHot();
      hold.release();
      await assertUnlocked(here.store, here.address);
    };
    await unlock();
    cpSync(join(saved, 'correlations'), folderOf(here), { recursive: true });
    const { wallet } = open(here);
    assert.equal(await calls(wallet), 2, 'the file alone is nothing');
    assert.notEqual(noteOf(here).alive?.id, alive?.id);
    assertAlive(here);

    // Somebody has the note name it again, but the count stays.
    cpSync(join(saved, 'correlations'), folderOf(here), { recursive: true });
    writeFileSync(notePath(here), JSON.stringify({ version: 1, failures: 1, failedSetUps: 0, alive }));
    assert.equal(await calls(open(here).wallet), 2, 'made at another count of failures, it does not open');
    assert.equal(noteOf(here).failures, 1);
    await assert.rejects(cheated(here, cheat).wallet.signMessage('x'), CheckFailedError);
    await unlock();
    assert.equal(noteOf(here).failures, 2, 'unlocking never takes the count back');
  });

  /** As if each answer to a set-up were wrong. */
  const wrongly = async () => {
    const tandem = await loadTandem();
    tandem.correlateAccept = () => {
      throw new TandemError('party', 'the check values are wrong');
    };
    return tandem;
  };

  test('in a set-up, three times in a row, is not asked again but by hand', async () => {
    const here = machine();
    rmSync(here.state, { recursive: true });
    const runtime = fakeAction();
    const wallet = opening(here.store, { runtime, load: wrongly });
    for (let n = 1; n <= 3; n++) {
      await assert.rejects(wallet.signMessage('x'), ProtocolError);
      assert.equal(noteOf(here).failedSetUps, n);
    }
    assert.equal(runtime.calls.length, 3);
    await assert.rejects(wallet.signMessage('x'), /3 wrong answers/);
    await assert.rejects(open(here, runtime).wallet.signMessage('x'), /3 wrong answers/);
    assert.equal(runtime.calls.length, 3);
    assert.ok(!isLocked(here));
    const { wallet: honest } = open(here);
    assert.deepEqual(await honest.correlate(), { calls: 1 });
    assert.equal(noteOf(here).failedSetUps, 0);
    assert.equal(await calls(honest), 1);
  });

  test('in the set-up of a deal does not stop the deal, and is counted', async () => {
    const dir = join(root, String(count++));
    const { state } = at({ state: join(dir, 'state') });
    const store = storeAt(join(dir, 'store'));
    const told: string[] = [];
    const { wallet, calls } = await createWallet({
      store,
      action: fakeAction().action,
      threshold: 2,
      parties: 2,
      load: wrongly,
      onNotice: (notice) => told.push(notice),
    });
    const here = { store, address: wallet.address, state };
    assert.deepEqual([calls, kept(here), noteOf(here).failedSetUps], [2, [], 1]);
    assert.match(told.join(), /wrong answer to the set-up/);
    await assert.rejects(opening(store, { runtime: fakeAction(), load: wrongly }).signMessage('x'), ProtocolError);
    assert.equal(noteOf(here).failedSetUps, 2);
    assert.equal((await opening(store, { runtime: fakeAction() }).signMessage('x')).calls, 2);
    assert.equal(noteOf(here).failedSetUps, 0);
  });

  test('while the disk is full has the share locked and the correlation gone all the same, and unlocking brings none back', async () => {
    const here = machine();
    const copy = join(root, String(count++));
    cpSync(folderOf(here), copy, { recursive: true });
    let isFull = false;
    const store = new Proxy(here.store, {
      get: (of, name) => {
        const value = Reflect.get(of, name) as unknown;
        if (typeof value !== 'function') return value;
        return (...given: unknown[]) => {
          const [, change] = given as [string, { write?: unknown }];
          if (isFull && name === 'commit' && change.write) throw new StoreError('io', 'no space left');
          return Reflect.apply(value, of, given) as unknown;
        };
      },
    });
    const load = async () => {
      const tandem = await loadTandem();
      tandem.onecallFinish = () => {
        isFull = true; // after the correlation was taken
        throw new TandemError('check', 'the response failed a check');
      };
      return tandem;
    };
    await assert.rejects(opening(store, { runtime: fakeAction(), load }).signMessage('x'), (error) => {
      assert.ok(error instanceof CheckFailedError, String(error));
      assert.match(error.message, /could not be counted/);
      return true;
    });
    assert.deepEqual([isLocked(here), kept(here), noteOf(here).alive], [true, [], undefined]);

    const unlock = async () => {
      const hold = await holdWallet(store, here.address);
      await hold.unlockHot();
      hold.release();
    };
    await unlock(); // which needs no space
    isFull = false;
    cpSync(copy, folderOf(here), { recursive: true });
    assert.equal(await calls(open(here).wallet), 2);
    assertAlive(here);
    assert.equal(await calls(open(here).wallet), 1);
  });

  test('by dkls18 is counted too, and ends the correlation', async () => {
    const here = machine();
    const fake = fakeAction();
    fake.between.answered = (answer) => {
      const fields = fieldsOf(answer.response);
      fields.set(11, flipped(bytesAt(fields, 11)));
      return { response: b64(encodeCbor(fields)) };
    };
    const { wallet } = open(here, fake);
    await assert.rejects(wallet.signMessage('x', { protocol: 'dkls18' }), CheckFailedError);
    assert.deepEqual([noteOf(here).alive, noteOf(here).failures, kept(here)], [undefined, 1, []]);
  });
});

describe('signatures', () => {
  const texts = Array.from({ length: 8 }, (_, i) => `payment ${i}`);

  test('many at once, in one process and two wallets, are all made, and the correlation is there afterwards', async () => {
    const here = machine();
    const wallets = [open(here).wallet, open(here).wallet];
    const signed = await Promise.all(texts.map((text, i) => wallets[i % 2]?.signMessage(text)));
    for (const [i, one] of signed.entries()) {
      assert.ok(one);
      await assertSigned(one, texts[i] ?? '');
      assert.equal(one.calls, 1);
    }
    assert.equal(new Set(signed.map((one) => one?.r)).size, 8);
    assertAlive(here);
  });

  test('at once in two processes are all made from one correlation, which is there afterwards', async () => {
    const here = machine();
    const { alive } = noteOf(here);
    const code = `
      import { openWallet } from './ts/signing/wallet.ts';
      import { openStore } from './ts/store/node.ts';
      import { fakeAction } from './test/support/fake-action.ts';
      const [dir, name] = process.argv.slice(1);
      const store = openStore(dir, async () => ({ identities: [process.env.IDENTITY] }));
      const wallet = await openWallet(store, { runtime: fakeAction() });
      const signed = [];
      for (let i = 0; i < 4; i++) signed.push(await wallet.signMessage(name + i));
      wallet.close();
      console.log(JSON.stringify(signed));`;
    const options = { cwd: join(import.meta.dirname, '..'), env: { ...process.env, IDENTITY: identity } };
    const both = ['a', 'b'].map(async (name) => {
      const args = ['--import', 'tsx', '--input-type=module', '--eval', code, here.store.dir, name];
      const { stdout } = await promisify(execFile)(process.execPath, args, options);
      return JSON.parse(stdout) as Signed[];
    });
    const signed = await Promise.all(both);
    for (const [i, one] of ['a', 'b'].entries()) {
      for (const [j, each] of (signed[i] ?? []).entries()) {
        await assertSigned(each, one + j);
        assert.equal(each.calls, 1);
      }
    }
    assert.equal(new Set(signed.flat().map(({ r }) => r)).size, 8);
    assertAlive(here, alive?.id);
  });

  test('of 8 intents are made in one call, all of them or none', async () => {
    const here = machine();
    const { wallet, runtime } = open(here);
    const signed = await wallet.signMany(texts.map((text) => messageIntent(text)));
    for (const [i, one] of signed.entries()) await assertSigned(one, texts[i] ?? '');
    assert.deepEqual(runtime.calls, ['onecall']);
    assert.equal(new Set(signed.map(({ r }) => r)).size, 8);
    for (const n of [0, 9]) await assert.rejects(wallet.signMany(Array(n).fill(messageIntent('x'))), UsageError);
    const last = cheated(here, (fields) => {
      const items = fields.get(8) as Fields[];
      const end = items.at(-1) as Fields;
      end.set(3, flipped(bytesAt(end, 3)));
    });
    await assert.rejects(last.wallet.signMany(texts.map((text) => messageIntent(text))), CheckFailedError);
  });

  test('under a path are by the address there, from the same correlation', async () => {
    const here = machine();
    const { wallet } = open(here);
    const { address, digest, signature, calls } = await wallet.signMessage('x', { path: 'm/44/60' });
    assert.notEqual(address, made.address);
    assert.equal(await recoverAddress({ hash: digest, signature }), address);
    assert.equal(calls, 1);
    assertAlive(here);
  });

  test('that meet a lock, new shares or another correlation when the answer comes are not finished', async () => {
    const during = (what: (here: Machine) => Promise<unknown>) => {
      const here = machine();
      const fake = fakeAction();
      fake.between.answered = async (answer, { op }) => {
        if (op !== 'onecall') return answer;
        fake.between = {};
        await what(here);
        return answer;
      };
      return { here, wallet: open(here, fake).wallet };
    };
    const locked = during(async ({ store, address }) => {
      const hold = await holdWallet(store, address);
      await hold.lockHot('by hand');
      hold.release();
    });
    await assert.rejects(locked.wallet.signMessage('x'), LockedError);
    assert.equal(kept(locked.here).length, 1);
    const reshared = during(({ store }) => reshareWallet({ store, runtime: fakeAction() }));
    await assert.rejects(reshared.wallet.signMessage('x'), { code: 'store-changed' });
    assertAlive(reshared.here);
    const renewed = during(({ store }) => opening(store, { runtime: fakeAction() }).correlate());
    await assert.rejects(renewed.wallet.signMessage('x'), StaleResponseError);
    assertAlive(renewed.here);
    const closed = during(async () => closed.wallet.close());
    await calls(closed.wallet);
    await assert.rejects(closed.wallet.signMessage('x'), UsageError);
  });

  test('by another protocol are made by its name, and only where it can be', async () => {
    const here = machine();
    const { wallet } = open(here);
    assert.equal((await wallet.signMessage('x', { protocol: 'dkls18' })).protocol, 'dkls18');
    assert.equal((await wallet.signMessage('x', { recovery: true })).protocol, 'dkls18');
    await assert.rejects(wallet.signMessage('x', { protocol: 'onecall', recovery: true }), UsageError);
    assertAlive(here);
  });

  test('need nothing of what is no longer there: a signature that was killed with the machine only costs a call', async () => {
    const here = machine();
    chmodSync(folderOf(here), 0o700);
    rmSync(notePath(here));
    assert.equal(await calls(open(here).wallet), 2);
    assertAlive(here);
    assert.equal((await readWallet(here.store, here.address)).epoch, 0);
  });
});
