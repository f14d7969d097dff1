import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as ethers from 'ethers';
import fc from 'fast-check';
import { type Hex, hashTypedData, keccak256, serializeTransaction } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { buildAction } from '../ts/build/action.ts';
import { buildPath } from '../ts/core/node.ts';
import { describeIntent } from '../ts/intent/describe.ts';
import {
  authorizationIntent,
  digestIntent,
  messageIntent,
  transactionIntent,
  typedDataIntent,
  typeOfNumber,
} from '../ts/intent/from.ts';
import { digestOf, InputError, type Intent, intentJson, parseIntent, parseIntentJson } from '../ts/intent/intent.ts';
import { transactionForms } from '../ts/intent/transaction/transaction.ts';
import { encodeType } from '../ts/intent/types.ts';
import { STRICT_LIMITS } from '../ts/runtime/limits.ts';
import { LocalRuntime } from '../ts/runtime/local/runtime.ts';
import { intents, transactionIntents, typedDataIntents } from './support/intents.ts';

const account = privateKeyToAccount(`0x${'5a'.repeat(32)}`);

/** The signature that viem's private-key account gives for what the intent says, by its method for that. */
async function viemSignature(intent: Intent): Promise<Hex> {
  switch (intent.kind) {
    case 'message':
      return account.signMessage({ message: intent.message });
    case 'typedData':
      return account.signTypedData(intent.typedData as Parameters<typeof account.signTypedData>[0]);
    case 'transaction': {
      const signed = ethers.Transaction.from(await account.signTransaction(intent.transaction));
      return signed.signature?.serialized as Hex;
    }
    case 'authorization': {
      const { r, s, yParity } = await account.signAuthorization(intent.authorization);
      return ethers.Signature.from({ r, s, yParity: yParity as 0 | 1 }).serialized as Hex;
    }
    case 'digest':
      return account.sign({ hash: intent.digest });
  }
}

function ethersDigest(intent: Intent): string {
  switch (intent.kind) {
    case 'message':
      return ethers.hashMessage(
        typeof intent.message === 'string' ? intent.message : ethers.getBytes(intent.message.raw),
      );
    case 'typedData': {
      const { domain, types, message } = intent.typedData;
      const fields = Object.fromEntries(Object.entries(types).map(([name, list]) => [name, [...list]]));
      return ethers.TypedDataEncoder.hash(domain, fields, message);
    }
    case 'transaction':
      return ethers.Transaction.from(ethersTransaction(intent.transaction)).unsignedHash;
    case 'authorization':
      return ethers.hashAuthorization(intent.authorization);
    case 'digest':
      return intent.digest;
  }
}

function ethersTransaction(transaction: Extract<Intent, { kind: 'transaction' }>['transaction']) {
  const { type, gas, accessList, authorizationList, ...fields } = {
    accessList: undefined,
    authorizationList: undefined,
    ...transaction,
  };
  return {
    ...fields,
    type: transactionForms[type].number,
    gasLimit: gas,
    ...(accessList && { accessList: accessList.map((item) => ({ ...item, storageKeys: [...item.storageKeys] })) }),
    ...(authorizationList && {
      authorizationList: authorizationList.map(({ r, s, yParity, ...item }) => ({
        ...item,
        signature: { r, s, yParity },
      })),
    }),
  } as unknown as ethers.TransactionLike;
}

const KINDS = ['authorization', 'digest', 'message', 'typedData', ...Object.keys(transactionForms)].sort();
const kindOf = (intent: Intent) => (intent.kind === 'transaction' ? intent.transaction.type : intent.kind);

