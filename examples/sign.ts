// Signs with a wallet of scripts/keygen.ts, in ten lines: npx tsx examples/sign.ts STORE
import { recoverMessageAddress } from 'viem';
import { openWallet } from '../ts/index.ts';
import { LocalRuntime } from '../ts/local.ts';
import { openStore } from '../ts/node.ts';
import { toViemAccount } from '../ts/viem.ts';

const [dir = 'wallets'] = process.argv.slice(2);
const store = openStore(dir, async () => ({ passphrase: process.env.TANDEM_PASSPHRASE ?? '' }));
const runtime = await LocalRuntime.open({ dir: `${dir}/local-lit` });
const account = toViemAccount(await openWallet(store, { runtime }));

const message = 'hello';
const signature = await account.signMessage({ message });
console.log(signature, 'by', await recoverMessageAddress({ message, signature }));
runtime.close();
