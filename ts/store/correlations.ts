import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import * as v from 'valibot';
import { stateStore } from '#state';
import { decodeCbor, encodeCbor } from '../core/cbor.ts';
import { fromHex, toHex } from '../core/evm.ts';
import type { ShareInfo } from '../core/wasm.ts';
import { StoreError } from '../errors.ts';
import { readJson } from '../json.ts';
import { Epoch, Hex, Index } from '../protocol/schema.ts';
import { memoryStore } from './memory.ts';
import { nameOf, noKey, type Store, type WalletInfo } from './store.ts';

// Where correlations are between signatures. A correlation that has met a wrong answer must be gone everywhere: an action
// that can guess at one Δ again and again learns the share. So correlations are not in a store, which people copy. Each one is
// taken away before a secret meets an answer, and put back only after the resulting signature was verified.

const VERSION = 1;
/** The most bytes of a sealed correlation. */
const LIMIT = 32 * 1024;
/** The note's name in a wallet's folder. */
export const NOTE = 'correlation.json';

/** Names one correlation: its share and its id. */
const Name = v.strictObject({ keyId: Hex(32), epoch: Epoch, user: Index, action: Index, id: Hex(32) });
export type CorrelationName = v.InferOutput<typeof Name>;

/** The name of a correlation of a share with the action. */
export function correlationName(
  { keyId, epoch, index: user }: ShareInfo,
  action: number,
  id: Uint8Array,
): CorrelationName {
  return { keyId: toHex(keyId), epoch, user, action, id: toHex(id) };
}

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Note = v.strictObject({
  version: v.literal(VERSION),
  /** How many answers of the action have failed a check, ever: it never goes down. */
  failures: Count,
  /** How many set-ups in a row failed because of the action. */
  failedSetUps: Count,
  /** The usable correlation; none while it is taken. */
  alive: v.optional(Name),
});

/** The note beside the share (correlation.json), which outlives every correlation. */
export type CorrelationNote = v.InferOutput<typeof Note>;

/** @throws StoreError */
export async function readNote(store: Store, id: string): Promise<CorrelationNote> {
  const path = `${id}/${NOTE}`;
  const file = await unlessMissing(store.read(path, 4096));
  if (file === undefined) return { version: VERSION, failures: 0, failedSetUps: 0 };
  try {
    return v.parse(Note, readJson(new TextDecoder().decode(file)));
  } catch (cause) {
    throw new StoreError('altered', `${nameOf(store, path)} is cut short or altered.`, {
      next: 'restore the file from a backup: it says how often an answer of the action has failed a check.',
      cause,
    });
  }
}

async function unlessMissing<T>(reading: Promise<T>): Promise<T | undefined> {
  return reading.catch((error: unknown) => {
    if (error instanceof StoreError && error.kind === 'missing') return undefined;
    throw error;
  });
}

/** What seals the correlations of a share. It reveals neither its key nor the share. */
export interface CorrelationKey {
  readonly sealing: CryptoKey;
  readonly salting: CryptoKey;
}

const info = (use: string) => new TextEncoder().encode(`tandem correlation ${use} v1`);

/** The key that is derived from a share (its encoding). The caller clears it. */
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

/** Each seal has its own key, so the nonce may be constant. */
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

/** A correlation that exists only here: it is destroyed unless it is put back. */
export interface TakenCorrelation extends Correlation {
  /** To be called once all signatures from it were verified. */
  putBack(): Promise<void>;
}

/** Where the correlations of a store's wallets lie: in the state of this user, or in a store that ends with the process. */
export function shelfFor(store: Store): Store {
  return store.endsWithProcess ? store : stateStore();
}

/** The folder of correlations, in the store of the user's state. */
const FOLDER = 'correlations';

/**
 * The correlations of one wallet's party here. All of it is for the holder of the wallet.
 *
 * Their names depend on the path of the wallet's store. So a copy of a store shares none with it: the two do not share a mutex.
 */
export class Correlations {
  readonly #store: Store;
  readonly #info: WalletInfo;
  /** Where they are kept: the state of this user, or the memory of this process. */
  #shelf: Store;
  #isLasting: boolean;
  /** Where they are of this process alone: the one there is. */
  #alive: CorrelationName | undefined;

  constructor(store: Store, info: WalletInfo, shelf: Store | 'memory' = shelfFor(store)) {
    this.#store = store;
    this.#info = info;
    this.#isLasting = shelf !== 'memory';
    this.#shelf = shelf === 'memory' ? memoryStore(noKey) : shelf;
  }

  /** Whether the next process finds them. */
  get isLasting(): boolean {
    return this.#isLasting;
  }

