import { UsageError } from '../errors.ts';
import { assertCurrent, assertUnlocked, type Hold, holdWallet, shareFileHash } from '../store/store.ts';
import { type Opened, theParty } from './opened.ts';

/**
 * Holds the wallet, and drops the prepared requests that must not be used any more: those of a share that is locked by
 * now, or whose file was changed or taken away.
 *
 * @throws UsageError if the wallet was closed; LockedError, unless for a recovery; StoreError
 */
export async function holdOpened(opened: Opened, isRecovery: boolean, signal: AbortSignal | undefined): Promise<Hold> {
  const { store, info, pool } = opened;
  const assertOpen = () => {
    if (pool.isClosed) throw new UsageError(`The wallet ${info.address} was closed.`, { next: 'open it again.' });
  };
  assertOpen();
  const hold = await holdWallet(store, info.address, signal);
  try {
    assertOpen();
    assertCurrent(store, info);
    pool.keepOf(shareFileHash(store, info, theParty(info, 'hot').index));
    try {
      assertUnlocked(store, info.address);
    } catch (error) {
      pool.clear();
      if (!isRecovery) throw error;
    }
    return hold;
  } catch (error) {
    hold.release();
    throw error;
  }
}
