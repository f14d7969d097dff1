import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { generateIdentity } from 'age-encryption';
import { type AbstractSigner, id, JsonRpcProvider, VoidSigner } from 'ethers';
import { BaseError, parseEther } from 'viem';
import { type Chain, PAYEE, rulesOf, startChain, stepsOf, walletClient } from '../scripts/chain.ts';
import { TandemSigner } from '../ts/adapters/ethers.ts';
import { type TandemAccount, toViemAccount } from '../ts/adapters/viem.ts';
import { buildCosigner } from '../ts/build/cosigner.ts';
import { createWallet } from '../ts/deal/keygen.ts';
import { PolicyError } from '../ts/errors.ts';
import { parsePolicy } from '../ts/policy/policy.ts';
import { LocalRuntime } from '../ts/runtime/local/runtime.ts';
import { openWallet, type Wallet } from '../ts/signing/wallet.ts';
import { openStore } from '../ts/store/node.ts';

// A chain of its own, contracts of ours, and a wallet under strict rules whose every signature the action takes part in.

const root = mkdtempSync(join(tmpdir(), 'tandem-chain-'));

let chain: Chain;
let runtime: LocalRuntime;
let wallet: Wallet;
let account: TandemAccount;

before(async () => {
  const identity = await generateIdentity();
  const store = openStore(join(root, 'store'), async () => ({ identities: [identity] }));
  runtime = await LocalRuntime.open({ dir: join(root, 'lit'), spare: 1 });
  chain = await startChain();
  const action = { ...(await buildCosigner(parsePolicy(rulesOf(chain)))), runtime };
  await createWallet({ store, action, threshold: 2, parties: 2 });
  wallet = await openWallet(store, { runtime });
  account = toViemAccount(wallet);
});
after(() => {
  chain?.close();
  runtime?.close();
  rmSync(root, { recursive: true, force: true });
});

describe('with viem', () => {
  test('every kind of transaction, a creation, a release and a permit are signed and sent with viem', async (t) => {
    for (const { name, run } of stepsOf(chain, account)) await t.test(name, async () => void (await run()));
  });

  test('with viem, what the rules do not allow is not signed, and the nonce is free', async () => {
    const { client, reader } = walletClient(chain, account);
    const nonce = await reader.getTransactionCount(account);
    const refused = (error: unknown) =>
      error instanceof PolicyError ||
      (error instanceof BaseError && error.walk((e) => e instanceof PolicyError) !== null);
    for (const attempt of [
      () => client.sendTransaction({ to: chain.at.Batch, value: 1n }),
      () => client.sendTransaction({ to: PAYEE, value: parseEther('1.1') }),
      () => client.deployContract(chain.contracts.Batch),
      () => client.signAuthorization({ contractAddress: chain.at.Vault }),
      () => client.signMessage({ message: 'x' }),
    ])
      await assert.rejects(attempt, refused);
    assert.equal(await reader.getTransactionCount(account), nonce);
  });
});

describe('with ethers', () => {
  test('with ethers, transactions are filled in, signed and sent', async () => {
    const provider = new JsonRpcProvider(chain.url, undefined, { cacheTimeout: -1, pollingInterval: 50 });
    try {
      const signer = new TandemSigner(wallet).connect(provider);
      const bystander = new VoidSigner(account.address, provider);
      const call = { to: chain.at.Token, data: id('name()').slice(0, 10) };
      const payment = { to: PAYEE, value: 1n };
      const methods: ((of: AbstractSigner) => Promise<unknown>)[] = [
        (of) => of.getNonce(),
        (of) => of.populateCall(payment),
        (of) => of.populateAuthorization({ address: chain.at.Batch }),
        (of) => of.estimateGas(payment),
        (of) => of.call(call),
        (of) => of.resolveName('ann.eth').catch((error: Error) => error.message),
      ];
      for (const method of methods) assert.deepEqual(await method(signer), await method(bystander));
      for (const type of [0, 1, 2]) {
        const request = { type, to: PAYEE, value: parseEther('0.1'), ...(type === 1 && { accessList: [] }) };
        assert.deepEqual(await signer.populateTransaction(request), await bystander.populateTransaction(request));
        const before = await provider.getBalance(PAYEE);
        const response = await signer.sendTransaction(request);
        const receipt = await response.wait();
        assert.deepEqual([receipt?.status, response.type, response.from], [1, type, account.address]);
        assert.equal(await provider.getBalance(PAYEE), before + parseEther('0.1'));
      }
      await assert.rejects(signer.sendTransaction({ to: chain.at.Batch, value: 1n }), PolicyError);
      const { nonce, chainId } = await signer.authorize({ address: chain.at.Batch });
      assert.deepEqual([nonce, chainId], [BigInt(await signer.getNonce()), 31337n]);
    } finally {
      provider.destroy();
    }
  });
});
