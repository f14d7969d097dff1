import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { cidOf } from '../ts/protocol/cid.ts';
import { LitServer } from '../ts/runtime/local/server.ts';
import { startStandIn } from './support/lit-stand-in.ts';

// What is known of Lit's HTTP API, over plain HTTP: names, types, statuses, and the form of errors. One body for whatever is
// to behave as Lit does.

interface Host {
  readonly url: string;
  close(): Promise<void>;
}

const HOSTS: Readonly<Record<string, () => Promise<Host>>> = {
  'the stand-in': () => startStandIn(),
  'the local server': serve,
};

/** The server of this repository, on its own folder. */
async function serve(): Promise<Host> {
  const dir = mkdtempSync(join(tmpdir(), 'tandem-facts-'));
  const server = await LitServer.start({ dir });
  return {
    url: server.url,
    async close() {
      await server.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

// biome-ignore lint/suspicious/noExplicitAny: answers, of whatever form
type Answer = { status: number; body: any; headers: Headers };

const NO_RIGHTS = {
  ...{ name: 'k', description: '', can_create_groups: false, can_delete_groups: false, can_create_pkps: false },
  ...{ manage_ipfs_ids_in_groups: [], add_pkp_to_groups: [], remove_pkp_from_groups: [], execute_in_groups: [] },
};
const ECHO = 'async function main(p) { return p }';
const PAGE = 'page_number=0&page_size=50';
const zeros = (digits: number) => `0x${'0'.repeat(digits)}`;
const keccak = (text: string) => `0x${Buffer.from(keccak_256(Buffer.from(text))).toString('hex')}`;

for (const [name, start] of Object.entries(HOSTS)) {
  describe(`of Lit's API, at ${name},`, () => {
    let host: Host;
    let key: string;
    before(async () => {
      host = await start();
      key = (await post('new_account', { account_name: 'a', account_description: '' }, '')).body.api_key;
    });
    after(() => host.close());

    async function call(method: string, path: string, headers: Record<string, string>, body?: string): Promise<Answer> {
      const response = await fetch(`${host.url}/core/v1/${path}`, {
        method,
        headers,
        ...(body !== undefined && { body }),
      });
      return { status: response.status, body: await response.json(), headers: response.headers };
    }
    const get = (path: string, by = key) => call('GET', path, { 'x-api-key': by });
    const post = (path: string, body: unknown, by = key) =>
      call('POST', path, { 'content-type': 'application/json', 'x-api-key': by }, JSON.stringify(body));

    const isText = ({ status, body }: Answer, expected: number) => {
      assert.equal(status, expected, JSON.stringify(body));
      assert.equal(typeof body, 'string');
    };
    const isObject = ({ status, body }: Answer, expected: number) => {
      assert.equal(status, expected, JSON.stringify(body));
      for (const field of ['error', 'message', 'fix', 'docs_url']) assert.equal(typeof body[field], 'string', field);
    };
    const newGroup = async (wallets: string[] = [], hashes: string[] = []): Promise<string> => {
      const body = { group_name: 'g', group_description: '', pkp_ids_permitted: wallets, cid_hashes_permitted: hashes };
      return (await post('add_group', body)).body.group_id;
    };
    const newKey = async (rights: object): Promise<string> =>
      (await post('add_usage_api_key', { ...NO_RIGHTS, ...rights })).body.usage_api_key;
    const newWallet = async (): Promise<string> => (await post('create_wallet', {})).body.wallet_address;

    test('ids of groups are numbers where members change, and texts to remove a group', async () => {
      const wallet = await newWallet();
      const cid = cidOf(ECHO);
      const group = await newGroup();
      assert.match(group, /^[1-9][0-9]*$/);
      const members: [string, object][] = [
        ['add_pkp_to_group', { pkp_id: wallet }],
        ['add_action_to_group', { action_ipfs_cid: cid }],
        ['remove_action_from_group', { hashed_cid: keccak(cid) }],
        ['remove_pkp_from_group', { pkp_id: wallet }],
      ];
      for (const [path, member] of members) {
        isObject(await post(path, { ...member, group_id: group }), 422);
        isText(await post(path, { ...member, group_id: 999_999 }), 500);
        const { status, body } = await post(path, { ...member, group_id: Number(group) });
        assert.deepEqual([status, body], [200, { success: true }], path);
      }
      isObject(await post('remove_group', { group_id: Number(group) }), 422);
      isText(await post('remove_group', { group_id: '999999' }), 500);
      const inHex = `0x${BigInt(group).toString(16)}`;
      assert.equal((await post('remove_group', { group_id: inHex })).status, 200);
      assert.equal((await post('remove_group', { group_id: await newGroup() })).status, 200);
    });

    test('lists give ids in hex, wallets in decimal, and no name to what was given none', async () => {
      const wallet = await newWallet();
      const [named, unnamed] = [cidOf(ECHO), cidOf(`${ECHO} `)];
      const group = await newGroup([wallet]);
      await post('add_action', { action_ipfs_cid: named, name: 'echo', description: 'd' });
      for (const cid of [named, unnamed])
        await post('add_action_to_group', { group_id: Number(group), action_ipfs_cid: cid });
      const id = `0x${BigInt(group).toString(16).padStart(64, '0')}`;
      const listed = (await get(`list_groups?${PAGE}`)).body as { id: string; name: string }[];
      assert.equal(listed.find((item) => item.id === id)?.name, 'g');
      for (const item of (await get(`list_wallets?${PAGE}`)).body) {
        assert.match(item.id, /^[0-9]+$/);
        assert.match(item.wallet_address, /^0x[0-9a-f]{40}$/);
      }
      for (const text of [group, id]) {
        const items = (await get(`list_actions?group_id=${text}&${PAGE}`)).body as { id: string; name: string }[];
        assert.deepEqual(items.map((item) => item.id).sort(), [keccak(named), 'n/a'].sort());
        assert.equal(items.find((item) => item.id !== 'n/a')?.name, 'echo');
      }
      const [item] = (await get(`list_wallets_in_group?group_id=${group}&${PAGE}`)).body;
      assert.equal(item.wallet_address, wallet);
    });

    test('usage keys are listed by their hash', async () => {
      const usage = await newKey({ execute_in_groups: [0], can_create_pkps: true });
      const items = (await get(`list_api_keys?${PAGE}`)).body as Record<string, unknown>[];
      const item = items.find(({ api_key_hash }) => api_key_hash === keccak(usage)) ?? assert.fail('not in the list');
      assert.deepEqual(item.can_execute_in_groups, [0]);
      assert.deepEqual([item.can_create_pkps, item.can_create_groups], [true, false]);
      assert.match(String(item.expiration), /^[1-9][0-9]{9}$/);
      assert.ok(Number.isSafeInteger(item.balance));
      isText(await post('remove_usage_api_key', { usage_api_key: 'unknown' }), 500);
      assert.equal((await post('remove_usage_api_key', { usage_api_key: usage })).status, 200);
    });

    test('usage keys run actions, and the key of the account does not', async () => {
      const cid = cidOf(ECHO);
      const group = await newGroup([], [keccak(cid)]);
      const usage = await newKey({ execute_in_groups: [Number(group)] });
      const run = (body: object, by: string) => post('lit_action', body, by);
      isText(await run({ code: ECHO, js_params: 1 }, key), 403);
      isText(await run({ code: `${ECHO} // another` }, usage), 403);
      isText(await run({ code: '' }, usage), 400);
      const miss = await run({ ipfs_id: cidOf(`${ECHO} // never sent`), js_params: 1 }, usage);
      isText(miss, 400);
      assert.match(miss.body, /^No cached code found/);
      // The id beside the code is ignored.
      const both = await run({ code: ECHO, ipfs_id: cidOf('x'), js_params: { a: ['b'] } }, usage);
      assert.deepEqual([both.status, both.body.response, both.body.has_error], [200, { a: ['b'] }, false]);
      assert.equal((await run({ ipfs_id: cid, js_params: 7 }, usage)).body.response, 7);
      isText(
        await run({ code: ECHO.replace('return p', 'throw Error("no")') }, await newKey({ execute_in_groups: [0] })),
        500,
      );
      isText(await post('create_wallet', {}, usage), 403);
    });

    test('a key for every group runs any action with any wallet, and so do wildcards in a group', async () => {
      const take = 'async function main({ w }) { return Lit.Actions.getPrivateKey({ pkpId: w }) }';
      const wallet = await newWallet();
      const run = (by: string) => post('lit_action', { code: take, js_params: { w: wallet } }, by);
      assert.match((await run(await newKey({ execute_in_groups: [0] }))).body.response, /^0x[0-9a-f]{64}$/);
      const all = await newGroup([zeros(40)], [zeros(64)]);
      assert.match((await run(await newKey({ execute_in_groups: [Number(all)] }))).body.response, /^0x[0-9a-f]{64}$/);
      const [item] = (await get(`list_actions?group_id=${all}&${PAGE}`)).body;
      assert.equal(item.id, 'n/a');
      const [every] = (await get(`list_wallets_in_group?group_id=${all}&${PAGE}`)).body;
      assert.equal(every.wallet_address, zeros(40));
      const none = await newGroup([], [keccak(cidOf(take))]);
      isText(await run(await newKey({ execute_in_groups: [Number(none)] })), 500);
    });

    test('504 KB of parameters are taken, and 10 MiB of body are too many', async () => {
      const usage = await newKey({ execute_in_groups: [0] });
      const code = 'async function main({ p }) { return p.length }';
      const length = 504 * 1024;
      const { body } = await post('lit_action', { code, js_params: { p: 'x'.repeat(length) } }, usage);
      assert.equal(body.response, length);
      isObject(await post('lit_action', { code, js_params: { p: 'x'.repeat(10 << 20) } }, usage), 413);
    });

    test('what is sent is checked, by header, form and type', async () => {
      const json = { 'content-type': 'application/json' };
      isObject(await call('POST', 'create_wallet', { 'x-api-key': key }, '{}'), 404);
      isObject(await call('GET', 'create_wallet', { 'x-api-key': key }), 404);
      isObject(await call('POST', 'nothing', { ...json, 'x-api-key': key }, '{}'), 404);
      isObject(await call('POST', 'create_wallet', json, '{}'), 401);
      isObject(await call('POST', 'add_group', { ...json, 'x-api-key': key }, '{'), 400);
      isObject(await post('add_group', { group_name: 1, group_description: '' }), 422);
      isObject(await post('add_usage_api_key', { ...NO_RIGHTS, execute_in_groups: ['1'] }), 422);
      isObject(await post('lit_action', { code: 1 }), 422);
      // Of both headers Authorization wins.
      const wallets = (headers: Record<string, string>) => call('GET', `list_wallets?${PAGE}`, headers);
      assert.equal((await wallets({ authorization: `Bearer ${key}`, 'x-api-key': 'wrong' })).status, 200);
      assert.notEqual((await wallets({ authorization: 'Bearer wrong', 'x-api-key': key })).status, 200);
    });

    test('answers have an id, and that of the caller if there is one', async () => {
      for (const path of ['version', 'nothing']) {
        const { headers } = await call('GET', path, { 'x-correlation-id': 'mine', 'x-request-id': 'not-mine' });
        assert.equal(headers.get('x-correlation-id'), 'mine');
        assert.match(headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/);
        assert.equal(headers.get('access-control-allow-origin'), '*');
      }
      assert.equal((await get('version')).headers.get('x-correlation-id'), null);
    });

    test('the limits in force are told, and none of the parameters', async () => {
      const { body } = await get('get_lit_action_client_config');
      for (const field of [
        'timeout_ms',
        'memory_limit_mb',
        'max_code_length',
        'max_response_length',
        'max_fetch_count',
      ]) {
        assert.ok(Number.isSafeInteger(body[field]) && body[field] > 0, field);
      }
      assert.equal(typeof (await get('version')).body.version, 'string');
      assert.equal((await get('account_exists')).body, true);
      assert.equal((await get('account_exists', 'unknown')).body, false);
      assert.equal((await post('get_lit_action_ipfs_id', ECHO)).body, cidOf(ECHO));
    });

    test('groups, keys and names can be changed', async () => {
      const [wallet, cid] = [await newWallet(), cidOf(ECHO)];
      const group = Number(await newGroup());
      const body = { name: 'n', description: 'd', pkp_ids_permitted: [wallet], cid_hashes_permitted: [keccak(cid)] };
      isObject(await post('update_group', { ...body, group_id: `${group}` }), 422);
      assert.equal((await post('update_group', { ...body, group_id: group })).status, 200);
      assert.equal((await get(`list_wallets_in_group?group_id=${group}&${PAGE}`)).body.length, 1);
      await post('add_action', { action_ipfs_cid: cid, name: 'a', description: '' });
      const hashed_cid = keccak(cid);
      assert.equal((await post('update_action_metadata', { hashed_cid, name: 'b', description: '' })).status, 200);
      assert.equal((await get(`list_actions?group_id=${group}&${PAGE}`)).body[0].name, 'b');
      assert.equal((await post('delete_action', { hashed_cid })).status, 200);
      assert.equal((await get(`list_actions?group_id=${group}&${PAGE}`)).body[0].id, 'n/a');
      const usage = await newKey({});
      const run = () => post('lit_action', { code: ECHO, js_params: 1 }, usage);
      assert.equal((await run()).status, 403);
      const rights = { ...NO_RIGHTS, execute_in_groups: [group], usage_api_key: usage };
      assert.equal((await post('update_usage_api_key', rights)).status, 200);
      assert.equal((await run()).status, 200);
      const text = { usage_api_key: usage, name: 'other', description: '' };
      assert.equal((await post('update_usage_api_key_metadata', text)).status, 200);
      const items = (await get(`list_api_keys?${PAGE}`)).body as { api_key_hash: string; name: string }[];
      assert.equal(items.find(({ api_key_hash }) => api_key_hash === keccak(usage))?.name, 'other');
    });
  });
}
