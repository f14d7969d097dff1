import type { Hex } from '../core/evm.ts';
import { addressOf, derivePublicKey } from '../core/evm.ts';
import type { ShareInfo, Tandem } from '../core/wasm.ts';
import { UsageError } from '../errors.ts';
import type { Runtime } from '../runtime/types.ts';
import { type PartyInfo, readShare, type Store, type WalletInfo } from '../store/store.ts';
import type { RequestPool } from './prepared.ts';

/** A wallet that was opened: what all that signs with it needs. */
export interface Opened {
  readonly store: Store;
  readonly info: WalletInfo;
  /** Where its action runs, if that is connected. */
  readonly runtime: Runtime | undefined;
  /** Starts a fresh wasm instance. */
  readonly load: () => Promise<Tandem>;
  readonly pool: RequestPool;
}

/** The first party of a role. @throws UsageError if there is none */
export function theParty(info: WalletInfo, role: PartyInfo['role']): PartyInfo {
  const party = info.parties.find((p) => p.role === role);
  if (party === undefined) throw new UsageError(`The wallet ${info.address} has no ${role} share.`);
  return party;
}

/** The hot share, which the caller clears. */
export function hotShare({ store, info }: Opened): Promise<Uint8Array> {
  return readShare(store, info, theParty(info, 'hot').index);
}

/** The address of the key at a path. */
export function addressAt({ publicKey, chainCode }: ShareInfo, steps: readonly number[]): Hex {
  return addressOf(derivePublicKey(publicKey, chainCode, steps));
}
