import { spawn } from 'node:child_process';
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { cidOf } from '../../ts/protocol/cid.ts';

// A strict stand-in for Lit's servers, which can run in a process of its own: their HTTP API with the types, statuses and bodies that they
// have, and real Deno for the actions. It shares no code with ts/runtime, so that a slip there cannot be repeated here. What
// is not known of Lit is as inconvenient here as it may be there.

export interface StandInOptions {
  /**
   * What is permitted counts only after this time: for running an action after half of it, for the use of a wallet after all of
   * it. So do nodes of Lit that keep an older answer; the lists show everything at once. Default 0.
   */
  readonly settleMs?: number;
  /** How many of the first runs it denies, and how many of the first uses of a wallet, as a node does with an older answer. */
  readonly denials?: { readonly runs: number; readonly uses: number };
  /** A server before v1.1.10: create_wallet is GET. */
  readonly isOlder?: boolean;
  /** getLitActionPublicKey gives 65 bytes, as hosts of April 2026 do, not 33. */
  readonly isUncompressed?: boolean;
  /** How many calls of actions there is credit for. */
  readonly credit?: number;
  /** How far its clock is ahead of this machine's. */
  readonly clockAheadMs?: number;
  readonly onRequest?: (line: string) => void;
}

export interface StandIn {
  readonly url: string;
  /** All that it keeps, to compare with what it keeps later. */
  state(): string;
  close(): Promise<void>;
}

const MAX_BODY = 10 * 1024 * 1024;
const MAX_RESPONSE = 1024 * 1024;
const MAX_KEY_OPERATIONS = 10;
const PANICS_AT = 262_144;
const EVERY_ACTION = `0x${'0'.repeat(64)}`;
const EVERY_WALLET = `0x${'0'.repeat(40)}`;
const DOCS = 'https://developer.litprotocol.com/management/errors';

// --- errors: an object where a request is turned away, a bare string where it was understood and failed

class Refusal extends Error {
  readonly status: number;
  readonly body: unknown;
  constructor(status: number, body: unknown) {
    super(String(status));
    this.status = status;
    this.body = body;
  }
}

const NAMES: Readonly<Record<number, string>> = {
  400: 'bad_request',
  401: 'unauthorized',
  402: 'payment_required',
  404: 'not_found',
  413: 'payload_too_large',
  422: 'unprocessable_entity',
  500: 'internal_error',
};

const FIXES: Readonly<Record<number, string>> = {
  401: 'Send your key in the X-Api-Key header.',
  402: 'Add funds in the dashboard.',
};

function turnedAway(status: number, message: string): Refusal {
  const fix = FIXES[status] ?? 'Compare your request against the schema.';
  return new Refusal(status, { error: NAMES[status], message, fix, docs_url: DOCS });
}

const failed = (status: number, message: string) => new Refusal(status, message);
const reverted = (what: string, why: string) => failed(500, `${what} failed: the contract reverted: ${why}`);

// --- types: a number is not a string, and neither is missing

type Type<T> = (value: unknown, name: string) => T;
type Fields<S> = { [Name in keyof S]: S[Name] extends Type<infer T> ? T : never };

const malformed = (name: string) => turnedAway(422, `the field ${name} is not of its type`);

const str: Type<string> = (value, name) => {
  if (typeof value !== 'string') throw malformed(name);
  return value;
};
const bool: Type<boolean> = (value, name) => {
  if (typeof value !== 'boolean') throw malformed(name);
  return value;
};
const u64: Type<number> = (value, name) => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw malformed(name);
  return value;
};
const anything: Type<unknown> = (value) => value;
const list =
  <T>(type: Type<T>): Type<T[]> =>
  (value, name) => {
    if (!Array.isArray(value)) throw malformed(name);
    return value.map((item) => type(item, name));
  };
const maybe =
  <T>(type: Type<T>): Type<T | undefined> =>
  (value, name) =>
    value === undefined || value === null ? undefined : type(value, name);

function fields<S extends Record<string, Type<unknown>>>(value: unknown, shape: S): Fields<S> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed('body');
  const given = new Map(Object.entries(value));
  return Object.fromEntries(
    Object.entries(shape).map(([name, type]) => [name, type(given.get(name), name)]),
  ) as Fields<S>;
}

// --- the state

