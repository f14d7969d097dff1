// What dapps, libraries, wallets and nodes write: it signs with the digest that they compute, or is refused at its place.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as ethers from 'ethers';
import fc from 'fast-check';
import { type Hex, hashTypedData, keccak256, serializeTransaction, type TypedDataDefinition } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { CodedError } from '../ts/errors.ts';
import { describeIntent } from '../ts/intent/describe.ts';
import { transactionIntent, typedDataIntent } from '../ts/intent/from.ts';
import { digestOf, InputError, type Intent, intentJson, parseIntent, parseIntentJson } from '../ts/intent/intent.ts';
import { faultIn } from '../ts/intent/read/faults.ts';
import { builtinPolicies } from '../ts/policy/builtin.ts';
import { judge } from '../ts/policy/judge.ts';
import { parsePolicy } from '../ts/policy/policy.ts';
import { alice, NOW, policyOf, token } from './support/policies.ts';

type Definition = Parameters<typeof typedDataIntent>[0];

/** The intent, and what was said about it. */
function noticed(definition: object): { intent: Intent; notices: string[] } {
  const notices: string[] = [];
  const intent = typedDataIntent(definition as Definition, (text) => notices.push(text));
  return { intent, notices };
}
const typedDigest = (definition: object) => digestOf(typedDataIntent(definition as Definition));
const viemDigest = (definition: object) => hashTypedData(definition as TypedDataDefinition);
const refuses = (run: () => unknown, message: RegExp) =>
  assert.throws(
    run,
    (error) => (error instanceof InputError && message.test(error.message)) || assert.fail(String(error)),
  );

const one = (name: string, type = 'uint8') => ({
  domain: { name: 'X' },
  types: { [name]: [{ name: 'x', type }] },
  primaryType: name,
  message: { x: '1' },
});
/** Two structs, the second of this name. */
const used = (name: string) => ({
  domain: { name: 'X' },
  types: { A: [{ name: 'x', type: name }], [name]: [{ name: 'y', type: 'uint8' }] },
  primaryType: 'A',
  message: { x: { y: '1' } },
});
const field = (name: string) => ({
  domain: { name: 'X' },
  types: { A: [{ name, type: 'uint8' }] },
  primaryType: 'A',
  message: { [name]: '1' },
});
const ethersDigest = ({ domain, types, message }: { domain: object; types: object; message: object }) =>
  ethers.TypedDataEncoder.hash(domain, types as Record<string, ethers.TypedDataField[]>, { ...message });

describe('reports of the field', () => {
  const to = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
  const mailTypes = {
    EIP712Domain: ['name:string', 'version:string', 'chainId:uint256', 'verifyingContract:address'],
    Mail: ['from:Person', 'to:Person[]', 'contents:string'],
    Person: ['name:string', 'wallets:address[]'],
  };
  const typesOf = (given: { readonly [name: string]: readonly string[] }) =>
    Object.fromEntries(
      Object.entries(given).map(([name, fields]) => [
        name,
        fields.map((field) => {
          const [fieldName = '', type = ''] = field.split(':');
          return { name: fieldName, type };
        }),
      ]),
    );
  const reports: { [what: string]: [() => Intent, Hex] } = {
    'a type of Hyperliquid': [
      () =>
        typedDataIntent({
          domain: {
            name: 'HyperliquidSignTransaction',
            version: '1',
            chainId: 421614,
            verifyingContract: `0x${'00'.repeat(20)}`,
          },
          types: typesOf({
            'HyperliquidTransaction:UsdSend': [
              'hyperliquidChain:string',
              'destination:string',
              'amount:string',
              'time:uint64',
            ],
            EIP712Domain: mailTypes.EIP712Domain,
          }),
          primaryType: 'HyperliquidTransaction:UsdSend',
          message: {
            hyperliquidChain: 'Testnet',
            destination: `0x${'00'.repeat(19)}01`,
            amount: '1',
            time: 1677777606040,
          },
        }),
      '0xe6fc58fe9be6cc5fea4b1e1cef83962c20da53adefcd163a1209ee23d21fdfa8',
    ],
    'a field that no type has': [
      () =>
        typedDataIntent({
          domain: {
            name: 'Ether Mail',
            version: '1',
            chainId: 1,
            verifyingContract: '0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC',
          },
          message: {
            contents: 'Hello, Bob!',
            attachedMoneyInEth: 4.2,
            from: { name: 'Cow', wallets: [to] },
            to: [{ name: 'Bob', wallets: [to] }],
          },
          primaryType: 'Mail',
          types: typesOf(mailTypes),
        }),
      '0x76ee416b9d929b6d21630aa52ffabac5f3d9e0c326c75d0db9251141dcb54127',
    ],
    'five brackets': [
      () =>
        typedDataIntent({
          domain: { name: 'X' },
          types: typesOf({ A: ['x:uint256[1][1][1][1][1]'] }),
          primaryType: 'A',
          message: { x: [[[[['1']]]]] },
        }),
      '0x06f12b1077f212808e8deb04b6774784dc121aa0835c9051cf87a7dd626cb564',
    ],
    'null in the domain': [
      () =>
        typedDataIntent({
          domain: { name: 'X', version: null, chainId: 1, verifyingContract: null, salt: null },
          types: typesOf({ A: ['x:string'] }),
          primaryType: 'A',
          message: { x: 'y' },
        }),
      '0xc0cb13d6f83bde334491141f6eca855cf41ff893dd1347dfb361e49d78d8733e',
    ],
    'a transaction of ethers': [
      () =>
        transactionIntent({
          ...{ type: 2, to, data: '0x', nonce: 0, gasLimit: '21000', gasPrice: null, maxPriorityFeePerGas: '1' },
          ...{ maxFeePerGas: '5', value: '0', chainId: '1', sig: null, accessList: [] },
        }),
      '0xcb26fad600659b0203a357790c821fd0992f4650df8c1a1a6da7248c2f451dc8',
    ],
    'a creation of 4000 bytes': [
      () =>
        transactionIntent({
          ...{ type: 'eip1559', chainId: 1, nonce: 0, gas: '5000000', maxFeePerGas: '30000000000' },
          ...{ maxPriorityFeePerGas: '1', data: `0x${'60'.repeat(4000)}` },
        }),
      '0x83c491262a3fa093423c3d4dc44557e8d0a6a10617a738cd776ed3f6961aed01',
    ],
  };
  for (const [what, [make, digest]] of Object.entries(reports)) {
    test(`a report of the field has the digest that libraries agree on: ${what}`, () => {
      assert.equal(digestOf(make()), digest);
    });
  }
});

