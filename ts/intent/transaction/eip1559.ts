import { address, nullable, object } from '../read/strict.ts';
import { type Access, access, atMaxFee, type Common, call, type Fees, fees, feesInOrder, head } from './fields.ts';
import type { TransactionForm, TransactionType } from './type.ts';

/** EIP-1559: pays the chain's base fee, and a tip. */
export interface Eip1559 extends Common, Fees, Access {
  readonly type: 'eip1559';
}

export const eip1559: TransactionType<Eip1559> = {
  read: feesInOrder(object<Eip1559>({ ...head('eip1559'), ...fees, ...call(nullable(address)), ...access }, {})),
  ...atMaxFee,
};

export const eip1559Form: TransactionForm<Eip1559> = {
  number: 2,
  defaults: { maxFeePerGas: '0', maxPriorityFeePerGas: '0', accessList: [] },
};
