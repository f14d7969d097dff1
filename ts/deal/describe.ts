import { addressOf, toHex } from '../core/evm.ts';
import type { ShareInfo } from '../core/wasm.ts';
import { ProtocolError } from '../errors.ts';
import type { NewWallet, PartyInfo } from '../store/store.ts';
import type { HostedAction } from './plan.ts';

// What wallet.json says of a key that was dealt.

type WalletInfo = NewWallet['info'];

/** What wallet.json says of the action: it holds a share, or none does. */
export type HeldBy = Pick<WalletInfo, 'runtime' | 'action'>;

/** What wallet.json says of the action that holds a share, and of where that share is. */
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
 * What is stored about a key, once all parties here agree on it, it is shared as was planned, and noble agrees with the module
 * on its address.
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
    throw new ProtocolError('The key is shared otherwise than was planned; nothing was stored.');
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
