import { commandLine } from '#command';
import { StoreError, UsageError, WalletError } from '../errors.ts';
import type { AskOptions } from '../runtime/ask.ts';
import type { Action, Runtime } from '../runtime/types.ts';
import { actionOf, actionsBeside } from '../store/action.ts';
import { dropCommand, resharesOf, withMutex } from '../store/deals.ts';
import {
  assertCurrent,
  checkShare,
  findWallet,
  forgetRetired,
  holdWallet,
  type PartyInfo,
  readShare,
  readWallet,
  type Store,
  type WalletInfo,
} from '../store/store.ts';
import type { AskAuthority } from './permission.ts';
import type { HostedAction } from './plan.ts';
import { clear, fresh, type Load } from './play.ts';

// What all changes of a wallet have in common: new shares, here or offline, and a migration of the action's share.

export interface ChangeOptions extends AskOptions {
  readonly store: Store;
  /** The address; may be left out if the store has only one wallet. */
  readonly id?: string | undefined;
  /** Where the wallet's action runs. */
  readonly runtime?: Runtime | undefined;
  /** Starts a fresh wasm instance; by default of build/tandem.wasm. */
  readonly load?: Load;
  /** `memory`: no correlation with the action is left on disk. The first signature of each process makes its own. */
  readonly correlation?: 'memory' | undefined;
  /** The authority over the action's share from now on; by default as before. */
  readonly authority?: string | undefined;
  /** Asks the authority, if the action's share is needed and no cold share here can permit that. */
  readonly askAuthority?: AskAuthority | undefined;
}

/** What a change leaves: the wallet, the roles of the old shares that it was made from, and the calls of actions. */
export interface Changed {
  readonly wallet: WalletInfo;
  readonly from: readonly PartyInfo[];
  readonly calls: number;
}

/** The old shares that are here, by index. The caller clears them. @throws StoreError if one is not the expected share */
export async function oldShares(store: Store, info: WalletInfo, load: Load): Promise<Map<number, Uint8Array>> {
  const shares = new Map<number, Uint8Array>();
  try {
    for (const { index, role } of info.parties) {
      if (role === 'action') continue;
      const share = await readShare(store, info, index).catch((error: unknown) => {
        if (error instanceof StoreError && error.kind === 'missing') return undefined;
        throw error;
      });
      if (share === undefined) continue;
      shares.set(index, share);
      checkShare(store, info, index, (await fresh(load)).shareInfo(share));
    }
    return shares;
  } catch (error) {
    clear(shares);
    throw error;
  }
}

/**
 * Changes a wallet, unless an offline deal for new shares of it is open, or is confirmed before the end. Otherwise the other
 * machines could finish that deal, with shares that are useless without this machine's.
 *
 * @throws WalletError if there is such a deal; StoreError
 */
export async function besidesDeals(store: Store, { address }: WalletInfo, change = async () => {}): Promise<void> {
  await withMutex(store, address, async () => {
    const [open] = await resharesOf(store, address);
    if (open === undefined) return change();
    throw new WalletError(`An offline deal that gives ${address} new shares is under way here.`, {
      next: `finish it, or drop it on all machines: ${dropCommand(store, open.deal)}`,
    });
  });
}

/** The wallet as it is, if it may be changed here. First finishes what an earlier change left to do at the host. */
export async function settled(
  store: Store,
  id: string | undefined,
  runtime: Runtime | undefined,
  isActionGone: boolean,
): Promise<WalletInfo> {
  const info = await readWallet(store, await findWallet(store, id));
  await besidesDeals(store, info);
  return isActionGone ? info : retire(store, info, runtime);
}

/** Lets these actions use the host wallet, besides the actions of other keys that use it. */
async function permit(
  runtime: Runtime,
  store: Store,
  info: WalletInfo,
  wallet: string,
  ...cids: string[]
): Promise<void> {
  return runtime.permit(wallet, ...new Set([...cids, ...(await actionsBeside(store, info, wallet))]));
}

/**
 * Lets the next action use the host wallet, beside the present one if that uses it. If another command has changed the wallet
 * since, the host is not told: it would let the action that was revoked use the wallet again, and not the one that has the share.
 *
 * @throws StoreError changed
 */
export async function permitNext(
  store: Store,
  info: WalletInfo,
  wallet: string,
  present: Pick<Action, 'cid'> | undefined,
  next: HostedAction,
): Promise<void> {
  const hold = await holdWallet(store, info.address);
  try {
    await assertCurrent(store, info);
    await permit(next.runtime, store, info, wallet, ...(present ? [present.cid] : []), next.cid);
  } finally {
    hold.release();
  }
}

/**
 * If an earlier action may still use the host wallet, tells the host to let only the wallet's own action use it.
 *
 * @throws WalletError if the host could not be told
 */
export async function retire(store: Store, info: WalletInfo, runtime: Runtime | undefined): Promise<WalletInfo> {
  const { action } = info;
  if (action?.retired === undefined) return info;
  const hold = await holdWallet(store, info.address);
  try {
    await assertCurrent(store, info);
    const { runtime: host } = await actionOf(store, info, runtime);
    await permit(host, store, info, action.wallet, action.cid);
    if ((await actionsBeside(store, info, action.wallet)).includes(action.retired)) {
      throw new UsageError(
        'Another wallet of this store has its share with that action: reshare --revoke that one too.',
      );
    }
    await forgetRetired(store, info);
  } catch (cause) {
    throw new WalletError(`The wallet has changed, but the old action ${action.retired} may still use it.`, {
      next: `${commandLine('reshare')} --revoke tries again to end that. Why not now: ${cause instanceof Error ? cause.message : cause}`,
      cause,
    });
  } finally {
    hold.release();
  }
  return await readWallet(store, info.address);
}
