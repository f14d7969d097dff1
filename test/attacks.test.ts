// Attacks on a budget. An attacker has the agent's machine: the hot share, the store and its backups, hosts with whatever clock.
// What the action signs for them goes to a chain, all of it. Then no more has left the account than explain says.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { generateIdentity } from 'age-encryption';
import { encodeFunctionData, type Hex, keccak256, parseAbi, parseEther, parseSignature, toHex } from 'viem';
import { mnemonicToAccount } from 'viem/accounts';
import { allowedAll } from '../actions/cosigner/judged.ts';
import type { Cosigner } from '../actions/cosigner/sealed.ts';
import { PublicRefusal } from '../actions/template/action.ts';
import { type Chain, fund, startChain, walletClient } from '../scripts/chain.ts';
import { buildCosigner } from '../ts/build/cosigner.ts';
import { createWallet } from '../ts/deal/keygen.ts';
import { PolicyError } from '../ts/errors.ts';
import { authorizationIntent, digestIntent, messageIntent } from '../ts/intent/from.ts';
import { digestOf, type Intent, intentJson } from '../ts/intent/intent.ts';
import { type AssetBudget, budgetOf, sumBy, sumOfAll } from '../ts/policy/budget.ts';
import { type Policy, parsePolicy } from '../ts/policy/policy.ts';
import { GuestProcess } from '../ts/runtime/local/guest-process.ts';
import { LocalRuntime } from '../ts/runtime/local/runtime.ts';
import { openWallet, type Wallet } from '../ts/signing/wallet.ts';
import { openStore } from '../ts/store/node.ts';
import { blobs, pay, signedAuthorization, typedOf } from './support/policies.ts';

const CHAIN = 31_337;
const DAY = 86_400;
const HOUR = 3600;
const BEGIN = Math.floor(Date.now() / 1000) - 60;
const MAX = 2n ** 256n - 1n;
const ETHER = parseEther('0.1');
const GAS = 100_000n;
const PRICE = 3_000_000_000n;
const TOKENS = 1_000_000n;
/** Nobody's contract: what would be moved there is not looked at, only whether it is signed. */
const PERMIT2: Hex = `0x${'22'.repeat(20)}`;
const OTHER: Hex = `0x${'0e'.repeat(20)}`;
const words = 'test test test test test test test test test test test junk';
const developer = mnemonicToAccount(words);
const attacker = mnemonicToAccount(words, { addressIndex: 1 });

const PERMIT = 'Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)';
const TRANSFER =
  'TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)';
const RECEIVE = TRANSFER.replace('Transfer', 'Receive');
const BATCH =
  'PermitBatchTransferFrom(TokenPermissions[] permitted,address spender,uint256 nonce,uint256 deadline)TokenPermissions(address token,uint256 amount)';

const daily = { every: String(DAY), from: String(BEGIN) };
const PACE = { ...daily, first: '0', count: '6', total: '14' };

function policyFor(token: Hex): Policy {
  const transactions = { kind: 'transaction', chains: [String(CHAIN)], maxFee: String(GAS * PRICE), pace: PACE };
  const calling = (signature: string) => ({
    ...transactions,
    to: [token],
    maxValue: '0',
    calls: [{ function: signature, args: { amount: { max: '100' } } }],
  });
  const typed = (contract: Hex, type: string, fields: object) => ({
    kind: 'typedData',
    domains: [{ name: 'Token', version: '1', chainId: String(CHAIN), verifyingContract: contract }],
    types: [type],
    fields,
  });
  const hourly = {
    pace: { first: '0', count: '3', total: '9', every: String(HOUR), from: String(BEGIN), keep: String(HOUR) },
  };
  const each = { fields: { token: { in: [OTHER] } } };
  const once = { pace: { first: '0', count: '1' } };
  return parsePolicy({
    version: 1,
    rules: [
      { name: 'pay', ...transactions, to: 'any', maxValue: String(ETHER) },
      { name: 'transfer', ...calling('transfer(address to,uint256 amount)') },
      { name: 'approve', ...calling('approve(address to,uint256 amount)') },
      {
        name: 'permit',
        ...typed(token, PERMIT, {
          value: { max: '70' },
          nonce: { pace: { ...daily, first: '0', count: '2', total: '5' } },
        }),
      },
      {
        name: 'authorize',
        ...typed(token, TRANSFER, { value: { max: '50' }, validBefore: { within: '600' }, nonce: hourly }),
      },
      {
        name: 'receive',
        ...typed(token, RECEIVE, { value: { max: '40' }, validBefore: { within: '600' }, nonce: hourly }),
      },
      {
        name: 'batch',
        ...typed(PERMIT2, BATCH, { permitted: { each, sum: { fields: { amount: { max: '100' } } } }, nonce: once }),
      },
      { name: 'sign in', kind: 'message', prefixes: ['example.com wants you to sign in'], hashes: 'none' },
    ],
  });
}

