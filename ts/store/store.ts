import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import * as v from 'valibot';
import { decodeCbor, encodeCbor } from '../core/cbor.ts';
import { toHex } from '../core/evm.ts';
import type { ShareInfo } from '../core/wasm.ts';
import { LockedError, StoreError, UsageError } from '../errors.ts';
import {
  abandoned,
  fileError,
  isHeld,
  makeFolder,
  readLimited,
  removeAbandoned,
  syncFolder,
  takeLock,
  tempName,
  writeDurable,
  writeNew,
} from '../files/files.ts';
import { readJson } from '../json.ts';
import { cidOf } from '../protocol/cid.ts';
import { FORMAT } from '../protocol/cosigner.ts';
import { areParties, roleOf } from '../protocol/roles.ts';
import { Address, Authority, Cid, Epoch, Hex, Index } from '../protocol/schema.ts';
import { wellFormed } from '../protocol/source.ts';
import { cleanLine } from '../text/untrusted.ts';
import { AgeError, type Key, type KeyKind, keyKindOf, open, sealer } from './age.ts';

/**
 * The share store: one folder per wallet, named by the wallet's address.
 *
 *     0x…/wallet.json     what is public: address, key id, parties, policy, runtime (JSON)
 *     0x…/hot.age         the hot share     (age file holding CBOR)
 *     0x…/cold.age        the cold share    (likewise; further ones are cold-<index>.age)
 *     0x…/action.sealed   the action's share, which only the action can open (JSON; action.<n>.sealed after n changes)
 *     0x…/actions/<cid>.js  the exact source of the action that holds it
 *     0x…/hot.locked      there if an answer of the action failed a check, or by hand: the hot share signs no more with it (JSON)
 *     0x…/correlation.json  how many answers failed a check, and the id of the correlation that may be used (JSON)
 *     0x…/signing-<index>.age  a party's session, between two rounds of dkls23 (age file holding CBOR); used once
 *     0x…/lock            there while a process uses the wallet
 *     deals/<id>.age      a session of an offline deal; <id>.deal the last file of one that is done
 *
 * The shares of a later epoch are in files of their own: hot.1.age, cold.1.age, cold-<index>.1.age. Which ones count,
 * wallet.json says: they are written first, and its rename is what makes them the wallet's.
 *
 * Folders are 0700, files 0600. Every file appears complete by a rename, and a wallet's folder does too. A copy of a store,
 * or of a wallet's folder, is a backup.
 */
export interface Store {
  /** Absolute path. */
  readonly dir: string;
  /** Asked for the passphrase or the identities when a share is opened or made, never before. */
  readonly key: KeySource;
}

/**
 * Gives the key for a file (`what` names it, for a prompt) that opens with this kind of key; or, for `any`, a key of the
 * source's choice for shares that are to be made.
 */
export type KeySource = (kind: KeyKind | 'any', what: string) => Promise<Key>;

const VERSION = 1;
const LIMIT = { json: 64 * 1024, share: 64 * 1024, source: 16 * 1024 * 1024 };
const LOCKED = 'hot.locked';
const LOCK = 'lock';
/** Where sessions of offline deals are, in the store. */
export const DEALS = 'deals';

const Short = v.pipe(v.string(), v.maxLength(256));
/** What is shown to people comes from other machines too: nothing in it moves the cursor or makes a line of its own. */
const Name = v.pipe(Short, v.regex(/^[!-~]*$/, 'not a name'));

export const Party = v.strictObject({ index: Index, role: v.picklist(['hot', 'action', 'cold']) });
/** Whether these can be all parties of a key, each with the role of its index. */
export function areRoles(parties: readonly PartyInfo[], hasAction: boolean): boolean {
  const isRole = ({ index, role }: PartyInfo) => role === roleOf(index, hasAction);
  return (
    parties.every(isRole) &&
    areParties(
      parties.map(({ index }) => index),
      hasAction,
    )
  );
}

