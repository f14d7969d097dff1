import { setMaxListeners } from 'node:events';
import { performance } from 'node:perf_hooks';
import * as v from 'valibot';
import type { SignableMessage } from 'viem';
import { serializeTransaction } from 'viem/utils';
import { TandemError } from '../core/errors.ts';
import { addressOf, derivePublicKey, fromHex, type Hex, parsePath, recoverAddress, toHex } from '../core/evm.ts';
import { loadTandem } from '../core/node.ts';
import type { ShareInfo, Signature, Tandem } from '../core/wasm.ts';
import { CheckFailedError, ProtocolError, StaleResponseError, UsageError } from '../errors.ts';
import { digestIntent, messageIntent, transactionIntent, typedDataIntent } from '../intent/from.ts';
import { digestOf, type Intent, intentJson } from '../intent/intent.ts';
import { MAX_SIGNATURES } from '../protocol/cosigner.ts';
import { type AskOptions, ask, base64, fromBase64, Message } from '../runtime/ask.ts';
import { withDeadline } from '../runtime/deadline.ts';
import type { Limits, Runtime } from '../runtime/types.ts';
import { actionOf } from '../store/action.ts';
import {
  assertCurrent,
  assertUnlocked,
  checkShare,
  findWallet,
  type Hold,
  holdWallet,
  localParties,
  type PartyInfo,
  readShare,
  readWallet,
  type Store,
  shareFileHash,
  type WalletInfo,
} from '../store/store.ts';
import { actionSigner, type HostedSigner, runDkls23 } from './dkls23.ts';
import { MAX_PREPARED, RequestPool, SigningRequest } from './request.ts';

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

export interface SignOptions extends AskOptions {
  /** Sign with the hot and cold shares, all here, instead of the action. */
  readonly recovery?: boolean | undefined;
  /** Sign with the key at this path of non-hardened BIP32 steps; default `m`, the wallet's own. */
  readonly path?: string | undefined;
  /** Give up after this time, with a TimeoutError. */
  readonly timeoutMs?: number | undefined;
  /** A guardian's signature of {@link approvalText}, for a policy with a rule that wants one. */
  readonly approval?: Hex | undefined;
  /**
   * dkls18, between two shares, which is the default for a threshold of 2; or dkls23, in three rounds between as many as
   * the threshold. With the action in it: only if that was allowed when the wallet was made.
   */
  readonly protocol?: Protocol | undefined;
}

export type Protocol = 'dkls18' | 'dkls23';

/** A signature that was checked twice: by the wasm module against the key, and by noble against the address. */
export interface Signed {
  /** r, s and v (27 or 28): 65 bytes. */
  readonly signature: Hex;
  readonly r: Hex;
  readonly s: Hex;
  readonly yParity: 0 | 1;
  /** Of the key that signed: the wallet's, or the one at the path. */
  readonly address: Hex;
  readonly digest: Hex;
  readonly protocol: Protocol;
  /** How often the action was called. */
  readonly calls: number;
  readonly ms: number;
}

