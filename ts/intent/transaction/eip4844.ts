import type { Address, Hex } from 'viem';
import { formatGwei } from 'viem/utils';
import { InputError, type Json } from '../read/json.ts';
import { decimal, each, lower } from '../read/loose.ts';
import { address, hex, list, object, uint } from '../read/strict.ts';
import {
  type Access,
  access,
  atMaxFee,
  type Common,
  call,
  type Fees,
  fees,
  feesInOrder,
  head,
  leftOut,
} from './fields.ts';
import type { TransactionForm, TransactionType } from './type.ts';

/** EIP-4844: brings blobs, for a fee of their own. */
export interface Eip4844 extends Common, Fees, Access {
  readonly type: 'eip4844';
  readonly to: Address;
  readonly maxFeePerBlobGas: bigint;
  readonly blobVersionedHashes: readonly Hex[];
}

const GAS_PER_BLOB = 131_072n;

export const eip4844: TransactionType<Eip4844> = {
  read: feesInOrder(
    object<Eip4844>(
      {
        ...head('eip4844'),
        ...fees,
        ...call(address),
        ...access,
        maxFeePerBlobGas: uint(256),
        blobVersionedHashes: list(versionedHash, 1),
      },
      {},
    ),
  ),
  ...atMaxFee,
  maxFee: (transaction) =>
    atMaxFee.maxFee(transaction) +
    BigInt(transaction.blobVersionedHashes.length) * GAS_PER_BLOB * transaction.maxFeePerBlobGas,
};

function versionedHash(value: Json, path: string): Hex {
  const hash = hex(32)(value, path);
  if (!hash.startsWith('0x01')) throw new InputError(path, 'not a versioned hash of a blob');
  return hash;
}

export const eip4844Form: TransactionForm<Eip4844> = {
  number: 3,
  defaults: { maxFeePerGas: '0', maxPriorityFeePerGas: '0', accessList: [], maxFeePerBlobGas: '0' },
  fields: {
    maxFeePerBlobGas: decimal,
    blobVersionedHashes: (hashes) => each(hashes, lower),
    // The bytes of the blobs are not signed: their hashes are.
    blobs: leftOut,
    sidecars: leftOut,
    kzg: leftOut,
  },
  describe: ({ blobVersionedHashes, maxFeePerBlobGas }) => [
    `blobs: ${blobVersionedHashes.length} at ${formatGwei(maxFeePerBlobGas)} gwei`,
    ...blobVersionedHashes.map((hash) => `blob: ${hash}`),
  ],
};