/** The action that holds a share: its wallet at the runtime (not an address to send anything to) and its source. */
export const ActionInfo = v.strictObject({
  wallet: Address,
  cid: Cid,
  policy: Name,
  authority: Authority,
  /** The file of its sealed share; action.sealed if it is not said. */
  sealed: v.optional(v.pipe(v.string(), v.regex(/^action\.[1-9][0-9]{0,9}\.sealed$/, 'not a name for it'))),
  /** It may sign by dkls23: --allow-interactive when the wallet was made. */
  interactive: v.optional(v.literal(true)),
  /** What it understands: {@link FORMAT}. */
  format: v.optional(v.literal(FORMAT)),
  /** The action before this one, if the host may still let it use the wallet. */
  retired: v.optional(Cid),
});
const WalletInfo = v.strictObject({
  version: v.literal(VERSION),
  address: Address,
  publicKey: Hex(33),
  keyId: Hex(32),
  epoch: Epoch,
  threshold: Index,
  parties: v.pipe(v.array(Party), v.minLength(2), v.maxLength(255)),
  runtime: v.picklist(['local', 'chipotle', 'lit-node-client', 'none']),
  action: v.optional(ActionInfo),
  created: v.pipe(v.string(), v.isoTimestamp()),
});
const SealedShare = v.strictObject({
  version: v.literal(VERSION),
  wallet: Address,
  cid: Cid,
  share: v.pipe(v.string(), v.minLength(1)),
});
const ShareFile = v.strictObject({
  version: v.literal(VERSION),
  wallet: Address,
  index: Index,
  share: v.pipe(
    v.instance(Uint8Array),
    v.check((bytes) => bytes.length > 0 && bytes.length <= 32 * 1024, 'no share'),
  ),
});
const LockNote = v.object({ reason: Short, at: Short });

/** What wallet.json holds; all of it public. */
export type WalletInfo = v.InferOutput<typeof WalletInfo>;
export type PartyInfo = v.InferOutput<typeof Party>;
export type SealedShare = v.InferOutput<typeof SealedShare>;

/** A store at `dir`, which need not exist yet. */
export function openStore(dir: string, key: KeySource): Store {
  return { dir: resolve(dir), key };
}

/** The wallets of a store, by address, in the order of their names. */
export function listWallets(store: Store): string[] {
  if (!existsSync(store.dir)) return [];
  try {
    return readdirSync(store.dir)
      .filter((name) => v.is(Address, name))
      .sort();
  } catch (error) {
    throw fileError(error, store.dir, 'read');
  }
}

/**
 * The one wallet of a store, or the one asked for (in any case of letters).
 *
 * @throws StoreError missing; UsageError if there are several and none is named
 */
export function findWallet(store: Store, id?: string): string {
  const wallets = listWallets(store);
  if (id !== undefined) {
    const found = wallets.find((name) => name.toLowerCase() === id.toLowerCase());
    if (found !== undefined) return found;
    throw new StoreError('missing', `The store ${store.dir} has no wallet ${id}.`, { next: listAdvice(wallets) });
  }
  const [only, ...more] = wallets;
  if (only === undefined) {
    throw new StoreError('missing', `The store ${store.dir} has no wallet.`, {
      next: `make one: npx tsx scripts/keygen.ts --store ${store.dir}`,
    });
  }
  if (more.length > 0) {
    throw new UsageError(`The store ${store.dir} has ${wallets.length} wallets.`, { next: listAdvice(wallets) });
  }
  return only;
}

function listAdvice(wallets: string[]): string {
  return wallets.length === 0
    ? 'check the folder given as the store.'
    : `name one of ${wallets.slice(0, 8).join(', ')}.`;
}

