// Rules for transactions: whom they pay, how much, at what cost, when, what they carry; and for EIP-7702 authorizations.
import { test } from 'node:test';
import { keccak256 } from 'viem';
import type { Intent } from '../ts/intent/intent.ts';
import {
  alice,
  allows,
  authorization,
  blobs,
  bob,
  mallory,
  NOW,
  pay,
  payRule,
  refuses,
  signedAuthorization,
  testRules,
} from './support/policies.ts';

type FieldOf<T> = T extends unknown ? keyof T : never;
type TransactionField = FieldOf<Extract<Intent, { kind: 'transaction' }>['transaction']>;

const eip4844 = (n: number) => ({ type: 'eip4844', maxFeePerBlobGas: 1n, blobVersionedHashes: blobs(n) });
const eip7702 = { type: 'eip7702', authorizationList: [signedAuthorization] };
const listed = [{ address: alice, storageKeys: [] }];

testRules('transactions', [
  ['chain', payRule, pay(), pay({ chainId: 2 }), /^chain 2 is not allowed/],
  [
    'any chain',
    { ...payRule, chains: 'any' },
    pay({ chainId: 77 }),
    pay({ chainId: 77, to: mallory }),
    /^the recipient 0x66/,
  ],
  ['recipient', payRule, pay(), pay({ to: mallory }), /^the recipient 0x6{40} is not allowed/],
  ['any recipient', { ...payRule, to: 'any' }, pay({ to: mallory }), pay({ to: mallory, value: 11n }), /^the value 11/],
  ['value', payRule, pay({ value: 10n }), pay({ value: 11n }), /^the value 11 is above 10/],
  ['value 0', { ...payRule, maxValue: '0' }, pay({ value: 0n }), pay({ value: 1n }), /^the value 1 is above 0/],
  [
    'fee',
    { ...payRule, maxFee: '210000' },
    pay(),
    pay({ maxFeePerGas: 11n }),
    /^the fee of up to 231000 is above 210000/,
  ],
  [
    'fee of a legacy transaction',
    { ...payRule, maxFee: '21000' },
    pay({ type: 'legacy', gasPrice: 1n, maxFeePerGas: undefined, maxPriorityFeePerGas: undefined }),
    pay({ type: 'legacy', gasPrice: 2n, maxFeePerGas: undefined, maxPriorityFeePerGas: undefined }),
    /^the fee of up to 42000/,
  ],
  [
    'fee of blobs',
    { ...payRule, maxBlobs: 'any', maxFee: '341072' },
    pay(eip4844(1)),
    pay(eip4844(2)),
    /^the fee of up to 472144/,
  ],
  ['gas', { ...payRule, maxGas: '21000' }, pay(), pay({ gas: 21_001n }), /^the gas limit 21001 is above 21000/],
  [
    'fee per gas',
    { ...payRule, maxFeePerGas: '10' },
    pay(),
    pay({ maxFeePerGas: 11n }),
    /^the fee per gas 11 is above 10/,
  ],
  [
    'creation',
    { ...payRule, create: 'any' },
    pay({ to: null, data: '0x00' }),
    pay({ to: null, data: '0x00', value: 11n }),
    /^the value/,
  ],
  [
    'creation by hash',
    { ...payRule, create: [keccak256('0x6001')] },
    pay({ to: null, data: '0x6001' }),
    pay({ to: null, data: '0x6002' }),
    /^this init code/,
  ],
  ['no creation', payRule, pay(), pay({ to: null, data: '0x6001' }), /^creating a contract is not allowed/],
  [
    'no creation though any recipient',
    { ...payRule, to: 'any', calls: 'any' },
    pay({ data: '0x6001' }),
    pay({ to: null, data: '0x6001' }),
    /^creating a contract/,
  ],
  [
    'access list',
    { ...payRule, accessList: 'any' },
    pay({ accessList: listed }),
    pay({ accessList: listed, to: bob }),
    /^the recipient/,
  ],
  ['no access list', payRule, pay({ accessList: [] }), pay({ accessList: listed }), /^an access list is not allowed/],
  [
    'no access list of eip2930',
    payRule,
    pay({ type: 'eip2930', gasPrice: 1n, maxFeePerGas: undefined, maxPriorityFeePerGas: undefined }),
    pay({
      type: 'eip2930',
      gasPrice: 1n,
      maxFeePerGas: undefined,
      maxPriorityFeePerGas: undefined,
      accessList: listed,
    }),
    /^an access list/,
  ],
  ['blobs', { ...payRule, maxBlobs: '2' }, pay(eip4844(2)), pay(eip4844(3)), /^3 blobs are more than allowed/],
  ['no blobs', payRule, pay(), pay(eip4844(1)), /^1 blobs are more/],
  ['begin', { ...payRule, notBefore: String(NOW) }, pay(), pay({ to: bob }), /^the recipient/],
]);

