import type { Loose } from '../read/loose.ts';
import type { Reader } from '../read/strict.ts';

// What the file of a transaction type says of it, in two parts: an action's bundle has the first and not the second.

/** What an action has to know of a type. */
export interface TransactionType<T> {
  /** Reads exactly such a transaction, in the order in which its canonical JSON has the fields. */
  readonly read: Reader<T>;
  /** The most that it pays for one unit of gas, in wei. */
  feePerGas(transaction: T): bigint;
  /** The most that it can cost in fees of every kind, in wei. */
  maxFee(transaction: T): bigint;
}

/** How clients take such a transaction from others, and show it to people. */
export interface TransactionForm<T> {
  /** EIP-2718's number of the type; 0 for what came before it. */
  readonly number: number;
  /** What a field stands for that is left out, besides those that every transaction has. */
  readonly defaults: Loose;
  /** What puts the fields that no other type has into canonical form. */
  readonly fields?: Conversions;
  /** The lines that show the fields that no other type has. */
  describe?(transaction: T): readonly string[];
}

/** For each field what puts a value, of this place, into the form that the parser takes; what becomes undefined is left out. */
export interface Conversions {
  readonly [field: string]: (given: unknown, path: string) => unknown;
}
