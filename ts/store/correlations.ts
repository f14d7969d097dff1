import { createHash } from 'node:crypto';
import { existsSync, readdirSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import * as v from 'valibot';
import { decodeCbor, encodeCbor } from '../core/cbor.ts';
import { fromHex, toHex } from '../core/evm.ts';
import type { ShareInfo } from '../core/wasm.ts';
import { StoreError } from '../errors.ts';
import { fileError, makeFolder, readLimited, syncFolder, writeDurable } from '../files/files.ts';
import { readJson } from '../json.ts';
import { Epoch, Hex, Index } from '../protocol/schema.ts';
import type { Store, WalletInfo } from './store.ts';

// Where correlations are between signatures. Of a correlation that has met a wrong answer nothing may be left, nowhere: an
// action that could guess at one Δ again and again would come to know the share. So they are no part of a store, which people
// copy; each is taken away before a secret meets an answer, and put back only by who has verified what came of it.

const VERSION = 1;
/** The most bytes of a sealed correlation. */
const LIMIT = 32 * 1024;
/** The note's name in a wallet's folder. */
export const NOTE = 'correlation.json';

/** Names one correlation: what it is of, and its id. */
const Name = v.strictObject({ keyId: Hex(32), epoch: Epoch, user: Index, action: Index, id: Hex(32) });
export type CorrelationName = v.InferOutput<typeof Name>;

/** The name of a correlation of a share with the action. */
export function nameOf({ keyId, epoch, index: user }: ShareInfo, action: number, id: Uint8Array): CorrelationName {
  return { keyId: toHex(keyId), epoch, user, action, id: toHex(id) };
}

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Note = v.strictObject({
  version: v.literal(VERSION),
  /** How many answers of the action have failed a check, ever: it never goes down. */
  failures: Count,
  /** How many set-ups in a row failed by the action's doing. */
  failedSetUps: Count,
  /** The correlation that may be used; none while one is taken. */
  alive: v.optional(Name),
});

/** What stands beside the share (correlation.json), whatever becomes of the correlation. */
export type CorrelationNote = v.InferOutput<typeof Note>;

/** @throws StoreError */
export function readNote(store: Store, id: string): CorrelationNote {
  const path = join(store.dir, id, NOTE);
  let text: string;
  try {
    text = new TextDecoder().decode(readLimited(path, 4096));
  } catch (error) {
    if (error instanceof StoreError && error.kind === 'missing')
      return { version: VERSION, failures: 0, failedSetUps: 0 };
    throw error;
  }
  try {
    return v.parse(Note, readJson(text));
  } catch (cause) {
    throw new StoreError('altered', `${path} is cut short or altered.`, {
      next: 'restore the file from a backup: it says how often an answer of the action has failed a check.',
      cause,
    });
  }
}

/** Where sealed correlations lie. What a method has done lasts when it returns. */
export interface Shelf {
  /** Whether another process finds what is put here. */
  readonly isLasting: boolean;
  read(name: CorrelationName): Promise<Uint8Array | undefined>;
  put(name: CorrelationName, sealed: Uint8Array): Promise<void>;
  /** Takes it away, so that nobody else finds it: of two who take it, one gets it. */
  take(name: CorrelationName): Promise<Uint8Array | undefined>;
  /** @throws StoreError if it is not there any more, too */
  putBack(name: CorrelationName): Promise<void>;
  /** Deletes it, taken or not. */
  drop(name: CorrelationName): Promise<void>;
  /** Deletes those of a party of a key that are not this one, and all that were taken. */
  tidy(of: Pick<CorrelationName, 'keyId' | 'user'>, but: CorrelationName | undefined): Promise<void>;
}

/** The shelf of this process alone: what is on it ends with the process. */
export function memoryShelf(): Shelf {
  const standing = new Map<string, Uint8Array>();
  const taken = new Map<string, Uint8Array>();
  const remove = (from: Map<string, Uint8Array>, id: string) => {
    const found = from.get(id);
    from.delete(id);
    return found;
  };
  return {
    isLasting: false,
    read: async ({ id }) => standing.get(id)?.slice(),
    put: async ({ id }, sealed) => void standing.set(id, sealed.slice()),
    take: async ({ id }) => {
      const found = remove(standing, id);
      if (found) taken.set(id, found);
      return found?.slice();
    },
    putBack: async ({ id }) => {
      const found = remove(taken, id);
      if (found === undefined) throw new StoreError('missing', 'The correlation is not here any more.');
      standing.set(id, found);
    },
    drop: async ({ id }) => {
      for (const all of [standing, taken]) remove(all, id)?.fill(0);
    },
    tidy: async (_, but) => {
      for (const all of [standing, taken]) for (const id of all.keys()) if (id !== but?.id) remove(all, id)?.fill(0);
      taken.clear();
    },
  };
}

/** The folder of the user's state, where the system says that it is (XDG), and in it what is ours. */
export function stateFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const { XDG_STATE_HOME: home } = env;
  return join(home && isAbsolute(home) ? home : join(homedir(), '.local', 'state'), 'tandem');
}

