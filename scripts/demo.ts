import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs, promisify } from 'node:util';
import { generateIdentity } from 'age-encryption';
import { getAddress, recoverMessageAddress } from 'viem';
import { buildCosigner } from '../ts/build.ts';
import {
  commandLine,
  fromHex,
  loadGlue,
  loadModule,
  packageRoot,
  startModule,
  toHex,
} from '../ts/command/internals.ts';
import { createWallet, openWallet, type Signed } from '../ts/index.ts';
import { openStore } from '../ts/node.ts';
import { connect, progress, run } from './cli.ts';
import { say } from './terminal.ts';

// What `make demo` shows: a wallet is made and signs a message, by way of the real action in a real Deno, in a folder that
// is deleted afterwards. go-ethereum and viem then say whose signature it is.

const USAGE = `Makes a wallet and a signature, from nothing, in a folder that it deletes afterwards.

usage: ${commandLine('demo')}`;
const MESSAGE = 'Two hold one key; both must turn it.';

run('demo', async (signal) => {
  const { values } = parseArgs({ options: { help: { type: 'boolean', default: false } } });
  if (values.help) return say(USAGE);
  const dir = mkdtempSync(join(tmpdir(), 'tandem-demo-'));
  const identity = await generateIdentity();
  const store = openStore(dir, async () => ({ identities: [identity] }));
  const { runtime, close } = await connect('local', dir);
  try {
    if (runtime === undefined) throw new Error('there is no local host');
    progress.step('building the action');
    const built = await buildCosigner('messages');

    const start = performance.now();
    const action = { runtime, ...built };
    const made = await createWallet({ store, action, threshold: 2, parties: 3, onProgress: progress.step, signal });
    const keygenMs = performance.now() - start;
    const { address } = made.wallet;

    const signed = await (await openWallet(store, { runtime })).signMessage(MESSAGE, {
      onProgress: progress.step,
      signal,
    });
    progress.step('asking go-ethereum and viem');
    const [geth, viem] = await Promise.all([
      goEthereum(signed),
      recoverMessageAddress({ message: MESSAGE, signature: signed.signature }),
    ]);
    progress.end();

    say(`
A 2-of-3 wallet, made in ${calls(made.calls)} and ${ms(keygenMs)}:
  address      ${address}
  shares       hot (here), action ${built.cid}, cold (to be put away)

The message "${MESSAGE}", signed in ${calls(signed.calls)} and ${ms(signed.ms)}:
  digest       ${signed.digest}
  signature    ${signed.signature}

Whose signature is it?
  go-ethereum  ${geth}
  viem         ${viem}`);
    if (geth !== address || viem !== address) throw new Error(`That is not ${address}.`);
    say('  Both say: that of the wallet, whose private key was never in one place.');
  } finally {
    progress.end();
    close();
    rmSync(dir, { recursive: true, force: true });
  }
});

/** In a clone from its source, by Go; in the package the same code is there as wasm. */
async function goEthereum({ digest, signature }: Signed): Promise<string> {
  if (!existsSync(join(packageRoot, 'go'))) {
    const call = await startModule(await loadModule('ecrecover'), await loadGlue());
    const argument = { digest: fromHex(digest), signature: fromHex(signature) };
    return getAddress(toHex(call('recover_signer', argument).bytes('address')));
  }
  const { stdout } = await promisify(execFile)('go', ['run', './go/internal/ecrecover', digest, signature], {
    cwd: packageRoot,
    env: { ...process.env, CGO_ENABLED: '0' }, // needs no C compiler
  });
  return stdout.trim();
}

function calls(count: number): string {
  return count === 1 ? '1 call of the action' : `${count} calls of the action`;
}

function ms(time: number): string {
  return `${Math.round(time)} ms`;
}
