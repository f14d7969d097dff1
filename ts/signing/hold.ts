import { UsageError } from '../errors.ts';
import { assertCurrent, assertUnlocked, type Hold, holdWallet, shareFileHash } from '../store/store.ts';
import { type Opened, theParty } from './opened.ts';

export interface HoldOptions {
  readonly signal?: AbortSignal | undefined;
  /** Hold it even if the hot share is locked. */
  readonly isRecovery?: boolean;
  /** Hold it even if it was closed: a signature that is under way is still finished. */
  readonly isUnderWay?: boolean;
}

/**
 * Holds the wallet, if it has not changed since it was opened. Drops a prepared share if it is locked now, or if its file was
 * changed or removed.
 *
 * @throws UsageError if the wallet was closed; LockedError, unless for a recovery; StoreError
 */
export async function holdOpened(opened: Opened, options: HoldOptions): Promise<Hold> {
  const { store, info, prepared } = opened;
  const assertOpen = () => {
    if (!prepared.isClosed || options.isUnderWay) return;
    throw new UsageError(`The wallet ${info.address} was closed.`, { next: 'open it again.' });
  };
  assertOpen();
  const hold = await holdWallet(store, info.address, options.signal);
  try {
    await assertCurrent(store, info);
    prepared.keepOf(await shareFileHash(store, info, theParty(info, 'hot').index));
    try {
      await assertUnlocked(store, info.address);
    } catch (error) {
      prepared.clear();
      if (!options.isRecovery) throw error;
    }
    assertOpen();
    return hold;
  } catch (error) {
    hold.release();
    throw error;
  }
}
