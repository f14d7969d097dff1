import { StoreError } from '../errors.ts';
import { type Change, type Content, type KeySource, type Mutex, type NewFolder, nameOf, type Store } from './store.ts';

/** How long a mutex may be waited for. */
const WAIT_MS = 30_000;

/**
 * A store that ends with the process, for those that are short-lived and for tests.
 *
 * @example
 * ```ts
 * import { generateIdentity, identityToRecipient } from 'age-encryption';
 * import { createWallet, memoryStore } from 'tandem-ecdsa';
 *
 * const identity = await generateIdentity();
 * const recipients = async () => [await identityToRecipient(identity)];
 * const store = memoryStore(async () => ({ identities: [identity], recipients }));
 * const { wallet } = await createWallet({ store, threshold: 2, parties: 2 });
 * console.log(wallet.address);
 * ```
 */
export function memoryStore(key: KeySource): Store {
  return new Memory(key);
}

class Memory implements Store {
  readonly name = 'memory';
  readonly endsWithProcess = true;
  readonly key: KeySource;
  readonly #files = new Map<string, Uint8Array>();
  readonly #folders = new Set(['']);
  /** Those that are held, each with who waits for it. */
  readonly #held = new Map<string, (() => void)[]>();

  constructor(key: KeySource) {
    this.key = key;
  }

  async list(folder: string): Promise<string[]> {
    const within = folder === '' ? '' : `${folder}/`;
    const paths = [...this.#folders, ...this.#files.keys()].filter((path) => path !== '' && path.startsWith(within));
    const names = paths.map((path) => path.slice(within.length).split('/')[0] ?? '');
    return [...new Set(names)].sort();
  }

  async has(path: string): Promise<boolean> {
    return this.#files.has(path) || this.#folders.has(path);
  }

  async read(path: string, limit: number): Promise<Uint8Array> {
    const data = this.#files.get(path);
    if (data === undefined) throw this.#missing(path);
    if (data.length > limit) {
      const name = nameOf(this, path);
      throw new StoreError('altered', `${name} has ${data.length} bytes; at most ${limit} are expected.`);
    }
    return data.slice();
  }

  async begin(): Promise<NewFolder> {
    return {
      finish: async (folder, files) => {
        if (this.#folders.has(folder)) throw this.#exists(folder);
        this.#folders.add(folder);
        this.#write(folder, files);
      },
      discard: () => {},
    };
  }

  async makeFolder(folder: string): Promise<void> {
    this.#folders.add(folder);
  }

  async commit(folder: string, { write = [], remove = [] }: Change): Promise<void> {
    if (!this.#folders.has(folder)) throw this.#missing(folder);
    this.#write(folder, write);
    for (const name of remove) this.#files.delete(joined(folder, name));
  }

  async take(path: string, limit: number): Promise<Uint8Array> {
    const data = await this.read(path, limit);
    if (this.#files.delete(path)) return data;
    data.fill(0); // somebody else has taken it in the meantime
    throw this.#missing(path);
  }

  async putBack(path: string, data: Uint8Array): Promise<void> {
    if (this.#files.has(path)) throw this.#exists(path);
    this.#files.set(path, data.slice());
  }

  async mutex(path: string, signal?: AbortSignal): Promise<Mutex> {
    signal?.throwIfAborted();
    const folder = path.slice(0, Math.max(path.lastIndexOf('/'), 0));
    if (!this.#folders.has(folder)) throw this.#missing(path);
    const waiting = this.#held.get(path);
    if (waiting === undefined) this.#held.set(path, []);
    else await this.#turn(path, waiting, signal);
    let isMine = true;
    return {
      release: () => {
        if (!isMine) return;
        isMine = false;
        const next = this.#held.get(path)?.shift();
        if (next === undefined) this.#held.delete(path);
        else next();
      },
      leave: async (mark) => {
        this.#files.set(mark, new Uint8Array());
      },
    };
  }

  async leftovers(): Promise<string[]> {
    return [];
  }

  async removeLeftovers(): Promise<void> {}

  #write(folder: string, files: readonly Content[]): void {
    for (const { path, data } of files) {
      const within = path.split('/').slice(0, -1).join('/');
      if (within !== '') this.#folders.add(joined(folder, within));
      this.#files.set(joined(folder, path), typeof data === 'string' ? new TextEncoder().encode(data) : data.slice());
    }
  }

  /** Waits until a mutex is handed on. */
  #turn(path: string, waiting: (() => void)[], signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
      };
      const mine = () => {
        end();
        resolve();
      };
      const giveUp = (reason: unknown) => {
        end();
        waiting.splice(waiting.indexOf(mine), 1);
        reject(reason);
      };
      const abort = () => giveUp(signal?.reason);
      const busy = new StoreError('busy', `${nameOf(this, path)} is held by this process.`, {
        next: 'wait for it to end.',
      });
      const timer = setTimeout(() => giveUp(busy), WAIT_MS);
      signal?.addEventListener('abort', abort);
      waiting.push(mine);
    });
  }

  #missing(path: string): StoreError {
    return new StoreError('missing', `${nameOf(this, path)} does not exist.`, { next: 'check the path.' });
  }

  #exists(path: string): StoreError {
    return new StoreError('exists', `${nameOf(this, path)} exists already.`, { next: 'choose another name.' });
  }
}

function joined(folder: string, path: string): string {
  return folder === '' ? path : `${folder}/${path}`;
}
