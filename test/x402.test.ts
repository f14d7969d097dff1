// Payments by x402 on a budget: an agent of ours, a seller by @x402/express, a facilitator by @x402's own packages, a token with
// authorizations (ERC-3009) on a chain of its own.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { PaymentRequired, PaymentRequirements } from '@x402/core/types';
import { generateIdentity } from 'age-encryption';
import axios from 'axios';
import { type Address, getAddress, type Hex } from 'viem';
import { mnemonicToAccount } from 'viem/accounts';
import { type Chain, startChain, walletClient } from '../scripts/chain.ts';
import { buildCosigner } from '../ts/build.ts';
import {
  createWallet,
  makePolicy,
  openWallet,
  type Policy,
  parsePolicy,
  policyHash,
  policyJson,
  UsageError,
} from '../ts/index.ts';
import { LocalRuntime } from '../ts/local.ts';
import { type FileStore, openStore } from '../ts/node.ts';
import { CountedExactScheme, payingClient, payingFetch, storedNonces } from '../ts/x402.ts';
import { NETWORK, OTHER_SELLER, SELLER, type Seller, startSeller } from './support/seller.ts';

const words = 'test test test test test test test test test test test junk';
const developer = mnemonicToAccount(words);
const settler = mnemonicToAccount(words, { addressIndex: 2 });
/** How many payments the budget has. */
const COUNT = 10;

const root = mkdtempSync(join(tmpdir(), 'tandem-x402-'));
let chain: Chain;
let runtime: LocalRuntime;
let seller: Seller;
let policy: Policy;
let account: Address;
let key: () => Promise<{ identities: string[] }>;
const copies: FileStore[] = [];

before(async () => {
  const identity = await generateIdentity();
  key = async () => ({ identities: [identity] });
  runtime = await LocalRuntime.open({ dir: join(root, 'lit'), spare: 1 });
  chain = await startChain();
  const given = { token: chain.at.Token, chain: '31337', 'per-day': `${5 * COUNT}`, 'per-payment': '5', days: '1' };
  policy = makePolicy('x402', { ...given, 'token-name': 'Token', 'token-version': '1' }, Math.floor(Date.now() / 1000));
  const store = openStore(join(root, 'store'), key);
  const { wallet } = await createWallet({
    store,
    action: { ...(await buildCosigner(policy)), runtime },
    threshold: 2,
    parties: 2,
  });
  account = wallet.address as Address;
  const { client, done } = walletClient(chain, developer);
  await done(client.writeContract({ ...token(), functionName: 'transfer', args: [account, 1000n] }));
  seller = await startSeller(chain);
});
after(() => {
  seller?.close();
  chain?.close();
  runtime?.close();
  rmSync(root, { recursive: true, force: true });
});

const token = () => ({ address: chain.at.Token, abi: chain.contracts.Token.abi }) as const;

/** An agent with a store of its own, which is a copy of the wallet's as it was in the beginning. */
async function agent(): Promise<{ fetch: typeof fetch; store: FileStore }> {
  const dir = join(root, `store-${copies.length}`);
  cpSync(join(root, 'store'), dir, { recursive: true });
  const store = openStore(dir, key);
  copies.push(store);
  const wallet = await openWallet(store, { runtime, correlation: 'memory' });
  const options = { wallet, policy, rpc: { 31337: chain.url }, nonces: storedNonces(store, wallet.info.address) };
  return { fetch: payingFetch(options), store };
}

async function balanceOf(address: Address): Promise<bigint> {
  const { reader } = walletClient(chain, settler);
  return (await reader.readContract({ ...token(), functionName: 'balanceOf', args: [address] })) as bigint;
}

