import * as v from 'valibot';
import { RuntimeError } from '../errors.ts';
import { DOCUMENTED_LIMITS } from '../limits.ts';
import type { Limits } from '../types.ts';
import type { LitHttp, LitRequest } from './http.ts';

const PAGE = 100;
const MAX_PAGES = 100;

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const positive = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const short = v.pipe(v.string(), v.maxLength(4096));
const address = v.pipe(v.string(), v.regex(/^0x[0-9a-fA-F]{40}$/), v.toLowerCase());
const groupId = v.pipe(v.union([v.string(), count]), v.transform(String), v.regex(/^[1-9][0-9]{0,14}$/));
const done = v.object({ success: v.literal(true) });

const groupItem = v.object({ id: groupId, name: short });
const walletItem = v.object({ id: short, wallet_address: address });
const actionItem = v.object({ id: short });
const keyItem = v.object({ name: short, can_execute_in_groups: v.array(count) });
const config = v.object({
  timeout_ms: positive,
  memory_limit_mb: positive,
  max_code_length: positive,
  max_response_length: positive,
  max_console_log_length: count,
  max_fetch_count: count,
  max_get_keys_count: count,
});

/** The zero address: in a group it stands for every wallet of the account. */
export const EVERY_WALLET = `0x${'0'.repeat(40)}`;

/** What a usage key may do; everything else it may not. */
export interface UsageKey {
  readonly name: string;
  readonly executeInGroups: readonly number[];
}

/** An account on Lit: the calls that a set-up consists of. Reading is repeated when it fails, changing is not. */
export class LitAccount {
  readonly #http: LitHttp;
  readonly #signal: AbortSignal | undefined;

  constructor(http: LitHttp, signal?: AbortSignal) {
    this.#http = http;
    this.#signal = signal;
  }

  /** Whether the host knows the API key. */
  exists(): Promise<boolean> {
    return this.#get(v.boolean(), 'account_exists');
  }