/** A signature of a transaction, with what is sent to a node. */
export interface SignedTransaction extends Signed {
  readonly serializedTransaction: Hex;
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
  const context: Context = { store, info, runtime, load, pool: new RequestPool() };
  const sign = async (intent: Intent, signOptions: SignOptions = {}) =>
    inTime(signOptions, async (options) => {
      if (protocolOf(info, options) === 'dkls23') return signInRounds(context, intent, options);
      const [signed] = await signIntents(context, [intent], options);
      return signed as Signed | SignedTransaction;
    });
  const close = () => context.pool.close();
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
      return inTime(signOptions, (options) => signIntents(context, intents, options));
    },
    prepare: async (count = 1, prepareOptions = {}) => {
      assertTwo(info, {});
      return prepare(context, count, prepareOptions);
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

/** The signature; of a transaction, also the two together as nodes take them. */
function withTransaction(intent: Intent, signed: Signed): Signed | SignedTransaction {
  if (intent.kind !== 'transaction') return signed;
  const { r, s, yParity } = signed;
  const signature = { r, s, yParity, v: yParity === 0 ? 27n : 28n };
  return { ...signed, serializedTransaction: serializeTransaction(intent.transaction, signature) };
}

interface Context {
  readonly store: Store;
  readonly info: WalletInfo;
  readonly runtime: Runtime | undefined;
  readonly load: () => Promise<Tandem>;
  readonly pool: RequestPool;
}

/** What is signed, as both sides of the protocol get it. */
interface Job {
  readonly items: readonly { readonly intent: string; readonly digest: Uint8Array }[];
  readonly path: string;
  readonly steps: readonly number[];
}

/** The other signer. */
interface Cosigner {
  readonly index: number;
  readonly calls: number;
  /** The answers to the requests, in their order: one for each item of the job. */
  answer(requests: readonly Uint8Array[], account: Hex): Promise<Uint8Array[]>;
}

async function signIntents(context: Context, intents: readonly Intent[], options: SignOptions) {
  const start = performance.now();
  const { info, pool } = context;
  if (intents.length < 1 || intents.length > MAX_SIGNATURES) {
    throw new UsageError(`${intents.length} signatures at a time are not possible; 1 to ${MAX_SIGNATURES} are.`);
  }
  const path = options.path ?? 'm';
  const items = intents.map((intent) => ({ intent: intentJson(intent), digest: fromHex(digestOf(intent)) }));
  const job: Job = { items, path, steps: parsePath(path) };
  const isRecovery = options.recovery === true || info.action === undefined;

  const hold = await holdPrepared(context, isRecovery, options.signal);
  const requests = isRecovery ? [] : pool.take(items.length);
  try {
    const missing = items.length - requests.length;
    const opening = isRecovery ? localCosigner(context, job) : actionCosigner(context, job, options);
    const reading = missing > 0 ? hotShare(context) : Promise.resolve(new Uint8Array());
    const [cosigner, share] = await allOf(opening, reading);
    try {
      for (let i = 0; i < missing; i++) {
        options.signal?.throwIfAborted();
        requests.push(await newRequest(context, share, cosigner.index));
      }
    } finally {
      share.fill(0);
    }
    const [first] = requests;
    if (first === undefined) throw new Error('there is no request');
    const address = addressAt(first.known, job.steps);
    const responses = await cosigner.answer(
      requests.map(({ message }) => message),
      address,
    );
    options.onProgress?.('checking the signature');
    const signatures: Omit<Signed, 'ms'>[] = [];
    for (const [i, { digest }] of items.entries()) {
      const [request, response] = [requests[i] as SigningRequest, responses[i] as Uint8Array];
      const tandem = await context.load();
      const parts = finish(context, hold, () => request.finish(tandem, { digest, path, response }));
      if (recoverAddress(digest, parts) !== address) {
        failCheck(context, hold, 'the signature is not by this address');
      }
      signatures.push({
        ...signatureOf(parts),
        address,
        digest: toHex(digest),
        protocol: 'dkls18',
        calls: cosigner.calls,
      });
    }
    const ms = performance.now() - start;
    return signatures.map((signed, i) => withTransaction(intents[i] as Intent, { ...signed, ms }));
  } finally {
    for (const request of requests) request.clear();
    hold.release();
  }
}

/** Signs by dkls23: with shares that are here, and the action if it is one of the signers. */
async function signInRounds(context: Context, intent: Intent, options: SignOptions) {
  const start = performance.now();
  const { store, info, load } = context;
  const { path = 'm', approval } = options;
  const digest = fromHex(digestOf(intent));
  const steps = parsePath(path);
  const isRecovery = options.recovery === true || info.action === undefined;
  const host = isRecovery ? undefined : await interactiveAction(context);
  const here = signersHere(store, info, host ? info.threshold - 1 : info.threshold);
  const signers = (host ? [...here, host.index] : here).sort((a, b) => a - b);

  const hold = await holdPrepared(context, isRecovery, options.signal);
  const shares = new Map<number, Uint8Array>();
  try {
    const known: ShareInfo[] = [];
    for (const index of here) {
      const share = await readShare(store, info, index);
      shares.set(index, share);
      known.push((await load()).shareInfo(share));
      checkShare(store, info, index, known.at(-1) as ShareInfo);
    }
    const [first] = known as [ShareInfo];
    const account = addressAt(first, steps);
    const remote =
      host &&
      actionSigner(
        host,
        { intent: intentJson(intent), path, account, ...rootFor(info, path, approval), signers, approval },
        options,
      );
    options.onProgress?.('signing');
    const parts = await runDkls23(load, shares, { signers, digest, path }, remote);
    return signedBy(intent, first, path, parts, { calls: host ? 2 : 0, start });
  } finally {
    for (const share of shares.values()) share.fill(0);
    hold.release();
  }
}

/** A signature by dkls23 of an intent, once noble agrees with the module on whose it is. */
export function signedBy(
  intent: Intent,
  known: ShareInfo,
  path: string,
  parts: Signature,
  { calls, start }: { calls: number; start: number },
): Signed | SignedTransaction {
  const [digest, address] = [fromHex(digestOf(intent)), addressAt(known, parsePath(path))];
  if (recoverAddress(digest, parts) !== address) {
    throw new ProtocolError('The signature is not by this address.', { next: 'sign again.' });
  }
  const signed = { ...signatureOf(parts), address, digest: toHex(digest), protocol: 'dkls23' as const, calls };
  return withTransaction(intent, { ...signed, ms: performance.now() - start });
}

/** Who signs here: the hot party, and of the cold ones first those whose share is here. */
function signersHere(store: Store, info: WalletInfo, count: number): number[] {
  const indices = (role: PartyInfo['role']) => info.parties.filter((p) => p.role === role).map((p) => p.index);
  const isHere = (index: number) => shareFileHash(store, info, index) !== undefined;
  const cold = indices('cold');
  return [...indices('hot'), ...cold.filter(isHere), ...cold.filter((index) => !isHere(index))].slice(0, count);
}

function addressAt({ publicKey, chainCode }: ShareInfo, steps: readonly number[]): Hex {
  return addressOf(derivePublicKey(publicKey, chainCode, steps));
}

function signatureOf({ r, s, yParity }: Signature): Pick<Signed, 'signature' | 'r' | 's' | 'yParity'> {
  const signature: Hex = `${toHex(r)}${toHex(s).slice(2)}${yParity === 0 ? '1b' : '1c'}`;
  return { signature, r: toHex(r), s: toHex(s), yParity };
}

async function prepare(
  context: Context,
  count: number,
  options: Pick<SignOptions, 'signal' | 'onProgress'>,
): Promise<number> {
  const { info, pool } = context;
  if (!Number.isInteger(count) || count < 1 || count > MAX_PREPARED) {
    throw new UsageError(`${count} requests cannot be prepared; 1 to ${MAX_PREPARED} can.`);
  }
  const { index } = theParty(info, 'action');
  const hold = await holdPrepared(context, false, options.signal);
  try {
    if (pool.size >= count) return pool.size;
    options.onProgress?.('preparing');
    const share = await hotShare(context);
    try {
      while (pool.size < count && !pool.isClosed) {
        options.signal?.throwIfAborted();
        pool.add(await newRequest(context, share, index));
      }
      return pool.size;
    } finally {
      share.fill(0);
    }
  } finally {
    hold.release();
  }
}

/**
 * Holds the wallet, and drops the prepared requests that must not be used any more: those of a share that is locked by
 * now, or whose file was changed or taken away.
 */
async function holdPrepared(context: Context, isRecovery: boolean, signal: AbortSignal | undefined): Promise<Hold> {
  const { store, info, pool } = context;
  const assertOpen = () => {
    if (pool.isClosed) throw new UsageError(`The wallet ${info.address} was closed.`, { next: 'open it again.' });
  };
  assertOpen();
  const hold = await holdWallet(store, info.address, signal);
  try {
    assertOpen();
    assertCurrent(store, info);
    pool.keepOf(shareFileHash(store, info, theParty(info, 'hot').index));
    try {
      assertUnlocked(store, info.address);
    } catch (error) {
      pool.clear();
      if (!isRecovery) throw error;
    }
    return hold;
  } catch (error) {
    hold.release();
    throw error;
  }
}

/** The hot share, which the caller clears. */
function hotShare({ store, info }: Context): Promise<Uint8Array> {
  return readShare(store, info, theParty(info, 'hot').index);
}

/** A request to `peer` with the hot share, after a check that the share is one of this wallet. */
async function newRequest(context: Context, share: Uint8Array, peer: number): Promise<SigningRequest> {
  const { info, store } = context;
  const { index } = theParty(info, 'hot');
  const tandem = await context.load();
  const known = tandem.shareInfo(share);
  checkShare(store, info, index, known);
  return new SigningRequest(tandem, known, share, peer);
}

/** Takes the step that can fail a check; a failed one locks the share before anybody hears of it. */
function finish(context: Context, hold: Hold, step: () => Signature): Signature {
  try {
    return step();
  } catch (error) {
    const code = error instanceof TandemError ? error.code : 'internal';
    const message = error instanceof Error ? error.message : String(error);
    switch (code) {
      case 'stale':
        throw new StaleResponseError('The answer is to another request; nothing was done with it.', {
          next: 'sign again. If that repeats, something between here and the action mixes up answers.',
          cause: error,
        });
      case 'input':
      case 'session':
      case 'identity':
        throw new ProtocolError(`The answer is not one of this protocol: ${message}.`, {
          next: 'sign again. If that repeats, see whether the host runs the action whose source the store keeps.',
          cause: error,
        });
      default:
        return failCheck(context, hold, message);
    }
  }
}

function failCheck({ info, pool }: Context, hold: Hold, reason: string): never {
  pool.clear();
  hold.lockHot(`an answer of the action failed a check: ${reason}`);
  throw new CheckFailedError(`The answer failed a check (${reason}). The hot share of ${info.address} is locked now.`, {
    next:
      'an honest action does not give such an answer, and each one can cost a bit of the share: move what the wallet ' +
      'holds with --recovery. npx tsx scripts/wallet.ts unlock takes the lock off again.',
  });
}

const One = v.object({ response: Message });
const Many = v.object({ responses: v.pipe(v.array(Message), v.maxLength(MAX_SIGNATURES)) });

/** The wallet's action where it runs, with the share that only it can open. */
async function hostedAction({ store, info, runtime }: Context) {
  const { index } = theParty(info, 'action');
  return { index, ...(await actionOf(store, info, runtime)) };
}

/** The action as a signer by dkls23. @throws UsageError if that was not allowed when the wallet was made */
async function interactiveAction(context: Context): Promise<HostedSigner> {
  const { info } = context;
  if (info.action?.interactive === true) return hostedAction(context);
  throw new UsageError('The action of this wallet does not sign by dkls23.', {
    next:
      'sign by dkls18, or with --recovery. An action forgets: what it must remember between the two calls of dkls23 lies ' +
      'with this machine, and whoever hands it in twice gets the whole key: "the attack" in test/dkls23.test.ts does it, and ' +
      'docs/security.md#the-attack says how. So a wallet has to be made with --allow-interactive for it.',
  });
}

async function actionCosigner(context: Context, job: Job, options: SignOptions): Promise<Cosigner> {
  const { info } = context;
  const { runtime, index, sealed, cid, source, wallet } = await hostedAction(context);
  const paramsFor = (requests: readonly string[], account: string) => {
    const { approval } = options;
    const items = requests.map((request, i) => ({
      intent: (job.items[i] as Job['items'][number]).intent,
      request,
      ...(approval !== undefined && { approval }),
    }));
    const common = { wallet, share: sealed, path: job.path, account, ...rootFor(info, job.path, approval) };
    const [item] = items;
    if (item !== undefined && items.length === 1) return { op: 'sign' as const, ...common, ...item };
    return { op: 'signMany' as const, ...common, requests: items };
  };
  assertFits(await runtime.limits(), job, (requests) => paramsFor(requests, info.address));
  return {
    index,
    calls: 1,
    answer: async (requests, account) => {
      options.onProgress?.('asking the action');
      const params = paramsFor(requests.map(base64), account);
      const call = <S extends v.GenericSchema>(schema: S) => ask(runtime, { cid, source }, params, schema, options);
      const responses = params.op === 'sign' ? [(await call(One)).response] : (await call(Many)).responses;
      if (responses.length !== requests.length) {
        throw new ProtocolError(`The action gave ${responses.length} answers to ${requests.length} requests.`);
      }
      return responses.map(fromBase64);
    },
  };
}

/** A guardian approves for the wallet's own address, which the action has to be told where another one signs. */
function rootFor({ address, action }: WalletInfo, path: string, approval: Hex | undefined): { root?: string } {
  return path !== 'm' && approval !== undefined && action?.format !== undefined ? { root: address } : {};
}

/** The most that a request and a response take in base64, the latter without a path: they hardly vary. */
const REQUEST_LENGTH = 57_800;
const RESPONSE_LENGTH = 89_400;

/** @throws UsageError if the host's limits would refuse the call or its answer */
function assertFits(limits: Limits, { items, steps }: Job, paramsFor: (requests: readonly string[]) => object): void {
  const { maxParamsLength, maxResponseLength } = limits;
  const sizes = (count: number) => ({
    params: Buffer.byteLength(JSON.stringify(paramsFor(Array(count).fill('')))) + count * REQUEST_LENGTH,
    answer: 64 + count * (RESPONSE_LENGTH + 7 * steps.length),
  });
  const fits = (count: number) => {
    const { params, answer } = sizes(count);
    return params <= maxParamsLength && answer <= maxResponseLength;
  };
  if (fits(items.length)) return;
  const { params, answer } = sizes(items.length);
  const what = items.length === 1 ? 'The signature does' : `The ${items.length} signatures do`;
  const most = items.findLastIndex((_, i) => fits(i + 1)) + 1;
  throw new UsageError(
    `${what} not fit one call: parameters of ${params} bytes and an answer of ${answer}, ` +
      `where the host takes ${maxParamsLength} and ${maxResponseLength}.`,
    { next: most === 0 ? 'sign something shorter.' : `sign ${most} of them in one call.` },
  );
}

async function localCosigner({ store, info, load }: Context, job: Job): Promise<Cosigner> {
  const { index } = localParties(store, info).find(({ role }) => role === 'cold') ?? theParty(info, 'cold');
  const share = await readShare(store, info, index);
  const peer = theParty(info, 'hot').index;
  try {
    checkShare(store, info, index, (await load()).shareInfo(share));
  } catch (error) {
    share.fill(0);
    throw error;
  }
  return {
    index,
    calls: 0,
    answer: async (requests) => {
      try {
        const responses: Uint8Array[] = [];
        for (const [i, { digest }] of job.items.entries()) {
          const request = requests[i] as Uint8Array;
          responses.push((await load()).dkls18Respond({ share, peer, digest, path: job.path, request }));
        }
        return responses;
      } finally {
        share.fill(0);
      }
    },
  };
}

function theParty(info: WalletInfo, role: PartyInfo['role']): PartyInfo {
  const party = info.parties.find((p) => p.role === role);
  if (party === undefined) throw new UsageError(`The wallet ${info.address} has no ${role} share.`);
  return party;
}

/** Like Promise.all, but waits for all before it fails: no share is still being opened when the caller hears of it. */
async function allOf<T extends readonly unknown[]>(...promises: { [K in keyof T]: Promise<T[K]> }): Promise<T> {
  await Promise.allSettled(promises);
  return (await Promise.all(promises)) as unknown as T;
}