describe('names of types', () => {
  const names = [
    'Hyperliquid:Send',
    'a/b',
    'a.b',
    '1inch',
    'a-b',
    'é',
    'Ω',
    'a"b',
    'a\\b',
    "a'b",
    '#',
    '日本',
    'x'.repeat(200),
  ];
  for (const name of names) {
    test(`typed data of a type named ${name.slice(0, 20)} has the digest of ethers, whether it is used or not`, () => {
      assert.equal(typedDigest(one(name)), ethersDigest(one(name)));
      assert.equal(typedDigest(used(name)), ethersDigest(used(name)));
      if (/^[\w$:]+$/.test(name)) assert.equal(typedDigest(used(name)), viemDigest(used(name)));
    });
  }

  test('typed data of a primary type with spaces or characters beyond U+FFFF has the digest of ethers', () => {
    for (const name of ['Sign in', 'a b  c', '🦊 Sign', 'Tx (no)'.replace(/[()]/g, '!')]) {
      assert.equal(typedDigest(one(name)), ethersDigest(one(name)));
    }
  });

  test('a policy names such types, by name and in full', async () => {
    const rule = { kind: 'typedData', domains: 'any' };
    for (const name of ['Hyperliquid:Send', 'Sign in', 'a/b.c', '1inch']) {
      const full = `${name}(uint8 x)`;
      const intent = typedDataIntent(one(name));
      for (const types of [[name], [full]]) {
        assert.deepEqual(await judge(policyOf({ ...rule, types }), intent, { now: NOW }), {
          allowed: true,
          rule: 'rule 0',
        });
      }
      const capped = policyOf({ ...rule, types: [full], fields: { x: { max: '0' } } });
      assert.equal((await judge(capped, intent, { now: NOW })).allowed, false);
    }
    const parts = policyOf({
      ...rule,
      types: ['A(a:b x)a:b(uint8 y)'],
      fields: { x: { fields: { y: { max: '1' } } } },
    });
    assert.equal((await judge(parts, typedDataIntent(used('a:b')), { now: NOW })).allowed, true);
  });

  const hostile: { [what: string]: string } = {
    'an opening parenthesis': 'A(',
    'a closing parenthesis': 'A)',
    'a whole type': 'A(uint8 x)B',
    'a comma': 'A,B',
    'an opening bracket': 'A[',
    'a closing bracket': 'A]',
    brackets: 'A[]',
    'brackets within': 'A[2]B',
    'a line break': 'A\nB',
    'a null character': 'A\0',
    'a tab': 'A\tB',
    'a right-to-left override': 'A\u202eB',
    'a right-to-left isolate': 'A\u2067B',
    'a right-to-left mark': 'A\u200fB',
    'an Arabic letter mark': 'A\u061cB',
    'a zero-width space': 'A\u200bB',
    'a zero-width joiner': 'A\u200dB',
    'a byte order mark': '\ufeffA',
    'a filler that is not seen': 'A\u3164',
    'a private character': 'A\ue000',
    'a no-break space': 'A\u00a0B',
    'an ideographic space': 'A\u3000B',
    'a line separator': 'A\u2028B',
    nothing: '',
    address: 'address',
    bool: 'bool',
    string: 'string',
    bytes: 'bytes',
    bytes32: 'bytes32',
    bytes33: 'bytes33',
    bytes0: 'bytes0',
    uint: 'uint',
    int: 'int',
    uint7: 'uint7',
    uint256: 'uint256',
    int0256: 'int0256',
    fixed: 'fixed',
    ufixed128x18: 'ufixed128x18',
    function: 'function',
    __proto__: '__proto__',
    constructor: 'constructor',
    toString: 'toString',
    EIP712Domain: 'EIP712Domain',
  };
  const usedOnly: { [what: string]: string } = {
    'a space': 'A B',
    'a character beyond U+FFFF, which others sort in another place': '🦊',
  };
  const ends: { [what: string]: string } = { 'a space before it': ' A', 'a space after it': 'A ' };
  const json = (definition: object) => parseIntent({ kind: 'typedData', typedData: definition });

  for (const [what, name] of Object.entries({ ...hostile, ...ends })) {
    test(`the name of a primary type is refused: ${what}`, () => {
      refuses(() => json(one(name)), /^typedData\./);
      refuses(() => typedDataIntent(one(name)), /^typedData\./);
    });
  }
  for (const [what, name] of Object.entries({ ...hostile, ...usedOnly, ...ends })) {
    // Those that are atoms are no structs in a field: the struct beside them is one too many, or not needed.
    test(`the name of a type that a field uses is refused: ${what}`, () => {
      refuses(() => json(used(name)), /^typedData\./);
      refuses(
        () =>
          parsePolicy({
            version: 1,
            rules: [{ name: 'x', kind: 'typedData', domains: 'any', types: [`A(${name} x)${name}(uint8 y)`] }],
          }),
        /^rules\[0\]/,
      );
    });
  }
  const names2 = Object.entries({ ...hostile, ...usedOnly, ...ends }).filter(
    ([what, name]) =>
      !/^(address|bool|string|bytes|u?int|u?fixed|function|EIP712Domain)/.test(name) &&
      what !== 'a character beyond U+FFFF, which others sort in another place',
  );
  for (const [what, name] of names2) {
    test(`the name of a field is refused: ${what}`, () => refuses(() => json(field(name)), /^typedData\./));
  }

  test('names of fields are taken as those of types are', () => {
    for (const name of ['@context', 'a.b', 'a/b', '1', 'type:x', '🦊']) {
      assert.equal(typedDigest(field(name)), viemDigest(field(name)));
      assert.equal(typedDigest(field(name)), ethersDigest(field(name)));
    }
  });

  test('a name cannot pass for something else in the description', () => {
    const text = describeIntent(
      typedDataIntent({
        ...field('a=1'),
        types: { 'B fee: 0': [{ name: 'a=1', type: 'uint8' }] },
        primaryType: 'B fee: 0',
      }),
    );
    assert.match(text, /^Sign typed data \(EIP-712\): "B fee: 0"\n/);
    assert.match(text, /\n {2}"a=1" = 1\n/);
    assert.match(describeIntent(typedDataIntent(one('A:b'))), /^Sign typed data \(EIP-712\): A:b\n/);
  });
});

