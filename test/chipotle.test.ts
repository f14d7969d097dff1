import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { actionHash, cidOf } from '../ts/protocol/cid.ts';
import { LitAccount } from '../ts/runtime/chipotle/account.ts';
import { LitHttp, type LitHttpOptions, type LogEntry } from '../ts/runtime/chipotle/http.ts';
import { assertClock, ChipotleRuntime } from '../ts/runtime/chipotle/runtime.ts';
import { type CompleteSettings, cidsOf, isComplete, type Settings } from '../ts/runtime/chipotle/settings.ts';
import { readSettings, settingsPath, writeSettings } from '../ts/runtime/chipotle/settings-file.ts';
import { inspect, rotateKey, type SetupOptions, setUp, tearDown } from '../ts/runtime/chipotle/setup.ts';
import { RuntimeError, type RuntimeErrorKind } from '../ts/runtime/errors.ts';
import type { Action, Json } from '../ts/runtime/types.ts';
import { type Fault, FaultProxy } from './support/fault-proxy.ts';
import { type StandInOptions, startStandIn } from './support/lit-stand-in.ts';

const KEY = 'a-key-that-nobody-may-see';

let dir: string;
before(() => {
  dir = mkdtempSync(join(tmpdir(), 'tandem-chipotle-'));
});
after(() => rmSync(dir, { recursive: true, force: true }));

