import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { generateIdentity } from 'age-encryption';
import { recoverAddress } from 'viem';
import { buildCosigner } from '../ts/build/cosigner.ts';
import { retire } from '../ts/deal/change.ts';
import { exportKey } from '../ts/deal/export.ts';
import { beginReshare, confirmDeal, finishDeal, stepDeal } from '../ts/deal/files/party.ts';
import { createWallet } from '../ts/deal/keygen.ts';
import { LocalRuntime } from '../ts/runtime/local/runtime.ts';
import type { Action } from '../ts/runtime/types.ts';
import { openWallet } from '../ts/signing/wallet.ts';
import { checkStore } from '../ts/store/check.ts';
import { NOTE, readNote } from '../ts/store/correlations.ts';
import { listDeals } from '../ts/store/deals.ts';
import { type FileStore, openStore } from '../ts/store/node.ts';
import { listWallets, readWallet, walletFiles } from '../ts/store/store.ts';
import { bundle } from './support/bundle.ts';
import { fakeAction } from './support/fake-action.ts';
import type { Task } from './support/killed.ts';
import { adoptCorrelations } from './support/state.ts';

// An operation in a process that is killed before each of the changes that it makes to files: afterwards the old wallet
// signs or the new one does, and what was left half done is reported and removed.

/** How many of its changes are tried of an operation with an action, which takes long; from run to run others. */
const KILLS_WITH_ACTION = 15;

const root = mkdtempSync(join(tmpdir(), 'tandem-kill-'));
let worker: string;
let identity: string;
let action: Action & { policy: string };
before(async () => {
  identity = await generateIdentity();
  worker = join(await bundle('test/support/killed.ts'), 'test/support/killed.mjs');
  action = await buildCosigner('messages');
});
const idle = new Set<ChildProcess>();
after(() => {
  for (const child of idle) child.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true });
});

/** A process that is on its way to being ready. */
function start() {
  const child = spawn(process.execPath, [worker], { stdio: ['pipe', 'pipe', 'inherit'] });
  idle.add(child);
  let output = '';
  child.stdout.on('data', (data) => {
    output += data;
  });
  const closed = once(child, 'close');
  /** Runs an operation in it to its end: how many changes it made, undefined if it was killed. */
  const run = async (task: Task): Promise<number | undefined> => {
    idle.delete(child);
    child.stdin.end(`${JSON.stringify(task)}\n`);
    const [code, signal] = await closed;
    if (output !== '') return Number(output);
    assert.deepEqual([code, signal, task.kill !== undefined], [null, 'SIGKILL', true]);
    return undefined;
  };
  return { run };
}

interface Operation {
  readonly name: Task['operation'];
  /** How many of its changes are tried: by default all. */
  readonly kills?: number;
  /** Makes a store for the operation to run on. */
  readonly fresh: () => string;
  /** What else it is told. */
  readonly more?: Partial<Task>;
  /** Looks at the store afterwards and says what it found. `isThorough`: by a signature. */
  readonly verify: (store: FileStore, isThorough: boolean) => Promise<string>;
}

/** Kills an operation before each of its changes, in two lanes. Returns how often each outcome was found. */
async function killed(t: TestContext, { name, kills, fresh, more, verify }: Operation): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  const one = async ({ run }: ReturnType<typeof start>, kill?: number) => {
    const dir = fresh();
    const changes = await run({ operation: name, dir, identity, kill, action, ...more });
    const isThorough = kill === undefined || kill % 10 === 1;
    const outcome = `${await verify(openAt(dir), isThorough)}${changes === undefined ? '' : ', not killed'}`;
    found.set(outcome, (found.get(outcome) ?? 0) + 1);
    rmSync(dir, { recursive: true, force: true });
    return changes;
  };
  const changes = (await one(start())) ?? assert.fail('killed by nobody');
  assert.ok(changes > 5, `${changes} changes`);
  const step = Math.max(1, changes / (kills ?? changes));
  const instants: number[] = [];
  for (let at = 1 + Math.random() * (step - 1); at < changes + 1; at += step) instants.push(Math.floor(at));
  const lane = async () => {
    let spare = start();
    for (let kill = instants.pop(); kill !== undefined; kill = instants.pop()) {
      const process = spare;
      spare = start();
      await one(process, kill);
    }
  };
  await Promise.all([lane(), lane()]);
  t.diagnostic(JSON.stringify({ changes, ...Object.fromEntries(found) }));
  return found;
}

let count = 0;
const emptyStore = () => mkdtempSync(join(root, `${count++}-`));
const openAt = (dir: string) => openStore(dir, async () => ({ identities: [identity] }));
const copyOf = (dir: string) => () => {
  const copy = emptyStore();
  cpSync(dir, copy, { recursive: true });
  return copy;
};

