import { UsageError } from '../errors.ts';
import type { Action, Runtime } from '../runtime/types.ts';
import { listWallets, openAction, readWallet, type Store, type WalletInfo } from './store.ts';

/** The action that holds a share of a wallet, with that share, sealed. */
export interface Holder extends Action {
  readonly runtime: Runtime;
  /** The host's wallet under whose encryption the share is. */
  readonly wallet: string;
  readonly sealed: string;
}

/**
 * The action of a wallet, from the store: its source is the one that its CID names.
 *
 * @throws StoreError, UsageError if there is no action, or its host is not connected
 */
export async function actionOf(store: Store, info: WalletInfo, runtime: Runtime | undefined): Promise<Holder> {
  if (runtime === undefined || runtime.name !== info.runtime) {
    throw new UsageError(`The action of this wallet runs at ${info.runtime}, which is not connected.`);
  }
  const { sealed, cid, source, wallet } = await openAction(store, info);
  return { runtime, cid, source, wallet, sealed };
}

/**
 * The action that holds the shares of all of a store's wallets at a host; undefined if there are none.
 *
 * @throws StoreError; UsageError if they are with several actions
 */
export async function commonAction(store: Store, runtime: Runtime['name']): Promise<Action | undefined> {
  const [first, ...more] = (await allWallets(store)).filter(
    (info) => info.runtime === runtime && info.action !== undefined,
  );
  if (first === undefined) return undefined;
  const other = more.find(({ action }) => action?.cid !== first.action?.cid);
  if (other !== undefined) {
    throw new UsageError(`The wallets ${first.address} and ${other.address} of this store have different actions.`, {
      next: 'move one of them into a separate store.',
    });
  }
  const { cid, source } = await openAction(store, first);
  return { cid, source };
}

/** The actions that hold shares of the store's other wallets under a host wallet. */
export async function actionsBeside(store: Store, { address }: WalletInfo, wallet: string): Promise<string[]> {
  const others = (await allWallets(store)).filter((info) => info.address !== address && info.action?.wallet === wallet);
  return others.flatMap((info) => info.action?.cid ?? []);
}

async function allWallets(store: Store): Promise<WalletInfo[]> {
  const wallets: WalletInfo[] = [];
  for (const id of await listWallets(store)) wallets.push(await readWallet(store, id));
  return wallets;
}
