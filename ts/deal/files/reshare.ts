import { equalBytes } from '../../core/bytes.ts';
import type { Messages, Tandem } from '../../core/wasm.ts';
import { ProtocolError, StoreError, UsageError } from '../../errors.ts';
import type { SignedPermission } from '../../protocol/cosigner.ts';
import { type Permission, permissionToDeal } from '../../protocol/permission.ts';
import { ACTION, HOT } from '../../protocol/roles.ts';
import type { Runtime } from '../../runtime/types.ts';
import { actionOf, type Holder } from '../../store/action.ts';
import { openShareInfo, removeEarlier } from '../../store/check.ts';
import type { DealSession, DealTerms } from '../../store/deals.ts';
import {
  type Draft,
  draftChange,
  draftWallet,
  findWallet,
  listWallets,
  type NewWallet,
  namedIn,
  nextSealedName,
  readWallet,
  type Store,
  type WalletInfo,
} from '../../store/store.ts';
import { oldShares, retire } from '../change.ts';
import { describeAction } from '../describe.ts';
import { type AskAuthority, about, expiry, isSignedBy, signedPermission, signPermission } from '../permission.ts';
import { type Deal, nextAuthority, planParties } from '../plan.ts';
import { clear, fresh, type Load } from '../play.ts';

// What is special about an offline deal that gives an existing key new shares: what it begins with, who allows it, how it ends.

type Reshare = NonNullable<DealTerms['reshare']>;

export interface ReshareDealOptions {
  readonly store: Store;
  /** The address; may be left out if the store has only one wallet. */
  readonly id?: string | undefined;
  /** Where the wallet's action runs: this machine, which has the hot share, calls it. */
  readonly runtime?: Runtime | undefined;
  /** How many shares sign, and how many there are; by default as before. */
  readonly threshold?: number | undefined;
  readonly parties?: number | undefined;
  /** The authority over the action's share from now on; by default as before. */
  readonly authority?: string | undefined;
  /** For a wallet without an action, the old parties that deal; by default the first ones. */
  readonly dealers?: readonly number[] | undefined;
  readonly load?: Load;
}

/**
 * The terms of new shares, and the action's source. With an action, the hot share and the action's share deal, never a cold one.
 * If a cold machine dealt, a hot machine that impersonates the action would get as many parts of the cold share as sign.
 *
 * @throws UsageError, StoreError
 */
export async function planReshare(
  options: ReshareDealOptions,
): Promise<{ terms: DealTerms; source: string | undefined }> {
  const { store, runtime, load } = options;
  const old = await retire(store, await readWallet(store, await findWallet(store, options.id)), runtime);
  const threshold = options.threshold ?? old.threshold;
  const parties = planParties(threshold, options.parties ?? old.parties.length, old.action);
  const dealers = dealersOf(old, options.dealers);
  const { source, authority } = await actionTo(options, old, parties);
  const shares = await oldShares(store, old, load);
  try {
    const [share] = shares.values();
    if (share === undefined) {
      throw new StoreError('missing', `No share of ${old.address} is here.`, {
        next: 'begin on a machine that has one.',
      });
    }
    const terms: DealTerms = {
      threshold,
      parties,
      runtime: old.runtime,
      ...(old.action && {
        action: describeAction(old.action, {
          wallet: old.action.wallet,
          authority,
          sealed: nextSealedName(old),
          interactive: old.action.interactive,
        }),
      }),
      created: old.created,
      reshare: {
        account: old.address,
        keyId: old.keyId,
        old: (await fresh(load)).shareKey(share),
        ...(old.action && { authority: old.action.authority }),
        epoch: old.epoch + 1,
        dealers,
      },
    };
    return { terms, source };
  } finally {
    clear(shares);
  }
}

function dealersOf(old: WalletInfo, wanted: readonly number[] | undefined): number[] {
  const { parties, threshold, action } = old;
  const held = parties.map(({ index }) => index);
  if (action !== undefined) {
    if (threshold === 2 && wanted === undefined) return [HOT, ACTION];
    throw new UsageError('With an action, the hot share and the action deal new shares offline, and nobody else.', {
      next: 'use reshare or recover, with the shares on one machine.',
    });
  }
  const dealers = [...new Set(wanted ?? held.slice(0, threshold))].sort((a, b) => a - b);
  if (dealers.length !== threshold || !dealers.every((index) => held.includes(index))) {
    throw new UsageError(`${threshold} of the parties ${held.join(', ')} deal.`, { next: 'name as many with --from.' });
  }
  return dealers;
}

