import { addressOf, toHex } from '../core/evm.ts';
import type { ShareInfo } from '../core/wasm.ts';
import { ProtocolError } from '../errors.ts';
import type { PartyInfo, WalletInfo } from '../store/store.ts';
import type { HostedAction } from './plan.ts';

// What wallet.json says about a key that was dealt.

/** What wallet.json says about the action: it holds a share, or there is no action. */
export type HeldBy = Pick<WalletInfo, 'runtime' | 'action'>;

/** What wallet.json says about the action that holds a share, and about the place of that share. */
export function describeAction(
  { cid, policy, format }: Pick<HostedAction, 'cid' | 'policy' | 'format'>,
  held: {
    readonly wallet: string;
    readonly authority: string;
    readonly sealed?: string | undefined;
    readonly interactive?: boolean | undefined;
    /** The action before this one, which the host may still let use the wallet. */
    readonly retired?: string | undefined;
  },
): NonNullable<WalletInfo['action']> {
  const { wallet, authority, sealed, interactive, retired } = held;
  return {
    wallet,
    cid,
    policy,
    authority,
    ...(sealed !== undefined && { sealed }),
    ...(interactive && { interactive }),
    ...(format !== undefined && { format }),
    ...(retired !== undefined && { retired }),
  };
}

/**
 * What is stored about a key. First checks that all parties here agree on it, that its shares follow the plan, and that noble
 * and the module compute the same address.
 *
 * @throws ProtocolError otherwise
 */
export function describeKey(
  infos: readonly ShareInfo[],
  { threshold, parties }: { readonly threshold: number; readonly parties: readonly PartyInfo[] },
  held: HeldBy,
  created = new Date().toISOString(),
): WalletInfo {
  const [info] = infos;
  const isSame = infos.every((other) => info !== undefined && toHex(other.keyId) === toHex(info.keyId));
  if (info === undefined || !isSame || addressOf(info.publicKey).toLowerCase() !== toHex(info.address)) {
    throw new ProtocolError('The parties here ended with different keys; nothing was stored.');
  }
  if (info.threshold !== threshold || String(info.parties) !== String(parties.map(({ index }) => index))) {
    throw new ProtocolError('The shares do not match the plan; nothing was stored.');
  }
  return {
    version: 1,
    address: addressOf(info.publicKey),
    publicKey: toHex(info.publicKey),
    keyId: toHex(info.keyId),
    epoch: info.epoch,
    threshold: info.threshold,
    parties: [...parties],
    created,
    ...held,
  };
}
