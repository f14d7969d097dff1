import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import * as v from 'valibot';
import { commandLine } from '#command';
import { decodeCbor, encodeCbor } from '../core/cbor.ts';
import { toHex } from '../core/evm.ts';
import type { ShareInfo } from '../core/wasm.ts';
import { LockedError, StoreError, UsageError } from '../errors.ts';
import { readJson } from '../json.ts';
import { cidOf } from '../protocol/cid.ts';
import { FORMAT } from '../protocol/cosigner.ts';
import { areParties, roleOf } from '../protocol/roles.ts';
import { Address, Authority, Cid, Epoch, Hex, Index } from '../protocol/schema.ts';
import { wellFormed } from '../protocol/source.ts';
import { RUNTIMES } from '../runtime/types.ts';
import { cleanLine } from '../text/untrusted.ts';
import { AgeError, type Key, type KeyKind, keyKindOf, open, sealer } from './age.ts';

/**
 * Where wallets are kept: one folder for each wallet, named by the wallet's address.
 *
 *     0x…/wallet.json     what is public: address, key id, parties, policy, runtime (JSON)
 *     0x…/hot.age         the hot share     (age file holding CBOR)
 *     0x…/cold.age        the cold share    (likewise; further ones are cold-<index>.age)
 *     0x…/action.sealed   the action's share, which only the action can open (JSON; action.<n>.sealed after n changes)
 *     0x…/actions/<cid>.js  the exact source of the action that holds it
 *     0x…/hot.locked      there if an answer of the action failed a check, or by hand: the hot share signs no more with it (JSON)
 *     0x…/correlation.json  how many answers failed a check, and the id of the correlation that may be used (JSON)
 *     0x…/nonces.json     the next nonces of payments by x402: a lost file costs only requests to a chain (JSON)
 *     0x…/mcp.log         what a model has asked the wallet for, by hashes; tandem-ecdsa/mcp writes it, in a folder on a disk
 *     0x…/signing-<index>.age  a party's session, between two rounds of dkls23 (age file holding CBOR); used once
 *     0x…/change.json     there while a change is under way: the files that it writes or removes, with their hashes (JSON)
 *     0x…/lock            the mutex of the wallet: there while a process uses it
 *     deals/<id>.age      a session of an offline deal; <id>.deal the last file of one that is done
 *
 * The shares of a later epoch are in files of their own: hot.1.age, cold.1.age, cold-<index>.1.age. Which ones count,
 * wallet.json says: a change writes it last, and with it takes effect.
 *
 * A copy of a store, or of a wallet's folder, is a backup.
 *
 * Files are named by their paths in the store, with slashes. What a method has written when it resolves survives a loss of power,
 * and nobody ever sees half a file. Methods throw StoreError: missing, read-only, full, io.
 */
export interface Store {
  /** What it is called in messages: if it is a folder, the absolute path of it. */
  readonly name: string;
  /** Set if it ends with the process. It then contains the correlations too, because nobody copies it or shares it. */
  readonly endsWithProcess?: true;
  /** Gives the key. It is asked only when a share is opened or made. */
  readonly key: KeySource;
  /** The names of the files and folders in a folder; none if it is not there. */
  list(folder: string): Promise<string[]>;
  /** Whether a file or folder is there. */
  has(path: string): Promise<boolean>;
  /** The content of a file. @throws StoreError altered, if it has more than `limit` bytes or is not a file */
  read(path: string, limit: number): Promise<Uint8Array>;
  /** Begins a new folder, which nobody sees before it is finished. If this succeeds, the store can be written. */
  begin(): Promise<NewFolder>;
  /** Makes a folder, if it is not there. */
  makeFolder(folder: string): Promise<void>;
  /** Changes files of a folder. A process that is killed during this leaves some of the new files, but never the last one alone. */
  commit(folder: string, change: Change): Promise<void>;
  /** Removes a file from disk and returns its content. Only one caller gets it. */
  take(path: string, limit: number): Promise<Uint8Array>;
  /** Puts a file where there is no file. @throws StoreError exists */
  putBack(path: string, data: Uint8Array): Promise<void>;
  /**
   * Waits until nobody else, in this process or another, has the mutex of this path, and takes it.
   *
   * @throws StoreError busy
   */
  mutex(path: string, signal?: AbortSignal): Promise<Mutex>;
  /** The names of what dead processes left in a folder: files that they had begun to write, and the mutex {@link MUTEX}. */
  leftovers(folder: string): Promise<string[]>;
  /** Removes the files that they had begun to write. Not the mutex: the next process that waits for it takes it over. */
  removeLeftovers(folder: string): Promise<void>;
}

