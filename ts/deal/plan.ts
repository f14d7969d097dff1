import * as v from 'valibot';
import type { DealParams } from '../core/wasm.ts';
import { StoreError, UsageError } from '../errors.ts';
import type { FORMAT } from '../protocol/cosigner.ts';
import { roleOf } from '../protocol/roles.ts';
import { Authority, MAX_PARTIES } from '../protocol/schema.ts';
import type { Action, Runtime } from '../runtime/types.ts';
import type { PartyInfo, WalletInfo } from '../store/store.ts';

// The plan of a deal, before anybody is asked: the parties, the authority over the action's share, and what each party on
// this machine begins with.

/** An action, where it runs, and the name of its policy, for people. */
export interface HostedAction extends Action {
  readonly runtime: Runtime;
  readonly policy: string;
  /** The format of its requests, if it is newer than version 0.1.0: as in wallet.json. */
  readonly format?: typeof FORMAT | undefined;
  /** The addresses whose approvals its policy requires. */
  readonly guardians?: readonly string[] | undefined;
}

/** The parties of a wallet: 1 is hot, 2 the action (if there is one), the others are cold. @throws UsageError */
export function planParties(
  threshold: number,
  count: number,
  action: { readonly interactive?: boolean | undefined } | undefined,
): PartyInfo[] {
  if (!Number.isInteger(count) || count < 2 || count > MAX_PARTIES) {
    throw new UsageError(`${count} parties are not possible.`, { next: `choose from 2 to ${MAX_PARTIES}.` });
  }
  if (!Number.isInteger(threshold) || threshold < 2 || threshold > count) {
    throw new UsageError(`A threshold of ${threshold} is not possible.`, { next: `choose from 2 to ${count}.` });
  }
  assertSigns(threshold, action);
  return Array.from({ length: count }, (_, i) => ({ index: i + 1, role: roleOf(i + 1, action !== undefined) }));
}

/** @throws UsageError if this threshold needs a protocol that the action may not take part in */
export function assertSigns(
  threshold: number,
  action: { readonly interactive?: boolean | undefined } | undefined,
): void {
  if (threshold <= 2 || action === undefined || action.interactive === true) return;
  throw new UsageError(`With a threshold of ${threshold} the action can sign only by dkls23.`, {
    next:
      'allow it with --allow-interactive (docs/security.md#the-attack says what that costs) when the wallet is made, ' +
      'choose a threshold of 2, or have no action (--runtime none).',
  });
}

/** The chosen authority over the action's share: by default the cold share, if there is one. @throws UsageError */
export function planAuthority(wanted: string | undefined, parties: readonly PartyInfo[]): string {
  const hasCold = parties.some(({ role }) => role === 'cold');
  if (wanted === 'cold' && !hasCold) {
    throw new UsageError('There is no cold share to be the authority.', {
      next: 'use 3 parties, or choose another authority.',
    });
  }
  if (wanted !== undefined && !v.is(Authority, wanted)) {
    throw new UsageError(`"${wanted}" is not an authority.`, { next: "choose cold, none or a guardian's address." });
  }
  return wanted?.toLowerCase() ?? (hasCold ? 'cold' : 'none');
}

/**
 * A key must not decide about itself. Otherwise an attacker who can make it sign would be the authority over the action's
 * share, and the guardian of its policy.
 *
 * @throws UsageError if the authority, or a guardian of the policy, is the key of this address
 */
export function assertOthers(
  account: string,
  authority: string,
  action: Pick<HostedAction, 'guardians'> | undefined,
): void {
  const own = account.toLowerCase();
  if (authority === own) {
    throw new UsageError(`${account} is the wallet's own address, which cannot be the authority over a share of it.`, {
      next: 'choose cold, none or the address of another key.',
    });
  }
  if (action?.guardians?.includes(own)) {
    throw new UsageError(`${account} is the wallet's own address, which cannot be a guardian of its policy.`, {
      next: 'name the address of another key in the policy.',
    });
  }
}

/** The authority over the action's share after a change: by default as before. @throws UsageError */
export function nextAuthority(
  { address, action }: Pick<WalletInfo, 'address' | 'action'>,
  wanted: string | undefined,
  parties: readonly PartyInfo[],
  next: Pick<HostedAction, 'guardians'> | undefined,
): string {
  const authority = planAuthority(wanted ?? action?.authority, parties);
  assertOthers(address, authority, next);
  return authority;
}

/** Who deals to whom: the same for all who take part. */
export type Deal = Readonly<Pick<DealParams, 'kind' | 'threshold' | 'parties' | 'contributors' | 'epoch'>>;

/** All who take part, ascending: those who get shares, and those who deal. */
export function participantsOf({ parties, contributors }: Deal): number[] {
  return [...new Set([...parties, ...contributors])].sort((a, b) => a - b);
}

/** An existing key, as this machine knows it. */
export interface KnownKey {
  /** The wallet's address. */
  readonly account: string;
  /** All public data of the sharing, as `Tandem.shareKey` gives it. */
  readonly key: Uint8Array;
  /** The shares that are here, by index: secret. */
  readonly shares: ReadonlyMap<number, Uint8Array>;
}

/**
 * What a party on this machine begins a deal with: its part, if it deals.
 *
 * @param brought the private key that is imported, or the key that gets new shares
 * @throws StoreError missing, if its old share is not here
 */
export function paramsOf(
  deal: Deal,
  self: number,
  brought: { readonly secret?: Uint8Array | undefined; readonly known?: KnownKey | undefined },
): DealParams {
  const { secret, known } = brought;
  const isDealer = deal.contributors.includes(self);
  if (deal.kind !== 'reshare') return { ...deal, self, ...(isDealer && secret && { secret }) };
  if (known === undefined) throw new Error('new shares, of which key?');
  if (!isDealer) return { ...deal, self, old: known.key };
  const share = known.shares.get(self);
  if (share !== undefined) return { ...deal, self, share };
  throw new StoreError('missing', `Party ${self} deals, and its share of ${known.account} is not here.`, {
    next: 'put its file back into the folder of the wallet, or let other parties deal.',
  });
}
