import { createHash, randomBytes } from 'node:crypto';
import * as v from 'valibot';
import { actionHash } from '../../protocol/cid.ts';
import { Cid, LowerAddress } from '../../protocol/schema.ts';
import { MAX_BODY } from '../limits.ts';
import { ApiError } from './api-errors.ts';
import { GENERATIONS, type Generation } from './generations.ts';
import { ANOTHER_LENGTH, faultOf, type LitHost } from './host.ts';
import { type Caller, GROUP_LISTS, grants, mayRun, mayUse } from './permissions.ts';
import {
  ANY,
  type Group,
  MAX_ACCOUNTS,
  newGroup,
  newWallet,
  ownerOf,
  type Scope,
  type State,
  scopeSchema,
} from './state.ts';

/** A call of an endpoint; the schemas have checked `query` and `body`. */
interface ApiCall<Query, Body> {
  readonly host: LitHost;
  readonly caller: Caller;
  readonly query: Query;
  readonly body: Body;
  readonly key: string;
  readonly signal: AbortSignal;
  readonly headers: Readonly<Record<string, string>>;
  readonly cache: SourceCache;
}

type Schema = v.GenericSchema;

/** One endpoint of the API. */
export interface Endpoint {
  readonly method: 'GET' | 'POST' | ((generation: Generation) => 'GET' | 'POST');
  readonly path: string;
  readonly summary: string;
  /** Whether it needs an API key. `any`: one that may be unknown. */
  readonly auth: 'none' | 'any' | 'key';
  readonly query?: Schema;
  readonly body?: Schema;
  /** Whether the body may be as long as an action and its parameters. */
  readonly isLong?: boolean;
  readonly answer: Schema;
  handle(call: ApiCall<unknown, unknown>): Promise<unknown> | unknown;
}

/** The sources that were run, by CID: the newest, up to a number of characters in all. */
export class SourceCache {
  readonly #sources = new Map<string, string>();
  readonly #limit: number;
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(cid: string): string | undefined {
    return this.#sources.get(cid);
  }