/** A folder in the making. */
export interface NewFolder {
  /** Fills it with these files, by their paths in it, and gives it its name: all or nothing. @throws StoreError exists */
  finish(folder: string, files: readonly Content[]): Promise<void>;
  /** Removes it, if it was not finished. */
  discard(): void;
}

/** A file to be written, by its path in the folder that the call is about. */
export interface Content {
  readonly path: string;
  readonly data: Uint8Array | string;
}

/**
 * A change of a folder. First files are written, in this order, replacing what was there. Once the last one is written, the
 * change is in effect, and then files are removed, if they exist. One may be among both.
 */
export interface Change {
  readonly write?: readonly Content[];
  readonly remove?: readonly string[];
}

/** Something that only one process at a time has. */
export interface Mutex {
  release(): void;
  /** Makes a file at this path, with any content, even if the disk is full. */
  leave(path: string): Promise<void>;
}

/**
 * Gives the key for a file (`what` names it, for a prompt) that opens with this kind of key; or, for `any`, a key of the
 * source's choice for shares that are to be made.
 */
export type KeySource = (kind: KeyKind | 'any', what: string) => Promise<Key>;

/** The key of a store of state, where no share is ever made or opened. */
export const noKey: KeySource = async () => {
  throw new Error('there is no share in it');
};

/** The name of a file in messages. */
export function nameOf(store: Pick<Store, 'name'>, path: string): string {
  return `${store.name}/${path}`;
}

const VERSION = 1;
/** The largest share file, in bytes. */
export const SHARE_LIMIT = 64 * 1024;
const LIMIT = { json: 64 * 1024, source: 16 * 1024 * 1024 };
/** There if the hot share is locked: its name, in the wallet's folder. */
export const LOCKED = 'hot.locked';
/** The note of a change, from before its first write until its last removal. */
const CHANGE = 'change.json';
/** The name of a wallet's mutex, in its folder. */
export const MUTEX = 'lock';
/** Where sessions of offline deals are, in the store. */
export const DEALS = 'deals';

const Short = v.pipe(v.string(), v.maxLength(256));
/** Texts from other machines are shown to people, so they must not move the cursor or add lines. */
const Name = v.pipe(Short, v.regex(/^[!-~]*$/, 'not a name'));

export const Party = v.strictObject({ index: Index, role: v.picklist(['hot', 'action', 'cold']) });
/** Whether these parties can be the parties of one key, and each has the role of its index. */
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
  /** The file of its sealed share; by default action.sealed. */
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
  runtime: v.picklist([...RUNTIMES, 'none']),
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
const ChangeNote = v.strictObject({
  version: v.literal(VERSION),
  files: v.array(v.strictObject({ path: Short, sha256: v.pipe(v.string(), v.length(64)) })),
});
type Noted = v.InferOutput<typeof ChangeNote>['files'];

/** What wallet.json holds; all of it public. */
export type WalletInfo = v.InferOutput<typeof WalletInfo>;
export type PartyInfo = v.InferOutput<typeof Party>;

/** The wallets of a store, by address, in the order of their names. */
export async function listWallets(store: Store): Promise<string[]> {
  return (await store.list('')).filter((name) => v.is(Address, name)).sort();
}

/**
 * The one wallet of a store, or the one asked for (in any case of letters).
 *
 * @throws StoreError missing; UsageError if there are several and none is named
 */
