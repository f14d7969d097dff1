import * as v from 'valibot';
import { loadTandem } from '../core/node.ts';
import type { DealParams, Tandem } from '../core/wasm.ts';
import { StoreError, UsageError, WalletError } from '../errors.ts';
import { hashOf, SAME, type Terms } from '../protocol/permission.ts';
import { ACTION } from '../protocol/roles.ts';
import { type AskOptions, ask, base64 } from '../runtime/ask.ts';
import type { Runtime } from '../runtime/types.ts';
import { actionOf, actionsBeside } from '../store/action.ts';
import {
  assertCurrent,
  checkShare,
  draftChange,
  findWallet,
  forgetRetired,
  holdWallet,
  nextSealedName,
  type PartyInfo,
  readShare,
  readWallet,
  type Store,
  type WalletInfo,
} from '../store/store.ts';
import {
  assertOthers,
  describeKey,
  type HeldBy,
  type HostedAction,
  type Messages,
  planAuthority,
  planParties,
  type RemoteParty,
  remoteParty,
  runDeal,
} from './deal.ts';
import { dropCommand, locked, resharesOf } from './files/envelope.ts';
import { type Authorizer, authorization, expiry } from './permission.ts';

interface ChangeOptions extends AskOptions {
  readonly store: Store;
  /** The address; may be left out if the store has only one wallet. */
  readonly id?: string | undefined;
  /** Where the wallet's action runs. */
  readonly runtime?: Runtime | undefined;
  /** Starts a fresh wasm instance; by default of build/tandem.wasm. */
  readonly load?: (() => Promise<Tandem>) | undefined;
  /** The authority over the action's share from now on; by default as before. */
  readonly authority?: string | undefined;
  /** Asks the authority, if the action's share is needed and no cold share is here that would do. */
  readonly authorize?: Authorizer | undefined;
}

export interface ReshareOptions extends ChangeOptions {
  /** How many shares sign; more than 2, with an action, only if it is interactive already. */
  readonly threshold?: number | undefined;
  /** How many shares there are; by default as many as before. */
  readonly parties?: number | undefined;
  /** The action that holds a share from now on, if it is another one. */
  readonly next?: HostedAction | undefined;
  /** Nothing is asked of the old action or its host: `next` gets a new wallet at its own host. */
  readonly isActionGone?: boolean | undefined;
}

/** What a change leaves: the wallet, the roles of the old shares that it was made from, and the calls of actions. */
export interface Changed {
  readonly wallet: WalletInfo;
  readonly from: readonly PartyInfo[];
  readonly calls: number;
}

/**
 * Deals new shares of a wallet's key, from those of the old shares that are here, or one of them and the action's if its
 * authority allows that. The address stays, the epoch goes up by one, and the new shares take the place of the old in
 * one step, once every party has confirmed its share.
 *
 * Old shares are good with one another for as long as the old action may open its own: `next`, if it is built with the
 * new epoch as its least, ends that, because the old action is then taken out of the host's group.
 *
 * @throws UsageError, StoreError, RefusedError, ProtocolError; RuntimeError of the host. The old wallet stands, or, after
 *   "the old action may still …", the new
 */
