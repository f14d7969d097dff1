import { commandLine } from '#command';
import { loadTandem } from '#load';
import { TandemError } from '../core/errors.ts';
import type { ShareInfo, Tandem } from '../core/wasm.ts';
import { StoreError, WalletError } from '../errors.ts';
import { ACTION } from '../protocol/roles.ts';
import { type CorrelationKey, Correlations, correlationKey, NOTE } from './correlations.ts';
import {
  checkShare,
  holdWallet,
  knowsOnecall,
  leftovers,
  listWallets,
  localParties,
  openAction,
  readShare,
  readWallet,
  removeLeftovers,
  type Store,
  sealedFileName,
  shareFileName,
  unusedFiles,
  type WalletInfo,
} from './store.ts';

/** A file of a wallet: in order, not here (which may be fine), or wrong. */
export interface CheckedFile {
  readonly file: string;
  readonly state: 'sound' | 'away' | 'wrong';
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

export interface CheckedStore {
  readonly ok: boolean;
  readonly wallets: readonly CheckedWallet[];
  /** What dead processes had left beside the wallets. */
  readonly cleaned: readonly string[];
}

/**
 * Checks all wallets of a store, or some, and removes what dead processes have left.
 *
 * @throws StoreError missing if there is no store
 */
export async function checkStore(store: Store, ids?: readonly string[]): Promise<CheckedStore> {
  if (!(await store.has(''))) {
    throw new StoreError('missing', `There is no store ${store.name}.`, {
      next: 'check the folder given as the store.',
    });
  }
  const cleaned = await leftovers(store);
  await removeLeftovers(store);
  const wallets: CheckedWallet[] = [];
  for (const id of ids ?? (await listWallets(store))) wallets.push(await checkWallet(store, id));
  return { ok: wallets.every(({ files }) => files.every(({ state }) => state !== 'wrong')), wallets, cleaned };
}

/**
 * Checks everything of a wallet that can be checked without its action: opens every share that is here and compares it with
 * wallet.json, and the action's source with its CID. Nothing of a share leaves this function. What dead processes left is
 * removed. Files that could belong to the wallet are removed only if the hot share and all the rest are in order, because
 * they might be what is missing.
 */
export async function checkWallet(
  store: Store,
  id: string,
  load: () => Promise<Tandem> = loadTandem,
): Promise<CheckedWallet> {
  const files: CheckedFile[] = [];
  const left = await leftovers(store, id);
  const hold = await holdWallet(store, id).catch((error) => {
    files.push(wrong('lock', error));
  });
  const cleaned = hold === undefined ? [] : left;
  try {
    const info = await readWallet(store, id); // not before it is held: somebody may be changing it
    files.push({ file: 'wallet.json', state: 'sound' }, ...(await checkFiles(store, info, load)));
    const unused = await unusedFiles(store, info);
    const hot = info.parties.find(({ role }) => role === 'hot');
    const hotFile = hot && shareFileName(info, hot.index);
    // A change that took effect here has deleted the earlier hot share. As long as that share is here, no change did.
    const isUnchanged = files.some(({ file, state }) => file === hotFile && state === 'sound');
    if (hold === undefined || !isUnchanged || files.some(({ state }) => state === 'wrong')) {
      const kept = new StoreError('changed', KEPT, { next: 'fix the rest, and check again.' });
      return { wallet: id, files: [...files, ...unused.map((file) => wrong(file, kept))], cleaned };
    }
    if (unused.length > 0) await store.commit(id, { remove: unused });
    return { wallet: id, files, cleaned: [...cleaned, ...unused] };
  } catch (error) {
    return { wallet: id, files: [...files, wrong('wallet.json', error)], cleaned };
  } finally {
    hold?.release();
  }
}

/** What moves a wallet to an action of this version, with the consent of its authority. */
function moveAdvice(store: Store, { address, action }: WalletInfo): string {
  const policy = action?.policy.startsWith('0x') ? 'FILE (the present rules)' : action?.policy;
  return (
    'the action is of version 0.1.0 and signs by dkls18. To move the share to one of this version: ' +
    `${commandLine('migrate')} --store ${store.name} --wallet ${address} --policy ${policy}`
  );
}

const PUT_BACK = 'put the share that belongs on this machine back, from where it was moved to or from a backup.';
const KEPT =
  'An unfinished change, or a person, left this file. It stays until the hot share and the rest are in order.';

/** Checks the files that a wallet relies on. */
async function checkFiles(store: Store, info: WalletInfo, load: () => Promise<Tandem>): Promise<CheckedFile[]> {
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
    const source = await checked(sealed, openAction(store, info));
    const isOld = info.action.format === undefined && source.state === 'sound';
    checks.push(isOld ? { ...source, next: moveAdvice(store, info) } : source);
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
  if (error instanceof WalletError) return { file, state: 'wrong', problem: error.short, next: error.next };
  throw error;
}

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
