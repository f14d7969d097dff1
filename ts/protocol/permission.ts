import type { Hex } from 'viem';
import { hashTypedData, sha256 } from 'viem/utils';
import { toHex } from '../core/bytes.ts';
import { encodeCbor } from '../core/cbor.ts';
import type { Messages } from '../core/wasm.ts';
import type { TypedData } from '../intent/intent.ts';

// What the authority over the action's share signs, so that the action deals it anew or moves it to another action.

/** How long an authorization is good at most, by the host's clock, in seconds. */
export const MAX_VALIDITY = 3600;

/** What is allowed. Addresses are in lower-case hex. */
export interface Terms {
  /** The action deals with others, or only hands its share on as it is. */
  readonly what: 'deal new shares' | 'move the share';
  /** The wallet's own address, and the host's wallet under whose encryption the share is. */
  readonly account: string;
  readonly hostWallet: string;
  /** The sharing that the action has a share of now. */
  readonly keyId: string;
  /** Of the new shares; of a move, that of now. */
  readonly epoch: number;
  /** Those who deal, those who hold a share afterwards, and how many of these sign. */
  readonly dealers: readonly number[];
  readonly holders: readonly number[];
  readonly threshold: number;
  /** The CID of the action that holds the action's share afterwards, or {@link SAME}. */
  readonly action: string;
  /** The authority over that share from then on. */
  readonly authority: string;
  /** {@link hashOf} the first messages of all others: whoever made them is dealt to, and nobody else. */
  readonly messages: string;
  /** Unix time in seconds. */
  readonly expires: number;
}

/** In {@link Terms}: the action that holds the share now keeps it. */
export const SAME = 'the same';

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

/** The terms as typed data (EIP-712), which a hardware wallet shows field by field; JSON as eth_signTypedData_v4 takes it. */
export function typedDataOf(terms: Terms) {
  const EIP712Domain = [
    { name: 'name', type: 'string' },
    { name: 'version', type: 'string' },
  ];
  return {
    domain: DOMAIN,
    types: { EIP712Domain, ...TYPES },
    primaryType: PRIMARY_TYPE,
    message: terms,
  };
}

/** What is signed: the hash of {@link typedDataOf}. */
export function digestOfTerms(terms: Terms): Hex {
  const { account, hostWallet, keyId, messages, expires, dealers, holders } = terms;
  return hashTypedData({
    ...typedDataOf(terms),
    types: TYPES,
    message: {
      ...terms,
      account: account as Hex,
      hostWallet: hostWallet as Hex,
      keyId: keyId as Hex,
      dealers: [...dealers],
      holders: [...holders],
      messages: messages as Hex,
      expires: BigInt(expires),
    },
  });
}

/** The wallet that typed data is an authorization for, in lower-case hex; undefined if it is none. */
export function authorizedAccount({ domain, primaryType, message }: TypedData): string | undefined {
  const { account } = message;
  const isOurs = domain.name === DOMAIN.name && primaryType === PRIMARY_TYPE;
  return isOurs && typeof account === 'string' ? account.toLowerCase() : undefined;
}

/** SHA-256 of messages by their sender: a CBOR map. */
export function hashOf(messages: Messages): Hex {
  return sha256(toHex(encodeCbor(messages)) as Hex);
}