/** Its shares make the key of its address; thorough, they sign. */
async function assertAlive(store: FileStore, address: string, isThorough: boolean): Promise<void> {
  if (!isThorough) return void (await exportKey(store, address)).fill(0);
  const { digest, signature } = await (await openWallet(store, { id: address })).signMessage('alive', {
    recovery: true,
  });
  assert.equal(await recoverAddress({ hash: digest, signature }), address);
}

/** The hot share signs with the action's, which only that opens. */
async function assertSignsWithAction(store: FileStore, address: string): Promise<void> {
  const runtime = await LocalRuntime.open({ dir: join(store.dir, 'local-lit') });
  try {
    await retire(store, await readWallet(store, address), runtime);
    const { digest, signature } = await (await openWallet(store, { id: address, runtime })).signMessage('alive');
    assert.equal(await recoverAddress({ hash: digest, signature }), address);
  } finally {
    runtime.close();
  }
}

/** Checks the store, which must be in order but for what was left; returns whether anything was, and that it is gone. */
async function cleaned(store: FileStore): Promise<boolean> {
  const { ok, wallets, cleaned } = await checkStore(store);
  assert.ok(ok, JSON.stringify(wallets));
  const left = [...cleaned, ...wallets.flatMap((wallet) => wallet.cleaned)].length > 0;
  if (!left) return false;
  const again = await checkStore(store);
  assert.deepEqual([...again.cleaned, ...again.wallets.flatMap((wallet) => wallet.cleaned)], []);
  return true;
}

/** What there is in a store besides the host of actions on this machine. */
const entries = (store: FileStore) => readdirSync(store.dir).filter((name) => name !== 'local-lit');

/** Of a wallet that was being made. */
async function whatWasMade(store: FileStore, isAlive: (address: string) => Promise<void>): Promise<string> {
  const before = entries(store);
  const wallets = await listWallets(store);
  const wasLeft = await cleaned(store);
  assert.deepEqual(entries(store), wallets);
  for (const address of wallets) await isAlive(address);
  if (wallets.length > 0) return 'a wallet';
  assert.equal(wasLeft, before.length > 0);
  return wasLeft ? 'a half, removed' : 'nothing';
}

/** Of a wallet that was being changed. */
async function whatIsLeft(store: FileStore, address: string, isAlive: () => Promise<void>): Promise<string> {
  const all = () => readdirSync(join(store.dir, address), { recursive: true, encoding: 'utf8' }).sort();
  const folder = () => all().filter((name) => name !== NOTE); // it is there once there was a correlation
  const expected = async () => {
    const info = await readWallet(store, address);
    return [...walletFiles(info), ...(info.action ? ['actions'] : [])].sort();
  };
  const { epoch } = await readWallet(store, address);
  const isClean = folder().join() === (await expected()).join();
  await isAlive();
  await cleaned(store);
  assert.deepEqual(folder(), await expected());
  if (!isClean) await isAlive();
  return `the ${epoch === 0 ? 'old' : 'new'} one${isClean ? '' : ', and what was left, removed'}`;
}

/**
 * Of a wallet that was signing: its correlation is there and signs, or it is gone, and another one is made. What was taken is
 * left for nobody.
 */
async function whatOfTheCorrelation(store: FileStore, address: string): Promise<string> {
  const state = join(store.dir, 'state');
  const files = () => readdirSync(join(state, 'tandem', 'correlations'));
  const isHere = async () => {
    const { alive } = await readNote(store, address);
    return alive && files().find((name) => name.endsWith(`-${alive.id.slice(2)}`));
  };
  const before = await isHere();
  process.env.XDG_STATE_HOME = state; // it is read before anything is waited for
  const wallet = await openWallet(store, { runtime: fakeAction() });
  const { calls, digest, signature } = await wallet.signMessage('alive');
  assert.equal(await recoverAddress({ hash: digest, signature }), address);
  assert.equal(calls, before ? 1 : 2);
  const after = await isHere();
  assert.ok(after !== undefined && (before === undefined || before === after));
  assert.deepEqual(files(), [after]);
  return before ? 'the correlation' : 'none';
}

/** The hot machine and the cold one of a wallet, in the midst of new shares offline. */
interface Machines {
  readonly address: string;
  readonly hot: FileStore;
  readonly cold: FileStore;
  readonly deal: Buffer;
}