describe('lists of lists', () => {
  const nested = (depth: number, bracket: string, leaf: unknown) => ({
    domain: {},
    types: { A: [{ name: 'x', type: `uint256${bracket.repeat(depth)}` }] },
    primaryType: 'A',
    message: { x: Array.from({ length: depth }).reduce((item) => [item], leaf) },
  });

  test('lists of lists are signed with the digest of viem and ethers, as deep as an intent nests', () => {
    for (const [depth, bracket] of [
      [5, '[1]'],
      [24, '[1]'],
      [24, '[]'],
      [60, '[]'],
    ] as const) {
      const definition = nested(depth, bracket, '1');
      assert.equal(typedDigest(definition), viemDigest(definition));
      assert.equal(typedDigest(definition), ethersDigest(definition));
      const intent = typedDataIntent(definition);
      assert.equal(digestOf(parseIntentJson(intentJson(intent))), digestOf(intent));
    }
  });

  test('lists of lists are refused beyond the limit of all nesting, with that reason', () => {
    const empty = (brackets: number) => ({
      ...nested(0, '', '1'),
      types: { A: [{ name: 'x', type: `uint256${'[]'.repeat(brackets)}` }] },
      message: { x: [] },
    });
    assert.equal(typedDigest(empty(64)), viemDigest(empty(64)));
    refuses(() => typedDataIntent(empty(65)), /^typedData.types.A\[0\].type: lists nested deeper than 64/);
    refuses(() => typedDataIntent(nested(64, '[1]', '1')), /^nested deeper than 64/);
  });

  test('types of any length, and chains of them, are refused in no time, and at their place', () => {
    const begin = performance.now();
    const typed = (types: Record<string, { name: string; type: string }[]>) =>
      typedDataIntent({ domain: {}, types, primaryType: 'S0', message: {} } as never);
    for (const type of [`${'[]'.repeat(40_000)}x`, `S1${'[]'.repeat(40_000)}`]) {
      refuses(() => typed({ S0: [{ name: 'a', type }] }), /^typedData\.types/);
    }
    const chain = Array.from({ length: 2040 }, (_, i) => [`S${i}`, [{ name: 'a', type: `S${i + 1}[]` }]] as const);
    const types = Object.fromEntries([...chain, ['S2040', [{ name: 'a', type: 'bool' }]]]);
    refuses(() => typed(types), /longer than 4096 characters when encoded/);
    assert.ok(performance.now() - begin < 5000);
  });
});