  add(cid: string, source: string): void {
    if (this.#sources.delete(cid)) this.#length -= source.length;
    this.#sources.set(cid, source);
    this.#length += source.length;
    for (const [oldest, { length }] of this.#sources) {
      if (this.#length <= this.#limit) break;
      this.#sources.delete(oldest);
      this.#length -= length;
    }
  }
}

// --- the parts of requests and answers

export const MAX_TEXT = 1024;
/** A name or the like, of a bounded length in bytes as the state has it: there a control character takes six. */
const text = v.pipe(
  v.string(),
  v.maxLength(MAX_TEXT),
  v.check((text) => Buffer.byteLength(JSON.stringify(text)) <= MAX_TEXT, `more than ${MAX_TEXT} bytes as JSON`),
);
const named = { name: text, description: text };
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const decimal = v.pipe(
  v.string(),
  v.regex(/^[0-9]{1,15}$/),
  v.transform((digits) => Number(digits)),
);
const page = { page_number: decimal, page_size: decimal };
const json = v.unknown();

const success = v.object({ success: v.literal(true) });
const item = v.object({ id: v.string(), name: v.string(), description: v.string() });
const walletItem = v.object({ ...item.entries, wallet_address: v.string() });
const keyItem = v.object({
  ...item.entries,
  api_key_hash: v.string(),
  expiration: v.string(),
  balance: count,
  can_create_groups: v.boolean(),
  can_delete_groups: v.boolean(),
  can_create_pkps: v.boolean(),
  can_manage_ipfs_ids_in_groups: v.array(count),
  can_add_pkp_to_groups: v.array(count),
  can_remove_pkp_from_groups: v.array(count),
  can_execute_in_groups: v.array(count),
});

// What is of the right type and still no CID, hash, wallet or id is refused inside the endpoint, as at Lit.

function cidHash(cid: string): string {
  if (!v.is(Cid, cid)) throw new ApiError(400, 'the CID is not one of version 0');
  return actionHash(cid);
}

/** The hash of a CID as a group holds it: with zeros before it, or {@link ANY} for 0. */
function hashEntry(hash: string): string {
  const digits = /^(?:0x)?([0-9a-fA-F]{1,64})$/.exec(hash)?.[1];
  if (digits === undefined) throw new ApiError(400, 'the hash of a CID is up to 64 digits of hex');
  return /^0+$/.test(digits) ? ANY : `0x${digits.toLowerCase().padStart(64, '0')}`;
}

/** A hash that stands for one action. */
function oneHash(hash: string): string {
  const entry = hashEntry(hash);
  if (entry === ANY) throw new ApiError(400, 'the hash 0 stands for no action of its own');
  return entry;
}

function walletEntry(id: string): string {
  const { success, output } = v.safeParse(LowerAddress, id.startsWith('0x') ? id : `0x${id}`);
  if (!success) throw new ApiError(400, 'a wallet is an address of 40 digits of hex');
  return /^0x0+$/.test(output) ? ANY : output;
}

/** The id of a group as a text: decimal, or hex with `0x`. */
function textId(id: string): number {
  if (!/^(?:0[xX][0-9a-fA-F]{1,64}|[0-9]{1,78})$/.test(id)) throw new ApiError(400, 'the id of a group is a number');
  return Number(BigInt(id));
}

function word(id: number): string {
  return `0x${id.toString(16).padStart(64, '0')}`;
}

const KEY_SECONDS = 10 * 365 * 24 * 3600;
const KEY_BALANCE = 10_000_000;

const DONE = { success: true as const };

// --- what the endpoints do

function endpoint<Q extends Schema, B extends Schema, A extends Schema>(definition: {
  method: Endpoint['method'];
  path: string;
  summary: string;
  auth: Endpoint['auth'];
  query?: Q;
  body?: B;
  isLong?: boolean;
  answer: A;
  handle(call: ApiCall<v.InferOutput<Q>, v.InferOutput<B>>): Promise<v.InferInput<A>> | v.InferInput<A>;
}): Endpoint {
  return definition as Endpoint;
}

/** All endpoints, by their path under /core/v1/. */
export const ENDPOINTS: readonly Endpoint[] = [
  endpoint({
    method: 'POST',
    path: 'new_account',
    summary: 'Makes an account: its key, shown only here, and its wallet.',
    auth: 'none',
    body: v.object({ account_name: text, account_description: text, email: v.nullish(text) }),
    answer: v.object({ api_key: v.string(), wallet_address: v.string() }),
    async handle({ host, body }) {
      const api_key = newKey();
      const wallet_address = await host.state.update((state) => {
        if (state.accounts.length >= MAX_ACCOUNTS) {
          throw new ApiError(
            403,
            `this server has ${MAX_ACCOUNTS} accounts and takes no more`,
            'begin another --store',
          );
        }
        const wallet = newWallet(state);
        const name = body.account_name;
        state.accounts.push({ name, description: body.account_description, keyHash: hashOf(api_key), wallet });
        state.owners[wallet] = { account: state.accounts.length, name: 'AMW', description: 'Account Master Wallet' };
        return wallet;
      });
      return { api_key, wallet_address };
    },
  }),
  endpoint({
    method: 'GET',
    path: 'account_exists',
    summary: 'Tells whether the API key is known.',
    auth: 'any',
    answer: v.boolean(),
    handle: ({ host, key }) => findCaller(host.state.read(), key) !== undefined,
  }),
  endpoint({
    method: ({ createWallet }) => createWallet,
    path: 'create_wallet',
    summary: 'Makes a wallet (PKP). Its id is its address.',
    auth: 'key',
    answer: v.object({ wallet_address: v.string() }),
    async handle({ host, caller }) {
      allow(caller, ({ can_create_pkps }) => can_create_pkps);
      const wallet_address = await host.state.updateFor(caller.account, (state) => {
        const wallet = newWallet(state);
        state.owners[wallet] = { account: caller.account, name: 'Wallet', description: 'Wallet' };
        return wallet;
      });
      return { wallet_address };
    },
  }),
  endpoint({
    method: 'POST',
    path: 'get_lit_action_ipfs_id',
    summary: 'The CID of an action; the body is its source, as a JSON text.',
    auth: 'none',
    body: v.string(),
    isLong: true,
    answer: v.string(),
    handle({ host, body }) {
      assertHashable(body);
      return host.cidOf(body);
    },
  }),
  endpoint({
    method: 'POST',
    path: 'lit_action',
    summary: 'Runs an action, given by its source or, once that was sent, by its CID.',
    auth: 'key',
    body: v.object({
      code: v.nullish(v.string()),
      ipfs_id: v.nullish(v.string()),
      // As text, which takes no more memory than it was sent with while the call waits for its turn.
      js_params: v.optional(
        v.pipe(
          json,
          v.transform((params) => JSON.stringify(params)),
        ),
        null,
      ),
    }),
    isLong: true,
    answer: v.object({ response: json, logs: v.string(), has_error: v.boolean() }),
    async handle({ host, caller, body, cache, signal, headers }) {
      if (!body.code && !body.ipfs_id) throw new ApiError(400, 'either code or ipfs_id must be given');
      // With the code its id is of no interest.
      const source = body.code || cache.get(body.ipfs_id ?? '');
      if (source === undefined) {
        throw new ApiError(400, `No cached code found for ${body.ipfs_id?.slice(0, 64)}: send it once as code`);
      }
      const permitted = host.state.settled();
      const call = {
        ...{ source, params: body.js_params, headers, signal, account: caller.account },
        mayUse: (cid: string, wallet: string) => mayUse(permitted, caller, cid, wallet),
      };
      assertHashable(source);
      host.assertFits(call);
      const cid = await host.cidOf(source);
      if (!mayRun(permitted, caller, cid)) throw new ApiError(403, `this API key may not run the action ${cid}`);
      cache.add(cid, source);
      return { ...(await host.executeText(call)), has_error: false };
    },
  }),
  endpoint({
    method: 'POST',
    path: 'add_group',
    summary:
      'Makes a group. A CID hash of 0 stands for every action, the zero address for every wallet of the account.',
    auth: 'key',
    body: v.object({
      group_name: text,
      group_description: text,
      pkp_ids_permitted: v.array(v.string()),
      cid_hashes_permitted: v.array(v.string()),
    }),
    answer: v.object({ ...success.entries, group_id: v.string() }),
    async handle({ host, caller, body }) {
      allow(caller, ({ can_create_groups }) => can_create_groups);
      const group_id = await host.state.updateFor(caller.account, (state) => {
        const members = membersOf(state, caller, body);
        const group = newGroup(state, body.group_name, caller.account);
        Object.assign(group, { description: body.group_description, ...members });
        return String(group.id);
      });
      return { success: true as const, group_id };
    },
  }),
  endpoint({
    method: 'POST',
    path: 'update_group',
    summary: 'Gives a group another name, and other actions and wallets in place of those it has.',
    auth: 'key',
    body: v.object({
      group_id: count,
      ...named,
      pkp_ids_permitted: v.optional(v.array(v.string()), []),
      cid_hashes_permitted: v.optional(v.array(v.string()), []),
    }),
    answer: success,
    handle: ({ host, caller, body }) =>
      changeGroup(host, caller, body.group_id, never, (state, group) => {
        const { name, description } = body;
        Object.assign(group, { name, description, ...membersOf(state, caller, body) });
      }),
  }),
  endpoint({
    method: 'POST',
    path: 'remove_group',
    summary: 'Removes a group. Its id is a text here, in decimal or in hex.',
    auth: 'key',
    body: v.object({ group_id: v.string() }),
    answer: success,
    async handle({ host, caller, body }) {
      allow(caller, ({ can_delete_groups }) => can_delete_groups);
      await host.state.updateFor(caller.account, (state) => {
        const { id } = ownGroup(state, caller, textId(body.group_id));
        state.groups = state.groups.filter((group) => group.id !== id);
        // The number may be given again: no key of today may mean the group of tomorrow.
        for (const { scope } of state.usageKeys) {
          for (const list of GROUP_LISTS) scope[list] = scope[list].filter((member) => member !== id);
        }
      });
      return DONE;
    },
  }),
  endpoint({
    method: 'POST',
    path: 'add_action',
    summary: 'Gives an action a name in the lists of the account.',
    auth: 'key',
    body: v.object({ action_ipfs_cid: v.string(), ...named }),
    answer: success,
    async handle({ host, caller, body }) {
      allow(caller, ({ manage_ipfs_ids_in_groups }) => manage_ipfs_ids_in_groups.length > 0);
      const { action_ipfs_cid, name, description } = body;
      const { account } = caller;
      const hash = cidHash(action_ipfs_cid);
      await host.state.updateFor(account, (state) => {
        state.actions = state.actions.filter((action) => action.account !== account || action.hash !== hash);
        state.actions.push({ account, hash, name, description });
      });
      return DONE;
    },
  }),
  endpoint({
    method: 'POST',
    path: 'update_action_metadata',
    summary: 'Gives an action another name in the lists of the account.',
    auth: 'key',
    body: v.object({ hashed_cid: v.string(), ...named }),
    answer: success,
    handle: ({ host, caller, body: { hashed_cid, ...text } }) =>
      changeAccount(host, caller, (state) => {
        Object.assign(ownAction(state, caller, oneHash(hashed_cid)), text);
      }),
  }),
  endpoint({
    method: 'POST',
    path: 'delete_action',
    summary: 'Takes the name of an action out of the lists of the account.',
    auth: 'key',
    body: v.object({ hashed_cid: v.string() }),
    answer: success,
    handle: ({ host, caller, body }) =>
      changeAccount(host, caller, (state) => {
        const action = ownAction(state, caller, oneHash(body.hashed_cid));
        state.actions = state.actions.filter((other) => other !== action);
      }),
  }),
  endpoint({
    method: 'POST',
    path: 'add_action_to_group',
    summary: 'Puts an action into a group, by its CID.',
    auth: 'key',
    body: v.object({ group_id: count, action_ipfs_cid: v.string() }),
    answer: success,
    handle: ({ host, caller, body }) =>
      changeGroup(host, caller, body.group_id, 'manage_ipfs_ids_in_groups', (_state, group) => {
        group.cids = [...new Set([...group.cids, cidHash(body.action_ipfs_cid)])];
      }),
  }),
  endpoint({
    method: 'POST',
    path: 'remove_action_from_group',
    summary: 'Takes an action out of a group, by the hash of its CID.',
    auth: 'key',
    body: v.object({ group_id: count, hashed_cid: v.string() }),
    answer: success,
    handle: ({ host, caller, body }) =>
      changeGroup(host, caller, body.group_id, 'manage_ipfs_ids_in_groups', (_state, group) => {
        const entry = hashEntry(body.hashed_cid);
        group.cids = without(group.cids, (member) => member === entry || hashOfMember(member) === entry, 'action');
      }),
  }),
  endpoint({
    method: 'POST',
    path: 'add_pkp_to_group',
    summary: 'Puts a wallet of the account into a group.',
    auth: 'key',
    body: v.object({ group_id: count, pkp_id: v.string() }),
    answer: success,
    handle: ({ host, caller, body }) =>
      changeGroup(host, caller, body.group_id, 'add_pkp_to_groups', (state, group) => {
        group.wallets = [...new Set([...group.wallets, ownWallet(state, caller, body.pkp_id)])];
      }),
  }),
  endpoint({
    method: 'POST',
    path: 'remove_pkp_from_group',
    summary: 'Takes a wallet out of a group.',
    auth: 'key',
    body: v.object({ group_id: count, pkp_id: v.string() }),
    answer: success,
    handle: ({ host, caller, body }) =>
      changeGroup(host, caller, body.group_id, 'remove_pkp_from_groups', (_state, group) => {
        const entry = walletEntry(body.pkp_id);
        group.wallets = without(group.wallets, (member) => member === entry, 'wallet');
      }),
  }),
  endpoint({
    method: 'POST',
    path: 'add_usage_api_key',
    summary:
      'Makes a key, shown only here, that may do what is listed. In a list of groups 0 stands for all: in execute_in_groups for any action with any wallet.',
    auth: 'key',
    body: v.object({ ...named, ...scopeSchema.entries }),
    answer: v.object({ ...success.entries, usage_api_key: v.string() }),
    async handle({ host, caller, body }) {
      allow(caller, never);
      const { name, description, ...scope } = body;
      const { account } = caller;
      const usage_api_key = newKey();
      await host.state.updateFor(account, (state) => {
        assertOwnGroups(state, caller, scope);
        state.owners[newWallet(state)] = { account, name: 'API Key Wallet', description: 'Usage API Key Wallet' };
        const [keyHash, listedHash] = [hashOf(usage_api_key), actionHash(usage_api_key)];
        state.usageKeys.push({ account, name, description, keyHash, listedHash, expiration: expiration(), scope });
      });
      return { success: true as const, usage_api_key };
    },
  }),
  endpoint({
    method: 'POST',
    path: 'update_usage_api_key',
    summary: 'Gives a usage key another name and other rights in place of those it has.',
    auth: 'key',
    body: v.object({ usage_api_key: v.string(), ...named, ...scopeSchema.entries }),
    answer: success,
    handle: ({ host, caller, body: { usage_api_key, name, description, ...scope } }) =>
      changeAccount(host, caller, (state) => {
        assertOwnGroups(state, caller, scope);
        const key = ownUsageKey(state, caller, usage_api_key);
        Object.assign(key, { name, description, scope, expiration: expiration() });
      }),
  }),
  endpoint({
    method: 'POST',
    path: 'update_usage_api_key_metadata',
    summary: 'Gives a usage key another name.',
    auth: 'key',
    body: v.object({ usage_api_key: v.string(), ...named }),
    answer: success,
    handle: ({ host, caller, body: { usage_api_key, ...text } }) =>
      changeAccount(host, caller, (state) => {
        Object.assign(ownUsageKey(state, caller, usage_api_key), text);
      }),
  }),
  endpoint({
    method: 'POST',
    path: 'remove_usage_api_key',
    summary: 'Revokes a usage key.',
    auth: 'key',
    body: v.object({ usage_api_key: v.string() }),
    answer: success,
    handle: ({ host, caller, body }) =>
      changeAccount(host, caller, (state) => {
        const key = ownUsageKey(state, caller, body.usage_api_key);
        state.usageKeys = state.usageKeys.filter((other) => other !== key);
      }),
  }),
  endpoint({
    method: 'GET',
    path: 'list_groups',
    summary: 'The groups of the account, by their ids in hex.',
    auth: 'key',
    query: v.object(page),
    answer: v.array(item),
    handle: ({ host, caller, query }) =>
      paged(
        query,
        groupsOf(host.state.read(), caller).map(({ id, name, description }) => ({ id: word(id), name, description })),
      ),
  }),
  endpoint({
    method: 'GET',
    path: 'list_wallets',
    summary: 'The wallets of the account.',
    auth: 'key',
    query: v.object(page),
    answer: v.array(walletItem),
    handle({ host, caller, query }) {
      const state = host.state.read();
      return paged(query, listedWallets(state, caller, walletsOf(state, caller)));
    },
  }),
  endpoint({
    method: 'GET',
    path: 'list_wallets_in_group',
    summary: 'The wallets in a group. The zero address stands for all.',
    auth: 'key',
    query: v.object({ group_id: decimal, ...page }),
    answer: v.array(walletItem),
    handle({ host, caller, query }) {
      const state = host.state.read();
      const group = groupsOf(state, caller).find(({ id }) => id === query.group_id);
      return paged(query, listedWallets(state, caller, group?.wallets ?? []));
    },
  }),
  endpoint({
    method: 'GET',
    path: 'list_actions',
    summary:
      'The actions in a group or, without one, those with a name in the account. One without a name looks like every action.',
    auth: 'key',
    query: v.object({ group_id: v.optional(v.string(), '0'), ...page }),
    answer: v.array(item),
    handle({ host, caller, query }) {
      const state = host.state.read();
      const named = state.actions.filter(({ account }) => account === caller.account);
      const id = textId(query.group_id);
      const group = groupsOf(state, caller).find((candidate) => candidate.id === id);
      const hashes = id === 0 ? named.map(({ hash }) => hash) : (group?.cids ?? []).map(hashOfMember);
      const items = hashes.map((id) => {
        const action = named.find(({ hash }) => hash === id);
        if (action === undefined) return { id: 'n/a', name: 'Any', description: 'Any action received.' };
        return { id, name: action.name, description: action.description };
      });
      return paged(query, items);
    },
  }),
  endpoint({
    method: 'GET',
    path: 'list_api_keys',
    summary: 'The usage keys of the account, without the keys themselves.',
    auth: 'key',
    query: v.object(page),
    answer: v.array(keyItem),
    handle({ host, caller, query }) {
      const mine = host.state.read().usageKeys.filter(({ account }) => account === caller.account);
      const items = mine.map(({ keyHash, listedHash, name, description, expiration, scope }, i) => ({
        id: word(i + 1),
        api_key_hash: listedHash ?? `0x${keyHash}`,
        name,
        description,
        expiration: String(expiration),
        balance: KEY_BALANCE,
        can_create_groups: scope.can_create_groups,
        can_delete_groups: scope.can_delete_groups,
        can_create_pkps: scope.can_create_pkps,
        can_manage_ipfs_ids_in_groups: scope.manage_ipfs_ids_in_groups,
        can_add_pkp_to_groups: scope.add_pkp_to_groups,
        can_remove_pkp_from_groups: scope.remove_pkp_from_groups,
        can_execute_in_groups: scope.execute_in_groups,
      }));
      return paged(query, items);
    },
  }),
  endpoint({
    method: 'GET',
    path: 'get_node_chain_config',
    summary: 'The chain that accounts are on. Here there is none, and this says so in the form of one.',
    auth: 'none',
    answer: v.object({
      chain_name: v.string(),
      chain_id: count,
      is_evm: v.boolean(),
      testnet: v.boolean(),
      token: v.string(),
      contract_address: v.string(),
    }),
    handle: () => ({
      ...{ chain_name: 'none', chain_id: 0, is_evm: true, testnet: true, token: 'none' },
      contract_address: `0x${'0'.repeat(40)}`,
    }),
  }),
  endpoint({
    method: 'GET',
    path: 'version',
    summary: "What this server is, and which version of Lit's API it is like.",
    auth: 'none',
    answer: v.object({
      name: v.string(),
      version: v.string(),
      commit_version: v.string(),
      submodule_versions: v.array(v.tuple([v.string(), v.string()])),
    }),
    handle: ({ host: { generation } }) => ({
      ...{ name: 'tandem local host', version: generation.api, commit_version: '' },
      submodule_versions: [['deno', generation.deno] as [string, string]],
    }),
  }),
  endpoint({
    method: 'GET',
    path: 'health',
    summary: 'Tells that the server runs.',
    auth: 'none',
    answer: v.object({
      lit_actions_reachable: v.boolean(),
      cpu_available: v.boolean(),
      billing_keys_present: v.boolean(),
    }),
    handle: () => ({ lit_actions_reachable: true, cpu_available: true, billing_keys_present: false }),
  }),
  endpoint({
    method: 'GET',
    path: 'get_lit_action_client_config',
    summary: 'The limits in force. Lengths are in bytes.',
    auth: 'none',
    answer: v.object({
      timeout_ms: count,
      async_timeout_ms: count,
      memory_limit_mb: count,
      max_code_length: count,
      max_response_length: count,
      max_console_log_length: count,
      max_fetch_count: count,
      max_get_keys_count: count,
      max_retries: count,
      client_timeout_ms_buffer: count,
      /** Lit's own hosts tell none; here it is there if it is less than a request may have. */
      max_params_length: v.optional(count),
    }),
    handle: ({ host: { limits } }) => ({
      timeout_ms: limits.timeoutMs,
      async_timeout_ms: limits.timeoutMs,
      memory_limit_mb: limits.memoryLimitMb,
      max_code_length: limits.maxCodeLength,
      max_response_length: limits.maxResponseLength,
      max_console_log_length: limits.maxConsoleLogLength,
      max_fetch_count: limits.maxFetchCount,
      max_get_keys_count: limits.maxGetKeysCount,
      max_retries: 0,
      client_timeout_ms_buffer: 0,
      ...(limits.maxParamsLength < MAX_BODY && { max_params_length: limits.maxParamsLength }),
    }),
  }),
];

/** What Lit's API has besides, and this server has not. */
export const NOT_HERE = [
  'add_usage_api_key_with_signature',
  'billing',
  'cache_metadata',
  'convert_to_chain_secured_account',
  'create_wallet_with_signature',
  'get_admin_api_payer',
  'get_api_payers',
  'get_chain_config_keys',
  'get_supported_languages',
  'lit_binary_action',
] as const;

/** Who an API key belongs to. The state holds only hashes of keys. */
export function findCaller(state: State, key: string): Caller | undefined {
  const keyHash = hashOf(key);
  const at = state.accounts.findIndex((account) => account.keyHash === keyHash);
  if (at >= 0) return { account: at + 1 };
  const usage = state.usageKeys.find((candidate) => candidate.keyHash === keyHash);
  return usage && { account: usage.account, usage };
}

function assertHashable(source: string): void {
  const fault = faultOf(source);
  if (fault !== undefined) throw new ApiError(500, fault, ANOTHER_LENGTH);
}

/** The method of an endpoint at a host of a generation. */
export function methodOf({ method }: Endpoint, generation: Generation = GENERATIONS.newest): 'GET' | 'POST' {
  return typeof method === 'string' ? method : method(generation);
}

function newKey(): string {
  return randomBytes(32).toString('base64');
}

function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

function expiration(): number {
  return Math.floor(Date.now() / 1000) + KEY_SECONDS;
}

/** An account's own key may change anything in the account; a usage key only what it was made for. */
function allow({ usage }: Caller, isGranted: (scope: Scope) => boolean): void {
  if (usage !== undefined && !isGranted(usage.scope)) throw new ApiError(403, 'this API key may not do that');
}

/** What no usage key may do. */
function never(): boolean {
  return false;
}

function groupsOf(state: State, { account }: Caller): Group[] {
  return state.groups.filter((group) => group.account === account);
}

/** What Lit's contract does not find, it reverts on, and the answer is a 500. */
function reverted(what: string): ApiError {
  return new ApiError(500, `the account has no such ${what}`);
}

function ownGroup(state: State, caller: Caller, id: number): Group {
  const group = groupsOf(state, caller).find((candidate) => candidate.id === id);
  if (group === undefined) throw reverted('group');
  return group;
}

function ownAction(state: State, { account }: Caller, hash: string): State['actions'][number] {
  const action = state.actions.find((candidate) => candidate.account === account && candidate.hash === hash);
  if (action === undefined) throw reverted('action');
  return action;
}

function ownUsageKey(state: State, { account }: Caller, key: string): State['usageKeys'][number] {
  const keyHash = hashOf(key);
  const usage = state.usageKeys.find((candidate) => candidate.account === account && candidate.keyHash === keyHash);
  if (usage === undefined) throw reverted('usage key');
  return usage;
}

/** A wallet as a group holds it; it must be the account's own. */
function ownWallet(state: State, { account }: Caller, id: string): string {
  const entry = walletEntry(id);
  if (entry !== ANY && ownerOf(state, entry) !== account) throw reverted('wallet');
  return entry;
}

function assertOwnGroups(state: State, caller: Caller, scope: Scope): void {
  for (const list of GROUP_LISTS) for (const id of scope[list]) if (id !== 0) ownGroup(state, caller, id);
}

function membersOf(
  state: State,
  caller: Caller,
  given: { readonly pkp_ids_permitted: readonly string[]; readonly cid_hashes_permitted: readonly string[] },
): Pick<Group, 'cids' | 'wallets'> {
  return {
    cids: [...new Set(given.cid_hashes_permitted.map(hashEntry))],
    wallets: [...new Set(given.pkp_ids_permitted.map((id) => ownWallet(state, caller, id)))],
  };
}

/** The members of a group that are not one of those; one at least must be. */
function without(members: readonly string[], isOne: (member: string) => boolean, what: string): string[] {
  const rest = members.filter((member) => !isOne(member));
  if (rest.length === members.length) throw reverted(`${what} in the group`);
  return rest;
}

/** A member by its hash: in-process, groups are given CIDs. */
function hashOfMember(member: string): string {
  return member === ANY || member.startsWith('0x') ? member : actionHash(member);
}

/** A change that only the account's own key may make. */
async function changeAccount(host: LitHost, caller: Caller, edit: (state: State) => void): Promise<typeof DONE> {
  allow(caller, never);
  await host.state.updateFor(caller.account, edit);
  return DONE;
}

async function changeGroup(
  host: LitHost,
  caller: Caller,
  id: number,
  right: (typeof GROUP_LISTS)[number] | typeof never,
  edit: (state: State, group: Group) => void,
): Promise<typeof DONE> {
  if (id === 0) throw new ApiError(400, 'the group 0 stands for all and cannot be changed');
  allow(caller, typeof right === 'function' ? right : (scope) => grants(scope, right, id));
  await host.state.updateFor(caller.account, (state) => edit(state, ownGroup(state, caller, id)));
  return DONE;
}

function walletsOf(state: State, { account }: Caller): string[] {
  return Object.keys(state.wallets).filter((address) => ownerOf(state, address) === account);
}

/** Wallets as the lists have them: their ids are their places in the account, in decimal. */
function listedWallets(state: State, caller: Caller, addresses: readonly string[]): v.InferOutput<typeof walletItem>[] {
  const all = walletsOf(state, caller);
  return addresses.map((address) => {
    if (address === ANY) return { id: '0', name: '', description: '', wallet_address: `0x${'0'.repeat(40)}` };
    const { name = '', description = '' } = state.owners[address] ?? {};
    return { id: String(all.indexOf(address) + 1), name, description, wallet_address: address };
  });
}

function paged<T>({ page_number, page_size }: { page_number: number; page_size: number }, items: readonly T[]): T[] {
  return items.slice(page_number * page_size, (page_number + 1) * page_size);
}
