import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { generateIdentity } from 'age-encryption';
import {
  type Hex,
  hashMessage,
  hashTypedData,
  hexToBytes,
  keccak256,
  parseTransaction,
  recoverAddress,
  recoverTransactionAddress,
  recoverTypedDataAddress,
  serializeTransaction,
  type TransactionSerialized,
} from 'viem';
import { HDKey, privateKeyToAccount, publicKeyToAddress } from 'viem/accounts';
import { hashAuthorization } from 'viem/utils';
import { buildCosigner } from '../ts/build/cosigner.ts';
import { decodeCbor, encodeCbor } from '../ts/core/cbor.ts';
import { createWallet } from '../ts/deal/keygen.ts';
import {
  CheckFailedError,
  LockedError,
  ProtocolError,
  RefusedError,
  StaleResponseError,
  StoreError,
  UsageError,
} from '../ts/errors.ts';
import { authorizationIntent } from '../ts/intent/from.ts';
import { InputError } from '../ts/intent/intent.ts';
import { parsePolicy, policyHash } from '../ts/policy/policy.ts';
import { LocalRuntime } from '../ts/runtime/local/runtime.ts';
import type { Action, Json, RunOptions, Runtime } from '../ts/runtime/types.ts';
import { openWallet, type Wallet } from '../ts/signing/wallet.ts';
import { type FileStore, openStore } from '../ts/store/node.ts';
import { json, command as run } from './support/command.ts';

// End to end: the commands in processes of their own, the real action in real Deno. One wallet serves almost all tests.

const ORDER = secp256k1.Point.Fn.ORDER;
const PAYEE = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
const TOKEN = '0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913';
const root = mkdtempSync(join(tmpdir(), 'tandem-wallet-'));
const dir = join(root, 'store');
const identityFile = join(root, 'identity.txt');

const command = (name: string, args: string[], env: Record<string, string> = { TANDEM_IDENTITY: identityFile }) =>
  run(name, args, env);

/** Writes JSON for a command to read. */
function write(name: string, value: unknown): string {
  const path = join(root, name);
  writeFileSync(path, JSON.stringify(value));
  return path;
}

let made: Record<string, unknown>;
let store: FileStore;
let runtime: LocalRuntime;
let address: Hex;
before(async () => {
  const identity = await generateIdentity();
  writeFileSync(identityFile, `# created: today\n# public key: age1…\n${identity}\n`);
  made = json(await command('keygen', ['--store', dir, '--policy', 'any', '--json']));
  address = made.address as Hex;
  store = openStore(dir, async () => ({ identities: [identity] }));
  runtime = await LocalRuntime.open({ dir: join(dir, 'local-lit') });
});
after(() => {
  runtime?.close();
  rmSync(root, { recursive: true, force: true });
});

const walletFolder = () => join(dir, address);
const lockFile = () => join(walletFolder(), 'hot.locked');

/** The runtime with its action's parameters or answers changed on the way. */
function relay(change: { params?: (params: Json) => Json; answer?: (answer: Json) => Json }): Runtime {
  const run = async (action: Action, params: Json, options?: RunOptions) => {
    const answer = await runtime.run(action, change.params?.(params) ?? params, options);
    return change.answer === undefined ? answer : change.answer(answer);
  };
  const { name } = runtime;
  return {
    name,
    run,
    createWallet: () => runtime.createWallet(),
    permit: async () => {},
    limits: () => runtime.limits(),
  };
}

/** Changes the bytes of the action's response. */
const tampered = (change: (response: Map<number, unknown>) => void): Runtime =>
  relay({
    answer: (answer) => {
      const text = (answer as { ok: { response: string } }).ok.response;
      const response = decodeCbor(new Uint8Array(Buffer.from(text, 'base64'))) as Map<number, unknown>;
      change(response);
      return { ok: { response: Buffer.from(encodeCbor(response)).toString('base64') } };
    },
  });

