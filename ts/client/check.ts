import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TandemError } from '../core/errors.ts';
import { loadTandem } from '../core/node.ts';
import type { ShareInfo, Tandem } from '../core/wasm.ts';
import { removeAbandoned } from '../files/files.ts';
import { StoreError, WalletError } from './errors.ts';
import {
  checkShare,
  holdWallet,
  leftovers,
  listWallets,
  openAction,
  readShare,
  readWallet,
  removeUnused,
  type Store,
  sealedFileName,
  shareFileName,
  type WalletInfo,
} from './store.ts';

/** A file of a wallet: sound, not here (which need not be wrong), or wrong. */
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
  /** What dead processes had left, and is removed now. */
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
  if (!existsSync(store.dir)) {
    throw new StoreError('missing', `There is no store ${store.dir}.`, {
      next: 'check the folder given as the store.',
    });
  }
  const cleaned = leftovers(store);
  removeAbandoned(store.dir);
  const wallets: CheckedWallet[] = [];
  for (const id of ids ?? listWallets(store)) wallets.push(await checkWallet(store, id));
  return { ok: wallets.every(({ files }) => files.every(({ state }) => state !== 'wrong')), wallets, cleaned };
}

/**
 * Checks everything of a wallet that can be checked without its action: opens every share that is here and compares it with
 * wallet.json, and the action's source with its CID. Nothing of a share leaves this function. What dead processes left is
 * removed; but files that could belong to the wallet only if all the rest is sound, for they might be what is missing.
 */
export async function checkWallet(
  store: Store,
  id: string,
  load: () => Promise<Tandem> = loadTandem,
): Promise<CheckedWallet> {
  let info: WalletInfo;
  try {
    info = readWallet(store, id);
  } catch (error) {
    return { wallet: id, files: [wrong('wallet.json', error)], cleaned: [] };
  }
  const files: CheckedFile[] = [{ file: 'wallet.json', state: 'sound' }];
  const check = async (file: string, look: () => Promise<unknown>) => {
    files.push(
      await look().then(
        () => ({ file, state: 'sound' as const }),
        (error) => wrong(file, error),
      ),
    );
  };
  const isHere = (file: string) => existsSync(join(store.dir, id, file));

  const left = leftovers(store, info);
  const hold = await holdWallet(store, id).catch((error) => {
    files.push(wrong('lock', error));
  });
  try {
    const shares = info.parties.filter(({ role }) => role !== 'action');
    for (const { index } of shares) {
      const file = shareFileName(info, index);
      if (isHere(file)) await check(file, () => openShareInfo(store, info, index, load));
      else files.push({ file, state: 'away' });
    }
    if (files.every(({ file, state }) => state === 'away' || !file.endsWith('.age'))) {
      files.push(wrong('shares', new StoreError('missing', 'No share of this wallet is here.', { next: PUT_BACK })));
    }
    // The action is asked by the machine with the hot share; that of a cold one has no need of it.
    const sealed = sealedFileName(info);
    const hasHot = shares.some(({ index, role }) => role === 'hot' && isHere(shareFileName(info, index)));
    if (info.action !== undefined && (hasHot || isHere(sealed))) await check(sealed, () => openAction(store, info));

    if (hold !== undefined && files.every(({ state }) => state !== 'wrong')) removeUnused(store, info);
    const kept = left.filter(isHere).filter((file) => file !== LOCK_FILE);
    for (const file of kept)
      files.push(wrong(file, new StoreError('changed', KEPT, { next: 'mend the rest, and check again.' })));
    return { wallet: id, files, cleaned: left.filter((file) => !kept.includes(file)) };
  } finally {
    hold?.release();
  }
}

const LOCK_FILE = 'lock';
const PUT_BACK = 'put the share that belongs on this machine back, from where it was moved to or from a backup.';
const KEPT = 'A change that was not finished left it, or a hand; it is kept as long as something else is wrong.';

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
  const share = await readShare(store, info, index);
  try {
    const known = (await load()).shareInfo(share);
    checkShare(store, info, index, known);
    return known;
  } catch (cause) {
    if (!(cause instanceof TandemError)) throw cause;
    const short = `${shareFileName(info, index)} opens, but holds no sound share: ${cause.message}.`;
    throw new StoreError('altered', short, { next: 'restore the file from a backup.', cause });
  } finally {
    share.fill(0);
  }
}
