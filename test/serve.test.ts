import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import * as v from 'valibot';
import { actionHash } from '../ts/protocol/cid.ts';
import { DOCUMENTED_LIMITS, NEWEST_LIMITS } from '../ts/runtime/limits.ts';
import { ENDPOINTS, methodOf, NOT_HERE } from '../ts/runtime/local/api.ts';
import { describeApi, errorSchema } from '../ts/runtime/local/openapi.ts';
import { LocalRuntime } from '../ts/runtime/local/runtime.ts';
import { LitServer, type LitServerOptions } from '../ts/runtime/local/server.ts';

const root = join(import.meta.dirname, '..');
const ENCRYPT = 'async function main({ w }) { return await Lit.Actions.Encrypt({ pkpId: w, message: "m" }) }';
const NO_SCOPE = {
  name: 'n',
  description: '',
  can_create_groups: false,
  can_delete_groups: false,
  can_create_pkps: false,
  manage_ipfs_ids_in_groups: [] as number[],
  add_pkp_to_groups: [] as number[],
  remove_pkp_from_groups: [] as number[],
  execute_in_groups: [] as number[],
};

let dir: string;
let server: LitServer;
const faults: unknown[] = [];
const start = (options: Partial<LitServerOptions> = {}) =>
  LitServer.start({ dir: join(dir, 'state'), onFault: (error) => faults.push(error), ...options });
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tandem-serve-'));
  server = await start({ spare: 2, concurrency: 8 });
});
after(async () => {
  await server.close();
  rmSync(dir, { recursive: true, force: true });
});

interface Reply {
  readonly status: number;
  // What an endpoint answers is checked against its schema below; here each test knows what it asked for.
  // biome-ignore lint/suspicious/noExplicitAny: see above
  readonly body: any;
}

/** Calls an endpoint, with a body by POST; whatever it answers must be what the description of the API says. */
async function call(path: string, options: { key?: string; body?: unknown; url?: string } = {}): Promise<Reply> {
  const { key, body, url = server.url } = options;
  const response = await fetch(`${url}/core/v1/${path}`, {
    ...(body !== undefined && { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) }),
    headers: { 'content-type': 'application/json', ...(key !== undefined && { 'x-api-key': key }) },
  });
  assert.match(response.headers.get('content-type') ?? '', /^application\/json/);
  const reply = { status: response.status, body: (await response.json()) as unknown };
  const endpoint = ENDPOINTS.find((candidate) => candidate.path === path.replace(/\?.*/, ''));
  const schema = reply.status === 200 ? endpoint?.answer : errorSchema;
  if (schema) v.parse(schema, reply.body);
  return reply;
}

/** A key of a new account that may run any action. */
async function runner(): Promise<string> {
  return usageKey(await account(), { execute_in_groups: [0] });
}

async function account(): Promise<string> {
  const { status, body } = await call('new_account', { body: { account_name: 'a', account_description: '' } });
  assert.equal(status, 200);
  return body.api_key;
}

/** An account with a wallet, and a group that lets one action use it. */
async function setUp(source = ENCRYPT) {
  const key = await account();
  const runs = await usageKey(key, { execute_in_groups: [0] });
  const wallet: string = (await call('create_wallet', { key, body: {} })).body.wallet_address;
  const group = { group_name: 'g', group_description: '', pkp_ids_permitted: [], cid_hashes_permitted: [] };
  const group_id = Number((await call('add_group', { key, body: group })).body.group_id);
  const cid: string = (await call('get_lit_action_ipfs_id', { body: JSON.stringify(source) })).body;
  assert.equal((await call('add_action_to_group', { key, body: { group_id, action_ipfs_cid: cid } })).status, 200);
  assert.equal((await call('add_pkp_to_group', { key, body: { group_id, pkp_id: wallet } })).status, 200);
  return { key, runs, wallet, group_id, cid, source };
}