/** The file in which a party's share is kept. */
export function shareFileName({ parties, epoch }: Pick<WalletInfo, 'parties' | 'epoch'>, index: number): string {
  const party = parties.find((p) => p.index === index);
  if (party === undefined || party.role === 'action') throw new UsageError(`Party ${index} has no share file here.`);
  const isFirst = parties.find((p) => p.role === party.role) === party;
  return `${party.role}${isFirst ? '' : `-${index}`}${epoch === 0 ? '' : `.${epoch}`}.age`;
}

const FIRST_SEALED = 'action.sealed';

/** The file in which the action's sealed share is kept. */
export function sealedFileName({ action }: Pick<WalletInfo, 'action'>): string {
  return action?.sealed ?? FIRST_SEALED;
}

/** The file for the sealed share of a wallet that is to be changed: another one than now. */
export function nextSealedName(info: Pick<WalletInfo, 'action'>): string {
  const [, number = '0'] = /^action\.([0-9]+)\.sealed$/.exec(sealedFileName(info)) ?? [];
  return `action.${Number(number) + 1}.sealed`;
}

/** The files of a wallet's folder, by their paths in it, that its wallet.json relies on. */
export function walletFiles(info: WalletInfo): string[] {
  const shares = info.parties.filter(({ role }) => role !== 'action').map(({ index }) => shareFileName(info, index));
  const action = info.action && [sealedFileName(info), join('actions', `${info.action.cid}.js`)];
  return ['wallet.json', ...shares, ...(action ?? [])];
}

/** The parties whose shares are in the store, the hot one first. */
export function localParties(store: Store, info: WalletInfo): PartyInfo[] {
  const isHere = ({ role, index }: PartyInfo) =>
    role !== 'action' && existsSync(join(store.dir, info.address, shareFileName(info, index)));
  return info.parties.filter(isHere).sort((a, b) => Number(b.role === 'hot') - Number(a.role === 'hot'));
}

/** Whether the wallet's action signs by onecall, and makes correlations for it. */
export function knowsOnecall({ action, threshold }: Pick<WalletInfo, 'action' | 'threshold'>): boolean {
  return action?.format === FORMAT && threshold === 2;
}

/** @throws StoreError missing, altered, version */
export function readWallet(store: Store, id: string): WalletInfo {
  const path = join(store.dir, id, 'wallet.json');
  const info = parse(WalletInfo, parseJson(readLimited(path, LIMIT.json), path), path);
  const isSound =
    info.address === id &&
    info.threshold >= 2 &&
    info.threshold <= info.parties.length &&
    areRoles(info.parties, info.action !== undefined);
  if (!isSound) throw new StoreError('altered', `${path} contradicts itself or is of another wallet.`);
  return info;
}

/**
 * Opens a share and returns its CBOR as the wasm module takes it.
 *
 * @throws StoreError missing, passphrase, identity, altered, version, other-wallet
 */
export async function readShare(store: Store, info: WalletInfo, index: number): Promise<Uint8Array> {
  const path = join(store.dir, info.address, shareFileName(info, index));
  const { wallet, index: of, share } = await readShareFile(store, path);
  if (wallet === info.address && of === index) return share;
  share.fill(0);
  throw new StoreError('other-wallet', `${path} holds party ${of}'s share of wallet ${wallet}.`, {
    next: `put party ${index}'s share of ${info.address} there.`,
  });
}

/**
 * Opens a share file, wherever it is: which wallet's and which party's share it holds, and the share, which the caller
 * clears.
 *
 * @throws StoreError missing, passphrase, identity, altered, version
 */
export async function readShareFile(
  store: Pick<Store, 'key'>,
  path: string,
): Promise<{ wallet: string; index: number; share: Uint8Array }> {
  let file: Uint8Array;
  try {
    file = readLimited(path, LIMIT.share);
  } catch (error) {
    if (!(error instanceof StoreError) || error.kind !== 'missing') throw error;
    throw new StoreError('missing', `${path} is not here.`, {
      next: 'if the share was moved away, put its file back for as long as it is needed.',
      cause: error,
    });
  }
  const { plain } = await openSealed(store, file, path);
  try {
    const { wallet, index, share } = parse(ShareFile, parseCbor(plain, path), path);
    return { wallet, index, share: share.slice() };
  } finally {
    plain.fill(0);
  }
}