/** Of a wallet that was made on one machine: the cold one has confirmed its new share, and the hot one has its file. */
async function dealing(address: string, hot: FileStore, runtime?: LocalRuntime): Promise<Machines> {
  const cold = openAt(emptyStore());
  const [here, there] = [join(hot.dir, address), join(cold.dir, address)];
  mkdirSync(there);
  copyFileSync(join(here, 'wallet.json'), join(there, 'wallet.json'));
  renameSync(join(here, 'cold.age'), join(there, 'cold.age'));
  const [a, b] = [join(hot.dir, 'out.deal'), join(hot.dir, 'in.deal')];
  const host = { runtime, connect: async () => runtime };
  await beginReshare({ store: hot, here: [1], out: a, ...host });
  const joined = await stepDeal({ store: cold, files: [a], out: b });
  await stepDeal({ store: hot, files: [b], out: a, ...host });
  const confirmation = { deal: Buffer.from(joined.deal, 'hex'), phrase: joined.phrase ?? '' };
  await confirmDeal({ store: cold, out: b, ...confirmation });
  await confirmDeal({ store: hot, out: a, ...confirmation, ...host });
  if (runtime) await stepDeal({ store: hot, files: [b], out: a, ...host });
  await stepDeal({ store: cold, files: [a], out: b });
  return { address, hot, cold, deal: confirmation.deal };
}

/** Both have all that they need to finish. */
async function dealt({ address, hot, cold, deal }: Machines, runtime?: LocalRuntime): Promise<Machines> {
  const out = join(hot.dir, 'out.deal');
  await stepDeal({ store: hot, files: [join(hot.dir, 'in.deal')], out, connect: async () => runtime });
  const there = openAt(copyOf(cold.dir)());
  await stepDeal({ store: there, files: [out], out: join(there.dir, 'out.deal') });
  return { address, hot, cold: there, deal };
}

/** The shares of two machines sign together; if not thorough, they make the key. */
async function assertAliveTogether(
  address: string,
  one: FileStore,
  two: FileStore,
  isThorough: boolean,
): Promise<void> {
  const together = openAt(emptyStore());
  const info = await readWallet(one, address);
  assert.equal((await readWallet(two, address)).keyId, info.keyId);
  for (const { dir } of [one, two]) cpSync(join(dir, address), join(together.dir, address), { recursive: true });
  await assertAlive(together, address, isThorough);
}

/** Of a step that was killed: it is made again, and the deal comes to its end. */
async function whatWasSent(
  store: FileStore,
  { address, cold, deal, hot }: Machines,
  isThorough: boolean,
): Promise<string> {
  await assertAliveTogether(address, store, cold, false);
  const out = join(store.dir, 'out.deal');
  const isSent = Buffer.compare(readFileSync(out), readFileSync(join(hot.dir, 'out.deal'))) !== 0;
  const sent = readFileSync(out);
  const runtime = await LocalRuntime.open({ dir: join(store.dir, 'local-lit') });
  const machines = { address, hot: store, cold, deal };
  const { cold: there } = await dealt(machines, runtime).finally(() => runtime.close());
  if (isSent) assert.deepEqual(readFileSync(out), sent, 'a step was taken twice');
  for (const machine of [store, there]) assert.equal((await finishDeal({ store: machine, deal })).epoch, 1);
  await assertAliveTogether(address, store, there, isThorough);
  await cleaned(store);
  return isSent ? 'sent' : 'not sent';
}

/** Of a machine that was finishing: what it has goes with what the other had before, or has now. */
async function whatIsFinished(
  store: FileStore,
  { address, deal }: Machines,
  [before, after]: readonly [FileStore, FileStore],
  finished: FileStore,
  isThorough: boolean,
): Promise<string> {
  const { epoch } = await readWallet(store, address);
  await assertAliveTogether(address, store, epoch === 0 ? before : after, isThorough);
  const isOpen = (await listDeals(store)).length > 0;
  assert.ok(isOpen || epoch === 1);
  if (isOpen) assert.equal((await finishDeal({ store, deal })).epoch, 1);
  await assertAliveTogether(address, store, after, false);
  await cleaned(store);
  assert.deepEqual(folderOf(store, address), folderOf(finished, address));
  return `the ${epoch === 0 ? 'old' : 'new'} one${isOpen ? ', and finished again' : ''}`;
}

const folderOf = (store: FileStore, address: string) =>
  readdirSync(join(store.dir, address), { recursive: true, encoding: 'utf8' }).sort();

