import * as v from 'valibot';
import { actionHash } from '../../protocol/cid.ts';
import { RuntimeError } from '../errors.ts';
import { assertSource } from '../source.ts';
import type { Action, Json, Limits, RunOptions, Runtime } from '../types.ts';
import { checked, LitAccount } from './account.ts';
import { LitHttp, type LitHttpOptions } from './http.ts';
import { type CompleteSettings, cidsOf } from './settings.ts';

const LIMITS_MS = 10 * 60 * 1000;
const MAX_SKEW_MS = 60_000;

const answerSchema = v.object({ response: v.unknown(), has_error: v.boolean() });

/** Options of {@link ChipotleRuntime}. */
export interface ChipotleOptions extends Omit<LitHttpOptions, 'url' | 'key'> {
  readonly settings: CompleteSettings;
  /** The account's own key: needed only to permit other actions than those of the set-up. */
  readonly accountKey?: string | undefined;
  /** Told of the CIDs once the wallet is for other actions, to be written down. */
  readonly onPermit?: ((cids: readonly string[]) => void) | undefined;
}

/** Lit's own hosts, over their HTTP API, with the wallet and the group that a set-up prepared. */
export class ChipotleRuntime implements Runtime {
  readonly name = 'chipotle';
  readonly #options: ChipotleOptions;
  readonly #http: LitHttp;
  readonly #account: LitAccount;
  #limits: { readonly told: Promise<Limits>; readonly at: number } | undefined;
  #permitted: readonly string[];
  #hasNewKey = false;

  /** @throws {RuntimeError} `input` if the settings cannot be right */
  constructor(options: ChipotleOptions) {
    const { settings } = options;
    this.#options = options;
    this.#http = new LitHttp({ ...options, url: settings.LIT_API_URL, key: settings.LIT_USAGE_KEY });
    this.#account = new LitAccount(this.#http);
    this.#permitted = cidsOf(settings);
  }

  /** The wallet of the set-up: every key of the store has its share under the encryption of this one. */
  async createWallet(): Promise<string> {
    this.#hasNewKey = true;
    return this.#options.settings.LIT_WALLET;
  }

  async permit(wallet: string, ...cids: string[]): Promise<void> {
    const { settings, accountKey, onPermit } = this.#options;
    const [cid, ...more] = cids;
    if (cid !== undefined && more.length === 0 && String(cids) === String(this.#permitted)) {
      return this.check(wallet, cid);
    }
    if (this.#hasNewKey) {
      // Another action would take the wallet from the keys that the store may have already.
      throw new RuntimeError('input', `the store is set up for the action ${this.#permitted}, not for ${cids}`, {
        next: `give the policy of the set-up (--policy ${settings.LIT_POLICY}), or set up another store`,
      });
    }
    if (!accountKey) {
      throw new RuntimeError('permission', 'only the key of the account may permit another action', {
        next: 'set LIT_API_KEY to it',
      });
    }
    this.#assertOwn(wallet);
    await setActions(new LitAccount(this.#http.withKey(accountKey)), settings.LIT_GROUP, cids);
    this.#permitted = cids;
    onPermit?.(cids);
  }

  async run(action: Action, params: Json, options: RunOptions = {}): Promise<Json> {
    const { cid, source } = action;
    await assertSource(action);
    const until = this.#http.deadline();
    const limits = await this.#toldLimits(until);
    assertFits('the code', source, limits.maxCodeLength);
    assertFits('the parameters', JSON.stringify(params), limits.maxParamsLength);
    options.onProgress?.('running the action on Lit');
    try {
      // By its CID first, which saves sending the code wherever the host has had it before.
      return await this.#post({ ipfs_id: cid, js_params: params }, until, options).catch((error: unknown) => {
        if (!isMiss(error, options)) throw error;
        options.onProgress?.('sending the code of the action');
        return this.#post({ code: source, js_params: params }, until, options);
      });
    } catch (error) {
      // The host says only that it may not be; the lists say why.
      if (error instanceof RuntimeError && error.status === 403) await this.check(this.#wallet, cid, options.signal);
      throw error;
    }
  }

  limits(): Promise<Limits> {
    return this.#toldLimits(this.#http.deadline());
  }

  async check(wallet: string, cid: string, signal?: AbortSignal): Promise<void> {
    const { LIT_GROUP: group } = this.#options.settings;
    const account = new LitAccount(this.#http, signal);
    this.#assertOwn(wallet);
    const next = 'see: npx tsx scripts/setup.ts status';
    if (!(await account.groups()).some(({ id }) => id === group)) {
      throw new RuntimeError('permission', `the group ${group} of the set-up is not there any more`, {
        next: 'run setup.ts again: it makes another group for the same wallet and action',
      });
    }
    if (!(await account.walletsIn(group)).includes(wallet)) {
      throw new RuntimeError('permission', `the wallet ${wallet} is not in the group ${group} of the set-up`, { next });
    }
    if (!(await account.actionsIn(group)).includes(actionHash(cid))) {
      throw new RuntimeError('permission', `the action ${cid} may not use the wallet ${wallet} any more`, {
        next: 'it was replaced: use the store that has the share of the newer action, or run setup.ts for this one again',
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

  get #wallet(): string {
    return this.#options.settings.LIT_WALLET;
  }

  #assertOwn(wallet: string): void {
    if (wallet === this.#wallet) return;
    throw new RuntimeError('permission', `the wallet ${wallet} is not that of the set-up, ${this.#wallet}`, {
      next: 'use the lit.env that was in the folder when the key was made',
    });
  }

  async #post(body: Readonly<Record<string, Json>>, until: number, options: RunOptions): Promise<Json> {
    const { isRepeatable = false, signal, onProgress } = options;
    const answer = await this.#http.send('POST', 'lit_action', { body, isRepeatable, until, signal, onProgress });
    const { response, has_error } = checked(answerSchema, answer, 'lit_action');
    if (has_error) throw new RuntimeError('action', 'the action failed');
    return response as Json;
  }
}

/** Sees to it that a group has these actions and no others: the new ones are in before the old ones go. */
export async function setActions(account: LitAccount, group: string, cids: readonly string[]): Promise<void> {
  const before = await account.actionsIn(group);
  const wanted = new Map(cids.map((cid) => [actionHash(cid), cid]));
  for (const [hash, cid] of wanted) if (!before.includes(hash)) await account.addAction(group, cid, `tandem ${cid}`);
  for (const hash of before) if (!wanted.has(hash)) await account.removeAction(group, hash);
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

/** Whether the host may not have had the code of an action. How it says so is not documented for all cases. */
function isMiss(error: unknown, { isRepeatable = false }: RunOptions): boolean {
  if (!(error instanceof RuntimeError) || error.status === undefined) return false;
  return [400, 404, 422].includes(error.status) || (error.status === 500 && isRepeatable);
}

function assertFits(what: string, text: string, limit: number): void {
  const length = Buffer.byteLength(text);
  if (length > limit) throw new RuntimeError('limit', `${what}: ${length} bytes, where the host allows ${limit}`);
}
