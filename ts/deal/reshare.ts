import type { Messages } from '../core/wasm.ts';
import { StoreError, UsageError, WalletError } from '../errors.ts';
import { permissionToDeal } from '../protocol/permission.ts';
import { HOT } from '../protocol/roles.ts';
import { actionOf, actionsBeside } from '../store/action.ts';
import { draftChange, nextSealedName, type PartyInfo, shareFileName, type WalletInfo } from '../store/store.ts';
import { besidesDeals, type Changed, type ChangeOptions, oldShares, permitNext, retire, settled } from './change.ts';
import { keepDealt } from './correlate.ts';
import { describeAction, describeKey, type HeldBy } from './describe.ts';
import { adopt } from './migrate.ts';
import { about, expiry, signedPermission } from './permission.ts';
import { type Deal, type HostedAction, type KnownKey, nextAuthority, paramsOf, planParties } from './plan.ts';
import { clear, fresh, playHere } from './play.ts';
import { type RemoteParty, remoteParty } from './remote.ts';

export interface ReshareOptions extends ChangeOptions {
  /** How many shares sign; more than 2, with an action, only if it is interactive already. */
  readonly threshold?: number | undefined;
  /** How many shares there are; by default as many as before. */
  readonly parties?: number | undefined;
  /** The next action for the share, if it changes. */
  readonly next?: HostedAction | undefined;
  /** The old action or its host is gone, and is not asked for anything: `next` gets a wallet at its own host. */
  readonly isActionGone?: boolean | undefined;
}

/**
 * Deals new shares of a wallet's key, from those of the old shares that are here, or one of them and the action's if its
 * authority allows that. The address stays, the epoch goes up by one, and the new shares take the place of the old in
 * one step, once every party has confirmed its share.
 *
 * Old shares sign with one another as long as the old action may open its own share. To end that, give a `next` that is built
 * with the new epoch as its least: the old action is then removed from the host's group.
 *
 * @throws UsageError, StoreError, RefusedError, ProtocolError; RuntimeError of the host. The old wallet stands, or, after
 *   "the old action may still …", the new
 *
 * @example
 * ```ts
 * import { reshareWallet } from 'tandem-ecdsa';
 * import { LocalRuntime } from 'tandem-ecdsa/local';
 * import { openStore } from 'tandem-ecdsa/node';
 *
 * const store = openStore('wallets', async () => ({ passphrase: process.env.TANDEM_PASSPHRASE ?? '' }));
 * const runtime = await LocalRuntime.open({ dir: 'wallets/local-lit' });
 * const { wallet } = await reshareWallet({ store, runtime }); // the hot and the cold share are here
 * console.log(wallet.epoch);
 * runtime.close();
 * ```
 */
export async function reshareWallet(options: ReshareOptions): Promise<Changed> {
  const { store, runtime, load, isActionGone = false, onProgress, signal } = options;
  const old = await settled(store, options.id, runtime, isActionGone);
  const threshold = options.threshold ?? old.threshold;
  const parties = planParties(threshold, options.parties ?? old.parties.length, old.action);
  const local = parties.filter(({ role }) => role !== 'action');
  const draft = await draftChange(store, old, local.length);
  const shares = await oldShares(store, old, load);
  try {
    const from = contributorsOf(old, shares, isActionGone);
    const contributors = from.map(({ index }) => index);
    const indices = parties.map(({ index }) => index);
    const deal: Deal = { kind: 'reshare', threshold, parties: indices, contributors, epoch: old.epoch + 1 };
    const [any = new Uint8Array()] = shares.values();
    const known = { account: old.address, key: (await fresh(load)).shareKey(any), shares };
    const place = old.action && (await placeOf(old, options, { deal, parties, from, known }));

    onProgress?.('dealing');
    const here = new Set([...local.map(({ index }) => index), ...contributors.filter((index) => shares.has(index))]);
    const params = Array.from(here, (self) => paramsOf(deal, self, { known }));
    const dealt = await playHere(deal, params, place?.party, load);
    try {
      const sealed = dealt.sealed === undefined ? undefined : await place?.settle(dealt.sealed);
      onProgress?.('storing the shares');
      const held = place?.held ?? { runtime: 'none' };
      const info = describeKey(dealt.infos, { threshold, parties }, held, old.created);
      if (info.address !== old.address) throw new WalletError('The new shares are of another key; nothing was stored.');
      signal?.throwIfAborted();
      const action = place && sealed !== undefined ? { sealed, source: place.source } : undefined;
      await besidesDeals(store, old, () => draft.finish({ info, shares: dealt.shares, action }));
      const { correlation } = dealt;
      // It ends what there was before in any case.
      await keepDealt(
        store,
        info,
        { share: dealt.shares.get(HOT), correlation },
        place?.party.correlates ? options : {},
      );
      return {
        wallet: await retire(store, info, isActionGone ? options.next?.runtime : runtime),
        from,
        calls: place?.calls ?? 0,
      };
    } finally {
      clear(dealt.shares);
    }
  } finally {
    clear(shares);
    draft.discard();
  }
}

