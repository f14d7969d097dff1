import { secp256k1 } from '@noble/curves/secp256k1.js';
import type { CustomSource, LocalAccount, NonceManager } from 'viem';
import { getAddress, hashAuthorization, hashMessage, hashTypedData, keccak256, serializeTransaction } from 'viem/utils';
import { fromHex, type Hex } from '../core/evm.ts';
import { authorizationIntent, digestIntent, messageIntent, serializedIntent, typedDataIntent } from '../intent/from.ts';
import { digestOf, InputError, type Intent } from '../intent/intent.ts';
import type { Signed, SignOptions, Wallet } from '../signing/wallet.ts';

/** Options for every signature of an adapter. */
export type AdapterOptions = Omit<SignOptions, 'path' | 'approval'>;

export interface ViemAccountOptions extends AdapterOptions {
  readonly nonceManager?: NonceManager | undefined;
}

/** An account that behaves like one with a private key, and has none. */
export type TandemAccount = LocalAccount<'tandem'> & {
  sign: NonNullable<CustomSource['sign']>;
  signAuthorization: NonNullable<CustomSource['signAuthorization']>;
};

/**
 * The wallet as an account of viem. What it signs is what viem would hash; viem's checks come first, and throw viem's errors.
 * Signing throws what {@link Wallet} does: `InputError` for what is not an intent (a transaction without a chain id),
 * `PolicyError` for what the action does not sign. `sign`, and a custom serializer's transactions that viem's own does not
 * know, are raw digests, which only the policy `any` allows. Fields of a message that no type has are ignored, as viem does.
 *
 * @example
 * ```ts
 * import { openWallet } from 'tandem-ecdsa';
 * import { LocalRuntime } from 'tandem-ecdsa/local';
 * import { openStore } from 'tandem-ecdsa/node';
 * import { toViemAccount } from 'tandem-ecdsa/viem';
 * import { createWalletClient, http } from 'viem';
 * import { mainnet } from 'viem/chains';
 *
 * const store = openStore('wallets', async () => ({ passphrase: process.env.TANDEM_PASSPHRASE ?? '' }));
 * const runtime = await LocalRuntime.open({ dir: 'wallets/local-lit' });
 * const account = toViemAccount(await openWallet(store, { runtime }));
 * const client = createWalletClient({ account, chain: mainnet, transport: http() });
 * console.log(await client.signMessage({ message: 'hello' }));
 * runtime.close();
 * ```
 */
export function toViemAccount(wallet: Wallet, options: ViemAccountOptions = {}): TandemAccount {
  const { nonceManager, ...signOptions } = options;
  const sign = (hash: Hex, intent: Intent) => signExactly(wallet, hash, intent, signOptions);
  const source = {
    address: getAddress(wallet.info.address),
    nonceManager,
    sign: async ({ hash }) => (await wallet.signDigest(hash, signOptions)).signature,
    signMessage: async ({ message }) => (await sign(hashMessage(message), messageIntent(message))).signature,
    signTypedData: async (definition) => {
      const hash = hashTypedData(definition);
      return (await sign(hash, typedDataIntent(definition as Parameters<typeof typedDataIntent>[0]))).signature;
    },
    signAuthorization: async (request) => {
      const { chainId, nonce } = request;
      const delegate = request.contractAddress ?? request.address;
      const hash = hashAuthorization({ address: delegate, chainId, nonce });
      return { address: delegate, chainId, nonce, ...partsOf(await sign(hash, authorizationIntent(request))) };
    },
    signTransaction: async (transaction, { serializer = serializeTransaction } = {}) => {
      // A signature of a transaction with blobs covers its payload, not what goes over the network.
      const payload = transaction.type === 'eip4844' ? { ...transaction, sidecars: false } : transaction;
      const unsigned = await serializer(payload);
      const hash = keccak256(unsigned);
      const signed = await sign(hash, transactionOf(unsigned, hash, serializer === serializeTransaction));
      return serializer(transaction, partsOf(signed));
    },
  } satisfies CustomSource;
  const publicKey = secp256k1.Point.fromBytes(fromHex(wallet.info.publicKey));
  return { ...source, publicKey: `0x${publicKey.toHex(false)}`, source: 'tandem', type: 'local' };
}

/**
 * Signs an intent that stands for this hash, which a library computed in its own way.
 *
 * @throws InputError if it stands for another
 */
export async function signExactly(wallet: Wallet, hash: Hex, intent: Intent, options: AdapterOptions): Promise<Signed> {
  if (digestOf(intent) !== hash)
    throw new InputError('', 'an intent would have another digest than the library gives it');
  return wallet.sign(intent, options);
}

function transactionOf(unsigned: Hex, hash: Hex, isStandard: boolean): Intent {
  try {
    const intent = serializedIntent(unsigned);
    if (isStandard || digestOf(intent) === hash) return intent;
  } catch (error) {
    if (isStandard || !(error instanceof InputError)) throw error;
  }
  return digestIntent(hash);
}

function partsOf({ r, s, yParity }: Signed) {
  return { r, s, v: yParity === 0 ? 27n : 28n, yParity };
}