/** Expects a RuntimeError of a kind whose message and advice match. */
async function fails(promise: Promise<unknown>, kind: RuntimeErrorKind, message: RegExp, next?: RegExp) {
  const error = await promise.then(
    () => assert.fail('no error'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof RuntimeError, String(error));
  assert.match(error.short, message);
  assert.equal(error.kind, kind, error.message);
  if (next) assert.match(error.next ?? '', next);
  assert.doesNotMatch(error.message, new RegExp(KEY));
  return error;
}

describe('a request', () => {
  type Turn = (response: ServerResponse, request: IncomingMessage) => void;
  let http: Server;
  let turns: Turn[] = [];
  const seen: { headers: IncomingMessage['headers']; url: string | undefined }[] = [];
  const log: LogEntry[] = [];
  before(async () => {
    http = createServer((request, response) => {
      seen.push({ headers: request.headers, url: request.url });
      request.resume().once('end', () => (turns.shift() ?? assert.fail('too many requests'))(response, request));
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => http.once('listening', resolve));
  });
  after(() => {
    http.closeAllConnections();
    http.close();
  });

  const url = () => `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const answer =
    (status: number, body: unknown, headers = {}): Turn =>
    (response) =>
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  const text =
    (status: number, body: string, type: string): Turn =>
    (response) =>
      response.writeHead(status, { 'content-type': type }).end(body);
  const reset: Turn = (response) => response.socket?.destroy();
  const half: Turn = (response) =>
    response.writeHead(200, { 'content-length': 100 }).write('{"a":', () => response.socket?.destroy());
  const never: Turn = () => {};
  const drip: Turn = async (response) => {
    response.writeHead(200, { 'content-length': 1000 });
    for (; !response.destroyed; await sleep(20)) response.write(' ');
  };

  const send = (steps: Turn[], isRepeatable = false, options: Partial<LitHttpOptions> = {}, signal?: AbortSignal) => {
    turns = [...steps];
    seen.length = 0;
    log.length = 0;
    const client = new LitHttp({ url: url(), key: KEY, onAttempt: (entry) => log.push(entry), ...options });
    return client.send('POST', 'lit_action', { body: { secret: 'share' }, isRepeatable, signal });
  };

  test('a request to Chipotle that fails says what to do, for each documented status', async () => {
    const statuses: [number, RuntimeErrorKind, RegExp][] = [
      [400, 'input', /cannot use the request/],
      [401, 'permission', /does not know the API key/],
      [402, 'payment', /no credit/],
      [403, 'permission', /may not do that/],
      [404, 'input', /does not have/],
      [413, 'limit', /too long/],
      [422, 'input', /malformed/],
      [429, 'busy', /too many requests/],
      [500, 'unavailable', /failed/],
      [503, 'unavailable', /not available/],
      [418, 'unavailable', /answered 418/],
    ];
    for (const [status, kind, message] of statuses) {
      const object = { error: 'x', message: `because of ${KEY}`, fix: `do\nthis with ${KEY}`, docs_url: 'u' };
      const error = await fails(send([answer(status, object)]), kind, message, /^do this with …$/);
      assert.equal(error.status, status);
      assert.match(error.short, /because of ….* \(request [0-9a-f-]{36}\)$/);
      assert.equal(seen[0]?.headers['x-correlation-id'], /\(request ([^)]*)/.exec(error.message)?.[1]);
      const named = [answer(status, object, { 'x-request-id': 'its-own.1' })];
      await fails(send(named), kind, /because of ….* \(request [0-9a-f-]{36}, at the host its-own\.1\)$/);
      const odd = [answer(status, object, { 'x-request-id': 'two words' })];
      await fails(send(odd), kind, /\(request [0-9a-f-]{36}\)$/);
      await fails(
        send([text(status, '<html><body>nginx</body></html>', 'text/html')]),
        kind,
        /HTML page, from a proxy/,
      );
      const bare = await fails(send([answer(status, 'a bare text')]), status === 500 ? 'action' : kind, /a bare text/);
      assert.ok(bare.next !== undefined || [400, 404, 418, 422, 500].includes(status), `${status} has advice`);
    }
  });

  test('a request to Chipotle is repeated after passing failures, if it may be, and its answer is that of the last', async () => {
    // A few at a time: the pauses grow with each.
    const passing: [Turn, LogEntry['result']][][] = [
      [
        [answer(429, 'slow'), 429],
        [answer(503, 'no'), 503],
        [reset, 'network'],
      ],
      [
        [half, 'network'],
        [text(502, '<h1>', 'text/html'), 502],
      ],
    ];
    for (const failures of passing) {
      const steps = failures.map(([turn]) => turn);
      assert.deepEqual(await send([...steps, answer(200, { a: 1 })], true, { deadlineMs: 60_000 }), { a: 1 });
      assert.deepEqual(
        log.map(({ attempt, result }) => [attempt, result]),
        [...failures.map(([, result]) => result), 200].map((result, i) => [i + 1, result]),
      );
      assert.equal(new Set(log.map(({ id }) => id)).size, 1);
    }
    for (const damaged of [text(200, '{"a":', 'application/json'), text(200, '<p>hello', 'text/plain')]) {
      assert.deepEqual(await send([damaged, answer(200, { a: 2 })], true), { a: 2 });
    }
  });

  test('a request to Chipotle is not repeated otherwise, and then says what is not known', async () => {
    await fails(send([answer(503, 'no')]), 'unavailable', /whether the host did what was asked is not known/);
    await fails(send([reset]), 'unavailable', /cannot be reached, or broke off.*is not known/);
    await fails(send([half]), 'unavailable', /broke off.*is not known/);
    await fails(send([answer(200, 'x'.repeat(9 << 20))]), 'unavailable', /more than/);
    await fails(send([answer(402, 'no')], true), 'payment', /no credit/);
    assert.equal(seen.length, 1);
  });

  test('a request to Chipotle keeps to the pause that the host asks for, and to its deadline', async () => {
    const start = performance.now();
    await send([answer(429, 'slow', { 'retry-after': '1' }), answer(200, 1)], true);
    assert.ok(performance.now() - start > 990);
    await fails(send([answer(429, 'slow', { 'retry-after': '60' })], true, { deadlineMs: 30_000 }), 'busy', /too many/);
    for (const stuck of [never, drip]) {
      const begin = performance.now();
      await fails(send([stuck, stuck, stuck], true, { deadlineMs: 1500, attemptMs: 500 }), 'timeout', /in time/);
      assert.ok(performance.now() - begin < 30_000);
    }
  });

  test('a request to Chipotle ends when it is aborted', async () => {
    await fails(send([never], true, {}, AbortSignal.timeout(100)), 'aborted', /aborted/);
    await fails(
      send([answer(429, 1, { 'retry-after': '9' })], true, {}, AbortSignal.timeout(300)),
      'aborted',
      /aborted/,
    );
  });

  test('a request to Chipotle is not redirected: the key is for one host', async () => {
    await fails(send([answer(302, '', { location: `${url()}/elsewhere` })]), 'unavailable', /answered 302/);
    assert.equal(seen.length, 1);
  });

  test('a request to Chipotle leaves nothing in the log of what was in it', async () => {
    await send([answer(200, { answer: 'share' })]);
    assert.doesNotMatch(JSON.stringify(log), new RegExp(`${KEY}|share|secret`));
  });

  test('a request to Chipotle goes to https or this machine only, with a key that can be one', () => {
    for (const address of [
      'http://example.com',
      'https://u:p@example.com',
      'ftp://localhost',
      'https://e.com/?a',
      'x',
    ]) {
      assert.throws(() => new LitHttp({ url: address, key: KEY }), /is not a URL of Lit's API/, address);
    }
    for (const key of ['', 'a b', 'a\nb', 'ü'])
      assert.throws(() => new LitHttp({ url: url(), key }), /characters/, key);
  });
});

const ECHO = 'async function main(p) { return p }';
const KEEP =
  'async function main({ wallet, text }) { return text ? Lit.Actions.Decrypt({ pkpId: wallet, ciphertext: text }) : Lit.Actions.Encrypt({ pkpId: wallet, message: "m" }) }';

/** An action that hands out the wallet's key. */
const TAKE = 'async function main({ wallet }) { return Lit.Actions.getPrivateKey({ pkpId: wallet }) }';

const actionOf = async (source: string): Promise<Action> => ({ source, cid: cidOf(source) });

/** A server with an account on it. */
async function serve(options: StandInOptions = {}) {
  const requests: string[] = [];
  const server = await startStandIn({ onRequest: (line) => requests.push(line), ...options });
  const body = JSON.stringify({ account_name: 'a', account_description: '' });
  const headers = { 'content-type': 'application/json' };
  const newAccount = async () =>
    (
      (await (await fetch(`${server.url}/core/v1/new_account`, { method: 'POST', headers, body })).json()) as {
        api_key: string;
      }
    ).api_key;
  const key = await newAccount();
  return { server, url: server.url, key, newAccount, requests, account: accountOf(server.url, key) };
}

const accountOf = (url: string, key: string) => new LitAccount(new LitHttp({ url, key }));

/** A set-up for an action, in a folder of its own. */
async function prepared(host: Awaited<ReturnType<typeof serve>>, action: Action) {
  const store = mkdtempSync(join(dir, 'store-'));
  const options = setupOptions(host, store);
  await setUp(action, 'messages', options);
  return { store, options: () => setupOptions(host, store), runtime: (more = {}) => runtimeOf(store, more) };
}

/** A usage key with these rights and no others. */
async function addKey(host: { url: string; key: string }, rights: Record<string, Json>) {
  const body = {
    ...{ name: 'spare', description: '', can_create_groups: false, can_delete_groups: false, can_create_pkps: false },
    ...{ manage_ipfs_ids_in_groups: [], add_pkp_to_groups: [], remove_pkp_from_groups: [], execute_in_groups: [] },
    ...rights,
  };
  const made = await new LitHttp(host).send('POST', 'add_usage_api_key', { body, isRepeatable: false });
  return made as { usage_api_key: string };
}

/** What is wrong with a set-up, and how it is found. */
async function problems({ account }: { account: LitAccount }, store: string): Promise<string[][]> {
  const findings = await inspect(account, readSettings(store) as Settings);
  return findings.filter(({ problem }) => problem).map(({ what, found }) => [what, found]);
}

function setupOptions({ account, url }: { account: LitAccount; url: string }, store: string): SetupOptions {
  const settings = readSettings(store) ?? { LIT_API_URL: url };
  return { account, settings, save: (changed) => writeSettings(store, changed), onStep: () => {} };
}

function runtimeOf(store: string, more: object = {}): ChipotleRuntime {
  const settings = readSettings(store);
  assert.ok(isComplete(settings));
  return new ChipotleRuntime({ settings, deadlineMs: 60_000, ...more });
}

describe('the runtime', () => {
  test('the Chipotle runtime sends the code once, then the CID alone, and asks for the limits once', async () => {
    const host = await serve();
    const action = await actionOf(ECHO);
    const runtime = (await prepared(host, action)).runtime();
    host.requests.length = 0;
    for (const value of [1, { a: ['b'] }, null]) assert.deepEqual(await runtime.run(action, value), value);
    assert.deepEqual(host.requests, [
      '200 GET get_lit_action_client_config',
      '400 POST lit_action',
      '200 POST lit_action',
      '200 POST lit_action',
      '200 POST lit_action',
    ]);
    await host.server.close();
  });

  test('the Chipotle runtime sends nothing that the limits would refuse, and no other source than that of the CID', async () => {
    const host = await serve();
    const action = await actionOf(ECHO);
    const { store, ...set } = await prepared(host, action);
    const runtime = set.runtime();
    await runtime.limits();
    host.requests.length = 0;
    await fails(
      runtime.run(action, 'x'.repeat(10 << 20)),
      'limit',
      /^the parameters: 10485762 bytes, where the host allows 10485760/,
    );
    const all = 'x'.repeat((10 << 20) - 10);
    await fails(runtime.run(action, all), 'limit', /^the request: 104858\d\d bytes, where the host allows 10485760/);
    await fails(runtime.run({ ...action, source: `${ECHO} ` }, 1), 'input', /the source is not that of/);
    assert.deepEqual(host.requests, []);

    // A host that tells a limit of the parameters.
    const config = await (await fetch(`${host.url}/core/v1/get_lit_action_client_config`)).json();
    const told: Fault = async ({ response }) => {
      const body = JSON.stringify({ ...(config as object), max_params_length: 65_536 });
      response.writeHead(200, { 'content-type': 'application/json' }).end(body);
    };
    const proxy = await FaultProxy.start(host.url, (path) => (/client_config$/.test(path) ? told : undefined));
    writeSettings(store, { ...(readSettings(store) as Settings), LIT_API_URL: proxy.url });
    host.requests.length = 0;
    const why = /^the parameters: 65538 bytes, where the host allows 65536/;
    await fails(runtimeOf(store).run(action, 'x'.repeat(65_536)), 'limit', why);
    assert.deepEqual(host.requests, []);
    await proxy.close();
    await host.server.close();
  });

  test("the Chipotle runtime gives the action's own error, and its wallet to no other action", async () => {
    const host = await serve();
    const action = await actionOf(KEEP);
    const runtime = (await prepared(host, action)).runtime();
    const wallet = await runtime.createWallet();
    const text = await runtime.run(action, { wallet });
    assert.equal(await runtime.run(action, { wallet, text }), 'm');
    await fails(runtime.run(action, { wallet: `0x${'1'.repeat(40)}` }), 'action', /not permitted to use this wallet/);
    await fails(runtime.run(await actionOf(ECHO), 1), 'permission', /may not use the wallet .* any more/);
    await host.server.close();
  });

  test('the Chipotle runtime permits another action with the key of the account, and then the old one opens nothing', async () => {
    const host = await serve();
    const action = await actionOf(KEEP);
    const next = await actionOf(`${KEEP} // next`);
    const { store, runtime } = await prepared(host, action);
    const wallet = readSettings(store)?.LIT_WALLET ?? '';
    const text = await runtime().run(action, { wallet });

    await fails(runtime().permit(wallet, next.cid), 'permission', /only the key of the account/, /LIT_API_KEY/);
    const making = runtime({ accountKey: host.key });
    await fails(making.createWallet(next.cid), 'input', /is set up for the action/, /--policy messages/);

    const written: string[][] = [];
    const onPermit = (settings: CompleteSettings) => written.push(cidsOf(settings));
    const changing = runtime({ accountKey: host.key, onPermit });
    await changing.permit(wallet, action.cid, next.cid);
    for (const either of [action, next]) assert.equal(await runtime().run(either, { wallet, text }), 'm');
    await changing.permit(wallet, next.cid);
    assert.deepEqual(written, [[action.cid, next.cid], [next.cid]]);
    assert.equal(await runtime().run(next, { wallet, text }), 'm');
    await fails(runtime().run(action, { wallet, text }), 'permission', /may not use the wallet/, /replaced/);
    // Not even the account's own key lets it: that runs no action at all.
    const byOwner = new LitHttp({ url: host.url, key: host.key });
    const body: Json = { code: action.source, js_params: { wallet, text } };
    await fails(byOwner.send('POST', 'lit_action', { body, isRepeatable: false }), 'permission', /not authorized/);
    await host.server.close();
  });
});

