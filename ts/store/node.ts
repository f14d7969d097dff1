// For Node: the store as files in a folder.
import { existsSync, linkSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { StoreError } from '../errors.ts';
import {
  abandoned,
  fileError,
  makeFolder,
  readLimited,
  removeAbandoned,
  syncFolder,
  tempName,
  writeDurable,
  writeNew,
} from '../files/files.ts';
import { isHeld, takeMutex } from '../files/mutex.ts';
import type { Key, KeyKind } from './age.ts';
import { keyOf, type Secret } from './scrypt.ts';
import {
  type Change,
  type Content,
  type KeySource,
  MUTEX,
  type Mutex,
  type NewFolder,
  openShareFile,
  SHARE_LIMIT,
  type Store,
} from './store.ts';

/** As {@link KeySource}, for keys that are kept in files and typed in. */
export type SecretSource = (kind: KeyKind | 'any', what: string) => Promise<Secret | Key>;

/** A store of files (mode 0600) in folders (mode 0700). */
export interface FileStore extends Store {
  /** The absolute path of its folder, which is its name too. */
  readonly dir: string;
}

/**
 * A store at `dir`, which need not exist yet. `source` is asked when a share is opened or made, never before.
 *
 * @example
 * ```ts
 * import { listWallets } from 'tandem-ecdsa';
 * import { openStore } from 'tandem-ecdsa/node';
 *
 * const store = openStore('wallets', async () => ({ passphrase: process.env.TANDEM_PASSPHRASE ?? '' }));
 * console.log(await listWallets(store));
 * ```
 */
export function openStore(dir: string, source: SecretSource): FileStore {
  return new Files(resolve(dir), keySource(source));
}

function keySource(source: SecretSource): KeySource {
  return async (kind, what) => {
    const given = await source(kind, what);
    return 'recipients' in given ? given : keyOf(given);
  };
}

/**
 * Opens a share file, wherever it is: which wallet's and which party's share it holds, and the share, which the caller
 * clears.
 *
 * @throws StoreError missing, passphrase, identity, altered, version
 */
export async function readShareFile(
  path: string,
  source: SecretSource,
): Promise<{ wallet: string; index: number; share: Uint8Array }> {
  return openShareFile({ key: keySource(source) }, async () => readLimited(path, SHARE_LIMIT), path);
}

/**
 * Every file, and every new folder, appears complete, by a rename. What a killed process had begun to write has a name that says
 * which process it was.
 */
class Files implements FileStore {
  readonly dir: string;
  readonly key: KeySource;

  constructor(dir: string, key: KeySource) {
    this.dir = dir;
    this.key = key;
  }

  get name(): string {
    return this.dir;
  }

  async list(folder: string): Promise<string[]> {
    const path = this.#at(folder);
    if (!existsSync(path)) return [];
    try {
      return readdirSync(path);
    } catch (error) {
      throw fileError(error, path, 'read');
    }
  }

  async has(path: string): Promise<boolean> {
    return existsSync(this.#at(path));
  }

  async read(path: string, limit: number): Promise<Uint8Array<ArrayBuffer>> {
    return readLimited(this.#at(path), limit);
  }

  async begin(): Promise<NewFolder> {
    const draft = this.#at(tempName('wallet'));
    try {
      makeFolder(this.dir);
      removeAbandoned(this.dir);
      mkdirSync(draft, { mode: 0o700 });
    } catch (error) {
      throw fileError(error, this.dir, 'write');
    }
    return {
      finish: async (folder, files) => this.#fill(draft, this.#at(folder), files),
      discard: () => rmSync(draft, { recursive: true, force: true }),
    };
  }

  #fill(draft: string, path: string, files: readonly Content[]): void {
    try {
      if (existsSync(path)) throw new StoreError('exists', `${path} exists already.`);
      const folders = new Set([draft]);
      for (const { path: name, data } of files) {
        const file = join(draft, name);
        makeFolder(dirname(file));
        writeNew(file, data);
        folders.add(dirname(file));
      }
      for (const written of [...folders].reverse()) syncFolder(written);
      renameSync(draft, path);
      syncFolder(dirname(path));
    } catch (error) {
      throw fileError(error, path, 'write');
    }
  }

  async makeFolder(folder: string): Promise<void> {
    makeFolder(this.#at(folder));
  }

  async commit(folder: string, { write = [], remove = [] }: Change): Promise<void> {
    const path = this.#at(folder);
    try {
      for (const { path: name, data } of write) {
        const file = join(path, name);
        if (name.includes('/')) makeFolder(dirname(file));
        writeDurable(file, data);
      }
      for (const name of remove) rmSync(join(path, name), { force: true });
      if (remove.length > 0) syncFolder(path);
    } catch (error) {
      throw fileError(error, path, 'write');
    }
  }

  async take(path: string, limit: number): Promise<Uint8Array> {
    const file = this.#at(path);
    readLimited(file, limit).fill(0); // what is not as it should be stays
    const taken = join(dirname(file), tempName('taken'));
    try {
      renameSync(file, taken); // of several, one has it; and what that reads is what it took
      const data = readLimited(taken, limit);
      rmSync(taken);
      syncFolder(dirname(file));
      return data;
    } catch (error) {
      rmSync(taken, { force: true });
      throw fileError(error, file, 'write');
    }
  }

  async putBack(path: string, data: Uint8Array): Promise<void> {
    const file = this.#at(path);
    const temp = join(dirname(file), tempName('back'));
    try {
      writeNew(temp, data);
      linkSync(temp, file); // as a rename does, but never in the place of another
      syncFolder(dirname(file));
    } catch (error) {
      throw fileError(error, file, 'write');
    } finally {
      rmSync(temp, { force: true });
    }
  }

  async mutex(path: string, signal?: AbortSignal): Promise<Mutex> {
    const file = this.#at(path);
    const release = await takeMutex(file, { signal });
    return {
      release,
      leave: async (mark) => {
        const to = this.#at(mark);
        try {
          renameSync(file, to); // which needs no space
          syncFolder(dirname(to));
        } catch (error) {
          throw fileError(error, to, 'write');
        }
      },
    };
  }

  async leftovers(folder: string): Promise<string[]> {
    const path = this.#at(folder);
    if (!existsSync(path)) return [];
    const mutex = join(path, MUTEX);
    return [...abandoned(path), ...(existsSync(mutex) && !isHeld(mutex) ? [MUTEX] : [])];
  }

  async removeLeftovers(folder: string): Promise<void> {
    const path = this.#at(folder);
    if (existsSync(path)) removeAbandoned(path);
  }

  #at(path: string): string {
    return join(this.dir, path);
  }
}
