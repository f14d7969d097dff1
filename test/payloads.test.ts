// A corpus of what dapps ask to have signed, each written by hand from its specification: the digests of viem, ethers 6 and
// eth-account are one, and a wallet signs it from the command line and through both adapters.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { generateIdentity } from 'age-encryption';
import * as ethers from 'ethers';
import {
  type Hex,
  hashMessage,
  hashTypedData,
  keccak256,
  type LocalAccount,
  recoverAddress,
  type SignableMessage,
  serializeTransaction,
  type TransactionSerializable,
  type TypedDataDefinition,
} from 'viem';
import { hashAuthorization } from 'viem/utils';
import { intentOf } from '../scripts/intent.ts';
import { TandemSigner } from '../ts/adapters/ethers.ts';
import { toViemAccount } from '../ts/adapters/viem.ts';
import { buildCosigner } from '../ts/build/cosigner.ts';
import { createWallet } from '../ts/deal/keygen.ts';
import { typeOfNumber } from '../ts/intent/from.ts';
import { digestOf, type Intent } from '../ts/intent/intent.ts';
import { MAX_SIGNATURES } from '../ts/protocol/cosigner.ts';
import { LocalRuntime } from '../ts/runtime/local/runtime.ts';
import { openWallet, type Signed, type Wallet } from '../ts/signing/wallet.ts';
import { openStore } from '../ts/store/node.ts';

type Fields = { readonly [name: string]: unknown };

interface Payload {
  readonly name: string;
  /** The specification that it follows. */
  readonly source: string;
  readonly typedData?: {
    domain: object;
    types: { [name: string]: { name: string; type: string }[] };
    primaryType: string;
    message: Fields;
  };
  readonly message?: string | { raw: Hex };
  readonly transaction?: Fields & { readonly type: string; readonly authorizationList?: readonly Fields[] };
  readonly authorization?: { chainId: number; address: Hex; nonce: number };
}

const folder = join(import.meta.dirname, 'fixtures', 'payloads');
const read = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as unknown;
const recorded = (read('eth-account.json') as { digests: { [name: string]: string } }).digests;
const payloads = readdirSync(folder)
  .filter((name) => name.endsWith('.json') && name !== 'eth-account.json')
  .flatMap((name) => read(name) as Payload[]);

const root = mkdtempSync(join(tmpdir(), 'tandem-payloads-'));
let runtime: LocalRuntime;
let wallet: Wallet;

before(async () => {
  const identity = await generateIdentity();
  runtime = await LocalRuntime.open({ dir: join(root, 'lit'), spare: 1 });
  const store = openStore(join(root, 'store'), async () => ({ identities: [identity] }));
  await createWallet({ store, action: { ...(await buildCosigner('any')), runtime }, threshold: 2, parties: 2 });
  wallet = await openWallet(store, { runtime, correlation: 'memory' });
});
after(() => {
  wallet?.close();
  runtime?.close();
  rmSync(root, { recursive: true, force: true });
});

const NUMBERS = ['gas', 'gasPrice', 'maxFeePerGas', 'maxPriorityFeePerGas', 'maxFeePerBlobGas', 'value'];

/** A transaction in viem's types. */
function viemTransaction(fields: Fields): TransactionSerializable {
  const items = Object.entries(fields).map(([key, item]) => [key, NUMBERS.includes(key) ? BigInt(String(item)) : item]);
  return Object.fromEntries(items) as TransactionSerializable;
}

/** The same in ethers'. */
function ethersTransaction({ type, gas, authorizationList, ...fields }: Fields): ethers.TransactionLike {
  const number = [0, 1, 2, 3, 4].find((number) => typeOfNumber(number) === type);
  const signed = authorizationList as readonly (Fields & { r: string; s: string; yParity: 0 | 1 })[] | undefined;
  return {
    ...fields,
    type: number ?? null,
    gasLimit: gas as string,
    ...(signed && {
      authorizationList: signed.map(({ r, s, yParity, ...item }) => ({
        ...item,
        signature: ethers.Signature.from({ r, s, yParity }),
      })) as never,
    }),
  };
}

/** Typed data as ethers takes it: no type for the domain, and only those that are needed. */
function ethersTypedData({ domain, types, message }: NonNullable<Payload['typedData']>) {
  const { EIP712Domain: _, ...others } = types;
  return [domain, others, message] as const;
}

function viemDigest({ typedData, message, transaction, authorization }: Payload): Hex {
  if (typedData !== undefined) return hashTypedData(typedData as unknown as TypedDataDefinition);
  if (message !== undefined) return hashMessage(message);
  if (transaction !== undefined) return keccak256(serializeTransaction(viemTransaction(transaction)));
  return hashAuthorization(authorization ?? assert.fail());
}

function ethersDigest({ typedData, message, transaction, authorization }: Payload): string {
  if (typedData !== undefined) return ethers.TypedDataEncoder.hash(...ethersTypedData(typedData));
  if (message !== undefined)
    return ethers.hashMessage(typeof message === 'string' ? message : ethers.getBytes(message.raw));
  if (transaction !== undefined) return ethers.Transaction.from(ethersTransaction(transaction)).unsignedHash;
  return ethers.hashAuthorization(authorization ?? assert.fail());
}

