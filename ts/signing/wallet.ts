import { setMaxListeners } from 'node:events';
import type { SignableMessage } from 'viem';
import type { Hex } from '../core/evm.ts';
import { loadTandem } from '../core/node.ts';
import type { Tandem } from '../core/wasm.ts';
import { UsageError } from '../errors.ts';
import { digestIntent, messageIntent, transactionIntent, typedDataIntent } from '../intent/from.ts';
import type { Intent } from '../intent/intent.ts';
import { withDeadline } from '../runtime/deadline.ts';
import type { Runtime } from '../runtime/types.ts';
import { findWallet, readWallet, type Store, type WalletInfo } from '../store/store.ts';
import { prepareDkls18, signByDkls18 } from './dkls18.ts';
import { signByDkls23 } from './dkls23.ts';
import { jobOf, type SignOptions } from './job.ts';
import type { Opened } from './opened.ts';
import { RequestPool } from './prepared.ts';
import type { Protocol, Signed, SignedTransaction } from './signed.ts';

export type { SignOptions } from './job.ts';
export type { Protocol, Signed, SignedTransaction } from './signed.ts';

// Opening a wallet. A signature then goes from file to file: job.ts, hold.ts, a protocol (dkls18.ts, dkls23.ts), action.ts,
// finish.ts, signed.ts.

export interface Wallet {
  readonly info: WalletInfo;
  /** Signs an intent, made by ts/intent; see {@link SignOptions} for with whom. */
  sign(intent: Intent, options?: SignOptions): Promise<Signed | SignedTransaction>;
  /** Signs as personal_sign does (EIP-191). */
  signMessage(message: SignableMessage, options?: SignOptions): Promise<Signed>;
  /** Signs typed data (EIP-712), given as to viem's signTypedData or as the JSON of eth_signTypedData_v4. */
  signTypedData(definition: Parameters<typeof typedDataIntent>[0], options?: SignOptions): Promise<Signed>;
  /** Signs a transaction of any type, given as to viem's signTransaction: complete, nothing is looked up. */
  signTransaction(transaction: object, options?: SignOptions): Promise<SignedTransaction>;
  /** Signs 32 bytes as they are. Only the policy `any` lets an action do that. */
  signDigest(digest: Hex, options?: SignOptions): Promise<Signed>;
  /**
   * Signs up to 8 intents in one call of the action: all of them or none. What the host's limits would refuse is not
   * sent; the error says how many fit.
   */
  signMany(
    intents: readonly Intent[],
    options?: Omit<SignOptions, 'approval'>,
  ): Promise<(Signed | SignedTransaction)[]>;
  /**
   * Sees to it that `count` requests to the action (1 to 8, default 1) are ready, so that the next signatures wait for the
   * call and the last step alone: the share is opened here. Requests and share stay in this process's memory until
   * they are used or the wallet is closed; once the share is locked or its file changed they are dropped. One that was
   * taken for a signature which then failed, for whatever reason, is dropped too.
   *
   * @returns how many are ready
   */
  prepare(count?: number, options?: Pick<SignOptions, 'signal' | 'onProgress'>): Promise<number>;
  /** Clears what was prepared. Nothing more can be prepared or signed; a signature under way is still finished. */
  close(): void;
  [Symbol.dispose](): void;
}

export interface OpenOptions {
  /** The address; may be left out if the store has only one wallet. */
  readonly id?: string | undefined;
  /** Where the wallet's action runs; not needed for recovery. */
  readonly runtime?: Runtime | undefined;
  /** Starts a fresh wasm instance; by default of build/tandem.wasm. */
  readonly load?: (() => Promise<Tandem>) | undefined;
}

/**
 * Opens a wallet of a store. No share is opened before something is signed.
 *
 * Signing throws UsageError, InputError (what is to be signed is malformed), PolicyError and RefusedError (the action's), LockedError, StoreError, RuntimeError (the
 * host's), ProtocolError and StaleResponseError (nothing was locked), CheckFailedError (the hot share was locked).
 *
 * @throws StoreError, UsageError
 */
export function openWallet(store: Store, options: OpenOptions = {}): Wallet {
  const info = readWallet(store, findWallet(store, options.id));
  const { runtime, load = loadTandem } = options;
  const opened: Opened = { store, info, runtime, load, pool: new RequestPool() };
  const sign = async (intent: Intent, signOptions: SignOptions = {}) =>
    inTime(signOptions, async (options) => {
      const protocol = protocolOf(info, options);
      const job = jobOf([intent], options);
      const [signed] = await (protocol === 'dkls23' ? signByDkls23 : signByDkls18)(opened, job, options);
      return signed as Signed | SignedTransaction;
    });
  const close = () => opened.pool.close();
  return {
    info,
    sign,
    signMessage: async (message, signOptions) => sign(messageIntent(message), signOptions),
    signTypedData: async (definition, signOptions) => sign(typedDataIntent(definition), signOptions),
    signTransaction: async (transaction, signOptions) =>
      (await sign(transactionIntent(transaction), signOptions)) as SignedTransaction,
    signDigest: async (digest, signOptions) => sign(digestIntent(digest), signOptions),
    signMany: async (intents, signOptions = {}) => {
      assertTwo(info, signOptions);
      return inTime(signOptions, (options) => signByDkls18(opened, jobOf(intents, options), options));
    },
    prepare: async (count = 1, prepareOptions = {}) => {
      assertTwo(info, {});
      return prepareDkls18(opened, count, prepareOptions);
    },
    close,
    [Symbol.dispose]: close,
  };
}

/** Signs, with one signal for what may end it. */
function inTime<T>(options: SignOptions, sign: (options: SignOptions) => Promise<T>): Promise<T> {
  const { timeoutMs, signal } = options;
  if (signal !== undefined) setMaxListeners(0, signal); // one may be for many signings
  if (timeoutMs === undefined) return sign(options);
  return withDeadline(timeoutMs, signal, (signal) => sign({ ...options, signal }));
}

function protocolOf({ threshold }: WalletInfo, { protocol }: Pick<SignOptions, 'protocol'>): Protocol {
  if (protocol === 'dkls18' && threshold !== 2) {
    throw new UsageError(`dkls18 is between two shares; of this wallet, ${threshold} sign.`, { next: 'use dkls23.' });
  }
  return protocol ?? (threshold === 2 ? 'dkls18' : 'dkls23');
}

/** @throws UsageError unless signatures are to be by dkls18 */
function assertTwo(info: WalletInfo, options: Pick<SignOptions, 'protocol'>): void {
  if (protocolOf(info, options) === 'dkls18') return;
  throw new UsageError('With dkls23 nothing can be prepared, and one thing is signed at a time.');
}
