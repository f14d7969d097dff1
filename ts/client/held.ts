import type { Action, Runtime } from '../runtime/types.ts';
import { UsageError } from './errors.ts';
import { openAction, type Store, type WalletInfo } from './store.ts';

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