function flip(value: unknown): void {
  assert.ok(value instanceof Uint8Array);
  value[value.length - 1] = (value.at(-1) ?? 0) ^ 1;
}

/** Verifies with viem and noble, neither of which the action uses. */
async function assertSigned(signed: Record<string, unknown>, digest: Hex, by: Hex = address): Promise<void> {
  const { signature, r, s, yParity } = signed as { signature: Hex; r: Hex; s: Hex; yParity: number };
  assert.match(signature, /^0x[0-9a-f]{130}$/);
  assert.equal(signature, `${r}${s.slice(2)}${yParity === 0 ? '1b' : '1c'}`);
  assert.ok(BigInt(s) <= ORDER / 2n, 'low s');
  assert.equal(signed.digest, digest);
  assert.equal(signed.address, by);
  assert.equal(signed.protocol, signed.calls === 0 ? 'dkls18' : 'onecall');
  assert.equal(await recoverAddress({ hash: digest, signature }), by);
  if (by !== address) return;
  const compact = hexToBytes(`${r}${s.slice(2)}` as Hex);
  const publicKey = hexToBytes(made.publicKey as Hex);
  assert.ok(secp256k1.verify(compact, hexToBytes(digest), publicKey, { prehash: false, lowS: true }));
}

/** Each of these usages of a command, all at the same time, ends with exit code 64, and says what is wrong, not the whole help. */
async function refuseUsage(name: string, usages: readonly string[][]): Promise<void> {
  const refused = usages.map(async (args) => {
    const { code, stdout, stderr } = await command(name, args, {});
    assert.equal(code, 64, `${args} ${stderr}`);
    assert.equal(stdout, '');
    assert.match(stderr, new RegExp(`^[^\n]+\n(Next: [^\n]+\n)?See \`npx tsx scripts/${name}\\.ts --help\`\\.\n$`));
  });
  await Promise.all(refused);
}

describe('keygen', () => {
  test('keygen makes a 2-of-3 wallet in two calls and prints it as JSON alone', () => {
    assert.deepEqual(Object.keys(made), ['wallet', 'address', 'publicKey', 'threshold', 'parties', 'calls', 'ms']);
    assert.equal(made.wallet, made.address);
    const point = secp256k1.Point.fromHex(String(made.publicKey).slice(2));
    assert.equal(publicKeyToAddress(`0x${point.toHex(false)}`), address);
    assert.deepEqual([made.threshold, made.parties, made.calls], [2, 3, 2]);
    assert.deepEqual(readdirSync(dir).sort(), [address, 'local-lit']);
    const files = ['action.sealed', 'actions', 'cold.age', 'correlation.json', 'hot.age', 'wallet.json'];
    assert.deepEqual(readdirSync(walletFolder()).sort(), files);
  });

  test('keygen without an action deals all shares here, and they sign', async () => {
    const alone = join(root, 'alone');
    const outcome = await command('keygen', ['--store', alone, '--runtime', 'none', '--parties', '2']);
    assert.equal(outcome.code, 0, outcome.stderr);
    assert.match(outcome.stdout, /^shares +1 hot, 2 cold; 2 of them sign$/m);
    assert.match(outcome.stderr, /cold share .* Move it .*\n +mv .*cold\.age /s);
    const wallet = await openWallet(openStore(alone, store.key));
    const signed = await wallet.signMessage('two of two');
    assert.equal(signed.calls, 0);
    assert.equal(await recoverAddress({ hash: signed.digest, signature: signed.signature }), wallet.info.address);
  });

  test('keygen refuses what it cannot make, with exit code 64', async () => {
    const nothing = join(root, 'nothing');
    await refuseUsage('keygen', [
      ['--store', nothing, '--what'],
      ['--store', nothing, '--policy', 'everything'],
      ['--store', nothing, '--parties', '1', '--runtime', 'none'],
    ]);
    assert.ok(!existsSync(nothing) || readdirSync(nothing).every((name) => name === 'local-lit'));
    const beyond = { store: openStore(nothing, store.key), threshold: 4, parties: 3 };
    await assert.rejects(createWallet(beyond), UsageError);
    await assert.rejects(createWallet({ ...beyond, threshold: 2, parties: 17 }), UsageError);
  });

  test('keygen stores nothing if the action breaks the protocol', async () => {
    const nothing = openStore(join(root, 'broken'), store.key);
    const built = await buildCosigner('messages');
    const make = (change: (messages: Record<string, Uint8Array>) => void) => {
      const answer = (answered: Json): Json => {
        const { ok } = answered as { ok: { messages?: Record<string, string>; message?: string } };
        const texts = ok.messages ?? { round3: ok.message ?? '' };
        const messages = Object.fromEntries(
          Object.entries(texts).map(([name, text]) => [name, new Uint8Array(Buffer.from(text, 'base64'))]),
        );
        change(messages);
        const back = Object.fromEntries(
          Object.entries(messages).map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')]),
        );
        return { ok: { ...ok, ...(ok.messages ? { messages: back } : { message: back.round3 ?? '' }) } };
      };
      const action = { ...built, runtime: { ...relay({ answer }), permit: runtime.permit.bind(runtime) } };
      return createWallet({ store: nothing, action, threshold: 2, parties: 3 });
    };
    await assert.rejects(
      make(({ round2 }) => round2 && flip(round2)),
      ProtocolError,
    );
    await assert.rejects(
      make(({ round3 }) => round3 && flip(round3)),
      ProtocolError,
    );
    assert.deepEqual(readdirSync(nothing.dir), []);
  });
});