export async function reshareWallet(options: ReshareOptions): Promise<Changed> {
  const { store, runtime, isActionGone = false, onProgress, signal } = options;
  const load = options.load ?? loadTandem;
  const old = await settled(store, options.id, runtime, isActionGone);
  const threshold = options.threshold ?? old.threshold;
  const parties = planParties(threshold, options.parties ?? old.parties.length, old.action);
  const local = parties.filter(({ role }) => role !== 'action');
  const draft = await draftChange(store, old, local.length);
  const shares = await oldShares(store, old, load);
  try {
    const from = contributorsOf(old, shares, isActionGone);
    const contributors = from.map(({ index }) => index);
    const deal: Deal = { threshold, parties: parties.map(({ index }) => index), contributors, epoch: old.epoch + 1 };
    const tandem = await load();
    const [any = new Uint8Array()] = shares.values();
    const key = tandem.shareKey(any);
    const place = old.action && (await placeOf(old, options, { deal, parties, from, shares, key, tandem }));

    onProgress?.('dealing');
    const here = new Set([...local.map(({ index }) => index), ...contributors.filter((index) => shares.has(index))]);
    const paramsOf = (self: number): DealParams => {
      const share = contributors.includes(self) ? shares.get(self) : undefined;
      return { kind: 'reshare', ...deal, self, ...(share ? { share } : { old: key }) };
    };
    const dealt = await runDeal([...here].map(paramsOf), place?.party, load);
    try {
      const sealed = dealt.sealed === undefined ? undefined : await place?.settle(dealt.sealed);
      onProgress?.('storing the shares');
      const infos = dealt.shares.map(({ info }) => info);
      const info = describeKey(infos, { threshold, parties }, place?.held ?? { runtime: 'none' }, old.created);
      if (info.address !== old.address) throw new WalletError('The new shares are of another key; nothing was stored.');
      signal?.throwIfAborted();
      const wallet = {
        info,
        shares: new Map(dealt.shares.map(({ share, info: { index } }) => [index, share])),
        action: place && sealed !== undefined ? { sealed, source: place.source } : undefined,
      };
      await besidesDeals(store, old, () => draft.finish(wallet));
      return { wallet: await retire(store, info, runtime), from, calls: place?.calls ?? 0 };
    } finally {
      for (const { share } of dealt.shares) share.fill(0);
    }
  } finally {
    for (const share of shares.values()) share.fill(0);
    draft.discard();
  }
}

type Deal = Pick<DealParams, 'threshold' | 'epoch'> & { readonly parties: number[]; readonly contributors: number[] };

/** The action's place in a reshare: as the party that deals and gets a share, and where that share is afterwards. */
interface Place {
  readonly party: RemoteParty;
  /** Makes the share that the deal gave the new holder's own, if another action was the party. */
  settle(sealed: string): Promise<string>;
  readonly held: HeldBy;
  readonly source: string;
  readonly calls: number;
}

/** If there is another action, it may use the wallet from here on, beside the old one. */
async function placeOf(
  old: WalletInfo,
  options: ReshareOptions,
  {
    deal,
    parties,
    from,
    shares,
    key,
    tandem,
  }: {
    readonly deal: Deal;
    readonly parties: readonly PartyInfo[];
    readonly from: readonly PartyInfo[];
    readonly shares: ReadonlyMap<number, Uint8Array>;
    readonly key: Uint8Array;
    readonly tandem: Tandem;
  },
): Promise<Place> {
  const { store, next, isActionGone = false, onProgress } = options;
  const authority = planAuthority(options.authority ?? old.action?.authority, parties);
  assertOthers(old.address, authority, next);
  const now = isActionGone ? undefined : await actionOf(store, old, options.runtime);
  const holder = next ?? now;
  if (holder === undefined) throw new UsageError('There is no action to hold a share.');
  const wallet = now?.wallet ?? (await holder.runtime.createWallet());
  if (next) await permit(next.runtime, store, old, wallet, ...(now ? [now.cid] : []), next.cid);

  const { threshold, parties: holders, contributors, epoch } = deal;
  const request = { wallet, authority, threshold, parties: holders, contributors };
  const held: HeldBy = {
    runtime: holder.runtime.name,
    action: {
      wallet,
      cid: holder.cid,
      policy: next?.policy ?? old.action?.policy ?? '',
      authority,
      sealed: nextSealedName(old),
      ...(old.action?.interactive && { interactive: true }),
      ...formatOf(next ?? old.action),
      ...(next && now && { retired: now.cid }),
    },
  };
  const after = { held, source: holder.source };
  if (now === undefined || !from.some(({ role }) => role === 'action')) {
    const place = { self: ACTION, interactive: old.action?.interactive };
    const asked = { kind: 'receive' as const, ...request, ...place, epoch, old: base64(key) };
    return { ...after, party: remoteParty(holder, () => asked, options), settle: async (sealed) => sealed, calls: 2 };
  }
  const authorized = async (round1: Messages) => {
    const terms: Terms = {
      what: 'deal new shares',
      ...about(old),
      epoch,
      dealers: contributors,
      holders,
      threshold,
      action: next?.cid ?? SAME,
      authority,
      messages: hashOf(round1),
      expires: expiry(),
    };
    const given = await authorization(old, shares, terms, { ask: options.authorize, tandem });
    onProgress?.('dealing');
    return { kind: 'reshare' as const, ...request, share: now.sealed, action: next?.cid, authorization: given };
  };
  return {
    ...after,
    party: remoteParty(now, authorized, options),
    settle: async (sealed) => (next ? adopt(next, wallet, sealed, options) : sealed),
    calls: next ? 3 : 2,
  };
}

