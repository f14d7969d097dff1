// AgentKit's own viem wallet provider with our account in it, on a chain of its own.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { generateIdentity } from 'age-encryption';
import type { Address, Hash, Hex, LocalAccount, PublicClient, TypedDataDefinition, WalletClient } from 'viem';
import { parseEther, verifyMessage, verifyTypedData } from 'viem';
import { foundry } from 'viem/chains';
import { fund, PAYEE, startAnvil, walletClient } from '../scripts/chain.ts';
import { buildCosigner } from '../ts/build.ts';
import { createWallet, openWallet, PolicyError, parsePolicy } from '../ts/index.ts';
import { LocalRuntime } from '../ts/local.ts';
import { openStore } from '../ts/node.ts';
import { type TandemAccount, toViemAccount } from '../ts/viem.ts';

// AgentKit brings 900 packages, 1.3 GB. Its viem wallet provider uses two of them, viem (a version of its own) and md5: these are
// installed here, pinned by the lock file beside. The others are replaced by an empty one, so its entry point does not load, and the
// provider's own module is loaded by its path.
const agentkit = join(import.meta.dirname, '../toolchain/agentkit');

/** What is used here of AgentKit's ViemWalletProvider, as its types have it. */
interface Provider {
  getAddress(): string;
  getName(): string;
  getNetwork(): { readonly protocolFamily: string; readonly chainId?: string };
  getBalance(): Promise<bigint>;
  getPublicClient(): PublicClient;
  sign(hash: Hex): Promise<Hex>;
  signMessage(message: string | Uint8Array): Promise<Hex>;
  signTypedData(typedData: unknown): Promise<Hex>;
  sendTransaction(transaction: { to: Address; value?: bigint; data?: Hex }): Promise<Hash>;
  nativeTransfer(to: string, value: string): Promise<Hash>;
  toSigner(): LocalAccount;
}
type ProviderClass = new (client: WalletClient, gas: { rpcUrl: string; gasLimitMultiplier?: number }) => Provider;

const MAIL = {
  domain: { name: 'Mail', version: '1', chainId: foundry.id },
  types: { Mail: [{ name: 'text', type: 'string' }] },
  primaryType: 'Mail',
  message: { text: 'hello' },
} as const satisfies TypedDataDefinition;

const root = mkdtempSync(join(tmpdir(), 'tandem-agentkit-'));
const { fetch } = globalThis;
const told: string[] = [];
let chain: Awaited<ReturnType<typeof startAnvil>>;
let runtime: LocalRuntime;
let account: TandemAccount;
let provider: Provider;

before(async () => {
  install();
  // When it is made, the provider tells a server of AgentKit's about it, and an answer that does not come ends the process.
  globalThis.fetch = async (input, init) => {
    const { hostname } = new URL(input instanceof Request ? input.url : input);
    if (hostname === '127.0.0.1') return fetch(input, init);
    told.push(`${hostname} ${init?.body}`);
    return new Response();
  };
  chain = await startAnvil();
  runtime = await LocalRuntime.open({ dir: join(root, 'lit'), spare: 1 });
  const policy = parsePolicy({
    version: 1,
    rules: [
      {
        name: 'pay',
        kind: 'transaction',
        chains: [String(foundry.id)],
        to: [PAYEE],
        maxValue: String(parseEther('0.1')),
        maxFee: String(parseEther('0.001')),
      },
      { name: 'say', kind: 'message', prefixes: ['agent: '] },
      {
        name: 'mail',
        kind: 'typedData',
        domains: [{ name: 'Mail', version: '1', chainId: String(foundry.id) }],
        types: ['Mail'],
      },
    ],
  });
  const identity = await generateIdentity();
  const store = openStore(join(root, 'store'), async () => ({ identities: [identity] }));
  await createWallet({ store, action: { ...(await buildCosigner(policy)), runtime }, threshold: 2, parties: 2 });
  account = toViemAccount(await openWallet(store, { runtime }));
  await fund(chain, account.address, parseEther('1'));

  const require = createRequire(join(agentkit, 'package.json'));
  const { createWalletClient, http } = require('viem') as typeof import('viem');
  const { ViemWalletProvider } = require(
    join(agentkit, 'node_modules/@coinbase/agentkit/dist/wallet-providers/viemWalletProvider.js'),
  ) as { ViemWalletProvider: ProviderClass };
  const client = createWalletClient({ account, chain: foundry, transport: http(chain.url) });
  provider = new ViemWalletProvider(client as WalletClient, { rpcUrl: chain.url });
});
after(() => {
  globalThis.fetch = fetch;
  chain?.close();
  runtime?.close();
  rmSync(root, { recursive: true, force: true });
});