/**
 * The shelf of a store, in a folder of this user's, which is made when it is needed. A store that lies elsewhere has another
 * one: a copy shares no correlation with the store that it was made of, whose mutex it does not know.
 */
export function folderShelf(store: Store): Shelf {
  const dir = join(stateFolder(), 'correlations');
  const place = existsSync(store.dir) ? realpathSync(store.dir) : store.dir;
  const placeHash = createHash('sha256').update(place).digest('hex').slice(0, 16);
  const prefixOf = ({ keyId, user }: Pick<CorrelationName, 'keyId' | 'user'>) =>
    `${placeHash}-${keyId.slice(2)}-${user}-`;
  const pathOf = (name: CorrelationName) => join(dir, `${prefixOf(name)}${name.id.slice(2)}`);
  const takenOf = (name: CorrelationName) => `${pathOf(name)}.taken`;
  const move = (from: string, to: string) => {
    try {
      renameSync(from, to);
      syncFolder(dir);
    } catch (error) {
      throw fileError(error, from, 'write');
    }
  };
  const remove = (paths: readonly string[]) => {
    if (!existsSync(dir)) return;
    try {
      for (const path of paths) rmSync(path, { force: true });
      syncFolder(dir);
    } catch (error) {
      throw fileError(error, dir, 'write');
    }
  };
  const found = <T>(look: () => T): T | undefined => {
    try {
      return look();
    } catch (error) {
      if (error instanceof StoreError && error.kind === 'missing') return undefined;
      throw error;
    }
  };
  return {
    isLasting: true,
    read: async (name) => found(() => readLimited(pathOf(name), LIMIT)),
    put: async (name, sealed) => {
      makeFolder(dir);
      writeDurable(pathOf(name), sealed);
    },
    take: async (name) =>
      found(() => {
        move(pathOf(name), takenOf(name));
        return readLimited(takenOf(name), LIMIT);
      }),
    putBack: async (name) => move(takenOf(name), pathOf(name)),
    drop: async (name) => remove([pathOf(name), takenOf(name)]),
    tidy: async (of, but) => {
      if (!existsSync(dir)) return;
      const names = readdirSync(dir).filter((name) => name.startsWith(prefixOf(of)));
      const kept = but && pathOf(but);
      remove(names.map((name) => join(dir, name)).filter((path) => path !== kept));
    },
  };
}

/** What seals the correlations of a share: it cannot be read, nor the share from it. */
export interface CorrelationKey {
  readonly sealing: CryptoKey;
  readonly salting: CryptoKey;
}

const info = (use: string) => new TextEncoder().encode(`tandem correlation ${use} v1`);

/** The key that follows from a share (its encoding), which the caller clears. */
export async function correlationKey(share: Uint8Array): Promise<CorrelationKey> {
  const secret = new Uint8Array(share);
  const sealing = await crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveKey']);
  secret.fill(0);
  const hkdf = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: info('salt') };
  const hmac = { name: 'HMAC', hash: 'SHA-256', length: 256 };
  return { sealing, salting: await crypto.subtle.deriveKey(hkdf, sealing, hmac, false, ['sign']) };
}

