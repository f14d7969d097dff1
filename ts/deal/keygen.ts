import { addressOfKey, type Hex } from '../core/evm.ts';
import { HOT } from '../protocol/roles.ts';
import type { AskOptions } from '../runtime/ask.ts';
import { draftWallet, type Store, type WalletInfo } from '../store/store.ts';
import { keepDealt } from './correlate.ts';
import { describeAction, describeKey, type HeldBy } from './describe.ts';
import { assertOthers, type Deal, type HostedAction, paramsOf, planAuthority, planParties } from './plan.ts';
import { clear, type Load, playHere } from './play.ts';
import { hostWallet, remoteParty } from './remote.ts';

export interface KeygenOptions extends AskOptions {
  readonly store: Store;
  /** Starts a fresh wasm instance, one for each party here; by default of build/tandem.wasm. */
  readonly load?: Load;
  /** The action that becomes party 2, and where it runs. Without it all parties are here. */
  readonly action?: HostedAction | undefined;
  /** How many shares sign. With more than 2, and an action, it has to be `interactive`. */
  readonly threshold: number;
  /** How many shares there are, from the threshold to 16: 1 is hot, 2 the action's (if there is one), the others cold. */
  readonly parties: number;
  /** Who may ask the action to deal again: the cold share (default, if there is one), a guardian's address, or nobody. */
  readonly authority?: 'cold' | 'none' | Hex | undefined;
  /**
   * Let the action sign by dkls23 as well. An attacker on the hot share's machine then gets the whole key, past the policy:
   * docs/security.md, "The attack".
   */
  readonly interactive?: boolean | undefined;
  /** `memory`: no correlation with the action is left on disk. The first signature of each process makes its own. */
  readonly correlation?: 'memory' | undefined;
  /** A private key (32 bytes, from 1 to q - 1) that becomes the wallet's. It still signs alone, wherever it is kept. */
  readonly secret?: Uint8Array | undefined;
}

/**
 * Makes a wallet, in two calls of the action. The key is dealt so that nobody ever holds it, or it is a given private key. The
 * shares of this machine and the action's sealed one appear in the store together, in one step, once every party has confirmed
 * its share.
 *
 * @returns what is public about the wallet, and how often the action was called
 * @throws UsageError, StoreError, RefusedError, ProtocolError (if a party broke the protocol); RuntimeError of the host
 *
 * @example
 * ```ts
 * import { builtinPolicies, cosigner, createWallet } from 'tandem-ecdsa';
 * import { LocalRuntime } from 'tandem-ecdsa/local';
 * import { openStore } from 'tandem-ecdsa/node';
 *
 * const store = openStore('wallets', async () => ({ passphrase: process.env.TANDEM_PASSPHRASE ?? '' }));
 * const runtime = await LocalRuntime.open({ dir: 'wallets/local-lit' });
 * const action = { runtime, ...(await cosigner(builtinPolicies.messages)) };
 * const { wallet } = await createWallet({ store, action, threshold: 2, parties: 3 });
 * console.log(wallet.address);
 * runtime.close();
 * ```
 */
export async function createWallet(options: KeygenOptions): Promise<{ wallet: WalletInfo; calls: number }> {
  const { store, action, threshold, secret, onProgress, signal } = options;
  const interactive = options.interactive === true;
  const parties = planParties(threshold, options.parties, action && { interactive });
  const authority = planAuthority(options.authority, parties);
  // Nobody knows the address of a new key before it is dealt.
  if (secret !== undefined && action !== undefined) assertOthers(addressOfKey(secret), authority, action);
  const indices = parties.map(({ index }) => index);
  const here = parties.filter(({ role }) => role !== 'action').map(({ index }) => index);
  const deal: Deal =
    secret === undefined
      ? { kind: 'keygen', threshold, parties: indices, contributors: indices, epoch: 0 }
      : { kind: 'import', threshold, parties: indices, contributors: here.slice(0, 1), epoch: 0 };

  const draft = await draftWallet(store, here.length);
  try {
    onProgress?.('dealing');
    const wallet = action && (await hostWallet(action, options));
    const hosted =
      action !== undefined && wallet !== undefined ? { action, wallet, authority, interactive } : undefined;
    const under = hosted && { ...hosted, format: options.correlation === 'memory' ? undefined : hosted.action.format };
    const remote = under && remoteParty(under.action, deal, under, () => ({ interactive }), options);
    const params = here.map((self) => paramsOf(deal, self, { secret }));
    const dealt = await playHere(deal, params, remote, options.load);
    try {
      onProgress?.('storing the shares');
      const held: HeldBy = hosted
        ? { runtime: hosted.action.runtime.name, action: describeAction(hosted.action, hosted) }
        : { runtime: 'none' };
      const info = describeKey(dealt.infos, { threshold, parties }, held);
      signal?.throwIfAborted();
      const { shares, sealed } = dealt;
      await draft.finish({
        info,
        shares,
        action: action && sealed !== undefined ? { sealed, source: action.source } : undefined,
      });
      if (remote?.correlates)
        await keepDealt(store, info, { share: shares.get(HOT), correlation: dealt.correlation }, options);
      return { wallet: info, calls: action === undefined ? 0 : 2 };
    } finally {
      clear(dealt.shares);
    }
  } finally {
    draft.discard();
  }
}
