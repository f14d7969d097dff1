import { type Reader, variant } from '../read/strict.ts';
import { type Eip1559, eip1559, eip1559Form } from './eip1559.ts';
import { type Eip2930, eip2930, eip2930Form } from './eip2930.ts';
import { type Eip4844, eip4844, eip4844Form } from './eip4844.ts';
import { type Eip7702, eip7702, eip7702Form } from './eip7702.ts';
import { type Legacy, legacy, legacyForm } from './legacy.ts';
import type { TransactionForm, TransactionType } from './type.ts';

// A new type is a file beside this one, named in the union and in both lists here. viem serializes it. What its fields
// permit, ts/policy/kinds.ts judges: a test of the policy does not compile until every field is accounted for.

export type Transaction = Legacy | Eip2930 | Eip1559 | Eip4844 | Eip7702;

type ByType<T extends Transaction['type']> = Extract<Transaction, { type: T }>;

const types: { readonly [T in Transaction['type']]: TransactionType<ByType<T>> } = {
  legacy,
  eip2930,
  eip1559,
  eip4844,
  eip7702,
};

/** How clients take transactions from others and show them, by type. No action uses it, so that no bundle has it. */
export const transactionForms: { readonly [T in Transaction['type']]: TransactionForm<ByType<T>> } = {
  legacy: legacyForm,
  eip2930: eip2930Form,
  eip1559: eip1559Form,
  eip4844: eip4844Form,
  eip7702: eip7702Form,
};

/** Reads a transaction of any type. */
export const readTransaction: Reader<Transaction> = variant<Transaction>(
  'type',
  Object.fromEntries(Object.entries<TransactionType<Transaction>>(types).map(([type, { read }]) => [type, read])),
);

/** The most that a transaction pays for one unit of gas, in wei. */
export function feePerGasOf(transaction: Transaction): bigint {
  return typeOf(transaction).feePerGas(transaction);
}

/** The most that a transaction can cost in fees, in wei: gas and blob gas at their full prices. */
export function maxFeeOf(transaction: Transaction): bigint {
  return typeOf(transaction).maxFee(transaction);
}

// A transaction is of the type that it names: its reader let no other name pass.
function typeOf(transaction: Transaction): TransactionType<Transaction> {
  return types[transaction.type];
}
