// An agent that pays invoices, on a chain of its own: npx tsx examples/agent.ts
//
// Whatever the agent is talked into, the action co-signs payments to the supplier alone, of 0.1 ETH at most, two for each day and
// twenty in all. It remembers nothing to that end: the chain takes each nonce once, and the pace bounds the nonces. The agent's
// machine has one share of the key, which signs nothing by itself.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateIdentity } from 'age-encryption';
import { BaseError, parseEther } from 'viem';
import { fund, startAnvil, walletClient } from '../scripts/chain.ts';
import { buildCosigner } from '../ts/build.ts';
import { createWallet, describeBudget, openWallet, PolicyError, parsePolicy } from '../ts/index.ts';
import { LocalRuntime } from '../ts/local.ts';
import { openStore } from '../ts/node.ts';
import { toViemAccount } from '../ts/viem.ts';

const SUPPLIER = '0x4242424242424242424242424242424242424242';
const INVOICES = ['0.1', '0.5', '0.1', '0.1'];

const now = Math.floor(Date.now() / 1000);
const dir = mkdtempSync(join(tmpdir(), 'tandem-agent-'));
const chain = await startAnvil();
const runtime = await LocalRuntime.open({ dir: join(dir, 'lit') });
try {
  const policy = parsePolicy({
    version: 1,
    rules: [
      {
        name: 'pay the supplier',
        kind: 'transaction',
        chains: ['31337'],
        to: [SUPPLIER],
        maxValue: String(parseEther('0.1')),
        maxFee: String(parseEther('0.001')),
        pace: { first: '0', count: '2', every: '86400', from: String(now), total: '20' },
      },
    ],
  });
  console.log(describeBudget(policy, now));
  const identity = await generateIdentity();
  const store = openStore(join(dir, 'wallets'), async () => ({ identities: [identity] }));
  await createWallet({ store, action: { runtime, ...(await buildCosigner(policy)) }, threshold: 2, parties: 3 });
  const account = toViemAccount(await openWallet(store, { runtime }));
  await fund(chain, account.address, parseEther('1'));

  const { client, done } = walletClient(chain, account);
  for (const amount of INVOICES) {
    try {
      await done(client.sendTransaction({ to: SUPPLIER, value: parseEther(amount) }));
      console.log(`${amount} ETH: paid`);
    } catch (error) {
      const refusal = error instanceof BaseError ? error.walk((cause) => cause instanceof PolicyError) : error;
      if (!(refusal instanceof PolicyError)) throw error;
      console.log(`${amount} ETH: ${refusal.message}`);
    }
  }
} finally {
  chain.close();
  runtime.close();
  rmSync(dir, { recursive: true, force: true });
}
