import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { generateIdentity } from 'age-encryption';
import { createWallet } from '../ts/deal/keygen.ts';
import { cidOf } from '../ts/protocol/cid.ts';
import { ChipotleRuntime } from '../ts/runtime/chipotle/runtime.ts';
import { LitNodeClientRuntime } from '../ts/runtime/lit-node-client/runtime.ts';
import { LitHost } from '../ts/runtime/local/host.ts';
import { LocalRuntime } from '../ts/runtime/local/runtime.ts';
import { LitServer } from '../ts/runtime/local/server.ts';
import { openStore } from '../ts/store/node.ts';
import { draftWallet } from '../ts/store/store.ts';
import { command } from './support/command.ts';

// Two texts that are one in UTF-8 as encoders write it: the CID of the one must not run the other.

const tail = (half: string) => `async function main() { return '${half}'.charCodeAt(0) }`;
const HALF = tail('\ud800');
const SHOWN = tail('\ufffd');

let dir: string;
let server: LitServer;
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tandem-source-'));
  server = await LitServer.start({ dir: join(dir, 'server') });
});
after(async () => {
  await server.close();
  rmSync(dir, { recursive: true, force: true });
});

const refused = { message: /half of a surrogate pair/ };

describe('audit 4: two sources never have one CID', () => {
  test('audit 4: wherever a CID is computed', async () => {
    const shown = cidOf(SHOWN);
    assert.equal(cidOf(Buffer.from(SHOWN)), shown);
    const halves = [HALF, tail('\udc00'), tail('\udc00\ud800'), '\udfff', `${SHOWN}\ud83d`];
    for (const source of halves) assert.throws(() => cidOf(source), refused);
    cidOf(tail('\ud83d\ude00')); // a whole pair
    const host = await LitHost.open({ dir: join(dir, 'host') });
    for (const source of halves) await assert.rejects(host.cidOf(source), { ...refused, kind: 'input' });
  });

  test('audit 4: by the local host, also with the CID of the other', async () => {
    const runtime = await LocalRuntime.open({ dir: join(dir, 'local') });
    const cid = cidOf(SHOWN);
    assert.equal(await runtime.run({ source: SHOWN, cid }, null), 0xfffd);
    await assert.rejects(runtime.run({ source: HALF, cid }, null), { ...refused, kind: 'input' });
    await assert.rejects(runtime.host.execute({ source: HALF, params: null }), { ...refused, kind: 'input' });
  });

  test('audit 4: by the API of the server', async () => {
    const post = async (path: string, body: string, key?: string) => {
      const headers = { 'content-type': 'application/json', ...(key && { 'x-api-key': key }) };
      const response = await fetch(`${server.url}/core/v1/${path}`, { method: 'POST', headers, body });
      return { status: response.status, text: await response.text() };
    };
    const account = await post('new_account', '{"account_name":"a","account_description":""}');
    const { api_key } = JSON.parse(account.text) as { api_key: string };
    for (const [path, body] of [
      ['get_lit_action_ipfs_id', HALF],
      ['lit_action', { code: HALF, js_params: null }],
      ['lit_action', { code: HALF, ipfs_id: cidOf(SHOWN), js_params: null }],
    ] as const) {
      const { status, text } = await post(path, JSON.stringify(body), api_key);
      assert.equal(status, 400, text);
      assert.match(text, refused.message);
    }
  });

  test('audit 4: by the clients of hosts, which are not even asked', async () => {
    const action = { source: HALF, cid: cidOf(SHOWN) };
    const settings = {
      LIT_API_URL: 'http://127.0.0.1:1',
      LIT_WALLET: `0x${'11'.repeat(20)}`,
      LIT_POLICY: 'messages',
      LIT_CID: action.cid,
      LIT_GROUP: '1',
      LIT_USAGE_KEY: 'a-usage-key',
    };
    await assert.rejects(new ChipotleRuntime({ settings }).run(action, null), refused);
    const asked = () => assert.fail('the nodes were asked');
    const nodes = new LitNodeClientRuntime({ client: { executeJs: asked }, sessionSigs: async () => ({}) });
    await assert.rejects(nodes.run(action, null), refused);
    await assert.rejects(nodes.run({ ...action, source: 'another' }, null), /is not that of Qm/);
  });

  test('audit 4: by the store, which would keep the other one', async () => {
    const identity = await generateIdentity();
    const store = openStore(join(dir, 'store'), async () => ({ identities: [identity] }));
    const { wallet } = await createWallet({ store, threshold: 2, parties: 2 });
    const parties = [...wallet.parties, { index: 200, role: 'action' as const }];
    const action = { wallet: `0x${'11'.repeat(20)}`, cid: cidOf(SHOWN), policy: 'any', authority: 'none' };
    const info = { ...wallet, address: `0x${'22'.repeat(20)}`, parties, runtime: 'local' as const, action };
    const draft = await draftWallet(store, 0);
    const finished = draft.finish({ info, shares: new Map(), action: { sealed: 'x', source: HALF } });
    await assert.rejects(finished, refused);
    draft.discard();
  });

  test('audit 4: by the commands that read a source from a file', async () => {
    const file = join(dir, 'action.js');
    writeFileSync(file, Buffer.concat([Buffer.from(HALF.slice(0, 30)), Buffer.of(0xed, 0xa0, 0x80)]));
    const run = await command('run-action', [file, '--store', join(dir, 'run')], {});
    assert.deepEqual([run.code, run.stdout], [1, '']);
    assert.match(run.stderr, /the source is not UTF-8/);
  });
});
