import * as v from 'valibot';
import { commandLine } from '#command';
import { byteLength } from '../../core/bytes.ts';
import { actionHash } from '../../protocol/cid.ts';
import { sleep } from '../deadline.ts';
import { aborted, RuntimeError } from '../errors.ts';
import { assertFits } from '../fits.ts';
import { assertSource } from '../source.ts';
import type { Action, Json, Limits, RunOptions, Runtime } from '../types.ts';
import { assertOnlyWay, type Own, setActions } from './access.ts';
import { checked, LitAccount, usageKeyHash } from './account.ts';
import { LitHttp, type LitHttpOptions } from './http.ts';
import { type CompleteSettings, changedNow, cidsOf } from './settings.ts';

const LIMITS_MS = 10 * 60 * 1000;
const MAX_SKEW_MS = 60_000;
/** How long a machine of the host may still use earlier permissions. */
const SPREAD_MS = 60 * 60 * 1000;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;
const NOT_YET = 'a permission from the last hour may not be in effect on all its machines yet';

const answerSchema = v.object({ response: v.unknown(), has_error: v.boolean() });

/** Options of {@link ChipotleRuntime}. */
export interface ChipotleOptions extends Omit<LitHttpOptions, 'url' | 'key'> {
  readonly settings: CompleteSettings;
  /** The account's own key: needed only to permit other actions than those of the set-up. */
  readonly accountKey?: string | undefined;
  /**
   * How long a call waits for a permission of the last hour to count on all the host's machines. Default 5 minutes.
   */
  readonly waitMs?: number | undefined;
  /** Called when a call begins to wait for that, and when an action refuses after the wait. */
  readonly onWait?: ((why: string) => void) | undefined;
  /** Called with the new settings, to be stored, once other actions may use the wallet. */
  readonly onPermit?: ((settings: CompleteSettings) => void) | undefined;
}

/**
 * Lit's own hosts, by their HTTP API, with the wallet and the group that a set-up prepared.
 *
 * @example
 * ```ts
 * import { openWallet } from 'tandem-ecdsa';
 * import { ChipotleRuntime, isComplete } from 'tandem-ecdsa/lit';
 * import { openStore, readSettings } from 'tandem-ecdsa/node';
 *
 * const settings = readSettings('wallets'); // which `tandem setup` wrote
 * if (!isComplete(settings)) throw new Error('not set up');
 * const store = openStore('wallets', async () => ({ passphrase: process.env.TANDEM_PASSPHRASE ?? '' }));
 * const wallet = await openWallet(store, { runtime: new ChipotleRuntime({ settings }) });
 * console.log((await wallet.signMessage('hello')).signature);
 * ```
 */
export class ChipotleRuntime implements Runtime {
  readonly name = 'chipotle';
  readonly #options: ChipotleOptions;
  readonly #http: LitHttp;
  readonly #account: LitAccount;
  #settings: CompleteSettings;
  #limits: { readonly told: Promise<Limits>; readonly at: number } | undefined;

  /** @throws {RuntimeError} `input` if the settings cannot be right */
  constructor(options: ChipotleOptions) {
    const { settings } = options;
    this.#options = options;
    this.#settings = settings;
    this.#http = new LitHttp({ ...options, url: settings.LIT_API_URL, key: settings.LIT_USAGE_KEY });
    this.#account = new LitAccount(this.#http);
  }