/** Installs AgentKit, unless what is there is as the lock file says. */
function install(): void {
  const [wanted, installed] = [join(agentkit, 'package-lock.json'), join(agentkit, 'node_modules/.package-lock.json')];
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(wanted).mtimeMs) return;
  const args = ['ci', '--prefix', agentkit, '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'];
  execFileSync('npm', args, { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** The refusal within what a method of the provider throws. Errors of its viem are not those of ours, so not by their class. */
async function refusalOf(attempt: () => Promise<unknown>): Promise<{ refusal: PolicyError; text: string }> {
  const error: unknown = await attempt().then(
    () => assert.fail('it was signed'),
    (error: unknown) => error,
  );
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof PolicyError) return { refusal: cause, text: String(error) };
  }
  throw error;
}

describe('AgentKit', () => {
  test("AgentKit's viem wallet provider has the wallet's address, and the chain's answers", async () => {
    assert.equal(provider.getAddress(), account.address);
    assert.equal(provider.getName(), 'viem_wallet_provider');
    assert.deepEqual([provider.getNetwork().protocolFamily, provider.getNetwork().chainId], ['evm', '31337']);
    assert.equal(await provider.getBalance(), parseEther('1'));
  });

  test('AgentKit signs messages and typed data that the policy allows', async () => {
    const { address } = account;
    const message = 'agent: hello';
    for (const signature of [
      await provider.signMessage(message),
      await provider.signMessage(new TextEncoder().encode(message)),
      await provider.toSigner().signMessage({ message }),
    ])
      assert.ok(await verifyMessage({ address, message, signature }));
    const signature = await provider.signTypedData(MAIL);
    assert.ok(await verifyTypedData({ address, ...MAIL, signature }));
  });

  test('AgentKit sends transactions that the policy allows', async () => {
    const { reader } = walletClient(chain, account);
    const hash = await provider.nativeTransfer(PAYEE, String(parseEther('0.1')));
    const { status, from, gasUsed, effectiveGasPrice } = await reader.getTransactionReceipt({ hash });
    assert.deepEqual([status, from], ['success', account.address.toLowerCase()]);
    assert.equal(await reader.getBalance({ address: PAYEE }), parseEther('0.1'));
    assert.equal(await provider.getBalance(), parseEther('0.9') - gasUsed * effectiveGasPrice);
    const other = await provider.sendTransaction({ to: PAYEE, value: 1n });
    await provider.getPublicClient().waitForTransactionReceipt({ hash: other, pollingInterval: 50 });
    assert.equal(await reader.getBalance({ address: PAYEE }), parseEther('0.1') + 1n);
  });

  test('what the policy refuses reaches an agent of AgentKit as our error, with its reason', async () => {
    const before = await provider.getPublicClient().getTransactionCount({ address: account.address });
    const { refusal, text } = await refusalOf(() => provider.nativeTransfer(PAYEE, String(parseEther('0.2'))));
    assert.equal(refusal.code, 'policy');
    assert.match(refusal.short, /the rule pay: the value 200000000000000000 is above 100000000000000000$/);
    assert.ok(text.includes(refusal.short), text); // what AgentKit's own actions show a model
    const attempts: [() => Promise<unknown>, RegExp][] = [
      [() => provider.sendTransaction({ to: account.address, value: 1n }), /the rule pay: the recipient/],
      [() => provider.sendTransaction({ to: PAYEE, data: '0x12345678' }), /the rule pay: /],
      [() => provider.signMessage('0x6167656e74'), /the rule say: the message does not begin as it must/],
      [() => provider.signTypedData({ ...MAIL, domain: { ...MAIL.domain, chainId: 1 } }), /the rule mail: the domain/],
      [() => provider.sign(`0x${'11'.repeat(32)}`), /digest/],
    ];
    for (const [attempt, reason] of attempts) assert.match((await refusalOf(attempt)).refusal.message, reason);
    const nonce = await provider.getPublicClient().getTransactionCount({ address: account.address });
    assert.equal(nonce, before);
  });

  test('AgentKit tells its maker the address of every wallet that is given to it', () => {
    assert.equal(told.length, 1, told.join('\n'));
    assert.match(told[0] ?? '', /^cca-lite\.coinbase\.com /);
    assert.ok(told[0]?.includes(account.address));
  });
});
