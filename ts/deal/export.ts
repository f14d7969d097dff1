import { commandLine } from '#command';
import { loadTandem } from '#load';
import { TandemError } from '../core/errors.ts';
import type { Tandem } from '../core/wasm.ts';
import { StoreError } from '../errors.ts';
import {
  checkShare,
  holdWallet,
  localParties,
  readShare,
  readWallet,
  type Store,
  shareFileName,
} from '../store/store.ts';

/**
 * Combines a wallet's private key from shares that are here, as many as the threshold. From then on the key is whole, and no
 * policy applies to it. The caller clears it.
 *
 * @returns the key, 32 bytes; the module has compared it with the public key, which is the wallet's
 * @throws StoreError: missing if there are too few shares
 */
export async function exportKey(
  store: Store,
  id: string,
  load: () => Promise<Tandem> = loadTandem,
): Promise<Uint8Array> {
  const hold = await holdWallet(store, id);
  const shares: Uint8Array[] = [];
  try {
    const info = await readWallet(store, id);
    const { threshold } = info;
    const here = (await localParties(store, info)).slice(0, threshold);
    if (here.length < threshold) {
      const files = info.parties.filter(({ role }) => role !== 'action').map(({ index }) => shareFileName(info, index));
      throw new StoreError('missing', `The key takes ${threshold} shares, and only ${here.length} can be read here.`, {
        next: `put back ${threshold} of ${files.join(', ')} for this command. The action does not give its share away.`,
      });
    }
    const tandem = await load();
    for (const { index } of here) {
      const share = await readShare(store, info, index);
      shares.push(share);
      checkShare(store, info, index, tandem.shareInfo(share));
    }
    return tandem.combine(shares);
  } catch (cause) {
    if (!(cause instanceof TandemError)) throw cause;
    throw new StoreError('altered', `The shares of ${id} do not make its key: ${cause.message}.`, {
      next: `see what is wrong: ${commandLine('wallet')} check --store ${store.name} --wallet ${id}`,
      cause,
    });
  } finally {
    for (const share of shares) share.fill(0);
    hold.release();
  }
}