test('a rule for transactions judges every field that a transaction of any type has', async () => {
  const pace = { first: '0', count: '1' };
  const rule = { ...payRule, maxGas: '21000', maxFeePerGas: '10', maxFee: '341072', maxBlobs: '1', pace };
  const noFees = { maxFeePerGas: undefined, maxPriorityFeePerGas: undefined };
  const typed = (type: string) => ({ ...noFees, type, gasPrice: 10n });
  for (const type of [{}, typed('legacy'), typed('eip2930'), eip4844(1)]) await allows(rule, pay(type));

  // What is wrong in this field alone, and why it is refused; or why nobody has to judge the field. A new field of a
  // type does not compile until it is here.
  const fields: { [field in TransactionField]: readonly [Intent, RegExp] | string } = {
    type: 'it says which fields there are, and these are judged',
    nonce: [pay({ nonce: 1 }), /^the nonce 1/],
    maxPriorityFeePerGas: 'the parser holds it to maxFeePerGas',
    chainId: [pay({ chainId: 2 }), /^chain 2/],
    gas: [pay({ gas: 21_001n }), /^the gas limit/],
    to: [pay({ to: bob }), /^the recipient/],
    value: [pay({ value: 11n }), /^the value/],
    data: [pay({ data: '0x00' }), /^data is not allowed/],
    gasPrice: [pay({ ...typed('legacy'), gasPrice: 11n }), /^the fee per gas/],
    maxFeePerGas: [pay({ maxFeePerGas: 11n }), /^the fee per gas/],
    accessList: [pay({ accessList: listed }), /^an access list/],
    maxFeePerBlobGas: [pay({ ...eip4844(1), maxFeePerBlobGas: 2n }), /^the fee of up to/],
    blobVersionedHashes: [pay(eip4844(2)), /^2 blobs/],
    authorizationList: [pay(eip7702), /^the delegate/],
  };
  for (const refused of Object.values(fields)) {
    if (typeof refused !== 'string') await refuses(rule, ...refused);
  }
});

test('a rule holds from notBefore to notAfter, and not at an unknown time', async () => {
  const rule = { ...payRule, notBefore: '1000', notAfter: '2000' };
  for (const now of [1000, 1500, 2000]) await allows(rule, pay(), { now });
  await refuses(rule, pay(), /^not valid before 1000/, { now: 999 });
  await refuses(rule, pay(), /^not valid after 2000/, { now: 2001 });
  for (const now of [Number.NaN, Number.POSITIVE_INFINITY, 1500.5])
    await refuses(rule, pay(), /^the time is not known/, { now });
});

testRules('delegates', [
  [
    'delegates carried',
    { ...payRule, delegates: [alice] },
    pay(eip7702),
    pay({ ...eip7702, authorizationList: [signedAuthorization, { ...signedAuthorization, address: mallory }] }),
    /^the delegate 0x66/,
  ],
  ['no delegates carried', payRule, pay(), pay(eip7702), /^the delegate 0xa1/],
  [
    'delegate',
    { kind: 'authorization', chains: ['1'], delegates: [alice] },
    authorization(),
    authorization({ address: mallory }),
    /^the delegate 0x66/,
  ],
  [
    'delegate on a chain',
    { kind: 'authorization', chains: ['1'], delegates: [alice] },
    authorization(),
    authorization({ chainId: '0' }),
    /^chain 0 is not allowed/,
  ],
  [
    'delegate on every chain',
    { kind: 'authorization', chains: ['0'], delegates: [alice] },
    authorization({ chainId: '0' }),
    authorization(),
    /^chain 1 is not allowed/,
  ],
]);