describe('x402 on a budget', () => {
  test('payments within the budget settle, one after the other, with the next nonce each', async () => {
    const { fetch, store } = await agent();
    for (const path of ['cheap', 'other', 'cheap']) {
      const response = await fetch(`${seller.url}/${path}`);
      assert.deepEqual([response.status, await response.json()], [200, { goods: true }]);
    }
    assert.deepEqual([await balanceOf(SELLER), await balanceOf(OTHER_SELLER)], [10n, 4n]);
    const { data } = await axios.create({ adapter: 'fetch', env: { fetch } }).get(`${seller.url}/other`);
    assert.deepEqual(data, { goods: true });
    assert.deepEqual(new Set(seller.brought.map(({ nonce }) => BigInt(nonce))), new Set([0n, 1n, 2n, 3n]));
    const kept = await storedNonces(store, account).read(`31337/${chain.at.Token.toLowerCase()}`);
    assert.ok(kept !== undefined && kept <= 4n, `${kept}`);
  });

  test('what is above the budget is refused by the action, and what no rule is for is not asked for', async () => {
    const { fetch } = await agent();
    await assert.rejects(fetch(`${seller.url}/dear`), /the rule x402: value is above 5/);
    await assert.rejects(fetch(`${seller.url}/strange`), /payment requirements/);
    const wallet = await openWallet(copies[0] ?? assert.fail(), { runtime });
    const other = makePolicy('sign-in', { domain: 'example.com' }, 0);
    const rpc = { 31337: chain.url };
    assert.throws(() => payingFetch({ wallet, policy: other, rpc }), UsageError);
    assert.throws(() => payingFetch({ wallet, policy, rpc: { 1: chain.url } }), UsageError);
  });

  test('what a seller writes is not taken for granted', async () => {
    const wallet = await openWallet(copies[0] ?? assert.fail(), { runtime });
    const scheme = new CountedExactScheme({ wallet, policy, rpc: { 31337: chain.url } });
    const wanted = {
      scheme: 'exact',
      network: NETWORK,
      asset: chain.at.Token,
      amount: '5',
      payTo: SELLER,
      maxTimeoutSeconds: 60,
      extra: { name: 'Token', version: '1' },
    };
    assert.ok(scheme.canPay(wanted));
    const wrong: object[] = [
      { scheme: 'upto' },
      { network: 'eip155:1' },
      { network: 'solana:31337' },
      { network: 'eip155:0x7a69' },
      { asset: OTHER_SELLER },
      { asset: '0x' },
      { amount: '-5' },
      { amount: '5.0' },
      { amount: '0x5' },
      { amount: 5 },
      { payTo: 'seller.eth' },
      { maxTimeoutSeconds: 0 },
      { maxTimeoutSeconds: -1 },
      { maxTimeoutSeconds: 1e99 },
      { maxTimeoutSeconds: '60' },
      { extra: {} },
      { extra: { name: 'Token', version: '1', assetTransferMethod: 'permit2' } },
      { extra: { name: 'x'.repeat(1000), version: '1' } },
    ];
    for (const change of wrong) {
      const asked = { ...wanted, ...change } as typeof wanted;
      assert.equal(scheme.canPay(asked), false, JSON.stringify(change));
      await assert.rejects(scheme.createPaymentPayload(2, asked), UsageError);
    }
    // The domain is the policy's: another name is refused by the action, and the next payment does not wait for it.
    const named = { ...wanted, extra: { name: 'Other', version: '1' } };
    await assert.rejects(scheme.createPaymentPayload(2, named), /the domain is not allowed/);
    await assert.rejects(scheme.createPaymentPayload(2, { ...wanted, amount: '6' }), /value is above 5/);
  });

  test("above the caller's maximum, and in a token without one, the action is not asked", async () => {
    const wallet = await openWallet(copies[0] ?? assert.fail(), { runtime });
    const options = { wallet, policy, rpc: { 31337: chain.url } };
    const asked = { ...options, wallet: { ...wallet, signTypedData: () => assert.fail('it was asked') } };
    const offer = (amount: string) => ({
      ...{ scheme: 'exact', network: NETWORK, asset: chain.at.Token, amount, payTo: SELLER },
      ...{ maxTimeoutSeconds: 60, extra: { name: 'Token', version: '1' } },
    });
    const asset = `${NETWORK}/${chain.at.Token}`;
    const maxAmountPerPayment = { [asset]: 4n };
    const seen = seller.brought.length;
    const tooMuch = new RegExp(`The seller wants 5 of ${chain.at.Token}; the maximum for one payment is 4\\.`);
    await assert.rejects(payingFetch({ ...asked, maxAmountPerPayment })(`${seller.url}/cheap`), tooMuch);
    assert.equal(seller.brought.length, seen);
    const scheme = new CountedExactScheme({ ...asked, maxAmountPerPayment: { [asset.toLowerCase()]: 4n } });
    await assert.rejects(scheme.createPaymentPayload(2, offer('5')), UsageError);

    // Of several offers one that is within the maximum is taken; what is at the maximum is within it.
    const client = payingClient({ ...options, maxAmountPerPayment });
    const accepts = [offer('6'), offer('4'), offer('5')] as PaymentRequirements[];
    const required = { x402Version: 2, accepts, resource: { url: seller.url } } as PaymentRequired;
    assert.equal((await client.createPaymentPayload(required)).accepted.amount, '4');

    for (const [maxima, error] of [
      [{}, /filtered out/],
      [
        { [`${NETWORK}/${OTHER_SELLER}`]: 4n },
        /There is a maximum for \S+0x5e11e\w+, but the policy has no payments in/,
      ],
      [{ [`eip155:1/${chain.at.Token}`]: 4n }, /There is a maximum for eip155:1\/\w+, but/],
      [{ [chain.at.Token]: 4n }, /has no token\.\s+Next: write eip155:/],
      [{ [asset]: 4n, [`${NETWORK}/${getAddress(chain.at.Token)}`]: 9n }, /There are two maxima/],
      [{ [asset]: -1n }, /not a bigint/],
      [{ [asset]: '4' as unknown as bigint }, /not a bigint/],
    ] as const) {
      const paying = async () => payingFetch({ ...asked, maxAmountPerPayment: maxima })(`${seller.url}/other`);
      await assert.rejects(paying, error);
    }
  });

  test('a nonce that is kept counts only if the chain shows the one before it as used', async () => {
    const wallet = await openWallet(copies[0] ?? assert.fail(), { runtime });
    const wanted = {
      ...{ scheme: 'exact', network: NETWORK, asset: chain.at.Token, amount: '5', payTo: SELLER },
      ...{ maxTimeoutSeconds: 60, extra: { name: 'Token', version: '1' } },
    };
    // Four are used. What a node once said falsely is kept as 9; 2 is of an older store.
    for (const kept of [9n, 5n, 4n, 2n, 0n]) {
      const nonces = { read: async () => kept, write: async () => {} };
      const scheme = new CountedExactScheme({ wallet, policy, rpc: { 31337: chain.url }, nonces });
      const { payload } = await scheme.createPaymentPayload(2, wanted);
      assert.equal(BigInt((payload.authorization as { nonce: Hex }).nonce), 4n, `${kept}`);
    }
  });

  test('a nonce that expires is followed by the next only when the chain takes no payment with it any more', async () => {
    const real = await openWallet(copies[0] ?? assert.fail(), { runtime });
    const { client, reader, done } = walletClient(chain, developer);
    const mine = () => done(client.sendTransaction({ to: SELLER }));
    await mine();
    const now = Math.floor(Date.now() / 1000);
    const made = JSON.parse(policyJson(policy));
    const [{ fields }] = made.rules;
    // A window of its own for nonces that nothing else here uses, which ends in three seconds.
    fields.nonce.pace = { first: '1000', count: '2', every: '20', keep: '20', from: String(now - 17), total: '8' };
    const ours = parsePolicy(made);
    const action = real.info.action ?? assert.fail();
    const wallet = {
      ...real,
      info: { ...real.info, action: { ...action, policy: policyHash(ours) } },
      signTypedData: async () => ({ signature: `0x${'11'.repeat(65)}` }) as never,
    };
    const wanted = {
      ...{ scheme: 'exact', network: NETWORK, asset: chain.at.Token, amount: '5', payTo: SELLER },
      ...{ maxTimeoutSeconds: 60, extra: { name: 'Token', version: '1' } },
    };
    const pay = async () => {
      const scheme = new CountedExactScheme({ wallet, policy: ours, rpc: { 31337: chain.url } });
      const { payload } = await scheme.createPaymentPayload(2, wanted);
      const { nonce, validBefore } = payload.authorization as { nonce: Hex; validBefore: string };
      return [Number(nonce), Number(validBefore) - now];
    };
    assert.deepEqual(await pay(), [1000, 3]);
    while (Date.now() < 1000 * (now + 3)) await new Promise((resolve) => setTimeout(resolve, 50));
    const { timestamp } = await reader.getBlock();
    assert.ok(timestamp < BigInt(now + 3));
    await assert.rejects(pay(), /An earlier payment may still be taken: the last block is of .*\nNext: pay again/);
    await mine();
    assert.deepEqual(await pay(), [1002, 23]);
  });

  test('a seller that wants a longer time gets as long as the policy allows', async () => {
    const { fetch } = await agent();
    assert.equal((await fetch(`${seller.url}/slow`)).status, 200); // 600 seconds in place of 3600
  });

  test('two agents at once: each payment is taken once, and the one that lost its nonce takes the next', async () => {
    const before = await balanceOf(SELLER);
    const [first, second] = [await agent(), await agent()]; // both stores are as they were in the beginning
    const seen = seller.brought.length;
    const responses = await Promise.all([first, second].map(({ fetch }) => fetch(`${seller.url}/cheap`)));
    assert.deepEqual(
      responses.map(({ status }) => status),
      [200, 200],
    );
    assert.equal(await balanceOf(SELLER), before + 10n);
    assert.deepEqual(new Set(seller.brought.slice(seen).map(({ nonce }) => BigInt(nonce))), new Set([5n, 6n]));
  });

  test('a facilitator that reports a false collision collects nothing twice', async () => {
    const { fetch } = await agent();
    const before = await balanceOf(SELLER);
    const seen = seller.brought.length;
    const later: (() => Promise<unknown>)[] = [];
    seller.lie = async (settle) => void later.push(settle); // later, when the agent has paid again
    assert.equal((await fetch(`${seller.url}/cheap`)).status, 402);
    assert.equal((await fetch(`${seller.url}/cheap`)).status, 402);
    assert.deepEqual(new Set(seller.brought.slice(seen).map(({ nonce }) => BigInt(nonce))), new Set([7n]));
    for (const settle of later) await settle().catch(() => {});
    assert.equal(await balanceOf(SELLER), before + 5n);

    seller.lie = async (settle) => void (await settle()); // it settles, and says that it did not
    const calls = seller.brought.length;
    assert.equal((await fetch(`${seller.url}/cheap`)).status, 402);
    assert.equal(await balanceOf(SELLER), before + 10n);
    assert.equal(new Set(seller.brought.slice(calls).map(({ signature }) => signature)).size, 1);
    seller.lie = undefined;
  });

  test('the budget ends, also for a store that is rolled back', async () => {
    const { fetch } = await agent();
    assert.equal((await fetch(`${seller.url}/cheap`)).status, 200); // the last
    const total = 1000n - (await balanceOf(account));
    assert.ok(total <= BigInt(5 * COUNT), `${total}`);
    await assert.rejects(fetch(`${seller.url}/cheap`), /nonce 10 is not one of the 10 from 0 on, and never allowed/);
    const again = await agent();
    await assert.rejects(again.fetch(`${seller.url}/cheap`), /nonce 10 is not one of the 10/);
    assert.equal(1000n - (await balanceOf(account)), total);
  });
});
