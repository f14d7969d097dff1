import type { Address } from 'viem';
import { address, count } from '../read/strict.ts';

/** EIP-7702: lets the code at `address` act for the signing account. */
export interface Authorization {
  /** 0 means every chain. */
  readonly chainId: number;
  readonly address: Address;
  readonly nonce: number;
}

/** The readers of an {@link Authorization}, signed or not. */
export const authorizationFields = { chainId: count(), address, nonce: count() };

/** The chains that an authorization is good on, in words. */
export function chainOf({ chainId }: Authorization): string {
  return chainId === 0 ? 'EVERY chain' : `chain ${chainId}`;
}
