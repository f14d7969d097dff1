import * as v from 'valibot';
import { decodeCbor, encodeCbor } from '../core/cbor.ts';
import { StoreError, UsageError } from '../errors.ts';
import { type Key, sealer } from '../store/age.ts';
import { nameOf, openSealed, type Store, type WalletInfo } from '../store/store.ts';

// The state between two steps of a signature by dkls23: an age file in the wallet's folder. A session that is used twice
// reveals the key.

const SESSION_LIMIT = 64 * 1024;
const Session = v.strictObject({
  version: v.literal(1),
  wallet: v.string(),
  keyId: v.string(),
  party: v.number(),
  round: v.picklist([1, 2, 3]),
  signers: v.array(v.number()),
  intent: v.string(),
  path: v.string(),
  session: v.instance(Uint8Array<ArrayBufferLike>),
});
export type Session = v.InferOutput<typeof Session>;

/** The file of a session, in the wallet's folder. */
export function sessionFile(party: number): string {
  return `signing-${party}.age`;
}

/** Keeps the session for the next step, and replaces any other session of this party. */
export async function keep(store: Store, info: WalletInfo, session: Session, key: Key): Promise<void> {
  const plain = encodeCbor(session);
  try {
    const data = await sealer(key)(plain);
    await store.commit(info.address, { write: [{ path: sessionFile(session.party), data }] });
  } finally {
    plain.fill(0);
    session.session.fill(0);
  }
}

/** Opens the session of a party, and the key for sealing the next one. @throws UsageError if there is none; StoreError */
export async function readSession(
  store: Store,
  info: WalletInfo,
  party: number,
): Promise<{ session: Session; key: Key }> {
  const path = `${info.address}/${sessionFile(party)}`;
  const file = await store.read(path, SESSION_LIMIT).catch((error: unknown) => {
    if (!(error instanceof StoreError) || error.kind !== 'missing') throw error;
    throw new UsageError(`Party ${party} has no signature under way here.`, {
      next: 'begin one. A step that failed ended the one there was, for all signers.',
      cause: error,
    });
  });
  const { plain, key } = await openSealed(store, file, nameOf(store, path));
  try {
    const session = v.parse(Session, Object.fromEntries(decodeCbor(plain) as Map<string, unknown>));
    if (session.wallet === info.address && session.keyId === info.keyId && session.party === party)
      return { session, key };
  } catch {
    // What was found is not quoted.
  } finally {
    plain.fill(0);
  }
  throw new StoreError('altered', `${nameOf(store, path)} is not a session of this wallet.`, {
    next: 'begin the signature again.',
  });
}

/** Deletes a session so that no loss of power brings it back. */
export async function forget(store: Store, info: WalletInfo, party: number): Promise<void> {
  await store.take(`${info.address}/${sessionFile(party)}`, SESSION_LIMIT);
}