const root = mkdtempSync(join(tmpdir(), 'tandem-attacks-'));
let chain: Chain;
let runtime: LocalRuntime;
let second: LocalRuntime;
let wallet: Wallet;
let policy: Policy;
let account: Hex;
let token: Hex;
let key: () => Promise<{ identities: string[] }>;
let attempts = 0;

/** What a clock shows: seconds since 1970, or what it gives for milliseconds, whatever that is. */
type Clock = number | (() => unknown);

// A host whose clock shows something else: what runs there is the action as it is, so it gets its keys.
let clock: Clock | undefined;
const { run } = GuestProcess.prototype;
GuestProcess.prototype.run = function (job, ...rest) {
  const shown = typeof clock === 'number' ? `() => ${clock}000` : String(clock);
  const source = clock === undefined ? job.source : `Date.now = ${shown};\n${job.source}`;
  return run.call(this, { ...job, source }, ...rest);
};

/** All that was ever signed. */
const signedTransactions: { nonce: number; value: bigint; raw: Hex }[] = [];
const signedTyped: { intent: Intent; signature: Hex }[] = [];

/** Asks the host for a signature, and keeps it for the end. */
async function attempt(intent: Intent, from: Wallet = wallet): Promise<boolean> {
  attempts += 1;
  try {
    keep(intent, await from.sign(intent));
    return true;
  } catch (error) {
    if (error instanceof PolicyError) return false;
    throw error;
  }
}

/** Asks the action's judgement, in this process: what it refuses, no host signs. */
async function judged(intent: Intent): Promise<boolean> {
  attempts += 1;
  const real = Date.now;
  const at = clock;
  if (at !== undefined) Date.now = (typeof at === 'number' ? () => 1000 * at : at) as () => number;
  try {
    const cosigner = { policy, recover: () => assert.fail('no rule has a guardian') } as unknown as Cosigner;
    await allowedAll(cosigner, [{ intent: intentJson(intent) }], { path: 'm', account, root: undefined });
    return true;
  } catch (error) {
    if (error instanceof PublicRefusal && error.code === 'policy') return false;
    throw error;
  } finally {
    Date.now = real;
  }
}

function keep(intent: Intent, signed: Awaited<ReturnType<Wallet['sign']>>): void {
  if (intent.kind === 'transaction' && 'serializedTransaction' in signed) {
    const { nonce, value } = intent.transaction;
    signedTransactions.push({ nonce, value, raw: signed.serializedTransaction });
  } else signedTyped.push({ intent, signature: signed.signature });
}

/**
 * Each intent is an attempt. Those that are signed are asked for eight at once. Of the others, which are refused, the first is asked
 * of the host, and the rest of the same judgement in this process, which takes a hundredth of the time.
 */
function attack(
  what: string,
  intents: () => { readonly signed?: readonly Intent[]; readonly refused?: readonly Intent[] },
  at?: Clock,
): void {
  test(`attack: ${what}`, async () => {
    const { signed = [], refused = [] } = intents();
    clock = at;
    try {
      for (let i = 0; i < signed.length; i += 8) {
        const some = signed.slice(i, i + 8);
        attempts += some.length;
        for (const [j, one] of (await wallet.signMany(some)).entries()) keep(some[j] ?? assert.fail(), one);
      }
      for (const [i, intent] of refused.entries()) {
        assert.equal(await (i === 0 ? attempt(intent) : judged(intent)), false, `number ${i + 1} was signed`);
      }
    } finally {
      clock = undefined;
    }
  });
}

const abi = parseAbi([
  'function transfer(address to,uint256 amount)',
  'function approve(address to,uint256 amount)',
  'function increaseAllowance(address to,uint256 amount)',
  'function transferFrom(address from,address to,uint256 amount)',
  'function setApprovalForAll(address operator,bool approved)',
  'function multicall(bytes[] calls)',
]);
type Name = (typeof abi)[number]['name'];
const data = (functionName: Name, ...args: readonly unknown[]) =>
  encodeFunctionData({ abi, functionName, args } as unknown as Parameters<typeof encodeFunctionData>[0]);