  /**
   * The wallet of the set-up: every key of the store has its share under the encryption of this one.
   *
   * @throws {RuntimeError} `input` if a new key's action is not the one of the set-up
   */
  async createWallet(cid?: string): Promise<string> {
    const { LIT_POLICY: policy, LIT_WALLET: wallet } = this.#settings;
    const permitted = cidsOf(this.#settings);
    if (cid === undefined || cid === String(permitted)) return wallet;
    // Another action would take the wallet from the keys that the store may have already.
    throw new RuntimeError('input', `the store is set up for the action ${permitted}, not for ${cid}`, {
      next: `give the policy of the set-up (--policy ${policy}), or set up another store`,
    });
  }

  /** @throws {RuntimeError} `permission`, too, if another group or key lets others use the wallet */
  async permit(wallet: string, ...cids: string[]): Promise<void> {
    const { accountKey, onPermit } = this.#options;
    const { LIT_GROUP: group } = this.#settings;
    const permitted = cidsOf(this.#settings);
    const [cid, ...more] = cids;
    if (cid !== undefined && more.length === 0 && String(cids) === String(permitted)) {
      await this.check(wallet, cid);
      return assertOnlyWay(this.#account, this.#own);
    }
    if (!accountKey) {
      throw new RuntimeError('permission', 'only the key of the account may permit another action', {
        next: 'set LIT_API_KEY to it',
      });
    }
    this.#assertOwn(wallet);
    const account = new LitAccount(this.#http.withKey(accountKey));
    // If there is another way in, nothing is added. What has to be removed is removed anyway.
    if (cids.some((wanted) => !permitted.includes(wanted))) await assertOnlyWay(account, this.#own);
    await setActions(account, group, cids);
    this.#settings = { ...this.#settings, LIT_CID: cids.join(' '), ...changedNow() };
    onPermit?.(this.#settings);
    await assertOnlyWay(account, this.#own);
  }

  async run(action: Action, params: Json, options: RunOptions = {}): Promise<Json> {
    assertSource(action);
    const begin = performance.now();
    for (let pause = FIRST_WAIT_MS; ; pause = Math.min(2 * pause, LONGEST_WAIT_MS)) {
      const outcome = await this.#runOnce(action, params, options);
      if (!('denied' in outcome) && options.isRefusal?.(outcome.response) !== true) return outcome.response;
      // The host and the action say only that it is not allowed; the lists say why.
      await this.check(options.wallet ?? this.#settings.LIT_WALLET, action.cid, options.signal);
      const isNew = Date.now() < 1000 * Number(this.#settings.LIT_CHANGED ?? 0) + SPREAD_MS;
      const left = isNew ? (this.#options.waitMs ?? 300_000) - (performance.now() - begin) : 0;
      if (left <= 0) {
        if ('denied' in outcome) throw isNew ? deniedYet(outcome.denied) : outcome.denied;
        if (isNew) this.#options.onWait?.(`the action refuses; ${NOT_YET}`);
        return outcome.response;
      }
      const why = `the host does not let the action use the wallet: ${NOT_YET}; trying again for ${Math.ceil(left / 1000)} s`;
      options.onProgress?.(why);
      if (pause === FIRST_WAIT_MS) this.#options.onWait?.(why);
      const { signal } = options;
      await sleep(Math.min(pause, left), signal).catch(() => {
        throw aborted(signal);
      });
    }
  }

  /** One run. If the host denies it, it did not begin. */
  async #runOnce(
    { cid, source }: Action,
    params: Json,
    options: RunOptions,
  ): Promise<{ readonly response: Json } | { readonly denied: RuntimeError }> {
    const until = this.#http.deadline();
    const limits = await this.#toldLimits(until);
    assertFits({ code: byteLength(source), params: byteLength(JSON.stringify(params)) }, limits);
    options.onProgress?.('running the action on Lit');
    try {
      // By its CID first: if the host knows the code, it need not be sent.
      const running = this.#post({ ipfs_id: cid, js_params: params }, until, options).catch((error: unknown) => {
        if (!isMiss(error)) throw error;
        options.onProgress?.('sending the code of the action');
        return this.#post({ code: source, js_params: params }, until, options);
      });
      return { response: await running };
    } catch (error) {
      if (error instanceof RuntimeError && error.status === 403) return { denied: error };
      throw error;
    }
  }

  limits(): Promise<Limits> {
    return this.#toldLimits(this.#http.deadline());
  }

  async check(wallet: string, cid: string, signal?: AbortSignal): Promise<void> {
    const { LIT_GROUP: group } = this.#settings;
    const account = new LitAccount(this.#http, signal);
    this.#assertOwn(wallet);
    const next = `see: ${commandLine('setup')} status`;
    if (!(await account.groups()).some(({ id }) => id === group)) {
      throw new RuntimeError('permission', `the group ${group} of the set-up is not there any more`, {
        next: 'run setup again: it makes another group for the same wallet and action',
      });
    }
    if (!(await account.walletsIn(group)).includes(wallet)) {
      throw new RuntimeError('permission', `the wallet ${wallet} is not in the group ${group} of the set-up`, { next });
    }
    if (!(await account.actionsIn(group)).includes(actionHash(cid))) {
      throw new RuntimeError('permission', `the action ${cid} may not use the wallet ${wallet} any more`, {
        next: 'it was replaced: use the store that has the share of the newer action, or run setup for this one again',
      });
    }
    if (
      !(await account.usageKeys()).some(({ hash, executesIn }) => hash === this.#keyHash && executesIn.includes(group))
    ) {
      throw new RuntimeError('permission', `the usage key of the set-up may not run what is in the group ${group}`, {
        next,
      });
    }
    assertClock(this.#http.clockAheadMs);
  }

  /** What the host tells of its limits, asked for once in a while. */
  #toldLimits(until: number): Promise<Limits> {
    if (this.#limits === undefined || performance.now() - this.#limits.at > LIMITS_MS) {
      const told = this.#account.limits(until);
      this.#limits = { told, at: performance.now() };
      told.catch(() => {
        this.#limits = undefined;
      });
    }
    return this.#limits.told;
  }

  get #keyHash(): string {
    return usageKeyHash(this.#settings.LIT_USAGE_KEY);
  }

  get #own(): Own {
    const { LIT_WALLET: wallet, LIT_GROUP: group, LIT_USAGE_KEY: usageKey } = this.#settings;
    return { wallet, group, usageKey };
  }

  #assertOwn(wallet: string): void {
    const { LIT_WALLET: own } = this.#settings;
    if (wallet === own) return;
    throw new RuntimeError('permission', `the wallet ${wallet} is not that of the set-up, ${own}`, {
      next: 'use the lit.env that was in the folder when the key was made',
    });
  }

  async #post(body: Readonly<Record<string, Json>>, until: number, options: RunOptions): Promise<Json> {
    const { isRepeatable = false, signal, onProgress } = options;
    assertFits({ body: byteLength(JSON.stringify(body)) }, await this.#toldLimits(until));
    const answer = await this.#http.send('POST', 'lit_action', { body, isRepeatable, until, signal, onProgress });
    const { response, has_error } = checked(answerSchema, answer, 'lit_action');
    if (has_error) throw new RuntimeError('action', 'the action failed');
    return response as Json;
  }
}

/** @throws {RuntimeError} `input` if this machine's clock is far from the host's */
export function assertClock(aheadMs: number | undefined): void {
  if (aheadMs === undefined || Math.abs(aheadMs) <= MAX_SKEW_MS) return;
  const seconds = Math.round(Math.abs(aheadMs) / 1000);
  const where = aheadMs > 0 ? 'ahead of' : 'behind';
  throw new RuntimeError('input', `the clock of this machine is ${seconds} s ${where} the host's`, {
    next: 'set the clock: rules with times go by the host, and certificates by both',
  });
}

function deniedYet({ kind, short, status, cause }: RuntimeError): RuntimeError {
  return new RuntimeError(kind, short, { ...(status && { status }), next: `${NOT_YET}: try again later`, cause });
}

/** Whether the host does not have the code of an action. */
function isMiss(error: unknown): boolean {
  return error instanceof RuntimeError && error.status === 400 && /: No cached code found/.test(error.short);
}
