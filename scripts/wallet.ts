import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  assertUnlocked,
  Correlations,
  cleanLine,
  commandLine,
  holdWallet,
  knowsOnecall,
  readNote,
  shareFileName,
} from '../ts/command/internals.ts';
import {
  type CheckHost,
  checkStore,
  findWallet,
  LockedError,
  listWallets,
  openWallet,
  RuntimeError,
  readWallet,
  StoreError,
  UsageError,
  type Wallet,
  WalletError,
  type WalletInfo,
} from '../ts/index.ts';
import type { FileStore } from '../ts/node.ts';
import { connectTo, LOCAL, localFolder, print, progress, run, sharesOf, storeOf } from './cli.ts';
import { promptLine } from './prompt.ts';
import { say, sayJson, tell } from './terminal.ts';

const USAGE = `Looks after the wallets of a store.

usage: ${commandLine('wallet')} COMMAND --store DIR [options]

  list            the wallets
  show            what is public about one: parties, epoch, policy, action, and which shares are here
  lock            locks the hot share: it signs no more with the action, until it is unlocked
  unlock          unlocks it; says what that risks, asks, and makes a correlation with the action if there is none
  correlate       replaces the correlation with the action, with one call
  check           opens every share that is here and compares it with the public data, and the action's source with its CID;
                  removes what dead processes left. Exits with 1 if something is wrong, and says what to do

  --store DIR     the folder of the share store
  --wallet ID     the wallet's address; not needed if the store has only one. check checks all if none is named
  --yes           do it without being asked
  --json          print JSON alone

check, correlate and unlock open shares with TANDEM_PASSPHRASE, a passphrase that is asked for, or TANDEM_IDENTITY (an age identity file).`;

run('wallet', async (signal) => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      store: { type: 'string' },
      wallet: { type: 'string' },
      yes: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return say(USAGE);
  const store = storeOf(values.store);
  const [command, ...more] = positionals;
  if (more.length > 0) throw new UsageError(`What is ${more.join(' ')}?`);
  const { json, wallet, yes } = values;
  switch (command) {
    case 'list':
      return list(store, json);
    case 'show':
      return show(store, await findWallet(store, wallet), json);
    case 'lock':
      return lock(store, await findWallet(store, wallet), json, signal);
    case 'unlock':
      return unlock(store, await findWallet(store, wallet), { yes, json, signal });
    case 'correlate':
      return correlate(store, await findWallet(store, wallet), { yes, json, signal });
    case 'check':
      return check(store, wallet === undefined ? undefined : [await findWallet(store, wallet)], json);
    default:
      throw new UsageError(`There is no command "${command ?? ''}".`, {
        next: 'choose one of list, show, lock, unlock, correlate, check.',
      });
  }
});

async function list(store: FileStore, json: boolean): Promise<void> {
  const wallets: Awaited<ReturnType<typeof listed>>[] = [];
  for (const id of await listWallets(store)) wallets.push(await listed(store, id));
  if (json) {
    sayJson({ wallets });
    return;
  }
  for (const entry of wallets) {
    if ('problem' in entry) {
      say(`${entry.wallet}  ${cleanLine(entry.problem)}`);
      continue;
    }
    const { wallet, threshold, parties, epoch, runtime, policy, locked } = entry;
    const action = policy === undefined ? 'no action' : `${runtime}, policy ${policy}`;
    say(`${wallet}  ${threshold} of ${parties}, ${action}, epoch ${epoch}${locked ? ', LOCKED' : ''}`);
  }
  if (wallets.length === 0) tell(`${store.dir} has no wallet.`);
}

async function listed(store: FileStore, wallet: string) {
  try {
    const { runtime, threshold, parties, epoch, action, created } = await readWallet(store, wallet);
    const locked = (await lockOf(store, wallet)) !== undefined;
    return { wallet, threshold, parties: parties.length, epoch, runtime, policy: action?.policy, locked, created };
  } catch (error) {
    if (error instanceof StoreError) return { wallet, problem: error.short };
    throw error;
  }
}

async function show(store: FileStore, id: string, json: boolean): Promise<void> {
  const info = await readWallet(store, id);
  const locked = (await lockOf(store, id)) !== undefined;
  const shares = info.parties
    .filter(({ role }) => role !== 'action')
    .map(({ index }) => shareFileName(info, index))
    .map((file) => ({ file, here: existsSync(join(store.dir, id, file)) }));
  const { address, publicKey, keyId, epoch, runtime, action, created } = info;
  const { failures } = await readNote(store, id);
  const correlation = await new Correlations(store, info).isHere();
  print(
    json,
    { ...info, locked, failures, correlation, shares },
    {
      address,
      'public key': publicKey,
      'key id': keyId,
      epoch,
      parties: sharesOf(info),
      runtime,
      ...(action && { action: action.cid, policy: action.policy, authority: action.authority }),
      ...(action?.retired !== undefined && {
        'old action': `${action.retired} may still use the wallet: ${commandLine('reshare')} --revoke ends that`,
      }),
      shares: shares.map(({ file, here }) => `${file} ${here ? 'is here' : 'is not here'}`).join(', '),
      'hot share': locked ? 'locked' : 'not locked',
      'failed checks': failures,
      ...(action && { correlation: correlation ? 'is here' : 'is not here: the next signature makes one' }),
      created,
    },
  );
}