const send = (nonce: number, change: object = {}) =>
  pay({
    chainId: CHAIN,
    nonce,
    to: attacker.address,
    value: ETHER,
    gas: GAS,
    maxFeePerGas: PRICE,
    maxPriorityFeePerGas: PRICE,
    ...change,
  });
const onToken = (nonce: number, data: Hex, change: object = {}) =>
  send(nonce, { to: token, value: 0n, data, ...change });
const old = (type: string) => ({ type, gasPrice: PRICE, maxFeePerGas: undefined, maxPriorityFeePerGas: undefined });
const domain = (change: object = {}) => {
  const fields = { name: 'Token', version: '1', chainId: String(CHAIN), verifyingContract: token, ...change };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
};
const nonceOf = (nonce: number | bigint) => toHex(nonce, { size: 32 });
const soon = () => String(Math.floor(Date.now() / 1000) + 500);
const permit = (nonce: number, change: object = {}, on: object = {}) =>
  typedOf(
    PERMIT,
    {
      owner: account,
      spender: attacker.address.toLowerCase(),
      value: '70',
      nonce: String(nonce),
      deadline: String(MAX),
      ...change,
    },
    domain(on),
  );
const give = (nonce: number | bigint, change: object = {}, on: object = {}, type = TRANSFER) =>
  typedOf(
    type,
    {
      from: account,
      to: attacker.address.toLowerCase(),
      value: '50',
      validBefore: soon(),
      nonce: nonceOf(nonce),
      ...change,
    },
    domain(on),
  );
const take = (nonce: number, change: object = {}) => give(nonce, { value: '40', ...change }, {}, RECEIVE);
const batch = (amounts: readonly bigint[], change: object = {}) =>
  typedOf(
    BATCH,
    { permitted: amounts.map((amount) => ({ token: OTHER, amount: String(amount) })), ...change },
    domain({ verifyingContract: PERMIT2 }),
  );

before(async () => {
  const identity = await generateIdentity();
  key = async () => ({ identities: [identity] });
  const store = openStore(join(root, 'store'), key);
  const dir = join(root, 'lit');
  runtime = await LocalRuntime.open({ dir, spare: 2 });
  second = await LocalRuntime.open({ dir });
  chain = await startChain();
  token = chain.at.Token.toLowerCase() as Hex;
  policy = policyFor(token);
  const action = { ...(await buildCosigner(policy)), runtime };
  const made = await createWallet({ store, action, threshold: 2, parties: 2 });
  account = made.wallet.address as Hex;
  cpSync(join(root, 'store'), join(root, 'copy'), { recursive: true });
  wallet = await openWallet(store, { runtime });
  await fund(chain, account, parseEther('10'));
  const { client, done } = walletClient(chain, developer);
  const { abi } = chain.contracts.Token;
  await done(client.writeContract({ address: token, abi, functionName: 'transfer', args: [account, TOKENS] }));
});
after(() => {
  GuestProcess.prototype.run = run;
  chain?.close();
  runtime?.close();
  second?.close();
  rmSync(root, { recursive: true, force: true });
});

/** What the budget says of the chain's coin, and of the token. */
function budgets(): [AssetBudget, AssetBudget] {
  const budget = budgetOf(policy);
  assert.ok('assets' in budget);
  const of = (address: Hex | undefined) =>
    budget.assets.find(({ asset }) => asset.token === address) ?? assert.fail(`no sum for ${address}`);
  return [of(undefined), of(token)];
}