/**
 * Moves the action's share, as it is, to another action, if its authority allows that. The other shares stay.
 *
 * @throws as {@link reshareWallet}
 */
export async function migrateWallet(options: ChangeOptions & { readonly next: HostedAction }): Promise<Changed> {
  const { store, runtime, next, onProgress } = options;
  const load = options.load ?? loadTandem;
  const old = await settled(store, options.id, runtime, false);
  const holder = await actionOf(store, old, runtime);
  const { wallet } = holder;
  const authority = planAuthority(options.authority ?? old.action?.authority, old.parties);
  assertOthers(old.address, authority, next);
  const draft = await draftChange(store, old, 0);
  const shares = await oldShares(store, old, load);
  try {
    const terms: Terms = {
      what: 'move the share',
      ...about(old),
      epoch: old.epoch,
      dealers: [],
      holders: old.parties.map(({ index }) => index),
      threshold: old.threshold,
      action: next.cid,
      authority,
      messages: hashOf(new Map()),
      expires: expiry(),
    };
    const given = await authorization(old, shares, terms, { ask: options.authorize, tandem: await load() });
    await permit(next.runtime, store, old, wallet, holder.cid, next.cid);
    onProgress?.('the old action gives its share');
    const request = { op: 'migrate' as const, wallet, share: holder.sealed, action: next.cid, authority };
    const moved = await ask(holder.runtime, holder, { ...request, authorization: given }, Share, options);
    const sealed = await adopt(next, wallet, moved.share, options);
    const { format: _, ...before } = old.action ?? {};
    const info: WalletInfo = {
      ...old,
      action: {
        ...before,
        ...formatOf(next),
        wallet,
        cid: next.cid,
        policy: next.policy,
        authority,
        sealed: nextSealedName(old),
        retired: holder.cid,
      },
    };
    const action = { sealed, source: next.source };
    await besidesDeals(store, old, () => draft.finish({ info, shares: new Map(), action }));
    return {
      wallet: await retire(store, info, runtime),
      from: old.parties.filter(({ role }) => role === 'action'),
      calls: 2,
    };
  } finally {
    for (const share of shares.values()) share.fill(0);
    draft.discard();
  }
}

/** The format of an action as wallet.json says it: absent for version 0.1.0. */
function formatOf(action: Pick<HostedAction, 'format'> | undefined): Pick<HostedAction, 'format'> {
  return action?.format === undefined ? {} : { format: action.format };
}

const Share = v.object({ share: v.string() });

/** The new action makes a share its own that the old one sealed for it. */
async function adopt(next: HostedAction, wallet: string, share: string, options: AskOptions): Promise<string> {
  options.onProgress?.('the new action takes the share over');
  return (await ask(next.runtime, next, { op: 'adopt', wallet, share }, Share, options)).share;
}