interface Named {
  readonly name: string;
  readonly description: string;
}
interface Group {
  named: Named;
  /** Hashes of CIDs, and addresses, each with the time since when it is there. */
  readonly actions: Map<string, number>;
  readonly wallets: Map<string, number>;
}
interface UsageKey {
  named: Named;
  scope: Fields<typeof scope>;
  since: number;
}
interface Account {
  readonly wallets: Map<string, Named & { readonly secret: Uint8Array }>;
  readonly groups: Map<bigint, Group>;
  readonly actions: Map<string, Named>;
  readonly usageKeys: Map<string, UsageKey>;
  lastGroup: bigint;
}

const scope = {
  can_create_groups: bool,
  can_delete_groups: bool,
  can_create_pkps: bool,
  manage_ipfs_ids_in_groups: list(u64),
  add_pkp_to_groups: list(u64),
  remove_pkp_from_groups: list(u64),
  execute_in_groups: list(u64),
};

const hex = (bytes: Uint8Array) => `0x${Buffer.from(bytes).toString('hex')}`;
const word = (id: bigint) => `0x${id.toString(16).padStart(64, '0')}`;
const hashOf = (text: string) => hex(keccak_256(Buffer.from(text)));
const newKey = () => randomBytes(32).toString('base64');
const addressOf = (secret: Uint8Array) =>
  hex(keccak_256(secp256k1.getPublicKey(secret, false).subarray(1)).subarray(12));

function newWallet(account: Account, named: Named): string {
  const secret = secp256k1.utils.randomSecretKey();
  const address = addressOf(secret);
  account.wallets.set(address, { ...named, secret });
  return address;
}

function hashed(text: string): string {
  if (!/^(?:0x)?[0-9a-fA-F]{1,64}$/.test(text)) throw failed(400, 'Invalid hex string.');
  return word(BigInt(`0x${text.replace(/^0x/, '')}`));
}

function address(text: string): string {
  if (!/^(?:0x)?[0-9a-fA-F]{40}$/.test(text)) throw failed(400, 'Invalid PKP ID: Invalid PKP ID');
  return `0x${text.replace(/^0x/, '').toLowerCase()}`;
}

function cidHash(cid: string): string {
  if (!/^Qm[1-9A-HJ-NP-Za-km-z]{44}$/.test(cid)) throw failed(400, 'Invalid IPFS CID');
  return hashOf(cid);
}

/** Decimal, or hex with 0x. */
function textId(text: string): bigint {
  if (!/^(?:[0-9]{1,78}|0x[0-9a-fA-F]{1,64})$/.test(text)) throw failed(400, 'Invalid radix string.');
  return BigInt(text);
}

// --- who calls

interface Caller {
  readonly account: Account;
  /** Undefined for the account's own key. */
  readonly usage: UsageKey | undefined;
}

/** With both headers Authorization wins. */
function keyOf({ headers }: IncomingMessage): string {
  const bearer = /^\s*bearer\s+(\S+)/i.exec(headers.authorization ?? '')?.[1];
  const plain = headers['x-api-key'];
  const key = bearer ?? (typeof plain === 'string' ? plain.trim() : '');
  if (key === '') throw turnedAway(401, 'Missing or invalid API key.');
  return key;
}

/** Whether a right is there: always for the account's own key. */
function allow({ usage }: Caller, right: (scope: UsageKey['scope']) => boolean): void {
  if (usage && !right(usage.scope)) throw failed(403, 'the API key is not allowed to do this');
}
const holds = (groups: readonly number[], id: bigint) => groups.includes(0) || groups.includes(Number(id));
const never = () => false;

function groupOf({ account }: Caller, id: bigint, what: string): Group {
  const group = account.groups.get(id);
  if (!group) throw reverted(what, `GroupDoesNotExist(${id})`);
  return group;
}

const deno = join(import.meta.dirname, '../../node_modules/.bin/deno');
const V8_FLAGS = '--v8-flags=--disallow-code-generation-from-strings,--clear-free-memory,--max-heap-size=128';
const DENO = [
  'run',
  '--quiet',
  '--no-prompt',
  '--no-config',
  '--no-lock',
  '--no-remote',
  '--no-npm',
  '--allow-net',
  V8_FLAGS,
];