/** As sign.ts reads it. */
function commandIntent({ typedData, message, transaction, authorization }: Payload): Intent {
  const file = join(root, 'payload.json');
  if (typedData !== undefined || transaction !== undefined) {
    writeFileSync(file, JSON.stringify(typedData ?? transaction));
    return intentOf(typedData ? { 'typed-data': file } : { transaction: file });
  }
  if (message !== undefined)
    return intentOf(typeof message === 'string' ? { message } : { 'message-hex': message.raw });
  const { chainId, address, nonce } = authorization ?? assert.fail();
  const text = { chainId: String(chainId), address, nonce: String(nonce) };
  writeFileSync(file, JSON.stringify({ kind: 'authorization', authorization: text }));
  return intentOf({ intent: file });
}

/** The wallet, signing what it is asked for at the same time in as few calls as there can be. */
function batching(wallet: Wallet): Wallet {
  let waiting: { intent: Intent; resolve(signed: Signed): void; reject(error: unknown): void }[] = [];
  async function flush(): Promise<void> {
    const batch = waiting;
    waiting = [];
    try {
      const signed = await wallet.signMany(batch.map(({ intent }) => intent));
      batch.forEach(({ resolve }, i) => void resolve(signed[i] as Signed));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
  const sign = (intent: Intent) =>
    new Promise<Signed>((resolve, reject) => {
      if (waiting.length === 0) setTimeout(() => void flush(), 20);
      waiting.push({ intent, resolve, reject });
    });
  return { ...wallet, sign: sign as Wallet['sign'] };
}

/** The results for all payloads, so many at a time as one call signs. */
async function inBatches<T>(sign: (payload: Payload) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let i = 0; i < payloads.length; i += MAX_SIGNATURES) {
    results.push(...(await Promise.all(payloads.slice(i, i + MAX_SIGNATURES).map(sign))));
  }
  return results;
}

async function viemSignature(account: LocalAccount, payload: Payload): Promise<string> {
  const { typedData, message, transaction, authorization } = payload;
  if (typedData !== undefined) return account.signTypedData(typedData as unknown as TypedDataDefinition);
  if (message !== undefined) return account.signMessage({ message: message as SignableMessage });
  if (transaction !== undefined) return ofTransaction(await account.signTransaction(viemTransaction(transaction)));
  const { r, s, yParity } = await (account.signAuthorization ?? assert.fail())(authorization ?? assert.fail());
  return ethers.Signature.from({ r, s, yParity: yParity as 0 | 1 }).serialized;
}

async function ethersSignature(signer: TandemSigner, payload: Payload): Promise<string> {
  const { typedData, message, transaction, authorization } = payload;
  if (typedData !== undefined) {
    const [domain, types, value] = ethersTypedData(typedData);
    return signer.signTypedData(domain, types, value);
  }
  if (message !== undefined)
    return signer.signMessage(typeof message === 'string' ? message : ethers.getBytes(message.raw));
  if (transaction !== undefined) {
    return ofTransaction(await signer.signTransaction(ethersTransaction(transaction) as ethers.TransactionRequest));
  }
  const { signature } = await signer.authorize(authorization ?? assert.fail());
  return signature.serialized;
}

const ofTransaction = (serialized: string): string => ethers.Transaction.from(serialized).signature?.serialized ?? '';

describe('payloads of the field', () => {
  test('payloads of the field are many, each with its name and source, and of every standard', () => {
    assert.ok(payloads.length >= 60, String(payloads.length));
    assert.deepEqual(payloads.map(({ name }) => name).sort(), Object.keys(recorded).sort());
    assert.equal(new Set(payloads.map(({ name }) => name)).size, payloads.length);
    const all = payloads.map(({ name, source }) => `${name}; ${source}`).join('\n');
    for (const standard of [
      'Permit2',
      'Seaport',
      'Safe',
      'CoW',
      '1inch',
      'Uniswap',
      'Hyperliquid',
      'ERC-3009',
      'ERC-2612',
      'x402',
    ].concat([
      'Snapshot',
      'Polymarket',
      'OpenSea',
      'zkSync',
      'Farcaster',
      'EIP-4361',
      'EIP-7702',
      'EntryPoint 0.6',
      'EntryPoint 0.7',
      'EntryPoint 0.8',
    ])) {
      assert.ok(all.includes(standard), standard);
    }
  });

  for (const payload of payloads) {
    test(`a payload has the digest of viem, ethers and eth-account: ${payload.name}`, () => {
      const digest = digestOf(commandIntent(payload));
      assert.equal(digest, viemDigest(payload), 'viem');
      assert.equal(digest, ethersDigest(payload), 'ethers');
      assert.equal(digest, recorded[payload.name], 'eth-account');
    });
  }

  test('payloads of the field are signed from the command line', async () => {
    const signer = batching(wallet);
    const signed = await inBatches(async (payload) => signer.sign(commandIntent(payload)));
    for (const [i, payload] of payloads.entries()) {
      const { digest, signature } = signed[i] ?? assert.fail();
      assert.equal(digest, viemDigest(payload), payload.name);
      assert.equal(await recoverAddress({ hash: digest, signature }), wallet.info.address, payload.name);
    }
  });

  test('payloads of the field are signed through the adapters of viem and ethers', async () => {
    const account = toViemAccount(batching(wallet));
    const signer = new TandemSigner(batching(wallet));
    const signed = {
      viem: await inBatches((payload) => viemSignature(account, payload)),
      ethers: await inBatches((payload) => ethersSignature(signer, payload)),
    };
    for (const [library, signatures] of Object.entries(signed)) {
      for (const [i, payload] of payloads.entries()) {
        const signature = signatures[i] as Hex;
        const by = await recoverAddress({ hash: viemDigest(payload), signature });
        assert.equal(by, wallet.info.address, `${payload.name}, ${library}`);
      }
    }
  });
});