describe('digests', () => {
  test("the digests of 600 intents are viem's and ethers'", async () => {
    const kinds = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(intents, async (json) => {
        const intent = parseIntentJson(JSON.stringify(json));
        const digest = digestOf(intent);
        const kind = kindOf(intent);
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
        assert.equal(ethersDigest(intent), digest);
        assert.equal(await viemSignature(intent), await account.sign({ hash: digest }));
      }),
      { numRuns: 600, seed: 8 },
    );
    assert.deepEqual([...kinds.keys()].sort(), KINDS);
    for (const [kind, count] of kinds) assert.ok(count >= 20, `${kind}: only ${count}`);
  });

  test('the digests of 600 intents are the same in an action', async () => {
    const given = fc.sample(intents, { seed: 8, numRuns: 600 }).map((json) => parseIntent(json));
    const dir = mkdtempSync(join(tmpdir(), 'tandem-intent-'));
    try {
      const main = fileURLToPath(new URL('actions/digests.ts', import.meta.url));
      const wasm = `${buildPath}tandem.wasm`;
      const { source, cid } = await buildAction({ main, wasm });
      assert.doesNotMatch(source, /nonceManager|carries an authorization/, 'what only clients need is in the action');
      const limits = { ...STRICT_LIMITS, maxParamsLength: 10_000_000, maxResponseLength: 10_000_000 };
      const runtime = await LocalRuntime.open({ dir, limits });
      const answer = await runtime.run({ source, cid }, { intents: given.map(intentJson) });
      assert.deepEqual(answer, { ok: { digests: given.map(digestOf), texts: given.map(intentJson) } });
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  test("the digests of over 800 intents are go-ethereum's", () => {
    const { seed, digests } = JSON.parse(readFileSync(new URL('vectors/intents.json', import.meta.url), 'utf8')) as {
      seed: number;
      digests: string[];
    };
    const samples = fc.sample(intents, { seed, numRuns: digests.length });
    const compared = samples.filter((_, i) => digests[i] !== '');
    assert.ok(compared.length > 800, 'npx tsx test/reference/intents.ts records them anew');
    assert.deepEqual([...new Set(compared.map((json) => kindOf(parseIntent(json))))].sort(), KINDS);
    for (const [i, json] of samples.entries()) {
      if (digests[i] !== '') assert.equal(digestOf(parseIntent(json)), digests[i], JSON.stringify(json));
    }
  });
});

/** The parts of an intent's JSON, each as [path, value], outermost first. */
function parts(value: unknown, path: string[] = []): [string[], unknown][] {
  if (typeof value !== 'object' || value === null) return [[path, value]];
  return [[path, value], ...Object.entries(value).flatMap(([key, item]) => parts(item, [...path, key]))];
}

function withPart(value: unknown, [key, ...path]: string[], part: unknown): unknown {
  if (key === undefined) return part;
  if (Array.isArray(value)) return value.map((item, i) => (String(i) === key ? withPart(item, path, part) : item));
  const object = value as Record<string, unknown>;
  return Object.fromEntries(Object.entries(object).map(([k, v]) => [k, k === key ? withPart(v, path, part) : v]));
}

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, item]) => [key, reversed(item)]),
  );
}

/** Another value of the same form. */
function other(value: unknown): unknown {
  if (typeof value === 'boolean') return !value;
  if (value === null) return `0x${'11'.repeat(20)}`;
  const text = String(value);
  if (/^0x([0-9a-fA-F]{2})+$/.test(text)) return `${text.toLowerCase().slice(0, -1)}${text.endsWith('1') ? '2' : '1'}`;
  if (text === '0x') return '0x00';
  if (/^-?\d+$/.test(text)) return text === '1' ? '0' : '1';
  return `${text}!`;
}

/** The intent with another value in one place, or undefined if that makes none. */
function oneChanged(json: unknown, at: number): Intent | undefined {
  const leaves = parts(json).filter(([, value]) => typeof value !== 'object' || value === null);
  const [path, value] = leaves[at % leaves.length] ?? [[], undefined];
  try {
    return parseIntent(withPart(json, path, other(value)));
  } catch (error) {
    assert(error instanceof InputError);
    return undefined;
  }
}