describe('what was permitted just now', () => {
  /** As the co-signer does, it keeps to itself why it refuses. */
  const QUIET = `${KEEP.replace('main', 'keep')}
    async function main(params) { try { return await keep(params) } catch { return { error: { code: 'refused' } } } }`;
  const isRefusal = (answer: Json) => typeof answer === 'object' && answer !== null && 'error' in answer;

  test('is waited for, and that is told, whether the host denies the call or the action refuses', async () => {
    const host = await serve({ denials: { runs: 1, uses: 1 } });
    const action = await actionOf(QUIET);
    const { store, runtime } = await prepared(host, action);
    const wallet = readSettings(store)?.LIT_WALLET ?? '';
    const told: string[] = [];
    const steps: string[] = [];
    const patient = runtime({ onWait: (why: string) => told.push(why) });
    const onProgress = (step: string) => steps.push(step);
    const text = await patient.run(action, { wallet }, { wallet, isRefusal, onProgress });
    assert.match(String(text), /^0x/);
    const runs = host.requests.filter((line) => / lit_action$/.test(line));
    // Without the code, denied; without the code, refused; done.
    assert.deepEqual(
      runs.map((line) => line.slice(0, 3)),
      ['400', '403', '400', '200', '200'],
    );
    assert.equal(told.length, 1);
    assert.match(told[0] ?? '', /may not be in effect on all its machines yet; trying again for 300 s/);
    assert.ok(steps.includes(told[0] ?? ''));
    await host.server.close();
  });

  test('is waited for as long as the user lets it, and what is older is not', async () => {
    const host = await serve({ settleMs: 600_000 });
    const action = await actionOf(ECHO);
    const { store, runtime } = await prepared(host, action);
    const later = /may not be in effect on all its machines yet: try again later/;
    for (const waitMs of [0, 1200]) {
      const start = performance.now();
      await fails(runtime({ waitMs }).run(action, 1), 'permission', /not authorized/, later);
      assert.ok(performance.now() - start >= waitMs);
    }
    const { signal } = { signal: AbortSignal.timeout(300) };
    await fails(runtime().run(action, 1, { signal }), 'aborted', /aborted/);
    const settings = readSettings(store) as Settings;
    writeSettings(store, { ...settings, LIT_CHANGED: `${Math.floor(Date.now() / 1000) - 3601}` });
    await fails(runtime().run(action, 1), 'permission', /not authorized/, /status/);
    await host.server.close();
  });
});

