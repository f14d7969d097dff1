import type { Address, Hex } from 'viem';
import { getAddress } from 'viem/utils';
import { InputError, type Json } from '../read/json.ts';
import { decimal, each, present, record } from '../read/loose.ts';
import { partsForParser, SIGNATURE_FIELDS } from '../read/signature.ts';
import { address, hex, list, object } from '../read/strict.ts';
import { type Authorization, authorizationFields, chainOf } from './authorization.ts';
import { type Access, access, atMaxFee, type Common, call, type Fees, fees, feesInOrder, head } from './fields.ts';
import type { TransactionForm, TransactionType } from './type.ts';

/** EIP-7702: carries authorizations, of this account or of others. */
export interface Eip7702 extends Common, Fees, Access {
  readonly type: 'eip7702';
  readonly to: Address;
  readonly authorizationList: readonly SignedAuthorization[];
}

export interface SignedAuthorization extends Authorization {
  readonly yParity: number;
  readonly r: Hex;
  readonly s: Hex;
}

export const eip7702: TransactionType<Eip7702> = {
  read: feesInOrder(
    object<Eip7702>(
      {
        ...head('eip7702'),
        ...fees,
        ...call(address),
        ...access,
        authorizationList: list(
          object<SignedAuthorization>({ ...authorizationFields, yParity, r: hex(32), s: hex(32) }, {}),
          1,
        ),
      },
      {},
    ),
  ),
  ...atMaxFee,
};

function yParity(value: Json, path: string): number {
  if (value !== '0' && value !== '1') throw new InputError(path, 'not 0 or 1');
  return Number(value);
}

export const eip7702Form: TransactionForm<Eip7702> = {
  number: 4,
  defaults: { maxFeePerGas: '0', maxPriorityFeePerGas: '0', accessList: [] },
  fields: {
    authorizationList: (items, path) => each(items, (item, i) => signedAuthorization(item, `${path}[${i}]`)),
  },
  describe: ({ authorizationList }) =>
    authorizationList.map((signed) => {
      const { address, nonce, yParity, r, s } = signed;
      const what = `carries an authorization of ${getAddress(address)} on ${chainOf(signed)}, nonce ${nonce}`;
      return `${what}, signed ${r} ${s} ${yParity}`;
    }),
};

function signedAuthorization(entry: unknown, path: string): unknown {
  const given = present(record(entry, path));
  const signature = Object.fromEntries(SIGNATURE_FIELDS.map((name) => [name, undefined]));
  const { chainId, nonce, ...others } = { ...given, ...signature };
  return present({
    ...others,
    chainId: decimal(chainId, `${path}.chainId`),
    nonce: decimal(nonce, `${path}.nonce`),
    ...partsForParser(given, path),
  });
}