const Sealed = v.strictTuple([
  v.literal(VERSION),
  v.pipe(v.instance(Uint8Array<ArrayBuffer>), v.length(32)),
  v.instance(Uint8Array<ArrayBuffer>),
]);

async function seal(key: CorrelationKey, associated: Uint8Array<ArrayBuffer>, secret: Uint8Array): Promise<Uint8Array> {
  // Random, and hedged with what is sealed: a random source that repeats itself gives no two secrets one key.
  const input = encodeCbor([crypto.getRandomValues(new Uint8Array(32)), associated, secret]);
  const salt = new Uint8Array(await crypto.subtle.sign('HMAC', key.salting, input));
  input.fill(0);
  const plain = new Uint8Array(secret);
  const gcm = { name: 'AES-GCM', iv: new Uint8Array(12), additionalData: associated };
  const ciphertext = new Uint8Array(await crypto.subtle.encrypt(gcm, await keyOf(key, salt, 'encrypt'), plain));
  plain.fill(0);
  return encodeCbor([VERSION, salt, ciphertext]);
}

/** What was sealed with the same key and data; undefined if it was not. */
async function unseal(
  key: CorrelationKey,
  associated: Uint8Array<ArrayBuffer>,
  file: Uint8Array,
): Promise<Uint8Array | undefined> {
  try {
    const [, salt, ciphertext] = v.parse(Sealed, decodeCbor(file));
    const gcm = { name: 'AES-GCM', iv: new Uint8Array(12), additionalData: associated };
    return new Uint8Array(await crypto.subtle.decrypt(gcm, await keyOf(key, salt, 'decrypt'), ciphertext));
  } catch {
    return undefined;
  }
}

/** The key of one seal serves for nothing else, so that the nonce may be constant. */
function keyOf({ sealing }: CorrelationKey, salt: Uint8Array<ArrayBuffer>, use: 'encrypt' | 'decrypt') {
  const hkdf = { name: 'HKDF', hash: 'SHA-256', salt, info: info('seal') };
  return crypto.subtle.deriveKey(hkdf, sealing, { name: 'AES-GCM', length: 256 }, false, [use]);
}

/** What is authenticated with a correlation: one that was made at another count of failures does not open. */
function associatedOf({ keyId, epoch, user, action, id }: CorrelationName, failures: number): Uint8Array<ArrayBuffer> {
  const [key, own] = [fromHex(keyId), fromHex(id)];
  return encodeCbor({ purpose: 'correlation', version: VERSION, keyId: key, epoch, user, action, id: own, failures });
}

/** A correlation, secret: the caller clears its bytes. */
export interface Correlation {
  readonly name: CorrelationName;
  readonly bytes: Uint8Array;
}

/** One that is nowhere but here. If neither is done, it is as good as destroyed. */
export interface TakenCorrelation extends Correlation {
  /** Once all that came of it was verified. */
  putBack(): Promise<void>;
  destroy(): Promise<void>;
}

/** The correlations of one wallet's party here. All of it is for the holder of the wallet. */
export class Correlations {
  readonly #store: Store;
  readonly #info: WalletInfo;
  #shelf: Shelf;
  /** Where the shelf is this process's: the one on it. */
  #alive: CorrelationName | undefined;

  constructor(store: Store, info: WalletInfo, shelf: Shelf) {
    this.#store = store;
    this.#info = info;
    this.#shelf = shelf;
  }

  /** Whether the next process finds them. */
  get isLasting(): boolean {
    return this.#shelf.isLasting;
  }