describe('a server before v1.1.10', () => {
  test('makes a wallet all the same', async () => {
    const host = await serve({ isOlder: true });
    const action = await actionOf(KEEP);
    const { store, runtime } = await prepared(host, action);
    const { LIT_WALLET: wallet = '' } = readSettings(store) as Settings;
    assert.ok(host.requests.includes('404 POST create_wallet') && host.requests.includes('200 GET create_wallet'));
    assert.match(String(await runtime().run(action, { wallet })), /^0x/);
    await host.server.close();
  });

  test('is asked once: after any other failure there may be a wallet', async () => {
    const host = await serve();
    for (const status of [500, 503]) {
      const asked: string[] = [];
      const fail: Fault = async ({ response }) => {
        response.writeHead(status, { 'content-type': 'application/json' }).end('"no"');
      };
      const proxy = await FaultProxy.start(host.url, (path) => {
        asked.push(path);
        return fail;
      });
      await fails(accountOf(proxy.url, host.key).createWallet(), 'unavailable', /no/);
      assert.deepEqual(asked, ['/core/v1/create_wallet']);
      await proxy.close();
    }
    await host.server.close();
  });
});

describe('its own message and next step has', () => {
  test('a wrong key has its own message and next step', async () => {
    const host = await serve();
    const action = await actionOf(ECHO);
    const { store, runtime } = await prepared(host, action);
    const settings = readSettings(store) as Settings;
    writeSettings(store, { ...settings, LIT_USAGE_KEY: 'another' });
    await fails(runtime().run(action, 1), 'permission', /does not know the API key/, /X-Api-Key/);
    await fails(
      setUp(action, 'messages', { ...setupOptions(host, store), account: accountOf(host.url, 'another') }),
      'permission',
      /does not know the API key/,
      /LIT_API_KEY/,
    );
    await host.server.close();
  });

  test('exhausted credit', async () => {
    const host = await serve({ credit: 1 });
    const action = await actionOf(ECHO);
    const runtime = (await prepared(host, action)).runtime();
    await runtime.run(action, 1);
    const error = await fails(runtime.run(action, 1), 'payment', /no credit left/, /Add funds/);
    assert.equal(error.status, 402);
    await host.server.close();
  });

  test('a missing group has its own message and next step', async () => {
    const host = await serve();
    const action = await actionOf(ECHO);
    const { store, runtime } = await prepared(host, action);
    await host.account.removeGroup(readSettings(store)?.LIT_GROUP ?? '');
    await fails(runtime().run(action, 1), 'permission', /the group 1 of the set-up is not there any more/, /run setup/);
    await setUp(action, 'messages', setupOptions(host, store));
    assert.equal(await runtime().run(action, 1), 1);
    await host.server.close();
  });

  test('a foreign wallet has its own message and next step', async () => {
    const host = await serve();
    const action = await actionOf(ECHO);
    const { store, runtime } = await prepared(host, action);
    const other = `0x${'2'.repeat(40)}`;
    await fails(runtime().check(other, action.cid), 'permission', /is not that of the set-up/, /lit\.env/);
    const settings = readSettings(store) as Settings;
    const foreign = await accountOf(host.url, await host.newAccount()).createWallet();
    writeSettings(store, { ...settings, LIT_WALLET: foreign });
    await fails(runtime().check(foreign, action.cid), 'permission', /is not in the group/, /status/);
    await fails(
      setUp(action, 'messages', setupOptions(host, store)),
      'permission',
      /not one of this account/,
      /LIT_API_KEY/,
    );
    await host.server.close();
  });

  test('a stale CID has its own message and next step', async () => {
    const host = await serve();
    const action = await actionOf(ECHO);
    const { store, runtime } = await prepared(host, action);
    await host.account.removeAction(readSettings(store)?.LIT_GROUP ?? '', actionHash(action.cid));
    await fails(
      runtime().run(action, 1),
      'permission',
      /may not use the wallet .* any more/,
      /run setup for this one again/,
    );
    const newer = await actionOf(`${ECHO} `);
    await fails(setUp(newer, 'messages', setupOptions(host, store)), 'input', /is set up for the action/, /migrate/);
    await host.server.close();
  });

  test('a clock that is wrong has its own message and next step', async () => {
    for (const clockAheadMs of [3_600_000, -3_600_000]) {
      const host = await serve({ clockAheadMs });
      const action = await actionOf(ECHO);
      const runtime = (await prepared(host, action)).runtime();
      const where = clockAheadMs > 0 ? 'behind' : 'ahead of';
      const wallet = await runtime.createWallet();
      await fails(
        runtime.check(wallet, action.cid),
        'input',
        new RegExp(`3[56]\\d\\d s ${where} the host's`), // less or more by the time that it takes
        /set the clock/,
      );
      await host.server.close();
    }
    assertClock(59_000);
    assertClock(undefined);
  });
});

