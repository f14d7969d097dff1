import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateIdentity } from 'age-encryption';
import { buildCosigner } from '../ts/build.ts';
import { createWallet, describePolicy, openWallet, parsePolicy } from '../ts/index.ts';
import { openStore } from '../ts/node.ts';
import { toViemAccount } from '../ts/viem.ts';
import { rulesOf, startChain, stepsOf } from './chain.ts';
import { connect, progress, run } from './cli.ts';
import { say } from './terminal.ts';

// What `make demo-chain` shows: on a chain of its own, with contracts that check signatures by plain ecrecover, a wallet does
// what its rules allow. The action, in a real Deno, takes part in every signature.

run('demo-chain', async (signal) => {
  const dir = mkdtempSync(join(tmpdir(), 'tandem-demo-'));
  const identity = await generateIdentity();
  const store = openStore(dir, async () => ({ identities: [identity] }));
  const { runtime, close } = await connect('local', dir);
  progress.step('starting a chain');
  const chain = await startChain();
  try {
    if (runtime === undefined) throw new Error('there is no local host');
    const policy = parsePolicy(rulesOf(chain));
    progress.step('building the action');
    const action = { runtime, ...(await buildCosigner(policy)) };
    await createWallet({ store, action, threshold: 2, parties: 3, onProgress: progress.step, signal });
    const account = toViemAccount(await openWallet(store, { runtime }), { onProgress: progress.step, signal });
    progress.end();
    say(`\nA wallet, ${account.address}, whose policy says:\n\n${describePolicy(policy)}\n`);
    for (const { name, run } of stepsOf(chain, account)) {
      const seen = await run();
      progress.end();
      say(`${name.padEnd(42)} ${seen}`);
    }
  } finally {
    progress.end();
    chain.close();
    close();
    rmSync(dir, { recursive: true, force: true });
  }
});
