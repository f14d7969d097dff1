import { commandLine } from '#command';
import { loadTandem } from '#load';
import { TandemError } from '../core/errors.ts';
import { toHex } from '../core/evm.ts';
import type { ShareInfo, Tandem } from '../core/wasm.ts';
import { StoreError, WalletError } from '../errors.ts';
import { ACTION } from '../protocol/roles.ts';
import { type CorrelationKey, Correlations, correlationKey, NOTE } from './correlations.ts';
import { policyFrom } from './policy.ts';
import {
  assertCurrent,
  checkShare,
  clearChange,
  holdWallet,
  knowsOnecall,
  leftByChange,
  leftovers,
  listWallets,
  localParties,
  nameOf,
  openAction,
  openShareFile,
  readShare,
  readWallet,
  removeLeftovers,
  SHARE_LIMIT,
  type Store,
  sealedFileName,
  shareFileName,
  unusedFiles,
  type WalletInfo,
} from './store.ts';

/** A file of a wallet: in order, not here (which may be fine), wrong, or not looked at, because there was no key to open it. */
export interface CheckedFile {
  readonly file: string;
  readonly state: 'sound' | 'away' | 'wrong' | 'unchecked';
  /** What is wrong, and what to do about it. */
  readonly problem?: string;
  readonly next?: string | undefined;
}

export interface CheckedWallet {
  readonly wallet: string;
  readonly files: readonly CheckedFile[];
  /** What dead processes had left; it is removed now. */
  readonly cleaned: readonly string[];
}

/** What a check of a store found. */
export interface CheckedStore {
  /** Whether every file is in order, or away. */
  readonly ok: boolean;
  readonly wallets: readonly CheckedWallet[];
  /** What dead processes had left beside the wallets. */
  readonly cleaned: readonly string[];
}

/** Checks whether the host can still run a wallet's action for that wallet; undefined if this machine cannot tell. */
export type CheckHost = (info: WalletInfo) => Promise<CheckedFile | undefined>;

/**
 * Checks all wallets of a store, or some, and removes what dead processes have left.
 *
 * @param checkHost for wallets whose action is called from here; by default no host is looked at
 * @throws StoreError missing if there is no store
 */
export async function checkStore(store: Store, ids?: readonly string[], checkHost?: CheckHost): Promise<CheckedStore> {
  if (!(await store.has(''))) {
    throw new StoreError('missing', `There is no store ${store.name}.`, {
      next: 'check the folder given as the store.',
    });
  }
  const cleaned = await leftovers(store);
  await removeLeftovers(store);
  const wallets: CheckedWallet[] = [];
  for (const id of ids ?? (await listWallets(store))) wallets.push(await checkWallet(store, id, loadTandem, checkHost));
  return { ok: wallets.every(({ files }) => files.every(isInOrder)), wallets, cleaned };
}

/**
 * Checks everything of a wallet that can be checked without its action: opens every share that is here and compares it with
 * wallet.json, and the action's source with its CID. No part of a share leaves this function. What dead processes left is removed:
 * shares and other files of the wallet only if the hot share and all the rest are in order, because they might be what is missing,
 * and only if a change certainly left them. Files that a person may have put there stay, and are told.
 */
export async function checkWallet(
  store: Store,
  id: string,
  load: () => Promise<Tandem> = loadTandem,
  checkHost?: CheckHost,
): Promise<CheckedWallet> {
  const files: CheckedFile[] = [];
  const left = await leftovers(store, id);
  const hold = await holdWallet(store, id).catch((error) => {
    files.push(wrong('lock', error));
  });
  const cleaned = hold === undefined ? [] : left;
  try {
    const info = await readWallet(store, id); // not before it is held: somebody may be changing it
    files.push({ file: 'wallet.json', state: 'sound' }, ...(await checkFiles(store, info, load, checkHost)));
    const unused = await unusedFiles(store, info);
    const hot = info.parties.find(({ role }) => role === 'hot');
    const hotFile = hot && shareFileName(info, hot.index);
    // A change that took effect here has deleted the earlier hot share. As long as that share is here, no change did.
    const isUnchanged = files.some(({ file, state }) => file === hotFile && state === 'sound');
    const mayClean = hold !== undefined && isUnchanged && files.every(isInOrder);
    const left = await leftByChange(store, info);
    for (const file of unused) {
      if (!left.includes(file)) files.push(await strayFile(store, info, file, load));
      else if (!mayClean) files.push({ file, state: 'wrong', problem: KEPT, next: 'fix the rest, and check again.' });
    }
    return { wallet: id, files, cleaned: mayClean ? [...cleaned, ...(await clearChange(store, info))] : cleaned };
  } catch (error) {
    return { wallet: id, files: [...files, wrong('wallet.json', error)], cleaned };
  } finally {
    hold?.release();
  }
}