interface Asked {
  readonly request: IncomingMessage;
  readonly query: URLSearchParams;
  readonly body: unknown;
}
type Handler = (asked: Asked) => unknown;

const named = ({ name, description }: Named): Named => ({ name, description });
const label = { name: str, description: str };
const done = { success: true };

function paged<T>(items: Iterable<T>, { query }: Asked): T[] {
  const number = (name: string) => {
    const text = query.get(name) ?? '';
    if (!/^[0-9]{1,15}$/.test(text)) throw turnedAway(422, `the parameter ${name} is not of its type`);
    return Number(text);
  };
  const size = number('page_size');
  const start = number('page_number') * size;
  return [...items].slice(start, start + size);
}

function listedActions(hashes: Iterable<string>, { actions }: Account) {
  return Array.from(hashes, (hash) => {
    const known = actions.get(hash);
    // What was never given a name looks the same as the wildcard.
    return known ? { id: hash, ...named(known) } : { id: 'n/a', name: 'Any', description: 'Any action received.' };
  });
}

function listedWallets(addresses: Iterable<string>, account: Account) {
  return Array.from(addresses, (wallet_address, i) => {
    const { name = '', description = '' } = account.wallets.get(wallet_address) ?? {};
    return { id: `${i}`, name, description, wallet_address };
  });
}

function add(members: Map<string, number>, member: string): void {
  if (!members.has(member)) members.set(member, Date.now());
}

function replace(members: Map<string, number>, wanted: readonly string[]): void {
  for (const member of members.keys()) if (!wanted.includes(member)) members.delete(member);
  for (const member of wanted) add(members, member);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length <= MAX_BODY) parts.push(part);
  }
  if (length > MAX_BODY) throw turnedAway(413, 'The body is too long.');
  return Buffer.concat(parts).toString();
}

