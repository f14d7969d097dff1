// A strict policy against hostile intents.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Interface, Transaction, TypedDataEncoder } from 'ethers';
import fc from 'fast-check';
import { encodeFunctionData, getAddress, type Hex, keccak256, pad, serializeTransaction, stringToHex } from 'viem';
import { sign, signMany } from '../actions/cosigner/dkls18.ts';
import { dkls23Join } from '../actions/cosigner/dkls23.ts';
import { PublicRefusal } from '../actions/template/action.ts';
import { toBase64 } from '../ts/core/bytes.ts';
import { digestOf, InputError, type Intent, parseIntent, parseIntentJson } from '../ts/intent/intent.ts';
import { judge } from '../ts/policy/judge.ts';
import { parsePolicy } from '../ts/policy/policy.ts';
import { intents } from './support/intents.ts';
import {
  abi,
  alice,
  blobs,
  mallory,
  NOW,
  permitDomain,
  permitMessage,
  permitType,
  permitTypes,
  token,
  transfer,
  wrongCase,
} from './support/policies.ts';

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

  test('a strict policy allows the intents it is for', async () => {
    for (const [what, text] of Object.entries(friendly)) assert.ok(await digestIfAllowed(text), what);
  });

  test(`a strict policy allows none of ${Object.keys(hostile).length} hostile intents`, async () => {
    assert.ok(Object.keys(hostile).length >= 60);
    assert.equal(new Set(Object.values(hostile)).size, Object.keys(hostile).length);
    for (const [what, text] of Object.entries(hostile)) assert.equal(await digestIfAllowed(text), undefined, what);
  });

  test('the action signs no hostile intent, and neither asks for a key nor starts its module to find that out', async () => {
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

  test('a strict policy allows no generated intent', async () => {
    await fc.assert(
      fc.asyncProperty(intents, async (value) => assert.equal(await digestIfAllowed(JSON.stringify(value)), undefined)),
      { numRuns: 300, seed: 8 },
    );
  });

  test('the parser of intents refuses objects that lie', () => {
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
  test('under a strict policy, what is signed of altered transactions is within the rules', () =>
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

  test('under a strict policy, what is signed of altered typed data is within the rules, and what ethers hashes', () =>
    signAltered(['permit'], (sent, digest) => {
      const { domain, types, message } = JSON.parse(sent).typedData;
      assert.equal(TypedDataEncoder.hash(domain, types, message), digest);
      const encoder = TypedDataEncoder.from(types);
      assert.equal(encoder.encodeType(encoder.primaryType), permitType);
      assert.deepEqual([getAddress(message.spender), BigInt(message.value) <= 5n], [alice, true]);
      assert.equal(TypedDataEncoder.hashDomain(domain), TypedDataEncoder.hashDomain(permitDomain));
    }));
});