describe('domains', () => {
  const field = (name: string, type: string) => ({ name, type });
  const standard = [
    field('name', 'string'),
    field('version', 'string'),
    field('chainId', 'uint256'),
    field('verifyingContract', 'address'),
  ];
  const domain = { name: 'X', version: '1', chainId: 1, verifyingContract: token };
  const of = (EIP712Domain: unknown, given: object = domain) => ({
    domain: given,
    types: { ...(EIP712Domain !== undefined && { EIP712Domain }), A: [field('x', 'string')] },
    primaryType: 'A',
    message: { x: 'y' },
  });
  const cosmos = of([...standard.slice(0, 3), field('verifyingContract', 'string'), field('salt', 'string')], {
    name: 'Cosmos Web3',
    version: '1.0.0',
    chainId: '9001',
    verifyingContract: 'cosmos',
    salt: '0',
  });
  const cosmosType = 'EIP712Domain(string name,string version,uint256 chainId,string verifyingContract,string salt)';

  const forms: { [what: string]: [object, RegExp | undefined] } = {
    'in full': [of(standard), undefined],
    'of an empty domain': [of([], {}), undefined],
    absent: [of(undefined), /^typedData.types has no EIP712Domain: /],
    'absent, of an empty domain': [of(undefined, {}), undefined],
    'in another order': [
      of([...standard].reverse()),
      /EIP712Domain is not the domain's fields in their standard order/,
    ],
    'in part': [of(standard.slice(0, 2)), /domain.chainId is not signed/],
    'empty, of a domain that is not': [of([]), /domain.name is not signed/],
    "Safe's": [
      of([field('chainId', 'uint256'), field('verifyingContract', 'address')], {
        chainId: 1,
        verifyingContract: token,
      }),
      undefined,
    ],
    'with a field of another type': [
      of([field('name', 'string'), field('chainId', 'uint64')], { name: 'X', chainId: 5 }),
      /as viem and MetaMask/,
    ],
    'with a field of its own': [
      of([field('name', 'string'), field('fork', 'bool')], { name: 'X', fork: true }),
      /as viem and MetaMask/,
    ],
    'whose verifyingContract is a text': [cosmos, /as viem and MetaMask/],
  };
  for (const [what, [definition, notice]] of Object.entries(forms)) {
    test(`a domain type is hashed as viem does, and what differs is said: ${what}`, () => {
      const { intent, notices } = noticed(definition);
      assert.equal(digestOf(intent), viemDigest(definition));
      assert.equal(
        notices.some((text) => notice?.test(text) ?? true),
        notice !== undefined,
        notices.join('\n'),
      );
      assert.equal(digestOf(parseIntentJson(intentJson(intent))), digestOf(intent));
      assert.equal(intentJson(parseIntentJson(intentJson(intent))), intentJson(intent));
    });
  }

  test('fields of the domain that are null are absent', () => {
    const nulls = { name: 'X', version: null, chainId: 1, verifyingContract: null, salt: null };
    assert.equal(typedDigest(of(undefined, nulls)), viemDigest(of(undefined, nulls)));
    assert.equal(typedDigest(of(undefined, nulls)), typedDigest(of(undefined, { name: 'X', chainId: 1 })));
    refuses(() => typedDataIntent(of(standard, nulls)), /^typedData.domain.version: missing/);
  });

  test('a domain that goes without saying is the same intent, however its type is written', () => {
    const texts = [of(standard), of(undefined)].map((definition) => intentJson(typedDataIntent(definition)));
    assert.equal(texts[0], texts[1]);
    assert.doesNotMatch(String(texts[0]), /EIP712Domain/);
  });

  test('the description tells a domain type that does not go without saying', () => {
    assert.match(describeIntent(typedDataIntent(cosmos)), /\n {2}domain type: EIP712Domain\(string name,/);
    assert.doesNotMatch(describeIntent(typedDataIntent(of(standard))), /domain type/);
  });

  test('a policy judges the fields of the domain that are hashed', async () => {
    const allowed = async (rule: object, definition: object) => {
      const verdict = await judge(
        policyOf({ kind: 'typedData', domains: 'any', types: 'any', ...rule }),
        typedDataIntent(definition as Definition),
        { now: NOW },
      );
      return verdict.allowed || verdict.reason;
    };
    const full = { domains: [{ ...domain, chainId: '1' }] };
    assert.equal(await allowed(full, of(standard)), true);
    assert.equal(await allowed(full, of([...standard].reverse())), true);
    // In part: the contract and the chain are in the message of the dapp, and not in the hash.
    assert.equal(await allowed(full, of(standard.slice(0, 2))), 'the domain is not allowed');
    assert.equal(await allowed({ domains: [{ name: 'X', version: '1' }] }, of(standard.slice(0, 2))), true);
    assert.equal(await allowed(full, of([])), 'the domain is not allowed');
    assert.equal(await allowed({ domains: [{}] }, of([])), true);

    const inOrder = 'EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)';
    assert.equal(await allowed({ ...full, domainTypes: [inOrder] }, of(standard)), true);
    assert.match(
      String(await allowed({ ...full, domainTypes: [inOrder] }, of([...standard].reverse()))),
      /^the domain type/,
    );
  });

  test('a policy allows a domain of other fields only by a rule that names its type', async () => {
    const intent = typedDataIntent(cosmos);
    const verdict = (rule: object) =>
      judge(policyOf({ kind: 'typedData', domains: 'any', types: 'any', ...rule }), intent, { now: NOW });
    const reasonOf = async (rule: object) => {
      const given = await verdict(rule);
      return given.allowed ? 'allowed' : given.reason;
    };
    const unnamed = `no domainTypes of the rule names ${cosmosType}, which has other fields than EIP-712's`;
    assert.equal(await reasonOf({}), unnamed);
    const { messages, any } = builtinPolicies;
    const byName = await judge(messages, intent, { now: NOW });
    assert.equal(byName.allowed ? '' : byName.reason, unnamed);
    assert.equal((await judge(any, intent, { now: NOW })).allowed, true);
    assert.equal(await reasonOf({ domainTypes: [cosmosType] }), 'allowed');
    const domains = [
      { name: 'Cosmos Web3', version: '1.0.0', chainId: '9001', verifyingContract: 'cosmos', salt: '0' },
    ];
    assert.equal(await reasonOf({ domainTypes: [cosmosType], domains }), 'allowed');
    assert.equal(
      await reasonOf({ domainTypes: [cosmosType], domains: [{ ...domains[0], chainId: '9000' }] }),
      'the domain is not allowed',
    );
    assert.match(await reasonOf({ domainTypes: ['EIP712Domain(string name)'] }), /^the domain type .* is not allowed$/);
  });

  const rule = (change: object) =>
    parsePolicy({ version: 1, rules: [{ name: 'x', kind: 'typedData', domains: 'any', types: 'any', ...change }] });
  const refused: { [what: string]: [object, RegExp] } = {
    'a type of another name': [{ domainTypes: ['Domain(string name)'] }, /domainTypes\[0\]: not like EIP712Domain/],
    'the name alone': [{ domainTypes: ['EIP712Domain'] }, /domainTypes\[0\]/],
    'a type with parts': [{ domainTypes: ['EIP712Domain(A a)A(bool x)'] }, /domainTypes\[0\]: not like/],
    'a type with lists': [{ domainTypes: ['EIP712Domain(bool[] a)'] }, /domainTypes\[0\]: not like/],
    'no types': [{ domainTypes: [] }, /^rules/],
    'two types with domains': [
      { domainTypes: [cosmosType, 'EIP712Domain(string name)'], domains: [{ name: 'X' }] },
      /domainTypes: more than one/,
    ],
    'a domain that is not of its type': [
      { domainTypes: ['EIP712Domain(string name)'], domains: [{ version: '1' }] },
      /domains\[0\].version: not a key known here/,
    ],
    'a text for a verifyingContract that is an address': [
      { domains: [{ verifyingContract: 'cosmos' }] },
      /domains\[0\].verifyingContract: not an address/,
    ],
    'a text for a salt of 32 bytes': [{ domains: [{ salt: '0' }] }, /domains\[0\].salt: not 0x/],
  };
  for (const [what, [change, message]] of Object.entries(refused)) {
    test(`a rule of domain types is refused: ${what}`, () => refuses(() => rule(change), message));
  }
});

describe('typed data as it comes', () => {
  const mail = {
    domain: { name: 'Mail' },
    types: {
      EIP712Domain: [{ name: 'name', type: 'string' }],
      Mail: [{ name: 'to', type: 'Person[]' }],
      Person: [{ name: 'age', type: 'uint256' }],
    },
    primaryType: 'Mail',
    message: { to: [{ age: 5 }] },
  };

  test('what no type has is left out of typed data, and named', () => {
    const { intent, notices } = noticed({
      ...mail,
      message: { to: [{ age: 5, name: 'Ann' }], signature: '0x', amount: 4.2 },
      domain: { name: 'Mail', version: '1' },
      metadata: {},
    });
    assert.equal(digestOf(intent), viemDigest(mail));
    assert.deepEqual(
      notices.map((text) => text.split(' is not signed')[0]),
      [
        'typedData.metadata',
        "typedData.types.EIP712Domain is not the domain's fields in their standard order: it is hashed as it is, as viem and MetaMask do; ethers and eth-account hash another domain.",
        'typedData.domain.version',
        'typedData.message.to[0].name',
        'typedData.message.signature',
        'typedData.message.amount',
      ],
    );
  });

  test('what viem ignores is left out of typed data: unused types, what compilers add to fields', () => {
    const types = {
      ...mail.types,
      Other: [{ name: 'x', type: 'bool' }],
      Mail: [{ name: 'to', type: 'Person[]', internalType: 'struct' }],
    };
    const { intent, notices } = noticed({ ...mail, types });
    assert.equal(digestOf(intent), viemDigest(mail));
    assert.deepEqual(notices, []);
  });

  test('a primary type that is missing is the one that no other uses', () => {
    const { primaryType: _, ...unnamed } = mail;
    const { intent, notices } = noticed(unnamed);
    assert.equal(digestOf(intent), viemDigest(mail));
    assert.match(String(notices), /primaryType is missing: Mail/);
    refuses(
      () => typedDataIntent({ ...unnamed, types: { ...mail.types, Other: [{ name: 'x', type: 'bool' }] } }),
      /^typedData.primaryType: missing, and it could be Mail or Other$/,
    );
    refuses(() => typedDataIntent({ ...unnamed, types: {} }), /^typedData.primaryType: missing$/);
    refuses(
      () => typedDataIntent({ ...unnamed, types: { A: [{ name: 'x', type: 'B' }], B: [{ name: 'x', type: 'A' }] } }),
      /^typedData.primaryType: missing$/,
    );
  });

  test('a message is called value too, where there is no message', () => {
    const { message, ...others } = mail;
    assert.equal(typedDigest({ ...others, value: message }), viemDigest(mail));
    const { intent, notices } = noticed({ ...mail, value: {} });
    assert.equal(digestOf(intent), viemDigest(mail));
    assert.match(String(notices), /^typedData.value is not signed/);
  });

  test('numbers are taken in every notation that keeps them exact', () => {
    const of = (age: unknown) => ({ ...mail, message: { to: [{ age }] } });
    for (const age of [255, 255n, '255', '0xff', '0xFF', '0x00ff', '0255'])
      assert.equal(typedDigest(of(age)), viemDigest(of(255n)));
    const beyond =
      /^typedData.message.to\[0\].age: beyond 2\^53, where JSON numbers lose digits: write it as a string$/;
    for (const age of [2 ** 53, 1e18, -1e30]) refuses(() => typedDataIntent(of(age)), beyond);
    refuses(() => typedDataIntent(of(4.2)), /^typedData.message.to\[0\].age: not a whole number$/);
    for (const age of ['1e18', '', ' 1', '0x', '1.0', '-0x1', true, null, {}, []]) {
      refuses(() => typedDataIntent(of(age)), /^typedData.message.to\[0\].age: not a whole number/);
    }
  });

  const wrong: { [what: string]: [unknown, RegExp] } = {
    null: [null, /^typedData: not an object/],
    'a list': [[], /^typedData: not an object/],
    'a text': ['{}', /^typedData: not an object/],
    'no types': [{ ...mail, types: undefined }, /^typedData.types: not an object/],
    'types that are null': [{ ...mail, types: null }, /^typedData.types: not an object/],
    'types in a list': [{ ...mail, types: [mail.types] }, /^typedData.types: not an object/],
    'a struct that is null': [{ ...mail, types: { Mail: null } }, /^typedData.types.Mail: not a list/],
    'a field that is null': [{ ...mail, types: { Mail: [null] } }, /^typedData.types.Mail\[0\]: not an object/],
    'a type that is a number': [
      { ...mail, types: { Mail: [{ name: 'to', type: 5 }] } },
      /^typedData.types.Mail\[0\].type: not a string/,
    ],
    'a type that is null': [
      { ...mail, types: { Mail: [{ name: 'to', type: null }] } },
      /^typedData.types.Mail\[0\].type: not a string/,
    ],
    'a name that is a number': [
      { ...mail, types: { Mail: [{ name: 5, type: 'bool' }] } },
      /^typedData.types.Mail\[0\].name: not a string/,
    ],
    'a primary type that is a number': [{ ...mail, primaryType: 5 }, /^typedData.primaryType: not a string/],
    'a primary type that is a list': [
      { ...mail, primaryType: 'Mail[]' },
      /^typedData.primaryType: a type that is not defined/,
    ],
    'no message': [{ ...mail, message: undefined }, /^typedData.message: missing/],
    'a message that is null': [{ ...mail, message: null }, /^typedData.message: not an object/],
    'a domain that is null': [{ ...mail, domain: null }, /^typedData.domain: not an object/],
    'a message that is a list': [{ ...mail, message: [] }, /^typedData.message: not an object/],
    'a list that is an object': [{ ...mail, message: { to: { 0: {} } } }, /^typedData.message.to: not a list/],
    'a struct that is missing': [{ ...mail, message: { to: [null] } }, /^typedData.message.to\[0\]: not an object/],
    'a domain that is a text': [{ ...mail, domain: 'Mail' }, /^typedData.domain: not an object/],
    'a domain with a list': [{ ...mail, domain: { name: [] } }, /^typedData.domain.name: not a string/],
    'a domain type that is null': [
      { ...mail, types: { ...mail.types, EIP712Domain: null } },
      /^typedData.types.EIP712Domain: not a list/,
    ],
    'an unknown field of a domain without a type': [
      { ...mail, types: { ...mail.types, EIP712Domain: undefined }, domain: { fork: 1 } },
      /^typedData.domain.fork: not a key known here/,
    ],
    'what contains itself': [
      (() => {
        const message: { [key: string]: unknown } = {};
        message.x = [message];
        return { types: { A: [{ name: 'x', type: 'A[]' }] }, primaryType: 'A', message };
      })(),
      /nested deeper than 64/,
    ],
  };
  for (const [what, [definition, message]] of Object.entries(wrong)) {
    test(`typed data of a wrong shape is refused at its place: ${what}`, () => {
      refuses(() => typedDataIntent(definition as Definition), message);
    });
  }
});

describe('transactions as they come', () => {
  const account = privateKeyToAccount(`0x${'42'.repeat(32)}`);
  const fields = { chainId: 1, nonce: 7, gas: 21_000n, to: alice, value: 5n, data: '0xabcd' } as const;
  const fees = { maxFeePerGas: 30n, maxPriorityFeePerGas: 2n } as const;
  const eip1559 = { ...fields, ...fees, type: 'eip1559' } as const;
  const legacy = { ...fields, gasPrice: 20n, type: 'legacy' } as const;
  const digest = (transaction: object) =>
    keccak256(serializeTransaction(transaction as Parameters<typeof serializeTransaction>[0]));
  const hex = (value: number | bigint): Hex => `0x${value.toString(16)}`;
  /** As a node tells of it. */
  const node = {
    type: '0x2',
    chainId: '0x1',
    nonce: '0x7',
    gas: '0x5208',
    to: alice.toLowerCase(),
    value: '0x5',
    input: '0xabcd',
    maxFeePerGas: '0x1e',
    maxPriorityFeePerGas: '0x2',
    accessList: [],
  };
  const zeros = { v: '0x0', r: '0x0', s: '0x0', yParity: '0x0' };

  /** Signed by `account`: what a node tells of it, in a block. */
  async function mined(transaction: typeof eip1559 | typeof legacy) {
    const serialized = await account.signTransaction(transaction);
    const { v, r, s, yParity } = ethers.Transaction.from(serialized).signature ?? assert.fail();
    const isLegacy = transaction.type === 'legacy';
    return {
      blockHash: `0x${'11'.repeat(32)}`,
      blockNumber: '0x10',
      transactionIndex: '0x0',
      hash: keccak256(serialized),
      from: account.address.toLowerCase(),
      nonce: '0x7',
      gas: '0x5208',
      to: alice.toLowerCase(),
      value: '0x5',
      input: '0xabcd',
      chainId: '0x1',
      r: hex(BigInt(r)),
      s: hex(BigInt(s)),
      ...(isLegacy
        ? { type: '0x0', gasPrice: '0x14', v: hex(v - 27 + 37) }
        : {
            type: '0x2',
            gasPrice: '0x9',
            maxFeePerGas: '0x1e',
            maxPriorityFeePerGas: '0x2',
            accessList: [],
            v: hex(yParity),
            yParity: hex(yParity),
          }),
    };
  }

  const unsignedRaw = () => {
    const { to, value, data } = fields;
    const list = [
      '0x01',
      '0x07',
      '0x02',
      '0x1e',
      '0x5208',
      to,
      hex(value).replace('0x', '0x0'),
      data,
      [],
      '0x',
      '0x',
      '0x',
    ];
    return ethers.concat(['0x02', ethers.encodeRlp(list)]);
  };

  const given: { [what: string]: () => [object, object] } = {
    'a node': () => [node, eip1559],
    'null fields': () => [
      {
        ...node,
        gasPrice: null,
        blockHash: null,
        blockNumber: null,
        hash: null,
        v: null,
        r: null,
        s: null,
        blobVersionedHashes: null,
        authorizationList: null,
      },
      eip1559,
    ],
    'zeros for a signature': () => [{ ...node, ...zeros }, eip1559],
    'zeros for a signature and a hash': () => [{ ...node, ...zeros, hash: `0x${'00'.repeat(32)}` }, eip1559],
    'equal data and input': () => [{ ...node, data: '0xABCD' }, eip1559],
    'equal gas and gasLimit': () => [{ ...node, gasLimit: '21000' }, eip1559],
    'an answer of eth_fillTransaction': () => {
      const raw = unsignedRaw();
      return [
        {
          jsonrpc: '2.0',
          id: 1,
          result: { raw, tx: { ...node, ...zeros, gasPrice: null, hash: keccak256(raw as Hex) } },
        },
        eip1559,
      ];
    },
    'an answer of eth_fillTransaction, legacy': () => {
      const { type: _type, maxFeePerGas: _fee, maxPriorityFeePerGas: _tip, accessList: _list, ...common } = node;
      const raw = ethers.encodeRlp(['0x07', '0x14', '0x5208', alice, '0x05', '0xabcd', '0x', '0x', '0x']);
      return [
        {
          raw,
          tx: { ...common, type: '0x0', gasPrice: '0x14', v: '0x0', r: '0x0', s: '0x0', hash: keccak256(raw as Hex) },
        },
        legacy,
      ];
    },
    "ethers' toJSON": () => [
      JSON.parse(
        JSON.stringify(
          ethers.Transaction.from({
            ...eip1559,
            gasLimit: 21_000n,
            type: 2,
            gas: undefined,
          } as ethers.TransactionLike).toJSON(),
        ),
      ),
      eip1559,
    ],
    "ethers' toJSON, legacy": () => [
      JSON.parse(
        JSON.stringify(
          ethers.Transaction.from({
            ...legacy,
            gasLimit: 21_000n,
            type: 0,
            gas: undefined,
          } as ethers.TransactionLike).toJSON(),
        ),
      ),
      legacy,
    ],
    "viem's prepareTransactionRequest": () => [
      {
        ...eip1559,
        account,
        from: account.address,
        chain: { id: 1 },
        parameters: ['gas'],
        nonceManager: undefined,
        _capabilities: {},
        kzg: undefined,
        gasPrice: undefined,
      },
      eip1559,
    ],
    "viem's prepareTransactionRequest in JSON": () => [
      JSON.parse(
        JSON.stringify(
          { ...eip1559, account: { address: account.address, type: 'json-rpc' }, from: account.address },
          (_, value) => (typeof value === 'bigint' ? String(value) : value),
        ),
      ),
      eip1559,
    ],
    "Foundry's record of a broadcast": () => [
      {
        transactions: [
          {
            hash: null,
            transactionType: 'CALL',
            contractName: null,
            contractAddress: alice,
            function: null,
            arguments: null,
            transaction: { ...node, from: account.address },
            additionalContracts: [],
            isFixedGasLimit: false,
          },
        ],
        receipts: [],
        chain: 1,
      },
      eip1559,
    ],
    'types as numbers': () => [{ ...node, type: 2 }, eip1559],
    'no type': () => [{ ...node, type: null }, eip1559],
  };
  for (const [what, make] of Object.entries(given)) {
    test(`a transaction has the digest of viem, as written by: ${what}`, () => {
      const [transaction, expected] = make();
      assert.equal(digestOf(transactionIntent(transaction)), digest(expected));
    });
  }

  test('a transaction that is signed is signed again, as nodes, viem and ethers tell of it', async () => {
    for (const transaction of [eip1559, legacy]) {
      const serialized = await account.signTransaction(transaction);
      const own = await mined(transaction);
      assert.equal(digestOf(transactionIntent(own)), digest(transaction));
      assert.equal(
        digestOf(
          transactionIntent({ ...own, blockHash: null, blockNumber: null, transactionIndex: null, raw: serialized }),
        ),
        digest(transaction),
      );
      const json = JSON.parse(JSON.stringify(ethers.Transaction.from(serialized).toJSON()));
      assert.equal(digestOf(transactionIntent(json)), digest(transaction));
      const { signature } = ethers.Transaction.from(serialized);
      assert.equal(
        digestOf(transactionIntent({ ...transaction, signature: signature?.serialized })),
        digest(transaction),
      );
      const { v: _v, ...withoutV } = own;
      if (transaction.type === 'legacy') {
        const { chainId: _chainId, ...withoutChain } = own;
        assert.equal(digestOf(transactionIntent(withoutChain)), digest(transaction));
        refuses(() => transactionIntent(withoutV), /^transaction.v: missing beside r and s/);
      } else {
        assert.equal(digestOf(transactionIntent(withoutV)), digest(transaction));
        // viem's getTransaction.
        const told = {
          ...own,
          ...transaction,
          typeHex: '0x2',
          v: BigInt(own.v),
          gasPrice: 9n,
          blockNumber: 16n,
          transactionIndex: 0,
        };
        assert.equal(digestOf(transactionIntent(told)), digest(transaction));
      }
    }
  });

  const contradictions: { [what: string]: [(own: Awaited<ReturnType<typeof mined>>) => object, RegExp] } = {
    'another hash': [(own) => ({ ...own, hash: `0x${'12'.repeat(32)}` }), /^transaction.hash: not of this transaction/],
    'another sender': [(own) => ({ ...own, from: alice }), /^transaction.from: not who signed it/],
    'another value': [(own) => ({ ...own, value: '0x6' }), /^transaction.from: not who signed it/],
    'another value, without a sender': [
      (own) => ({ ...own, value: '0x6', from: undefined }),
      /^transaction.hash: not of this/,
    ],
    'another parity in v': [
      (own) => ({ ...own, yParity: own.v === '0x0' ? '0x1' : '0x0' }),
      /^transaction.v: not the same as yParity/,
    ],
    'a parity of 2': [(own) => ({ ...own, v: undefined, yParity: '0x2' }), /^transaction.yParity: not 0 or 1/],
    'a v that is none': [(own) => ({ ...own, v: '0x5', yParity: undefined }), /^transaction.v: not 0, 1, 27, 28/],
    'a v for another chain': [
      (own) => ({ ...own, v: hex(2 * 5 + 35 + Number(own.v)) }),
      /^transaction.v: for chain 5, and not 1/,
    ],
    'r twice': [
      (own) => ({ ...own, signature: { r: '0x1', s: own.s, v: own.v } }),
      /^transaction.r: given twice, and not the same/,
    ],
    'r that is no point': [(own) => ({ ...own, r: '0x5' }), /^transaction.(s|from): /],
    'r without s': [(own) => ({ ...own, s: '0x0' }), /^transaction.s: no signature/],
    'v without r and s': [
      (own) => ({ ...own, hash: null, r: '0x0', s: null, v: '0x1b', yParity: null }),
      /^transaction.v: there, without r and s/,
    ],
    'a parity without r and s': [
      (own) => ({ ...own, hash: null, r: null, s: null, v: null, yParity: '0x1' }),
      /^transaction.yParity: there, without/,
    ],
    'a text for r': [(own) => ({ ...own, r: 'x' }), /^transaction.r: not a number/],
    'a signature that is short': [
      (own) => ({ ...own, signature: '0x1234' }),
      /^transaction.signature: not a signature of 65 bytes/,
    ],
    'a price above the fee': [(own) => ({ ...own, gasPrice: '0x1f' }), /^transaction.gasPrice: more than maxFeePerGas/],
    'other data than input': [
      (own) => ({ ...own, data: '0x' }),
      /^transaction.data: given under two names, and not the same/,
    ],
    'another gasLimit than gas': [(own) => ({ ...own, gasLimit: 1 }), /^transaction.gasLimit: given under two names/],
    'another raw': [(own) => ({ ...own, raw: unsignedRaw() }), /^transaction.raw: not this transaction/],
    'a raw that is none': [(own) => ({ ...own, raw: '0xzz' }), /^transaction.raw: not this transaction/],
    'a field that is not known': [
      (own) => ({ ...own, feeCurrency: alice }),
      /^transaction.feeCurrency: not a key known here/,
    ],
  };
  for (const [what, [change, message]] of Object.entries(contradictions)) {
    test(`a transaction that contradicts itself is refused: ${what}`, async () => {
      const own = await mined(eip1559);
      refuses(() => transactionIntent(change(own)), message);
    });
  }

  test('a transaction is refused for a hash that is not that of it, unsigned', () => {
    refuses(
      () => transactionIntent({ ...node, ...zeros, hash: `0x${'12'.repeat(32)}` }),
      /^transaction.hash: not of this/,
    );
    assert.equal(digestOf(transactionIntent({ ...node, hash: digest(eip1559) })), digest(eip1559));
    assert.equal(
      digestOf(transactionIntent({ ...node, ...zeros, hash: keccak256(unsignedRaw() as Hex) })),
      digest(eip1559),
    );
    // EIP-155's v before signing.
    assert.equal(digestOf(transactionIntent({ ...legacy, v: 1, r: 0, s: 0 })), digest(legacy));
  });

  test('a legacy transaction of before EIP-155 says so', async () => {
    const { chainId: _, ...unprotected } = legacy;
    const { signature } = ethers.Transaction.from(await account.signTransaction(unprotected as typeof legacy));
    const old = { ...legacy, from: account.address, r: signature?.r, s: signature?.s, v: signature?.v };
    refuses(
      () => transactionIntent(old),
      /^transaction.from: not who signed it, or signed without a chain id \(before EIP-155\)/,
    );
  });

  test('authorizations carry their signature in every form', async () => {
    const { r, s, yParity, v } = await account.signAuthorization({ address: alice, chainId: 1, nonce: 3 });
    const authorization = { address: alice, chainId: 1, nonce: 3 };
    const of = (item: object) => ({ ...fields, ...fees, type: 'eip7702', authorizationList: [item] });
    const expected = digest(of({ ...authorization, r, s, yParity }));
    const short = (text: string) => `0x${text.replace(/^0x0*/, '')}`;
    for (const item of [
      { ...authorization, r, s, yParity, v },
      { ...authorization, r, s, v: Number(v) },
      {
        chainId: '0x1',
        address: alice.toLowerCase(),
        nonce: '0x3',
        r: short(r),
        s: short(s),
        yParity: hex(yParity ?? 0),
        v: null,
      },
      { address: alice, nonce: '3', chainId: '1', signature: ethers.Signature.from({ r, s, v: v ?? 27n }).toJSON() },
      JSON.parse(JSON.stringify({ ...authorization, signature: ethers.Signature.from({ r, s, v: v ?? 27n }) })),
      { ...authorization, signature: ethers.Signature.from({ r, s, v: v ?? 27n }).serialized },
    ]) {
      assert.equal(digestOf(transactionIntent(of(item))), expected);
    }
    const wrongV = { ...authorization, r, s, yParity, v: v === 27n ? 28n : 27n };
    refuses(() => transactionIntent(of(wrongV)), /^transaction.authorizationList\[0\].v: not the same as yParity/);
    refuses(() => transactionIntent(of(authorization)), /^transaction.authorizationList\[0\].yParity: missing/);
    refuses(
      () => transactionIntent(of({ ...authorization, r: '0x0', s: '0x0', v: 0 })),
      /authorizationList\[0\].yParity: missing/,
    );
  });

  test('a file of several transactions is refused, as one is signed at a time', () => {
    refuses(() => transactionIntent({ transactions: [{}, {}] }), /^transactions: 2 of them/);
  });

  test('a transaction with numbers that lost digits is refused at its place', () => {
    refuses(() => transactionIntent({ ...node, value: 1e18 }), /^transaction.value: beyond 2\^53/);
    refuses(() => transactionIntent({ ...node, gas: 1.5 }), /^transaction.gas: not a whole number/);
  });
});

describe('places in JSON text', () => {
  const faults: { [text: string]: RegExp | undefined } = {
    '{"a":{"b":[1,{"c":1000000000000000001}]}}':
      /^a\.b\[1\]\.c: the number 1000000000000000001 would be read as 1000000000000000000: write it as a string$/,
    '{"a":1.0}': /^a: the number 1\.0 would be read as 1: write/,
    '[1,1e3]': /^\[1\]: the number 1e3/,
    '[-0]': /^\[0\]: the number -0/,
    '{"a":1,"b":{"a":2},"a":3}': /^a: given twice$/,
    '{"x":{"a":1,"\\u0061":2}}': /^x\.a: given twice$/,
    '{"a":"a","b":["b","b"],"c":{}}': undefined,
    '{"a":"{\\"b\\":1,\\"b\\":2}","b":{"b":[{},[]]}}': undefined,
    '5': undefined,
    '1e5': /^the number 1e5/,
  };
  for (const [text, message] of Object.entries(faults)) {
    test(`the place of what JSON.parse changes is found in ${text}`, () => {
      const fault = faultIn(text);
      if (message === undefined) assert.equal(fault, undefined);
      else assert.match(String(fault?.message), message);
    });
  }

  test('the place is found of whatever the parser refuses for it', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        let isRefused = false;
        try {
          parseIntentJson(text);
        } catch (error) {
          isRefused = String(error).includes('a key is repeated');
        }
        assert.equal(faultIn(text) !== undefined, isRefused, text);
      }),
      { numRuns: 500, seed: 8 },
    );
  });
});