/** Starts a stand-in in this process. */
export async function startStandIn(options: StandInOptions = {}): Promise<StandIn> {
  const { settleMs = 0, isOlder = false, isUncompressed = false, clockAheadMs = 0, onRequest } = options;
  let { credit = Number.POSITIVE_INFINITY } = options;
  let { runs, uses } = options.denials ?? { runs: 0, uses: 0 };
  const root = randomBytes(32);
  const accounts = new Map<string, Account>();
  const sources = new Map<string, string>();

  function findCaller(key: string): Caller | undefined {
    const hash = hashOf(key);
    const own = accounts.get(hash);
    if (own) return { account: own, usage: undefined };
    for (const account of accounts.values()) {
      const usage = account.usageKeys.get(hash);
      if (usage) return { account, usage };
    }
    return undefined;
  }

  function caller(request: IncomingMessage): Caller {
    const found = findCaller(keyOf(request));
    if (!found) throw turnedAway(401, 'Missing or invalid API key.');
    return found;
  }

  // --- permissions, as of some time ago

  function isSettled(since: number | undefined, part: number): boolean {
    return since !== undefined && Date.now() >= since + part * settleMs;
  }

  function mayRun({ account, usage }: Caller, hash: string): boolean {
    if (!usage || runs-- > 0 || !isSettled(usage.since, 0.5)) return false;
    const { execute_in_groups: ids } = usage.scope;
    if (ids.includes(0)) return true;
    return ids.some((id) => {
      const actions = account.groups.get(BigInt(id))?.actions;
      return isSettled(actions?.get(hash), 0.5) || isSettled(actions?.get(EVERY_ACTION), 0.5);
    });
  }

  function mayUse({ account, usage }: Caller, hash: string, wallet: string): boolean {
    if (!usage || uses-- > 0 || !account.wallets.has(wallet) || !isSettled(usage.since, 1)) return false;
    const { execute_in_groups: ids } = usage.scope;
    if (ids.includes(0)) return true;
    return ids.some((id) => {
      const group = account.groups.get(BigInt(id));
      const isAction = isSettled(group?.actions.get(hash), 1) || isSettled(group?.actions.get(EVERY_ACTION), 1);
      return isAction && (isSettled(group?.wallets.get(wallet), 1) || isSettled(group?.wallets.get(EVERY_WALLET), 1));
    });
  }

  // --- running an action

  async function runAction(who: Caller, code: string, cid: string, params: unknown): Promise<string> {
    const child = spawn(deno, [...DENO, join(import.meta.dirname, 'lit-stand-in-guest.js')], {
      env: {},
      stdio: 'pipe',
    });
    const closed = once(child, 'close');
    const reply = (message: object) => child.stdin.write(`${JSON.stringify(message)}\n`);
    child.stdin.on('error', () => {});
    let stderr = '';
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    reply({ code, params });
    let operations = 0;
    try {
      for await (const line of createInterface({ input: child.stdout })) {
        const { op, args, response, error } = JSON.parse(line) as {
          op: string;
          args: unknown[];
          response?: string;
          error?: string;
        };
        if (op === 'failed') throw failed(500, `Internal server error.: Actions failed with : ${error}`);
        if (op === 'done') {
          if (Buffer.byteLength(response ?? '') > MAX_RESPONSE)
            throw failed(500, 'Actions failed with : response too long');
          return response ?? '';
        }
        try {
          if (++operations > MAX_KEY_OPERATIONS) throw new Error('too many key operations');
          reply({
            ok: operation(
              who,
              cid,
              op,
              args.map((arg) => str(arg, op)),
            ),
          });
        } catch (why) {
          reply({ error: why instanceof Refusal ? JSON.stringify(why.body) : String(why) });
        }
      }
      throw failed(500, `Internal server error.: Actions failed with : ${stderr.slice(0, 1000)}`);
    } finally {
      child.kill('SIGKILL');
      await closed;
    }
  }

  function operation(who: Caller, cid: string, op: string, [first = '', second = '']: string[]): string {
    const walletKey = () => {
      const wallet = address(first);
      if (!mayUse(who, hashOf(cid), wallet)) throw new Error('The action is not permitted to use this wallet.');
      return who.account.wallets.get(wallet)?.secret ?? new Uint8Array();
    };
    const actionKey = (of: string) =>
      secp256k1.utils.randomSecretKey(new Uint8Array(hkdfSync('sha256', root, of, 'stand-in action', 48)));
    switch (op) {
      case 'Encrypt': {
        const nonce = randomBytes(12);
        const cipher = createCipheriv('aes-256-gcm', walletKey(), nonce);
        return hex(Buffer.concat([nonce, cipher.update(second, 'utf8'), cipher.final(), cipher.getAuthTag()]));
      }
      case 'Decrypt': {
        const bytes = Buffer.from(second.replace(/^0x/, ''), 'hex');
        const decipher = createDecipheriv('aes-256-gcm', walletKey(), bytes.subarray(0, 12), { authTagLength: 16 });
        decipher.setAuthTag(bytes.subarray(-16));
        return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString();
      }
      case 'getPrivateKey':
        return hex(walletKey());
      case 'getLitActionPrivateKey':
        return hex(actionKey(cid));
      case 'getLitActionPublicKey':
        return hex(secp256k1.getPublicKey(actionKey(first), !isUncompressed));
      default:
        throw new Error('no such operation');
    }
  }

  // --- the endpoints

  /** A change of a group, named by a JSON number. */
  function inGroup<S extends Record<string, Type<unknown>>>(
    what: string,
    shape: S,
    right: (scope: UsageKey['scope'], id: bigint) => boolean,
    change: (body: Fields<S>, group: Group, who: Caller) => void,
  ): Handler {
    return ({ request, body }) => {
      const { group_id, ...given } = fields(body, { group_id: u64, ...shape });
      const who = caller(request);
      const id = BigInt(group_id as number);
      allow(who, (scope) => right(scope, id));
      change(given as unknown as Fields<S>, groupOf(who, id, what), who);
      return done;
    };
  }

  const createWallet: Handler = ({ request }) => {
    const who = caller(request);
    allow(who, ({ can_create_pkps }) => can_create_pkps);
    return { wallet_address: newWallet(who.account, { name: '', description: '' }) };
  };

  const POSTS: Readonly<Record<string, Handler>> = {
    new_account({ body }) {
      const { account_name } = fields(body, { account_name: str, account_description: str, email: maybe(str) });
      const api_key = newKey();
      const account: Account = {
        wallets: new Map(),
        groups: new Map(),
        actions: new Map(),
        usageKeys: new Map(),
        lastGroup: 0n,
      };
      accounts.set(hashOf(api_key), account);
      return { api_key, wallet_address: newWallet(account, { name: account_name, description: '' }) };
    },
    ...(!isOlder && { create_wallet: createWallet }),
    get_lit_action_ipfs_id({ body }) {
      const source = str(body, 'body');
      if (Buffer.byteLength(source) === PANICS_AT) throw turnedAway(500, 'Something went wrong on our side.');
      return cidOf(source);
    },
    async lit_action({ request, body }) {
      const { code, ipfs_id, js_params } = fields(body, { code: maybe(str), ipfs_id: maybe(str), js_params: anything });
      const who = caller(request);
      if (!code && !ipfs_id)
        throw failed(400, 'Either `code` or `ipfs_id` must be provided.: missing code and ipfs_id');
      const source = code || sources.get(ipfs_id ?? '');
      if (source === undefined) {
        throw failed(
          400,
          `No cached code found. Submit the action code at least once before referencing it by IPFS ID.: cache miss for IPFS ID ${ipfs_id}`,
        );
      }
      const cid = cidOf(source);
      if (!mayRun(who, hashOf(cid))) {
        throw failed(403, `The provided API key is not authorized to execute the specified action (${cid}).`);
      }
      sources.set(cid, source);
      if (credit-- <= 0) throw turnedAway(402, 'Your account does not have enough credits for this operation.');
      const response = await runAction(who, source, cid, js_params ?? null);
      return { response: parsed(response), logs: '', has_error: false };
    },
    add_group({ request, body }) {
      const { group_name, group_description, pkp_ids_permitted, cid_hashes_permitted } = fields(body, {
        group_name: str,
        group_description: str,
        pkp_ids_permitted: list(str),
        cid_hashes_permitted: list(str),
      });
      const who = caller(request);
      allow(who, ({ can_create_groups }) => can_create_groups);
      const id = ++who.account.lastGroup;
      who.account.groups.set(id, {
        named: { name: group_name, description: group_description },
        actions: new Map(cid_hashes_permitted.map((hash) => [hashed(hash), Date.now()])),
        wallets: new Map(pkp_ids_permitted.map((wallet) => [address(wallet), Date.now()])),
      });
      return { success: true, group_id: `${id}` };
    },
    remove_group({ request, body }) {
      const id = textId(fields(body, { group_id: str }).group_id);
      const who = caller(request);
      allow(who, ({ can_delete_groups }) => can_delete_groups);
      if (id === 0n) throw failed(400, 'Cannot remove group with ID 0');
      groupOf(who, id, 'remove_group');
      who.account.groups.delete(id);
      return done;
    },
    update_group: inGroup(
      'update_group',
      { ...label, pkp_ids_permitted: maybe(list(str)), cid_hashes_permitted: maybe(list(str)) },
      never,
      ({ name, description, pkp_ids_permitted, cid_hashes_permitted }, group) => {
        group.named = { name, description };
        replace(group.actions, (cid_hashes_permitted ?? []).map(hashed));
        replace(group.wallets, (pkp_ids_permitted ?? []).map(address));
      },
    ),
    add_action({ request, body }) {
      const { action_ipfs_cid, ...text } = fields(body, { action_ipfs_cid: str, ...label });
      const who = caller(request);
      allow(who, ({ manage_ipfs_ids_in_groups }) => manage_ipfs_ids_in_groups.length > 0);
      who.account.actions.set(cidHash(action_ipfs_cid), text);
      return done;
    },
    delete_action({ request, body }) {
      const hash = hashed(fields(body, { hashed_cid: str }).hashed_cid);
      const who = caller(request);
      allow(who, never);
      if (!who.account.actions.delete(hash)) throw reverted('delete_action', 'ActionDoesNotExist');
      return done;
    },
    update_action_metadata({ request, body }) {
      const { hashed_cid, ...text } = fields(body, { hashed_cid: str, ...label });
      const who = caller(request);
      allow(who, never);
      if (!who.account.actions.has(hashed(hashed_cid))) throw reverted('update_action_metadata', 'ActionDoesNotExist');
      who.account.actions.set(hashed(hashed_cid), text);
      return done;
    },
    add_action_to_group: inGroup(
      'add_action_to_group',
      { action_ipfs_cid: str },
      ({ manage_ipfs_ids_in_groups }, id) => holds(manage_ipfs_ids_in_groups, id),
      ({ action_ipfs_cid }, { actions }) => add(actions, cidHash(action_ipfs_cid)),
    ),
    remove_action_from_group: inGroup(
      'remove_action_from_group',
      { hashed_cid: str },
      ({ manage_ipfs_ids_in_groups }, id) => holds(manage_ipfs_ids_in_groups, id),
      ({ hashed_cid }, { actions }) => {
        if (!actions.delete(hashed(hashed_cid))) throw reverted('remove_action_from_group', 'ActionDoesNotExist');
      },
    ),
    add_pkp_to_group: inGroup(
      'add_pkp_to_group',
      { pkp_id: str },
      ({ add_pkp_to_groups }, id) => holds(add_pkp_to_groups, id),
      ({ pkp_id }, { wallets }) => add(wallets, address(pkp_id)),
    ),
    remove_pkp_from_group: inGroup(
      'remove_pkp_from_group',
      { pkp_id: str },
      ({ remove_pkp_from_groups }, id) => holds(remove_pkp_from_groups, id),
      ({ pkp_id }, { wallets }) => {
        if (!wallets.delete(address(pkp_id))) throw reverted('remove_pkp_from_group', 'PkpDoesNotExist');
      },
    ),
    add_usage_api_key({ request, body }) {
      const { name, description, ...rights } = fields(body, { ...label, ...scope });
      const who = caller(request);
      allow(who, never);
      const usage_api_key = newKey();
      newWallet(who.account, { name: 'API Key Wallet', description: 'Usage API Key Wallet' });
      const usage = { named: { name, description }, scope: rights as UsageKey['scope'], since: Date.now() };
      who.account.usageKeys.set(hashOf(usage_api_key), usage);
      return { success: true, usage_api_key };
    },
    update_usage_api_key({ request, body }) {
      const { usage_api_key, name, description, ...rights } = fields(body, { usage_api_key: str, ...label, ...scope });
      const usage = ownUsageKey(request, usage_api_key, 'update_usage_api_key');
      Object.assign(usage, { named: { name, description }, scope: rights, since: Date.now() });
      return done;
    },
    update_usage_api_key_metadata({ request, body }) {
      const { usage_api_key, ...text } = fields(body, { usage_api_key: str, ...label });
      ownUsageKey(request, usage_api_key, 'update_usage_api_key_metadata').named = text;
      return done;
    },
    remove_usage_api_key({ request, body }) {
      const { usage_api_key } = fields(body, { usage_api_key: str });
      ownUsageKey(request, usage_api_key, 'remove_usage_api_key');
      caller(request).account.usageKeys.delete(hashOf(usage_api_key));
      return done;
    },
  };

  function ownUsageKey(request: IncomingMessage, key: string, what: string): UsageKey {
    const who = caller(request);
    allow(who, never);
    const usage = who.account.usageKeys.get(hashOf(key));
    if (!usage) throw reverted(what, 'UsageApiKeyDoesNotExist');
    return usage;
  }

  const GETS: Readonly<Record<string, Handler>> = {
    // Of accounts only: whether it knows usage keys is not known.
    account_exists: ({ request }) => accounts.has(hashOf(keyOf(request))),
    ...(isOlder && { create_wallet: createWallet }),
    list_groups: (asked) =>
      paged(caller(asked.request).account.groups, asked).map(([id, group]) => ({
        id: word(id),
        ...named(group.named),
      })),
    list_wallets(asked) {
      const { account } = caller(asked.request);
      return paged(listedWallets(account.wallets.keys(), account), asked);
    },
    list_wallets_in_group(asked) {
      const who = caller(asked.request);
      const id = asked.query.get('group_id') ?? '';
      if (!/^[0-9]{1,20}$/.test(id)) throw turnedAway(422, 'the parameter group_id is not of its type');
      const group = who.account.groups.get(BigInt(id));
      return paged(listedWallets(group?.wallets.keys() ?? [], who.account), asked);
    },
    list_actions(asked) {
      const { account } = caller(asked.request);
      const id = textId(asked.query.get('group_id') ?? '0');
      const hashes = id === 0n ? account.actions.keys() : (account.groups.get(id)?.actions.keys() ?? []);
      return paged(listedActions(hashes, account), asked);
    },
    list_api_keys: (asked) =>
      paged(caller(asked.request).account.usageKeys, asked).map(([api_key_hash, usage], i) => ({
        id: word(BigInt(i + 1)),
        api_key_hash,
        ...named(usage.named),
        expiration: '2080000000',
        balance: 10_000_000,
        can_create_groups: usage.scope.can_create_groups,
        can_delete_groups: usage.scope.can_delete_groups,
        can_create_pkps: usage.scope.can_create_pkps,
        can_manage_ipfs_ids_in_groups: usage.scope.manage_ipfs_ids_in_groups,
        can_add_pkp_to_groups: usage.scope.add_pkp_to_groups,
        can_remove_pkp_from_groups: usage.scope.remove_pkp_from_groups,
        can_execute_in_groups: usage.scope.execute_in_groups,
      })),
    get_lit_action_client_config: () => ({
      timeout_ms: 900_000,
      async_timeout_ms: 300_000,
      memory_limit_mb: 128,
      max_code_length: 16 * 1024 * 1024,
      max_response_length: MAX_RESPONSE,
      max_console_log_length: 102_400,
      max_fetch_count: 100,
      max_get_keys_count: MAX_KEY_OPERATIONS,
      max_retries: 3,
      client_timeout_ms_buffer: 5000,
    }),
    version: () => ({
      name: 'lit-api-server',
      version: isOlder ? '1.1.9' : '1.1.10',
      commit_version: 'stand-in',
      submodule_versions: [],
    }),
  };

  // --- HTTP

  async function handle(request: IncomingMessage): Promise<unknown> {
    const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://stand-in');
    if (request.method === 'GET' && pathname === '/attestation') {
      return { quote: `0x${'04'.repeat(600)}`, event_log: '[]', vm_config: '{}' };
    }
    const name = /^\/core\/v1\/([a-z_]+)$/.exec(pathname)?.[1] ?? '';
    const isPost = request.method === 'POST';
    const handlers = isPost ? POSTS : request.method === 'GET' ? GETS : {};
    const handler = Object.hasOwn(handlers, name) ? handlers[name] : undefined;
    const isJson = /^application\/json\b/i.test(request.headers['content-type'] ?? '');
    if (!handler || (isPost && !isJson)) throw turnedAway(404, 'No such endpoint.');
    const body = await bodyOf(request);
    if (!isPost) return handler({ request, query, body: undefined });
    let value: unknown;
    try {
      value = JSON.parse(body);
    } catch {
      throw turnedAway(400, 'The request could not be understood.');
    }
    return handler({ request, query, body: value });
  }

  function send(request: IncomingMessage, response: ServerResponse, status: number, body: unknown): void {
    const correlation = request.headers['x-correlation-id'];
    response.writeHead(status, {
      'content-type': 'application/json',
      'access-control-allow-origin': '*',
      'x-request-id': randomUUID(),
      date: new Date(Date.now() + clockAheadMs).toUTCString(),
      ...(correlation !== undefined && { 'x-correlation-id': correlation }),
    });
    response.end(JSON.stringify(body));
  }

  const server = createServer((request, response) => {
    handle(request)
      .then(
        (body) => send(request, response, 200, body),
        (error: unknown) => {
          if (error instanceof Refusal) return send(request, response, error.status, error.body);
          console.error(error);
          send(request, response, 500, turnedAway(500, 'Something went wrong on our side.').body);
        },
      )
      .then(() =>
        onRequest?.(
          `${response.statusCode} ${request.method} ${request.url?.replace(/\?.*/, '').replace('/core/v1/', '')}`,
        ),
      );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.unref(); // a test that failed before it closed it ends all the same
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    state: () =>
      JSON.stringify([...accounts], (_, value) =>
        value instanceof Map ? [...value] : typeof value === 'bigint' ? `${value}` : value,
      ),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({
    options: {
      settle: { type: 'string', default: '0' },
      older: { type: 'boolean', default: false },
      uncompressed: { type: 'boolean', default: false },
    },
  });
  const { settle, older: isOlder, uncompressed: isUncompressed } = values;
  const { url } = await startStandIn({ settleMs: Number(settle), isOlder, isUncompressed });
  console.log(`listening at ${url}`);
  // A test that was killed leaves no server behind.
  process.stdin.resume().once('end', () => process.exit(0));
}