async function actionTo(
  { store, runtime, ...options }: ReshareDealOptions,
  old: WalletInfo,
  parties: DealTerms['parties'],
) {
  if (old.action === undefined) {
    if (options.authority === undefined) return { source: undefined, authority: '' };
    throw new UsageError('Only a wallet with an action has an authority, and this one has no action.');
  }
  if (old.action.authority === 'none') {
    throw new UsageError('Nobody may ask the action of this wallet to deal: it was made with the authority none.', {
      next: 'use reshare with the hot and the cold share, which need no action.',
    });
  }
  const authority = nextAuthority(old, options.authority, parties, undefined);
  return { source: (await actionOf(store, old, runtime)).source, authority };
}

/** The wallet that gets new shares, if this machine has it. @throws StoreError old-share, if it has one of other shares */
export async function walletOf(store: Store, { account, keyId, epoch }: Reshare): Promise<WalletInfo | undefined> {
  const address = namedIn(await listWallets(store), account);
  if (address === undefined) return undefined;
  const info = await readWallet(store, address);
  if (info.keyId === keyId) return info;
  throw new StoreError(
    'old-share',
    `The shares of ${account} here have epoch ${info.epoch}, but this deal replaces epoch ${epoch - 1}.`,
    {
      next:
        info.epoch < epoch
          ? 'the share here is void: move its folder away and join as a new machine.'
          : 'those here are newer: drop this deal.',
    },
  );
}

/** The old shares that are here, by index, which the caller clears. @throws StoreError */
export async function sharesFor(store: Store, reshare: Reshare, load: Load): Promise<Map<number, Uint8Array>> {
  const info = await walletOf(store, reshare);
  return info === undefined ? new Map() : oldShares(store, info, load);
}

/**
 * Checks the deal that a machine is asked to join with these parties. A joining machine must not deal if there is an action. The
 * words do not cover the action's round 1, which comes from the machine that began, and that machine may impersonate the
 * action. The parts dealt to both would be enough for an old share.
 *
 * @throws ProtocolError, StoreError
 */
export async function assertJoinable(
  store: Store,
  terms: DealTerms,
  reshare: Reshare,
  here: readonly number[],
): Promise<void> {
  const next = 'drop the deal on all machines, and begin on the one with the hot share.';
  if (terms.action !== undefined && here.some((index) => reshare.dealers.includes(index))) {
    throw new ProtocolError(
      'The file asks this machine to deal, but a joining machine must not deal if there is an action.',
      {
        next,
      },
    );
  }
  if (terms.action !== undefined && String(reshare.dealers) !== String([HOT, ACTION])) {
    throw new ProtocolError('With an action, the hot share and the action deal new shares, and nobody else.', { next });
  }
  const info = await walletOf(store, reshare);
  if (info === undefined) return;
  if (terms.action === undefined && info.action !== undefined) {
    throw new ProtocolError(`The terms name no action, but ${reshare.account} has an action.`, { next });
  }
  // What does not change as long as the shares do not: a policy, its action and the authority may have been changed elsewhere.
  const told = { ...terms, ...terms.action, epoch: reshare.epoch };
  const known = { ...info, ...info.action, epoch: info.epoch + 1 };
  for (const [name, what] of Object.entries(LASTING) as [keyof typeof LASTING, string][]) {
    if (String(told[name]).toLowerCase() === String(known[name]).toLowerCase()) continue;
    throw new ProtocolError(`The terms name another ${what} than ${reshare.account} has here.`, { next });
  }
}

const LASTING = {
  runtime: 'host',
  wallet: 'host wallet',
  interactive: 'setting of --allow-interactive',
  epoch: 'epoch',
} as const;

/**
 * What the terms say about the key must match the machine's own shares of it.
 *
 * @throws ProtocolError
 */
export function assertSameKey(reshare: Reshare, shares: ReadonlyMap<number, Uint8Array>, tandem: Tandem): void {
  for (const share of shares.values()) {
    if (equalBytes(tandem.shareKey(share), reshare.old)) continue;
    throw new ProtocolError(`The terms for ${reshare.account} contradict its share here.`, {
      next: 'drop the deal on all machines: somebody changed the file, or the machine that began the deal is compromised.',
    });
  }
}

/** Who deals offline to whom, by the terms. */
export function dealOf({ threshold, parties, reshare }: DealTerms): Deal {
  const indices = parties.map(({ index }) => index);
  if (reshare === undefined) return { kind: 'keygen', threshold, parties: indices, contributors: indices, epoch: 0 };
  const { dealers: contributors, epoch } = reshare;
  return { kind: 'reshare', threshold, parties: indices, contributors, epoch };
}

