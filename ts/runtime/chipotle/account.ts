import { keccak_256 } from '@noble/hashes/sha3.js';
import * as v from 'valibot';
import { toHex } from '../../core/bytes.ts';
import { AnyHex, LowerAddress } from '../../protocol/schema.ts';
import { RuntimeError } from '../errors.ts';
import { MAX_BODY } from '../limits.ts';
import type { Limits } from '../types.ts';
import type { LitHttp, LitRequest } from './http.ts';

/** What a host need not have, and nobody has to wait for. */
const ONCE = { isRepeatable: false } as const;
const PAGE = 100;
const MAX_PAGES = 100;

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const positive = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const short = v.pipe(v.string(), v.maxLength(4096));
/** An id of a group, which the API gives in decimal, in hex and as a number: always in decimal, so that one is one text. */
const groupId = v.pipe(
  v.union([count, v.pipe(v.string(), v.regex(/^(?:0x[0-9a-fA-F]{1,64}|[0-9]{1,78})$/))]),
  v.transform((id) => BigInt(id).toString()),
);
const done = v.object({ success: v.literal(true) });

const groupItem = v.object({ id: groupId, name: short });
const walletItem = v.object({ id: short, wallet_address: LowerAddress });
const actionItem = v.object({ id: short });
const keyItem = v.object({
  api_key_hash: v.pipe(AnyHex(32), v.toLowerCase()),
  name: short,
  can_create_groups: v.boolean(),
  can_manage_ipfs_ids_in_groups: v.array(groupId),
  can_add_pkp_to_groups: v.array(groupId),
  can_execute_in_groups: v.array(groupId),
});
const config = v.object({
  timeout_ms: positive,
  memory_limit_mb: positive,
  max_code_length: positive,
  max_response_length: positive,
  max_console_log_length: count,
  max_fetch_count: count,
  max_get_keys_count: count,
  /** Lit's own servers tell none. */
  max_params_length: v.optional(positive),
});
const version = v.object({ name: v.optional(short), version: short, commit_version: v.optional(short) });
const attestation = v.object({ quote: v.pipe(v.string(), v.regex(/^(?:0x)?(?:[0-9a-fA-F]{2})+$/)) });

/** The zero address: in a group it stands for every wallet of the account. */
export const EVERY_WALLET = `0x${'0'.repeat(40)}`;

/** In what a usage key may do: every group of the account. To run actions in it means any action, with any wallet. */
export const EVERY_GROUP = '0';

/** A usage key in the account's list, and what it may do as far as that bears on who uses a wallet. */
export interface UsageKey {
  /** {@link usageKeyHash} of the key, which itself is not in the list. */
  readonly hash: string;
  readonly name: string;
  readonly canCreateGroups: boolean;
  readonly managesActionsIn: readonly string[];
  readonly addsWalletsTo: readonly string[];
  readonly executesIn: readonly string[];
}

/** How the account's list names a usage key: Keccak-256 of its characters, in hex. */
export function usageKeyHash(key: string): string {
  return toHex(keccak_256(new TextEncoder().encode(key)));
}

