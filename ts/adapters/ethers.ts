import {
  AbstractSigner,
  type Authorization,
  type AuthorizationRequest,
  assert,
  assertArgument,
  copyRequest,
  getAddress,
  getBigInt,
  hashAuthorization,
  hashMessage,
  type Provider,
  resolveAddress,
  resolveProperties,
  Signature,
  Transaction,
  type TransactionLike,
  type TransactionRequest,
  type TypedDataDomain,
  TypedDataEncoder,
  type TypedDataField,
} from 'ethers';
import type { Hex } from '../core/evm.ts';
import { authorizationIntent, messageIntent, serializedIntent, typedDataIntent } from '../intent/from.ts';
import type { Intent } from '../intent/intent.ts';
import type { Wallet } from '../signing/wallet.ts';
import { type AdapterOptions, signExactly } from './viem.ts';

// The only file that needs ethers 6.

/**
 * The wallet as a signer of ethers. What it signs is what ethers would hash; ethers' checks come first, and throw ethers'
 * errors. Signing throws what {@link Wallet} does: `InputError` for what is not an intent (a transaction without a chain id),
 * `PolicyError` for what the action does not sign.
 *
 * @example
 * ```ts
 * import { openWallet } from 'tandem-ecdsa';
 * import { TandemSigner } from 'tandem-ecdsa/ethers';
 * import { LocalRuntime } from 'tandem-ecdsa/local';
 * import { openStore } from 'tandem-ecdsa/node';
 *
 * const store = openStore('wallets', async () => ({ passphrase: process.env.TANDEM_PASSPHRASE ?? '' }));
 * const runtime = await LocalRuntime.open({ dir: 'wallets/local-lit' });
 * const signer = new TandemSigner(await openWallet(store, { runtime }));
 * console.log(await signer.signMessage('hello'));
 * runtime.close();
 * ```
 */
export class TandemSigner extends AbstractSigner<Provider | null> {
  readonly address: string;
  readonly #wallet: Wallet;
  readonly #options: AdapterOptions;

  constructor(wallet: Wallet, provider?: Provider | null, options: AdapterOptions = {}) {
    super(provider);
    this.address = getAddress(wallet.info.address);
    this.#wallet = wallet;
    this.#options = options;
  }

  override async getAddress(): Promise<string> {
    return this.address;
  }

  override connect(provider: Provider | null): TandemSigner {
    return new TandemSigner(this.#wallet, provider, this.#options);
  }

  override async signTransaction(request: TransactionRequest): Promise<string> {
    const { from: given, ...fields } = copyRequest(request);
    const { to, from } = await resolveProperties({
      to: fields.to ? resolveAddress(fields.to, this) : undefined,
      from: given ? resolveAddress(given, this) : undefined,
    });
    if (from !== undefined) {
      assertArgument(getAddress(from) === this.address, 'transaction from address mismatch', 'tx.from', from);
    }
    const transaction = Transaction.from({ ...fields, ...(to !== undefined && { to }) } as TransactionLike);
    const intent = serializedIntent(transaction.unsignedSerialized as Hex);
    transaction.signature = await this.#sign(transaction.unsignedHash, intent);
    return transaction.serialized;
  }

  override async signMessage(message: string | Uint8Array): Promise<string> {
    const hash = hashMessage(message);
    const { serialized } = await this.#sign(
      hash,
      messageIntent(typeof message === 'string' ? message : { raw: message }),
    );
    return serialized;
  }

  override async signTypedData(
    domain: TypedDataDomain,
    types: Record<string, TypedDataField[]>,
    value: Record<string, unknown>,
  ): Promise<string> {
    const populated = await TypedDataEncoder.resolveNames(domain, types, value, async (name) => {
      const operation = { operation: 'resolveName', info: { name } };
      assert(this.provider != null, 'cannot resolve ENS names without a provider', 'UNSUPPORTED_OPERATION', operation);
      const address = await this.provider.resolveName(name);
      assert(address != null, 'unconfigured ENS name', 'UNCONFIGURED_NAME', { value: name });
      return address;
    });
    const hash = TypedDataEncoder.hash(populated.domain, types, populated.value);
    const payload = TypedDataEncoder.getPayload(populated.domain, types, populated.value);
    const { serialized } = await this.#sign(hash, typedDataIntent(payload));
    return serialized;
  }

  override async authorize(request: AuthorizationRequest): Promise<Authorization> {
    const address = getAddress(await resolveAddress(request.address, this));
    const { nonce = 0n, chainId = 0n } = await this.populateAuthorization({ ...request, address });
    const authorization = { address, nonce: getBigInt(nonce), chainId: getBigInt(chainId) };
    const intent = authorizationIntent({
      address: address as Hex,
      nonce: Number(authorization.nonce),
      chainId: Number(authorization.chainId),
    });
    return { ...authorization, signature: await this.#sign(hashAuthorization(authorization), intent) };
  }

  async #sign(hash: string, intent: Intent): Promise<Signature> {
    const { signature } = await signExactly(this.#wallet, hash as Hex, intent, this.#options);
    return Signature.from(signature);
  }
}
