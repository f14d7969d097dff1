import type { Address } from 'viem';
import { address } from '../intent/read/strict.ts';

/** In a policy, this word stands for the address that would sign. */
export const ACCOUNT = 'account';

/** An address in lower case, or {@link ACCOUNT}. @throws InputError */
export function readWho(value: string, path: string): string {
  return value === ACCOUNT ? value : address(value, path);
}

/** The address that is meant; undefined if that is the account and its address is not known. */
export function resolveWho(value: string, account: string | undefined): Address | undefined {
  return (value === ACCOUNT ? account : value) as Address | undefined;
}
