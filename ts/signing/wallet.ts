import type { SignableMessage } from 'viem';
import { loadTandem } from '#load';
import type { Hex } from '../core/evm.ts';
import type { Tandem } from '../core/wasm.ts';
import { UsageError } from '../errors.ts';
import { digestIntent, messageIntent, transactionIntent, typedDataIntent } from '../intent/from.ts';
import type { Intent } from '../intent/intent.ts';
import { withDeadline } from '../runtime/deadline.ts';
import type { Runtime } from '../runtime/types.ts';
import { Correlations, shelfFor } from '../store/correlations.ts';
import { findWallet, knowsOnecall, readWallet, type Store, type WalletInfo } from '../store/store.ts';
import { hostedAction } from './action.ts';
import { readyCorrelation } from './correlate.ts';
import { signByDkls18 } from './dkls18.ts';
import { signByDkls23 } from './dkls23.ts';
import { holdOpened } from './hold.ts';
import { isWithoutAction, jobOf, type SignOptions } from './job.ts';
import { signByOnecall } from './onecall.ts';
import { hotShare, type Opened } from './opened.ts';
import { Prepared } from './prepared.ts';
import type { Protocol, Signed, SignedTransaction } from './signed.ts';

export type { SignOptions } from './job.ts';
export type { Protocol, Signed, SignedTransaction } from './signed.ts';

// Opening a wallet. A signature then goes from file to file: job.ts, hold.ts, a protocol (onecall.ts, dkls18.ts, dkls23.ts) with
// the action as its co-signer (action.ts, dkls18-action.ts, dkls23-action.ts), failed-check.ts, signed.ts.

/**
 * An opened wallet, from {@link openWallet}, which says what signing throws. It may sign several things at the same time, in several
 * processes too: one signature at a time uses the share.
 */
export interface Wallet {
  /** What is public about it. */
  readonly info: WalletInfo;
  /** Signs an intent, such as `messageIntent` makes; see {@link SignOptions} for who signs. */
  sign(intent: Intent, options?: SignOptions): Promise<Signed | SignedTransaction>;
  /** Signs as personal_sign does (EIP-191). */
  signMessage(message: SignableMessage, options?: SignOptions): Promise<Signed>;
  /** Signs typed data (EIP-712), given as to viem's signTypedData or as the JSON of eth_signTypedData_v4. */
  signTypedData(definition: Parameters<typeof typedDataIntent>[0], options?: SignOptions): Promise<Signed>;
  /** Signs a transaction of any type, given as to viem's signTransaction. It must be complete: nothing is looked up. */
  signTransaction(transaction: object, options?: SignOptions): Promise<SignedTransaction>;
  /** Signs 32 bytes as they are. Only the policy `any` lets an action do that. */
  signDigest(digest: Hex, options?: SignOptions): Promise<Signed>;
  /**
   * Signs up to 8 intents in one call of the action: all of them or none. If the host's limits would refuse the call, nothing
   * is sent, and the error says how many fit.
   */
  signMany(
    intents: readonly Intent[],
    options?: Omit<SignOptions, 'approval'>,
  ): Promise<(Signed | SignedTransaction)[]>;
  /**
   * Opens the share and gets a correlation with the action ready, so that the next signatures wait only for the call and the last
   * step. The share stays in this process's memory until the wallet is closed, the share is locked, or its file changes.
   *
   * @returns how often the action was called: once if a correlation had to be made
   */
  prepare(options?: Pick<SignOptions, 'signal' | 'onProgress' | 'onNotice'>): Promise<{ calls: number }>;
  /**
   * Replaces the correlation with the action, with one call, also after failed set-ups. Do this if answers repeatedly belong
   * to other requests.
   */
  correlate(options?: Pick<SignOptions, 'signal' | 'onProgress' | 'onNotice'>): Promise<{ calls: number }>;
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
  /**
   * `memory`: the correlation with the action is this process's own, made with one call, once. For machines that may be rolled
   * back (snapshots, stateless replicas): docs/security.md. By default it is in a folder of this user's (XDG_STATE_HOME).
   */
  readonly correlation?: 'memory' | undefined;
}

/**
 * Opens a wallet of a store. No share is opened before something is signed.
 *
 * Signing throws UsageError; InputError if the input is malformed; PolicyError and RefusedError if the action refuses; LockedError;
 * StoreError; RuntimeError from the host; ProtocolError and StaleResponseError, after which nothing is locked; CheckFailedError,
 * after which the hot share is locked.
 *
 * @throws StoreError, UsageError
 *
 * @example
 * ```ts
 * import { openWallet } from 'tandem-ecdsa';
 * import { LocalRuntime } from 'tandem-ecdsa/local';
 * import { openStore } from 'tandem-ecdsa/node';
 *
 * const store = openStore('wallets', async () => ({ passphrase: process.env.TANDEM_PASSPHRASE ?? '' }));
 * const runtime = await LocalRuntime.open({ dir: 'wallets/local-lit' });
 * const wallet = await openWallet(store, { runtime });
 * const { signature } = await wallet.signMessage('hello');
 * console.log(signature);
 * runtime.close();
 * ```
 */