  note(): Promise<CorrelationNote> {
    return readNote(this.#store, this.#info.address);
  }

  /** Whether a usable one is here, as far as this can be known without the share. */
  async isHere(): Promise<boolean> {
    const name = await this.#named();
    return name?.keyId === this.#info.keyId && (await this.#shelf.has(this.#pathOf(name)));
  }

  /** The one that may be used; it stays where it is. */
  async read(key: CorrelationKey, user: number, action: number): Promise<Correlation | undefined> {
    const name = await this.#aliveOf(user, action);
    const file = name && (await unlessMissing(this.#shelf.read(this.#pathOf(name), LIMIT)));
    const bytes = file && (await unseal(key, associatedOf(name, (await this.note()).failures), file));
    return bytes && { name, bytes };
  }

  /**
   * Keeps a correlation, in the place of any other. Where the folder for it cannot be written, it is kept in the memory of this
   * process, and so are all from then on.
   */
  async keep(key: CorrelationKey, { name, bytes }: Correlation): Promise<void> {
    const { failures, failedSetUps, alive: before } = await this.note();
    const data = await seal(key, associatedOf(name, failures), bytes);
    const put = async () => {
      await this.#shelf.makeFolder(FOLDER);
      await this.#shelf.commit(FOLDER, { write: [{ path: this.#fileOf(name), data }] });
    };
    try {
      await put();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      [this.#shelf, this.#isLasting] = [memoryStore(noKey), false];
      await put();
    }
    await this.#setAlive(name);
    if (failedSetUps > 0) await this.#write({ failedSetUps: 0 });
    if (this.#isLasting && before !== undefined && before.id !== name.id) await this.#drop(before);
    await this.#tidy(name, name);
  }

  /**
   * Takes the correlation of a request, before a secret meets the answer. Undefined if it is not the one that is alive now, which
   * stays as it is.
   */
  async take(key: CorrelationKey, name: CorrelationName): Promise<TakenCorrelation | undefined> {
    const alive = await this.#aliveOf(name.user, name.action);
    if (alive?.id !== name.id) return undefined;
    const shelf = this.#shelf;
    const path = this.#pathOf(name);
    const file = await unlessMissing(shelf.take(path, LIMIT));
    try {
      await this.#setAlive(undefined);
    } catch (error) {
      if (file) await shelf.putBack(path, file); // nothing has met it yet
      throw error;
    }
    const bytes = file && (await unseal(key, associatedOf(name, (await this.note()).failures), file));
    if (file === undefined || bytes === undefined) return undefined;
    return {
      name,
      bytes,
      putBack: async () => {
        await shelf.putBack(path, file);
        await this.#setAlive(name);
      },
    };
  }

  /** Ends the correlation that is alive, if there is one, and deletes what processes that died had begun. */
  async end(): Promise<void> {
    const name = await this.#named();
    if (name !== undefined) {
      await this.#setAlive(undefined);
      await this.#drop(name);
    }
    const { keyId, parties } = this.#info;
    for (const { index: user } of parties) await this.#tidy({ keyId, user }, undefined);
  }

  /** An answer has failed a check: no correlation that was made before is used again, wherever a copy of it is. */
  async countFailure(): Promise<void> {
    this.#alive = undefined;
    await this.#write({ alive: undefined, failures: (await this.note()).failures + 1 });
  }

  /** A set-up has failed because of the action. */
  async countFailedSetUp(): Promise<void> {
    await this.#write({ failedSetUps: (await this.note()).failedSetUps + 1 });
  }

  /** The one that is alive, as far as is noted. */
  async #named(): Promise<CorrelationName | undefined> {
    return this.#isLasting ? (await this.note()).alive : this.#alive;
  }

  /** The same, if it belongs to these two and to the present shares. One of an earlier epoch has ended, and is deleted. */
  async #aliveOf(user: number, action: number): Promise<CorrelationName | undefined> {
    const name = await this.#named();
    if (name === undefined) return undefined;
    const { keyId, epoch } = this.#info;
    const isOurs = name.keyId === keyId && name.epoch === epoch && name.user === user && name.action === action;
    if (isOurs) return name;
    await this.end();
    return undefined;
  }

  /** Where it is of this process alone, the note goes on naming what other processes may use. */
  async #setAlive(name: CorrelationName | undefined): Promise<void> {
    if (this.#isLasting) await this.#write({ alive: name });
    else this.#alive = name;
  }

  async #write(changed: Partial<CorrelationNote>): Promise<void> {
    const { alive, ...note }: CorrelationNote = { ...(await this.note()), ...changed };
    const data = `${JSON.stringify({ ...note, ...(alive && { alive }) }, undefined, 2)}\n`;
    await this.#store.commit(this.#info.address, { write: [{ path: NOTE, data }] });
  }

  /** Deletes those of a party of a key that are not this one, and what dead processes left. */
  async #tidy(of: Pick<CorrelationName, 'keyId' | 'user'>, but: CorrelationName | undefined): Promise<void> {
    const kept = but && this.#fileOf(but);
    const all = (await this.#shelf.list(FOLDER)).filter((name) => name.startsWith(this.#prefixOf(of)));
    const remove = all.filter((name) => name !== kept);
    if (remove.length > 0) await this.#shelf.commit(FOLDER, { remove });
    await this.#shelf.removeLeftovers(FOLDER);
  }

  async #drop(name: CorrelationName): Promise<void> {
    if (await this.#shelf.has(this.#pathOf(name))) await this.#shelf.commit(FOLDER, { remove: [this.#fileOf(name)] });
  }

  #prefixOf({ keyId, user }: Pick<CorrelationName, 'keyId' | 'user'>): string {
    const place = bytesToHex(sha256(new TextEncoder().encode(this.#store.name))).slice(0, 16);
    return `${place}-${keyId.slice(2)}-${user}-`;
  }

  #fileOf(name: CorrelationName): string {
    return `${this.#prefixOf(name)}${name.id.slice(2)}`;
  }

  #pathOf(name: CorrelationName): string {
    return `${FOLDER}/${this.#fileOf(name)}`;
  }
}
