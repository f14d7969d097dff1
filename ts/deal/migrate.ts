import * as v from 'valibot';
import { permissionToMove } from '../protocol/permission.ts';
import { type AskOptions, ask } from '../runtime/ask.ts';
import { actionOf } from '../store/action.ts';
import { draftChange, nextSealedName, type WalletInfo } from '../store/store.ts';
import { besidesDeals, type Changed, type ChangeOptions, oldShares, permitNext, retire, settled } from './change.ts';
import { describeAction } from './describe.ts';
import { about, expiry, signedPermission } from './permission.ts';
import { type HostedAction, nextAuthority } from './plan.ts';
import { clear, fresh } from './play.ts';

/**
 * Moves the action's share, as it is, to another action, if its authority allows that. The other shares stay.
 *
 * @throws UsageError, StoreError, RefusedError, ProtocolError; RuntimeError of the host. The wallet is as before, or, after
 *   "the old action may still …", moved
 */
export async function migrateWallet(options: ChangeOptions & { readonly next: HostedAction }): Promise<Changed> {
  const { store, runtime, next, load, askAuthority, onProgress } = options;
  const old = await settled(store, options.id, runtime, false);
  const holder = await actionOf(store, old, runtime);
  const { wallet } = holder;
  const authority = nextAuthority(old, options.authority, old.parties, next);
  const draft = await draftChange(store, old, 0);
  const shares = await oldShares(store, old, load);
  try {
    const sharing = { ...old, parties: old.parties.map(({ index }) => index) };
    const permission = permissionToMove(about(old), sharing, { action: next.cid, authority, expires: expiry() });
    const tandem = await fresh(load);
    const authorization = await signedPermission(old, shares, permission, { ask: askAuthority, tandem });
    await permitNext(store, old, wallet, holder, next);
    onProgress?.('the old action gives its share');
    const request = {
      op: 'migrate' as const,
      wallet,
      share: holder.sealed,
      action: next.cid,
      authority,
      authorization,
    };
    const moved = await ask(holder.runtime, holder, request, Share, options);
    const sealed = await adopt(next, wallet, moved.share, options);
    const info: WalletInfo = {
      ...old,
      action: describeAction(next, {
        wallet,
        authority,
        sealed: nextSealedName(old),
        interactive: old.action?.interactive,
        retired: holder.cid,
      }),
    };
    const action = { sealed, source: next.source };
    await besidesDeals(store, old, () => draft.finish({ info, shares: new Map(), action }));
    const from = old.parties.filter(({ role }) => role === 'action');
    return { wallet: await retire(store, info, runtime), from, calls: 2 };
  } finally {
    clear(shares);
    draft.discard();
  }
}

const Share = v.object({ share: v.string() });

/** The new action takes the share that the old action sealed for it, and seals it as its own. */
export async function adopt(next: HostedAction, wallet: string, share: string, options: AskOptions): Promise<string> {
  options.onProgress?.('the new action takes the share over');
  return (await ask(next.runtime, next, { op: 'adopt', wallet, share }, Share, options)).share;
}