describe('what was judged is what is hashed', () => {
  test('the unsigned transaction decodes to every field of the intent, and to nothing else', () => {
    fc.assert(
      fc.property(transactionIntents, (json) => {
        const intent = parseIntent(json);
        assert(intent.kind === 'transaction');
        const preimage = serializeTransaction(intent.transaction);
        assert.equal(keccak256(preimage), digestOf(intent));
        const decoded = ethers.Transaction.from(preimage);
        const { type, gasLimit, chainId, nonce, to, value, data, accessList } = decoded;
        const fees =
          intent.transaction.type === 'legacy' || intent.transaction.type === 'eip2930'
            ? ['gasPrice']
            : ['maxFeePerGas', 'maxPriorityFeePerGas'];
        const again = transactionIntent({
          type: typeOfNumber(type ?? -1),
          chainId,
          nonce,
          gas: gasLimit,
          to,
          value,
          data,
          ...Object.fromEntries(fees.map((key) => [key, decoded[key as 'gasPrice']])),
          ...(type === 0 ? {} : { accessList }),
          ...(type === 3 && {
            maxFeePerBlobGas: decoded.maxFeePerBlobGas,
            blobVersionedHashes: decoded.blobVersionedHashes,
          }),
          ...(type === 4 && {
            authorizationList: decoded.authorizationList?.map(({ signature: { r, s, yParity }, ...item }) => ({
              ...item,
              r,
              s,
              yParity,
            })),
          }),
        });
        assert.equal(intentJson(again), intentJson(intent));
      }),
      { numRuns: 300, seed: 8 },
    );
  });

  test('any one value changed changes the digest, or is refused', () => {
    let changed = 0;
    fc.assert(
      fc.property(intents, fc.nat(), (json, at) => {
        const original = parseIntent(json);
        const another = oneChanged(json, at);
        if (another === undefined) return;
        changed += 1;
        assert.notEqual(intentJson(another), intentJson(original));
        assert.notEqual(digestOf(another), digestOf(original), `value ${at} of ${JSON.stringify(json)}`);
      }),
      { numRuns: 600, seed: 8 },
    );
    assert.ok(changed > 300, `${changed}`);
  });

  test('one intent has one JSON text, in any order of keys, and comes back from it', () => {
    fc.assert(
      fc.property(intents, (json) => {
        const intent = parseIntent(json);
        const text = intentJson(intent);
        assert.equal(intentJson(parseIntentJson(text)), text);
        assert.equal(intentJson(parseIntent(reversed(json))), text);
        assert.equal(intentJson(parseIntentJson(JSON.stringify(json, null, '\t'))), text);
        assert.equal(digestOf(parseIntentJson(text)), digestOf(intent));
      }),
      { numRuns: 300, seed: 8 },
    );
  });

  test('the parsed intent is frozen throughout and shares nothing with what it was parsed from', () => {
    fc.assert(
      fc.property(intents, (json) => {
        const source = structuredClone(json);
        const intent = parseIntent(source);
        const digest = digestOf(intent);
        for (const [, value] of parts(intent)) assert.ok(Object.isFrozen(value));
        for (const [, value] of parts(source)) {
          if (typeof value === 'object' && value !== null)
            for (const key of Object.keys(value)) Reflect.set(value, key, '0x01');
        }
        assert.equal(digestOf(intent), digest);
      }),
      { numRuns: 100, seed: 8 },
    );
  });

  test('an object that answers differently each time is read once or refused', () => {
    let reads = 0;
    const changing = {
      kind: 'message',
      get message() {
        reads += 1;
        return reads === 1 ? 'harmless' : 'hostile';
      },
    };
    assert.throws(() => parseIntent(changing), InputError);
    const proxy = new Proxy(
      { kind: 'message', message: 'harmless' },
      {
        getOwnPropertyDescriptor(target, key) {
          const property = Reflect.getOwnPropertyDescriptor(target, key);
          if (key === 'message') target.message = 'hostile';
          return property;
        },
      },
    );
    const intent = parseIntent(proxy);
    assert.equal(digestOf(intent), ethers.hashMessage('harmless'));
  });

  test('nothing but the parser makes an intent', () => {
    const intent = parseIntent({ kind: 'message', message: 'x' });
    for (const copy of [{ ...intent }, structuredClone(intent), { kind: 'message', message: 'x' } as const]) {
      assert.throws(() => digestOf(copy), TypeError);
      assert.throws(() => intentJson(copy), TypeError);
    }
  });

  test("the type of typed data is encoded as ethers' encodeType", () => {
    fc.assert(
      fc.property(typedDataIntents, (json) => {
        const intent = parseIntent(json);
        assert(intent.kind === 'typedData');
        const { types, primaryType } = intent.typedData;
        const fields = Object.fromEntries(Object.entries(types).map(([name, list]) => [name, [...list]]));
        assert.equal(encodeType(types, primaryType), ethers.TypedDataEncoder.from(fields).encodeType(primaryType));
      }),
      { numRuns: 200, seed: 8 },
    );
  });
});

const mail = {
  domain: { name: 'Mail', chainId: '1' },
  types: {
    Mail: [
      { name: 'to', type: 'address' },
      { name: 'cc', type: 'Person[2]' },
    ],
    Person: [{ name: 'age', type: 'uint8' }],
  },
  primaryType: 'Mail',
  message: { to: `0x${'ab'.repeat(20)}`, cc: [{ age: '1' }, { age: '255' }] },
};
const transaction = {
  type: 'eip1559',
  chainId: '1',
  nonce: '0',
  gas: '21000',
  maxFeePerGas: '2',
  maxPriorityFeePerGas: '1',
  to: `0x${'ab'.repeat(20)}`,
  value: '0',
  data: '0x',
  accessList: [],
};
const typed = (change: object) => ({ kind: 'typedData', typedData: { ...mail, ...change } });
const sent = (change: object) => ({ kind: 'transaction', transaction: { ...transaction, ...change } });
const types = (change: object) => typed({ types: { ...mail.types, ...change } });