/** What the authority over the action's share permits: to deal to those who made these messages of round 1. */
function permissionOf(terms: DealTerms, reshare: Reshare, round1: Messages, expires: number): Permission {
  const { action } = terms;
  const wallet = about({ address: reshare.account, keyId: reshare.keyId, action });
  return permissionToDeal(wallet, dealOf(terms), { authority: action?.authority ?? 'none', round1, expires });
}

/** The signature of a cold share that is on this machine; undefined if that is not for it to decide. @throws StoreError */
export async function permit(
  store: Store,
  terms: DealTerms,
  reshare: Reshare,
  round1: Messages,
  load: Load,
): Promise<DealSession['authorization']> {
  if (reshare.authority !== 'cold') return undefined;
  const info = await walletOf(store, reshare);
  if (info === undefined) return undefined;
  const shares = await oldShares(store, info, load);
  try {
    const cold = info.parties.find(({ index, role }) => role === 'cold' && shares.has(index));
    const share = cold && shares.get(cold.index);
    if (share === undefined) return undefined;
    const expires = expiry();
    const signed = signPermission(await fresh(load), share, permissionOf(terms, reshare, round1, expires));
    return { ...signed, expires };
  } finally {
    clear(shares);
  }
}

/**
 * What the first call of the action is given: its sealed share and the authority's signature. It is the one that came by a
 * file, of a cold share that is here, or the one that `askAuthority` gets; undefined as long as it has to come from a cold machine.
 *
 * @throws StoreError, UsageError; ProtocolError if what came is not the authority's
 */
export async function permittedCall(
  options: { readonly store: Store; readonly load?: Load; readonly askAuthority?: AskAuthority | undefined },
  { terms, authorization: given }: Pick<DealSession, 'terms' | 'authorization'>,
  reshare: Reshare,
  round1: Messages,
  runtime: Runtime,
): Promise<{ holder: Holder; permission: SignedPermission } | undefined> {
  const { store, load, askAuthority } = options;
  const info = await walletOf(store, reshare);
  if (info === undefined) throw new StoreError('missing', `The wallet ${reshare.account} is not here any more.`);
  const shares = await oldShares(store, info, load);
  try {
    const holder = await actionOf(store, info, runtime);
    if (holder.cid !== terms.action?.cid) {
      throw new StoreError('changed', `The action of ${info.address} has changed.`, {
        next: 'drop this deal on all machines, and begin again.',
      });
    }
    const tandem = await fresh(load);
    if (given !== undefined) {
      const wanted = permissionOf(terms, reshare, round1, given.expires);
      if (!isSignedBy(info, reshare.authority ?? 'none', shares, wanted, given, tandem)) {
        throw new ProtocolError('The file holds an authorization that no cold share signed for this deal.', {
          next: 'ask for the newest file of the machine with the cold share again.',
        });
      }
      if (given.expires * 1000 > Date.now()) return { holder, permission: given };
      if (askAuthority === undefined) {
        throw new ProtocolError('The authorization of the cold share has expired.', {
          next: 'on its machine, set the clock if it is wrong and confirm the words once more.',
        });
      }
    }
    const isHere = info.parties.some(({ index, role }) => role === 'cold' && shares.has(index));
    if (reshare.authority === 'cold' && !isHere && askAuthority === undefined) return undefined;
    const wanted = permissionOf(terms, reshare, round1, expiry());
    return { holder, permission: await signedPermission(info, shares, wanted, { ask: askAuthority, tandem }) };
  } finally {
    clear(shares);
  }
}

/**
 * Begins to store the new shares of a wallet: in the place of those of the sharing `keyId`, if they are here. If a process
 * that was killed has stored them already, it deletes the old ones that it may have left.
 */
export async function draftReshare(store: Store, { info, shares, action }: NewWallet, keyId: string): Promise<Draft> {
  if (!(await listWallets(store)).includes(info.address)) return draftWallet(store, shares.size);
  const here = await readWallet(store, info.address);
  if (here.keyId === info.keyId) {
    for (const index of shares.keys()) await openShareInfo(store, here, index);
    return { finish: () => removeEarlier(store, here), discard: () => {} };
  }
  // A share that was moved to another action has taken the name since, and a policy that is not to be undone.
  const isMoved = action !== undefined && nextSealedName(here) !== info.action?.sealed;
  if (here.keyId === keyId && !isMoved) return draftChange(store, here, shares.size);
  throw new StoreError('changed', `Another command gave the wallet ${info.address} new shares or another action.`, {
    next: 'drop this deal on all machines.',
  });
}