describe('sign', () => {
  test('sign makes a signature of a message in one call; JSON alone on stdout', async () => {
    const outcome = await command('sign', [
      '--store',
      dir,
      '--wallet',
      address,
      '--message',
      'turn both keys ✓',
      '--json',
    ]);
    const signed = json(outcome);
    assert.equal(outcome.stderr, '');
    const names = ['signature', 'r', 's', 'yParity', 'address', 'digest', 'protocol', 'calls', 'ms'];
    assert.deepEqual(Object.keys(signed), names);
    assert.equal(signed.calls, 1);
    await assertSigned(signed, hashMessage('turn both keys ✓'));
    assert.ok(!existsSync(join(walletFolder(), 'lock')));
  });

  const typedData = {
    domain: { name: 'USD Coin', version: '2', chainId: 8453, verifyingContract: TOKEN },
    types: {
      EIP712Domain: [
        { name: 'name', type: 'string' },
        { name: 'version', type: 'string' },
        { name: 'chainId', type: 'uint256' },
        { name: 'verifyingContract', type: 'address' },
      ],
      Permit: [
        { name: 'spender', type: 'address' },
        { name: 'value', type: 'uint256' },
      ],
    },
    primaryType: 'Permit',
    message: { spender: PAYEE, value: '100000000' },
  } as const;
  const domain = { ...typedData.domain, chainId: 8453n };
  const permit = { ...typedData, domain, message: { spender: PAYEE, value: 100_000_000n } } as const;

  test('sign takes typed data from a file', async () => {
    const file = write('permit.json', typedData);
    const signed = json(await command('sign', ['--store', dir, '--typed-data', file, '--json']));
    await assertSigned(signed, hashTypedData(permit));
    const signature = signed.signature as Hex;
    assert.equal(await recoverTypedDataAddress({ ...permit, signature }), address);
    assert.ok(!('serializedTransaction' in signed));
  });

  /** A transaction whose signed form viem reads as what was to be signed, and as this wallet's. */
  async function assertSent(signed: Record<string, unknown>, expected: Parameters<typeof serializeTransaction>[0]) {
    const serializedTransaction = signed.serializedTransaction as TransactionSerialized;
    await assertSigned(signed, keccak256(serializeTransaction(expected)));
    assert.equal(await recoverTransactionAddress({ serializedTransaction }), address);
    const { r, s, yParity, v: _, ...sent } = parseTransaction(serializedTransaction) as Record<string, unknown>;
    const word = (value: unknown) => BigInt(value as Hex);
    assert.deepEqual([word(r), word(s)], [word(signed.r), word(signed.s)]);
    if (expected.type !== 'legacy') assert.equal(yParity, signed.yParity);
    assert.equal(serializeTransaction(sent as typeof expected), serializeTransaction(expected));
    assert.equal(sent.type, expected.type);
  }

  test('sign takes a transaction of EIP-1559 from a file, as viem, ethers or a node would write it', async () => {
    const expected = {
      type: 'eip1559',
      chainId: 8453,
      nonce: 7,
      gas: 60_000n,
      maxFeePerGas: 30_000_000_000n,
      maxPriorityFeePerGas: 1_000_000_000n,
      to: PAYEE,
      value: 10n ** 18n,
      data: '0xabcdef',
    } as const;
    const { type: _, gas, data, ...rest } = expected;
    const quantity = (value: bigint) => `0x${value.toString(16)}`;
    const [viem, ethers, node] = [
      { ...rest, gas: String(gas), data, value: '1000000000000000000' },
      { ...rest, type: 2, gasLimit: Number(gas), data: '0xABCDEF', value: quantity(rest.value), accessList: [] },
      { ...rest, type: '0x2', gas: quantity(gas), input: data, value: quantity(rest.value), from: address },
    ].map((form) => ({ ...form, maxFeePerGas: '30000000000', maxPriorityFeePerGas: '0x3b9aca00' }));
    const files = [write('viem.json', viem), write('ethers.json', ethers), write('node.json', node)];
    for (const file of files) {
      await assertSent(json(await command('sign', ['--store', dir, '--transaction', file, '--json'])), expected);
    }
  });

  test('sign takes a legacy transaction, for one chain', async () => {
    const expected = {
      type: 'legacy',
      chainId: 1,
      nonce: 0,
      gas: 21_000n,
      gasPrice: 5n,
      to: PAYEE,
      value: 3n,
    } as const;
    const signed = await (await openWallet(store, { runtime })).signTransaction(expected);
    await assertSent({ ...signed }, expected);
    const { v } = parseTransaction(signed.serializedTransaction);
    assert.equal(v, BigInt(37 + signed.yParity));
  });

  const fees = { maxFeePerGas: 30n, maxPriorityFeePerGas: 1n };
  const common = { chainId: 1, nonce: 5, gas: 90_000n, to: PAYEE, value: 1n } as const;
  const accessList = [{ address: TOKEN, storageKeys: [`0x${'0a'.repeat(32)}`] }] as const;
  const hash = `0x01${'cd'.repeat(31)}` as const;
  const delegation = { chainId: 1, address: TOKEN, nonce: 6, yParity: 1, r: hash, s: `0x${'0b'.repeat(32)}` } as const;
  for (const expected of [
    { type: 'eip2930', ...common, gasPrice: 3n, accessList },
    { type: 'eip4844', ...common, ...fees, maxFeePerBlobGas: 2n, blobVersionedHashes: [hash] },
    { type: 'eip7702', ...common, ...fees, authorizationList: [delegation] },
    { type: 'eip1559', ...common, ...fees, to: undefined, data: '0x6000' },
  ] as const) {
    test(`sign takes a transaction of ${expected.type}${expected.to === undefined ? ' that creates a contract' : ''}`, async () => {
      await assertSent({ ...(await (await openWallet(store, { runtime })).signTransaction(expected)) }, expected);
    });
  }

  test('sign takes an authorization of a delegate, and typed data in place', async () => {
    const wallet = await openWallet(store, { runtime });
    const authorization = { chainId: 1, address: TOKEN, nonce: 6 } as const;
    const signed = await wallet.sign(authorizationIntent(authorization));
    await assertSigned({ ...signed }, hashAuthorization(authorization));
    await assertSigned({ ...(await wallet.signTypedData(permit)) }, hashTypedData(permit));
    await assert.rejects(wallet.signTypedData({ ...permit, primaryType: 'Permits' }), InputError);
  });

  const word = (value: bigint): Hex => `0x${value.toString(16).padStart(64, '0')}`;
  for (const [name, digest] of Object.entries({
    '0': 0n,
    '1': 1n,
    'q − 1': ORDER - 1n,
    q: ORDER,
    '2²⁵⁶ − 1': 2n ** 256n - 1n,
  })) {
    test(`sign takes the digest ${name}`, async () => {
      await assertSigned({ ...(await (await openWallet(store, { runtime })).signDigest(word(digest))) }, word(digest));
    });
  }

  test('sign takes a path and signs with derived keys', async () => {
    const signed = await (await openWallet(store, { runtime })).signMessage({ raw: '0x00ff' }, { path: 'm/0/7' });
    const chainCode = await chainCodeOf();
    const parent = new HDKey({ publicKey: hexToBytes(made.publicKey as Hex), chainCode });
    const child = parent.derive('m/0/7').publicKey;
    assert.ok(child);
    const by = publicKeyToAddress(`0x${secp256k1.Point.fromBytes(child).toHex(false)}`);
    await assertSigned({ ...signed }, hashMessage({ raw: '0x00ff' }), by);
  });

  test('sign in recovery takes the hot and the cold share and no call', async () => {
    const signed = json(await command('sign', ['--store', dir, '--message', 'gone', '--recovery', '--json']));
    assert.equal(signed.calls, 0);
    await assertSigned(signed, hashMessage('gone'));
  });

  test('sign says where the cold share has to be', async () => {
    renameSync(join(walletFolder(), 'cold.age'), join(root, 'cold.age'));
    try {
      const { code, stderr } = await command('sign', ['--store', dir, '--message', 'x', '--recovery']);
      assert.equal(code, 1);
      assert.match(stderr, /cold\.age is not here.*put its file back/s);
    } finally {
      renameSync(join(root, 'cold.age'), join(walletFolder(), 'cold.age'));
    }
  });

  test('sign refuses wrong usage with exit code 64, before it asks for anything', async () => {
    const digest = `0x${'00'.repeat(31)}`;
    await refuseUsage('sign', [
      ['--store', dir, '--message', 'x', '--digest', digest],
      ['--store', dir, '--digest', digest],
      ['--store', dir, '--message', 'x', '--path', "m/44'/0"],
      ['--store', dir, '--message', 'x', '--transaction', write('tx.json', { chainId: 1, gasPrice: '1', to: PAYEE })],
      ['--store', dir, '--transaction', join(root, 'none.json')],
      ['--store', dir, '--message', 'x', '--approval', '0x12'],
      ['--store', dir, '--transaction', write('text.json', 'x')],
      ['--store', dir, '--transaction', write('chainless.json', { gasPrice: '1', to: PAYEE })],
      ['--store', dir, '--transaction', write('twice.json', { chainId: 1, gasPrice: '1', gas: '1', gasLimit: '2' })],
      ['--store', dir, '--typed-data', write('untyped.json', { types: {}, primaryType: 'X', message: {} })],
    ]);
  });

  test('sign refuses a transaction that leaves out its nonce or gas limit, and says what to add', async () => {
    const fees = { chainId: 1, maxFeePerGas: '5', maxPriorityFeePerGas: '1', to: PAYEE };
    const refusals: [object, RegExp][] = [
      [
        { ...fees, nonce: 0 },
        /^.*bare\.json has no gas\.\nNext: add the gas limit, which is 21000 for the coin of the chain /,
      ],
      [{ ...fees, gasLimit: 21_000, nonce: null }, /has no nonce\.\nNext: add the nonce, .*eth_getTransactionCount/],
      [{ tx: fees }, /has no nonce and no gas\.\nNext: add the nonce, .*; and the gas limit, /],
    ];
    for (const [transaction, message] of refusals) {
      const file = write('bare.json', transaction);
      const { code, stderr } = await command('sign', ['--store', dir, '--transaction', file], {});
      assert.equal(code, 64);
      assert.match(stderr, message);
    }
    const signed = await (await openWallet(store, { runtime })).signTransaction({
      ...fees,
      maxFeePerGas: 5n,
      maxPriorityFeePerGas: 1n,
    });
    assert.deepEqual(parseTransaction(signed.serializedTransaction).nonce ?? 0, 0, 'as viem takes it');
  });

  test('two signatures at a time take turns', async () => {
    const wallet = await openWallet(store, { runtime });
    const signed = await Promise.all([wallet.signMessage('a'), wallet.signMessage('b', { recovery: true })]);
    await assertSigned({ ...signed[0] }, hashMessage('a'));
    await assertSigned({ ...signed[1] }, hashMessage('b'));
  });

  test('sign can be aborted', async () => {
    const wallet = await openWallet(store, { runtime });
    const controller = new AbortController();
    const onProgress = (step: string) => step.startsWith('running the action') && controller.abort();
    await assert.rejects(wallet.signMessage('x', { signal: controller.signal, onProgress }), { name: 'AbortError' });
    assert.ok(!existsSync(lockFile()) && !existsSync(join(walletFolder(), 'lock')));
  });
});

