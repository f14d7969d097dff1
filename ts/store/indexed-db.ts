import { type DBSchema, type IDBPDatabase, type IDBPTransaction, openDB } from 'idb';
import { StoreError } from '../errors.ts';
import {
  type Change,
  type Content,
  type KeySource,
  type Mutex,
  type NewFolder,
  nameOf,
  noKey,
  type Store,
} from './store.ts';

/** How long a mutex may be waited for. */
const WAIT_MS = 30_000;
const VERSION = 1;

/** By path. The key of a folder ends with a slash, and has no content. */
interface Schema extends DBSchema {
  files: { key: string; value: Uint8Array };
  /** Correlations: they are not documents of the user, and are never in a backup. */
  state: { key: string; value: Uint8Array };
}

type Part = 'files' | 'state';
type Writing = IDBPTransaction<Schema, [Part], 'readwrite'>;

/** A store in the database of this origin, which has to be closed before the database can be deleted. */
export interface BrowserStore extends Store {
  close(): Promise<void>;
}

/** Whether this environment has IndexedDB. */
export function hasIndexedDb(): boolean {
  return typeof indexedDB !== 'undefined';
}

/**
 * The wallets that a browser keeps for this origin. All tabs and workers of it share them: every change is one transaction, on
 * disk when it resolves, and mutexes are Web Locks, which end with their holder.
 */
export function openBrowserStore(key: KeySource, database = 'tandem'): BrowserStore {
  return new Database(database, 'files', key);
}

/** The store of this origin's state, in the same database as the wallets. */
export function browserState(database = 'tandem'): BrowserStore {
  return new Database(database, 'state', noKey);
}

class Database implements BrowserStore {
  readonly key: KeySource;
  readonly #database: string;
  readonly #part: Part;
  #opened: Promise<IDBPDatabase<Schema>> | undefined;

  constructor(database: string, part: Part, key: KeySource) {
    this.#database = database;
    this.#part = part;
    this.key = key;
  }

  get name(): string {
    return `indexeddb:${this.#database}`;
  }

  async list(folder: string): Promise<string[]> {
    const within = asFolder(folder);
    const keys = await this.#attempt(within, async (db) => db.getAllKeys(this.#part, inside(within)));
    const names = keys.map((key) => key.slice(within.length).split('/')[0] ?? '');
    return [...new Set(names)].filter((name) => name !== '').sort();
  }