/**
 * Checks that what a share says of itself is what wallet.json says: before it is used, so that shares of two epochs
 * never meet.
 *
 * @throws StoreError old-share, other-wallet
 */
export function checkShare(store: Store, info: WalletInfo, index: number, known: ShareInfo): void {
  const path = join(store.dir, info.address, shareFileName(info, index));
  if (toHex(known.publicKey) !== info.publicKey || known.index !== index) {
    throw new StoreError('other-wallet', `${path} holds a share of another key.`, {
      next: `put the share of ${info.address} back there.`,
    });
  }
  if (known.epoch < info.epoch) {
    throw new StoreError(
      'old-share',
      `${path} is old: a share of epoch ${known.epoch}; the wallet is in ${info.epoch}.`,
      {
        next: `put the share of epoch ${info.epoch} there.`,
      },
    );
  }
  if (known.epoch > info.epoch || toHex(known.keyId) !== info.keyId) {
    throw new StoreError('old-share', `wallet.json is old: of epoch ${info.epoch}; ${path} is of ${known.epoch}.`, {
      next: 'put the wallet.json that was written with this share there.',
    });
  }
}

/** The SHA-256 of a party's share file as it is now; undefined if it cannot be read. */
export function shareFileHash(store: Store, info: WalletInfo, index: number): string | undefined {
  const path = join(store.dir, info.address, shareFileName(info, index));
  try {
    return createHash('sha256').update(readLimited(path, LIMIT.share)).digest('hex');
  } catch {
    return undefined;
  }
}

/** The action's sealed share and its source; whether the source has this CID is for the caller to check. */
export function readAction(
  store: Store,
  info: WalletInfo,
): { wallet: string; cid: string; sealed: string; source: string } {
  if (info.action === undefined) throw new UsageError(`Wallet ${info.address} has no action.`);
  const path = join(store.dir, info.address, sealedFileName(info));
  const sealed = parse(SealedShare, parseJson(readLimited(path, LIMIT.json), path), path);
  if (sealed.wallet !== info.action.wallet || sealed.cid !== info.action.cid) {
    throw new StoreError('other-wallet', `${path} is of another wallet or another action.`, {
      next: `put back the file that was made for ${info.address}.`,
    });
  }
  const sourcePath = join(store.dir, info.address, 'actions', `${sealed.cid}.js`);
  const { wallet, cid, share } = sealed;
  return { wallet, cid, sealed: share, source: parseText(readLimited(sourcePath, LIMIT.source), sourcePath) };
}

/**
 * The action's sealed share and its source, which is the one that it is sealed to: no other can open it.
 *
 * @throws StoreError missing, altered, version, other-wallet
 */
export async function openAction(store: Store, info: WalletInfo): Promise<ReturnType<typeof readAction>> {
  const action = readAction(store, info);
  const actual = await cidOf(action.source);
  if (actual === action.cid) return action;
  throw new StoreError('altered', `The action's source has CID ${actual}; its share belongs to ${action.cid}.`, {
    next: `restore actions/${action.cid}.js of ${info.address} from a backup: no other source can open the share.`,
  });
}

/** What a new wallet's folder is filled with. */
export interface NewWallet {
  readonly info: WalletInfo;
  readonly shares: ReadonlyMap<number, Uint8Array>;
  readonly action?: { readonly sealed: string; readonly source: string } | undefined;
}

/** A wallet's folder in the making, which nobody sees before `finish`. */
export interface Draft {
  /** Fills the folder and gives it its name in one step. All or nothing. */
  finish(wallet: NewWallet): Promise<void>;
  /** Removes the folder, if it was not finished. */
  discard(): void;
}

/**
 * Begins a wallet: makes a folder without a name (so that a store that cannot be written is found before anything is asked
 * of anybody), asks for the key, and starts the scrypts of the shares.
 *
 * @throws StoreError read-only, full, io
 */