describe('killed before a change of a file', () => {
  for (const name of ['keygen', 'import'] as const) {
    test(`${name}, killed before a change of a file, makes a wallet that signs, or none`, async (t) => {
      const verify = (store: FileStore, isThorough: boolean) =>
        whatWasMade(store, (address) => assertAlive(store, address, isThorough));
      const found = await killed(t, { name, fresh: emptyStore, verify });
      for (const outcome of ['nothing', 'a half, removed']) assert.ok(found.has(outcome), outcome);
    });
  }

  test('reshare, killed before a change of a file, leaves the old wallet or the new one, which signs, and nothing of the other', async (t) => {
    const origin = openAt(emptyStore());
    const { address } = (await createWallet({ store: origin, threshold: 2, parties: 2 })).wallet;
    const found = await killed(t, {
      name: 'reshare',
      fresh: copyOf(origin.dir),
      verify: (store, isThorough) => whatIsLeft(store, address, () => assertAlive(store, address, isThorough)),
    });
    for (const outcome of [
      'the old one',
      'the old one, and what was left, removed',
      'the new one, and what was left, removed',
    ])
      assert.ok(found.has(outcome), outcome);
  });

  test('a signature, killed before a change of a file: its correlation is there as it was, or it is gone', async (t) => {
    const origin = openAt(emptyStore());
    process.env.XDG_STATE_HOME = join(origin.dir, 'state');
    const { address } = (await createWallet({ store: origin, action: fakeAction().action, threshold: 2, parties: 2 }))
      .wallet;
    const found = await killed(t, {
      name: 'sign',
      fresh: () => {
        const copy = copyOf(origin.dir)();
        adoptCorrelations(join(copy, 'state'), copy);
        return copy;
      },
      verify: (store) => whatOfTheCorrelation(store, address),
    });
    for (const outcome of ['the correlation', 'none', 'the correlation, not killed'])
      assert.ok(found.has(outcome), outcome);
  });

  test('new shares offline, killed before a change of a file: a step is taken once, or again; who finishes has the old share or the new', async (t) => {
    const origin = openAt(emptyStore());
    const { address } = (await createWallet({ store: origin, threshold: 2, parties: 2 })).wallet;
    const machines = await dealing(address, origin);
    const steps = await killed(t, {
      name: 'party step',
      fresh: copyOf(origin.dir),
      verify: (store, isThorough) => whatWasSent(store, machines, isThorough),
    });
    assert.ok(steps.has('not sent'));
    const { hot, cold, deal } = await dealt(machines);
    const finished = [hot, cold].map(({ dir }) => openAt(copyOf(dir)())) as [FileStore, FileStore];
    for (const store of finished) await finishDeal({ store, deal });
    const found = await killed(t, {
      name: 'party finish',
      fresh: copyOf(cold.dir),
      more: { deal: deal.toString('hex') },
      verify: (store, isThorough) => whatIsFinished(store, machines, [hot, finished[0]], finished[1], isThorough),
    });
    for (const epoch of ['old', 'new']) assert.ok(found.has(`the ${epoch} one, and finished again`), epoch);
  });

  test('new shares offline, with an action, killed before a change of a file: the step that calls it is taken once, or again', async (t) => {
    const origin = openAt(emptyStore());
    const runtime = await LocalRuntime.open({ dir: join(origin.dir, 'local-lit') });
    const made = await createWallet({ store: origin, action: { runtime, ...action }, threshold: 2, parties: 3 });
    const { address } = made.wallet;
    const machines = await dealing(address, origin, runtime);
    runtime.close();
    await killed(t, {
      name: 'party step',
      kills: 4,
      fresh: copyOf(origin.dir),
      verify: async (store) => {
        const outcome = await whatWasSent(store, machines, true);
        await assertSignsWithAction(store, address);
        return outcome;
      },
    });
  });

  test('keygen with an action, killed before a change of a file, makes a wallet that signs with it, or none', async (t) => {
    const verify = (store: FileStore) => whatWasMade(store, (address) => assertSignsWithAction(store, address));
    const kills = KILLS_WITH_ACTION;
    const found = await killed(t, { name: 'keygen with an action', kills, fresh: emptyStore, verify });
    assert.ok(found.has('a half, removed') || found.has('nothing'));
  });

  test('reshare with revocation, killed before a change of a file, leaves the old wallet or the new one, which signs with its action', async (t) => {
    const origin = openAt(emptyStore());
    const runtime = await LocalRuntime.open({ dir: join(origin.dir, 'local-lit') });
    const made = await createWallet({ store: origin, action: { runtime, ...action }, threshold: 2, parties: 3 });
    runtime.close();
    const { address, action: holder } = made.wallet;
    const next = await buildCosigner('messages', 'chipotle', { minEpoch: 1, wallet: holder?.wallet });
    const found = await killed(t, {
      name: 'reshare with an action',
      kills: KILLS_WITH_ACTION,
      fresh: copyOf(origin.dir),
      more: { next },
      verify: (store) => whatIsLeft(store, address, () => assertSignsWithAction(store, address)),
    });
    assert.ok([...found.keys()].some((outcome) => outcome.startsWith('the old one')));
  });
});
