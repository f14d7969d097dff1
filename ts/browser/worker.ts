import { type Identity, type Recipient, Stanza } from 'age-encryption';
import * as v from 'valibot';
import type { Tandem } from '../core/wasm.ts';
import { createWallet } from '../deal/keygen.ts';
import type { HostedAction } from '../deal/plan.ts';
import { reshareWallet } from '../deal/reshare.ts';
import { PasskeyError, StoreError, UsageError } from '../errors.ts';
import { describeIntent } from '../intent/describe.ts';
import { type Intent, parseIntentJson } from '../intent/intent.ts';
import { policyName } from '../policy/builtin.ts';
import { judge } from '../policy/judge.ts';
import type { Policy } from '../policy/policy.ts';
import { openWallet, type Wallet } from '../signing/wallet.ts';
import type { Key } from '../store/age.ts';
import { openBrowserStore } from '../store/indexed-db.ts';
import { LOCKED, listWallets, localParties, readWallet, type Store } from '../store/store.ts';
import { sentError } from './advice.ts';
import { dropCold, makeBackup, restoreBackup, returnCold } from './backup.ts';
import { makeKeys, methodsOf, type NewMethods, newRecoveryKey, openKeys } from './keys.ts';
import {
  ARGUMENTS,
  type CallName,
  type ChosenMethods,
  type LocalVerdict,
  type Reviewed,
  type SignedHere,
  type ToPage,
  ToWorker,
  type WalletCalls,
  type WalletState,
} from './messages.ts';

/** How long a session lasts without a signature. */
const IDLE_MS = 5 * 60_000;

/** What the wallets of a page are made with. */
export interface WorkerOptions {
  /** Starts a fresh wasm instance. */
  readonly load: () => Promise<Tandem>;
  /** The action for a new wallet, and where every one runs. */
  readonly action: () => Promise<HostedAction>;
  /** The policy of that action, for a verdict before anything is sent. */
  readonly policy: () => Promise<Policy>;
  readonly database?: string | undefined;
  /** After how many milliseconds without a signature the session ends. Default 5 minutes. */
  readonly idleMs?: number | Promise<number> | undefined;
}

/** The part of a worker's global scope that is needed. */
interface Scope {
  postMessage(message: ToPage, transfer?: Transferable[]): void;
  addEventListener(type: 'message', listener: (event: MessageEvent<unknown>) => void): void;
  close(): void;
}

/**
 * Has a dedicated worker hold the wallet of this origin: the wasm, the share and the key that opens it are in its memory and
 * nowhere else. It answers the calls of {@link WalletCalls}, one at a time, and ends with the session.
 */
export function serveWallet(options: WorkerOptions, scope: Scope = globalThis as unknown as Scope): void {
  new Server(options, scope);
}

/** From the opening of the wallet until minutes after the last signature. */
interface Session {
  readonly wallet: Wallet;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** The calls that only look. All others wait for one another. */
const AT_ONCE: readonly CallName[] = ['state', 'review', 'recoveryKey'];

/** The calls that one tab at a time makes: each has to do with keys and shares together. */
const ALONE: readonly CallName[] = ['create', 'recover', 'restore', 'backup', 'dropCold'];

type Report = (step: string) => void;
type Calls = { readonly [name in CallName]: (args: never, report: Report) => Promise<unknown> };

class Server {
  readonly #options: WorkerOptions;
  readonly #scope: Scope;
  readonly #store: Store;
  /** The key of the session, or of the call that opens the store by another one. */
  #key: Key | undefined;
  /** What seals new shares, where that is not the key that opens the old ones. */
  #nextKey: Key | undefined;
  #session: Session | undefined;
  /** The last call; the next one waits for it. */
  #last: Promise<unknown> = Promise.resolve();
  #busy = 0;
  #asked = 0;
  readonly #answers = new Map<number, (answer: Extract<ToWorker, { answer: number }>) => void>();

  constructor(options: WorkerOptions, scope: Scope) {
    this.#options = options;
    this.#scope = scope;
    this.#store = openBrowserStore(async (kind) => {
      const key = kind === 'any' ? (this.#nextKey ?? this.#key) : this.#key;
      if (key !== undefined) return key;
      throw new StoreError('identity', 'The wallet is not open.', { next: 'open it.' });
    }, options.database);
    scope.addEventListener('message', ({ data }) => this.#receive(data));
  }

  #receive(data: unknown): void {
    const message = v.safeParse(ToWorker, data);
    if (!message.success) return;
    if ('answer' in message.output) {
      this.#answers.get(message.output.answer)?.(message.output);
      return;
    }
    const { call, id, args } = message.output;
    this.#busy += 1;
    const report = (step: string) => this.#scope.postMessage({ id, step });
    const run = async () => {
      try {
        this.#scope.postMessage({ id, ok: await this.#call(call, args, report) });
      } catch (error) {
        this.#scope.postMessage({ id, error: sentError(error) });
      } finally {
        this.#busy -= 1;
      }
    };
    if (AT_ONCE.includes(call)) void run();
    else this.#last = this.#last.then(run);
  }

