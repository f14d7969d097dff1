import { generateIdentity, identityToRecipient } from 'age-encryption';
import { loadFrom } from '../../ts/browser/load.ts';
import { createWallet } from '../../ts/deal/keygen.ts';
import { openWallet } from '../../ts/signing/wallet.ts';
import { openBrowserStore } from '../../ts/store/indexed-db.ts';

// What bundlers bundle in the tests: a wallet of two shares here, in a worker.

export async function signHere(wasm: URL): Promise<{ digest: string; address: string; signature: string }> {
  const load = loadFrom(wasm);
  const identity = await generateIdentity();
  const recipient = await identityToRecipient(identity);
  const store = openBrowserStore(async () => ({ identities: [identity], recipients: async () => [recipient] }));
  await createWallet({ store, load, threshold: 2, parties: 2 });
  const { digest, address, signature } = await (await openWallet(store, { load })).signMessage('hello');
  return { digest, address, signature };
}
