import { address, nullable, object } from '../read/strict.ts';
import { type Access, access, atGasPrice, type Common, call, type GasPrice, gasPrice, head } from './fields.ts';
import type { TransactionForm, TransactionType } from './type.ts';

/** EIP-2930: lists what it will touch. */
export interface Eip2930 extends Common, GasPrice, Access {
  readonly type: 'eip2930';
}

export const eip2930: TransactionType<Eip2930> = {
  read: object<Eip2930>({ ...head('eip2930'), ...gasPrice, ...call(nullable(address)), ...access }, {}),
  ...atGasPrice,
};

export const eip2930Form: TransactionForm<Eip2930> = { number: 1, defaults: { gasPrice: '0', accessList: [] } };
