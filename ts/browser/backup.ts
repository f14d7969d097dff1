import { strToU8, unzipSync, zipSync } from 'fflate';
import * as v from 'valibot';
import { StoreError, UsageError } from '../errors.ts';
import { Address } from '../protocol/schema.ts';
import { NOTE } from '../store/correlations.ts';
import { memoryStore } from '../store/memory.ts';
import {
  type Content,
  LOCKED,
  listWallets,
  localParties,
  openAction,
  readWallet,
  type Store,
  sealedFileName,
  shareFileName,
  type WalletInfo,
  walletFiles,
} from '../store/store.ts';
import { KEY_FILES, KEYS, keepKeys } from './keys.ts';

// A backup is a ZIP file of what a store on a disk would hold: unpacked, it is one, whose shares any age tool opens with the
// recovery key. It has no correlation, ever.

/** The most bytes of a backup, packed or not, and the most files. */
const LIMIT = 64 * 1024 * 1024;
const MAX_FILES = 64;
/** What a wallet's folder may hold, for a backup. */
const OURS =
  /^(?:(?:hot|cold)(?:-[0-9]+)?(?:\.[0-9]+)?\.age|action(?:\.[0-9]+)?\.sealed|actions\/Qm[0-9A-Za-z]{44}\.js)$/;
const README = `This is a backup of a tandem wallet: the shares that a browser kept of it, sealed.
Any age tool opens a .age file of the wallet's folder with the recovery key: age -d -i recovery-key.txt hot.age
The page restores the wallet from this file as it is.
`;

/** Which shares: all that are here, or the cold one alone, for the drawer. */
export type BackupKind = 'all' | 'cold';

/** @throws StoreError, if something of the wallet is missing */
export async function makeBackup(store: Store, id: string, kind: BackupKind): Promise<Uint8Array> {
  const info = await readWallet(store, id);
  const here = await localParties(store, info);
  const away = info.parties.filter(
    (party) => party.role !== 'action' && (!here.includes(party) || (kind === 'cold' && party.role !== 'cold')),
  );
  const without = away.map(({ index }) => shareFileName(info, index));
  const names = walletFiles(info).filter((name) => !without.includes(name));
  for (const name of [NOTE, LOCKED]) if (await store.has(`${id}/${name}`)) names.push(name);
  const paths = names.map((name) => `${id}/${name}`);
  for (const name of KEY_FILES) if (await store.has(`${KEYS}/${name}`)) paths.push(`${KEYS}/${name}`);
  const files: Record<string, Uint8Array> = { 'README.txt': strToU8(README) };
  for (const path of paths) files[path] = await store.read(path, LIMIT);
  return zipSync(files, { level: 6 });
}

/**
 * Restores a backup into a store that does not have this wallet.
 *
 * @throws StoreError altered, version, exists; UsageError if it is not a backup
 */
export async function restoreBackup(store: Store, zip: Uint8Array): Promise<WalletInfo> {
  const files = unpack(zip);
  const { id, wallet, keys } = sorted(files);
  const trial = memoryStore(store.key);
  await (await trial.begin()).finish(id, wallet);
  const info = await readWallet(trial, id);
  if (info.action !== undefined && (await trial.has(`${id}/${sealedFileName(info)}`))) await openAction(trial, info);
  const [known] = await listWallets(store);
  if (known !== undefined) {
    throw new StoreError('exists', `There is a wallet in this browser already: ${known}.`, {
      next: 'restore into another browser profile, or clear the storage of this site first, once you have a backup of it.',
    });
  }
  await keepKeys(store, keys);
  const folder = await store.begin();
  await folder.finish(id, wallet).finally(folder.discard);
  return info;
}

/** Puts the cold share of a backup back beside a wallet that is here, for as long as it is needed. */
export async function returnCold(store: Store, zip: Uint8Array): Promise<void> {
  const { id, wallet } = sorted(unpack(zip));
  const info = await readWallet(store, id);
  const names = info.parties.flatMap(({ role, index }) => (role === 'cold' ? shareFileName(info, index) : []));
  const write = wallet.filter(({ path }) => names.includes(path));
  if (write.length === 0) {
    throw new StoreError('missing', 'There is no cold share of this wallet in the file.', {
      next: 'take the file that was saved when the shares of now were made.',
    });
  }
  await store.commit(id, { write });
}

/** Takes the cold share out of the browser, once its file is put away. */
export async function dropCold(store: Store, id: string): Promise<void> {
  const info = await readWallet(store, id);
  const remove = info.parties.flatMap(({ role, index }) => (role === 'cold' ? shareFileName(info, index) : []));
  await store.commit(id, { remove });
}

function unpack(zip: Uint8Array): Record<string, Uint8Array> {
  if (zip.length > LIMIT) throw noBackup(`it has more than ${LIMIT} bytes`);
  let [count, length] = [0, 0];
  try {
    return unzipSync(zip, {
      // What a file says of its length is what it gets: more than that is cut off.
      filter: ({ originalSize }) => {
        count += 1;
        length += originalSize;
        if (count > MAX_FILES || length > LIMIT) throw noBackup('it has too much in it');
        return true;
      },
    });
  } catch (error) {
    throw error instanceof UsageError ? error : noBackup('it is not a ZIP file, or is cut short');
  }
}

function noBackup(why: string): UsageError {
  return new UsageError(`This is not a backup of a wallet: ${why}.`, {
    next: 'choose the file that the page had you save.',
  });
}

/** The files of the one wallet in it, and the keys. Whatever else there is has no business there. */
function sorted(files: Record<string, Uint8Array>): { id: string; wallet: Content[]; keys: Content[] } {
  const wallet: Content[] = [];
  const keys: Content[] = [];
  const ids = new Set<string>();
  for (const [name, data] of Object.entries(files)) {
    if (name === 'README.txt' || name.endsWith('/')) continue;
    const at = name.indexOf('/');
    const [folder, path] = [name.slice(0, Math.max(at, 0)), name.slice(at + 1)];
    if (folder === KEYS && KEY_FILES.includes(path)) keys.push({ path, data });
    else if (v.is(Address, folder) && (OURS.test(path) || ['wallet.json', NOTE, LOCKED].includes(path))) {
      ids.add(folder);
      wallet.push({ path, data });
    } else throw noBackup('it has files that are not of a wallet');
  }
  const [id, ...more] = ids;
  if (id === undefined || more.length > 0 || !wallet.some(({ path }) => path === 'wallet.json')) {
    throw noBackup('it does not hold exactly one wallet');
  }
  // wallet.json last: with it the wallet is there.
  return {
    id,
    wallet: wallet.sort((a, b) => Number(a.path === 'wallet.json') - Number(b.path === 'wallet.json')),
    keys,
  };
}