export async function draftWallet(store: Store, localParties: number): Promise<Draft> {
  const folder = join(store.dir, tempName('wallet'));
  const discard = () => rmSync(folder, { recursive: true, force: true });
  try {
    makeFolder(store.dir);
    removeAbandoned(store.dir);
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    throw fileError(error, store.dir, 'write');
  }
  const seals = await sealers(store, localParties).catch((error) => {
    discard();
    throw error;
  });
  return {
    finish: async (wallet) => {
      const path = join(store.dir, wallet.info.address);
      try {
        if (existsSync(path)) throw new StoreError('exists', `${path} exists already.`);
        await fill(folder, wallet, seals, writeNew);
        renameSync(folder, path);
        syncFolder(store.dir);
      } catch (error) {
        throw fileError(error, path, 'write');
      }
    },
    discard,
  };
}

/**
 * Begins to change a wallet that is there: its shares, its action, or both. What `finish` is given lies beside the old
 * until wallet.json is renamed, which makes it the wallet; only then are the old files deleted, where they are in the
 * store. A process that is killed leaves either the old wallet or the new one, and perhaps files of the other.
 *
 * @throws StoreError read-only, full, io; `finish` also busy, and changed if the wallet is not `old` any more
 */
export async function draftChange(store: Store, old: WalletInfo, localParties: number): Promise<Draft> {
  const folder = join(store.dir, old.address);
  const { release } = await holdWallet(store, old.address); // shows that the folder can be written
  release();
  const seals = await sealers(store, localParties);
  return {
    finish: async (wallet) => {
      const hold = await holdWallet(store, old.address);
      try {
        assertCurrent(store, old);
        await fill(folder, wallet, seals, writeDurable);
        const kept = new Set(walletFiles(wallet.info));
        for (const name of walletFiles(old)) if (!kept.has(name)) rmSync(join(folder, name), { force: true });
        if (wallet.info.epoch !== old.epoch) rmSync(join(folder, LOCKED), { force: true });
        syncFolder(folder);
      } catch (error) {
        throw fileError(error, folder, 'write');
      } finally {
        hold.release();
      }
    },
    discard: () => {},
  };
}

/** Deletes the shares of earlier epochs, if a process that had stored those of now was killed before it did. */
export async function removeOlder(store: Store, info: WalletInfo): Promise<void> {
  const folder = join(store.dir, info.address);
  const hold = await holdWallet(store, info.address);
  try {
    assertCurrent(store, info);
    for (const name of unusedFiles(store, info)) {
      const share = /^(?:hot|cold)(?:-[0-9]+)?(?:\.([0-9]+))?\.age$/.exec(name);
      if (share && Number(share[1] ?? 0) < info.epoch) rmSync(join(folder, name), { force: true });
    }
    syncFolder(folder);
  } catch (error) {
    throw fileError(error, folder, 'write');
  } finally {
    hold.release();
  }
}

/**
 * @throws StoreError changed, if the wallet in the store has other shares or another action by now
 */
export function assertCurrent(store: Store, info: WalletInfo): void {
  const now = readWallet(store, info.address);
  if (now.keyId === info.keyId && now.action?.cid === info.action?.cid) return;
  throw new StoreError('changed', `The wallet ${info.address} was given new shares or another action meanwhile.`, {
    next: 'open it again.',
  });
}

/** Notes that the host has been told to let no action but this one use the wallet. For the holder of the wallet. */
export function forgetRetired(store: Store, info: WalletInfo): void {
  if (info.action === undefined) return;
  const { retired: _, ...action } = info.action;
  writeDurable(join(store.dir, info.address, 'wallet.json'), json({ ...info, action }));
}

type Sealer = ReturnType<typeof sealer>;

/** A sealer for each of so many shares. */
async function sealers(store: Store, count: number): Promise<Sealer[]> {
  if (count === 0) return [];
  const key = await store.key('any', 'the new shares');
  return Array.from({ length: count }, () => sealer(key));
}