describe('hostile shapes', () => {
  const words = [
    'types',
    'domain',
    'primaryType',
    'message',
    'value',
    'EIP712Domain',
    'A',
    'name',
    'type',
    'x',
    'chainId',
    'to',
    'gas',
    'r',
    's',
    'v',
    'yParity',
    'signature',
    'sig',
    'hash',
    'raw',
    'tx',
    'result',
    'transaction',
    'transactions',
    'accessList',
    'authorizationList',
    'nonce',
    'data',
    'input',
    'maxFeePerGas',
    'gasPrice',
    'from',
    '__proto__',
    'constructor',
    'toString',
  ];
  const texts = [
    'A',
    'A[]',
    'A[2]',
    'uint256',
    'uint',
    'string',
    'x',
    'bytes32',
    'address',
    '',
    '0x',
    '0x0',
    '0x01',
    '1',
    '-1',
    '1e9',
    'eip1559',
    '0x2',
    '2',
    alice,
    '\ud800',
    `0x${'11'.repeat(32)}`,
    '[]',
    '(',
  ];
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'medium', withCrossShrink: true },
      fc.constantFrom(null, true, false, 0, 1, -1, 1.5, 1e18, 2 ** 60, ...texts),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...words), tie('value'), { maxKeys: 6, noNullPrototype: true }),
    ),
  }));
  /** Sound JSON, with anything in one place. */
  const altered = (sound: object) =>
    fc.tuple(fc.nat(), value).map(([at, other]) => {
      const paths: string[][] = [];
      (function visit(item: unknown, path: string[]) {
        paths.push(path);
        if (typeof item === 'object' && item !== null)
          for (const [key, part] of Object.entries(item)) visit(part, [...path, key]);
      })(sound, []);
      const path = paths[at % paths.length] ?? [];
      const copy = structuredClone({ sound }) as { [key: string]: unknown };
      let target: { [key: string]: unknown } = copy;
      const keys = ['sound', ...path];
      for (const key of keys.slice(0, -1)) target = target[key] as typeof target;
      target[keys.at(-1) ?? ''] = other;
      return copy.sound;
    });
  const typed = {
    domain: { name: 'X', chainId: 1 },
    types: {
      EIP712Domain: [
        { name: 'name', type: 'string' },
        { name: 'chainId', type: 'uint256' },
      ],
      A: [{ name: 'x', type: 'B[]' }],
      B: [{ name: 'y', type: 'uint8' }],
    },
    primaryType: 'A',
    message: { x: [{ y: 1 }] },
  };
  const transaction = {
    type: '0x4',
    chainId: '0x1',
    nonce: '0x0',
    gas: '0x1',
    maxFeePerGas: '0x2',
    maxPriorityFeePerGas: '0x1',
    to: alice,
    value: '0x0',
    input: '0x',
    accessList: [{ address: alice, storageKeys: [`0x${'00'.repeat(32)}`] }],
    authorizationList: [{ chainId: '0x1', address: alice, nonce: '0x0', yParity: '0x0', r: '0x1', s: '0x1' }],
    v: '0x0',
    r: '0x0',
    s: '0x0',
    hash: null,
  };

  test('whatever the JSON, an intent comes out or an error that has a place', () => {
    const outcomes = { intents: 0, errors: 0 };
    const tried = (make: () => Intent) => {
      try {
        assert.match(digestOf(make()), /^0x[0-9a-f]{64}$/);
        outcomes.intents += 1;
      } catch (error) {
        assert.ok(error instanceof InputError && error instanceof CodedError, `${(error as Error).stack}`);
        assert.equal(error.code, 'malformed');
        assert.doesNotMatch(error.message, /undefined|\[object|Cannot|is not a function/);
        outcomes.errors += 1;
      }
    };
    fc.assert(
      fc.property(fc.oneof(value, altered(typed), altered(transaction)), (json) => {
        tried(() => typedDataIntent(json as Definition));
        tried(() => transactionIntent(json as object));
        tried(() => parseIntent({ kind: 'typedData', typedData: json }));
        tried(() => parseIntentJson(JSON.stringify(json) ?? 'null'));
      }),
      { numRuns: 3000, seed: 8 },
    );
    assert.ok(outcomes.intents > 50 && outcomes.errors > 1000, JSON.stringify(outcomes));
  });
});
