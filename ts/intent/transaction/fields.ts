import type { AccessList, Address, Hex } from 'viem';
import { InputError } from '../read/json.ts';
import { decimal, each, lower, mapValues } from '../read/loose.ts';
import { address, count, hex, list, literal, object, type Reader, uint } from '../read/strict.ts';
import type { Conversions } from './type.ts';

// The fields that several types of transactions have. A field of one type alone is in that type's file.

/** What every transaction has. */
export interface Common {
  /** At least 1: a signature without a chain id (before EIP-155) is good on every chain. */
  readonly chainId: number;
  readonly nonce: number;
  readonly gas: bigint;
  /** `null` creates a contract, and `data` is its init code. */
  readonly to: Address | null;
  readonly value: bigint;
  readonly data: Hex;
}

export interface GasPrice {
  readonly gasPrice: bigint;
}

/** EIP-1559. */
export interface Fees {
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

/** EIP-2930. */
export interface Access {
  readonly accessList: AccessList;
}

export const head = <const T extends string>(type: T) => ({ type: literal(type), chainId: count(1), nonce: count() });
export const call = <T>(to: Reader<T>) => ({ gas: uint(64), to, value: uint(256), data: hex() });
export const gasPrice = { gasPrice: uint(256) };
export const fees = { maxFeePerGas: uint(256), maxPriorityFeePerGas: uint(256) };
export const access = {
  accessList: list(object<AccessList[number]>({ address, storageKeys: list(hex(32)) }, {})),
};

/** Reads what `read` reads, and refuses a tip above the whole fee. */
export function feesInOrder<T extends Fees>(read: Reader<T>): Reader<T> {
  return (value, path) => {
    const transaction = read(value, path);
    if (transaction.maxPriorityFeePerGas > transaction.maxFeePerGas) {
      throw new InputError(`${path}.maxPriorityFeePerGas`, 'more than maxFeePerGas');
    }
    return transaction;
  };
}

export const atGasPrice = {
  feePerGas: (transaction: GasPrice): bigint => transaction.gasPrice,
  maxFee: (transaction: Common & GasPrice): bigint => transaction.gas * transaction.gasPrice,
};

export const atMaxFee = {
  feePerGas: (transaction: Fees): bigint => transaction.maxFeePerGas,
  maxFee: (transaction: Common & Fees): bigint => transaction.gas * transaction.maxFeePerGas,
};

export const leftOut = () => undefined;

/** What every transaction has, where it is left out. */
export const commonDefaults = { nonce: '0', gas: '0', value: '0', to: null, data: '0x' };

/** Who sends (`from`, `account`) and how (`chain`, `nonceManager`) is not part of a transaction. */
export const commonFields: Conversions = {
  from: leftOut,
  account: leftOut,
  chain: leftOut,
  nonceManager: leftOut,
  chainId: decimal,
  nonce: decimal,
  gas: decimal,
  value: decimal,
  data: lower,
  gasPrice: decimal,
  maxFeePerGas: decimal,
  maxPriorityFeePerGas: decimal,
  accessList: (items) =>
    each(items, (entry) => mapValues(entry, (item, key) => (key === 'storageKeys' ? each(item, lower) : item))),
};