/** The action's place in a reshare: as the party that deals and gets a share, and where that share is afterwards. */
interface Place {
  readonly party: RemoteParty;
  /** Seals the dealt share for the next action, if another action took part in the deal. */
  settle(sealed: string): Promise<string>;
  readonly held: HeldBy;
  readonly source: string;
  readonly calls: number;
}

interface Plan {
  readonly deal: Deal;
  readonly parties: readonly PartyInfo[];
  readonly from: readonly PartyInfo[];
  readonly known: KnownKey;
}

/** If there is a next action, it may use the host wallet from here on, beside the old one. */
async function placeOf(old: WalletInfo, options: ReshareOptions, { deal, parties, from, known }: Plan): Promise<Place> {
  const { store, next, isActionGone = false, onProgress } = options;
  const authority = nextAuthority(old, options.authority, parties, next);
  const now = isActionGone ? undefined : await actionOf(store, old, options.runtime);
  const holder = next ?? now;
  const described = next ?? old.action;
  if (holder === undefined || described === undefined) throw new UsageError('There is no action to hold a share.');
  const wallet = now?.wallet ?? (await holder.runtime.createWallet());
  // A host may have one wallet for all keys. There, an action that is not asked for anything can be revoked, unless another key has it.
  const present = wallet === old.action?.wallet ? old.action : undefined;
  if (next) await permitNext(store, old, wallet, present, next);
  const others = isActionGone ? await actionsBeside(store, old, wallet) : [];
  const retired = next && present && !others.includes(present.cid) ? present.cid : undefined;

  const interactive = old.action?.interactive;
  const held: HeldBy = {
    runtime: holder.runtime.name,
    action: describeAction(described, {
      wallet,
      authority,
      sealed: nextSealedName(old),
      interactive,
      retired,
    }),
  };
  const after = { held, source: holder.source };
  const formatOf = (action: Pick<HostedAction, 'format'> | undefined) =>
    options.correlation === 'memory' ? undefined : action?.format;
  const under = { wallet, authority, format: formatOf(described) };
  if (now === undefined || !from.some(({ role }) => role === 'action')) {
    const part = { interactive, key: known.key };
    return {
      ...after,
      party: remoteParty(holder, deal, under, () => part, options),
      settle: async (sealed) => sealed,
      calls: 2,
    };
  }
  const permitted = async (round1: Messages) => {
    const asked = { action: next?.cid, authority, round1, expires: expiry() };
    const permission = permissionToDeal(about(old), deal, asked);
    const tandem = await fresh(options.load);
    const signed = await signedPermission(old, known.shares, permission, { ask: options.askAuthority, tandem });
    onProgress?.('dealing');
    return { share: now.sealed, next: next?.cid, permission: signed };
  };
  return {
    ...after,
    party: remoteParty(now, deal, { ...under, format: formatOf(old.action) }, permitted, options),
    settle: async (sealed) => (next ? adopt(next, wallet, sealed, options) : sealed),
    calls: next ? 3 : 2,
  };
}

/** The dealers: the parties here if they are enough, otherwise they and the action. */
function contributorsOf(
  { parties, threshold, address, epoch }: WalletInfo,
  shares: ReadonlyMap<number, Uint8Array>,
  isActionGone: boolean,
): PartyInfo[] {
  const here = parties.filter(({ index }) => shares.has(index));
  const action = parties.filter(({ role }) => role === 'action' && !isActionGone);
  const chosen = [...here.slice(0, threshold), ...action].slice(0, threshold);
  if (here.length > 0 && chosen.length === threshold) return chosen.sort((a, b) => a.index - b.index);
  const files = parties.filter(({ index, role }) => role !== 'action' && !shares.has(index));
  const names = files.map(({ index }) => shareFileName({ parties, epoch }, index)).join(', ');
  const more = Math.max(threshold - here.length - action.length, 1);
  throw new StoreError('missing', `${here.length} shares of ${address} are here, which are not enough.`, {
    next:
      files.length < more
        ? 'without its action this wallet has fewer shares than its threshold: let the action deal too, if it still can.'
        : `put ${more} of these files back into the folder of the wallet: ${names}. Files of another epoch do not count.`,
  });
}
