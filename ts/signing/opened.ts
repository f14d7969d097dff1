import { addressOf, derivePublicKey, type Hex } from '../core/evm.ts';
import type { ShareInfo, Tandem } from '../core/wasm.ts';
import { UsageError } from '../errors.ts';
import type { Runtime } from '../runtime/types.ts';
import type { Correlations } from '../store/correlations.ts';
import { checkShare, type PartyInfo, readShare, type Store, type WalletInfo } from '../store/store.ts';
import type { OpenShare, Prepared } from './prepared.ts';

/** An opened wallet: what every way to sign with it needs. */
export interface Opened {
  readonly store: Store;
  readonly info: WalletInfo;
  /** Where its action runs, if that is connected. */
  readonly runtime: Runtime | undefined;
  /** Starts a fresh wasm instance. */
  readonly load: () => Promise<Tandem>;
  readonly prepared: Prepared;
  readonly correlations: Correlations;
}

/** The first party of a role. @throws UsageError if there is none */
export function theParty(info: WalletInfo, role: PartyInfo['role']): PartyInfo {
  const party = info.parties.find((p) => p.role === role);
  if (party === undefined) throw new UsageError(`The wallet ${info.address} has no ${role} share.`);
  return party;
}

/**
 * Opens a share and checks it against wallet.json. The caller clears it.
 *
 * @param tandem the caller's instance of the module, if it has one: starting another takes longer than to read a share
 */
export async function openShare({ store, info, load }: Opened, index: number, tandem?: Tandem): Promise<OpenShare> {
  const share = await readShare(store, info, index);
  try {
    const known = (tandem ?? (await load())).shareInfo(share);
    checkShare(store, info, index, known);
    return { share, known };
  } catch (error) {
    share.fill(0);
    throw error;
  }
}

/** The hot share, from memory if it was prepared, otherwise by {@link openShare}. The caller clears it. */
export async function hotShare(opened: Opened, tandem?: Tandem): Promise<OpenShare> {
  return opened.prepared.get() ?? (await openShare(opened, theParty(opened.info, 'hot').index, tandem));
}

/** The address of the key at a path. */
export function addressAt({ publicKey, chainCode }: ShareInfo, steps: readonly number[]): Hex {
  return addressOf(derivePublicKey(publicKey, chainCode, steps));
}