describe('the policy "messages", with a passphrase', () => {
  test('the policy messages, with a passphrase, signs messages and refuses raw digests with exit code 2 and the reason', async () => {
    const guarded = join(root, 'guarded');
    const env = { TANDEM_PASSPHRASE: 'correct horse battery staple' };
    const wallet = json(await command('keygen', ['--store', guarded, '--parties', '2', '--json'], env));
    const [digest, message, none] = await Promise.all([
      command('sign', ['--store', guarded, '--digest', `0x${'ab'.repeat(32)}`, '--json'], env),
      command('sign', ['--store', guarded, '--message', 'hello', '--json'], env),
      command('sign', ['--store', guarded, '--message', 'hello'], {}),
    ]);
    assert.equal(digest.code, 2);
    assert.equal(digest.stdout, '');
    assert.match(digest.stderr, /policy refuses: no rule is for raw digests/);
    assert.equal(json(message).address, wallet.address);
    assert.equal(none.code, 1);
    assert.match(none.stderr, /no terminal.*TANDEM_PASSPHRASE/s);
    const file = join(root, 'another-identity.txt');
    writeFileSync(file, await generateIdentity());
    const other = await command('sign', ['--store', guarded, '--message', 'x'], { TANDEM_IDENTITY: file });
    assert.match(
      other.stderr,
      /^There is no terminal.*\nNext: set TANDEM_PASSPHRASE: hot\.age opens with a passphrase, not with the identity of TANDEM_IDENTITY\.$/m,
    );
  });
});