describe('the set-up', () => {
  test('the set-up on Chipotle goes on wherever it broke off, and run again it changes nothing', async () => {
    const action = await actionOf(ECHO);
    for (let broken = 0; ; broken++) {
      const host = await serve();
      const store = mkdtempSync(join(dir, 'store-'));
      let steps = 0;
      const options = setupOptions(host, store);
      const dying = { ...options, onStep: () => assert.ok(steps++ < broken, 'killed') };
      const isDone = await setUp(action, 'messages', dying).then(
        () => true,
        () => false,
      );
      if (isDone) {
        assert.ok(broken >= 5);
        await host.server.close();
        break;
      }
      await setUp(action, 'messages', setupOptions(host, store));
      assert.equal(await runtimeOf(store).run(action, 1), 1, `broken at step ${broken}`);
      const settings = readSettings(store) as Settings;
      assert.deepEqual(
        (await inspect(host.account, settings)).filter(({ problem }) => problem),
        [],
      );
      assert.equal((await host.account.groups()).length, 1);
      assert.ok((await host.account.wallets()).length <= 3); // the account's own, that of the set-up, and its key's

      const state = host.server.state();
      await setUp(action, 'messages', setupOptions(host, store));
      assert.equal(host.server.state(), state);
      assert.deepEqual(readSettings(store), settings);
      await host.server.close();
    }
  });

  test('the set-up on Chipotle tells in a dry run what it would do, and does nothing', async () => {
    const host = await serve();
    const action = await actionOf(ECHO);
    const store = mkdtempSync(join(dir, 'store-'));
    const state = host.server.state();
    const steps: string[] = [];
    await setUp(action, 'messages', {
      ...setupOptions(host, store),
      isDryRun: true,
      onStep: (step) => steps.push(step),
    });
    assert.equal(steps.length, 5);
    for (const step of steps) assert.match(step, /^would /);
    assert.equal(host.server.state(), state);
    assert.ok(!existsSync(settingsPath(store)));
    await host.server.close();
  });

  test('refuses a host that computes another CID, or takes no source of this length, and changes nothing', async () => {
    const host = await serve();
    const action = await actionOf(ECHO);
    const state = host.server.state();
    const other = JSON.stringify(cidOf(`${ECHO} `));
    const config = { ...(await (await fetch(`${host.url}/core/v1/get_lit_action_client_config`)).json()) };
    const short = JSON.stringify({ ...config, max_code_length: ECHO.length - 1 });
    const cases: [string, string, RuntimeErrorKind, RegExp, RegExp?][] = [
      [
        'get_lit_action_ipfs_id',
        other,
        'unavailable',
        /computes the CID of the action as Qm\w+, this machine as/,
        /nothing/,
      ],
      ['get_lit_action_client_config', short, 'limit', /^the code: \d+ bytes, where the host allows \d+$/],
    ];
    for (const [path, body, kind, message, next] of cases) {
      const lie: Fault = async ({ response }) => {
        response.writeHead(200, { 'content-type': 'application/json' }).end(body);
      };
      const proxy = await FaultProxy.start(host.url, (asked) => (asked === `/core/v1/${path}` ? lie : undefined));
      const there = { account: accountOf(proxy.url, host.key), url: proxy.url };
      const store = mkdtempSync(join(dir, 'store-'));
      await fails(setUp(action, 'messages', setupOptions(there, store)), kind, message, next);
      assert.ok(!existsSync(settingsPath(store)));
      await proxy.close();
    }
    assert.equal(host.server.state(), state);
    await host.server.close();
  });

  test('the set-up on Chipotle refuses an account where another group opens the wallet, and says why', async () => {
    const action = await actionOf(ECHO);
    const zero = { wallet: `0x${'0'.repeat(40)}`, hash: `0x${'0'.repeat(64)}` };
    const make = async (key: string, url: string, wallets: string[], hashes: string[]) => {
      const body = { group_name: 'g', group_description: '', pkp_ids_permitted: wallets, cid_hashes_permitted: hashes };
      await new LitHttp({ url, key }).send('POST', 'add_group', { body, isRepeatable: false });
    };
    const other = await actionOf(KEEP);
    const cases: [(wallet: string) => [string[], string[]], RegExp][] = [
      [() => [[zero.wallet], [zero.hash]], /lets every action, .* use every wallet of the account/],
      [() => [[zero.wallet], [actionHash(other.cid)]], /lets its actions use every wallet of the account/],
      [() => [[zero.wallet], []], /lets its actions use every wallet/],
      [(wallet) => [[wallet], [zero.hash]], /lets every action, .* use the wallet 0x/],
      // An action that has no name looks as if it were every action.
      [(wallet) => [[wallet], [`0x${'1'.repeat(64)}`]], /lets every action, or one that has no name here, use the/],
      [(wallet) => [[wallet], [actionHash(other.cid)]], /lets its actions use the wallet 0x/],
    ];
    for (const [group, why] of cases) {
      const host = await serve();
      const { store } = await prepared(host, action);
      const settings = readSettings(store) as Settings;
      const body = { action_ipfs_cid: other.cid, name: 'n', description: '' };
      await new LitHttp(host).send('POST', 'add_action', { body, isRepeatable: false });
      await make(host.key, host.url, ...group(settings.LIT_WALLET ?? ''));
      await fails(setUp(action, 'messages', setupOptions(host, store)), 'permission', why, /could open the share/);
      const problems = (await inspect(host.account, settings)).filter(({ problem }) => problem);
      assert.deepEqual(
        problems.map(({ what }) => what),
        ['other groups'],
      );
      await host.server.close();
    }
    // What opens no wallet of ours is none of our business.
    const host = await serve();
    const { store } = await prepared(host, action);
    await make(host.key, host.url, [], [zero.hash]);
    await setUp(action, 'messages', setupOptions(host, store));
    await host.server.close();
  });

  test('refuses an account where a usage key runs any action with any wallet', async () => {
    const host = await serve();
    const action = await actionOf(KEEP);
    const { store, runtime } = await prepared(host, action);
    const settings = readSettings(store) as Settings;
    const wallet = settings.LIT_WALLET ?? '';
    const { usage_api_key } = await addKey(host, { execute_in_groups: [0] });
    // What such a key can do: an action of the thief's own asks for the wallet's key.
    const body: Json = { code: TAKE, js_params: { wallet } };
    const taken = await new LitHttp({ url: host.url, key: usage_api_key }).send('POST', 'lit_action', {
      body,
      isRepeatable: false,
    });
    assert.match((taken as { response: string }).response, /^0x[0-9a-f]{64}$/);

    const why = /the usage key "spare" may run any action with any wallet of the account/;
    await fails(setUp(action, 'messages', setupOptions(host, store)), 'permission', why, /revoke it/);
    await fails(setUp(action, 'messages', setupOptions(host, mkdtempSync(join(dir, 'store-')))), 'permission', why);
    await fails(runtime().permit(wallet, action.cid), 'permission', why, /revoke it/);
    const next = (await actionOf(ECHO)).cid;
    await fails(runtime({ accountKey: host.key }).permit(wallet, next), 'permission', why, /revoke it/);
    assert.deepEqual(await problems(host, store), [['other keys', 'open']]);
    await host.account.removeUsageKey(usage_api_key);
    await setUp(action, 'messages', setupOptions(host, store));
    assert.deepEqual(await problems(host, store), []);
    await host.server.close();
  });

  test('reports other keys that run its action, or may change who uses the wallet', async () => {
    const host = await serve();
    const action = await actionOf(ECHO);
    const { store } = await prepared(host, action);
    const { LIT_GROUP: group } = readSettings(store) as Settings;
    for (const rights of [
      { execute_in_groups: [Number(group)] },
      { manage_ipfs_ids_in_groups: [Number(group)] },
      { manage_ipfs_ids_in_groups: [0] },
      { add_pkp_to_groups: [77] },
      { can_create_groups: true },
    ]) {
      const { usage_api_key } = await addKey(host, rights);
      assert.deepEqual(await problems(host, store), [['other keys', 'another']], JSON.stringify(rights));
      await setUp(action, 'messages', setupOptions(host, store));
      await host.account.removeUsageKey(usage_api_key);
    }
    await addKey(host, { execute_in_groups: [77], can_create_pkps: true, can_delete_groups: true });
    assert.deepEqual(await problems(host, store), []);
    await host.server.close();
  });

  test('is not deceived by a group of its own name, with which a thief undoes a revocation', async () => {
    const host = await serve();
    const old = await actionOf(KEEP);
    const { store, runtime } = await prepared(host, old);
    const settings = readSettings(store) as CompleteSettings;
    const { LIT_WALLET: wallet, LIT_GROUP: group } = settings;
    const text = await runtime().run(old, { wallet });
    const next = await actionOf(`${KEEP} // without the old shares`);
    const onPermit = (changed: Settings) => writeSettings(store, changed);
    await runtime({ accountKey: host.key, onPermit }).permit(wallet, next.cid);
    assert.deepEqual(await problems(host, store), []);
    await fails(runtime().run(old, { wallet, text }), 'permission', /may not use the wallet/);

    // The thief has the key of the account.
    const body = {
      group_name: `tandem ${wallet}`,
      group_description: 'one action, one wallet',
      pkp_ids_permitted: [wallet],
      cid_hashes_permitted: [actionHash(old.cid)],
    };
    const planted = (await new LitHttp(host).send('POST', 'add_group', { body, isRepeatable: false })) as {
      group_id: string;
    };
    assert.notEqual(planted.group_id, group);
    const { usage_api_key: stolen } = await addKey(host, { execute_in_groups: [Number(planted.group_id)] });
    const thief = new ChipotleRuntime({ settings: { ...settings, LIT_USAGE_KEY: stolen } });
    assert.equal(await thief.run(old, { wallet, text }), 'm', 'the revocation is undone');

    const why = new RegExp(`the group ${planted.group_id} \\(tandem ${wallet}\\) lets its actions use the wallet`);
    assert.deepEqual(await problems(host, store), [['other groups', 'open']]);
    await fails(setUp(next, 'messages', setupOptions(host, store)), 'permission', why);
    await fails(runtime().permit(wallet, next.cid), 'permission', why);
    const after = await actionOf(`${KEEP} // later still`);
    await fails(runtime({ accountKey: host.key, onPermit }).permit(wallet, next.cid, after.cid), 'permission', why);
    assert.equal(readSettings(store)?.LIT_CID, next.cid);
    // What is to go goes all the same, and the rest is told.
    await fails(runtime({ accountKey: host.key, onPermit }).permit(wallet, after.cid), 'permission', why);
    await host.account.removeGroup(planted.group_id);
    await fails(thief.run(old, { wallet, text }), 'permission', /may not use the wallet/);

    // One that does not open the wallet yet is told of too.
    await host.account.addGroup(`tandem ${wallet}`, '');
    assert.deepEqual(await problems(host, store), [['other groups', 'another']]);
    await host.server.close();
  });

  test('does not take a group for its own by its name where others have to do with it', async () => {
    const host = await serve();
    const action = await actionOf(ECHO);
    const { store, options } = await prepared(host, action);
    const { LIT_WALLET: wallet } = readSettings(store) as Settings;
    await tearDown(options());
    const planted = await host.account.addGroup(`tandem ${wallet}`, '');
    const { usage_api_key } = await addKey(host, { execute_in_groups: [Number(planted)] });
    const why = /there is a group already that has the name of the set-up's own: 2$/;
    await fails(setUp(action, 'messages', options()), 'permission', why, /remove it/);
    await host.account.removeUsageKey(usage_api_key);
    const second = await host.account.addGroup(`tandem ${wallet}`, '');
    await fails(setUp(action, 'messages', options()), 'permission', /own: 2 and 3$/);
    await host.account.removeGroup(second);
    await setUp(action, 'messages', options());
    assert.equal(readSettings(store)?.LIT_GROUP, planted);
    await host.server.close();
  });

  test('refuses its own group once it holds more', async () => {
    const host = await serve();
    const action = await actionOf(ECHO);
    for (const add of ['action', 'wallet'] as const) {
      const { store } = await prepared(host, action);
      const group = readSettings(store)?.LIT_GROUP ?? '';
      if (add === 'action') await host.account.addAction(group, (await actionOf(KEEP)).cid, 'n');
      else await host.account.addWallet(group, await host.account.createWallet());
      await fails(setUp(action, 'messages', setupOptions(host, store)), 'permission', /holds more than this wallet/);
      const problems = (await inspect(host.account, readSettings(store) as Settings)).filter(({ problem }) => problem);
      assert.equal(problems.length, 1);
      await host.account.removeGroup(group);
    }
    await host.server.close();
  });

  test('the set-up on Chipotle makes a key that may run this action and nothing else', async () => {
    const host = await serve();
    const action = await actionOf(ECHO);
    const { store } = await prepared(host, action);
    const settings = readSettings(store) as Settings;
    const byUsage = accountOf(host.url, settings.LIT_USAGE_KEY ?? '');
    const group = settings.LIT_GROUP ?? '';
    const other = await actionOf(KEEP);
    for (const attempt of [
      () => byUsage.createWallet(),
      () => byUsage.addGroup('g', ''),
      () => byUsage.addAction(group, other.cid, 'n'),
      () => byUsage.addWallet(group, settings.LIT_WALLET ?? ''),
      () => byUsage.addUsageKey('n', group),
      () => byUsage.removeGroup(group),
      () => byUsage.removeUsageKey(settings.LIT_USAGE_KEY ?? ''),
      () => runtimeOf(store).run(other, 1),
    ]) {
      await fails(attempt(), 'permission', /may not/);
    }
    await host.server.close();
  });

  test('the set-up on Chipotle rotates its key, and is taken back', async () => {
    const host = await serve();
    const action = await actionOf(ECHO);
    const { store, options, runtime } = await prepared(host, action);
    const before = readSettings(store) as Settings;
    const old = runtime();
    await rotateKey({ ...options(), isDryRun: true });
    assert.deepEqual(readSettings(store), before);
    await rotateKey(options());
    assert.equal(await runtime().run(action, 1), 1);
    await fails(old.run(action, 1), 'permission', /does not know the API key/);
    assert.equal((await host.account.usageKeys()).length, 1);

    await tearDown({ ...options(), isDryRun: true });
    assert.equal(await runtime().run(action, 1), 1);
    const last = runtime();
    await tearDown(options());
    await tearDown(options());
    assert.deepEqual([await host.account.groups(), await host.account.usageKeys()], [[], []]);
    await fails(last.run(action, 1), 'permission', /does not know the API key/);
    await fails(rotateKey(options()), 'input', /not set up/);
    await setUp(action, 'messages', options());
    assert.equal((readSettings(store) as Settings).LIT_WALLET, before.LIT_WALLET);
    assert.equal(await runtime().run(action, 1), 1);
    await host.server.close();
  });

  test('the set-up on Chipotle keeps its settings to their owner', async () => {
    const store = mkdtempSync(join(dir, 'store-'));
    assert.equal(readSettings(store), undefined);
    const settings = { LIT_API_URL: 'https://example.com', LIT_USAGE_KEY: 'k=/+' };
    writeSettings(store, settings);
    assert.deepEqual(readSettings(store), settings);
    assert.equal(isComplete(settings), false);
    assert.equal(statSync(settingsPath(store)).mode & 0o777, 0o600);
    chmodSync(settingsPath(store), 0o644);
    assert.throws(() => readSettings(store), { name: 'RuntimeError', next: /chmod 600/ });
    chmodSync(settingsPath(store), 0o600);
    for (const line of ['LIT_CID=Qm', 'LIT_OTHER=1', 'junk', 'LIT_WALLET=0xAB', 'LIT_GROUP=0']) {
      writeFileSync(settingsPath(store), `LIT_API_URL=https://example.com\n${line}\n`);
      assert.throws(() => readSettings(store), /malformed or unknown/, line);
    }
  });
});