/** What is said of the lock; undefined if there is none. */
async function lockOf(store: FileStore, id: string): Promise<string | undefined> {
  try {
    await assertUnlocked(store, id);
    return undefined;
  } catch (error) {
    if (error instanceof LockedError) return error.short;
    throw error;
  }
}

interface Asked {
  readonly yes: boolean;
  readonly json: boolean;
  readonly signal: AbortSignal;
}

async function unlock(store: FileStore, id: string, { yes, json, signal }: Asked): Promise<void> {
  if (!yes) await confirmUnlock(store, id);
  await setLock(store, id, false, signal);
  const info = await readWallet(store, id);
  let calls = 0;
  if (knowsOnecall(info)) {
    try {
      calls = await withWallet(store, info, (wallet, options) => wallet.prepare(options), signal);
    } catch (error) {
      signal.throwIfAborted();
      const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
      progress.notice(`There is no correlation with the action yet (${why}); the next signature makes one.`);
    }
  }
  print(json, { wallet: id, locked: false, calls }, { 'hot share': `${id}, not locked`, calls });
}

async function correlate(store: FileStore, id: string, { yes, json, signal }: Asked): Promise<void> {
  const info = await readWallet(store, id);
  const { failedSetUps } = await readNote(store, id);
  if (failedSetUps > 0 && !yes) {
    tell(`The action of ${id} has given wrong answers to the last ${failedSetUps} set-ups. An honest one gives none.`);
    const typed = await promptLine(`To try once more, type ${id}: `, 'try again with --yes.');
    if (typed.trim() !== id) throw new WalletError('That is not the address; nothing was asked of the action.');
  }
  const calls = await withWallet(store, info, (wallet, options) => wallet.correlate(options), signal);
  print(json, { wallet: id, calls }, { correlation: `${id}, replaced`, calls });
}

/** Does something with a wallet and its action. Returns how often that was called. */
async function withWallet(
  store: FileStore,
  info: WalletInfo,
  work: (wallet: Wallet, options: Parameters<Wallet['correlate']>[0]) => Promise<{ calls: number }>,
  signal: AbortSignal,
): Promise<number> {
  const { runtime, close } = await connectTo(info, store.dir);
  try {
    const wallet = await openWallet(store, { id: info.address, runtime });
    const { calls } = await work(wallet, { onProgress: progress.step, onNotice: progress.notice, signal });
    wallet.close();
    return calls;
  } finally {
    progress.end();
    close();
  }
}

async function lock(store: FileStore, id: string, json: boolean, signal: AbortSignal): Promise<void> {
  await setLock(store, id, true, signal);
  print(json, { wallet: id, locked: true }, { 'hot share': `${id}, locked` });
}

async function setLock(store: FileStore, id: string, locked: boolean, signal: AbortSignal): Promise<void> {
  await readWallet(store, id);
  const hold = await holdWallet(store, id, signal);
  try {
    if (!locked) await hold.unlockHot();
    else if ((await lockOf(store, id)) === undefined) await hold.lockHot('locked by hand'); // an earlier reason stands
  } finally {
    hold.release();
  }
}

async function confirmUnlock(store: FileStore, id: string): Promise<void> {
  const lock = await lockOf(store, id);
  if (lock === undefined) return;
  const { failures } = await readNote(store, id);
  tell(`${lock}

Answers of the action that have failed a check so far: ${failures}. An honest action gives none: unlock only if you know why one
failed. If you do not, give the key another action: recover --new-action. By onecall, a dishonest action learned nothing that it can
use, because the correlation is destroyed; once the share is unlocked, it can try again, with a new one. By dkls18, each such answer
can cost one bit of the hot share, which unlocking does not take back.`);
  const typed = await promptLine(`To unlock, type ${id}: `, 'unlock with --yes.');
  if (typed.trim() !== id) throw new WalletError('That is not the address; the share stays locked.');
}

/** The host on this machine is in a folder of the store, and can be looked at. What another host says, doctor asks. */
function checkHost(dir: string): CheckHost {
  return async ({ runtime, action }) => {
    if (runtime !== 'local' || action === undefined) return undefined;
    const { LocalRuntime } = await import('../ts/local.ts');
    try {
      const problem = LocalRuntime.problemOf(localFolder(dir), action.wallet);
      if (problem !== undefined) throw problem;
      return { file: LOCAL, state: 'sound' };
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      return { file: LOCAL, state: 'wrong', problem: `${error.short}.`, next: error.next && `${error.next}.` };
    }
  };
}

async function check(store: FileStore, ids: readonly string[] | undefined, json: boolean): Promise<void> {
  const checked = await checkStore(store, ids, checkHost(store.dir));
  if (json) sayJson(checked);
  else {
    for (const { wallet, files, cleaned } of checked.wallets) {
      say(wallet);
      for (const { file, state, problem, next } of files) {
        say(`  ${state.padEnd(5)}  ${cleanLine(file)}${problem === undefined ? '' : `: ${cleanLine(problem)}`}`);
        if (next !== undefined) say(`         Next: ${cleanLine(next)}`);
      }
      for (const file of cleaned) say(`  removed ${cleanLine(file)}, which a process that died had left`);
    }
    for (const file of checked.cleaned) say(`removed ${cleanLine(file)}, which a process that died had left`);
  }
  if (checked.ok) return;
  const states = checked.wallets.flatMap(({ files }) => files.map(({ state }) => state));
  const isWrong = states.includes('wrong');
  throw new WalletError(
    isWrong ? `Something is wrong in ${store.dir}.` : `Not everything in ${store.dir} was checked.`,
  );
}
