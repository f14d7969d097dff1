import type { Hex } from 'viem';
import { sha256 } from 'viem/utils';
import { toHex } from '../core/bytes.ts';
import { encodeCbor } from '../core/cbor.ts';
import type { Messages } from '../core/wasm.ts';
import { digestOfTypedData } from '../intent/domain.ts';
import type { TypedData } from '../intent/intent.ts';

// What the authority over the action's share signs, so that the action deals new shares of it or moves it to another action. The
// EIP-712 type is named Authorization.

/** The longest validity of a permission, by the host's clock, in seconds. */
export const MAX_VALIDITY = 3600;

/** What is permitted. Addresses are in lower-case hex. */
export interface Permission {
  /** The action takes part in a deal, or passes its share on as it is. */
  readonly what: 'deal new shares' | 'move the share';
  /** The wallet's own address, and the host wallet that encrypts the share. */
  readonly account: string;
  readonly hostWallet: string;
  /** The present sharing, which the action's share belongs to. */
  readonly keyId: string;
  /** The epoch of the new shares; for a migration, the present one. */
  readonly epoch: number;
  /** Those who deal, those who hold a share afterwards, and how many of these sign. */
  readonly dealers: readonly number[];
  readonly holders: readonly number[];
  readonly threshold: number;
  /** The CID of the action that holds the action's share afterwards, or {@link SAME}. */
  readonly action: string;
  /** The authority over that share from then on. */
  readonly authority: string;
  /** {@link hashOf} the first messages of all others: only their senders get shares. */
  readonly messages: string;
  /** Unix time in seconds. */
  readonly expires: number;
}

/** In {@link Permission}: the action that holds the share now keeps it. */
export const SAME = 'the same';

type Wallet = Pick<Permission, 'account' | 'hostWallet' | 'keyId'>;
type After = Pick<Permission, 'authority' | 'expires'>;

/** Permits a deal to the senders of these messages of round 1, with the parameters of the request to the co-signer. */
export function permissionToDeal(
  wallet: Wallet,
  deal: Pick<Permission, 'epoch' | 'threshold'> & {
    readonly contributors: readonly number[];
    readonly parties: readonly number[];
  },
  {
    action = SAME,
    authority,
    round1,
    expires,
  }: After & { readonly action?: string | undefined; readonly round1: Messages },
): Permission {
  const { epoch, threshold, contributors: dealers, parties: holders } = deal;
  const messages = hashOf(round1);
  const { account, hostWallet, keyId } = wallet;
  return {
    what: 'deal new shares',
    account,
    hostWallet,
    keyId,
    epoch,
    dealers,
    holders,
    threshold,
    action,
    authority,
    messages,
    expires,
  };
}

/** Permits the action to pass the share of a sharing, as it is, to another action. */
export function permissionToMove(
  wallet: Wallet,
  { epoch, threshold, parties }: Pick<Permission, 'epoch' | 'threshold'> & { readonly parties: readonly number[] },
  { action, authority, expires }: After & { readonly action: string },
): Permission {
  const deal = { epoch, threshold, parties, contributors: [] };
  const moved = permissionToDeal(wallet, deal, { action, authority, round1: new Map(), expires });
  return { ...moved, what: 'move the share' };
}

const DOMAIN = { name: 'tandem', version: '1' } as const;
const PRIMARY_TYPE = 'Authorization' as const;
const TYPES = {
  Authorization: [
    { name: 'what', type: 'string' },
    { name: 'account', type: 'address' },
    { name: 'hostWallet', type: 'address' },
    { name: 'keyId', type: 'bytes32' },
    { name: 'epoch', type: 'uint32' },
    { name: 'dealers', type: 'uint8[]' },
    { name: 'holders', type: 'uint8[]' },
    { name: 'threshold', type: 'uint8' },
    { name: 'action', type: 'string' },
    { name: 'authority', type: 'string' },
    { name: 'messages', type: 'bytes32' },
    { name: 'expires', type: 'uint64' },
  ],
} as const;

/** The permission as typed data (EIP-712), which a hardware wallet shows field by field; JSON as eth_signTypedData_v4 takes it. */
export function typedDataOf(permission: Permission) {
  const EIP712Domain = [
    { name: 'name', type: 'string' },
    { name: 'version', type: 'string' },
  ];
  return {
    domain: DOMAIN,
    types: { EIP712Domain, ...TYPES },
    primaryType: PRIMARY_TYPE,
    message: permission,
  };
}

/** What is signed: the hash of {@link typedDataOf}. */
export function digestOfPermission(permission: Permission): Hex {
  return digestOfTypedData({ domain: DOMAIN, types: TYPES, primaryType: PRIMARY_TYPE, message: { ...permission } });
}

/** The wallet that typed data is a permission for, in lower-case hex; undefined if it is not a permission. */
export function permittedAccount({ domain, primaryType, message }: TypedData): string | undefined {
  const { account } = message;
  const isOurs = domain.name === DOMAIN.name && primaryType === PRIMARY_TYPE;
  return isOurs && typeof account === 'string' ? account.toLowerCase() : undefined;
}

/** SHA-256 of messages by their sender: a CBOR map. */
export function hashOf(messages: Messages): Hex {
  return sha256(toHex(encodeCbor(messages)));
}