const usageKey = async (key: string, scope: Partial<typeof NO_SCOPE>, url = server.url): Promise<string> =>
  (await call('add_usage_api_key', { key, body: { ...NO_SCOPE, ...scope }, url })).body.usage_api_key;
const run = (key: string, code: string, js_params: unknown = null, url = server.url) =>
  call('lit_action', { key, body: { code, js_params }, url });

describe('running an action', () => {
  test('answers with response, logs and has_error', async () => {
    const key = await runner();
    const code =
      'async function main({ n }) { console.log("n is", n); return { twice: 2 * n, id: Lit.Headers.get("x-request-id").length } }';
    assert.deepEqual(await run(key, code, { n: 21 }), {
      status: 200,
      body: { response: { twice: 42, id: 36 }, logs: 'n is 21\n', has_error: false },
    });
    assert.deepEqual((await run(key, 'async function main(params) { return [params] }')).body.response, [null]);
  });

  test('by CID works once the code was sent, and then without it', async () => {
    const key = await runner();
    const code = `async function main() { return "${key}" }`;
    const ipfs_id = (await call('get_lit_action_ipfs_id', { body: JSON.stringify(code) })).body;
    const miss = await call('lit_action', { key, body: { ipfs_id } });
    assert.equal(miss.status, 400);
    assert.match(miss.body, /^No cached code found .*send it once as code/);
    await run(key, code);
    assert.equal((await call('lit_action', { key, body: { ipfs_id, js_params: null } })).body.response, key);
    // With the code its id is of no interest.
    assert.equal((await call('lit_action', { key, body: { ipfs_id, code: `${code} ` } })).status, 200);
    assert.equal((await call('lit_action', { key, body: {} })).status, 400);
  });

  test('that fails is a 500 with its error as a text, and the server goes on', async () => {
    const key = await runner();
    const { status, body } = await run(key, 'async function main() { throw new Error("boom") }');
    assert.equal(status, 500);
    assert.match(body, /Error: boom/);
    const quick = await start({ limits: { ...NEWEST_LIMITS, timeoutMs: 3000 }, spare: 1 });
    try {
      const runaways: [string, RegExp][] = [
        ['for (;;) {}', /maximum time of 3000 ms/],
        [
          'async function main() { const a = []; for (;;) a.push(new Array(1000).fill(1)) }',
          /maximum memory of 128 MB/,
        ],
        ['async function main() { for (;;) console.log("x".repeat(50000)) }', /may print 102400 bytes/],
        ['async function main() { return "x".repeat(1048577) }', /1048577 bytes/],
      ];
      const replies = await Promise.all(
        // On a busy machine the others take longer than that to come to their end.
        runaways.map(([code], i) => run(key, code, null, i === 0 ? quick.url : server.url)),
      );
      for (const [i, [code, message]] of runaways.entries()) {
        assert.equal(replies[i]?.status, 500, code);
        assert.match(replies[i]?.body, message);
      }
      assert.equal((await run(key, 'async function main() { return 1 }', null, quick.url)).body.response, 1);
    } finally {
      await quick.close();
    }
  });

  test('stops when its caller is gone', async () => {
    const key = await runner();
    const controller = new AbortController();
    const body = JSON.stringify({ code: 'for (;;) {}' });
    const headers = { 'content-type': 'application/json', 'x-api-key': key };
    const sent = fetch(`${server.url}/core/v1/lit_action`, {
      method: 'POST',
      body,
      headers,
      signal: controller.signal,
    });
    setTimeout(() => controller.abort(), 300);
    await assert.rejects(sent);
    const until = Date.now() + 30_000;
    while (guests() !== 2 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(guests(), 2); // those that wait
  });

  test('a hundred at once: none is lost, none mixed up, and few processes and little memory at a time', async () => {
    const key = await runner();
    const other = await runner();
    const code =
      'const here = []; async function main({ i }) { here.push(i); await 0; return { i, here, secret: await Lit.Actions.getLitActionPrivateKey() } }';
    let most = 0;
    let megabytes = 0;
    const watch = setInterval(() => {
      const pids = guestPids();
      most = Math.max(most, pids.length);
      megabytes = Math.max(
        megabytes,
        pids.map(residentMb).reduce((sum, mb) => sum + mb, 0),
      );
    }, 100);
    const own = (i: number) => `${code}//${i % 5}`;
    const replies = await Promise.all(Array.from({ length: 100 }, (_, i) => run(i % 2 ? key : other, own(i), { i })));
    clearInterval(watch);
    const secrets = new Set<string>();
    for (const [i, { status, body }] of replies.entries()) {
      assert.equal(status, 200, JSON.stringify(body));
      assert.deepEqual([body.response.i, body.response.here], [i, [i]]);
      assert.equal(body.response.secret, replies[i % 5]?.body.response.secret);
      secrets.add(body.response.secret);
    }
    assert.equal(secrets.size, 5);
    assert.ok(most > 2 && most < 40, `${most} processes`);
    assert.ok(megabytes > 100 && megabytes < 2000, `${megabytes} MB`);
  });

  test('an action at the server is turned away once too many wait', async () => {
    const small = await start({ concurrency: 1, waiting: 20 });
    const key = await runner();
    const endless = Array.from({ length: 22 }, () => run(key, 'for (;;) {}', null, small.url).catch(() => undefined));
    const first = await Promise.race(endless);
    assert.equal(first?.status, 429);
    assert.match(first?.body.fix, /try again/);
    await small.close();
    await Promise.all(endless);
  });
});

describe('wallets, groups and keys', () => {
  test('an action may use a wallet only where one group of the account holds both', async () => {
    const { key, wallet, group_id, cid, source } = await setUp();
    const other = await setUp(`${source} `);
    const body = { group_name: 'h', group_description: '', pkp_ids_permitted: [], cid_hashes_permitted: ['0'] };
    const second = Number((await call('add_group', { key, body })).body.group_id);
    const both = await usageKey(key, { execute_in_groups: [group_id, second] });
    assert.match((await run(both, source, { w: wallet })).body.response, /^[0-9a-f]+$/);
    for (const [who, code] of [
      [other.runs, source],
      [both, `${source} `],
    ] as const) {
      const refused = await run(who, code, { w: wallet });
      assert.equal(refused.status, 500);
      assert.match(refused.body, /may not use this wallet/);
    }
    const hashed_cid = actionHash(cid);
    // An action without a name in the account is not told from all of them.
    assert.deepEqual((await call(`list_actions?group_id=${group_id}&page_number=0&page_size=9`, { key })).body, [
      { id: 'n/a', name: 'Any', description: 'Any action received.' },
    ]);
    await call('remove_action_from_group', { key, body: { group_id, hashed_cid } });
    assert.match((await run(both, source, { w: wallet })).body, /may not use this wallet/);
    assert.deepEqual((await call(`list_actions?group_id=${group_id}&page_number=0&page_size=9`, { key })).body, []);
  });

  test('a group with the zero hash and the zero wallet permits all of the account, and says so in the lists', async () => {
    const key = await account();
    const zero = `0x${'0'.repeat(40)}`;
    const body = {
      group_name: 'all',
      group_description: 'd',
      pkp_ids_permitted: [zero],
      cid_hashes_permitted: ['0x0'],
    };
    const { group_id } = (await call('add_group', { key, body })).body;
    const wallet = (await call('create_wallet', { key, body: {} })).body.wallet_address;
    const runs = await usageKey(key, { execute_in_groups: [Number(group_id)] });
    assert.equal((await run(runs, ENCRYPT, { w: wallet })).status, 200);
    const other = await setUp();
    assert.equal((await run(runs, ENCRYPT, { w: other.wallet })).status, 500);
    const listed = await call(`list_wallets_in_group?group_id=${group_id}&page_number=0&page_size=9`, { key });
    assert.deepEqual([listed.body[0].id, listed.body[0].wallet_address], ['0', zero]);
    assert.equal(
      (await call(`list_actions?group_id=${group_id}&page_number=0&page_size=9`, { key })).body[0].name,
      'Any',
    );
  });

  test('a usage key may do what it was made for, in its groups', async () => {
    const { key, wallet, group_id, source } = await setUp();
    const runs = await usageKey(key, { execute_in_groups: [group_id] });
    assert.match((await run(runs, source, { w: wallet })).body.response, /^[0-9a-f]+$/);
    const foreign = await run(runs, 'async function main() {}');
    assert.equal(foreign.status, 403);
    assert.match(foreign.body, /may not run the action Qm/);
    const group = { group_name: 'g', group_description: '', pkp_ids_permitted: [], cid_hashes_permitted: [] };
    const forbidden: [string, unknown][] = [
      ['create_wallet', {}],
      ['add_group', group],
      ['remove_group', { group_id: String(group_id) }],
      ['update_group', { group_id, name: '', description: '' }],
      ['delete_action', { hashed_cid: '1' }],
      ['update_usage_api_key', { ...NO_SCOPE, usage_api_key: key, execute_in_groups: [0] }],
      ['add_pkp_to_group', { group_id, pkp_id: wallet }],
      ['remove_pkp_from_group', { group_id, pkp_id: wallet }],
      ['remove_action_from_group', { group_id, hashed_cid: '0'.repeat(64) }],
      ['add_usage_api_key', NO_SCOPE],
      ['remove_usage_api_key', { usage_api_key: key }],
    ];
    for (const [path, body] of forbidden) {
      const reply = await call(path, { key: runs, body });
      assert.deepEqual([reply.status, reply.body], [403, 'this API key may not do that'], path);
    }
    const all = await usageKey(key, { execute_in_groups: [0], can_create_pkps: true, add_pkp_to_groups: [0] });
    const second = (await call('create_wallet', { key: all, body: {} })).body.wallet_address;
    assert.equal((await call('add_pkp_to_group', { key: all, body: { group_id, pkp_id: second } })).status, 200);
    assert.equal((await run(all, source, { w: second })).status, 200);
    const nowhere = await usageKey(key, {});
    assert.equal((await run(nowhere, source, { w: wallet })).status, 403);
    const listed = (await call('list_api_keys?page_number=0&page_size=9', { key })).body;
    assert.deepEqual(
      listed.map((item: { can_execute_in_groups: number[] }) => item.can_execute_in_groups),
      [[0], [group_id], [0], []],
    );
    await call('remove_usage_api_key', { key, body: { usage_api_key: all } });
    assert.equal((await run(all, source, { w: second })).status, 401);
  });

  test('wallets, groups and keys of one account are out of reach of another', async () => {
    const mine = await setUp();
    const theirs = await setUp();
    const { key } = mine;
    const { group_id, wallet } = theirs;
    const body = { group_id, pkp_id: mine.wallet };
    assert.equal((await call('add_pkp_to_group', { key, body })).status, 500);
    assert.equal(
      (await call('add_pkp_to_group', { key, body: { group_id: mine.group_id, pkp_id: wallet } })).status,
      500,
    );
    assert.equal((await call('remove_group', { key, body: { group_id: String(group_id) } })).status, 500);
    assert.equal(
      (await call('add_usage_api_key', { key, body: { ...NO_SCOPE, execute_in_groups: [group_id] } })).status,
      500,
    );
    assert.deepEqual((await call(`list_actions?group_id=${group_id}&page_number=0&page_size=9`, { key })).body, []);
    const wallets = (await call('list_wallets?page_number=0&page_size=9', { key })).body;
    assert.deepEqual(
      wallets.map(({ id, name }: { id: string; name: string }) => [id, name]),
      [
        ['1', 'AMW'],
        ['2', 'API Key Wallet'],
        ['3', 'Wallet'],
      ],
    );
    assert.ok(!JSON.stringify(wallets).includes(wallet));
  });

  test('a removed group leaves no right behind for a later one of its number', async () => {
    const { key, group_id, wallet, source } = await setUp();
    const usage = await usageKey(key, { execute_in_groups: [group_id] });
    assert.equal((await call('remove_group', { key, body: { group_id: `0x${group_id.toString(16)}` } })).status, 200);
    const group = { group_name: 'g', group_description: '', pkp_ids_permitted: [wallet], cid_hashes_permitted: ['0'] };
    await call('add_group', { key, body: group });
    assert.equal((await run(usage, source, { w: wallet })).status, 403);
  });

  test('are named and listed by pages', async () => {
    const { key, cid, group_id } = await setUp();
    await call('add_action', { key, body: { action_ipfs_cid: cid, name: 'co-signer', description: 'd' } });
    const named = { id: actionHash(cid), name: 'co-signer', description: 'd' };
    assert.deepEqual((await call('list_actions?page_number=0&page_size=9', { key })).body, [named]);
    const page = (n: number) => call(`list_wallets?page_number=${n}&page_size=1`, { key });
    const [first, second, third] = await Promise.all([page(0), page(1), page(3)]);
    assert.deepEqual([first?.body.length, second?.body.length, third?.body], [1, 1, []]);
    assert.notDeepEqual(first?.body, second?.body);
    const [group] = (await call('list_groups?page_number=0&page_size=9', { key })).body;
    assert.deepEqual(group, { id: `0x${group_id.toString(16).padStart(64, '0')}`, name: 'g', description: '' });
  });
});

describe('the state', () => {
  test('the state of the server outlives it, holds no API key, and is the one of the in-process runtime', async () => {
    const folder = join(dir, 'kept');
    const first = await start({ dir: folder });
    const at = { url: first.url };
    const key = (await call('new_account', { ...at, body: { account_name: 'a', account_description: '' } })).body
      .api_key;
    await first.close();
    const file = join(folder, 'state.json');
    assert.ok(!readFileSync(file, 'utf8').includes(key));
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const local = await LocalRuntime.open({ dir: folder });
    const wallet = await local.createWallet();
    const cid = await local.host.cidOf(ENCRYPT);
    await local.permit(wallet, cid);
    const second = await start({ dir: folder });
    assert.equal((await call('account_exists', { url: second.url, key })).body, true);
    // Wallets made without an account stay out of reach of those who have one.
    const runs = await usageKey(key, { execute_in_groups: [0] }, second.url);
    assert.equal((await run(runs, ENCRYPT, { w: wallet }, second.url)).status, 500);
    const { response } = await local.host.execute({ source: ENCRYPT, params: { w: wallet } });
    assert.match(String(response), /^[0-9a-f]+$/);
    await second.close();
  });

  test('the state of the server survives a kill at any moment of its changes', async () => {
    const store = join(dir, 'killed');
    const args = ['--import', 'tsx', 'scripts/serve.ts', '--port', '0', '--store', store, '--spare', '0', '--quiet'];
    let known: string[] = [];
    for (let round = 0; round < 2; round++) {
      const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
      const [line] = (await once(child.stdout, 'data')) as [Buffer];
      const url = /http:\S+/.exec(String(line))?.[0] ?? '';
      for (const key of known) assert.equal((await call('account_exists', { url, key })).body, true);
      known = [];
      try {
        for (;;) {
          const body = { account_name: 'a', account_description: 'x'.repeat(1000) };
          known.push((await call('new_account', { url, body })).body.api_key);
          if (known.length === 90) break; // there is room for 200
          if (known.length === 1) setTimeout(() => child.kill('SIGKILL'), 100 * Math.random());
        }
      } catch {} // it is dead
      assert.ok(known.length > 0);
    }
    const last = await start({ dir: join(store, 'local-lit') });
    for (const key of known) assert.equal((await call('account_exists', { url: last.url, key })).body, true);
    await last.close();
  });

  test('the state of a host that is damaged is a fault, told to the operator only', async () => {
    const folder = join(dir, 'broken');
    const broken = await start({ dir: folder });
    writeFileSync(join(folder, 'state.json'), '{');
    const { status, body } = await call('account_exists', { url: broken.url, key: 'x' });
    assert.equal(status, 503);
    assert.ok(body.fix);
    await broken.close();
  });
});

describe('the API', () => {
  test('the API of the server is described, as the file in the repository says', async () => {
    const described = (await call('openapi.json')).body;
    assert.deepEqual(described, JSON.parse(JSON.stringify(describeApi())), 'run: npx tsx scripts/openapi.ts');
    assert.equal(Object.keys(described.paths).length, ENDPOINTS.length);
  });

  test('the API of the server tells the limits in force', async () => {
    const { body } = await call('get_lit_action_client_config');
    assert.equal(body.max_response_length, NEWEST_LIMITS.maxResponseLength);
    assert.equal(body.memory_limit_mb, NEWEST_LIMITS.memoryLimitMb);
    assert.equal(body.max_params_length, undefined);
    const code = 'async function main(params) { return params.length }';
    const long = 'x'.repeat(504 * 1024);
    assert.equal((await run(await runner(), code, long)).body.response, long.length);
    const small = await start({ limits: DOCUMENTED_LIMITS });
    assert.equal((await call('get_lit_action_client_config', { url: small.url })).body.max_params_length, 65_536);
    const refused = await run(await runner(), code, long, small.url);
    assert.equal(refused.status, 400);
    assert.match(refused.body, /516098 bytes, where the host allows 65536/);
    await small.close();
  });

  test('the API of the server says what a request lacks', async () => {
    const key = await account();
    const expected: [number, string, Promise<Reply>][] = [
      [401, 'unauthorized', call('create_wallet', { body: {} })],
      [401, 'unauthorized', call('create_wallet', { key: 'wrong', body: {} })],
      [404, 'not_found', call('nothing', { key })],
      [404, 'not_found', call('lit_action', { key })],
      [400, 'bad_request', call('lit_action', { key, body: '{' })],
      [422, 'unprocessable_entity', call('lit_action', { key, body: { code: 1 } })],
      [422, 'unprocessable_entity', call('list_groups?page_number=0&page_size=-1', { key })],
      [413, 'error', call('lit_action', { key, body: `"${'x'.repeat(10 << 20)}"` })],
      [413, 'error', call('new_account', { body: `"${'x'.repeat(1 << 16)}"` })],
      [404, 'not_found', call('billing/balance', { key })],
    ];
    for (const [status, error, reply] of expected) {
      const { status: got, body } = await reply;
      assert.deepEqual([got, body.error], [status, error]);
      assert.ok(body.message && body.fix && body.docs_url);
    }
    assert.equal((await call('account_exists', { key: 'wrong' })).body, false);
    const bearer = await fetch(`${server.url}/core/v1/account_exists`, { headers: { authorization: `Bearer ${key}` } });
    assert.equal(await bearer.json(), true);
  });

  test('the API of the server answers to the name localhost only, and to JSON', async () => {
    const foreign = request(`${server.url}/core/v1/get_lit_action_client_config`, {
      headers: { host: 'evil.example' },
    });
    const [answer] = (await once(foreign.end(), 'response')) as [{ statusCode: number; resume(): void }];
    answer.resume();
    assert.equal(answer.statusCode, 403);
    const simple = await fetch(`${server.url}/core/v1/new_account`, { method: 'POST', body: '{}' });
    assert.equal(simple.status, 404);
  });

  test('the API of the server may be called by pages of every site, without what a browser would send by itself', async () => {
    const asked = {
      origin: 'https://page.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type,x-api-key',
    };
    const preflight = await fetch(`${server.url}/core/v1/lit_action`, { method: 'OPTIONS', headers: asked });
    const plain = await fetch(`${server.url}/core/v1/nothing`, { headers: { origin: 'https://page.example' } });
    assert.deepEqual([preflight.status, plain.status], [200, 404]);
    for (const { headers } of [preflight, plain]) {
      assert.equal(headers.get('access-control-allow-origin'), '*');
      assert.equal(headers.get('access-control-allow-credentials'), null);
      assert.match(headers.get('access-control-allow-headers') ?? '', /authorization.*content-type.*x-api-key/);
      assert.match(headers.get('access-control-allow-methods') ?? '', /GET.*POST/);
    }
  });

  test('the API of the server tells an action the ids of its request', async () => {
    const code =
      'async function main() { return [..."rc"].map((c) => Lit.Headers.get(c === "r" ? "x-request-id" : "x-correlation-id")) }';
    const send = async (id: string) => {
      const headers = { 'content-type': 'application/json', 'x-api-key': await runner(), 'x-correlation-id': id };
      const answer = await fetch(`${server.url}/core/v1/lit_action`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ code }),
      });
      const { response } = (await answer.json()) as { response: unknown };
      return { response, ids: ['x-request-id', 'x-correlation-id'].map((name) => answer.headers.get(name)) };
    };
    const proper = await send('mine-1');
    assert.deepEqual(proper.response, proper.ids);
    assert.equal(proper.ids[1], 'mine-1');
    assert.deepEqual((await send('x'.repeat(129))).ids[1], null);
  });

  test('the API of the server lets a permission take effect after a while, if it is asked to', async () => {
    const slow = await start({ settleMs: 1500, dir: join(dir, 'slow') });
    const at = { url: slow.url };
    const key = (await call('new_account', { ...at, body: { account_name: 'a', account_description: '' } })).body
      .api_key;
    const usage = await usageKey(key, { execute_in_groups: [0] }, slow.url);
    const code = 'async function main() { return 1 }';
    assert.equal((await run(usage, code, null, slow.url)).status, 403);
    await new Promise((resolve) => setTimeout(resolve, 1600));
    assert.equal((await run(usage, code, null, slow.url)).status, 200);
    const none = { ...NO_SCOPE, usage_api_key: usage };
    assert.equal((await call('update_usage_api_key', { ...at, key, body: none })).status, 200);
    // So does what is taken back.
    assert.equal((await run(usage, code, null, slow.url)).status, 200);
    await new Promise((resolve) => setTimeout(resolve, 1600));
    assert.equal((await run(usage, code, null, slow.url)).status, 403);
    await slow.close();
  });

  test('the API of the server is that of April, if it is asked to: wallets are made by GET', async () => {
    const april = await start({ generation: 'april' });
    const at = { url: april.url, key: await account() };
    assert.match((await call('create_wallet', at)).body.wallet_address, /^0x/);
    assert.equal((await call('create_wallet', { ...at, body: {} })).status, 404);
    const versions = [april.url, server.url].map(async (url) => (await call('version', { url })).body);
    assert.deepEqual(
      (await Promise.all(versions)).map((body) => [body.version, body.submodule_versions]),
      [
        ['1.1.9', [['deno', '2.2.2']]],
        ['1.1.10', [['deno', '2.8.0']]],
      ],
    );
    assert.equal((await call('create_wallet', { ...at, url: server.url })).status, 404);
    await april.close();
  });

  test('the API of the server tells that it has no chain, its health, and what it lacks', async () => {
    assert.equal((await call('get_node_chain_config')).body.chain_name, 'none');
    assert.equal((await call('health')).body.lit_actions_reachable, true);
    for (const path of NOT_HERE) {
      const { status, body } = await call(path, { body: {} });
      assert.deepEqual([status, body.message], [404, 'the local server does not have this endpoint of Lit']);
    }
  });

  test('the API of the server fails on a source of one whole chunk, as Lit does', async () => {
    const code = 'async function main() { return 1 }'.padEnd(262_144);
    const isFailure = ({ status, body }: Reply) => assert.deepEqual([status, body.error], [500, 'internal_error']);
    isFailure(await run(await runner(), code));
    isFailure(await call('get_lit_action_ipfs_id', { body: JSON.stringify(code) }));
    assert.equal((await run(await runner(), `${code} `)).status, 200);
    assert.deepEqual(faults, []);
  });

  test('the API of the server is not at fault where a client breaks off', async () => {
    const statuses: number[] = [];
    const watched = await start({ dir: join(dir, 'watched'), onRequest: ({ status }) => statuses.push(status) });
    const headers = { 'content-type': 'application/json', 'content-length': 100 };
    const broken = request(`${watched.url}/core/v1/new_account`, { method: 'POST', headers });
    broken.on('error', () => {});
    broken.write('{"account_name":', () => broken.destroy());
    while (statuses.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual(statuses, [400]);
    assert.deepEqual(faults, []);
    await watched.close();
  });

  test('answers as described whatever it is asked', async () => {
    const { key, runs, wallet, group_id, cid } = await setUp();
    const bodies = ENDPOINTS.filter((endpoint) => methodOf(endpoint) === 'POST').map(({ path }) => path);
    const value = fc.oneof(
      fc.constantFrom(
        wallet,
        group_id,
        String(group_id),
        cid,
        actionHash(cid),
        key,
        0,
        [group_id],
        [0],
        null,
        true,
        '',
      ),
      fc.jsonValue({ maxDepth: 1 }),
    );
    const names = [
      'group_id',
      'pkp_id',
      'action_ipfs_cid',
      'hashed_cid',
      'name',
      'description',
      'usage_api_key',
      'ipfs_id',
      'code',
      'js_params',
    ];
    const scope = Object.keys(NO_SCOPE);
    const fields = ['account_name', 'account_description', 'group_name', 'group_description', 'pkp_ids_permitted'];
    const record = fc.dictionary(fc.constantFrom(...names, ...scope, ...fields, '__proto__'), value, { maxKeys: 16 });
    const lists = ['list_groups', 'list_wallets', 'list_actions', 'list_wallets_in_group', 'list_api_keys'];
    const query = fc.dictionary(
      fc.constantFrom('group_id', 'page_number', 'page_size', 'x'),
      fc.oneof(fc.nat().map(String), fc.string()),
    );
    const documented = new Set([200, 400, 401, 403, 404, 413, 422]);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...bodies), fc.oneof(record, fc.jsonValue()), async (path, body) => {
        const { status, body: answer } = await call(path, { key, body: JSON.stringify(body) });
        // A 500 that is meant is a text: the account has no such thing.
        const failed = status === 500 && /^the account has no such /.test(answer);
        assert.ok(documented.has(status) || failed, `${path}: ${status}`);
      }),
      { numRuns: 150, seed: 8 },
    );
    const source = fc.oneof(fc.string(), fc.constant('async function main(params) { return params }'));
    await fc.assert(
      fc.asyncProperty(source, fc.jsonValue(), async (code, js_params) => {
        const { status, body } = await call('lit_action', { key: runs, body: { code, js_params } });
        if (code === '') return assert.equal(status, 400);
        const isMeant = status === 200 ? body.has_error === false : status === 500 && /^Uncaught /.test(body);
        assert.ok(isMeant, `${status}: ${JSON.stringify(body)}`);
      }),
      { numRuns: 20, seed: 8 },
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...lists), query, async (path, parameters) => {
        const { status } = await call(`${path}?${new URLSearchParams(parameters)}`, { key });
        assert.ok(documented.has(status), `${path}: ${status}`);
      }),
      { numRuns: 100, seed: 8 },
    );
    assert.deepEqual(faults, []);
  });
});

/** How many Deno processes of this process run. */
function guests(): number {
  return guestPids().length;
}

function guestPids(): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      const [, name, , parent] = /^\d+ \((.*)\) (\S) (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? [];
      return name === 'deno' && Number(parent) === process.pid;
    } catch {
      return false;
    }
  });
}

function residentMb(pid: string): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