/** Writes a wallet's files into a folder, wallet.json last. */
async function fill(
  folder: string,
  { info, shares, action }: NewWallet,
  seals: Sealer[],
  write: typeof writeNew,
): Promise<void> {
  for (const [index, share] of shares) {
    const plain = encodeCbor({ version: VERSION, wallet: info.address, index, share });
    const seal = seals.pop();
    if (seal === undefined) throw new Error('more shares than were announced');
    write(join(folder, shareFileName(info, index)), await seal(plain));
    plain.fill(0);
  }
  if (info.action !== undefined && action !== undefined) {
    const { wallet, cid } = info.action;
    write(join(folder, sealedFileName(info)), json({ version: VERSION, wallet, cid, share: action.sealed }));
    makeFolder(join(folder, 'actions'));
    write(join(folder, 'actions', `${cid}.js`), wellFormed(action.source));
    syncFolder(join(folder, 'actions'));
  }
  write(join(folder, 'wallet.json'), json(info));
  syncFolder(folder);
}

/** What dead processes left in the store's folder, or in a wallet's: {@link holdWallet} removes the latter. */
export function leftovers(store: Store, id?: string): string[] {
  const folder = id === undefined ? store.dir : join(store.dir, id);
  const isStale = existsSync(join(folder, LOCK)) && !isHeld(join(folder, LOCK));
  const begun = writtenTo(store, id).flatMap((within) =>
    abandoned(join(folder, within)).map((name) => join(within, name)),
  );
  return [...begun, ...(isStale ? [LOCK] : [])];
}

/** Removes what dead processes began to write there. */
export function removeLeftovers(store: Store, id?: string): void {
  for (const within of writtenTo(store, id)) removeAbandoned(join(store.dir, id ?? '', within));
}

/** The folders in the store's, or in a wallet's, that files are written to, it itself first. */
function writtenTo(store: Store, id: string | undefined): string[] {
  return ['', id === undefined ? DEALS : 'actions'].filter((within) => existsSync(join(store.dir, id ?? '', within)));
}

/**
 * The files of a wallet that its wallet.json does not rely on: those of a change that was not finished, or the ones of before
 * a change. For the holder of the wallet, who may delete them if everything else is in order.
 */
export function unusedFiles(store: Store, info: WalletInfo): string[] {
  const ours = /^((hot|cold)(-[0-9]+)?(\.[0-9]+)?\.age|action(\.[0-9]+)?\.sealed|actions.Qm[0-9A-Za-z]+\.js)$/;
  const used = walletFiles(info);
  const names = readdirSync(join(store.dir, info.address), { recursive: true, encoding: 'utf8' });
  return names.filter((name) => ours.test(name) && !used.includes(name));
}

/** A wallet held by this process alone, until it is released. */
export interface Hold {
  /** Locks the hot share on disk. Returns only once it is locked, and throws if it could not be. */
  lockHot(reason: string): void;
  /** Undoes `lockHot`. */
  unlockHot(): void;
  release(): void;
}

/**
 * Holds a wallet, so that of two processes only one uses its shares at a time, and shows that the store can be written:
 * a share that could not be locked afterwards is not used.
 *
 * @throws StoreError busy, read-only, full, missing, io
 */
export async function holdWallet(store: Store, id: string, signal?: AbortSignal): Promise<Hold> {
  const folder = join(store.dir, id);
  const lock = join(folder, LOCK);
  const release = await takeLock(lock, { signal });
  removeLeftovers(store, id);
  return {
    release,
    unlockHot: () => {
      try {
        rmSync(join(folder, LOCKED), { force: true });
        syncFolder(folder);
      } catch (error) {
        throw fileError(error, folder, 'write');
      }
    },
    lockHot: (reason) => {
      const path = join(folder, LOCKED);
      try {
        writeDurable(path, json({ reason: cleanLine(reason), at: new Date().toISOString() }));
      } catch {
        // No space for a note: a rename needs none, and that the file is there is what locks.
        try {
          renameSync(lock, path);
          syncFolder(folder);
        } catch (error) {
          throw new StoreError('io', `The share could NOT be locked on disk, though ${reason}.`, {
            next: `do not sign with this wallet again; create the file ${path} by hand.`,
            cause: error,
          });
        }
      }
    },
  };
}

