import { generateIdentity, identityToRecipient } from 'age-encryption';
import { toViemAccount } from '../../ts/adapters/viem.ts';
import { instantiate, type Tandem } from '../../ts/core/wasm.ts';
import { exportKey } from '../../ts/deal/export.ts';
import { createWallet } from '../../ts/deal/keygen.ts';
import { reshareWallet } from '../../ts/deal/reshare.ts';
import { deriveAddresses } from '../../ts/signing/address.ts';
import { openWallet } from '../../ts/signing/wallet.ts';
import { checkWallet } from '../../ts/store/check.ts';
import { memoryStore } from '../../ts/store/memory.ts';

// The life of a wallet as it is in a browser: bundled, and run where nothing is that only Node has.

export interface Outcome {
  readonly address: string;
  readonly epoch: number;
  readonly states: readonly string[];
  readonly derived: string | undefined;
  readonly message: { readonly digest: `0x${string}`; readonly signature: `0x${string}` };
  readonly typed: `0x${string}`;
  /** What the wasm module's absence says. */
  readonly without: string;
}

export const TYPED_DATA = {
  domain: { name: 'anywhere' },
  types: { Note: [{ name: 'text', type: 'string' }] },
  primaryType: 'Note',
  message: { text: 'hello' },
} as const;

export async function live(wasm: BufferSource): Promise<Outcome> {
  const module = await WebAssembly.compile(wasm);
  const load = async (): Promise<Tandem> => instantiate(module);
  const identity = await generateIdentity();
  const recipient = await identityToRecipient(identity);
  const store = memoryStore(async () => ({ identities: [identity], recipients: async () => [recipient] }));

  const made = await createWallet({ store, load, threshold: 2, parties: 2 });
  const { address } = made.wallet;
  const { wallet: info } = await reshareWallet({ store, load });
  const wallet = await openWallet(store, { load });
  const message = await wallet.signMessage('hello', { timeoutMs: 60_000 });
  const typed = await toViemAccount(wallet).signTypedData(TYPED_DATA);
  const { files } = await checkWallet(store, address, load);
  const { addresses } = await deriveAddresses(store, info, { path: 'm/0', count: 0, load });
  (await exportKey(store, address, load)).fill(0);
  const without = await (await openWallet(store)).signMessage('x').catch((error: Error) => error.message);
  return {
    address,
    epoch: info.epoch,
    states: files.map(({ state }) => state),
    derived: addresses[0]?.address,
    message: { digest: message.digest, signature: message.signature },
    typed,
    without: String(without),
  };
}