describe('the parser', () => {
  test('the parser of intents takes the objects that the refused ones below differ from', () => {
    parseIntent(typed({}));
    parseIntent(sent({}));
    parseIntent(sent({ to: null, data: '0x00' }));
    parseIntent(
      types({
        EIP712Domain: [
          { name: 'name', type: 'string' },
          { name: 'chainId', type: 'uint256' },
        ],
      }),
    );
    assert.equal(
      digestOf(
        parseIntent(
          types({
            EIP712Domain: [
              { name: 'name', type: 'string' },
              { name: 'chainId', type: 'uint256' },
            ],
          }),
        ),
      ),
      digestOf(parseIntent(typed({}))),
    );
  });

  const refused: { [what: string]: [unknown, RegExp] } = {
    'no object': ['message', /^not an object/],
    'a list': [[{ kind: 'message', message: '' }], /^not an object/],
    'an unknown kind': [{ kind: 'permit', message: '' }, /^kind: /],
    'a kind of the prototype': [{ kind: 'toString', message: '' }, /^kind: /],
    'a list as the kind': [{ kind: ['message'], message: '' }, /^kind: /],
    'an unknown key': [{ kind: 'message', message: '', x: '' }, /^x: not a key known here/],
    'a missing key': [{ kind: 'message' }, /^message: missing/],
    'a message of another type': [{ kind: 'message', message: 1 }, /^message: not an object/],
    'raw and more': [{ kind: 'message', message: { raw: '0x', text: 'a' } }, /^message.text: /],
    'raw text': [{ kind: 'message', message: { raw: 'a' } }, /^message.raw: not 0x and hex digits$/],
    'half a byte': [{ kind: 'message', message: { raw: '0x0' } }, /^message.raw: an odd number of hex digits$/],
    'hex in upper case': [{ kind: 'message', message: { raw: '0xAB' } }, /^message.raw: hex digits in upper case; /],
    '0X': [{ kind: 'message', message: { raw: '0Xab' } }, /^message.raw: not 0x and hex digits$/],
    'a line break after hex': [{ kind: 'message', message: { raw: '0xab\n' } }, /^message.raw: not 0x and hex digits$/],
    'a lone surrogate': [{ kind: 'message', message: 'a\ud800' }, /^message: not valid Unicode/],
    'a short digest': [{ kind: 'digest', digest: `0x${'00'.repeat(31)}` }, /^digest: not 32 bytes/],
    'a number for a quantity': [sent({ value: 1 }), /^transaction.value: /],
    'a hex quantity': [sent({ value: '0x1' }), /^transaction.value: /],
    'a leading zero': [sent({ value: '01' }), /^transaction.value: /],
    'an empty quantity': [sent({ value: '' }), /^transaction.value: /],
    'a plus': [sent({ value: '+1' }), /^transaction.value: /],
    'a negative value': [sent({ value: '-1' }), /^transaction.value: not from 0/],
    'a fraction': [sent({ value: '1.0' }), /^transaction.value: /],
    'an exponent': [sent({ value: '1e3' }), /^transaction.value: /],
    'digits of another script': [sent({ value: '１' }), /^transaction.value: /],
    'a line break after the digits': [sent({ value: '1\n' }), /^transaction.value: /],
    'more than 256 bits': [sent({ value: String(2n ** 256n) }), /^transaction.value: not from/],
    'a million digits': [sent({ value: '1'.repeat(100_000) }), /^transaction.value: /],
    'a gas limit of more than 64 bits': [sent({ gas: String(2n ** 64n) }), /^transaction.gas: not from/],
    'chain id 0': [sent({ chainId: '0' }), /^transaction.chainId: not from 1/],
    'a chain id beyond exact numbers': [sent({ chainId: String(2n ** 53n) }), /^transaction.chainId: not from/],
    'a nonce beyond exact numbers': [sent({ nonce: String(2n ** 53n) }), /^transaction.nonce: not from/],
    'no recipient': [sent({ to: undefined }), /not a JSON value/],
    'an empty recipient': [sent({ to: '' }), /^transaction.to: /],
    'a wrong checksum': [sent({ to: '0xFb6916095ca1df60bB79Ce92cE3Ea74c37c5d359' }), /^transaction.to: /],
    'an address in upper case': [sent({ to: `0x${'AB'.repeat(20)}` }), /^transaction.to: /],
    'an address with 0X': [sent({ to: `0X${'ab'.repeat(20)}` }), /^transaction.to: /],
    'a name for an address': [sent({ to: 'vitalik.eth' }), /^transaction.to: /],
    'a fee of another type': [sent({ gasPrice: '1' }), /^transaction.gasPrice: not a key known here/],
    'a tip above the fee': [sent({ maxPriorityFeePerGas: '3' }), /^transaction.maxPriorityFeePerGas: more than/],
    'a signature': [sent({ r: '0x01', s: '0x01', yParity: '0' }), /^transaction.r: not a key known here/],
    'an unknown type': [sent({ type: 'eip9999' }), /^transaction.type: /],
    'a short storage key': [
      sent({ accessList: [{ address: transaction.to, storageKeys: ['0x00'] }] }),
      /storageKeys\[0\]: not 32 bytes/,
    ],
    'an access list of tuples': [
      sent({ accessList: [[transaction.to, []]] }),
      /^transaction.accessList\[0\]: not an object/,
    ],
    'blobs that create a contract': [
      sent({ type: 'eip4844', to: null, maxFeePerBlobGas: '1', blobVersionedHashes: [`0x01${'00'.repeat(31)}`] }),
      /^transaction.to: /,
    ],
    'no blobs': [
      sent({ type: 'eip4844', maxFeePerBlobGas: '1', blobVersionedHashes: [] }),
      /^transaction.blobVersionedHashes: /,
    ],
    'a hash that is not of a blob': [
      sent({ type: 'eip4844', maxFeePerBlobGas: '1', blobVersionedHashes: [`0x02${'00'.repeat(31)}`] }),
      /^transaction.blobVersionedHashes\[0\]: /,
    ],
    'the bytes of blobs': [
      sent({ type: 'eip4844', maxFeePerBlobGas: '1', blobVersionedHashes: [`0x01${'00'.repeat(31)}`], blobs: ['0x'] }),
      /^transaction.blobs: not a key known here/,
    ],
    'no authorizations': [sent({ type: 'eip7702', authorizationList: [] }), /^transaction.authorizationList: /],
    'a parity of 27': [
      sent({
        type: 'eip7702',
        authorizationList: [
          {
            chainId: '1',
            address: transaction.to,
            nonce: '0',
            yParity: '27',
            r: `0x${'01'.repeat(32)}`,
            s: `0x${'01'.repeat(32)}`,
          },
        ],
      }),
      /^transaction.authorizationList\[0\].yParity: not 0 or 1/,
    ],
    'an unsigned authorization': [
      sent({ type: 'eip7702', authorizationList: [{ chainId: '1', address: transaction.to, nonce: '0' }] }),
      /^transaction.authorizationList\[0\].yParity: missing/,
    ],
    'an extra field of the message': [
      typed({ message: { ...mail.message, amount: '1' } }),
      /^typedData.message.amount: /,
    ],
    'a field that is missing': [typed({ message: { to: mail.message.to } }), /^typedData.message.cc: missing/],
    'an extra field of a struct within': [
      typed({ message: { ...mail.message, cc: [{ age: '1' }, { age: '1', name: '' }] } }),
      /^typedData.message.cc\[1\].name: /,
    ],
    'too few items': [
      typed({ message: { ...mail.message, cc: [{ age: '1' }] } }),
      /^typedData.message.cc: not 2 items/,
    ],
    'an object for a list': [
      typed({ message: { ...mail.message, cc: { 0: { age: '1' }, 1: { age: '1' }, length: '2' } } }),
      /cc: not a list/,
    ],
    'null for a struct': [typed({ message: { ...mail.message, cc: [null, { age: '1' }] } }), /cc\[0\]: not an object/],
    'a number out of range': [
      typed({ message: { ...mail.message, cc: [{ age: '256' }, { age: '1' }] } }),
      /age: not from 0 to 255/,
    ],
    'a struct that is not needed': [
      types({ Other: [{ name: 'x', type: 'bool' }] }),
      /^typedData.types.Other: not needed/,
    ],
    'text for a bool': [
      typed({ types: { Mail: [{ name: 'ok', type: 'bool' }] }, message: { ok: 'true' } }),
      /^typedData.message.ok: not true or false/,
    ],
    'a number for a text': [
      typed({ types: { Mail: [{ name: 'text', type: 'string' }] }, message: { text: 5 } }),
      /^typedData.message.text: not a string/,
    ],
    'bytes of another length': [
      typed({ types: { Mail: [{ name: 'id', type: 'bytes4' }] }, message: { id: '0x0102030405' } }),
      /^typedData.message.id: not 4 bytes/,
    ],
    'a signed number out of range': [
      typed({ types: { Mail: [{ name: 'x', type: 'int8' }] }, message: { x: '128' } }),
      /^typedData.message.x: not from -128 to 127/,
    ],
    'a type that is not defined': [types({ Person: [{ name: 'age', type: 'Age' }] }), /type that is not defined/],
    'a type of the prototype': [types({ Person: [{ name: 'age', type: 'constructor' }] }), /type that is not defined/],
    'uint without bits': [
      types({ Person: [{ name: 'age', type: 'uint' }] }),
      /^typedData.types.Person\[0\].type: uint is written uint256/,
    ],
    'a list of int without bits': [types({ Person: [{ name: 'age', type: 'int[2]' }] }), /int is written int256/],
    uint7: [types({ Person: [{ name: 'age', type: 'uint7' }] }), /type that is not defined/],
    bytes33: [types({ Person: [{ name: 'age', type: 'bytes33' }] }), /type that is not defined/],
    'a struct in the name of an atom': [
      types({ Person: [{ name: 'age', type: 'uint7' }], uint7: [{ name: 'x', type: 'bool' }] }),
      /not a name for a struct/,
    ],
    'a struct within itself': [types({ Person: [{ name: 'friends', type: 'Person[]' }] }), /a struct within itself/],
    'an empty struct': [types({ Person: [] }), /fewer than 1/],
    'two fields of one name': [
      types({
        Person: [
          { name: 'age', type: 'uint8' },
          { name: 'age', type: 'bool' },
        ],
      }),
      /not a name, or not a new one/,
    ],
    'a field with a comma': [types({ Person: [{ name: 'age,bool ok', type: 'uint8' }] }), /not a name/],
    'a type with a space': [types({ Person: [{ name: 'age', type: 'uint8 x,bool' }] }), /type that is not defined/],
    'a list of no items': [types({ Person: [{ name: 'age', type: 'uint8[0]' }] }), /a length not from 1 to 9999/],
    'a list of more than 9999': [types({ Person: [{ name: 'age', type: 'uint8[10000]' }] }), /a length not from 1/],
    'a length with a zero before it': [
      types({ Person: [{ name: 'age', type: 'uint8[02]' }] }),
      /a length not from 1 to 9999/,
    ],
    '65 lists of one another': [
      types({ Person: [{ name: 'age', type: `uint8${'[]'.repeat(65)}` }] }),
      /^typedData.types.Person\[0\].type: lists nested deeper than 64/,
    ],
    'a field of three keys': [
      types({ Person: [{ name: 'age', type: 'uint8', indexed: true }] }),
      /indexed: not a key known here/,
    ],
    'an atom as primary type': [
      typed({ primaryType: 'uint256', types: { uint256: [{ name: 'x', type: 'bool' }] }, message: { x: true } }),
      /primaryType/,
    ],
    'EIP712Domain as primary type': [typed({ primaryType: 'EIP712Domain' }), /primaryType/],
    'a field of the domain that its type does not have': [
      types({ EIP712Domain: [{ name: 'name', type: 'string' }] }),
      /^typedData.domain.chainId: not a key known here/,
    ],
    'a domain without a field that its type has': [
      types({
        EIP712Domain: [
          { name: 'name', type: 'string' },
          { name: 'chainId', type: 'uint256' },
          { name: 'version', type: 'string' },
        ],
      }),
      /^typedData.domain.version: missing/,
    ],
    'a domain type with a field twice': [
      types({
        EIP712Domain: [
          { name: 'name', type: 'string' },
          { name: 'name', type: 'string' },
        ],
      }),
      /^typedData.types.EIP712Domain\[1\].name: not a name, or not a new one/,
    ],
    'a domain type with parts': [
      types({ EIP712Domain: [{ name: 'name', type: 'Person' }] }),
      /^typedData.types.EIP712Domain\[0\].type: not a type without parts/,
    ],
    'a domain type with lists': [
      types({ EIP712Domain: [{ name: 'name', type: 'string[]' }] }),
      /^typedData.types.EIP712Domain\[0\].type: not a type without parts/,
    ],
    'the domain as the type of a field': [
      types({ Person: [{ name: 'age', type: 'EIP712Domain' }], EIP712Domain: [] }),
      /domain.name: not a key known here/,
    ],
    'the domain as the type of a field, of a domain that is empty': [
      typed({
        domain: {},
        types: { Mail: [{ name: 'x', type: 'EIP712Domain' }], EIP712Domain: [] },
        message: { x: {} },
      }),
      /^typedData.types.Mail\[0\].type: a type that is not defined/,
    ],
    'an unknown field of the domain': [typed({ domain: { ...mail.domain, fork: '1' } }), /^typedData.domain.fork: /],
    'null in the domain': [typed({ domain: { name: null } }), /^typedData.domain.name: /],
    'a type longer than any in use': [
      types({
        Person: [
          { name: 'age', type: 'uint8' },
          ...Array.from({ length: 400 }, (_, i) => ({ name: `f${i}`.padEnd(10, 'x'), type: 'bool' })),
        ],
      }),
      /longer than 4096/,
    ],
    'a class': [
      new (class {
        kind = 'message';
        message = '';
      })(),
      /not a plain object/,
    ],
    'an inherited key': [Object.create({ kind: 'message', message: '' }), /not a plain object/],
    'a hidden key': [
      Object.defineProperty({ kind: 'message', message: '' }, 'x', { value: 1 }),
      /property that JSON does not have/,
    ],
    'a symbol': [{ kind: 'message', message: '', [Symbol.iterator]: 1 }, /property that JSON does not have/],
    'a string object': [{ kind: 'message', message: new String('x') }, /not a plain object/],
    'a list with a hole': [sent({ accessList: Array(1) }), /not a plain list/],
    'a list with a key for an index': [sent({ accessList: Object.assign(Array(1), { x: '1' }) }), /not a plain list/],
    'a list with more than items': [sent({ accessList: Object.assign([], { x: '1' }) }), /not a plain list/],
    'a bigint': [sent({ value: 1n }), /not a JSON value/],
    'a function': [sent({ value: () => '1' }), /not a JSON value/],
    'deep nesting': [JSON.parse(`${'['.repeat(66)}${']'.repeat(66)}`), /nested deeper than/],
    'very many values': [sent({ accessList: Array(10_000).fill('') }), /more than 8192 values/],
    'very long data': [sent({ data: `0x${'00'.repeat(70_000)}` }), /larger than/],
  };
  for (const [what, [value, message]] of Object.entries(refused)) {
    test(`the parser of intents refuses ${what}`, () => {
      assert.throws(
        () => parseIntent(value),
        (error) => (error instanceof InputError && message.test(error.message)) || assert.fail(String(error)),
      );
    });
  }

  const texts: { [what: string]: string } = {
    'a repeated key': '{"kind":"message","message":"a","message":"b"}',
    'a repeated key of the same value': '{"kind":"message","message":"a","message":"a"}',
    'a repeated key in another spelling': '{"kind":"message","message":"a","\\u006dessage":"b"}',
    'a repeated key further in': '{"kind":"message","message":{"raw":"0x00","raw":"0x01"}}',
    'a repeated __proto__': '{"kind":"message","message":"a","__proto__":1,"__proto__":{"kind":"digest"}}',
    __proto__: '{"kind":"message","message":"a","__proto__":{"kind":"digest"}}',
    constructor: '{"kind":"message","message":"a","constructor":{"prototype":{}}}',
    'a number that loses digits': '{"kind":"message","message":12345678901234567890}',
    nothing: '',
    'two values': '{"kind":"message","message":"a"}{}',
    'a comment': '{"kind":"message","message":"a"/**/}',
    'a byte order mark': '\ufeff{"kind":"message","message":"a"}',
    'a lone surrogate': '{"kind":"message","message":"\\ud800"}',
    'deep nesting': `${'['.repeat(60_000)}${']'.repeat(60_000)}`,
    'too long a text': `{"kind":"message","message":"${'a'.repeat(131_072)}"}`,
    'a long text of spaces': `{"kind":"message","message":"a"}${' '.repeat(131_072)}`,
  };
  for (const [what, text] of Object.entries(texts)) {
    test(`the parser of intents refuses JSON text with ${what}`, () =>
      assert.throws(() => parseIntentJson(text), InputError));
  }

  test('the parser of intents refuses what is not a text', () => {
    for (const value of [undefined, null, 5, {}, ['{}']]) {
      assert.throws(() => parseIntentJson(value as unknown as string), /^InputError: not a text/);
    }
    assert.throws(() => parseIntentJson('kind'), /^InputError: not JSON/);
  });

  test('the parser of intents takes JSON text with spaces and escapes', () => {
    const text = ' {\n"kind" : "message",\t"message":"\\u00e9\\/\\"  \\\\ {\\"a\\":1,\\"a\\":2}"}\r\n';
    assert.deepEqual(parseIntentJson(text), { kind: 'message', message: 'é/"  \\ {"a":1,"a":2}' });
  });

  test('the parser of intents is quick on hostile input', () => {
    const start = process.cpuUsage();
    for (const text of [
      `"${'\\"'.repeat(65_000)}"`,
      `[${'"a",'.repeat(32_000)}"b"]`,
      '"'.repeat(131_072),
      ' '.repeat(131_072),
    ]) {
      assert.throws(() => parseIntentJson(text), InputError);
    }
    assert.ok(process.cpuUsage(start).user < 2e6);
  });
});