describe('a policy from a file', () => {
  const rule = {
    name: 'small payments',
    kind: 'transaction',
    chains: ['8453'],
    to: [PAYEE],
    maxValue: '1000',
    maxFee: 'any',
  };
  const policy = { version: 1, rules: [rule] };
  const payment = { chainId: 8453, nonce: 1, gas: 21_000, maxFeePerGas: '5', maxPriorityFeePerGas: '1', to: PAYEE };

  test('a policy from a file allows what fits a rule, and refuses the rest with exit code 2, the rule and the reason', async () => {
    const ruled = join(root, 'ruled');
    const keygen = await command('keygen', [
      '--store',
      ruled,
      '--parties',
      '2',
      '--policy',
      write('policy.json', policy),
    ]);
    assert.equal(keygen.code, 0, keygen.stderr);
    assert.match(keygen.stdout, new RegExp(`policy ${policyHash(parsePolicy(policy))}`));
    const sign = (value: string, ...args: string[]) =>
      command('sign', ['--store', ruled, '--transaction', write(`pay-${value}.json`, { ...payment, value }), ...args]);
    const [allowed, refused, message] = await Promise.all([
      sign('1000', '--json'),
      sign('1001', '--json'),
      command('sign', ['--store', ruled, '--message', 'hello']),
    ]);
    const { serializedTransaction, address: by } = json(allowed);
    const signed = { serializedTransaction: serializedTransaction as TransactionSerialized };
    assert.equal(await recoverTransactionAddress(signed), by);
    assert.deepEqual([refused.code, refused.stdout], [2, '']);
    assert.match(refused.stderr, /policy refuses: the rule small payments: .*1001/);
    assert.deepEqual([message.code, message.stdout], [2, '']);
    assert.match(message.stderr, /policy refuses: no rule is for messages/);
  });

  test('a policy from a file with a guardian allows what that approved of, once it has the approval', async () => {
    const approved = join(root, 'approved');
    const guardian = privateKeyToAccount(`0x${'77'.repeat(32)}`);
    const file = write('guarded.json', { ...policy, rules: [{ ...rule, guardian: guardian.address }] });
    const { address } = json(
      await command('keygen', ['--store', approved, '--parties', '2', '--policy', file, '--json']),
    );
    const payIn = ['--transaction', write('pay.json', { ...payment, value: '1000' })];
    const sign = (...args: string[]) => command('sign', ['--store', approved, ...payIn, '--json', ...args]);
    const [unapproved, asked] = await Promise.all([
      sign(),
      command('policy', ['approve', file, ...payIn, '--account', String(address)]),
    ]);
    assert.equal(unapproved.code, 2);
    assert.match(
      unapproved.stderr,
      /policy refuses: the rule small payments: the approval of the guardian .* is missing/,
    );
    const approval = await guardian.signMessage({ message: asked.stdout.trimEnd() });
    const approvalFile = join(root, 'approval.txt');
    writeFileSync(approvalFile, `${approval}\n`);
    const [byFile, altered] = await Promise.all([
      sign('--approval', approvalFile),
      sign(
        '--approval',
        approval.replace(/.(?=..$)/, (digit) => (digit === '0' ? '1' : '0')),
      ),
    ]);
    assert.equal(json(byFile).address, address);
    assert.equal(altered.code, 2);
  });

  test('a policy from a file is refused before there is a key if it is none', async () => {
    const none = join(root, 'unruled');
    const content = { ...policy, rules: [{ ...rule, maxFee: 5 }] };
    const outcome = await command('keygen', ['--store', none, '--policy', write('bad.json', content)]);
    assert.equal(outcome.code, 1, outcome.stderr);
    assert.match(outcome.stderr, /not a policy: rules/);
    assert.ok(readdirSync(none).every((name) => name === 'local-lit'));
  });
});