export async function openWallet(store: Store, options: OpenOptions = {}): Promise<Wallet> {
  const shelf = options.correlation ?? shelfFor(store);
  const info = await readWallet(store, await findWallet(store, options.id));
  const { runtime, load = loadTandem } = options;
  const correlations = new Correlations(store, info, shelf);
  const opened: Opened = { store, info, runtime, load, prepared: new Prepared(), correlations };
  const sign = async (intent: Intent, signOptions: SignOptions = {}) =>
    inTime(signOptions, async (options) => {
      const [signed] = await PROTOCOLS[protocolOf(info, options)](opened, jobOf([intent], options), options);
      return signed as Signed | SignedTransaction;
    });
  const close = () => opened.prepared.close();
  return {
    info,
    sign,
    signMessage: async (message, signOptions) => sign(messageIntent(message), signOptions),
    signTypedData: async (definition, signOptions) => sign(typedDataIntent(definition), signOptions),
    signTransaction: async (transaction, signOptions) =>
      (await sign(transactionIntent(transaction), signOptions)) as SignedTransaction,
    signDigest: async (digest, signOptions) => sign(digestIntent(digest), signOptions),
    signMany: async (intents, signOptions = {}) =>
      inTime(signOptions, (options) => PROTOCOLS[protocolOf(info, options)](opened, jobOf(intents, options), options)),
    prepare: async (options = {}) => prepare(opened, options),
    correlate: async (options = {}) => prepare(opened, { ...options, isAnew: true }),
    close,
    [Symbol.dispose]: close,
  };
}

/** Signs, with one signal for what may end it. */
function inTime<T>(options: SignOptions, sign: (options: SignOptions) => Promise<T>): Promise<T> {
  const { timeoutMs, signal } = options;
  if (timeoutMs === undefined && signal === undefined) return sign(options);
  return withDeadline(timeoutMs, signal, (signal) => sign({ ...options, signal }));
}

const PROTOCOLS = { onecall: signByOnecall, dkls18: signByDkls18, dkls23: signByDkls23 };

/** The protocol that was asked for, or the one that suits the signers. @throws UsageError if the one asked for cannot be */
function protocolOf(info: WalletInfo, options: Pick<SignOptions, 'protocol' | 'recovery'>): Protocol {
  const { threshold, address } = info;
  const { protocol } = options;
  const isRecovery = isWithoutAction(info, options);
  if (threshold !== 2) {
    if (protocol === undefined || protocol === 'dkls23') return 'dkls23';
    throw new UsageError(`${protocol} works with two shares, and this wallet has a threshold of ${threshold}.`, {
      next: 'use dkls23.',
    });
  }
  const suited = isRecovery || !knowsOnecall(info) ? 'dkls18' : 'onecall';
  if (protocol !== 'onecall' || suited === 'onecall') return protocol ?? suited;
  throw new UsageError(
    isRecovery
      ? 'onecall works between the hot share and the action, and the action takes no part in this.'
      : `The action of ${address} is of version 0.1.0, which does not know onecall.`,
    { next: isRecovery ? 'use dkls18.' : 'use dkls18, or move the wallet to an action of this version with migrate.' },
  );
}

/** Opens the share and gets a correlation. If the task is only to replace it, that is all. */
async function prepare(
  opened: Opened,
  options: Pick<SignOptions, 'signal' | 'onProgress' | 'onNotice'> & { readonly isAnew?: boolean },
): Promise<{ calls: number }> {
  const { isAnew = false } = options;
  const protocol = protocolOf(opened.info, isAnew ? { protocol: 'onecall' } : {});
  if (protocol === 'dkls23') throw new UsageError('A signature by dkls23 cannot be prepared.');
  const hold = await holdOpened(opened, options);
  try {
    options.onProgress?.('preparing');
    const hot = await hotShare(opened);
    try {
      options.signal?.throwIfAborted();
      if (!isAnew) opened.prepared.keep(hot);
      if (protocol !== 'onecall') return { calls: 0 };
      const host = await hostedAction(opened);
      if (isAnew) await opened.correlations.end();
      const { correlation, calls } = await readyCorrelation(opened, host, hot, { ...options, isAskedFor: isAnew });
      correlation.bytes.fill(0);
      return { calls };
    } finally {
      hot.share.fill(0);
    }
  } finally {
    hold.release();
  }
}
