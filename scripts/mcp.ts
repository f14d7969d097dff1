import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { commandLine, localParties, packageVersion, readShare, shareFileName } from '../ts/command/internals.ts';
import {
  findWallet,
  openWallet,
  readWallet,
  type Store,
  UsageError,
  WalletError,
  type WalletInfo,
} from '../ts/index.ts';
import { assertBounded, openAudit, policyOf, serveTools, toolsOf } from '../ts/mcp.ts';
import { connectTo, run, storeOf } from './cli.ts';
import { say } from './terminal.ts';

const USAGE = `Serves a wallet to a model, by the Model Context Protocol over stdin and stdout.

usage: ${commandLine('mcp')} --store DIR [--wallet ID] [--rpc CHAIN=URL …] [--unbounded]

  --store DIR       the folder of the share store
  --wallet ID       the wallet's address; not needed if the store has only one
  --rpc CHAIN=URL   a node for a chain, by the chain's id; once for each. What it says of balances and nonces is believed
  --unbounded       serve a wallet whose policy bounds no sum
  --local           pay servers on this machine too, by http: for trying things out

What the model asks for is judged by the wallet's policy. Every call is noted in mcp.log in the wallet's folder, by hashes.
The shares open with TANDEM_PASSPHRASE or TANDEM_IDENTITY (an age identity file).`;

run('mcp', async () => {
  const { values } = parseArgs({
    options: {
      store: { type: 'string' },
      wallet: { type: 'string' },
      rpc: { type: 'string', multiple: true, default: [] },
      unbounded: { type: 'boolean', default: false },
      local: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return say(USAGE);
  const store = storeOf(values.store);
  const rpc = Object.fromEntries(values.rpc.map(rpcOf));
  const id = await findWallet(store, values.wallet);
  const info = await readWallet(store, id);
  const policy = await policyOf(store, info);
  if (!values.unbounded) assertBounded(policy);
  await checkShares(store, info);
  const { runtime, close } = await connectTo(info, store.dir);
  const wallet = await openWallet(store, { id, runtime });
  try {
    const tools = toolsOf({ wallet, policy, store, rpc, isLocal: values.local });
    await serveTools(tools, openAudit(join(store.dir, id, 'mcp.log')), packageVersion());
  } finally {
    wallet.close();
    close();
  }
});

/** Checks that the hot share opens, and that the model's machine does not have the whole key. @throws WalletError */
async function checkShares(store: Store, info: WalletInfo): Promise<void> {
  const here = await localParties(store, info);
  const cold = here
    .filter(({ role }) => role === 'cold')
    .map(({ index }) => join(store.name, info.address, shareFileName(info, index)));
  if (cold.length > 0) {
    throw new WalletError(
      'The cold share is beside the hot one, and both together are the key: no policy bounds that.',
      {
        next: `put it away: mv ${cold.join(' ')} /media/usb/`,
      },
    );
  }
  for (const { index } of here.filter(({ role }) => role === 'hot')) (await readShare(store, info, index)).fill(0);
}

function rpcOf(text: string): [string, string] {
  const [, chain, url] = /^([1-9][0-9]{0,15})=(.+)$/.exec(text) ?? [];
  if (chain === undefined || url === undefined || !URL.canParse(url)) throw new UsageError('--rpc wants CHAIN=URL.');
  return [chain, url];
}