describe('an action that cheats', () => {
  // By onecall: test/correlation.test.ts.
  const sign = async (via: Runtime) =>
    (await openWallet(store, { runtime: via })).signMessage('pay', { protocol: 'dkls18' });

  async function locks(via: Runtime): Promise<void> {
    await assert.rejects(sign(via), (error) => {
      assert.ok(error instanceof CheckFailedError, String(error));
      assert.ok(existsSync(lockFile()), 'locked before the error was seen');
      return true;
    });
    await assert.rejects(sign(runtime), LockedError);
    rmSync(lockFile());
  }

  async function doesNotLock(
    via: Runtime,
    kind: typeof ProtocolError | typeof StaleResponseError | typeof RefusedError,
  ) {
    await assert.rejects(sign(via), kind);
    assert.ok(!existsSync(lockFile()));
  }

  test('an action that cheats locks the share: the next command exits with 3, and recovery still signs', async () => {
    await assert.rejects(sign(tampered((response) => flip(response.get(11)))), CheckFailedError);
    const next = await command('sign', ['--store', dir, '--message', 'pay', '--json']);
    assert.deepEqual([next.code, next.stdout], [3, '']);
    assert.match(next.stderr, /locked.*recover\S* --new-action.*--recovery/s);
    await assertSigned(
      { ...(await (await openWallet(store)).signMessage('out', { recovery: true })) },
      hashMessage('out'),
    );
    rmSync(lockFile());
  });

  test('an action that cheats locks the share with any altered part of an answer', async () => {
    await locks(tampered((response) => flip(response.get(7))));
    await locks(tampered((response) => flip(response.get(10))));
    await locks(
      tampered((response) => flip([...((response.get(9) as Map<number, unknown>[])[1]?.values() ?? [])].at(-1))),
    );
  });

  test('an action that cheats does not lock with an answer to another request, another message or another path', async () => {
    const earlier: Json[] = [];
    const record = (answer: Json): Json => {
      earlier.push(answer);
      return answer;
    };
    await sign(relay({ answer: record }));
    await doesNotLock(relay({ answer: () => earlier[0] ?? null }), StaleResponseError);
    const other = (change: object) => relay({ params: (params) => ({ ...(params as object), ...change }) as Json });
    const intent = JSON.stringify({ kind: 'message', message: 'pay twice' });
    await doesNotLock(other({ intent }), StaleResponseError);
    await doesNotLock(other({ path: 'm/1', account: undefined }), StaleResponseError);
    await doesNotLock(other({ path: 'm/1' }), RefusedError);
  });

  test('an action that cheats does not lock with what is no answer', async () => {
    await doesNotLock(relay({ answer: () => null }), ProtocolError);
    await doesNotLock(relay({ answer: () => ({ ok: { response: '*' } }) }), ProtocolError);
    await doesNotLock(relay({ answer: () => ({ ok: { response: 'AAAA' } }) }), ProtocolError);
    await doesNotLock(
      tampered((response) => response.set(99, 1)),
      ProtocolError,
    );
    await doesNotLock(
      tampered((response) => response.set(11, new Uint8Array(32).fill(255))),
      ProtocolError,
    );
    await doesNotLock(
      relay({ answer: () => ({ error: { code: 'refused', message: 'request refused' } }) }),
      RefusedError,
    );
  });
});