  async has(path: string): Promise<boolean> {
    return this.#attempt(path, async (db) => {
      const keys = await Promise.all([path, asFolder(path)].map((key) => db.getKey(this.#part, key)));
      return keys.some((key) => key !== undefined);
    });
  }

  async read(path: string, limit: number): Promise<Uint8Array> {
    const data = await this.#attempt(path, async (db) => db.get(this.#part, path));
    return this.#sized(path, data, limit);
  }

  async begin(): Promise<NewFolder> {
    await this.#write('', async (part) => {
      const probe = '.probe';
      await part.put(new Uint8Array(), probe);
      await part.delete(probe);
    });
    return {
      finish: async (folder, files) =>
        this.#write(folder, async (part) => {
          if ((await part.getKey(asFolder(folder))) !== undefined) throw this.#exists(folder);
          await put(part, folder, files);
        }),
      discard: () => {},
    };
  }

  async makeFolder(folder: string): Promise<void> {
    await this.#write(folder, (part) => put(part, folder, []));
  }

  async commit(folder: string, { write = [], remove = [] }: Change): Promise<void> {
    await this.#write(folder, async (part) => {
      if ((await part.getKey(asFolder(folder))) === undefined) throw this.#missing(folder);
      await put(part, folder, write);
      for (const name of remove) await part.delete(asFolder(folder) + name);
    });
  }

  async take(path: string, limit: number): Promise<Uint8Array> {
    return this.#write(path, async (part) => {
      const data = this.#sized(path, await part.get(path), limit);
      await part.delete(path);
      return data;
    });
  }

  async putBack(path: string, data: Uint8Array): Promise<void> {
    await this.#write(path, async (part) => {
      if ((await part.getKey(path)) !== undefined) throw this.#exists(path);
      await part.put(bytesOf(data), path);
    });
  }

  async mutex(path: string, signal?: AbortSignal): Promise<Mutex> {
    signal?.throwIfAborted();
    const folder = path.slice(0, Math.max(path.lastIndexOf('/'), 0));
    if (!(await this.has(folder))) throw this.#missing(path);
    const release = await this.#lock(path, signal);
    return {
      release,
      leave: async (mark) => {
        await this.#write(mark, (part) => part.put(new Uint8Array(), mark));
      },
    };
  }

  /** An unfinished transaction leaves nothing behind, and neither does a Web Lock. */
  async leftovers(): Promise<string[]> {
    return [];
  }

  async removeLeftovers(): Promise<void> {}

  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    (await opened)?.close();
  }

  /** Resolves to what releases the lock, once it is held. */
  #lock(path: string, signal: AbortSignal | undefined): Promise<() => void> {
    const patience = AbortSignal.timeout(WAIT_MS);
    const until = signal ? AbortSignal.any([signal, patience]) : patience;
    return new Promise((resolve, reject) => {
      const held = () => new Promise<void>((release) => resolve(release));
      navigator.locks.request(`${this.name}/${path}`, { signal: until }, held).catch((cause: unknown) => {
        if (signal?.aborted) return reject(signal.reason);
        if (!patience.aborted) return reject(this.#failed(cause, path));
        reject(
          new StoreError('busy', `${nameOf(this, path)} is held by another tab.`, {
            next: 'finish there, or close it.',
          }),
        );
      });
    });
  }

  /** Does something in one transaction: all of it takes effect, or, if it throws, nothing. */
  async #write<T>(path: string, change: (part: Writable) => Promise<T>): Promise<T> {
    return this.#attempt(path, async (db) => {
      const transaction: Writing = db.transaction([this.#part], 'readwrite', { durability: 'strict' });
      transaction.done.catch(() => {}); // told below, by what it failed of
      try {
        const result = await change(transaction.objectStore(this.#part));
        await transaction.done;
        return result;
      } catch (error) {
        try {
          transaction.abort();
        } catch {} // it has ended by itself
        throw transaction.error ?? error;
      }
    });
  }

  async #attempt<T>(path: string, use: (db: IDBPDatabase<Schema>) => Promise<T>): Promise<T> {
    try {
      this.#opened ??= this.#open();
      return await use(await this.#opened);
    } catch (error) {
      if (error instanceof StoreError) throw error;
      // If the database was deleted, or could not be opened, another one can be opened.
      if (!(error instanceof DOMException) || error.name !== 'QuotaExceededError') this.#opened = undefined;
      throw this.#failed(error, path);
    }
  }

  #open(): Promise<IDBPDatabase<Schema>> {
    const forget = () => {
      this.#opened = undefined;
    };
    return openDB<Schema>(this.#database, VERSION, {
      upgrade: (db) => {
        for (const part of ['files', 'state'] as const) db.createObjectStore(part).put(new Uint8Array(), '');
      },
      // Somebody clears the storage of this site, or a newer version of the page wants to.
      blocking: (_, __, event) => {
        forget();
        (event.target as IDBDatabase).close();
      },
      terminated: forget,
    });
  }

  #sized(path: string, data: Uint8Array | undefined, limit: number): Uint8Array {
    if (data === undefined) throw this.#missing(path);
    if (data.length <= limit) return data;
    const name = nameOf(this, path);
    throw new StoreError('altered', `${name} has ${data.length} bytes; at most ${limit} are expected.`);
  }

  #missing(path: string): StoreError {
    return new StoreError('missing', `${nameOf(this, path)} does not exist.`, {
      next: 'if the storage of this site was cleared, restore a backup.',
    });
  }

  #exists(path: string): StoreError {
    return new StoreError('exists', `${nameOf(this, path)} exists already.`, { next: 'choose another name.' });
  }

  #failed(cause: unknown, path: string): StoreError {
    const { name } = cause as { name?: string };
    const where = nameOf(this, path);
    if (name === 'QuotaExceededError') {
      return new StoreError('full', `The browser has no space for ${where}.`, {
        next: 'free space on this device, and try again.',
        cause,
      });
    }
    return new StoreError('io', `The browser's storage failed at ${where} (${name ?? 'unknown error'}).`, {
      next: 'try again; private windows and blocked storage keep no wallet.',
      cause,
    });
  }
}

type Writable = ReturnType<Writing['objectStore']>;

/** The key of the folder at a path; the store's own folder has the empty path. */
function asFolder(path: string): string {
  return path === '' ? '' : `${path}/`;
}

/** The keys of what is in a folder. */
function inside(folder: string): IDBKeyRange {
  return IDBKeyRange.bound(folder, `${folder}\uffff`, true);
}

/** Writes files into a folder. Makes the folder, and those in between. */
async function put(part: Writable, folder: string, files: readonly Content[]): Promise<void> {
  await part.put(new Uint8Array(), asFolder(folder));
  for (const { path, data } of files) {
    const steps = path.split('/').slice(0, -1);
    for (const i of steps.keys()) {
      await part.put(new Uint8Array(), asFolder(folder) + asFolder(steps.slice(0, i + 1).join('/')));
    }
    await part.put(typeof data === 'string' ? new TextEncoder().encode(data) : bytesOf(data), asFolder(folder) + path);
  }
}

/** A copy of these bytes alone: a database would keep the whole buffer that they are a part of. */
function bytesOf(data: Uint8Array): Uint8Array {
  return data.byteLength === data.buffer.byteLength ? data : data.slice();
}