  note(): CorrelationNote {
    return readNote(this.#store, this.#info.address);
  }

  /** The name of the one that may be used, as far as the note tells. One of an earlier epoch has ended, and is deleted. */
  async alive(user: number, action: number): Promise<CorrelationName | undefined> {
    const name = this.#shelf.isLasting ? this.note().alive : this.#alive;
    if (name === undefined) return undefined;
    const { keyId, epoch } = this.#info;
    const isOurs = name.keyId === keyId && name.epoch === epoch && name.user === user && name.action === action;
    if (isOurs) return name;
    await this.end();
    return undefined;
  }

  /** Whether one that may be used is here, as far as can be seen without the share. */
  async isHere(): Promise<boolean> {
    const name = this.#shelf.isLasting ? this.note().alive : this.#alive;
    return name?.keyId === this.#info.keyId && (await this.#shelf.read(name)) !== undefined;
  }

  /** The one that may be used; it stays where it is. */
  async read(key: CorrelationKey, user: number, action: number): Promise<Correlation | undefined> {
    const name = await this.alive(user, action);
    const file = name && (await this.#shelf.read(name));
    const bytes = file && (await unseal(key, associatedOf(name, this.note().failures), file));
    return bytes && { name, bytes };
  }

  /**
   * Keeps a correlation, in the place of any other. Where the folder for it cannot be written, it is kept in the memory of this
   * process, from then on.
   */
  async keep(key: CorrelationKey, { name, bytes }: Correlation): Promise<void> {
    const { failures, alive: before } = this.note();
    const sealed = await seal(key, associatedOf(name, failures), bytes);
    try {
      await this.#shelf.put(name, sealed);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#shelf = memoryShelf();
      await this.#shelf.put(name, sealed);
    }
    this.#setAlive(name);
    if (this.note().failedSetUps > 0) this.#write({ failedSetUps: 0 });
    if (before !== undefined && before.id !== name.id && this.#shelf.isLasting) await this.#shelf.drop(before);
    await this.#shelf.tidy(name, name);
  }

  /**
   * Takes the correlation of a request, before a secret meets the answer. Undefined if it is not the one that is alive now, which
   * stays as it is.
   */
  async take(key: CorrelationKey, name: CorrelationName): Promise<TakenCorrelation | undefined> {
    const alive = await this.alive(name.user, name.action);
    if (alive?.id !== name.id) return undefined;
    const shelf = this.#shelf;
    const file = await shelf.take(name);
    try {
      this.#setAlive(undefined);
    } catch (error) {
      if (file) await shelf.putBack(name); // nothing has met it yet
      throw error;
    }
    const bytes = file && (await unseal(key, associatedOf(name, this.note().failures), file));
    if (bytes === undefined) {
      await shelf.drop(name);
      return undefined;
    }
    return {
      name,
      bytes,
      putBack: async () => {
        await shelf.putBack(name);
        this.#setAlive(name);
      },
      destroy: () => shelf.drop(name),
    };
  }

  /** Ends the correlation that is alive, if there is one, and deletes what processes that died had taken. */
  async end(): Promise<void> {
    const name = this.#shelf.isLasting ? this.note().alive : this.#alive;
    if (name !== undefined) {
      this.#setAlive(undefined);
      await this.#shelf.drop(name);
    }
    const { keyId, parties } = this.#info;
    for (const { index: user } of parties) await this.#shelf.tidy({ keyId, user }, undefined);
  }

  /** An answer has failed a check: no correlation that was made before is used again, wherever a copy of it is. */
  countFailure(): void {
    this.#alive = undefined;
    this.#write({ alive: undefined, failures: this.note().failures + 1 });
  }

  /** A set-up has failed by the action's doing. */
  countFailedSetUp(): void {
    this.#write({ failedSetUps: this.note().failedSetUps + 1 });
  }

  /** Where the shelf is this process's, the note goes on naming what other processes may use. */
  #setAlive(name: CorrelationName | undefined): void {
    if (this.#shelf.isLasting) this.#write({ alive: name });
    else this.#alive = name;
  }

  #write(changed: Partial<CorrelationNote>): void {
    const { alive, ...note }: CorrelationNote = { ...this.note(), ...changed };
    const path = join(this.#store.dir, this.#info.address, NOTE);
    writeDurable(path, `${JSON.stringify({ ...note, ...(alive && { alive }) }, undefined, 2)}\n`);
  }
}