/**
 * An account at Lit: the calls that a set-up consists of. A call that reads is repeated if it fails; a call that changes something
 * is not.
 */
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

  /** How far this machine's clock is ahead of the host's, by its last answer. */
  get clockAheadMs(): number | undefined {
    return this.#http.clockAheadMs;
  }

  /** What the host says that it is. */
  async version(): Promise<string> {
    const { name, version: number, commit_version } = await this.#send(version, 'GET', 'version', ONCE);
    return [name, number, commit_version].filter((part) => part !== undefined && part !== '').join(' ');
  }

  /** The length in bytes of the quote by which the host's enclave attests itself. The quote is not verified. */
  async quoteLength(): Promise<number> {
    const { quote } = await this.#send(attestation, 'GET', '/attestation', ONCE);
    return quote.replace(/^0x/, '').length / 2;
  }

  /** The limits in force. Where the host tells none of the parameters, the whole request bounds them. */
  async limits(until?: number): Promise<Limits> {
    const told = await this.#get(config, 'get_lit_action_client_config', {}, until);
    return {
      maxCodeLength: told.max_code_length,
      maxParamsLength: told.max_params_length ?? MAX_BODY,
      maxResponseLength: told.max_response_length,
      maxConsoleLogLength: told.max_console_log_length,
      maxFetchCount: told.max_fetch_count,
      maxGetKeysCount: told.max_get_keys_count,
      memoryLimitMb: told.memory_limit_mb,
      timeoutMs: told.timeout_ms,
    };
  }

  /** The CID of a source as the host computes it. */
  cidOf(source: string): Promise<string> {
    return this.#send(short, 'POST', 'get_lit_action_ipfs_id', { body: source, isRepeatable: true });
  }

  /** Makes a wallet and returns its address in lower case. */
  async createWallet(): Promise<string> {
    const made = v.object({ wallet_address: LowerAddress });
    const post = this.#post(made, 'create_wallet', {}).catch((error: unknown) => {
      if (!(error instanceof RuntimeError) || (error.status !== 404 && error.status !== 405)) throw error;
      // Before v1.1.10 it was a GET. It is one wallet each time, so it is not repeated either.
      return this.#send(made, 'GET', 'create_wallet', { isRepeatable: false });
    });
    return (await post).wallet_address;
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

  /**
   * The actions in a group, by the hash of the CID. What is not one (`n/a`) stands for all, or is an action that has no name in
   * the account: the two look the same.
   */
  async actionsIn(group: string): Promise<string[]> {
    return (await this.#list(actionItem, 'list_actions', { group_id: group })).map(({ id }) => id.toLowerCase());
  }

  /** Makes an empty group. */
  async addGroup(name: string, description: string): Promise<string> {
    const body = { group_name: name, group_description: description, pkp_ids_permitted: [], cid_hashes_permitted: [] };
    return (await this.#post(v.object({ ...done.entries, group_id: groupId }), 'add_group', body)).group_id;
  }

  async removeGroup(group: string): Promise<void> {
    // Here the API takes a text, everywhere else a number.
    await this.#post(done, 'remove_group', { group_id: group });
  }

  /** Puts an action into a group and gives it a name in the account's lists. */
  async addAction(group: string, cid: string, name: string): Promise<void> {
    await this.#post(done, 'add_action', { action_ipfs_cid: cid, name, description: '' });
    await this.#post(done, 'add_action_to_group', { group_id: numberOf(group), action_ipfs_cid: cid });
  }

  /** Takes an action out of a group, by the hash of its CID. */
  async removeAction(group: string, hash: string): Promise<void> {
    await this.#post(done, 'remove_action_from_group', { group_id: numberOf(group), hashed_cid: hash });
  }

  async addWallet(group: string, wallet: string): Promise<void> {
    await this.#post(done, 'add_pkp_to_group', { group_id: numberOf(group), pkp_id: wallet });
  }

  /** The usage keys of the account. The keys themselves are shown only when they are made. */
  async usageKeys(): Promise<UsageKey[]> {
    return (await this.#list(keyItem, 'list_api_keys')).map((item) => ({
      hash: item.api_key_hash,
      name: item.name,
      canCreateGroups: item.can_create_groups,
      managesActionsIn: item.can_manage_ipfs_ids_in_groups,
      addsWalletsTo: item.can_add_pkp_to_groups,
      executesIn: item.can_execute_in_groups,
    }));
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
      execute_in_groups: [numberOf(group)],
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

/** An id of a group as a JSON number. @throws {RuntimeError} `limit` if a number cannot hold it exactly */
function numberOf(group: string): number {
  const id = Number(group);
  if (Number.isSafeInteger(id)) return id;
  throw new RuntimeError('limit', `the group ${group} has an id that no JSON number holds exactly`);
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