describe('intents from what others pass around', () => {
  test("intents are read from viem's transactions, with what may be left out", () => {
    const to = '0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359';
    const cases: Parameters<typeof serializeTransaction>[0][] = [
      { chainId: 1, gasPrice: 5n, to },
      { chainId: 1, gasPrice: 5n, data: '0xAB', type: 'legacy' },
      { chainId: 5, gasPrice: 5n, gas: 21000n, accessList: [{ address: to, storageKeys: [`0x${'AB'.repeat(32)}`] }] },
      { chainId: 137, maxFeePerGas: 10n, to, value: 1n, nonce: 7 },
      { chainId: 137, type: 'eip1559', to: null },
      { chainId: 1, maxFeePerBlobGas: 1n, blobVersionedHashes: [`0x01${'AB'.repeat(31)}`], to },
      {
        chainId: 1,
        to,
        authorizationList: [
          { address: to, chainId: 0, nonce: 3, r: '0x01', s: `0x${'0f'.repeat(32)}`, yParity: 1, v: 28n },
        ],
      },
    ];
    for (const item of cases) {
      assert.equal(digestOf(transactionIntent(item)), keccak256(serializeTransaction(item)));
      assert.equal(
        digestOf(transactionIntent({ ...item, from: to, account: {}, nonceManager: {}, accessList: item.accessList })),
        keccak256(serializeTransaction(item)),
      );
    }
    assert.equal(
      digestOf(transactionIntent({ chainId: '0x89', gasPrice: '0x5', to, value: '1', nonce: 7, gas: 21000 })),
      keccak256(serializeTransaction({ chainId: 137, gasPrice: 5n, to, value: 1n, nonce: 7, gas: 21000n })),
    );
    assert.throws(() => transactionIntent({ gasPrice: 1n, to }), /transaction.chainId: missing/);
    assert.throws(() => transactionIntent({ chainId: 1, gasPrice: 1n, gasPrize: 1n, to }), /transaction.gasPrize: /);
    assert.throws(() => transactionIntent({ chainId: 1, to }), /transaction.type: missing/);
    assert.throws(() => transactionIntent({ chainId: 1, gasPrice: 1n, to, value: 2 ** 60 }), /transaction.value: /);
  });

  test('intents are read from the JSON of eth_signTypedData_v4', () => {
    const definition = {
      domain: {
        name: 'Mail',
        version: '1',
        chainId: 1,
        verifyingContract: '0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359',
      },
      types: {
        EIP712Domain: [
          { name: 'name', type: 'string' },
          { name: 'version', type: 'string' },
          { name: 'chainId', type: 'uint256' },
          { name: 'verifyingContract', type: 'address' },
        ],
        Mail: [
          { name: 'to', type: 'Person[]' },
          { name: 'worth', type: 'int64' },
          { name: 'extra', type: 'bytes' },
        ],
        Person: [{ name: 'wallet', type: 'address' }],
        Unused: [{ name: 'wallet', type: 'Person' }],
      },
      primaryType: 'Mail',
      message: { to: [{ wallet: '0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359' }], worth: -5, extra: '0xABCD' },
    } as const;
    assert.equal(
      digestOf(typedDataIntent(definition)),
      hashTypedData(definition as unknown as Parameters<typeof hashTypedData>[0]),
    );
  });

  test('intents are read from messages, authorizations and digests', () => {
    assert.equal(digestOf(messageIntent('hello')), ethers.hashMessage('hello'));
    assert.equal(digestOf(messageIntent({ raw: '0xABCD' })), ethers.hashMessage(Uint8Array.of(0xab, 0xcd)));
    assert.equal(digestOf(messageIntent({ raw: Uint8Array.of(1, 2) })), ethers.hashMessage(Uint8Array.of(1, 2)));
    assert.equal(digestOf(digestIntent(`0x${'AB'.repeat(32)}`)), `0x${'ab'.repeat(32)}`);
    const address = '0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359';
    const digest = ethers.hashAuthorization({ chainId: 1, nonce: 2, address });
    assert.equal(digestOf(authorizationIntent({ chainId: 1, nonce: 2, address })), digest);
    assert.equal(digestOf(authorizationIntent({ chainId: 1, nonce: 2, contractAddress: address })), digest);
  });
});

describe('the description', () => {
  test('the descriptions of two intents that differ in any one value differ: what is not shown could be anything', () => {
    let changed = 0;
    fc.assert(
      fc.property(intents, fc.nat(), (json, at) => {
        const another = oneChanged(json, at);
        if (another === undefined) return;
        changed += 1;
        assert.notEqual(describeIntent(another), describeIntent(parseIntent(json)));
      }),
      { numRuns: 1000, seed: 8 },
    );
    assert.ok(changed > 500, `${changed}`);
  });

  test('the description of every intent is made of visible characters, and nothing within can add a line', () => {
    fc.assert(
      fc.property(intents, (json) => {
        const text = describeIntent(parseIntent(json));
        assert.doesNotMatch(text.replaceAll('\n', ''), /\p{C}/u);
        for (const line of text.split('\n').slice(1)) assert.match(line, /^ {2}\S/);
      }),
      { numRuns: 200, seed: 8 },
    );
    assert.equal(
      describeIntent(parseIntent({ kind: 'message', message: 'a\n  fee: 0\u202e' })),
      'Sign the message (EIP-191)\n  text: "a\\n  fee: 0\\u{202e}"',
    );
  });
});