export async function findWallet(store: Store, id?: string): Promise<string> {
  const wallets = await listWallets(store);
  if (id !== undefined) {
    const found = namedIn(wallets, id);
    if (found !== undefined) return found;
    throw new StoreError('missing', `The store ${store.name} has no wallet ${id}.`, { next: listAdvice(wallets) });
  }
  const [only, ...more] = wallets;
  if (only === undefined) {
    throw new StoreError('missing', `The store ${store.name} has no wallet.`, {
      next: `make one: ${commandLine('keygen')} --store ${store.name}`,
    });
  }
  if (more.length > 0) {
    throw new UsageError(`The store ${store.name} has ${wallets.length} wallets.`, { next: listAdvice(wallets) });
  }
  return only;
}

/** The wallet of an address, in whatever case that is written; undefined if it is not one of these. */
export function namedIn(wallets: readonly string[], address: string): string | undefined {
  return wallets.find((name) => name.toLowerCase() === address.toLowerCase());
}

function listAdvice(wallets: string[]): string {
  return wallets.length === 0
    ? 'check the folder given as the store.'
    : `add --wallet with one of ${wallets.slice(0, 8).join(', ')}.`;
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

/** The next file for the sealed share of a wallet: another name than the present one. */
export function nextSealedName(info: Pick<WalletInfo, 'action'>): string {
  const [, number = '0'] = /^action\.([0-9]+)\.sealed$/.exec(sealedFileName(info)) ?? [];
  return `action.${Number(number) + 1}.sealed`;
}

/** The files of a wallet's folder, by their paths in it, that its wallet.json relies on. */
export function walletFiles(info: WalletInfo): string[] {
  const shares = info.parties.filter(({ role }) => role !== 'action').map(({ index }) => shareFileName(info, index));
  const action = info.action && [sealedFileName(info), `actions/${info.action.cid}.js`];
  return ['wallet.json', ...shares, ...(action ?? [])];
}

/** The parties whose shares are in the store, the hot one first. */
export async function localParties(store: Store, info: WalletInfo): Promise<PartyInfo[]> {
  const here: PartyInfo[] = [];
  for (const party of info.parties) {
    if (party.role !== 'action' && (await store.has(sharePath(info, party.index)))) here.push(party);
  }
  return here.sort((a, b) => Number(b.role === 'hot') - Number(a.role === 'hot'));
}

/** Where a party's share is kept, in the store. */
function sharePath(info: WalletInfo, index: number): string {
  return `${info.address}/${shareFileName(info, index)}`;
}

/** Whether the wallet's action signs by onecall, and makes correlations for it. */
export function knowsOnecall({ action, threshold }: Pick<WalletInfo, 'action' | 'threshold'>): boolean {
  return action?.format === FORMAT && threshold === 2;
}

/** @throws StoreError missing, altered, version */
export async function readWallet(store: Store, id: string): Promise<WalletInfo> {
  const file = `${id}/wallet.json`;
  const path = nameOf(store, file);
  const info = parse(WalletInfo, parseJson(await store.read(file, LIMIT.json), path), path);
  const isSound =
    info.address === id &&
    info.threshold >= 2 &&
    info.threshold <= info.parties.length &&
    areRoles(info.parties, info.action !== undefined);
  if (!isSound) throw new StoreError('altered', `${path} contradicts itself or belongs to another wallet.`);
  return info;
}

/**
 * Opens a share and returns its CBOR as the wasm module takes it.
 *
 * @throws StoreError missing, passphrase, identity, altered, version, other-wallet
 */
export async function readShare(store: Store, info: WalletInfo, index: number): Promise<Uint8Array> {
  const file = sharePath(info, index);
  const path = nameOf(store, file);
  const { wallet, index: of, share } = await openShareFile(store, () => store.read(file, SHARE_LIMIT), path);
  if (wallet === info.address && of === index) return share;
  share.fill(0);
  throw new StoreError('other-wallet', `${path} holds party ${of}'s share of wallet ${wallet}.`, {
    next: `put party ${index}'s share of ${info.address} there.`,
  });
}

/**
 * Opens a share file, wherever it is. Returns its wallet, its party and the share, which the caller clears.
 *
 * @param path its name in messages
 * @throws StoreError missing, passphrase, identity, altered, version
 */
export async function openShareFile(
  store: Pick<Store, 'key'>,
  read: () => Promise<Uint8Array>,
  path: string,
): Promise<{ wallet: string; index: number; share: Uint8Array }> {
  const file = await read().catch((error: unknown) => {
    if (!(error instanceof StoreError) || error.kind !== 'missing') throw error;
    throw new StoreError('missing', `${path} is not here.`, {
      next:
        'if the share was moved away, put its file back for as long as it is needed. If it is lost, make new shares from the others: ' +
        `${commandLine('recover')} --help`,
      cause: error,
    });
  });
  const { plain } = await openSealed(store, file, path);
  try {
    const { wallet, index, share } = parse(ShareFile, parseCbor(plain, path), path);
    return { wallet, index, share: share.slice() };
  } finally {
    plain.fill(0);
  }
}

/**
 * Checks a share against wallet.json before it is used, so that shares of two epochs never meet.
 *
 * @throws StoreError old-share, other-wallet
 */
export function checkShare(store: Store, info: WalletInfo, index: number, known: ShareInfo): void {
  const path = nameOf(store, sharePath(info, index));
  if (toHex(known.publicKey) !== info.publicKey || known.index !== index) {
    throw new StoreError('other-wallet', `${path} holds a share of another key.`, {
      next: `put the share of ${info.address} back there.`,
    });
  }
  if (known.epoch < info.epoch) {
    throw new StoreError(
      'old-share',
      `${path} is old: it has epoch ${known.epoch}, and the wallet has epoch ${info.epoch}.`,
      {
        next: `put the share of epoch ${info.epoch} there.`,
      },
    );
  }
  if (known.epoch > info.epoch || toHex(known.keyId) !== info.keyId) {
    throw new StoreError(
      'old-share',
      `wallet.json is old: it has epoch ${info.epoch}, and ${path} has epoch ${known.epoch}.`,
      {
        next: 'put the wallet.json that was written with this share there.',
      },
    );
  }
}

/** The SHA-256 of a party's share file as it is now; undefined if it cannot be read. */
export async function shareFileHash(store: Store, info: WalletInfo, index: number): Promise<string | undefined> {
  return fileHash(store, sharePath(info, index), SHARE_LIMIT);
}

async function fileHash(store: Store, path: string, limit: number): Promise<string | undefined> {
  try {
    return bytesToHex(sha256(await store.read(path, limit)));
  } catch {
    return undefined;
  }
}

/** The action's sealed share and its source, as a store has them. */
interface StoredAction {
  readonly wallet: string;
  readonly cid: string;
  readonly sealed: string;
  readonly source: string;
}

/** The action's sealed share and its source; whether the source has this CID is for the caller to check. */
export async function readAction(store: Store, info: WalletInfo): Promise<StoredAction> {
  if (info.action === undefined) throw new UsageError(`Wallet ${info.address} has no action.`);
  const file = `${info.address}/${sealedFileName(info)}`;
  const path = nameOf(store, file);
  const sealed = parse(SealedShare, parseJson(await store.read(file, LIMIT.json), path), path);
  if (sealed.wallet !== info.action.wallet || sealed.cid !== info.action.cid) {
    throw new StoreError('other-wallet', `${path} belongs to another wallet or another action.`, {
      next: `put back the file that was made for ${info.address}.`,
    });
  }
  const { wallet, cid, share } = sealed;
  const sourceFile = `${info.address}/actions/${cid}.js`;
  const source = parseText(await store.read(sourceFile, LIMIT.source), nameOf(store, sourceFile));
  return { wallet, cid, sealed: share, source };
}

/**
 * The action's sealed share and its source, which is the one that it is sealed to: no other can open it.
 *
 * @throws StoreError missing, altered, version, other-wallet
 */
export async function openAction(store: Store, info: WalletInfo): Promise<StoredAction> {
  const action = await readAction(store, info);
  const actual = cidOf(action.source);
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

/** A wallet in the making, or a change of one, which nobody sees before `finish`. */
export interface Draft {
  /** Stores it. All or nothing. */
  finish(wallet: NewWallet): Promise<void>;
  /** Removes its parts, if it was not finished. */
  discard(): void;
}

/**
 * Begins a wallet: checks that the store can be written, before anybody is asked for anything, then asks for the key and starts
 * the scrypts of the shares.
 *
 * @throws StoreError read-only, full, io
 */
export async function draftWallet(store: Store, localParties: number): Promise<Draft> {
  const folder = await store.begin();
  const seals = await sealers(store, localParties).catch((error) => {
    folder.discard();
    throw error;
  });
  return {
    finish: async (wallet) => folder.finish(wallet.info.address, await filesOf(wallet, seals)),
    discard: folder.discard,
  };
}

/**
 * Begins to change an existing wallet: its shares, its action, or both. `finish` puts the new files beside the old ones, and
 * then writes wallet.json, which puts the change into effect. Only then it deletes the old files, if they are in the store. A process
 * that is killed leaves either the old wallet or the new one, and perhaps files of the other: {@link clearChange} removes those.
 *
 * @throws StoreError read-only, full, io; `finish` also busy, and changed if the wallet is not `old` any more
 */
export async function draftChange(store: Store, old: WalletInfo, localParties: number): Promise<Draft> {
  const { release } = await holdWallet(store, old.address); // shows that the folder can be written
  release();
  const seals = await sealers(store, localParties);
  return {
    finish: async (wallet) => {
      const hold = await holdWallet(store, old.address);
      try {
        await assertCurrent(store, old);
        const kept = new Set(walletFiles(wallet.info));
        const remove = walletFiles(old).filter((name) => !kept.has(name));
        if (wallet.info.epoch !== old.epoch) remove.push(LOCKED);
        const write = await filesOf(wallet, seals);
        const left = (await leftByChange(store, old)).filter((name) => !kept.has(name));
        const note = await changeNote(store, old.address, write, remove);
        await store.commit(old.address, { write: [note, ...write], remove: [...remove, ...left, CHANGE] });
      } finally {
        hold.release();
      }
    },
    discard: () => {},
  };
}

/**
 * Removes the files of a change whose process was killed, if they are still as that process wrote or found them. For the holder of
 * the wallet, once everything else is in order. Returns what it removed.
 */
export async function clearChange(store: Store, info: WalletInfo): Promise<string[]> {
  if (!(await store.has(`${info.address}/${CHANGE}`))) return [];
  const remove = [...(await leftByChange(store, info)), CHANGE];
  await store.commit(info.address, { remove });
  return remove;
}

/**
 * Those of {@link unusedFiles} that certainly come from an unfinished change, because nobody has changed them since. A name alone
 * shows nothing, because a person may give a share any name.
 */
export async function leftByChange(store: Store, info: WalletInfo): Promise<string[]> {
  const noted = await notedFiles(store, info.address);
  const left: string[] = [];
  for (const path of noted.length === 0 ? [] : await unusedFiles(store, info)) {
    const hash = await fileHash(store, `${info.address}/${path}`, LIMIT.source);
    if (noted.some((one) => one.path === path && one.sha256 === hash)) left.push(path);
  }
  return left;
}

/** The note of a change. It repeats what an earlier change noted, whose files may still be there. */
async function changeNote(
  store: Store,
  id: string,
  write: readonly Content[],
  remove: readonly string[],
): Promise<Content> {
  const files: Noted = [...(await notedFiles(store, id))];
  for (const { path, data } of write) {
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
    files.push({ path, sha256: bytesToHex(sha256(bytes)) });
  }
  for (const path of remove) {
    const hash = await fileHash(store, `${id}/${path}`, LIMIT.source);
    if (hash !== undefined) files.push({ path, sha256: hash });
  }
  return { path: CHANGE, data: json({ version: VERSION, files }) };
}

/** What an unfinished change noted; nothing if there is none, or its note cannot be read. */
async function notedFiles(store: Store, id: string): Promise<Noted> {
  try {
    const file = `${id}/${CHANGE}`;
    return parse(ChangeNote, parseJson(await store.read(file, LIMIT.json), file), file).files;
  } catch {
    return []; // then nothing is removed
  }
}

/**
 * @throws StoreError changed, if the wallet in the store has other shares or another action by now
 */
export async function assertCurrent(store: Store, info: WalletInfo): Promise<void> {
  const now = await readWallet(store, info.address);
  // The same action may hold the share under another authority: then its file has another name.
  const isSame = now.keyId === info.keyId && now.action?.cid === info.action?.cid;
  if (isSame && sealedFileName(now) === sealedFileName(info)) return;
  throw new StoreError('changed', `Another command gave the wallet ${info.address} new shares or another action.`, {
    next: 'open it again.',
  });
}

/** Notes that the host was told to let only this action use the wallet. For the holder of the wallet. */
export async function forgetRetired(store: Store, info: WalletInfo): Promise<void> {
  if (info.action === undefined) return;
  const { retired: _, ...action } = info.action;
  await store.commit(info.address, { write: [{ path: 'wallet.json', data: json({ ...info, action }) }] });
}

type Sealer = ReturnType<typeof sealer>;

/** One sealer for each share. */
async function sealers(store: Store, count: number): Promise<Sealer[]> {
  if (count === 0) return [];
  const key = await store.key('any', 'the new shares');
  return Array.from({ length: count }, () => sealer(key));
}

/** The files of a wallet, wallet.json last. */
async function filesOf({ info, shares, action }: NewWallet, seals: Sealer[]): Promise<Content[]> {
  const files: Content[] = [];
  for (const [index, share] of shares) {
    const seal = seals.pop();
    if (seal === undefined) throw new Error('more shares than were announced');
    const plain = encodeCbor({ version: VERSION, wallet: info.address, index, share });
    try {
      files.push({ path: shareFileName(info, index), data: await seal(plain) });
    } finally {
      plain.fill(0);
    }
  }
  if (info.action !== undefined && action !== undefined) {
    const { wallet, cid } = info.action;
    files.push({ path: sealedFileName(info), data: json({ version: VERSION, wallet, cid, share: action.sealed }) });
    files.push({ path: `actions/${cid}.js`, data: wellFormed(action.source) });
  }
  return [...files, { path: 'wallet.json', data: json(info) }];
}

/** What dead processes left in the store's folder, or in a wallet's: {@link holdWallet} removes the latter. */
export async function leftovers(store: Store, id?: string): Promise<string[]> {
  const found: string[] = [];
  for (const { folder, within } of writtenTo(id)) {
    found.push(...(await store.leftovers(folder)).map((name) => within + name));
  }
  return found;
}

/** Removes what dead processes began to write there. */
export async function removeLeftovers(store: Store, id?: string): Promise<void> {
  for (const { folder } of writtenTo(id)) await store.removeLeftovers(folder);
}

/** The store's folder, or a wallet's, and the one in it that files are written to. */
function writtenTo(id: string | undefined): { folder: string; within: string }[] {
  const inner = id === undefined ? DEALS : 'actions';
  return [
    { folder: id ?? '', within: '' },
    { folder: id === undefined ? inner : `${id}/${inner}`, within: `${inner}/` },
  ];
}

/**
 * The files of a wallet that its wallet.json does not rely on: those of a change that was not finished, the ones of before a change, or
 * what a person put there.
 */
export async function unusedFiles(store: Store, info: WalletInfo): Promise<string[]> {
  const ours = /^((hot|cold)(-[0-9]+)?(\.[0-9]+)?\.age|action(\.[0-9]+)?\.sealed|actions\/Qm[0-9A-Za-z]+\.js)$/;
  const used = walletFiles(info);
  const sources = (await store.list(`${info.address}/actions`)).map((name) => `actions/${name}`);
  const names = [...(await store.list(info.address)), ...sources];
  return names.filter((name) => ours.test(name) && !used.includes(name));
}

/** A wallet held by this process alone, until it is released. */
export interface Hold {
  /** Locks the hot share on disk. Resolves only once it is locked, and rejects if it could not be. */
  lockHot(reason: string): Promise<void>;
  /** Undoes `lockHot`. */
  unlockHot(): Promise<void>;
  release(): void;
}

/**
 * Holds a wallet, so that only one process at a time uses its shares. Also checks that the store can be written, because a share
 * that could not be locked afterwards must not be used.
 *
 * @throws StoreError busy, read-only, full, missing, io
 */
export async function holdWallet(store: Store, id: string, signal?: AbortSignal): Promise<Hold> {
  const mutex = await store.mutex(`${id}/${MUTEX}`, signal);
  try {
    await removeLeftovers(store, id);
  } catch (error) {
    mutex.release();
    throw error;
  }
  return {
    release: mutex.release,
    unlockHot: () => store.commit(id, { remove: [LOCKED] }),
    lockHot: async (reason) => {
      const path = `${id}/${LOCKED}`;
      const note = json({ reason: cleanLine(reason), at: new Date().toISOString() });
      try {
        await store.commit(id, { write: [{ path: LOCKED, data: note }] });
      } catch {
        // No space for a note: the existence of the file is the lock.
        await mutex.leave(path).catch((cause: unknown) => {
          throw new StoreError('io', `The share could NOT be locked on disk, though ${reason}.`, {
            next: `do not sign with this wallet again; create the file ${nameOf(store, path)} by hand.`,
            cause,
          });
        });
      }
    },
  };
}

/**
 * @throws LockedError if the hot share is locked
 */
export async function assertUnlocked(store: Store, id: string): Promise<void> {
  const file = `${id}/${LOCKED}`;
  if (!(await store.has(file))) return;
  let why = '';
  try {
    const note = v.parse(LockNote, parseJson(await store.read(file, LIMIT.json), file));
    why = ` (${note.reason}, ${note.at})`;
  } catch {
    // The existence of the file is the lock; its content is only for people.
  }
  throw new LockedError(`The hot share of ${id} is locked${why}.`, {
    next:
      `if an answer of the action failed a check: ${distrustAdvice(store, id)} If you know why, or locked the share ` +
      `yourself: ${commandLine('wallet')} unlock --store ${store.name} --wallet ${id}`,
  });
}

/** What to do with the key when its action has given an answer that an honest one does not give. */
export function distrustAdvice(store: Store, id: string): string {
  return (
    `do not trust this action. ${commandLine('recover')} --new-action --store ${store.name} --wallet ${id} gives the key ` +
    'another one (with --runtime, at another host), from the hot and the cold share; until then, sign --recovery signs without an action ' +
    '(docs/security.md#what-a-failed-check-costs).'
  );
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
    const key = await store.key(kind, path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1));
    return { plain: await open(file, key), key };
  } catch (error) {
    if (!(error instanceof AgeError)) throw error;
    if (error.kind === 'altered') {
      throw new StoreError('altered', `${path} is cut short or altered: ${error.message}.`, {
        next: 'restore the file from a backup.',
        cause: error,
      });
    }
    if (error.kind === 'unsupported') {
      throw new StoreError(kind ?? 'identity', `${path} is not opened here: ${error.message}.`, {
        next: 'where it can be opened, encrypt the share again with age, for a passphrase or an identity of age-keygen.',
        cause: error,
      });
    }
    if (kind === 'passphrase') {
      throw new StoreError('passphrase', `The passphrase does not open ${path}.`, {
        next: 'try again with the passphrase it was made with.',
      });
    }
    throw new StoreError('identity', `None of the given age identities opens ${path}.`, {
      next: 'name the identity file it was made with in TANDEM_IDENTITY.',
    });
  }
}
