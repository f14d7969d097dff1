import * as v from 'valibot';
import { StoreError } from '../errors.ts';
import { readJson } from '../json.ts';
import { nameOf, type Store } from './store.ts';

/** The next nonces of a wallet, by what they are of. */
const FILE = 'nonces.json';
const LIMIT = 64 * 1024;
const NoncesSchema = v.record(v.string(), v.pipe(v.string(), v.regex(/^(0|[1-9]\d{0,77})$/)));

/**
 * The next nonces of a wallet's payments, in its folder. They only save requests to a chain, which decides: a lost or older file
 * does no harm.
 */
export function storedNonces(
  store: Store,
  wallet: string,
): { read(sequence: string): Promise<bigint | undefined>; write(sequence: string, nonce: bigint): Promise<void> } {
  const path = `${wallet}/${FILE}`;
  const readAll = async (): Promise<v.InferOutput<typeof NoncesSchema>> => {
    if (!(await store.has(path))) return {};
    const text = new TextDecoder().decode(await store.read(path, LIMIT));
    try {
      return v.parse(NoncesSchema, readJson(text));
    } catch (cause) {
      throw new StoreError('altered', `${nameOf(store, path)} is not as it was written.`, {
        next: 'remove it: the next payment makes a new one.',
        cause,
      });
    }
  };
  return {
    async read(sequence) {
      const nonce = new Map(Object.entries(await readAll())).get(sequence);
      return nonce === undefined ? undefined : BigInt(nonce);
    },
    async write(sequence, nonce) {
      const all = { ...(await readAll()), [sequence]: String(nonce) };
      await store.commit(wallet, { write: [{ path: FILE, data: JSON.stringify(all) }] });
    },
  };
}
