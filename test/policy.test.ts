import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { Interface, Transaction, TypedDataEncoder } from 'ethers';
import fc from 'fast-check';
import {
  encodeFunctionData,
  getAddress,
  type Hex,
  keccak256,
  pad,
  parseAbi,
  recoverAddress,
  serializeTransaction,
  stringToHex,
} from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { dkls23Join } from '../actions/cosigner/dkls23.ts';
import { sign, signMany } from '../actions/cosigner/sign.ts';
import { PublicRefusal } from '../actions/template/action.ts';
import { toBase64 } from '../ts/core/bytes.ts';
import { transactionIntent } from '../ts/intent/from.ts';
import { digestOf, InputError, type Intent, parseIntent, parseIntentJson } from '../ts/intent/intent.ts';
import { transactionForms } from '../ts/intent/transaction/transaction.ts';
import type { TransactionForm } from '../ts/intent/transaction/type.ts';
import { builtinPolicies } from '../ts/policy/builtin.ts';
import { describePolicy } from '../ts/policy/describe.ts';
import { approvalText, type Context, judge, type Verdict } from '../ts/policy/judge.ts';
import { parsePolicy, parsePolicyJson, policyHash, policyJson } from '../ts/policy/policy.ts';
import type { Fetch } from '../ts/policy/reads.ts';
import { command } from './support/command.ts';
import { intents } from './support/intents.ts';

const alice = getAddress(`0x${'a1'.repeat(20)}`);
const bob = getAddress(`0x${'b0'.repeat(20)}`);
const mallory = getAddress(`0x${'66'.repeat(20)}`);
const token = getAddress(`0x${'70'.repeat(20)}`);
/** Alice's address with its first letter in the other case. */
const wrongCase = alice.replace(/[a-f]/i, (char) =>
  char === char.toLowerCase() ? char.toUpperCase() : char.toLowerCase(),
);
const NOW = 1_800_000_000;
const root = fileURLToPath(new URL('..', import.meta.url));

const abi = parseAbi([
  'function transfer(address to,uint256 amount)',
  'function approve(address spender,uint256 amount)',
  'function pause()',
  'function execTransaction(address to,uint256 value,bytes data,uint8 operation)',
  'function multicall(bytes[] calls)',
  'function batch((address to,uint256 amount)[] payments,bool strict)',
  'function swap((address tokenIn,address tokenOut,uint24 fee,int256 limit) params)',
  'function note(string text,bytes4 tag,bytes data)',
]);
const transfer = (to: Hex, amount: bigint) => encodeFunctionData({ abi, functionName: 'transfer', args: [to, amount] });

type FieldOf<T> = T extends unknown ? keyof T : never;
type TransactionField = FieldOf<Extract<Intent, { kind: 'transaction' }>['transaction']>;

/** A transaction intent of type eip1559 (or as `change` says) that pays alice. */
function pay(change: object = {}): Intent {
  return transactionIntent({
    type: 'eip1559',
    chainId: 1,
    nonce: 0,
    gas: 21_000n,
    maxFeePerGas: 10n,
    maxPriorityFeePerGas: 1n,
    to: alice,
    value: 5n,
    ...change,
  });
}
const message = (text: unknown) => parseIntent({ kind: 'message', message: text });
const authorization = (change: object = {}) =>
  parseIntent({ kind: 'authorization', authorization: { chainId: '1', address: alice, nonce: '0', ...change } });
const blobs = (n: number) => Array.from({ length: n }, () => `0x01${'00'.repeat(31)}`);
const signedAuthorization = { chainId: 1, address: alice, nonce: 0, yParity: 0, r: '0x01', s: '0x01' };

const permitTypes = {
  Permit: [
    { name: 'owner', type: 'address' },
    { name: 'spender', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'details', type: 'Detail[]' },
  ],
  Detail: [
    { name: 'note', type: 'string' },
    { name: 'share', type: 'int8' },
  ],
};
const permitType = 'Permit(address owner,address spender,uint256 value,Detail[] details)Detail(string note,int8 share)';
const permitDomain = { name: 'Token', version: '1', chainId: '1', verifyingContract: token };
const permitMessage = { owner: bob, spender: alice, value: '5', details: [{ note: 'a', share: '-1' }] };
const permit = (change: object = {}) =>
  parseIntent({
    kind: 'typedData',
    typedData: { domain: permitDomain, types: permitTypes, primaryType: 'Permit', message: permitMessage, ...change },
  });

const payRule = { kind: 'transaction', chains: ['1'], to: [alice], maxValue: '10', maxFee: 'any' };
const callRule = { ...payRule, to: [token], maxValue: '0' };
const permitRule = { kind: 'typedData', domains: [permitDomain], types: [permitType] };

const policyOf = (...rules: object[]) =>
  parsePolicy({ version: 1, rules: rules.map((rule, i) => ({ name: `rule ${i}`, ...rule })) });

function verdict(rule: object, intent: Intent, context: Partial<Context> = {}): Promise<Verdict> {
  return judge(policyOf(rule), intent, { now: NOW, ...context });
}

async function refuses(rule: object, intent: Intent, reason: RegExp, context: Partial<Context> = {}): Promise<void> {
  const result = await verdict(rule, intent, context);
  assert.ok(!result.allowed, 'it was allowed');
  assert.equal(result.rule, 'rule 0');
  assert.match(result.reason, reason);
}

async function allows(rule: object, intent: Intent, context: Partial<Context> = {}): Promise<void> {
  assert.deepEqual(await verdict(rule, intent, context), { allowed: true, rule: 'rule 0' });
}