  /** Whether the host knows another API key. */
  knows(key: string): Promise<boolean> {
    return new LitAccount(this.#http.withKey(key), this.#signal).exists();
  }

  /** How far this machine's clock is ahead of the host's, by its last answer. */
  get clockAheadMs(): number | undefined {
    return this.#http.clockAheadMs;
  }

  /** The limits in force. That of the parameters is documented only: the host does not tell it. */
  async limits(until?: number): Promise<Limits> {
    const told = await this.#get(config, 'get_lit_action_client_config', {}, until);
    return {
      maxCodeLength: told.max_code_length,
      maxParamsLength: DOCUMENTED_LIMITS.maxParamsLength,
      maxResponseLength: told.max_response_length,
      maxConsoleLogLength: told.max_console_log_length,
      maxFetchCount: told.max_fetch_count,
      maxGetKeysCount: told.max_get_keys_count,
      memoryLimitMb: told.memory_limit_mb,
      timeoutMs: told.timeout_ms,
    };
  }

  /** The CID of a source by the host's own reckoning. */
  cidOf(source: string): Promise<string> {
    return this.#send(short, 'POST', 'get_lit_action_ipfs_id', { body: source, isRepeatable: true });
  }

  /** Makes a wallet and returns its address in lower case. */
  async createWallet(): Promise<string> {
    return (await this.#post(v.object({ wallet_address: address }), 'create_wallet', {})).wallet_address;
  }

  /** The addresses of the account's wallets. */
  async wallets(): Promise<string[]> {
    return (await this.#list(walletItem, 'list_wallets')).map((wallet) => wallet.wallet_address);
  }

  groups(): Promise<v.InferOutput<typeof groupItem>[]> {
    return this.#list(groupItem, 'list_groups');
  }

  /** The wallets in a group; {@link EVERY_WALLET} stands for all. */
  async walletsIn(group: string): Promise<string[]> {
    return (await this.#list(walletItem, 'list_wallets_in_group', { group_id: group })).map(
      (item) => item.wallet_address,
    );
  }

  /** The actions in a group, by the hash of the CID; what is no hash (`n/a`) stands for all. */
  async actionsIn(group: string): Promise<string[]> {
    return (await this.#list(actionItem, 'list_actions', { group_id: group })).map(({ id }) => id.toLowerCase());
  }

  /** Makes an empty group. */
  async addGroup(name: string, description: string): Promise<string> {
    const body = { group_name: name, group_description: description, pkp_ids_permitted: [], cid_hashes_permitted: [] };
    return (await this.#post(v.object({ ...done.entries, group_id: groupId }), 'add_group', body)).group_id;
  }

  async removeGroup(group: string): Promise<void> {
    await this.#post(done, 'remove_group', { group_id: group });
  }

  /** Puts an action into a group and gives it a name in the account's lists. */
  async addAction(group: string, cid: string, name: string): Promise<void> {
    await this.#post(done, 'add_action', { action_ipfs_cid: cid, name, description: '' });
    await this.#post(done, 'add_action_to_group', { group_id: group, action_ipfs_cid: cid });
  }

  /** Takes an action out of a group, by the hash of its CID. */
  async removeAction(group: string, hash: string): Promise<void> {
    await this.#post(done, 'remove_action_from_group', { group_id: group, hashed_cid: hash });
  }

  async addWallet(group: string, wallet: string): Promise<void> {
    await this.#post(done, 'add_pkp_to_group', { group_id: group, pkp_id: wallet });
  }

  /** The usage keys of the account. The keys themselves are shown only when they are made. */
  async usageKeys(): Promise<UsageKey[]> {
    const items = await this.#list(keyItem, 'list_api_keys');
    return items.map((item) => ({ name: item.name, executeInGroups: item.can_execute_in_groups }));
  }

  /** Makes a key that may run the actions of one group, and nothing else. */
  async addUsageKey(name: string, group: string): Promise<string> {
    const body = {
      name,
      description: '',
      can_create_groups: false,
      can_delete_groups: false,
      can_create_pkps: false,
      manage_ipfs_ids_in_groups: [],
      add_pkp_to_groups: [],
      remove_pkp_from_groups: [],
      execute_in_groups: [Number(group)],
    };
    const schema = v.object({ ...done.entries, usage_api_key: v.pipe(v.string(), v.regex(/^[\x21-\x7e]{1,1024}$/)) });
    return (await this.#post(schema, 'add_usage_api_key', body)).usage_api_key;
  }

  async removeUsageKey(key: string): Promise<void> {
    await this.#post(done, 'remove_usage_api_key', { usage_api_key: key });
  }

  #get<S extends v.GenericSchema>(schema: S, path: string, query: Record<string, string> = {}, until?: number) {
    return this.#send(schema, 'GET', path, { query, isRepeatable: true, ...(until !== undefined && { until }) });
  }

  #post<S extends v.GenericSchema>(schema: S, path: string, body: LitRequest['body'] & object) {
    return this.#send(schema, 'POST', path, { body, isRepeatable: false });
  }

  async #list<S extends v.GenericSchema>(schema: S, path: string, query: Record<string, string> = {}) {
    const items: v.InferOutput<S>[] = [];
    for (let page = 0; page < MAX_PAGES; page++) {
      const some = await this.#get(v.array(schema), path, { ...query, page_number: `${page}`, page_size: `${PAGE}` });
      items.push(...some);
      if (some.length < PAGE) return items;
    }
    throw new RuntimeError('limit', `the host lists more than ${MAX_PAGES * PAGE} entries of ${path}`);
  }

  async #send<S extends v.GenericSchema>(
    schema: S,
    method: 'GET' | 'POST',
    path: string,
    request: LitRequest,
  ): Promise<v.InferOutput<S>> {
    const answer = await this.#http.send(method, path, { ...request, signal: this.#signal });
    return checked(schema, answer, path);
  }
}

/** @throws {RuntimeError} `unavailable` if an answer is not of the form that the API is known to have */
export function checked<S extends v.GenericSchema>(schema: S, answer: unknown, path: string): v.InferOutput<S> {
  const result = v.safeParse(schema, answer);
  if (result.success) return result.output;
  const where = v.getDotPath(result.issues[0]);
  throw new RuntimeError(
    'unavailable',
    `${path} answers in a form not known here${where === null ? '' : `, at ${where}`}`,
    {
      next: 'check the URL of the host; if it is right, its API has changed: see whether there is a newer tandem',
    },
  );
}
