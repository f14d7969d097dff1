import { rmSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { decodeCbor, encodeCbor } from '../core/cbor.ts';
import { StoreError, UsageError } from '../errors.ts';
import { fileError, readLimited, syncFolder, writeDurable } from '../files/files.ts';
import { type Key, sealer } from '../store/age.ts';
import { openSealed, type Store, type WalletInfo } from '../store/store.ts';

// What one step of a signature by dkls23 leaves for the next: an age file in the wallet's folder. A session used twice gives
// the key away.

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

/** The file of a party's session. */
export function sessionPath(store: Store, info: WalletInfo, party: number): string {
  return join(store.dir, info.address, `signing-${party}.age`);
}

/** Keeps the session for the next step, in the place of any other of this party. */
export async function keep(store: Store, info: WalletInfo, session: Session, key: Key): Promise<void> {
  const plain = encodeCbor(session);
  try {
    writeDurable(sessionPath(store, info, session.party), await sealer(key)(plain));
  } finally {
    plain.fill(0);
    session.session.fill(0);
  }
}

/** Opens the session of a party, and the key for sealing what comes in its place. @throws UsageError if there is none; StoreError */
export async function readSession(
  store: Store,
  info: WalletInfo,
  party: number,
): Promise<{ session: Session; key: Key }> {
  const path = sessionPath(store, info, party);
  let file: Uint8Array;
  try {
    file = readLimited(path, SESSION_LIMIT);
  } catch (error) {
    if (!(error instanceof StoreError) || error.kind !== 'missing') throw error;
    throw new UsageError(`Party ${party} has no signature under way here.`, {
      next: 'begin one. A step that failed ended the one there was, for all signers.',
      cause: error,
    });
  }
  const { plain, key } = await openSealed(store, file, path);
  try {
    const session = v.parse(Session, Object.fromEntries(decodeCbor(plain) as Map<string, unknown>));
    if (session.wallet === info.address && session.keyId === info.keyId && session.party === party)
      return { session, key };
  } catch {
    // What was found is not quoted.
  } finally {
    plain.fill(0);
  }
  throw new StoreError('altered', `${path} is not a session of this wallet.`, { next: 'begin the signature anew.' });
}

/** Deletes a session so that no loss of power brings it back. */
export function forget(path: string): void {
  try {
    rmSync(path);
    syncFolder(join(path, '..'));
  } catch (error) {
    throw fileError(error, path, 'write');
  }
}