describe('each rule allows and refuses', () => {
  const to = token;
  const call = (name: string, args: readonly unknown[]) =>
    pay({
      to,
      value: 0n,
      data: encodeFunctionData({ abi, functionName: name, args } as Parameters<typeof encodeFunctionData>[0]),
    });
  const calling = (signature: string, args: object | undefined) => ({
    ...callRule,
    calls: [{ function: signature, ...(args && { args }) }],
  });
  const transferTo = calling('transfer(address to,uint256 amount)', { to: { in: [alice] }, amount: { max: '5' } });
  const batch = calling('batch((address to,uint256 amount)[] payments,bool strict)', {
    payments: { each: { fields: { to: { in: [alice, bob] }, amount: { min: '1', max: '9' } } } },
    strict: { in: [true] },
  });
  const swap = calling('swap((address tokenIn,address tokenOut,uint24 fee,int256 limit) params)', {
    params: { fields: { tokenOut: { in: [token] }, fee: { in: ['500', '3000'] }, limit: { min: '-5', max: '0' } } },
  });
  const note = calling('note(string text,bytes4 tag,bytes data)', {
    text: { in: ['hi'] },
    tag: { in: ['0x01020304'] },
    data: { in: ['0x'] },
  });
  const eip4844 = (n: number) => ({ type: 'eip4844', maxFeePerBlobGas: 1n, blobVersionedHashes: blobs(n) });
  const eip7702 = { type: 'eip7702', authorizationList: [signedAuthorization] };
  const listed = [{ address: alice, storageKeys: [] }];

  // What, the rule, an intent that fits, one that does not, and why not.
  const cases: [string, object, Intent, Intent, RegExp][] = [
    [
      'message prefix',
      { kind: 'message', prefixes: ['Sign in to'] },
      message('Sign in to x'),
      message('sign in to x'),
      /does not begin/,
    ],
    [
      'message prefix, in bytes',
      { kind: 'message', prefixes: ['é'] },
      message({ raw: '0xc3a9ff' }),
      message('e\u0301'),
      /does not begin/,
    ],
    ['any message', { kind: 'message', prefixes: 'any' }, message(''), message('x'), /^$/],
    ['chain', payRule, pay(), pay({ chainId: 2 }), /^chain 2 is not allowed/],
    [
      'any chain',
      { ...payRule, chains: 'any' },
      pay({ chainId: 77 }),
      pay({ chainId: 77, to: mallory }),
      /^the recipient 0x66/,
    ],
    ['recipient', payRule, pay(), pay({ to: mallory }), /^the recipient 0x6{40} is not allowed/],
    [
      'any recipient',
      { ...payRule, to: 'any' },
      pay({ to: mallory }),
      pay({ to: mallory, value: 11n }),
      /^the value 11/,
    ],
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
    ['no data', payRule, pay({ data: '0x' }), pay({ data: '0x00' }), /^data is not allowed/],
    [
      'any data',
      { ...payRule, calls: 'any' },
      pay({ data: '0x00' }),
      pay({ data: '0x00', to: mallory }),
      /^the recipient/,
    ],
    [
      'method',
      calling('transfer(address,uint256)', undefined),
      call('transfer', [mallory, 9n]),
      call('approve', [alice, 1n]),
      /^the method 0x095ea7b3/,
    ],
    [
      'method without arguments',
      calling('pause()', undefined),
      call('pause', []),
      call('transfer', [alice, 1n]),
      /^the method 0xa9059cbb/,
    ],
    ['method and no data', transferTo, call('transfer', [alice, 1n]), pay({ to, value: 0n }), /^a call without data/],
    [
      'address argument',
      transferTo,
      call('transfer', [alice, 5n]),
      call('transfer', [mallory, 5n]),
      /^args.to is not in the list/,
    ],
    [
      'number argument',
      transferTo,
      call('transfer', [alice, 5n]),
      call('transfer', [alice, 6n]),
      /^args.amount is above 5/,
    ],
    [
      'list argument',
      batch,
      call('batch', [
        [
          { to: alice, amount: 1n },
          { to: bob, amount: 9n },
        ],
        true,
      ]),
      call('batch', [
        [
          { to: alice, amount: 1n },
          { to: mallory, amount: 9n },
        ],
        true,
      ]),
      /^args.payments\[1\].to is not in/,
    ],
    [
      'list argument bounds',
      batch,
      call('batch', [[], true]),
      call('batch', [[{ to: alice, amount: 0n }], true]),
      /^args.payments\[0\].amount is below 1/,
    ],
    ['bool argument', batch, call('batch', [[], true]), call('batch', [[], false]), /^args.strict is not in/],
    [
      'tuple argument',
      swap,
      call('swap', [{ tokenIn: alice, tokenOut: token, fee: 500, limit: -5n }]),
      call('swap', [{ tokenIn: alice, tokenOut: alice, fee: 500, limit: 0n }]),
      /^args.params.tokenOut is not in/,
    ],
    [
      'small number argument',
      swap,
      call('swap', [{ tokenIn: alice, tokenOut: token, fee: 3000, limit: 0n }]),
      call('swap', [{ tokenIn: alice, tokenOut: token, fee: 3001, limit: 0n }]),
      /^args.params.fee is not in/,
    ],
    [
      'signed argument',
      swap,
      call('swap', [{ tokenIn: alice, tokenOut: token, fee: 500, limit: -1n }]),
      call('swap', [{ tokenIn: alice, tokenOut: token, fee: 500, limit: -6n }]),
      /^args.params.limit is below -5/,
    ],
    [
      'string argument',
      note,
      call('note', ['hi', '0x01020304', '0x']),
      call('note', ['hi ', '0x01020304', '0x']),
      /^args.text/,
    ],
    [
      'bytes4 argument',
      note,
      call('note', ['hi', '0x01020304', '0x']),
      call('note', ['hi', '0x01020305', '0x']),
      /^args.tag/,
    ],
    [
      'bytes argument',
      note,
      call('note', ['hi', '0x01020304', '0x']),
      call('note', ['hi', '0x01020304', '0x00']),
      /^args.data/,
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
    [
      'domain',
      permitRule,
      permit(),
      permit({ domain: { ...permitDomain, version: '2' } }),
      /^the domain is not allowed/,
    ],
    [
      'domain without a field',
      permitRule,
      permit(),
      permit({ domain: { name: 'Token', version: '1', chainId: '1' } }),
      /^the domain/,
    ],
    [
      'domain with another field',
      { ...permitRule, domains: [{ name: 'Token' }] },
      permit({ domain: { name: 'Token' } }),
      permit(),
      /^the domain/,
    ],
    [
      'empty domain',
      { ...permitRule, domains: [{}] },
      permit({ domain: {} }),
      permit({ domain: { name: 'undefined' } }),
      /^the domain/,
    ],
    [
      'any domain',
      { ...permitRule, domains: 'any', types: ['Permit'] },
      permit({ domain: { salt: pad('0x01') } }),
      permit({ primaryType: 'Detail', types: { Detail: permitTypes.Detail }, message: { note: '', share: '0' } }),
      /^the type Detail/,
    ],
    [
      'type in full',
      permitRule,
      permit(),
      permit({
        types: {
          ...permitTypes,
          Detail: [
            { name: 'note', type: 'string' },
            { name: 'share', type: 'int16' },
          ],
        },
      }),
      /^the type Permit is not allowed, or is defined otherwise/,
    ],
    ['any type', { ...permitRule, types: 'any' }, permit(), permit({ domain: {} }), /^the domain/],
    [
      'address field',
      { ...permitRule, fields: { spender: { in: [alice] } } },
      permit(),
      permit({ message: { ...permitMessage, spender: mallory } }),
      /^spender is not in the list/,
    ],
    [
      'number field',
      { ...permitRule, fields: { value: { max: '5' } } },
      permit(),
      permit({ message: { ...permitMessage, value: '6' } }),
      /^value is above 5/,
    ],
    [
      'fields of a list',
      {
        ...permitRule,
        fields: { details: { each: { fields: { note: { in: ['a'] }, share: { min: '-1', max: '0' } } } } },
      },
      permit(),
      permit({ message: { ...permitMessage, details: [...permitMessage.details, { note: 'a', share: '1' }] } }),
      /^details\[1\].share is above 0/,
    ],
    ['begin', { ...payRule, notBefore: String(NOW) }, pay(), pay({ to: bob }), /^the recipient/],
  ];
  for (const [what, rule, fits, not, reason] of cases) {
    test(what, async () => {
      await allows(rule, fits);
      if (reason.source !== '^$') await refuses(rule, not, reason);
    });
  }

  test('every field that a transaction of any type has', async () => {
    const rule = { ...payRule, maxGas: '21000', maxFeePerGas: '10', maxFee: '341072', maxBlobs: '1' };
    const noFees = { maxFeePerGas: undefined, maxPriorityFeePerGas: undefined };
    const typed = (type: string) => ({ ...noFees, type, gasPrice: 10n });
    for (const type of [{}, typed('legacy'), typed('eip2930'), eip4844(1)]) await allows(rule, pay(type));

    // What is wrong in this field alone, and why it is refused; or why nobody has to judge the field. A new field of a
    // type does not compile until it is here.
    const fields: { [field in TransactionField]: readonly [Intent, RegExp] | string } = {
      type: 'it says which fields there are, and these are judged',
      nonce: 'the chain takes each once',
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

  test('validity window', async () => {
    const rule = { ...payRule, notBefore: '1000', notAfter: '2000' };
    for (const now of [1000, 1500, 2000]) await allows(rule, pay(), { now });
    await refuses(rule, pay(), /^not valid before 1000/, { now: 999 });
    await refuses(rule, pay(), /^not valid after 2000/, { now: 2001 });
    for (const now of [Number.NaN, Number.POSITIVE_INFINITY, 1500.5])
      await refuses(rule, pay(), /^the time is not known/, { now });
  });

  test('the first rule that fits allows, the one that came closest is named', async () => {
    const policy = policyOf(
      { kind: 'message', prefixes: ['a'] },
      payRule,
      { ...payRule, to: [bob] },
      { kind: 'message', prefixes: 'any' },
    );
    const context = { now: NOW };
    assert.deepEqual(await judge(policy, pay(), context), { allowed: true, rule: 'rule 1' });
    assert.deepEqual(await judge(policy, pay({ to: bob }), context), { allowed: true, rule: 'rule 2' });
    assert.deepEqual(await judge(policy, message('b'), context), { allowed: true, rule: 'rule 3' });
    const refused = await judge(policy, pay({ to: bob, value: 11n }), context);
    assert.deepEqual(refused, {
      allowed: false,
      rule: 'rule 2',
      reason: 'the value 11 is above 10',
      failed: [
        { rule: 'rule 1', reason: `the recipient ${bob.toLowerCase()} is not allowed` },
        { rule: 'rule 2', reason: 'the value 11 is above 10' },
      ],
    });
  });

  test('one of several calls of a method is enough', async () => {
    const call = (to: Hex) => ({ function: 'transfer(address to,uint256 amount)', args: { to: { in: [to] } } });
    const rule = { ...callRule, calls: [call(alice), { function: 'pause()' }, call(bob)] };
    for (const to of [alice, bob]) await allows(rule, pay({ to: token, value: 0n, data: transfer(to, 1n) }));
    const other = pay({ to: token, value: 0n, data: transfer(mallory, 1n) });
    await refuses(rule, other, /^args.to is not in the list/);
  });

  test('no rule for the kind, no rule at all', async () => {
    const digest = parseIntent({ kind: 'digest', digest: pad('0x01') });
    const none = { allowed: false, rule: undefined, reason: 'no rule is for raw digests', failed: [] };
    assert.deepEqual(await verdict(payRule, digest), none);
    assert.deepEqual(await judge(policyOf(), digest, { now: NOW }), none);
  });

  test('only what the parsers made is judged', async () => {
    await assert.rejects(judge({ version: 1, rules: 'any' }, pay(), { now: NOW }), TypeError);
    await assert.rejects(judge(builtinPolicies.any, { kind: 'message', message: 'x' }, { now: NOW }), TypeError);
  });
});

describe('data of a call whose every argument is pinned', () => {
  const swapped = { tokenIn: alice, tokenOut: token, fee: 500, limit: -5n } as const;
  const pinned = (value: string | boolean) => ({ in: [value] });
  const cases: { [signature: string]: [data: Hex, args: object] } = {
    'swap((address tokenIn,address tokenOut,uint24 fee,int256 limit) params)': [
      encodeFunctionData({ abi, functionName: 'swap', args: [swapped] }),
      {
        params: {
          fields: { tokenIn: pinned(alice), tokenOut: pinned(token), fee: pinned('500'), limit: pinned('-5') },
        },
      },
    ],
    'note(string text,bytes4 tag,bytes data)': [
      encodeFunctionData({ abi, functionName: 'note', args: ['hié', '0x01020304', '0x0a'] }),
      { text: pinned('hié'), tag: pinned('0x01020304'), data: pinned('0x0a') },
    ],
    'batch((address to,uint256 amount)[] payments,bool strict)': [
      encodeFunctionData({ abi, functionName: 'batch', args: [[{ to: alice, amount: 1n }], true] }),
      { payments: { each: { fields: { to: pinned(alice), amount: pinned('1') } } }, strict: pinned(true) },
    ],
    'multicall(bytes[] calls)': [
      encodeFunctionData({ abi, functionName: 'multicall', args: [['0x01', '0x01']] }),
      { calls: { each: pinned('0x01') } },
    ],
  };

  /** Other data: a byte changed, cut, longer, and every word that may be an offset made to point to a copy at the end. */
  function others(data: Hex): Hex[] {
    const bytes = Buffer.from(data.slice(2), 'hex');
    const hex = (...parts: Uint8Array[]): Hex => `0x${Buffer.concat(parts).toString('hex')}`;
    const changed = [...bytes.keys()].flatMap((at) =>
      [0x01, 0x80, 0xff].map((mask) =>
        hex(bytes.subarray(0, at), Uint8Array.of((bytes[at] ?? 0) ^ mask), bytes.subarray(at + 1)),
      ),
    );
    const body = bytes.subarray(4);
    const moved = Array.from({ length: body.length / 32 }, (_, i) => {
      const word = Buffer.from(pad(`0x${body.length.toString(16)}`).slice(2), 'hex');
      return [0, 32 * i, 64].map((from) =>
        hex(bytes.subarray(0, 4), body.subarray(0, 32 * i), word, body.subarray(32 * i + 32), body.subarray(from)),
      );
    });
    const lengths = [4, 5, 36, bytes.length - 1, bytes.length - 32].map((end) => hex(bytes.subarray(0, end)));
    return [...changed, ...moved.flat(), ...lengths, `${data}00`, `${data}${'00'.repeat(32)}`];
  }

  for (const [signature, [data, args]] of Object.entries(cases)) {
    test(`can be encoded in one way: ${signature}`, async () => {
      const rule = { ...callRule, calls: [{ function: signature, args }] };
      await allows(rule, pay({ to: token, value: 0n, data }));
      const all = others(data);
      assert.ok(all.length > 300);
      for (const other of all)
        await refuses(rule, pay({ to: token, value: 0n, data: other }), /exact encoding|^args\.|^the method/);
    });
  }
});

describe('policies by name', () => {
  test('messages allows every kind but digests and authorizations, any allows all', async () => {
    await fc.assert(
      fc.asyncProperty(intents, async (json) => {
        const intent = parseIntent(json);
        const allowed = intent.kind !== 'digest' && intent.kind !== 'authorization';
        assert.equal((await judge(builtinPolicies.messages, intent, { now: NOW })).allowed, allowed);
        assert.equal((await judge(builtinPolicies.any, intent, { now: NOW })).allowed, true);
        assert.equal((await judge(policyOf(), intent, { now: NOW })).allowed, false);
      }),
      { numRuns: 200, seed: 8 },
    );
  });
});

describe('a guardian', () => {
  const guardian = privateKeyToAccount(`0x${'77'.repeat(32)}`);
  const rule = { ...payRule, guardian: guardian.address };
  const recover = (hash: Hex, signature: Hex) => recoverAddress({ hash, signature });
  const sign = (text: string) => guardian.signMessage({ message: text });

  test('approves of one intent for one account under one policy', async () => {
    const policy = policyOf(rule);
    const approval = await sign(approvalText(policy, bob, pay()));
    await allows(rule, pay(), { account: bob, approval, recover });
    await allows(rule, pay(), { account: bob.toLowerCase(), approval, recover });
    await refuses(rule, pay({ nonce: 1 }), /not of the guardian/, { account: bob, approval, recover });
    await refuses(rule, pay(), /not of the guardian/, { account: alice, approval, recover });
    await refuses({ ...rule, maxValue: '9' }, pay(), /not of the guardian/, { account: bob, approval, recover });
    await refuses(rule, pay({ to: bob }), /^the recipient/, { account: bob, approval, recover });
  });

  test('is needed: a missing, malformed or foreign approval refuses', async () => {
    const policy = policyOf(rule);
    const text = approvalText(policy, bob, pay());
    const approval = await sign(text);
    const other = await privateKeyToAccount(`0x${'78'.repeat(32)}`).signMessage({ message: text });
    await refuses(rule, pay(), /^the approval of the guardian .* is missing/, { account: bob, recover });
    await refuses(rule, pay(), /not of the guardian/, { account: bob, approval: other, recover });
    await refuses(rule, pay(), /65 bytes/, { account: bob, approval: approval.slice(0, -2), recover });
    await refuses(rule, pay(), /65 bytes/, { account: bob, approval: `${approval}00`, recover });
    await refuses(rule, pay(), /^a check failed/, { account: bob, approval: `0x${'00'.repeat(65)}`, recover });
    await refuses(rule, pay(), /cannot be checked here/, { account: bob, approval });
    await refuses(rule, pay(), /cannot be checked here/, { approval, recover });
    await refuses(rule, pay(), /cannot be checked here/, { account: 'bob', approval, recover });
    await refuses(rule, pay(), /^a check failed/, {
      account: bob,
      approval,
      recover: () => undefined as unknown as string,
    });
  });
});

describe('reads of a chain', () => {
  let server: Server;
  let url: string;
  let answer: (request: { method: string; params: unknown[] }) => { status?: number; body: string; delay?: number };
  const seen: { method: string; params: unknown[] }[] = [];
  before(async () => {
    server = createServer(async (request, response) => {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      const body = JSON.parse(Buffer.concat(parts).toString());
      seen.push(body);
      const { status = 200, body: text, delay = 0 } = answer(body);
      setTimeout(() => response.writeHead(status, { location: '/elsewhere' }).end(text), delay).unref();
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const result = (value: unknown) => () => ({ body: JSON.stringify({ jsonrpc: '2.0', id: 1, result: value }) });
  const balance = () => ({ ...payRule, reads: [{ url, balanceOf: 'account', min: '10', max: '20' }] });
  const context = { fetch, account: bob };

  test('of a balance', async () => {
    answer = result('0xa');
    await allows(balance(), pay(), context);
    assert.deepEqual(seen.at(-1), {
      jsonrpc: '2.0',
      id: 1,
      method: 'eth_getBalance',
      params: [bob.toLowerCase(), 'latest'],
    });
    answer = result('0x9');
    await refuses(balance(), pay(), /^the balance is 9, below 10/, context);
    answer = result('0x15');
    await refuses(balance(), pay(), /^the balance is 21, above 20/, context);
  });

  test('of a call', async () => {
    const call = { to: token, function: 'allowance(address owner,address spender)', args: ['account', alice] };
    const rule = { ...payRule, reads: [{ url, call, max: '7' }] };
    answer = result(pad('0x07'));
    await allows(rule, pay(), context);
    const data = encodeFunctionData({ abi: parseAbi(['function allowance(address,address)']), args: [bob, alice] });
    assert.deepEqual(seen.at(-1)?.params, [{ to: token.toLowerCase(), data }, 'latest']);
    answer = result(pad('0x08'));
    await refuses(rule, pay(), /^allowance of 0x70{0}.* is 8, above 7/, context);
    for (const wrong of ['0x', '0x7', `${pad('0x07')}00`]) {
      answer = result(wrong);
      await refuses(rule, pay(), /could not be read: the answer is not a number/, context);
    }
  });

  test('refuses on any failure, and shows nothing of what the server says', async () => {
    const failures: [string, () => { status?: number; body: string; delay?: number }, RegExp][] = [
      ['not a number', result('lots'), /the answer is not a number/],
      ['a JSON number', result(15), /the answer is not a number/],
      ['null', result(null), /the answer is not a number/],
      ['negative', result('-0xf'), /the answer is not a number/],
      ['more than 256 bits', result(`0x${'f'.repeat(65)}`), /the answer is not a number/],
      ['an error', () => ({ body: '{"jsonrpc":"2.0","id":1,"error":{"message":"SECRET"}}' }), /reports an error$/],
      ['an error beside a result', () => ({ body: '{"id":1,"error":{},"result":"0xf"}' }), /reports an error$/],
      ['a list', () => ({ body: '[{"result":"0xf"}]' }), /reports an error$/],
      ['no JSON', () => ({ body: '<html>SECRET' }), /not JSON$/],
      ['nothing', () => ({ body: '' }), /not JSON$/],
      ['status 500', () => ({ status: 500, body: '{"result":"0xf"}' }), /HTTP status 500$/],
      ['a redirect', () => ({ status: 307, body: '' }), /no connection$/],
      ['a long answer', () => ({ body: `{"result":"0xf","x":"${'a'.repeat(20_000)}"}` }), /more than 16384/],
    ];
    for (const [what, reply, reason] of failures) {
      answer = reply;
      const refused = await verdict(balance(), pay(), context);
      assert.ok(!refused.allowed, what);
      assert.match(refused.reason, reason);
      assert.doesNotMatch(refused.reason, /SECRET/, what);
    }
    await refuses(balance(), pay(), /^the balance cannot be read here/);
    await refuses(balance(), pay(), /the account is not known/, { fetch });
    const closed = { ...payRule, reads: [{ url: 'http://127.0.0.1:1/', balanceOf: alice, min: '0' }] };
    await refuses(closed, pay(), /no connection$/, { fetch });
  });

  test('ends after its time, even if fetch does not', async () => {
    const rule = { ...payRule, reads: [{ url, balanceOf: alice, min: '0', timeoutMs: '50' }] };
    const start = performance.now();
    answer = () => ({ body: '{"result":"0xf"}', delay: 60_000 });
    await refuses(rule, pay(), /no answer within 50 ms|no connection/, { fetch });
    const never: Fetch = () => new Promise(() => {});
    await refuses(rule, pay(), /no answer within 50 ms/, { fetch: never });
    const stalling: Fetch = async () => new Response(new ReadableStream({}));
    await refuses(rule, pay(), /no answer within 50 ms/, { fetch: stalling });
    assert.ok(performance.now() - start < 30_000);
  });

  test('are made only when all else fits', async () => {
    const before = seen.length;
    await refuses(balance(), pay({ value: 11n }), /^the value/, context);
    await refuses({ ...balance(), notAfter: '1' }, pay(), /^not valid after/, context);
    await refuses({ ...balance(), guardian: alice }, pay(), /^the approval of the guardian/, context);
    assert.equal(seen.length, before);
  });
});

describe('a strict policy against hostile intents', () => {
  const strict = parsePolicy({
    version: 1,
    rules: [
      {
        name: 'pay',
        kind: 'transaction',
        chains: ['1'],
        to: [alice],
        maxValue: '10',
        maxFee: '1000000',
        maxGas: '100000',
      },
      {
        name: 'token',
        kind: 'transaction',
        chains: ['1'],
        to: [token],
        maxValue: '0',
        maxFee: '1000000',
        calls: [
          { function: 'transfer(address to,uint256 amount)', args: { to: { in: [alice] }, amount: { max: '5' } } },
        ],
      },
      {
        name: 'permit',
        kind: 'typedData',
        domains: [permitDomain],
        types: [permitType],
        fields: { spender: { in: [alice] }, value: { max: '5' } },
      },
      { name: 'sign in', kind: 'message', prefixes: ['example.com wants you to sign in'] },
      { name: 'delegate', kind: 'authorization', chains: ['1'], delegates: [alice] },
    ],
  });

  const lower = alice.toLowerCase();
  const base = {
    type: 'eip1559',
    chainId: '1',
    nonce: '0',
    gas: '21000',
    maxFeePerGas: '10',
    maxPriorityFeePerGas: '1',
    to: lower,
    value: '5',
    data: '0x',
    accessList: [],
  };
  const json = (value: unknown) => JSON.stringify(value);
  const tx = (change: object) => json({ kind: 'transaction', transaction: { ...base, ...change } });
  const goodTransfer = transfer(alice, 5n);
  const onToken = (data: string, change: object = {}) =>
    tx({ to: token.toLowerCase(), value: '0', gas: '60000', data, ...change });
  const typedData = { domain: permitDomain, types: permitTypes, primaryType: 'Permit', message: permitMessage };
  const typed = (change: object) => json({ kind: 'typedData', typedData: { ...typedData, ...change } });
  const inMessage = (change: object) => typed({ message: { ...permitMessage, ...change } });
  const fees = { maxFeePerGas: undefined, maxPriorityFeePerGas: undefined };
  const word = (value: string) => value.padStart(64, '0');

  const friendly: { [what: string]: string } = {
    payment: tx({}),
    'payment at the cap': tx({ value: '10' }),
    'payment with a checksum': tx({ to: alice }),
    'legacy payment': tx({ type: 'legacy', gasPrice: '1', accessList: undefined, ...fees }),
    transfer: onToken(goodTransfer),
    permit: typed({}),
    'sign-in': json({ kind: 'message', message: 'example.com wants you to sign in with your account' }),
    'sign-in in bytes': json({ kind: 'message', message: { raw: stringToHex('example.com wants you to sign in') } }),
    delegate: json({ kind: 'authorization', authorization: { chainId: '1', address: lower, nonce: '0' } }),
  };

  const hostile: { [what: string]: string } = {
    // Keys.
    'the recipient twice': tx({}).replace('"to"', `"to":"${mallory}","to"`),
    'the recipient twice, the allowed one first': tx({}).replace('"value"', `"to":"${mallory}","value"`),
    'the value twice, once escaped': tx({}).replace('"value":"5"', '"value":"5","\\u0076alue":"1000000000"'),
    'the kind twice': tx({}).replace('"kind"', '"kind":"digest","kind"'),
    'the transaction twice': json({ kind: 'transaction', transaction: base }).replace(
      '"transaction":{',
      `"transaction":{"to":"${mallory}"},"transaction":{`,
    ),
    'a message beside the transaction': json({ kind: 'transaction', transaction: base, message: 'x' }),
    'a digest beside the transaction': json({ kind: 'transaction', transaction: base, digest: pad('0x01') }),
    'a recipient in Cyrillic letters': tx({ tо: mallory }),
    'a key with a space': tx({ 'to ': mallory }),
    'a key in upper case': tx({ TO: mallory }),
    'a key with a zero-width space': tx({ 'to\u200b': mallory }),
    from: tx({ from: mallory }),
    'ethers names': tx({ gasLimit: '21000' }),
    '__proto__ of the transaction': tx({}).replace('"type"', `"__proto__":{"to":"${mallory}"},"type"`),
    '__proto__ of the intent': `{"__proto__":{"kind":"digest","digest":"${pad('0x01')}"},"kind":"transaction","transaction":${json(base)}}`,
    constructor: tx({}).replace('"type"', '"constructor":{"prototype":{"to":null}},"type"'),
    toJSON: tx({ toJSON: 'x' }),
    'a signature': tx({ r: pad('0x01'), s: pad('0x01'), yParity: '0' }),
    // Types.
    'a list for the intent': json([{ kind: 'transaction', transaction: base }]),
    'a list for the transaction': json({ kind: 'transaction', transaction: [base] }),
    'a text for the transaction': json({ kind: 'transaction', transaction: json(base) }),
    'null for the transaction': json({ kind: 'transaction', transaction: null }),
    'a list for the recipient': tx({ to: [lower] }),
    'a list for the value': tx({ value: ['5'] }),
    'an object for the value': tx({ value: { toString: '5' } }),
    'true for the value': tx({ value: true }),
    'null for the value': tx({ value: null }),
    'a number for the value': tx({ value: 5 }),
    'a number that loses precision': tx({}).replace('"5"', '9007199254740993'),
    'a list for the kind': json({ kind: ['transaction'], transaction: base }),
    'the kind in upper case': json({ kind: 'Transaction', transaction: base }),
    'a kind that only the prototype has': json({ kind: 'hasOwnProperty', transaction: base }),
    'a list for the data': tx({ data: ['0x'] }),
    'an index for the type': tx({ type: '2' }),
    'a negative gas limit': tx({ gas: '-21000' }),
    'a gas limit above 64 bits': tx({ gas: String(2n ** 64n + 21_000n) }),
    'a nonce above exact numbers': tx({ nonce: String(2n ** 53n) }),
    // Addresses.
    'another recipient': tx({ to: mallory }),
    'a wrong checksum': tx({ to: wrongCase }),
    'an address in upper case': tx({ to: `0x${lower.slice(2).toUpperCase()}` }),
    'a look-alike letter': tx({ to: lower.replace('a', 'а') }),
    'full-width digits': tx({ to: lower.replace('1', '１') }),
    'spaces around the address': tx({ to: ` ${lower}` }),
    'a line break after the address': tx({ to: `${lower}\n` }),
    'a short address': tx({ to: lower.slice(0, -2) }),
    'a long address': tx({ to: `${lower}00` }),
    'no 0x': tx({ to: lower.slice(2) }),
    'the zero address': tx({ to: `0x${'00'.repeat(20)}` }),
    'a name': tx({ to: 'alice.eth' }),
    'an empty recipient': tx({ to: '' }),
    'no recipient': tx({ to: undefined }),
    // Numbers.
    'a value above the cap': tx({ value: '11' }),
    'a negative value': tx({ value: '-1' }),
    'a negative zero': tx({ value: '-0' }),
    'a value above 256 bits': tx({ value: String(2n ** 256n + 5n) }),
    'a huge value': tx({ value: '9'.repeat(5000) }),
    'a hex value': tx({ value: '0x5' }),
    'an octal value': tx({ value: '05' }),
    'an exponent': tx({ value: '1e1' }),
    'a fraction': tx({ value: '5.0' }),
    'Arabic digits': tx({ value: '٥' }),
    'a space in a number': tx({ value: ' 5' }),
    'an empty number': tx({ value: '' }),
    'a gas limit above the cap': tx({ gas: '100001', maxFeePerGas: '1' }),
    'a fee above the cap': tx({ maxFeePerGas: '48' }),
    'a gas price above the cap': tx({ type: 'legacy', gasPrice: '48', accessList: undefined, ...fees }),
    'a fee that overflows 256 bits': tx({ maxFeePerGas: String(2n ** 256n - 1n) }),
    'a tip above the fee': tx({ maxPriorityFeePerGas: '11' }),
    // Chains.
    'chain id 0': tx({ chainId: '0' }),
    'another chain': tx({ chainId: '10' }),
    'chain 1 beyond exact numbers': tx({ chainId: String(2n ** 256n + 1n) }),
    'no chain': tx({ type: 'legacy', gasPrice: '1', chainId: undefined, accessList: undefined, ...fees }),
    'a negative chain': tx({ chainId: '-1' }),
    // Forms of transactions.
    creation: tx({ to: null, data: '0x6001', value: '0' }),
    'creation with value': tx({ to: null, data: '0x6001', value: '5' }),
    'creation without data': tx({ to: null }),
    'data to one who is paid': tx({ data: goodTransfer }),
    'an access list': tx({ accessList: [{ address: lower, storageKeys: [] }] }),
    'an access list of eip2930': tx({
      type: 'eip2930',
      gasPrice: '1',
      accessList: [{ address: lower, storageKeys: [pad('0x01')] }],
      ...fees,
    }),
    blobs: tx({ type: 'eip4844', maxFeePerBlobGas: '1', blobVersionedHashes: blobs(1) }),
    'the fields of blobs on another type': tx({ maxFeePerBlobGas: '1', blobVersionedHashes: blobs(1) }),
    'an authorization carried': tx({
      type: 'eip7702',
      authorizationList: [{ chainId: '1', address: mallory, nonce: '0', yParity: '0', r: pad('0x01'), s: pad('0x01') }],
    }),
    'an authorization list on another type': tx({ authorizationList: [] }),
    'an access list on a legacy transaction': tx({ type: 'legacy', gasPrice: '1', ...fees }),
    // Calls.
    approve: onToken(encodeFunctionData({ abi, functionName: 'approve', args: [alice, 1n] })),
    'a delegate call': onToken(
      encodeFunctionData({ abi, functionName: 'execTransaction', args: [mallory, 0n, '0x', 1] }),
    ),
    multicall: onToken(
      encodeFunctionData({ abi, functionName: 'multicall', args: [[goodTransfer, transfer(mallory, 5n)]] }),
    ),
    'a transfer to another': onToken(transfer(mallory, 5n)),
    'a transfer of more': onToken(transfer(alice, 6n)),
    'a transfer of 2^256 - 1': onToken(transfer(alice, 2n ** 256n - 1n)),
    'a transfer with value': onToken(goodTransfer, { value: '1' }),
    'a transfer in another token': onToken(goodTransfer, { to: mallory }),
    'a transfer with data after it': onToken(`${goodTransfer}${'00'.repeat(32)}`),
    'a transfer with one byte after it': onToken(`${goodTransfer}00`),
    'a transfer cut short': onToken(goodTransfer.slice(0, -2)),
    'a transfer of dirty address bytes': onToken(`0xa9059cbb${word(`01${lower.slice(2)}`)}${word('5')}`),
    'a transfer with the recipient where the amount is': onToken(`0xa9059cbb${word('5')}${word(lower.slice(2))}`),
    'a selector alone': onToken('0xa9059cbb'),
    'half a selector': onToken('0xa905'),
    'no data to the token': onToken('0x'),
    'data in upper case': onToken(goodTransfer.toUpperCase().replace('0X', '0x')),
    'half a byte of data': onToken(`${goodTransfer}0`),
    // Typed data.
    'an extra field of the message': inMessage({ deadline: '0' }),
    'an extra field of the domain': typed({ domain: { ...permitDomain, salt: pad('0x01') } }),
    'an unknown field of the domain': typed({ domain: { ...permitDomain, verifyingContract2: mallory } }),
    'the domain of another contract': typed({ domain: { ...permitDomain, verifyingContract: mallory } }),
    'the domain of another chain': typed({ domain: { ...permitDomain, chainId: '10' } }),
    'a domain without its chain': typed({ domain: { name: 'Token', version: '1', verifyingContract: token } }),
    'a domain in Cyrillic letters': typed({ domain: { ...permitDomain, name: 'Тoken' } }),
    'a domain with a zero-width space': typed({ domain: { ...permitDomain, name: 'Token\u200b' } }),
    'a domain name of full-width letters': typed({ domain: { ...permitDomain, name: 'Ｔoken' } }),
    'another spender': inMessage({ spender: mallory }),
    'a value above the permit': inMessage({ value: '6' }),
    'a negative permit': inMessage({ value: '-1' }),
    'a hex permit': inMessage({ value: '0x5' }),
    'a number as permit': inMessage({ value: 5 }),
    'a list as spender': inMessage({ spender: [lower] }),
    'no spender': inMessage({ spender: undefined }),
    '__proto__ in the message': typed({}).replace('"owner":"', `"__proto__":{"spender":"${mallory}"},"owner":"`),
    'fields in another order': typed({ types: { ...permitTypes, Permit: [...permitTypes.Permit].reverse() } }),
    'a type that shrinks the value': typed({
      types: {
        ...permitTypes,
        Permit: permitTypes.Permit.map((field) => (field.name === 'value' ? { ...field, type: 'uint8' } : field)),
      },
    }),
    'spender as bytes20': typed({
      types: {
        ...permitTypes,
        Permit: permitTypes.Permit.map((field) => (field.name === 'spender' ? { ...field, type: 'bytes20' } : field)),
      },
    }),
    'another primary type': typed({
      primaryType: 'Detail',
      types: { Detail: permitTypes.Detail },
      message: { note: 'a', share: '0' },
    }),
    'EIP712Domain as primary type': typed({ primaryType: 'EIP712Domain', types: { EIP712Domain: [] }, message: {} }),
    'an EIP712Domain of fewer fields': typed({
      types: { ...permitTypes, EIP712Domain: [{ name: 'name', type: 'string' }] },
    }),
    'a type that hides another': typed({
      types: { ...permitTypes, 'Detail(string note,int8 share)': [{ name: 'x', type: 'bool' }] },
    }),
    'a second definition of a type': typed({}).replace(
      '"Detail":[',
      '"Detail":[{"name":"x","type":"bool"}],"Detail":[',
    ),
    'a struct in the name of an atom': typed({ types: { ...permitTypes, uint256: [{ name: 'x', type: 'bool' }] } }),
    'a recursive type': typed({ types: { Permit: [{ name: 'p', type: 'Permit[]' }] }, message: { p: [] } }),
    'a type in look-alike letters': typed({
      primaryType: 'Реrmit',
      types: { Реrmit: permitTypes.Permit, Detail: permitTypes.Detail },
    }),
    'a field in look-alike letters': inMessage({ spеnder: mallory }),
    'a field named __proto__': typed({
      types: { ...permitTypes, Detail: [...permitTypes.Detail, { name: '__proto__', type: 'bool' }] },
    }),
    'another spender in a struct within': inMessage({ details: [{ note: 'a', share: '-1', spender: mallory }] }),
    'an object for the list of structs': inMessage({ details: { 0: { note: 'a', share: '-1' } } }),
    'a list in a list': inMessage({ details: [[{ note: 'a', share: '-1' }]] }),
    'a number that its type does not hold': inMessage({ details: [{ note: 'a', share: '-129' }] }),
    'a list of fixed length': typed({
      types: {
        ...permitTypes,
        Permit: permitTypes.Permit.map((field) => (field.name === 'details' ? { ...field, type: 'Detail[1]' } : field)),
      },
    }),
    'half a character in typed data': inMessage({ details: [{ note: '\ud800', share: '-1' }] }),
    'the chain of the domain as a number': typed({ domain: { ...permitDomain, chainId: 1 } }),
    'the chain of the domain in hex': typed({ domain: { ...permitDomain, chainId: '0x1' } }),
    'the contract of the domain with a wrong checksum': typed({
      domain: { ...permitDomain, verifyingContract: wrongCase },
    }),
    'an empty domain': typed({ domain: {} }),
    'a null in the domain': typed({ domain: { ...permitDomain, salt: null } }),
    'the spender twice': typed({}).replace('"spender":"', `"spender":"${mallory}","spender":"`),
    // Messages, authorizations, digests.
    'another message': json({ kind: 'message', message: 'evil.com wants you to sign in' }),
    'a message with the prefix within': json({ kind: 'message', message: ' example.com wants you to sign in' }),
    'a prefix in look-alike letters': json({ kind: 'message', message: 'exаmple.com wants you to sign in' }),
    'a decomposed prefix': json({ kind: 'message', message: 'e\u200bxample.com wants you to sign in' }),
    'raw bytes': json({ kind: 'message', message: { raw: goodTransfer } }),
    'raw bytes as text': json({ kind: 'message', message: { raw: 'example.com wants you to sign in' } }),
    'a message that is a list': json({ kind: 'message', message: ['example.com wants you to sign in'] }),
    'an unpaired surrogate': '{"kind":"message","message":"example.com wants you to sign in\\ud800"}',
    'a raw digest': json({ kind: 'digest', digest: keccak256('0x02') }),
    'a digest as message and kind': json({
      kind: 'digest',
      message: 'example.com wants you to sign in',
      digest: pad('0x01'),
    }),
    'another delegate': json({ kind: 'authorization', authorization: { chainId: '1', address: mallory, nonce: '0' } }),
    'a delegate on every chain': json({
      kind: 'authorization',
      authorization: { chainId: '0', address: lower, nonce: '0' },
    }),
    'a delegate in two notations': json({
      kind: 'authorization',
      authorization: { chainId: '1', address: lower, contractAddress: mallory, nonce: '0' },
    }),
    // Sizes.
    'a text too long': json({ kind: 'message', message: `example.com wants you to sign in${'x'.repeat(131_072)}` }),
    'deep nesting': `{"kind":"transaction","transaction":${'['.repeat(20_000)}${']'.repeat(20_000)}}`,
    'very many keys': json({
      kind: 'transaction',
      transaction: Object.fromEntries(Array.from({ length: 9000 }, (_, i) => [`k${i}`, ''])),
    }),
    'no JSON': 'transaction',
    'JSON twice': `${tx({})}${tx({})}`,
    'a comment': `/* */${tx({})}`,
    NaN: tx({}).replace('"5"', 'NaN'),
    nothing: '',
  };

  /** As an action does: parse, judge, derive the digest. */
  async function digestIfAllowed(text: string): Promise<Hex | undefined> {
    let intent: Intent;
    try {
      intent = parseIntentJson(text);
    } catch (error) {
      if (error instanceof InputError) return undefined;
      throw error;
    }
    const { allowed } = await judge(strict, intent, { now: NOW });
    return allowed ? digestOf(intent) : undefined;
  }

  test('the intents it is for are allowed', async () => {
    for (const [what, text] of Object.entries(friendly)) assert.ok(await digestIfAllowed(text), what);
  });

  test(`none of ${Object.keys(hostile).length} others is`, async () => {
    assert.ok(Object.keys(hostile).length >= 60);
    assert.equal(new Set(Object.values(hostile)).size, Object.keys(hostile).length);
    for (const [what, text] of Object.entries(hostile)) assert.equal(await digestIfAllowed(text), undefined, what);
  });

  test('the action signs none of them, and neither asks for a key nor starts its module to find that out', async () => {
    let asked = 0;
    const ask = async (): Promise<never> => {
      asked += 1;
      throw new Error('asked');
    };
    const context = {
      host: { encrypt: ask, decrypt: ask, actionKey: ask, actionPublicKey: ask, hasSecret: true },
      policy: strict,
      policyHash: new Uint8Array(32),
      minEpoch: 0,
      start: ask,
      recover: ask,
    };
    const key = { wallet: `0x${'11'.repeat(20)}`, share: toBase64(new Uint8Array(100)), path: 'm' };
    const request = new Uint8Array(1);
    const friend = friendly.payment ?? '';
    const ways: ((intent: string) => Promise<unknown>)[] = [
      (intent) => sign(context, { op: 'sign', ...key, intent, request }),
      (intent) => {
        const requests = [friend, intent].map((intent) => ({ intent, request }));
        return signMany(context, { op: 'signMany', ...key, requests });
      },
      (intent) => dkls23Join(context, { op: 'dkls23Join', ...key, intent, signers: [1, 2], messages: new Map() }),
    ];
    for (const way of ways) {
      for (const [what, text] of Object.entries(hostile)) {
        await assert.rejects(way(text), (error) => error instanceof PublicRefusal && error.code === 'policy', what);
      }
      assert.equal(asked, 0);
      for (const [what, text] of Object.entries(friendly)) await assert.rejects(way(text), /^Error: asked$/, what);
      assert.equal(asked, Object.keys(friendly).length);
      asked = 0;
    }
  });

  test('nor is any generated intent', async () => {
    await fc.assert(
      fc.asyncProperty(intents, async (value) => assert.equal(await digestIfAllowed(JSON.stringify(value)), undefined)),
      { numRuns: 300, seed: 8 },
    );
  });

  test('nor, where objects are given instead of text, those that lie', () => {
    const lying: [string, unknown][] = [
      ['inherits', Object.create({ kind: 'transaction', transaction: base })],
      [
        'has getters',
        {
          kind: 'transaction',
          get transaction() {
            return base;
          },
        },
      ],
      [
        'is a class',
        new (class {
          kind = 'transaction';
          transaction = base;
        })(),
      ],
      ['is a Map', new Map(Object.entries({ kind: 'transaction', transaction: base }))],
      ['has a String object', { kind: 'transaction', transaction: { ...base, to: new String(lower) } }],
      ['has a bigint', { kind: 'transaction', transaction: { ...base, value: 5n } }],
      ['has undefined', { kind: 'transaction', transaction: { ...base, to: undefined } }],
      ['has a symbol', { kind: 'transaction', transaction: { ...base, [Symbol('to')]: mallory } }],
      ['has toString', { kind: 'transaction', transaction: { ...base, value: { toString: () => '5' } } }],
    ];
    for (const [what, value] of lying) assert.throws(() => parseIntent(value), InputError, what);
  });

  const piece = fc.oneof(
    fc.constantFrom('0', '1', '9', 'a', 'A', 'x', '-', '"', ',', ':', '{', '}', '[', ']', '\\', '\\u0030', ' ', 'е'),
    fc.constantFrom(
      `"to":"${mallory}",`,
      '"value":"99",',
      `"data":"${goodTransfer}",`,
      'null',
      '"legacy"',
      '"eip1559"',
    ),
  );
  type Edit = { at: number; remove: number; from: number; copy: number; piece: string | null };
  const edit: fc.Arbitrary<Edit> = fc.record({
    at: fc.nat(),
    remove: fc.nat(2),
    from: fc.nat(),
    copy: fc.nat(12),
    piece: fc.option(piece),
  });

  const altered = (text: string, { at, remove, from, copy, piece }: Edit) => {
    const start = at % text.length;
    const source = from % text.length;
    return text.slice(0, start) + (piece ?? text.slice(source, source + copy)) + text.slice(start + remove);
  };

  const otherDigit = fc.record({ nth: fc.nat(), digit: fc.nat(9) });
  const withDigit = (text: string, { nth, digit }: { nth: number; digit: number }) => {
    const at = [...text.matchAll(/(?<=:"\d*)\d/g)].map(({ index }) => index);
    const start = at[nth % at.length] ?? 0;
    return text.slice(0, start) + digit + text.slice(start + 1);
  };

  /** Signs what is allowed of altered texts of these intents, and has it checked. */
  async function signAltered(names: string[], check: (text: string, digest: Hex) => void): Promise<void> {
    let allowed = 0;
    const originals = fc.constantFrom(...names.map((name) => friendly[name] ?? ''));
    await fc.assert(
      fc.asyncProperty(
        originals,
        fc.option(otherDigit),
        fc.array(edit, { maxLength: 2 }),
        async (text, digit, edits) => {
          const sent = edits.reduce(altered, digit === null ? text : withDigit(text, digit));
          const digest = await digestIfAllowed(sent);
          if (digest === undefined) return;
          allowed += 1;
          check(sent, digest);
        },
      ),
      { numRuns: 2000, seed: 8 },
    );
    assert.ok(allowed > 100, `${allowed}`);
  }

  // As ethers decodes what is hashed, and without the parser and the judge: what a chain would do.
  test('what is signed of altered transactions is within the rules', () =>
    signAltered(['payment', 'payment with a checksum', 'legacy payment', 'transfer'], (sent, digest) => {
      const intent = parseIntentJson(sent);
      assert.ok(intent.kind === 'transaction');
      const preimage = serializeTransaction(intent.transaction);
      assert.equal(keccak256(preimage), digest);
      const { to, value, data, chainId, gasLimit, gasPrice, maxFeePerGas, accessList } = Transaction.from(preimage);
      assert.equal(chainId, 1n);
      assert.ok(gasLimit * (maxFeePerGas ?? gasPrice ?? 2n ** 256n) <= 1_000_000n);
      assert.equal(accessList?.length ?? 0, 0);
      if (to === alice) assert.deepEqual([data, value <= 10n], ['0x', true]);
      else {
        assert.deepEqual([to, value], [token, 0n]);
        const [recipient, amount] = new Interface(['function transfer(address,uint256)']).decodeFunctionData(
          'transfer',
          data,
        );
        assert.ok(recipient === alice && amount <= 5n);
      }
    }));

  test('what is signed of altered typed data is within the rules, and what ethers hashes', () =>
    signAltered(['permit'], (sent, digest) => {
      const { domain, types, message } = JSON.parse(sent).typedData;
      assert.equal(TypedDataEncoder.hash(domain, types, message), digest);
      const encoder = TypedDataEncoder.from(types);
      assert.equal(encoder.encodeType(encoder.primaryType), permitType);
      assert.deepEqual([getAddress(message.spender), BigInt(message.value) <= 5n], [alice, true]);
      assert.equal(TypedDataEncoder.hashDomain(domain), TypedDataEncoder.hashDomain(permitDomain));
    }));
});

describe('the policy parser', () => {
  const rule = (change: object) => ({ version: 1, rules: [{ name: 'x', ...payRule, ...change }] });
  const call = (signature: string, args?: object) => rule({ calls: [{ function: signature, ...(args && { args }) }] });
  const typed = (change: object) => ({ version: 1, rules: [{ name: 'x', ...permitRule, ...change }] });
  const read = (change: object) =>
    rule({ reads: [{ url: 'https://a.example/', balanceOf: alice, min: '1', ...change }] });
  const refused: { [what: string]: [unknown, RegExp] } = {
    'no policy': [null, /^not what is expected/],
    'another version': [{ version: 2, rules: [] }, /^version: /],
    'a version as text': [{ version: '1', rules: [] }, /^version: /],
    'no rules': [{ version: 1 }, /^rules: /],
    'an unknown key': [{ version: 1, rules: [], x: 1 }, /^x: /],
    'a rule without a name': [{ version: 1, rules: [payRule] }, /rules/],
    'two rules of one name': [
      {
        version: 1,
        rules: [
          { name: 'x', ...payRule },
          { name: 'x', ...permitRule },
        ],
      },
      /^rules\[1\].name: another/,
    ],
    'a rule for digests': [{ version: 1, rules: [{ name: 'x', kind: 'digest' }] }, /rules/],
    'a misspelt bound': [rule({ maxgas: '1' }), /maxgas|rules/],
    'a missing bound': [rule({ maxValue: undefined }), /not a JSON value/],
    'an empty list': [rule({ to: [] }), /rules/],
    'a bound as a number': [rule({ maxValue: 10 }), /rules/],
    'a bound in ether': [rule({ maxValue: '0.1' }), /rules/],
    'a wrong checksum': [rule({ to: [wrongCase] }), /^rules\[0\].to\[0\]: not an address/],
    'a guardian with a wrong checksum': [rule({ guardian: wrongCase }), /^rules\[0\].guardian: /],
    'a time that never comes': [rule({ notBefore: '2', notAfter: '1' }), /^rules\[0\].notAfter: before notBefore/],
    'accessList false': [rule({ accessList: false }), /rules/],
    __proto__: [JSON.parse('{"version":1,"rules":[],"__proto__":{}}'), /^__proto__: /],
    'a function without parentheses': [call('transfer'), /function: no \(/],
    'a function with a space': [call('transfer(address to, uint256 amount)'), /function: an unknown type/],
    uint: [call('transfer(address,uint)'), /function: an unknown type/],
    'arguments without a comma': [call('f(bool a bool b)'), /function: no , or \)/],
    'a function without a name': [call('(bool a)'), /function: no name/],
    'something after a function': [call('transfer(address) returns (bool)'), /function: something after/],
    'two arguments of one name': [call('f(bool a,bool a)'), /function: two arguments/],
    'an argument named __proto__': [call('f(bool __proto__)'), /function: a name that is not allowed/],
    'a constraint for no argument': [call('f(bool a)', { b: { in: [true] } }), /args.b: no field or argument/],
    'a constraint for an argument without a name': [call('f(bool)', { '': { in: [true] } }), /no field or argument/],
    'a constraint that a parser could lose': [
      call('f(bool a)', { a: { in: [true] }, constructor: { in: [false] } }),
      /constructor: not a key that is allowed/,
    ],
    'no constraints': [call('f(bool a)', {}), /args: says nothing/],
    'a constraint that says nothing': [call('f(bool a)', { a: {} }), /args.a: says nothing/],
    'a bound for an address': [call('f(address a)', { a: { max: '1' } }), /args.a.max: does not fit/],
    'a bound that is not of the type': [call('f(uint8 a)', { a: { max: '256' } }), /args.a.max: not from 0 to 255/],
    'a negative bound of an unsigned number': [call('f(uint8 a)', { a: { min: '-1' } }), /args.a.min: not from/],
    'a value of another type': [call('f(address a)', { a: { in: ['5'] } }), /args.a.in\[0\]: not an address/],
    'a list without each': [
      call('f(uint8[] a)', { a: { max: '1' } }),
      /args.a.max: does not fit the type; what does: each/,
    ],
    'a tuple without fields': [call('f((uint8 x) a)', { a: { each: { max: '1' } } }), /args.a.each: does not fit/],
    'a type that is not canonical': [typed({ types: ['Permit(address owner, address spender)'] }), /types/],
    'a type with parts in another order': [
      typed({ types: ['A(C c,B b)C(bool x)B(bool x)'] }),
      /not as EIP-712 encodes/,
    ],
    'a type with text between': [typed({ types: ['A(bool x) B(bool y)'] }), /types/],
    'an atom as type': [typed({ types: ['uint256'] }), /types\[0\]: not a struct/],
    'fields without the type in full': [
      typed({ types: ['Permit'], fields: { value: { max: '1' } } }),
      /fields: needs one type in full/,
    ],
    'fields for any type': [typed({ types: 'any', fields: { value: { max: '1' } } }), /fields: needs one type in full/],
    'fields for two types': [
      typed({ types: [permitType, 'A(bool x)'], fields: { value: { max: '1' } } }),
      /fields: needs one type in full/,
    ],
    'a field that is not there': [typed({ fields: { amount: { max: '1' } } }), /fields.amount: no field/],
    'an empty prefix': [{ version: 1, rules: [{ name: 'x', kind: 'message', prefixes: [''] }] }, /rules/],
    'any delegate': [
      { version: 1, rules: [{ name: 'x', kind: 'authorization', chains: ['1'], delegates: 'any' }] },
      /rules/,
    ],
    'no delegate': [
      { version: 1, rules: [{ name: 'x', kind: 'authorization', chains: ['1'], delegates: [] }] },
      /rules/,
    ],
    'delegates on any chain': [
      { version: 1, rules: [{ name: 'x', kind: 'authorization', chains: 'any', delegates: [alice] }] },
      /rules/,
    ],
    'a URL of http': [read({ url: 'http://a.example/' }), /url: not an https URL/],
    'a URL with a password': [read({ url: 'https://a:b@a.example/' }), /url: not an https URL/],
    'a URL in another form': [read({ url: 'https://A.example' }), /url: not an https URL/],
    'a file': [read({ url: 'file:///etc/passwd' }), /url: not an https URL/],
    'a read of nothing': [read({ balanceOf: undefined }), /not a JSON value/],
    'a read of two things': [read({ call: { to: alice, function: 'f()', args: [] } }), /needs either/],
    'a read without a bound': [rule({ reads: [{ url: 'https://a.example/', balanceOf: alice }] }), /needs min or max/],
    'a read of too long': [read({ timeoutMs: '30001' }), /timeoutMs: not from 1/],
    'a read with text': [
      rule({
        reads: [{ url: 'https://a.example/', call: { to: alice, function: 'f(string)', args: ['x'] }, min: '1' }],
      }),
      /function: takes more than/,
    ],
    'a read with too few arguments': [
      rule({ reads: [{ url: 'https://a.example/', call: { to: alice, function: 'f(bool)', args: [] }, min: '1' }] }),
      /args: not 1 arguments/,
    ],
  };
  for (const [what, [value, message]] of Object.entries(refused)) {
    test(`refuses ${what}`, () => {
      assert.throws(
        () => parsePolicy(value),
        (error) => (error instanceof InputError && message.test(error.message)) || assert.fail(String(error)),
      );
    });
  }

  test('refuses a repeated key', () => {
    assert.throws(() => parsePolicyJson('{"version":1,"rules":[],"rules":"any"}'), InputError);
  });
});

const docs = readFileSync(new URL('../docs/policies.md', import.meta.url), 'utf8');
const blocks = [...docs.matchAll(/```json\n([\s\S]*?)```/g)].map(([, text = '']) => text);
const documented = blocks.filter((text) => text.includes('"rules"'));

describe('the canonical form', () => {
  const shuffled = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(shuffled);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([key, item]) => [key, shuffled(item)] as const);
    return Object.fromEntries(entries.sort(() => Math.random() - 0.5));
  };

  test('is the same in any order of keys, case of addresses, and spacing', () => {
    for (const text of documented) {
      const policy = parsePolicyJson(text);
      const canonical = policyJson(policy);
      for (let i = 0; i < 10; i++) assert.equal(policyJson(parsePolicy(shuffled(JSON.parse(text)))), canonical);
      const lower = text.replace(/"0x[0-9a-fA-F]{40}"/g, (address) => address.toLowerCase());
      assert.equal(policyHash(parsePolicyJson(JSON.stringify(JSON.parse(lower)))), policyHash(policy));
      assert.equal(policyJson(parsePolicyJson(canonical)), canonical);
      assert.ok(Object.isFrozen(policy) && Object.isFrozen(policy.rules) && Object.isFrozen(policy.rules[0]));
    }
  });

  test('differs for policies that differ', () => {
    const hashes = [
      policyOf(payRule),
      policyOf({ ...payRule, maxValue: '11' }),
      policyOf({ ...payRule, create: 'any' }),
      policyOf(payRule, permitRule),
      policyOf(permitRule, payRule),
      builtinPolicies.any,
      builtinPolicies.messages,
    ].map(policyHash);
    assert.equal(new Set(hashes).size, hashes.length);
  });

  test('of the named policies does not change unnoticed: their hashes are in the CIDs of wallets', () => {
    assert.equal(policyJson(builtinPolicies.any), '{"rules":"any","version":1}');
    assert.equal(policyHash(builtinPolicies.any), '0x0d958ee82d85e9af57871553f5eeea101e9c48ab54d18b2eecb626646b69077a');
    assert.equal(
      policyHash(builtinPolicies.messages),
      '0xd866030791f58cca24d07dc7d59f7a379132eb7ac826e9c58d8a818fd12f510c',
    );
  });
});

describe('the documentation', () => {
  test('its examples are policies and intents', () => {
    assert.equal(documented.length, 3);
    assert.equal(blocks.length - documented.length, 6);
    for (const text of documented) assert.ok(describePolicy(parsePolicyJson(text)).split('\n').length > 5);
    for (const text of blocks.filter((text) => !documented.includes(text))) digestOf(parseIntentJson(text));
  });

  test('it has every type of transaction, with the fields that no other has', () => {
    for (const [type, { fields = {} }] of Object.entries<TransactionForm<never>>(transactionForms)) {
      const row =
        docs.split('\n').find((line) => line.startsWith(`| \`${type}\` |`)) ?? assert.fail(`no row for ${type}`);
      const own = Object.keys(fields).filter((field) => fields[field]?.('0') !== undefined);
      for (const field of own) assert.ok(row.includes(`\`${field}\``), `${type}: no ${field}`);
    }
  });

  test('the JSON Schema is that of the parser', () => {
    const { stdout } = spawnSync(process.execPath, ['--import', 'tsx', 'scripts/policy-schema.ts'], {
      cwd: root,
      encoding: 'utf8',
    });
    const published = readFileSync(new URL('../docs/policy.schema.json', import.meta.url), 'utf8');
    assert.deepEqual(JSON.parse(stdout), JSON.parse(published), 'npx tsx scripts/policy-schema.ts prints the new one');
  });
});

describe('scripts/policy.ts', { concurrency: true }, () => {
  let dir: string;
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'tandem-policy-'));
    writeFileSync(join(dir, 'policy.json'), documented[0] ?? '');
    writeFileSync(
      join(dir, 'guarded.json'),
      JSON.stringify({ version: 1, rules: [{ name: 'x', ...payRule, guardian: alice }] }),
    );
    writeFileSync(join(dir, 'bad.json'), '{"version":1,"rules":[{}]}');
    const message = (text: string) => JSON.stringify({ kind: 'message', message: text });
    writeFileSync(join(dir, 'sign-in.json'), message('example.com wants you to sign in'));
    writeFileSync(join(dir, 'other.json'), message('hello'));
    writeFileSync(join(dir, 'twice.json'), '{"kind":"message","message":"a","message":"b"}');
    writeFileSync(join(dir, 'pay.json'), blocks.find((text) => text.includes('"nonce": "7",\n    "maxFee')) ?? '');
  });
  after(() => rmSync(dir, { recursive: true }));

  const policy = (...args: string[]) =>
    command(
      'policy',
      args.map((arg) => (arg.endsWith('.json') ? join(dir, arg) : arg)),
      {},
    );

  test('tells by its exit code', async () => {
    const cases: [string[], number, RegExp][] = [
      [['test', 'policy.json', 'sign-in.json'], 0, /^allowed by the rule sign in\n$/],
      [
        ['test', 'policy.json', 'other.json'],
        2,
        /^refused: the rule sign in: the message does not begin as it must\n$/,
      ],
      [['test', 'policy.json', 'twice.json'], 2, /^refused: not an intent: a key is repeated/],
      [['test', 'bad.json', 'other.json'], 1, /bad.json is not a policy: rules/],
      [['test', 'none.json', 'other.json'], 64, /neither a policy/],
      [['test', 'any', 'other.json', '--nonsense'], 64, /nonsense/],
    ];
    const told = cases.map(async ([args, status, output]) => {
      const { code, stdout, stderr } = await policy(...args);
      assert.equal(code, status, `${args.join(' ')}: ${stderr}`);
      assert.match(stdout + stderr, output);
    });
    await Promise.all(told);
  });

  test('explains', async () => {
    const { code, stdout } = await policy('explain', 'policy.json', 'pay.json');
    assert.equal(code, 0);
    assert.match(stdout, /^Allows what one of these rules allows/);
    assert.match(stdout, /Send a transaction to 0x70997970C51812dc3A010C7d01b50e0d17dc79C8\n/);
    assert.match(stdout, /\nallowed by the rule pay suppliers\n$/);
    const guarded = await policy('explain', 'guarded.json', 'pay.json', '--account', bob, '--json');
    assert.equal(guarded.code, 2);
    assert.equal(JSON.parse(guarded.stdout).allowed, false);
  });

  test('takes what is to be signed as sign.ts does', async () => {
    const text = await policy('test', 'policy.json', '--message', 'example.com wants you to sign in');
    assert.deepEqual([text.code, text.stdout], [0, 'allowed by the rule sign in\n']);
    const both = await policy('test', 'policy.json', 'sign-in.json', '--message', 'hello');
    assert.equal(both.code, 64);
    assert.match(both.stderr, /^Give one thing to sign/);
    const none = await policy('test', 'policy.json', '--digest', '0x12');
    assert.deepEqual([none.code, none.stdout], [2, 'refused: not an intent: digest: not 32 bytes\n']);
  });

  test('prints what a guardian signs, which then approves', async () => {
    const guardian = privateKeyToAccount(`0x${'77'.repeat(32)}`);
    writeFileSync(
      join(dir, 'ours.json'),
      JSON.stringify({
        version: 1,
        rules: [{ name: 'x', ...payRule, to: 'any', maxValue: 'any', guardian: guardian.address }],
      }),
    );
    const account = ['--account', bob];
    const { code, stdout } = await policy('approve', 'ours.json', 'pay.json', ...account);
    assert.equal(code, 0);
    assert.match(stdout, /^tandem approval\naccount 0xb0.*\npolicy 0x.*\nintent \{.*\}\n$/);
    const approval = await guardian.signMessage({ message: stdout.trimEnd() });
    const by = async (address: string) =>
      (await policy('test', 'ours.json', 'pay.json', '--account', address, '--approval', approval)).stdout;
    assert.equal(await by(bob), 'allowed by the rule x\n');
    assert.match(await by(alice), /^refused: the rule x: .* not of the guardian/);
    for (const [expected, ...args] of [
      [/--account is needed/, 'ours.json', 'pay.json'],
      [/No rule of this policy wants a guardian/, 'policy.json', 'pay.json', ...account],
    ] as const) {
      const wrong = await policy('approve', ...args);
      assert.deepEqual([wrong.code, wrong.stdout], [64, '']);
      assert.match(wrong.stderr, expected);
    }
  });
});

test('intent and policy take at most 100 KB of an action, gzipped 35 KB, and no code from strings', async () => {
  const contents = `
    import { digestOf, parseIntentJson } from './ts/intent/intent.ts';
    import { judge } from './ts/policy/judge.ts';
    import { parsePolicy, policyHash } from './ts/policy/policy.ts';
    export { digestOf, judge, parseIntentJson, parsePolicy, policyHash };`;
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: root, loader: 'ts' },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    // viem knows of WebSockets, which Node has in a package of its own.
    conditions: ['deno'],
    target: 'es2022',
    charset: 'ascii',
  });
  const bundle = outputFiles[0]?.contents ?? new Uint8Array(0);
  assert.ok(bundle.length > 0 && bundle.length < 100_000, `${bundle.length} bytes`);
  assert.ok(gzipSync(bundle, { level: 9 }).length < 35_000);
  assert.doesNotMatch(Buffer.from(bundle).toString(), /\beval\b|\bFunction\(|from"node:/);
});
