import { createHash, randomBytes } from 'node:crypto';
import * as v from 'valibot';
import { actionHash } from '../../protocol/cid.ts';
import { ApiError } from './api-errors.ts';
import type { LitHost } from './host.ts';
import {
  ANY,
  type Group,
  holdsAction,
  MAX_ACCOUNTS,
  newGroup,
  newWallet,
  ownerOf,
  type Scope,
  type State,
  scopeSchema,
} from './state.ts';

/** Who calls: an account, by its own key, or by a usage key that may do what its scope says. */
export interface Caller {
  readonly account: number;
  readonly scope?: Scope;
}

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
  readonly methods: readonly ('GET' | 'POST')[];
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

const MAX_TEXT = 1024;
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
const groupId = v.union([count, decimal]);
const cid = v.pipe(v.string(), v.regex(/^Qm[1-9A-HJ-NP-Za-km-z]{44}$/));
const hashedCid = v.pipe(v.string(), v.regex(/^(?:0x)?[0-9a-fA-F]{64}$/));
const wallet = v.pipe(v.string(), v.regex(/^0x[0-9a-fA-F]{40}$/));
const page = { page_number: decimal, page_size: decimal };
const json = v.unknown();

const success = v.object({ success: v.literal(true) });
const item = v.object({ id: v.string(), name: v.string(), description: v.string() });
const walletItem = v.object({ ...item.entries, wallet_address: v.string() });
const keyItem = v.object({
  ...item.entries,
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

const OK = { success: true };

// --- what the endpoints do

function endpoint<Q extends Schema, B extends Schema, A extends Schema>(definition: {
  methods: Endpoint['methods'];
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
    methods: ['POST'],
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
        state.owners[wallet] = { account: state.accounts.length, name: 'Account wallet', description: '' };
        return wallet;
      });
      return { api_key, wallet_address };
    },
  }),
  endpoint({
    methods: ['GET'],
    path: 'account_exists',
    summary: 'Tells whether the API key is known.',
    auth: 'any',
    answer: v.boolean(),
    handle: ({ host, key }) => findCaller(host.state.read(), key) !== undefined,
  }),
  endpoint({
    methods: ['POST', 'GET'],
    path: 'create_wallet',
    summary: 'Makes a wallet (PKP). Its id is its address.',
    auth: 'key',
    answer: v.object({ wallet_address: v.string() }),
    async handle({ host, caller }) {
      allow(caller, caller.scope?.can_create_pkps);
      const wallet_address = await host.state.updateFor(caller.account, (state) => {
        const wallet = newWallet(state);
        state.owners[wallet] = { account: caller.account, name: 'Wallet', description: '' };
        return wallet;
      });
      return { wallet_address };
    },
  }),
  endpoint({
    methods: ['POST'],
    path: 'get_lit_action_ipfs_id',
    summary: 'The CID of an action; the body is its source, as a JSON text.',
    auth: 'none',
    body: v.string(),
    isLong: true,
    answer: v.string(),
    handle: ({ host, body }) => host.cidOf(body),
  }),
  endpoint({
    methods: ['POST'],
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
      const source = body.code ?? (body.ipfs_id ? cache.get(body.ipfs_id) : undefined);
      if (source === undefined) {
        if (!body.ipfs_id) throw new ApiError(400, 'give the code of the action, or its ipfs_id');
        throw new ApiError(404, `the code of ${body.ipfs_id} is not in the cache: send it once as code`);
      }
      const cid = await host.cidOf(source);
      if (body.ipfs_id && body.ipfs_id !== cid)
        throw new ApiError(400, `the CID of the code is ${cid}, not ${body.ipfs_id}`);
      const inGroup = (group: Group) => canExecute(caller, group);
      const groups = host.state.read().groups.filter(inGroup);
      if (caller.scope && !groups.some((group) => holdsAction(group, cid))) {
        throw new ApiError(403, `this API key may not run the action ${cid}`);
      }
      const call = { source, params: body.js_params, headers, signal, inGroup, account: caller.account };
      host.assertFits(call);
      cache.add(cid, source);
      return { ...(await host.executeText(call)), has_error: false };
    },
  }),
  endpoint({
    methods: ['POST'],
    path: 'add_group',
    summary:
      'Makes a group. A CID hash of 0 stands for every action, the zero address for every wallet of the account.',
    auth: 'key',
    body: v.object({
      group_name: text,
      group_description: text,
      pkp_ids_permitted: v.array(wallet),
      cid_hashes_permitted: v.array(v.pipe(v.string(), v.regex(/^(?:0x)?[0-9a-fA-F]{1,64}$/))),
    }),
    answer: v.object({ ...success.entries, group_id: v.string() }),
    async handle({ host, caller, body }) {
      allow(caller, caller.scope?.can_create_groups);
      const group_id = await host.state.updateFor(caller.account, (state) => {
        const wallets = body.pkp_ids_permitted.map((id) => ownWallet(state, caller, id));
        const group = newGroup(state, body.group_name, caller.account);
        group.description = body.group_description;
        group.cids = [...new Set(body.cid_hashes_permitted.map(hashEntry))];
        group.wallets = [...new Set(wallets)];
        return String(group.id);
      });
      return { success: true as const, group_id };
    },
  }),
  endpoint({
    methods: ['POST'],
    path: 'remove_group',
    summary: 'Removes a group.',
    auth: 'key',
    body: v.object({ group_id: groupId }),
    answer: success,
    async handle({ host, caller, body }) {
      allow(caller, caller.scope?.can_delete_groups);
      await host.state.update((state) => {
        const { id } = ownGroup(state, caller, body.group_id);
        state.groups = state.groups.filter((group) => group.id !== id);
        // The number may be given again: no key of today may mean the group of tomorrow.
        for (const { scope } of state.usageKeys) {
          for (const list of GROUP_LISTS) scope[list] = scope[list].filter((member) => member !== id);
        }
      });
      return OK as { success: true };
    },
  }),
  endpoint({
    methods: ['POST'],
    path: 'add_action',
    summary: 'Gives an action a name in the lists of the account.',
    auth: 'key',
    body: v.object({ action_ipfs_cid: cid, ...named }),
    answer: success,
    async handle({ host, caller, body }) {
      allow(caller, (caller.scope?.manage_ipfs_ids_in_groups.length ?? 0) > 0);
      const { action_ipfs_cid, name, description } = body;
      const { account } = caller;
      await host.state.updateFor(caller.account, (state) => {
        const hash = actionHash(action_ipfs_cid);
        state.actions = state.actions.filter((action) => action.account !== account || action.hash !== hash);
        state.actions.push({ account, hash, name, description });
      });
      return OK as { success: true };
    },
  }),
  endpoint({
    methods: ['POST'],
    path: 'add_action_to_group',
    summary: 'Puts an action into a group, by its CID.',
    auth: 'key',
    body: v.object({ group_id: groupId, action_ipfs_cid: cid }),
    answer: success,
    handle: ({ host, caller, body }) =>
      change(host, caller, body.group_id, 'manage_ipfs_ids_in_groups', (_state, group) => {
        group.cids = [...new Set([...group.cids, actionHash(body.action_ipfs_cid)])];
      }),
  }),
  endpoint({
    methods: ['POST'],
    path: 'remove_action_from_group',
    summary: 'Takes an action out of a group, by the hash of its CID as list_actions has it.',
    auth: 'key',
    body: v.object({ group_id: groupId, hashed_cid: hashedCid }),
    answer: success,
    handle: ({ host, caller, body }) =>
      change(host, caller, body.group_id, 'manage_ipfs_ids_in_groups', (_state, group) => {
        const entry = hashEntry(body.hashed_cid);
        group.cids = group.cids.filter((member) => member !== entry && actionHash(member) !== entry);
      }),
  }),
  endpoint({
    methods: ['POST'],
    path: 'add_pkp_to_group',
    summary: 'Puts a wallet of the account into a group.',
    auth: 'key',
    body: v.object({ group_id: groupId, pkp_id: wallet }),
    answer: success,
    handle: ({ host, caller, body }) =>
      change(host, caller, body.group_id, 'add_pkp_to_groups', (state, group) => {
        group.wallets = [...new Set([...group.wallets, ownWallet(state, caller, body.pkp_id)])];
      }),
  }),
  endpoint({
    methods: ['POST'],
    path: 'remove_pkp_from_group',
    summary: 'Takes a wallet out of a group.',
    auth: 'key',
    body: v.object({ group_id: groupId, pkp_id: wallet }),
    answer: success,
    handle: ({ host, caller, body }) =>
      change(host, caller, body.group_id, 'remove_pkp_from_groups', (_state, group) => {
        const entry = walletEntry(body.pkp_id);
        group.wallets = group.wallets.filter((member) => member !== entry);
      }),
  }),
  endpoint({
    methods: ['POST'],
    path: 'add_usage_api_key',
    summary: 'Makes a key, shown only here, that may do what is listed. In a list of groups 0 stands for all.',
    auth: 'key',
    body: v.object({ ...named, ...scopeSchema.entries }),
    answer: v.object({ ...success.entries, usage_api_key: v.string() }),
    async handle({ host, caller, body }) {
      allow(caller, false);
      const { name, description, ...scope } = body;
      const usage_api_key = newKey();
      await host.state.updateFor(caller.account, (state) => {
        for (const list of GROUP_LISTS) for (const id of scope[list]) if (id !== 0) ownGroup(state, caller, id);
        state.usageKeys.push({ account: caller.account, name, description, keyHash: hashOf(usage_api_key), scope });
      });
      return { success: true as const, usage_api_key };
    },
  }),
  endpoint({
    methods: ['POST'],
    path: 'remove_usage_api_key',
    summary: 'Revokes a usage key.',
    auth: 'key',
    body: v.object({ usage_api_key: text }),
    answer: success,
    async handle({ host, caller, body }) {
      allow(caller, false);
      await host.state.update((state) => {
        const keyHash = hashOf(body.usage_api_key);
        const others = state.usageKeys.filter((key) => key.account !== caller.account || key.keyHash !== keyHash);
        if (others.length === state.usageKeys.length) throw new ApiError(404, 'the account has no such usage key');
        state.usageKeys = others;
      });
      return OK as { success: true };
    },
  }),
  endpoint({
    methods: ['GET'],
    path: 'list_groups',
    summary: 'The groups of the account.',
    auth: 'key',
    query: v.object(page),
    answer: v.array(item),
    handle: ({ host, caller, query }) =>
      paged(
        query,
        groupsOf(host.state.read(), caller).map(({ id, name, description }) => ({ id: String(id), name, description })),
      ),
  }),
  endpoint({
    methods: ['GET'],
    path: 'list_wallets',
    summary: 'The wallets of the account.',
    auth: 'key',
    query: v.object(page),
    answer: v.array(walletItem),
    handle({ host, caller, query }) {
      const state = host.state.read();
      const mine = Object.keys(state.wallets).filter((address) => ownerOf(state, address) === caller.account);
      return paged(
        query,
        mine.map((address) => walletOf(state, address)),
      );
    },
  }),
  endpoint({
    methods: ['GET'],
    path: 'list_wallets_in_group',
    summary: 'The wallets in a group.',
    auth: 'key',
    query: v.object({ group_id: decimal, ...page }),
    answer: v.array(walletItem),
    handle({ host, caller, query }) {
      const state = host.state.read();
      return paged(
        query,
        ownGroup(state, caller, query.group_id).wallets.map((address) => walletOf(state, address)),
      );
    },
  }),
  endpoint({
    methods: ['GET'],
    path: 'list_actions',
    summary: 'The actions in a group or, without one, those with a name in the account.',
    auth: 'key',
    query: v.object({ group_id: v.optional(decimal), ...page }),
    answer: v.array(item),
    handle({ host, caller, query }) {
      const state = host.state.read();
      const known = state.actions.filter(({ account }) => account === caller.account);
      if (query.group_id === undefined) {
        return paged(
          query,
          known.map(({ hash, name, description }) => ({ id: hash, name, description })),
        );
      }
      const items = ownGroup(state, caller, query.group_id).cids.map((entry) => {
        if (entry === ANY) return { id: 'n/a', name: 'Any', description: 'Any action.' };
        const id = entry.startsWith('0x') ? entry : actionHash(entry);
        const { name = '', description = '' } = known.find(({ hash }) => hash === id) ?? {};
        return { id, name, description };
      });
      return paged(query, items);
    },
  }),
  endpoint({
    methods: ['GET'],
    path: 'list_api_keys',
    summary: 'The usage keys of the account, without the keys themselves.',
    auth: 'key',
    query: v.object(page),
    answer: v.array(keyItem),
    handle({ host, caller, query }) {
      const mine = host.state.read().usageKeys.filter(({ account }) => account === caller.account);
      const items = mine.map(({ keyHash, name, description, scope }) => ({
        id: `0x${keyHash}`,
        name,
        description,
        expiration: '0',
        balance: 0,
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
    methods: ['GET'],
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
    }),
  }),
];

const GROUP_LISTS = [
  'manage_ipfs_ids_in_groups',
  'add_pkp_to_groups',
  'remove_pkp_from_groups',
  'execute_in_groups',
] as const;

/** Who an API key belongs to. The state holds only hashes of keys. */
export function findCaller(state: State, key: string): Caller | undefined {
  const keyHash = hashOf(key);
  const at = state.accounts.findIndex((account) => account.keyHash === keyHash);
  if (at >= 0) return { account: at + 1 };
  const usage = state.usageKeys.find((candidate) => candidate.keyHash === keyHash);
  return usage && { account: usage.account, scope: usage.scope };
}

function newKey(): string {
  return randomBytes(32).toString('base64');
}

function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/** An account's own key may do anything in the account; a usage key only what it was made for. */
function allow({ scope }: Caller, isGranted: boolean | undefined): void {
  if (scope === undefined || isGranted) return;
  throw new ApiError(403, 'this usage key may not do that', "use the account's own key, or a usage key made for it");
}

function canExecute({ account, scope }: Caller, group: Group): boolean {
  return group.account === account && (scope === undefined || grants(scope.execute_in_groups, group.id));
}

function grants(list: readonly number[], id: number): boolean {
  return list.includes(id) || list.includes(0);
}

function groupsOf(state: State, { account }: Caller): Group[] {
  return state.groups.filter((group) => group.account === account);
}

function ownGroup(state: State, caller: Caller, id: number): Group {
  const group = groupsOf(state, caller).find((candidate) => candidate.id === id);
  if (group === undefined) throw new ApiError(404, `the account has no group ${id}`);
  return group;
}

async function change(
  host: LitHost,
  caller: Caller,
  id: number,
  right: (typeof GROUP_LISTS)[number],
  edit: (state: State, group: Group) => void,
): Promise<{ success: true }> {
  allow(caller, caller.scope && grants(caller.scope[right], id));
  await host.state.updateFor(caller.account, (state) => edit(state, ownGroup(state, caller, id)));
  return OK as { success: true };
}

/** A wallet as a group holds it; it must be the account's own. */
function ownWallet(state: State, caller: Caller, id: string): string {
  const entry = walletEntry(id);
  if (entry !== ANY && ownerOf(state, entry) !== caller.account)
    throw new ApiError(404, `the account has no wallet ${id}`);
  return entry;
}

function walletEntry(id: string): string {
  return /^0x0{40}$/.test(id) ? ANY : id.toLowerCase();
}

function hashEntry(hash: string): string {
  const digits = hash.replace(/^0x/, '').toLowerCase();
  return /^0+$/.test(digits) ? ANY : `0x${digits.padStart(64, '0')}`;
}

function walletOf(state: State, address: string): v.InferOutput<typeof walletItem> {
  if (address === ANY) {
    return { id: 'n/a', name: 'Any', description: 'Any wallet of the account.', wallet_address: `0x${'0'.repeat(40)}` };
  }
  const { name = 'Wallet', description = '' } = state.owners[address] ?? {};
  return { id: address, name, description, wallet_address: address };
}

function paged<T>({ page_number, page_size }: { page_number: number; page_size: number }, items: readonly T[]): T[] {
  return items.slice(page_number * page_size, (page_number + 1) * page_size);
}
