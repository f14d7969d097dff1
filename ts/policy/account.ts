import type { Address } from 'viem';
import { address } from '../intent/read/strict.ts';

/** Stands in a policy for the address that would sign. */
export const ACCOUNT = 'account';

/** An address in lower case, or {@link ACCOUNT}. @throws InputError */
export function readWho(value: string, path: string): string {
  return value === ACCOUNT ? value : address(value, path);
}

/** The address that is meant; undefined if it is the account's and that is not known. */
export function resolveWho(value: string, account: string | undefined): Address | undefined {
  return (value === ACCOUNT ? account : value) as Address | undefined;
}
