import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { generateIdentity } from 'age-encryption';
import {
  AbstractSigner,
  type Authorization,
  Wallet as EthersWallet,
  Signature,
  Transaction,
  type TypedDataField,
  verifyAuthorization,
  verifyMessage,
  verifyTypedData,
} from 'ethers';
import {
  createPublicClient,
  custom,
  fromRlp,
  type Hex,
  parseTransaction,
  recoverAddress,
  recoverMessageAddress,
  recoverTransactionAddress,
  recoverTypedDataAddress,
  type SignableMessage,
  type SignedAuthorization,
  stringToHex,
  type TransactionSerialized,
  type TypedDataDefinition,
  toBlobs,
} from 'viem';
import { entryPoint08Address, getUserOperationHash, toSimple7702SmartAccount } from 'viem/account-abstraction';
import { nonceManager, type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts';
import { celo, mainnet } from 'viem/chains';
import { recoverAuthorizationAddress } from 'viem/utils';
import { TandemSigner } from '../ts/adapters/ethers.ts';
import { type TandemAccount, toViemAccount } from '../ts/adapters/viem.ts';
import { buildCosigner } from '../ts/build/cosigner.ts';
import { decodeCbor } from '../ts/core/cbor.ts';
import { createWallet } from '../ts/deal/keygen.ts';
import { PolicyError } from '../ts/errors.ts';
import { InputError } from '../ts/intent/intent.ts';
import { LocalRuntime } from '../ts/runtime/local/runtime.ts';
import { openWallet, type Wallet } from '../ts/signing/wallet.ts';
import { type FileStore, openStore } from '../ts/store/node.ts';
import { readShare } from '../ts/store/store.ts';
import { lagrange } from './reference/curve.ts';

// The adapters beside an account of viem and a wallet of ethers that hold the very private key that the wallet never has
// in one place: the same results but for the signature's randomness, and the same errors.

const root = mkdtempSync(join(tmpdir(), 'tandem-adapters-'));
const TO = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
const DELEGATE = '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC' as const;

let runtime: LocalRuntime;
/** Under the policy any, and under messages. */
let any: Wallet;
let messages: Wallet;
let privateKey: Hex;

before(async () => {
  const identity = await generateIdentity();
  runtime = await LocalRuntime.open({ dir: join(root, 'lit'), spare: 1 });
  const [one, other] = ['any', 'messages'].map((name) =>
    openStore(join(root, name), async () => ({ identities: [identity] })),
  ) as [FileStore, FileStore];
  const make = async (store: FileStore, policy: string, parties: number) => {
    const action = { ...(await buildCosigner(policy)), runtime };
    await createWallet({ store, action, threshold: 2, parties });
    return await openWallet(store, { runtime });
  };
  [any, messages] = await Promise.all([make(one, 'any', 3), make(other, 'messages', 2)]);
  privateKey = await keyOf(one, any);
});
after(() => {
  runtime?.close();
  rmSync(root, { recursive: true, force: true });
});

/** The private key, from the two shares that are here. */
async function keyOf(store: FileStore, { info }: Wallet): Promise<Hex> {
  const indices = info.parties.filter(({ role }) => role !== 'action').map(({ index }) => index);
  let key = 0n;
  for (const index of indices) {
    const share = decodeCbor(await readShare(store, info, index)) as Map<number, Uint8Array>;
    const x = BigInt(`0x${Buffer.from(share.get(5) ?? []).toString('hex')}`);
    key += lagrange(indices, index) * x;
  }
  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
  return `0x${(key % order).toString(16).padStart(64, '0')}`;
}

/** A method to compare: gives what `show` makes of its result, or the error's kind and text. */
function row<Signer, T>(run: (signer: Signer) => Promise<T>, show: (result: T) => unknown) {
  return async (signer: Signer): Promise<unknown> => {
    let result: T;
    try {
      result = await run(signer);
    } catch (error) {
      assert.ok(error instanceof Error);
      return { error: error.constructor.name, message: error.message };
    }
    return show(result);
  };
}

const person = [
  { name: 'name', type: 'string' },
  { name: 'wallets', type: 'address[]' },
] as const;
const permit = {
  domain: { name: 'Token', version: '1', chainId: 8453, verifyingContract: TO },
  types: {
    Permit: [
      { name: 'owner', type: 'address' },
      { name: 'spender', type: 'address' },
      { name: 'value', type: 'uint256' },
      { name: 'nonce', type: 'uint256' },
      { name: 'deadline', type: 'uint256' },
    ],
  },
  primaryType: 'Permit',
  message: { owner: TO, spender: DELEGATE, value: 2n ** 255n, nonce: 0n, deadline: 1_900_000_000n },
} as const;
const mail = {
  domain: { name: 'é', salt: `0x${'5a'.repeat(32)}` },
  types: {
    Person: person,
    Mail: [
      { name: 'from', type: 'Person' },
      { name: 'to', type: 'Person[]' },
      { name: 'body', type: 'bytes' },
      { name: 'tag', type: 'bytes4' },
      { name: 'delta', type: 'int8' },
      { name: 'urgent', type: 'bool' },
    ],
  },
  primaryType: 'Mail',
  message: {
    from: { name: 'Ann', wallets: [] },
    to: [{ name: 'Bob', wallets: [TO, DELEGATE] }],
    body: '0xAB',
    tag: '0x01020304',
    delta: -128,
    urgent: true,
  },
} as const;

const fees = { maxFeePerGas: 30_000_000_000n, maxPriorityFeePerGas: 1n };
const accessList = [{ address: TO, storageKeys: [`0x${'11'.repeat(32)}`] }] as const;
const base = { chainId: 8453, nonce: 7, gas: 21_000n, to: TO, value: 10n ** 30n } as const;
const blobVersionedHashes = [`0x01${'ab'.repeat(31)}`] as const;
const kzg = {
  blobToKzgCommitment: () => new Uint8Array(48).fill(1),
  computeBlobKzgProof: () => new Uint8Array(48).fill(2),
};

/** What both accounts have. */
type Account = Pick<TandemAccount, 'sign' | 'signMessage' | 'signTypedData' | 'signTransaction' | 'signAuthorization'>;

describe('the account of viem', () => {
  const message = (message: SignableMessage) =>
    row(
      (account: Account) => account.signMessage({ message }),
      (signature: Hex) => recoverMessageAddress({ message, signature }),
    );
  const typedData = (definition: object) =>
    row(
      (account: Account) => account.signTypedData(definition as TypedDataDefinition),
      (signature: Hex) => recoverTypedDataAddress({ ...(definition as TypedDataDefinition), signature }),
    );
  const transaction = (transaction: object, { serializers }: { serializers?: { transaction?: unknown } } = {}) =>
    row(
      (account: Account) => {
        const { transaction: serializer } = serializers ?? {};
        return account.signTransaction(transaction as never, { serializer: serializer as undefined });
      },
      async (serialized: Hex) => {
        const serializedTransaction = serialized as TransactionSerialized;
        if (serializers !== undefined && serialized.startsWith('0x7b'))
          return fromRlp(`0x${serialized.slice(4)}`).slice(0, -3);
        const { r: _r, s: _s, v: _v, yParity: _yParity, ...others } = parseTransaction(serializedTransaction);
        return { ...others, from: await recoverTransactionAddress({ serializedTransaction }) };
      },
    );
  const authorization = (request: Parameters<Account['signAuthorization']>[0]) =>
    row(
      (account: Account) => account.signAuthorization(request),
      async (signed: SignedAuthorization) => {
        const { r, s, v, yParity, ...others } = signed;
        assert.deepEqual([r.length, s.length, v], [66, 66, yParity === 0 ? 27n : 28n]);
        return {
          ...others,
          keys: Object.keys(signed).sort(),
          by: await recoverAuthorizationAddress({ authorization: signed }),
        };
      },
    );
  const hash = (hash: Hex) =>
    row(
      (account: Account) => account.sign({ hash }),
      (signature: Hex) => recoverAddress({ hash, signature }),
    );

  const rows: { [name: string]: (account: Account) => Promise<unknown> } = {
    'sign a hash': hash(`0x${'5a'.repeat(32)}`),
    'sign a hash in capitals': hash(`0x${'5A'.repeat(32)}`),
    'a message': message('hello'),
    'an empty message': message(''),
    'a message beyond ASCII': message('é😀\u0000'),
    'a message of hex': message({ raw: '0xDEADbeef' }),
    'a message of bytes': message({ raw: new Uint8Array([0, 255]) }),
    'a permit': typedData(permit),
    'a permit with a domain type': typedData({
      ...permit,
      types: {
        ...permit.types,
        EIP712Domain: [
          { name: 'name', type: 'string' },
          { name: 'version', type: 'string' },
          { name: 'chainId', type: 'uint256' },
          { name: 'verifyingContract', type: 'address' },
        ],
      },
    }),
    'structs, lists and bytes': typedData(mail),
    'an address of no checksum in typed data': typedData({
      ...permit,
      message: { ...permit.message, owner: TO.replace('C', 'c') },
    }),
    'fields that no type has': typedData({ ...permit, message: { ...permit.message, more: 1 } }),
    'a domain with null for what it does not have': typedData({
      ...permit,
      domain: { ...permit.domain, version: null, salt: null },
    }),
    'a domain type in another order': typedData({
      ...permit,
      types: {
        ...permit.types,
        EIP712Domain: [
          { name: 'chainId', type: 'uint256' },
          { name: 'name', type: 'string' },
        ],
      },
    }),
    'a domain of other types': typedData({
      ...permit,
      domain: { name: 'Cosmos Web3', verifyingContract: 'cosmos' },
      types: {
        ...permit.types,
        EIP712Domain: [
          { name: 'name', type: 'string' },
          { name: 'verifyingContract', type: 'string' },
        ],
      },
    }),
    'a type with a colon in its name': typedData({
      ...permit,
      types: { 'Token:Permit': permit.types.Permit },
      primaryType: 'Token:Permit',
    }),
    'lists of lists of lists of lists of lists': typedData({
      domain: {},
      types: { A: [{ name: 'x', type: 'uint256[1][1][1][1][1]' }] },
      primaryType: 'A',
      message: { x: [[[[[1n]]]]] },
    }),
    'a missing primary type': typedData({ ...permit, primaryType: 'Transfer' }),
    'bytes that are too short': typedData({ ...mail, message: { ...mail.message, tag: '0x01' } }),
    'a number that is too large': typedData({ ...mail, message: { ...mail.message, delta: 128 } }),
    'a legacy transaction': transaction({ ...base, type: 'legacy', gasPrice: 5n }),
    'a transaction of EIP-2930': transaction({ ...base, type: 'eip2930', gasPrice: 5n, accessList }),
    'a transaction of EIP-1559, of what viem fills in': transaction({
      ...base,
      ...fees,
      type: 'eip1559',
      accessList: undefined,
      account: { address: TO, type: 'local' },
      from: TO,
    }),
    'a transaction whose type shows in its fees': transaction({ ...base, ...fees }),
    'a transaction with as little as possible': transaction({ chainId: 1, type: 'eip1559' }),
    'a creation': transaction({ chainId: 1, type: 'eip1559', data: '0x600A', gas: 1n }),
    'a transaction of EIP-4844': transaction({
      ...base,
      ...fees,
      type: 'eip4844',
      maxFeePerBlobGas: 1n,
      blobVersionedHashes,
    }),
    'a transaction with its blobs': transaction({
      ...base,
      ...fees,
      type: 'eip4844',
      maxFeePerBlobGas: 1n,
      blobs: toBlobs({ data: stringToHex('blob') }),
      kzg,
    }),
    'a transaction of EIP-7702': transaction({
      ...base,
      ...fees,
      type: 'eip7702',
      authorizationList: [
        { chainId: 0, address: DELEGATE, nonce: 1, yParity: 1, r: `0x${'1'.repeat(63)}`, s: `0x${'2'.repeat(64)}` },
      ],
    }),
    'a custom serializer, of a transaction that is known': transaction({ ...base, ...fees, type: 'eip1559' }, celo),
    'a custom serializer, of its own transaction': transaction(
      { ...base, ...fees, feeCurrency: DELEGATE, type: 'cip64' },
      celo,
    ),
    'a recipient that is none': transaction({ ...base, ...fees, to: '0x12' }),
    'a fee above the cap': transaction({ ...base, maxFeePerGas: 2n ** 256n }),
    'a tip above the fee': transaction({ ...base, maxFeePerGas: 1n, maxPriorityFeePerGas: 2n }),
    'a chain of zero': transaction({ ...base, ...fees, chainId: 0 }),
    'blobs of none': transaction({ ...base, ...fees, type: 'eip4844', blobVersionedHashes: [] }),
    'a transaction of no type': transaction(base),
    'an authorization': authorization({ address: DELEGATE, chainId: 8453, nonce: 3 }),
    'an authorization for every chain': authorization({ contractAddress: DELEGATE, chainId: 0, nonce: 0 }),
  };

  for (const [name, compared] of Object.entries(rows)) {
    test(name, async () => {
      assert.deepEqual(await compared(toViemAccount(any)), await compared(privateKeyToAccount(privateKey)));
    });
  }

  test('the account of viem has the fields of one', () => {
    const { source, ...expected } = privateKeyToAccount(privateKey, { nonceManager });
    const { source: own, ...fields } = toViemAccount(any, { nonceManager });
    assert.deepEqual([source, own], ['privateKey', 'tandem']);
    const plain = (account: object) =>
      Object.fromEntries(
        Object.entries(account).map(([key, value]) => [key, typeof value === 'function' ? 'f' : value]),
      );
    assert.deepEqual(plain(fields), plain(expected));
  });

  test('the account of viem refuses what the action would have to sign blindly, or would not see all of', async () => {
    const account = toViemAccount(messages);
    const cip64 = { ...base, ...fees, feeCurrency: DELEGATE, type: 'cip64' as const };
    for (const sign of [
      () => account.sign({ hash: `0x${'4b'.repeat(32)}` }),
      () => account.signTransaction(cip64, { serializer: celo.serializers.transaction }),
      () => account.signAuthorization({ address: DELEGATE, chainId: 1, nonce: 0 }),
    ])
      await assert.rejects(sign, PolicyError);
    for (const sign of [
      () => account.signTransaction({ type: 'legacy', gasPrice: 1n, to: TO }),
      () => account.signTypedData({ types: {}, primaryType: 'EIP712Domain', domain: permit.domain }),
    ])
      await assert.rejects(sign, InputError);
  });

  test("the account of viem owns viem's smart account of EIP-7702, which signs user operations", async () => {
    const request = async ({ method }: { method: string }) => (method === 'eth_chainId' ? '0x1' : '0x');
    const client = createPublicClient({ chain: mainnet, transport: custom({ request }) });
    const owner = toViemAccount(messages);
    // By its types it wants the very account that viem makes of a private key.
    const account = await toSimple7702SmartAccount({ client, owner: owner as unknown as PrivateKeyAccount });
    const userOperation = {
      sender: owner.address,
      nonce: 0n,
      callData: '0x1234' as const,
      callGasLimit: 1n,
      verificationGasLimit: 1n,
      preVerificationGas: 1n,
      maxFeePerGas: 1n,
      maxPriorityFeePerGas: 1n,
      signature: '0x' as const,
    };
    const signature = await account.signUserOperation(userOperation);
    const hash = getUserOperationHash({
      chainId: 1,
      entryPointAddress: entryPoint08Address,
      entryPointVersion: '0.8',
      userOperation,
    });
    assert.equal(await recoverAddress({ hash, signature }), messages.info.address);
  });

  test('the account of viem refuses what is not the same when it is looked at again', async () => {
    let reads = 0n;
    const message = {
      ...permit.message,
      get value() {
        return reads++;
      },
    };
    await assert.rejects(toViemAccount(messages).signTypedData({ ...permit, message }), /another digest/);
  });
});

describe('the signer of ethers', () => {
  const message = (message: string | Uint8Array) =>
    row(
      (signer: AbstractSigner) => signer.signMessage(message),
      (signature: string) => verifyMessage(message, signature),
    );
  const typedData = ({ domain, types, message }: { domain: object; types: object; message: object }) =>
    row(
      (signer: AbstractSigner) => signer.signTypedData(domain, types as Record<string, TypedDataField[]>, message),
      (signature: string) => verifyTypedData(domain, types as Record<string, TypedDataField[]>, message, signature),
    );
  const transaction = (request: object) =>
    row(
      (signer: AbstractSigner) => signer.signTransaction(request),
      (serialized: string) => {
        const { sig: _sig, ...others } = Transaction.from(serialized).toJSON();
        return { ...others, by: Transaction.from(serialized).from };
      },
    );
  const authorization = (request: Parameters<AbstractSigner['authorize']>[0]) =>
    row(
      (signer: AbstractSigner) => signer.authorize(request),
      ({ signature, ...others }: Authorization) => ({ ...others, by: verifyAuthorization(others, signature) }),
    );
  const of = { chainId: 8453, nonce: 7, gasLimit: 21_000, to: TO, value: 10n ** 30n };

  const rows: { [name: string]: (signer: AbstractSigner) => Promise<unknown> } = {
    'its address': row((signer: AbstractSigner) => signer.getAddress(), String),
    'a message': message('hello'),
    'a message of bytes': message(new Uint8Array([0, 255])),
    'half a character': message('\ud800'),
    'a permit': typedData(permit),
    'structs, lists and bytes': typedData(mail),
    'numbers in any notation': typedData({ ...permit, message: { ...permit.message, value: '0x0a', nonce: 3 } }),
    'fields that no type has': typedData({ ...permit, message: { ...permit.message, more: 1 } }),
    'int and uint': typedData({ domain: {}, types: { A: [{ name: 'x', type: 'uint' }] }, message: { x: 5 } }),
    'a domain with null for what it does not have': typedData({
      ...permit,
      domain: { ...permit.domain, version: null, salt: null },
    }),
    'a type whose name is no identifier': typedData({
      ...permit,
      types: { 'Sign in / Token:Permit': permit.types.Permit },
    }),
    'types that are not used': typedData({ ...permit, types: { ...permit.types, Other: person } }),
    'a name without a provider': typedData({ ...permit, message: { ...permit.message, owner: 'ann.eth' } }),
    'a legacy transaction': transaction({ ...of, type: 0, gasPrice: 5 }),
    'a transaction of EIP-2930': transaction({ ...of, type: 1, gasPrice: '0x5', accessList: [...accessList] }),
    'a transaction of EIP-1559': transaction({ ...of, ...fees, data: '0xAB' }),
    'a transaction of EIP-1559 as a Transaction': transaction(Transaction.from({ ...of, ...fees })),
    'a creation': transaction({ ...of, ...fees, to: null, data: '0x60' }),
    'a recipient that resolves': transaction({ ...of, ...fees, to: { getAddress: async () => TO } }),
    'another sender': transaction({ ...of, ...fees, from: TO }),
    'a recipient by name, without a provider': transaction({ ...of, ...fees, to: 'ann.eth' }),
    'a transaction of EIP-4844': transaction({
      ...of,
      ...fees,
      type: 3,
      maxFeePerBlobGas: 1,
      blobVersionedHashes: [...blobVersionedHashes],
    }),
    'a transaction of EIP-7702': transaction({
      ...of,
      ...fees,
      type: 4,
      authorizationList: [
        {
          address: DELEGATE,
          nonce: 1n,
          chainId: 0n,
          signature: Signature.from({ r: `0x${'11'.repeat(32)}`, s: `0x${'22'.repeat(32)}`, yParity: 1 }),
        },
      ],
    }),
    'an authorization': authorization({ address: DELEGATE, nonce: 3, chainId: 8453 }),
    'an authorization without a nonce or provider': authorization({ address: DELEGATE, chainId: 1 }),
    'populating without a provider': row((signer: AbstractSigner) => signer.populateTransaction(of), Object.keys),
  };

  for (const [name, compared] of Object.entries(rows)) {
    test(name, async () => {
      assert.deepEqual(await compared(new TandemSigner(any)), await compared(new EthersWallet(privateKey)));
    });
  }

  // The first ones are ethers' own for any signer, test/chain.test.ts has them with a provider.
  const inherited: { [method: string]: (signer: AbstractSigner) => Promise<unknown> } = {
    getNonce: (signer) => signer.getNonce(),
    populateCall: (signer) => signer.populateCall(of),
    populateTransaction: (signer) => signer.populateTransaction(of),
    populateAuthorization: (signer) => signer.populateAuthorization({ address: DELEGATE, nonce: 3, chainId: 1 }),
    estimateGas: (signer) => signer.estimateGas(of),
    call: (signer) => signer.call(of),
    resolveName: (signer) => signer.resolveName('ann.eth'),
    sendTransaction: (signer) => signer.sendTransaction({ ...of, ...fees, type: 2 }),
  };

  test('the signer of ethers has every method that a wallet has, except those that need the key at once', async () => {
    const signer = new TandemSigner(any);
    const key = ['signingKey', 'privateKey', 'signMessageSync', 'authorizeSync', 'encrypt', 'encryptSync'];
    const wallet = new EthersWallet(privateKey);
    const methods: string[] = [];
    for (let of = Object.getPrototypeOf(wallet); of !== Object.prototype; of = Object.getPrototypeOf(of)) {
      methods.push(...Object.getOwnPropertyNames(of).filter((name) => !key.includes(name)));
    }
    for (const method of methods) assert.ok(method in signer, method);
    assert.deepEqual(
      Object.getOwnPropertyNames(AbstractSigner.prototype).sort(),
      ['constructor', 'authorize', ...Object.keys(inherited)].sort(),
    );
    for (const [method, call] of Object.entries(inherited)) {
      const compared = row(call, (result) => result);
      assert.deepEqual(await compared(signer), await compared(wallet), method);
    }
  });

  test('the signer of ethers has its own address as the sender', async () => {
    const serialized = await new TandemSigner(any).signTransaction({ ...of, ...fees, from: any.info.address });
    assert.equal(Transaction.from(serialized).from, any.info.address);
  });

  test('the signer of ethers refuses what the policy does not allow, and a transaction for every chain', async () => {
    const signer = new TandemSigner(messages);
    await assert.rejects(signer.authorize({ address: DELEGATE, nonce: 0, chainId: 1 }), PolicyError);
    await assert.rejects(
      signer.signTransaction({ type: 0, gasPrice: 1, gasLimit: 21_000, nonce: 0, to: TO }),
      InputError,
    );
  });
});

describe('signing through adapters', () => {
  test('signing through adapters is safe at the same time, and tells how it goes', async () => {
    const steps: string[] = [];
    const options = { onProgress: (step: string) => steps.push(step) };
    const account = toViemAccount(messages, options);
    const signer = new TandemSigner(messages, null, options);
    const texts = ['a', 'b', 'c', 'd'];
    const signed = await Promise.all(
      texts.map((message, i) => (i % 2 === 0 ? account.signMessage({ message }) : signer.signMessage(message))),
    );
    for (const [i, message] of texts.entries()) {
      const signature = signed[i] as Hex;
      assert.equal(await recoverMessageAddress({ message, signature }), messages.info.address);
    }
    assert.equal(steps.filter((step) => step === 'asking the action').length, texts.length);
  });

  test('signing through adapters ends all that one signal is for, however many', async () => {
    const warnings: Error[] = [];
    const warned = (warning: Error) => warnings.push(warning);
    process.on('warning', warned);
    const controller = new AbortController();
    const account = toViemAccount(messages, { signal: controller.signal, timeoutMs: 300_000 });
    const signings = Array.from({ length: 12 }, () => account.signMessage({ message: 'x' }));
    controller.abort();
    const ends = await Promise.allSettled(signings);
    process.off('warning', warned);
    assert.deepEqual(new Set(ends.map((end) => end.status === 'rejected' && end.reason.name)), new Set(['AbortError']));
    assert.deepEqual(warnings, []);
  });

  test('signing through adapters ends when it is aborted or takes too long, and the next one is made', async () => {
    const controller = new AbortController();
    const step = (): void => controller.abort();
    const aborting = toViemAccount(messages, { signal: controller.signal, onProgress: step });
    await assert.rejects(aborting.signMessage({ message: 'x' }), { name: 'AbortError' });
    await assert.rejects(aborting.signMessage({ message: 'x' }), { name: 'AbortError' });
    const late = new TandemSigner(messages, null, { timeoutMs: 1 });
    await assert.rejects(late.signMessage('x'), { name: 'TimeoutError' });
    const { signal } = new AbortController();
    const both = toViemAccount(messages, { signal, timeoutMs: 1 });
    await assert.rejects(both.signMessage({ message: 'x' }), { name: 'TimeoutError' });

    const message = 'x';
    const signature = await toViemAccount(messages, { timeoutMs: 300_000 }).signMessage({ message });
    assert.equal(await recoverMessageAddress({ message, signature }), messages.info.address);
  });
});