/**
 * What a wallet's action leaves to do: to end what an old one may still do, or to move the share to one of this version, with the
 * consent of the wallet's authority.
 */
function actionAdvice(store: Store, { address, action }: WalletInfo): string | undefined {
  const of = `--store ${store.name} --wallet ${address}`;
  if (action?.retired !== undefined) {
    return `the old action ${action.retired} may still use the wallet. To end that: ${commandLine('reshare')} --revoke ${of}`;
  }
  if (action?.format !== undefined) return undefined;
  const policy = action?.policy.startsWith('0x') ? 'FILE (the present rules)' : action?.policy;
  return (
    'the action is of version 0.1.0 and signs by dkls18. To move the share to one of this version: ' +
    `${commandLine('migrate')} ${of} --policy ${policy}`
  );
}

const PUT_BACK = 'put the share that belongs on this machine back, from where it was moved to or from a backup.';
const ACTION_AWAY =
  'nothing, on a machine that keeps only cold shares. To sign with the action, to reshare or to recover, put this file and the folder ' +
  'actions back, from the machine with the hot share or a backup of it.';
const KEPT = 'An unfinished change left this file. It stays until the hot share and the rest are in order.';

/** What to report about a file that wallet.json does not name, and that need not come from an unfinished change. */
async function strayFile(
  store: Store,
  info: WalletInfo,
  file: string,
  load: () => Promise<Tandem>,
): Promise<CheckedFile> {
  if (!file.endsWith('.age')) return stray(file, 'wallet.json does not name it.', 'move it to another folder.');
  try {
    const { wallet, index, known } = await shareIn(store, info, file, load);
    if (wallet === info.address) return await strayShare(store, info, file, index, known);
    return stray(file, `It holds a share of the wallet ${wallet}.`, 'move it to the folder of that wallet.');
  } catch (error) {
    if (error instanceof WalletError && !(error instanceof StoreError)) return wrong(file, error); // the key is of another kind
    if (!(error instanceof StoreError) && !(error instanceof TandemError)) throw error;
    const why = error instanceof StoreError ? error.short : `${error.message}.`;
    return stray(file, `wallet.json does not name it, and it does not open: ${why}`, FIND_OUT);
  }
}

/** What a share file in a wallet's folder tells of itself, whatever its name. @throws StoreError, TandemError */
async function shareIn(
  store: Store,
  info: WalletInfo,
  file: string,
  load: () => Promise<Tandem>,
): Promise<{ wallet: string; index: number; known: ShareInfo }> {
  const path = `${info.address}/${file}`;
  const read = () => store.read(path, SHARE_LIMIT);
  const { wallet, index, share } = await openShareFile(store, read, nameOf(store, path));
  try {
    return { wallet, index, known: (await load()).shareInfo(share) };
  } finally {
    share.fill(0);
  }
}

/** Deletes the earlier shares, if a process that had stored new ones was killed before it deleted them. */
export async function removeEarlier(store: Store, info: WalletInfo): Promise<void> {
  const hold = await holdWallet(store, info.address);
  try {
    await assertCurrent(store, info);
    await clearChange(store, info);
    const earlier: string[] = [];
    for (const file of await unusedFiles(store, info)) {
      if (!file.endsWith('.age')) continue;
      const found = await shareIn(store, info, file, loadTandem).catch(() => undefined);
      if (found?.wallet === info.address && found.known.epoch < info.epoch) earlier.push(file);
    }
    await store.commit(info.address, { remove: earlier });
  } finally {
    hold.release();
  }
}

/** What to report about a share of the wallet in a file that wallet.json does not name. */
async function strayShare(
  store: Store,
  info: WalletInfo,
  file: string,
  index: number,
  { epoch, keyId }: ShareInfo,
): Promise<CheckedFile> {
  const name = info.parties.some((party) => party.index === index) ? shareFileName(info, index) : undefined;
  if (toHex(keyId) === info.keyId && name !== undefined) {
    const isTwice = await store.has(`${info.address}/${name}`);
    const next = isTwice ? `delete it: ${name} is here too.` : `rename it to ${name}.`;
    return stray(file, `It holds the share that belongs in ${name}.`, next);
  }
  const what = `It holds party ${index}'s share of epoch ${epoch}; the wallet has epoch ${info.epoch}.`;
  return stray(file, what, epoch < info.epoch ? DESTROY : NEWER);
}

const stray = (file: string, problem: string, next: string): CheckedFile => ({ file, state: 'wrong', problem, next });

const FIND_OUT = 'find out what it is before you delete it: it may be a share that you need.';
const DESTROY = 'destroy it and its copies: old shares still sign with each other.';
const NEWER =
  'if wallet.json is from a backup, put the newest one back, with the shares of its epoch. Otherwise a change that was not finished ' +
  'left it: delete it.';