  async #call(name: CallName, args: unknown, report: Report): Promise<unknown> {
    const parsed = v.safeParse(ARGUMENTS[name], args);
    if (!parsed.success) throw new UsageError(`These are not arguments of ${name}.`);
    const calls: Calls = {
      state: () => this.#state(),
      recoveryKey: () => newRecoveryKey(),
      create: (args: ChosenMethods, report) => this.#create(args, report),
      open: (args: WalletCalls['open']['args'], report) => this.#open(args, report),
      review: async ({ intent }: { intent: string }) => this.#review(parseIntentJson(intent)),
      sign: ({ intent }: { intent: string }, report) => this.#sign(parseIntentJson(intent), report),
      backup: async ({ kind }: WalletCalls['backup']['args']) => makeBackup(this.#store, await this.#id(), kind),
      dropCold: async () => dropCold(this.#store, await this.#id()),
      restore: async ({ zip }: WalletCalls['restore']['args']) => ({
        address: (await restoreBackup(this.#store, zip)).address,
      }),
      recover: (args: WalletCalls['recover']['args'], report) => this.#recover(args, report),
    };
    const run = () => calls[name](parsed.output as never, report);
    return ALONE.includes(name) ? navigator.locks.request(`${this.#store.name}/keys`, run) : run();
  }

  async #id(): Promise<string> {
    const [id] = await listWallets(this.#store);
    if (id !== undefined) return id;
    throw new StoreError('missing', 'There is no wallet in this browser.', {
      next: 'make one, restore a backup, or recover with the cold share.',
    });
  }

  async #state(): Promise<WalletState> {
    const [id] = await listWallets(this.#store);
    const methods = await methodsOf(this.#store);
    const info = id === undefined ? undefined : await readWallet(this.#store, id);
    const here = info === undefined ? [] : await localParties(this.#store, info);
    return {
      address: id,
      methods: info === undefined ? [] : methods,
      isOpen: this.#session !== undefined,
      hasHot: here.some(({ role }) => role === 'hot'),
      hasCold: here.some(({ role }) => role === 'cold'),
      isLocked: id !== undefined && (await this.#store.has(`${id}/${LOCKED}`)),
      threshold: info?.threshold,
      parties: info?.parties.length,
      host: info?.runtime,
      cid: info?.action?.cid,
    };
  }

  async #create(chosen: ChosenMethods, report: Report): Promise<WalletCalls['create']['result']> {
    const [id] = await listWallets(this.#store);
    if (id !== undefined) throw new StoreError('exists', `There is a wallet in this browser already: ${id}.`);
    report('asking for what opens the wallet');
    const keys = await makeKeys(this.#store, this.#methods(chosen), chosen.recovery);
    await keys.keep(); // first: a wallet is never without
    this.#key = keys.key;
    try {
      const action = await this.#options.action();
      const { load } = this.#options;
      const { wallet } = await createWallet({
        store: this.#store,
        action,
        load,
        threshold: 2,
        parties: 3,
        onProgress: report,
      });
      await this.#begin(wallet.address);
      return { address: wallet.address };
    } catch (error) {
      this.#key = undefined;
      throw error;
    }
  }

  async #open(args: WalletCalls['open']['args'], report: Report): Promise<WalletCalls['open']['result']> {
    const id = await this.#id();
    if (this.#session !== undefined) return { address: id };
    report('opening the wallet');
    const opener = 'by' in args ? { passkey: (hint: string) => this.#unwrapper(hint) } : args;
    this.#key = await openKeys(this.#store, opener);
    const session = await this.#begin(id);
    // The share is opened and a correlation made while the user reads. What that fails of, a signature says.
    this.#last = this.#last.then(() => session.wallet.prepare()).catch(() => {});
    return { address: id };
  }

  async #begin(id: string): Promise<Session> {
    const { runtime } = await this.#options.action();
    const wallet = await openWallet(this.#store, { id, runtime, load: this.#options.load });
    const session: Session = { wallet, timer: undefined };
    this.#session = session;
    await this.#touch(session);
    return session;
  }

  async #touch(session: Session): Promise<void> {
    const idleMs = (await this.#options.idleMs) ?? IDLE_MS;
    clearTimeout(session.timer);
    session.timer = setTimeout(() => {
      if (this.#session !== session) return;
      if (this.#busy > 0) void this.#touch(session);
      else this.#end();
    }, idleMs);
  }

  /** Ends the session, and this worker: its memory is not used again. */
  #end(): void {
    const session = this.#session;
    clearTimeout(session?.timer);
    session?.wallet.close();
    this.#session = undefined;
    this.#key = undefined;
    this.#scope.postMessage({ ended: true });
    this.#scope.close();
  }

  #opened(): Session {
    if (this.#session !== undefined) return this.#session;
    throw new StoreError('identity', 'The wallet is not open.', { next: 'open it.' });
  }

  async #review(intent: Intent): Promise<Reviewed> {
    return { words: describeIntent(intent), verdict: await this.#verdict(intent) };
  }

  async #verdict(intent: Intent): Promise<LocalVerdict> {
    const info = await readWallet(this.#store, await this.#id());
    const policy = await this.#options.policy();
    // A wallet whose action has another policy than this page knows.
    if (info.action?.policy !== policyName(policy)) return { kind: 'unknown' };
    const rules = policy.rules === 'any' ? [] : policy.rules.filter(({ kind }) => kind === intent.kind);
    const verdict = await judge(policy, intent, { now: Math.floor(Date.now() / 1000), account: info.address });
    if (verdict.allowed) return { kind: 'allowed', rule: verdict.rule };
    if (rules.some(({ reads, guardian }) => reads !== undefined || guardian !== undefined)) return { kind: 'unknown' };
    return { kind: 'refused', reason: verdict.reason };
  }

  async #sign(intent: Intent, report: Report): Promise<SignedHere> {
    const session = this.#opened();
    const signed = await session.wallet.sign(intent, { onProgress: report, timeoutMs: 120_000 });
    await this.#touch(session);
    const serialized = 'serializedTransaction' in signed ? signed.serializedTransaction : undefined;
    return { signature: signed.signature, ...(serialized && { serializedTransaction: serialized }) };
  }

  async #recover(args: WalletCalls['recover']['args'], report: Report): Promise<WalletCalls['recover']['result']> {
    const { recoveryKey, zip } = args;
    const [known] = await listWallets(this.#store);
    if (zip !== undefined) {
      if (known === undefined) await restoreBackup(this.#store, zip);
      else await returnCold(this.#store, zip);
    }
    const id = await this.#id();
    const key = await openKeys(this.#store, { recovery: recoveryKey });
    const [session, before] = [this.#session, this.#key];
    this.#key = key;
    let hasNewShares = false;
    try {
      const { runtime } = await this.#options.action();
      const { load } = this.#options;
      report('asking for what opens the wallet');
      const keys = await makeKeys(this.#store, this.#methods(args), args.recovery);
      this.#nextKey = keys.key;
      const { wallet } = await reshareWallet({ store: this.#store, id, runtime, load, onProgress: report });
      hasNewShares = true;
      session?.wallet.close();
      this.#session = undefined;
      // Only now: if it fails before, all opens as it did, and what is open stays so. If it ends just here, the new recovery key opens
      // the new shares.
      await keys.keep();
      this.#key = keys.key;
      await this.#begin(wallet.address);
      return { address: id };
    } catch (error) {
      this.#key = hasNewShares ? undefined : before;
      throw error;
    } finally {
      this.#nextKey = undefined;
    }
  }

  #methods({ passkey, passphrase }: ChosenMethods): NewMethods {
    return {
      ...(passkey !== undefined && { passkey: { hint: passkey, recipient: this.#wrapper(passkey) } }),
      ...(passphrase !== undefined && { passphrase }),
    };
  }

  #wrapper(hint: string): Recipient {
    return {
      wrapFileKey: async (fileKey) => {
        const answer = await this.#ask((ask) => ({ ask, wrap: fileKey, hint }));
        if ('stanzas' in answer) return answer.stanzas.map(({ args, body }) => new Stanza(args, body));
        throw new PasskeyError('The passkey was not used.');
      },
    };
  }

  #unwrapper(hint: string): Identity {
    return {
      unwrapFileKey: async (stanzas) => {
        const plain = stanzas.map(({ args, body }) => ({ args, body }));
        const answer = await this.#ask((ask) => ({ ask, unwrap: plain, hint }));
        if ('fileKey' in answer) return answer.fileKey;
        throw new PasskeyError('The passkey was not used.');
      },
    };
  }

  async #ask(question: (id: number) => ToPage): Promise<Extract<ToWorker, { answer: number }>> {
    const id = this.#asked++;
    const answered = new Promise<Extract<ToWorker, { answer: number }>>((resolve) => this.#answers.set(id, resolve));
    this.#scope.postMessage(question(id));
    const answer = await answered;
    this.#answers.delete(id);
    if ('error' in answer) throw new PasskeyError(answer.error.short, { next: answer.error.next });
    return answer;
  }
}
