import { addressOfKey, type Hex } from '../core/evm.ts';
import type { DealParams, Tandem } from '../core/wasm.ts';
import { ACTION } from '../protocol/roles.ts';
import type { AskOptions } from '../runtime/ask.ts';
import { draftWallet, type Store, type WalletInfo } from '../store/store.ts';
import {
  assertOthers,
  describeKey,
  type HeldBy,
  type HostedAction,
  planAuthority,
  planParties,
  remoteParty,
  runDeal,
} from './deal.ts';

export interface KeygenOptions extends AskOptions {
  readonly store: Store;
  /** Starts a fresh wasm instance, one for each party here; by default of build/tandem.wasm. */
  readonly load?: (() => Promise<Tandem>) | undefined;
  /** The action that becomes party 2, and where it runs. Without it all parties are here. */
  readonly action?: HostedAction | undefined;
  /** How many shares sign. With more than 2, and an action, it has to be `interactive`. */
  readonly threshold: number;
  /** How many shares there are, from the threshold to 16: 1 is hot, 2 the action's (if there is one), the others cold. */
  readonly parties: number;
  /** Who may ask the action to deal again: the cold share (default, if there is one), a guardian's address, or nobody. */
  readonly authority?: 'cold' | 'none' | Hex | undefined;
  /**
   * Let the action sign by dkls23 as well. Whoever has the hot share's machine then gets the whole key, past the policy:
   * docs/security.md, "The attack".
   */
  readonly interactive?: boolean | undefined;
  /** A private key (32 bytes, from 1 to q - 1) that becomes the wallet's. Whoever has it can still sign alone. */
  readonly secret?: Uint8Array | undefined;
}

/**
 * Makes a wallet, in two calls of the action: a key that is dealt so that nobody ever holds it, or one that somebody holds
 * and gives. The shares of this machine and the action's sealed one appear in the store together, in one step, once
 * every party has confirmed its share.
 *
 * @returns what is public about the wallet, and how often the action was called
 * @throws UsageError, StoreError, RefusedError, ProtocolError (if a party broke the protocol); RuntimeError of the host
 */
export async function createWallet(options: KeygenOptions): Promise<{ wallet: WalletInfo; calls: number }> {
  const { store, action, threshold, secret, onProgress, signal } = options;
  const interactive = options.interactive === true;
  const parties = planParties(threshold, options.parties, action && { interactive });
  const authority = planAuthority(options.authority, parties);
  // Nobody knows the address of a new key before it is dealt.
  if (secret !== undefined && action !== undefined) assertOthers(addressOfKey(secret), authority, action);
  const indices = parties.map((party) => party.index);
  const here = parties.filter(({ role }) => role !== 'action').map(({ index }) => index);
  const [dealer = 1] = here;
  const deal = { threshold, parties: indices, epoch: 0 };
  const imported = { ...deal, kind: 'import' as const, contributors: [dealer] };
  const paramsOf = (self: number): DealParams => {
    if (secret === undefined) return { ...deal, kind: 'keygen', contributors: indices, self };
    return { ...imported, self, ...(self === dealer && { secret }) };
  };

  const draft = await draftWallet(store, here.length);
  try {
    onProgress?.('dealing');
    const wallet = action && (await hostWallet(action, options));
    const request = { threshold, parties: indices, self: ACTION, authority, interactive, wallet: wallet ?? '' };
    const asked =
      secret === undefined
        ? { ...request, kind: 'keygen' as const }
        : { ...request, kind: 'import' as const, contributors: imported.contributors };
    const dealt = await runDeal(here.map(paramsOf), action && remoteParty(action, () => asked, options), options.load);
    try {
      onProgress?.('storing the shares');
      const held: HeldBy =
        action === undefined || wallet === undefined
          ? { runtime: 'none' }
          : {
              runtime: action.runtime.name,
              action: {
                wallet,
                cid: action.cid,
                policy: action.policy,
                authority,
                ...(interactive && { interactive }),
                ...(action.format && { format: action.format }),
              },
            };
      const infos = dealt.shares.map(({ info }) => info);
      const info = describeKey(infos, { threshold, parties }, held);
      signal?.throwIfAborted();
      const shares = new Map(dealt.shares.map(({ share, info: { index } }) => [index, share]));
      const { sealed } = dealt;
      await draft.finish({
        info,
        shares,
        action: action && sealed !== undefined ? { sealed, source: action.source } : undefined,
      });
      return { wallet: info, calls: action === undefined ? 0 : 2 };
    } finally {
      for (const { share } of dealt.shares) share.fill(0);
    }
  } finally {
    draft.discard();
  }
}

/** A new wallet at the host, which this action alone may use. */
async function hostWallet({ runtime, cid }: HostedAction, { onProgress }: AskOptions): Promise<string> {
  onProgress?.('asking the host for a wallet');
  const wallet = await runtime.createWallet();
  await runtime.permit(wallet, cid);
  return wallet;
}