/** Brings all that was signed to the chain, the dearest of each nonce first, and takes what it allows to be taken. */
async function settle(): Promise<void> {
  const { client, reader, done } = walletClient(chain, attacker);
  const { abi } = chain.contracts.Token;
  const call = { address: token, abi } as const;
  const tried = (sending: () => Promise<Hex>) => done(sending()).catch(() => undefined);
  const drain = async () => {
    const args = [account, attacker.address] as const;
    const allowance = await reader.readContract({ ...call, functionName: 'allowance', args });
    const amounts = [account, attacker.address, allowance];
    if (allowance !== 0n)
      await tried(() => client.writeContract({ ...call, functionName: 'transferFrom', args: amounts }));
  };
  const order = signedTransactions.toSorted((a, b) => a.nonce - b.nonce || Number(b.value - a.value));
  for (const serializedTransaction of [...order, ...order].map(({ raw }) => raw)) {
    const sent = await tried(() => reader.sendRawTransaction({ serializedTransaction }));
    if (sent !== undefined) await drain();
  }
  const typed = signedTyped.flatMap(({ intent, signature }) => {
    if (intent.kind !== 'typedData') return [];
    const { primaryType, message } = intent.typedData;
    const { nonce, value = 0n } = message as { nonce: bigint | Hex; value?: bigint };
    return [{ primaryType, message, signature, nonce: BigInt(nonce), value }];
  });
  const inOrder = typed.toSorted((a, b) => Number(a.nonce - b.nonce) || Number(b.value - a.value));
  for (const { primaryType, message, signature } of [...inOrder, ...inOrder]) {
    const { r, s, v } = parseSignature(signature);
    const given = Object.values(message);
    if (primaryType === 'Permit') {
      const [owner, spender, value, , deadline] = given;
      await tried(() =>
        client.writeContract({ ...call, functionName: 'permit', args: [owner, spender, value, deadline, v, r, s] }),
      );
      await drain();
    } else if (primaryType.endsWith('WithAuthorization')) {
      const functionName = primaryType.replace(/^./, (first) => first.toLowerCase());
      await tried(() => client.writeContract({ ...call, functionName, args: [...given, v, r, s] }));
    }
  }
}

async function movedSoFar(): Promise<{ coin: bigint; tokens: bigint }> {
  const { reader } = walletClient(chain, attacker);
  const call = { address: token, abi: chain.contracts.Token.abi, functionName: 'balanceOf', args: [account] };
  const left = (await reader.readContract(call)) as bigint;
  return { coin: parseEther('10') - (await reader.getBalance({ address: account })), tokens: TOKENS - left };
}