/** What the terms say of the wallet as it is. */
export function about({
  address,
  keyId,
  action,
}: Pick<WalletInfo, 'address' | 'keyId' | 'action'>): Pick<Terms, 'account' | 'hostWallet' | 'keyId'> {
  return { account: address.toLowerCase(), hostWallet: (action?.wallet ?? '').toLowerCase(), keyId };
}

/** The old shares that are here, by index, which the caller clears. @throws StoreError if one is not what it should be */
export async function oldShares(
  store: Store,
  info: WalletInfo,
  load: () => Promise<Tandem>,
): Promise<Map<number, Uint8Array>> {
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
      checkShare(store, info, index, (await load()).shareInfo(share));
    }
    return shares;
  } catch (error) {
    for (const share of shares.values()) share.fill(0);
    throw error;
  }
}

/** Who deals: the parties here if they are enough, or else the action with them. */
function contributorsOf(
  { parties, threshold, address }: WalletInfo,
  shares: ReadonlyMap<number, Uint8Array>,
  isActionGone: boolean,
): PartyInfo[] {
  const here = parties.filter(({ index }) => shares.has(index));
  const action = parties.filter(({ role }) => role === 'action' && !isActionGone);
  const chosen = [...here.slice(0, threshold), ...action].slice(0, threshold);
  if (here.length > 0 && chosen.length === threshold) return chosen.sort((a, b) => a.index - b.index);
  throw new StoreError('missing', `${here.length} shares of ${address} are here; ${threshold} are needed.`, {
    next: 'put the other share files into the folder of the wallet.',
  });
}

/**
 * Changes a wallet if no deal by files is to give it new shares, and none is confirmed before the end. The other machines
 * could finish one that had begun, with shares that are of no use without this machine's.
 *
 * @throws WalletError if there is one; StoreError
 */
async function besidesDeals(store: Store, { address }: WalletInfo, change = async () => {}): Promise<void> {
  await locked(store, address, async () => {
    const [open] = await resharesOf(store, address);
    if (open === undefined) return change();
    throw new WalletError(`A deal by files that gives ${address} new shares is under way here.`, {
      next: `finish it, or drop it on all machines: ${dropCommand(store, open.deal)}`,
    });
  });
}

/** The wallet as it is, if it may be changed here, once what an earlier change left to do at the host is done. */
async function settled(
  store: Store,
  id: string | undefined,
  runtime: Runtime | undefined,
  isActionGone: boolean,
): Promise<WalletInfo> {
  const info = readWallet(store, findWallet(store, id));
  await besidesDeals(store, info);
  return isActionGone ? info : retire(store, info, runtime);
}

/** Lets these actions use the host's wallet, and those of other keys that are under the same one. */
function permit(runtime: Runtime, store: Store, info: WalletInfo, wallet: string, ...cids: string[]): Promise<void> {
  return runtime.permit(wallet, ...new Set([...cids, ...actionsBeside(store, info)]));
}

/**
 * Tells the host to let no action but the wallet's own use it, if an earlier one may still.
 *
 * @throws WalletError if it could not be told
 */
export async function retire(store: Store, info: WalletInfo, runtime: Runtime | undefined): Promise<WalletInfo> {
  const { action } = info;
  if (action?.retired === undefined) return info;
  const hold = await holdWallet(store, info.address);
  try {
    assertCurrent(store, info);
    const { runtime: host } = await actionOf(store, info, runtime);
    await permit(host, store, info, action.wallet, action.cid);
    if (actionsBeside(store, info).includes(action.retired)) {
      throw new UsageError(
        'Another wallet of this store has its share with that action: reshare --revoke that one too.',
      );
    }
    forgetRetired(store, info);
  } catch (cause) {
    throw new WalletError(`The wallet has changed, but the old action ${action.retired} may still use it.`, {
      next: `npx tsx scripts/reshare.ts --revoke tries again to end that. Why not now: ${cause instanceof Error ? cause.message : cause}`,
      cause,
    });
  } finally {
    hold.release();
  }
  return readWallet(store, info.address);
}
