import { address, nullable, object } from '../read/strict.ts';
import { atGasPrice, type Common, call, type GasPrice, gasPrice, head } from './fields.ts';
import type { TransactionForm, TransactionType } from './type.ts';

/** From before EIP-2718, but with a chain id (EIP-155). */
export interface Legacy extends Common, GasPrice {
  readonly type: 'legacy';
}

export const legacy: TransactionType<Legacy> = {
  read: object<Legacy>({ ...head('legacy'), ...gasPrice, ...call(nullable(address)) }, {}),
  ...atGasPrice,
};

export const legacyForm: TransactionForm<Legacy> = { number: 0, defaults: { gasPrice: '0' } };