describe('a store that was interfered with', () => {
  const wallet = (): Promise<Wallet> => openWallet(store, { runtime });

  test('in a store that was interfered with, another source of the action is not run', async () => {
    const folder = join(walletFolder(), 'actions');
    const path = join(folder, readdirSync(folder)[0] ?? '');
    const source = readFileSync(path);
    try {
      writeFileSync(path, Buffer.concat([source, Buffer.from('\n')]));
      await assert.rejects((await wallet()).signMessage('x'), (error) => {
        assert.ok(error instanceof StoreError && error.kind === 'altered');
        assert.match(error.message, /CID/);
        return true;
      });
    } finally {
      writeFileSync(path, source);
    }
  });

  test('in a store that was interfered with, an altered sealed share is refused by the action, and nothing is locked', async () => {
    const path = join(walletFolder(), 'action.sealed');
    const text = readFileSync(path, 'utf8');
    const sealed = JSON.parse(text) as { share: string };
    const at = sealed.share.length >> 1;
    const share = sealed.share.slice(0, at) + (sealed.share[at] === '1' ? '2' : '1') + sealed.share.slice(at + 1);
    try {
      writeFileSync(path, JSON.stringify({ ...sealed, share }));
      await assert.rejects((await wallet()).signMessage('x'), RefusedError);
      assert.ok(!existsSync(lockFile()));
    } finally {
      writeFileSync(path, text);
    }
  });

  test('in a store that was interfered with, a wallet is not signed with at another host', async () => {
    await assert.rejects((await openWallet(store)).signMessage('x'), UsageError);
    await assert.rejects(
      (await openWallet(store, { runtime: { ...relay({}), name: 'chipotle' } })).signMessage('x'),
      UsageError,
    );
  });
});

/** The chain code, which the store keeps with the shares only. */
async function chainCodeOf(): Promise<Uint8Array> {
  const { loadTandem } = await import('../ts/core/node.ts');
  const { readShare, readWallet } = await import('../ts/store/store.ts');
  return (await loadTandem()).shareInfo(await readShare(store, await readWallet(store, address), 1)).chainCode;
}