describe('attacks on a budget', () => {
  test('attack: many requests at the same time, the highest nonce first', async () => {
    const outcomes = await Promise.all([6, 5, 4, 3, 2, 1, 0].map((nonce) => attempt(send(nonce))));
    assert.deepEqual(outcomes, [false, true, true, true, true, true, true]);
  });

  attack('nonces of other days', () => ({
    refused: [6, 7, 13, 14, 1000, Number.MAX_SAFE_INTEGER].map((nonce) => send(nonce)),
  }));

  attack('one nonce for many payments', () => ({
    signed: [
      send(0, { to: OTHER }),
      send(0, { maxPriorityFeePerGas: 1n }),
      send(0, { maxFeePerGas: PRICE - 1n, maxPriorityFeePerGas: 0n }),
      send(0, old('legacy')),
      send(0, old('eip2930')),
      send(0), // once more
      onToken(0, data('transfer', attacker.address, 100n)),
      onToken(0, data('approve', attacker.address, 100n)),
    ],
  }));

  attack('other transactions at an allowed nonce', () => ({
    refused: [
      send(1, { chainId: 1 }),
      send(1, { ...old('legacy'), chainId: 8453 }),
      send(1, { to: null, data: '0x6001' }),
      send(1, { to: null, data: '0x', value: 0n }),
      send(1, { type: 'eip4844', maxFeePerBlobGas: 1n, blobVersionedHashes: blobs(1) }),
      send(1, { type: 'eip7702', authorizationList: [signedAuthorization] }),
      send(1, { accessList: [{ address: token, storageKeys: [] }] }),
    ],
  }));

  attack('more than a nonce may cost', () => ({
    refused: [
      send(1, { value: ETHER + 1n }),
      send(1, { value: MAX }),
      send(1, { maxFeePerGas: PRICE + 1n }),
      send(1, { gas: GAS + 1n }),
      send(1, { gas: 2n ** 64n - 1n, maxFeePerGas: MAX, maxPriorityFeePerGas: 0n }), // overflows in 256 bits
      send(1, { ...old('legacy'), gasPrice: PRICE + 1n }),
      onToken(1, data('transfer', attacker.address, 1n), { value: 1n }),
    ],
  }));

  attack('calls that move more, or what is not counted', () => ({
    refused: [
      onToken(1, data('transfer', attacker.address, 101n)),
      onToken(1, data('approve', attacker.address, MAX)),
      onToken(1, data('approve', attacker.address, 2n ** 160n - 1n)),
      onToken(1, data('approve', attacker.address, 2n ** 96n - 1n)),
      onToken(1, data('increaseAllowance', attacker.address, 1n)),
      onToken(1, data('transferFrom', account, attacker.address, 1n)),
      onToken(1, data('setApprovalForAll', attacker.address, true)),
      onToken(1, data('multicall', [data('transfer', attacker.address, 100n)])),
      onToken(1, `${data('transfer', attacker.address, 100n)}00`),
      onToken(1, `0xa9059cbb${'f'.repeat(24)}${attacker.address.slice(2).toLowerCase()}${'0'.repeat(62)}64`),
      send(1, { to: OTHER, value: 0n, data: data('transfer', attacker.address, 1n) }),
      send(1, { to: account, data: data('transfer', attacker.address, 1n) }),
    ],
  }));

  attack('delegates, whose authorizations use nonces too', () => ({
    refused: [0, CHAIN].flatMap((chainId) =>
      [0, 1, 6].map((nonce) => authorizationIntent({ chainId, address: chain.at.Batch, nonce })),
    ),
  }));

  attack('permits', () => ({
    signed: [permit(1), permit(0), permit(0, { spender: OTHER }), permit(1, { value: '1' })],
    refused: [
      permit(2),
      permit(1, { value: '71' }),
      permit(0, { value: String(MAX) }),
      permit(0, {}, { chainId: '1' }),
      permit(0, {}, { chainId: undefined }),
      permit(0, {}, { verifyingContract: OTHER }),
      permit(0, {}, { name: 'Token2' }),
      typedOf(PERMIT.replace('uint256 value', 'uint248 value'), {}, domain()),
      typedOf('Permit(address holder,address spender,uint256 nonce,uint256 expiry,bool allowed)', {}, domain()),
      typedOf(`${PERMIT}`.replace('Permit', 'PermitForAll'), {}, domain()),
    ],
  }));

  attack('authorizations, whose numbers come in any order', () => ({
    signed: [give(2), give(0), give(1), take(0), take(1), give(0, { to: OTHER })],
    refused: [
      give(3),
      give(8),
      give(9),
      give(MAX),
      give(2n ** 255n),
      take(3),
      give(0, { nonce: `0x${'01'.padEnd(64, '0')}` }),
      give(0, { nonce: keccak256('0x01') }),
      give(0, { value: '51' }),
      take(0, { value: '41' }),
      give(0, { validBefore: String(Math.floor(Date.now() / 1000) + 700) }),
      give(0, { validBefore: String(MAX) }),
      give(0, {}, { chainId: '1' }),
      give(0, {}, { verifyingContract: OTHER }),
      typedOf('CancelAuthorization(address authorizer,bytes32 nonce)', { authorizer: account }, domain()),
    ],
  }));

  attack('lists whose sum is too much', () => ({
    signed: [batch([50n, 50n]), batch([])],
    refused: [
      batch([50n, 51n]),
      batch([MAX, 1n]),
      batch([2n ** 255n, 2n ** 255n, 1n]),
      batch(Array.from({ length: 101 }, () => 1n)),
      batch([1n], { nonce: '1' }),
      batch([1n], { permitted: [{ token, amount: '1' }] }),
    ],
  }));

  attack('typed data of other kinds', () => ({
    refused: [
      typedOf(
        'Transaction(uint256 txType,uint256 from,uint256 to,uint256 value,uint256 nonce)',
        {},
        { name: 'zkSync', version: '2', chainId: String(CHAIN) },
      ),
      typedOf('OrderComponents(address offerer,uint256 amount,uint256 counter)', {}, domain()),
      typedOf('SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 nonce)', {}, domain()),
      typedOf(
        'Release(address to,uint256 amount,uint256 nonce)',
        { to: attacker.address },
        domain({ name: 'Vault', verifyingContract: chain.at.Vault }),
      ),
    ],
  }));

  attack('hashes and messages', () => ({
    signed: [messageIntent('example.com wants you to sign in with your Ethereum account:\n0x…')],
    refused: [
      digestIntent(digestOf(send(6))),
      digestIntent(keccak256('0x01')),
      messageIntent({ raw: digestOf(send(6)) }),
      messageIntent({ raw: digestOf(permit(2)) }),
      messageIntent('example.com wants you to sign in'), // 32 bytes
      messageIntent('example.com wants y'),
      messageIntent('Transfer 1.0 ETH'),
      messageIntent(''),
    ],
  }));

  attack('a host whose clock is behind', () => ({ refused: [send(0), send(6), permit(0), give(0)] }), BEGIN - 1);
  attack('a host whose clock is at the beginning of time', () => ({ refused: [send(0), permit(0), give(0)] }), 0);
  attack('a host whose clock is before it', () => ({ refused: [send(0), send(6)] }), -1_000_000_000);
  attack(
    'a host without a clock',
    () => ({ refused: [send(0), permit(0), give(0)] }),
    () => Number.NaN,
  );
  attack(
    'a host whose clock does not end',
    () => ({ refused: [send(0), send(6), permit(2)] }),
    () => Number.POSITIVE_INFINITY,
  );
  attack(
    'a host whose clock is a text',
    () => ({ refused: [send(6)] }),
    () => '9000000000000x',
  );
  attack(
    'a host whose clock is of the last second of the day',
    () => ({ refused: [send(6), permit(2)] }),
    BEGIN + DAY - 1,
  );

  test('attack: a store that is rolled back', async () => {
    const copy = openStore(join(root, 'copy'), key);
    const before = await openWallet(copy, { runtime, correlation: 'memory' });
    assert.equal(before.info.address, account);
    assert.equal(await attempt(send(0, { to: OTHER, value: 1n }), before), true);
    for (const intent of [send(6), permit(2), give(3)]) assert.equal(await attempt(intent, before), false);
  });

  test('attack: two hosts at once', async () => {
    const there = await openWallet(openStore(join(root, 'store'), key), { runtime: second });
    const asked = [wallet, there].flatMap((from) =>
      [send(5, { to: OTHER }), send(6), give(3)].map((intent) => attempt(intent, from)),
    );
    assert.deepEqual(await Promise.all(asked), [true, false, false, true, false, false]);
  });

  test('attack: many in one call, one of them too many', async () => {
    attempts += 1;
    await assert.rejects(wallet.signMany([send(1), send(2), send(6)]), PolicyError);
  });

  test('what was signed moves no more than explain says for the time of the host', async () => {
    const now = BigInt(Math.floor(Date.now() / 1000));
    await settle();
    const moved = await movedSoFar();
    const [coin, tokens] = budgets();
    assert.ok(moved.coin <= sumBy(coin, now), `${moved.coin} > ${sumBy(coin, now)}`);
    assert.ok(moved.tokens <= sumBy(tokens, now), `${moved.tokens} > ${sumBy(tokens, now)}`);
    // All of it had its try: each nonce paid, both permits and all three authorizations were taken.
    assert.ok(moved.coin >= 6n * ETHER, `${moved.coin}`);
    assert.equal(moved.tokens, 2n * 70n + 3n * 50n);
  });

  attack(
    'a clock that is a day ahead',
    () => ({
      signed: [6, 7, 8, 9, 10, 11].map((nonce) =>
        onToken(nonce, data('approve', attacker.address, BigInt(94 + nonce - 5))),
      ),
      refused: [send(12), permit(4), give(3)],
    }),
    BEGIN + DAY,
  );
  attack(
    'a clock that is far ahead',
    () => ({ signed: [send(12), send(13), permit(2), permit(3), permit(4)], refused: [send(14), permit(5), give(8)] }),
    BEGIN + 10_000 * DAY,
  );
  attack(
    'a clock of the next hour',
    () => ({ signed: [3, 4, 5].map((nonce) => give(nonce)), refused: [give(2), give(6)] }),
    BEGIN + HOUR,
  );
  attack(
    'a clock of the hour after it',
    () => ({ signed: [6, 7, 8].map((nonce) => give(nonce)), refused: [give(5), give(9)] }),
    BEGIN + 2 * HOUR,
  );
  attack(
    'a clock at the end of what numbers hold',
    () => ({ refused: [send(14), send(Number.MAX_SAFE_INTEGER), permit(5), give(9)] }),
    9_007_199_254_740,
  );

  test('with clocks far ahead, what was signed moves no more than the total', async () => {
    await settle();
    const moved = await movedSoFar();
    const [coin, tokens] = budgets();
    assert.ok(moved.coin <= sumOfAll(coin), `${moved.coin} > ${sumOfAll(coin)}`);
    assert.ok(moved.tokens <= sumOfAll(tokens), `${moved.tokens} > ${sumOfAll(tokens)}`);
    assert.ok(moved.coin >= 8n * ETHER, `${moved.coin}`);
    assert.equal(moved.tokens, 95n + 96n + 97n + 98n + 99n + 100n + 5n * 70n + 9n * 50n);
    assert.ok(attempts >= 60, `${attempts}`);
  });
});