/**
 * @throws LockedError if the hot share is locked
 */
export function assertUnlocked(store: Store, id: string): void {
  const path = join(store.dir, id, LOCKED);
  if (!existsSync(path)) return;
  let why = '';
  try {
    const note = v.parse(LockNote, parseJson(readLimited(path, LIMIT.json), path));
    why = ` (${note.reason}, ${note.at})`;
  } catch {
    // That the file is there is what locks; what it says is only for people.
  }
  throw new LockedError(`The hot share of ${id} is locked${why}.`, {
    next:
      'if an answer of the action failed a check, do not trust this action again: sign with --recovery (hot and cold ' +
      `share, no action) to move what the wallet holds. Else: npx tsx scripts/wallet.ts unlock --store ${store.dir} --wallet ${id}`,
  });
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

function parseText(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new StoreError('altered', `${path} is not UTF-8 text.`, { cause });
  }
}

function parseJson(bytes: Uint8Array, path: string): unknown {
  try {
    return readJson(parseText(bytes, path));
  } catch (cause) {
    if (cause instanceof StoreError) throw cause;
    throw new StoreError('altered', `${path} is cut short or altered: not JSON.`, {
      next: 'restore the file from a backup.',
      cause,
    });
  }
}

function parseCbor(bytes: Uint8Array, path: string): unknown {
  try {
    const value = decodeCbor(bytes);
    if (value instanceof Map) return Object.fromEntries(value);
  } catch {
    // The cause could quote the share; it is dropped.
  }
  throw new StoreError('altered', `${path} does not hold a tandem share.`);
}

function parse<S extends v.GenericSchema>(schema: S, value: unknown, path: string): v.InferOutput<S> {
  const version = typeof value === 'object' && value !== null ? (value as { version?: unknown }).version : undefined;
  if (typeof version === 'number' && version !== VERSION) {
    throw new StoreError('version', `${path} has version ${version}; this tandem knows version ${VERSION}.`, {
      next: 'use the tandem that wrote it, or a newer one.',
    });
  }
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  // Only where and what was expected; never what was received.
  const issue = result.issues[0];
  const where = v.getDotPath(issue) ?? 'content';
  throw new StoreError('altered', `${path} is altered: ${where} should be ${issue.expected ?? issue.type}.`, {
    next: 'restore the file from a backup.',
  });
}

/**
 * Opens an age file of the store. Returns also the key, for sealing what comes in its place.
 *
 * @throws StoreError passphrase, identity, altered
 */
export async function openSealed(
  store: Pick<Store, 'key'>,
  file: Uint8Array,
  path: string,
): Promise<{ plain: Uint8Array; key: Key }> {
  let kind: KeyKind | undefined;
  try {
    kind = keyKindOf(file);
    const key = await store.key(kind, basename(path));
    return { plain: await open(file, key), key };
  } catch (error) {
    if (!(error instanceof AgeError)) throw error;
    if (error.kind === 'altered') {
      throw new StoreError('altered', `${path} is cut short or altered: ${error.message}.`, {
        next: 'restore the file from a backup.',
        cause: error,
      });
    }
    if (kind === 'passphrase') {
      throw new StoreError('passphrase', `The passphrase does not open ${path}.`, {
        next: 'try again with the passphrase it was made with.',
      });
    }
    throw new StoreError('identity', `No age identity at hand opens ${path}.`, {
      next: 'name the identity file it was made with in TANDEM_IDENTITY.',
    });
  }
}