/** Checks the files that a wallet relies on. */
async function checkFiles(
  store: Store,
  info: WalletInfo,
  load: () => Promise<Tandem>,
  checkHost?: CheckHost,
): Promise<CheckedFile[]> {
  const checks: (CheckedFile | Promise<CheckedFile>)[] = [];
  let correlation: Promise<CheckedFile | undefined> | undefined;
  const shares = info.parties.filter(({ role }) => role !== 'action');
  const here = await localParties(store, info);
  // Only the machine with the hot share calls the action; a cold machine does not need its files.
  const sealed = sealedFileName(info);
  const isAsking = here.some(({ role }) => role === 'hot') || (await store.has(`${info.address}/${sealed}`));
  for (const party of shares) {
    const file = shareFileName(info, party.index);
    if (!here.includes(party)) {
      checks.push({ file, state: 'away' });
    } else if (party.role === 'hot' && knowsOnecall(info)) {
      const opening = withShare(store, info, party.index, load, (_, share) => correlationKey(share));
      checks.push(checked(file, opening));
      correlation = opening.then(
        (key) => checkCorrelation(store, info, party.index, key).catch((error) => wrong(NOTE, error)),
        () => undefined, // without the share nothing can be said of it
      );
    } else {
      checks.push(checked(file, openShareInfo(store, info, party.index, load)));
    }
  }
  if (here.length === 0) {
    checks.push(wrong('shares', new StoreError('missing', 'No share of this wallet is here.', { next: PUT_BACK })));
  }
  if (info.action !== undefined && isAsking) {
    const opening = openAction(store, info); // once: to hash the source takes time
    const source = await checked(sealed, opening);
    const next = source.state === 'sound' ? actionAdvice(store, info) : undefined;
    checks.push(next === undefined ? source : { ...source, next });
    if (source.state === 'sound') {
      const reading = opening.then((action) => policyFrom(info, action.source));
      const policy = await checked('policy', reading);
      if (policy.state !== 'sound') checks.push(policy);
    }
    const host = await checkHost?.(info);
    if (host !== undefined) checks.push(host);
  } else if (info.action !== undefined) {
    checks.push({ file: sealed, state: 'away', next: ACTION_AWAY });
  }
  const [kept, ...files] = await Promise.all([correlation, ...checks]);
  return kept === undefined ? files : [...files, kept];
}

/** The correlation with the action, if it is here. Where it is not, the next signature makes one. */
async function checkCorrelation(
  store: Store,
  info: WalletInfo,
  user: number,
  key: CorrelationKey,
): Promise<CheckedFile | undefined> {
  const correlations = new Correlations(store, info);
  const file = 'correlation';
  if (!(await correlations.isHere())) return undefined;
  const kept = await correlations.read(key, user, ACTION);
  kept?.bytes.fill(0);
  if (kept !== undefined) return { file, state: 'sound' };
  const next = `make another one: ${commandLine('wallet')} correlate --store ${store.name} --wallet ${info.address}`;
  return { file, state: 'wrong', problem: 'It does not open, or was made before an answer failed a check.', next };
}

function checked(file: string, look: Promise<unknown>): Promise<CheckedFile> {
  return look.then(
    () => ({ file, state: 'sound' }),
    (error) => wrong(file, error),
  );
}

function wrong(file: string, error: unknown): CheckedFile {
  if (!(error instanceof WalletError)) throw error;
  // Any other error is the key's: nobody could be asked for it, or it is of another kind.
  const state = error instanceof StoreError ? 'wrong' : 'unchecked';
  return { file, state, problem: error.short, next: error.next };
}

const isInOrder = ({ state }: CheckedFile): boolean => state === 'sound' || state === 'away';

/**
 * Opens a party's share and returns what it tells of itself, once that is what wallet.json says.
 *
 * @throws StoreError
 */
export async function openShareInfo(
  store: Store,
  info: WalletInfo,
  index: number,
  load: () => Promise<Tandem> = loadTandem,
): Promise<ShareInfo> {
  return withShare(store, info, index, load, (known) => known);
}

/** Opens a party's share and uses it, once it matches wallet.json. */
async function withShare<T>(
  store: Store,
  info: WalletInfo,
  index: number,
  load: () => Promise<Tandem>,
  use: (known: ShareInfo, share: Uint8Array) => T | Promise<T>,
): Promise<T> {
  const share = await readShare(store, info, index);
  try {
    const known = (await load()).shareInfo(share);
    checkShare(store, info, index, known);
    return await use(known, share);
  } catch (cause) {
    if (!(cause instanceof TandemError)) throw cause;
    const short = `${shareFileName(info, index)} opens, but does not contain a valid share: ${cause.message}.`;
    throw new StoreError('altered', short, { next: 'restore the file from a backup.', cause });
  } finally {
    share.fill(0);
  }
}
