import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LitServer } from '../ts/runtime/local/server.ts';

// The local server as a stranger on the machine attacks it, who may connect, make accounts and run code. After each attack it
// must still run, serve others, and keep them apart; at the end its folder holds a state of bounded length and nothing else.

const root = join(import.meta.dirname, '..');
const KB = 1024;
const MB = 1024 * KB;
const MAX_STATE = 16 * MB;
const ENDLESS = 'for (;;) {}';
const JSON_TYPE = { 'content-type': 'application/json' };
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

interface Reply {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for
  readonly body: any;
}

/** The server in a process of its own, so that its end is seen. */
class Served {
  readonly child: ChildProcess;
  readonly url: string;
  readonly store: string;
  readonly stderr: string[] = [];

  private constructor(child: ChildProcess, url: string, store: string) {
    this.child = child;
    this.url = url;
    this.store = store;
    child.stderr?.on('data', (data) => this.stderr.push(String(data)));
  }

  static async start(store: string, ...more: string[]): Promise<Served> {
    const args = ['--import', 'tsx', 'scripts/serve.ts', '--port', '0', '--store', store, '--spare', '0', ...more];
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    return new Served(child, /http:\S+/.exec(String(line))?.[0] ?? '', store);
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  async stop(): Promise<void> {
    if (!this.isRunning) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await ended;
  }

  call(path: string, options: Options = {}): Promise<Reply> {
    return send(this.url, path, options);
  }
}

interface Options {
  readonly key?: string;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

async function send(url: string, path: string, { key, body, signal }: Options): Promise<Reply> {
  const isBytes = typeof body === 'string' || body instanceof Buffer;
  const response = await fetch(`${url}/core/v1/${path}`, {
    ...(body !== undefined && { method: 'POST', body: isBytes ? body : JSON.stringify(body) }),
    headers: { ...JSON_TYPE, ...(key !== undefined && { 'x-api-key': key }) },
    ...(signal && { signal }),
  });
  return { status: response.status, body: (await response.json()) as unknown };
}

async function newTenant(url: string): Promise<Tenant> {
  const post = async (path: string, body: unknown, key?: string) => {
    const reply = await send(url, path, { body, ...(key !== undefined && { key }) });
    assert.equal(reply.status, 200, JSON.stringify(reply.body));
    return reply.body;
  };
  const key: string = (await post('new_account', { account_name: 'a', account_description: '' })).api_key;
  const wallet: string = (await post('create_wallet', {}, key)).wallet_address;
  const group = { group_name: 'g', group_description: '', pkp_ids_permitted: [wallet], cid_hashes_permitted: ['0'] };
  const group_id = Number((await post('add_group', group, key)).group_id);
  const scope = { ...NO_SCOPE, execute_in_groups: [group_id] };
  const usage: string = (await post('add_usage_api_key', scope, key)).usage_api_key;
  return { key, usage, wallet, group_id };
}

/** An account, with a usage key that may run any action, and with one wallet. */
interface Tenant {
  readonly key: string;
  readonly usage: string;
  readonly wallet: string;
  readonly group_id: number;
}

let dir: string;
let served: Served;
/** Who attacks, and who is not to notice. */
let stranger: Tenant;
let neighbour: Tenant;

const run = (code: string, js_params: unknown = {}, key = stranger.usage): Promise<Reply> =>
  served.call('lit_action', { key, body: { code, js_params } });
const main = (body: string): string => `async function main(params) { ${body} }`;
/** What an expression gives to an action, or the text of what it throws. */
const tried = async (expression: string, params: unknown = {}): Promise<Reply['body']> =>
  (await run(main(`try { return await (${expression}) } catch (error) { return String(error) }`), params)).body
    .response;

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tandem-abuse-'));
  await begin();
});
after(async () => {
  await served.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** Also where an attack has ended the server, so that the next ones are seen by themselves. */
async function begin(): Promise<void> {
  served = await Served.start(join(dir, 'store'), '--concurrency', '4');
  [stranger, neighbour] = [await newTenant(served.url), await newTenant(served.url)];
}

/** The server runs, and serves the neighbour what is the neighbour's. */
async function assertServing(): Promise<void> {
  assert.ok(served.isRunning, served.stderr.join('').slice(-2000));
  const { status, body } = await served.call('list_wallets?page_number=0&page_size=9', { key: neighbour.key });
  assert.equal(status, 200);
  const listed = JSON.stringify(body);
  assert.ok(listed.includes(neighbour.wallet) && !listed.includes(stranger.wallet));
}

function attack(name: string, make: () => Promise<void>): void {
  test(`audit 2: ${name}`, async () => {
    if (!served.isRunning) await begin();
    await make();
    await assertServing();
  });
}

/** A connection on which anything may be sent; what comes back is collected. */
async function dial(): Promise<{ socket: Socket; received: () => string }> {
  const socket = connect(served.port, '127.0.0.1');
  let text = '';
  socket.on('data', (data) => {
    text += data.toString('latin1');
  });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return { socket, received: () => text };
}

/** Sends bytes and waits for the end of the connection, or a while. */
async function raw(...parts: (string | Buffer)[]): Promise<string> {
  const { socket, received } = await dial();
  for (const part of parts) socket.write(part);
  // Its end may be an error: the server hangs up on what it does not want to read.
  await Promise.race([new Promise((resolve) => socket.once('close', resolve)), sleep(300)]);
  socket.destroy();
  return received();
}

const head = (path: string, ...lines: string[]): string =>
  [`POST /core/v1/${path} HTTP/1.1`, 'Host: localhost', ...lines, '', ''].join('\r\n');
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
const statusOf = (text: string): string | undefined => /^HTTP\/1\.1 (\d+)/.exec(text)?.[1];

describe('what is no proper request', () => {
  attack('bytes that are no HTTP', async () => {
    assert.equal(statusOf(await raw(Buffer.from('\x16\x03\x01\x00\xff'.repeat(1000), 'latin1'), '\r\n\r\n')), '400');
  });
  attack('a request line of a megabyte', async () => {
    assert.match(String(statusOf(await raw(`GET /${'x'.repeat(MB)} HTTP/1.1\r\n\r\n`))), /^4|undefined/);
  });
  attack('headers of 100 KB, and 3000 of them', async () => {
    assert.match(String(statusOf(await raw(head('new_account', `X-A: ${'x'.repeat(100 * KB)}`)))), /431|undefined/);
    await raw(head('new_account', ...Array.from({ length: 3000 }, (_, i) => `X-${i}: 1`)));
  });
  attack('half a request, and gone', async () => {
    for (let at = 1; at < 60; at += 7) {
      const { socket } = await dial();
      socket.write(head('new_account', 'Content-Length: 99').slice(0, at), () => socket.destroy());
    }
  });
  attack('a length that is a lie, two lengths, and chunks that are none', async () => {
    const json = 'Content-Type: application/json';
    await raw(head('new_account', json, 'Content-Length: 9999999999999'), '{}');
    assert.equal(statusOf(await raw(head('new_account', json, 'Content-Length: -1'), '{}')), '400');
    const both = head('new_account', json, 'Content-Length: 2', 'Transfer-Encoding: chunked');
    assert.equal(statusOf(await raw(both, '2\r\n{}\r\n0\r\n\r\n')), '400');
    assert.equal(statusOf(await raw(head('new_account', json, 'Transfer-Encoding: chunked'), 'zz\r\n')), '400');
    await raw(head('new_account', json, 'Transfer-Encoding: chunked'), 'ffffffffffffffff\r\n');
  });
  attack('paths that are odd', async () => {
    for (const path of [
      '//',
      '/%',
      '/core/v1/%00',
      '/core/v1/../../etc/passwd',
      '/core/v1/__proto__',
      '*',
      'http://[',
      '/\\',
    ]) {
      assert.match(
        String(statusOf(await raw(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`))),
        /^4/,
      );
    }
  });
  attack('methods that nobody expects, and upgrades', async () => {
    for (const method of ['TRACE', 'PUT', 'DELETE', 'PROPFIND', 'HEAD']) {
      await raw(`${method} /core/v1/new_account HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    }
    await raw('CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await raw(head('new_account', 'Connection: Upgrade', 'Upgrade: websocket'));
    await raw(head('new_account', 'Expect: 200-maybe', 'Content-Length: 2'), '{}');
  });
  attack('another name for the server, as a page has it that made its own name resolve here', async () => {
    assert.equal(statusOf(await raw('GET /core/v1/openapi.json HTTP/1.1\r\nHost: evil.example\r\n\r\n')), '403');
    await raw('GET /core/v1/openapi.json HTTP/1.1\r\n\r\n');
  });
  attack('keys that are odd', async () => {
    for (const key of ['x'.repeat(15 * KB), '__proto__', '\xff\xfe', 'undefined', '0']) {
      assert.equal((await served.call('create_wallet', { key, body: {} })).status, 401);
    }
    await raw(
      head('create_wallet', 'Authorization: Bearer ', 'Authorization: Bearer x', 'X-Api-Key: y', 'X-Api-Key: z'),
    );
  });
  attack('a header that would end the headers of the answer', async () => {
    const id = 'a\x80\xffb';
    const { received, socket } = await dial();
    socket.write(Buffer.from(head('new_account', `X-Correlation-Id: ${id}`, `X-Correlation-Id: ${id}`), 'latin1'));
    while (!received().includes('}')) await sleep(10);
    assert.match(received(), /^HTTP\/1\.1 4/);
    socket.destroy();
  });
});

describe('connections', () => {
  attack('three hundred that say nothing', async () => {
    const idle = await Promise.all(Array.from({ length: 300 }, dial));
    await assertServing();
    for (const { socket } of idle) socket.destroy();
  });
  attack('fifty that send a long body slowly', async () => {
    const slow = await Promise.all(Array.from({ length: 50 }, dial));
    const start = head('get_lit_action_ipfs_id', 'Content-Type: application/json', `Content-Length: ${9 * MB}`);
    for (const { socket } of slow) socket.write(Buffer.concat([Buffer.from(start), Buffer.alloc(3 * MB, 'x')]));
    await sleep(500);
    await assertServing();
    // Others still have room for an action.
    assert.equal((await run(main(`return params.x.length /* ${'x'.repeat(300 * KB)} */`), { x: '' })).status, 200);
    assert.ok(slow.some(({ received }) => statusOf(received()) === '429'));
    for (const { socket } of slow) socket.destroy();
  });
  attack('a thousand requests on one connection, whose answers nobody reads', async () => {
    const { socket } = await dial();
    socket.pause();
    socket.write('GET /core/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(1000));
    await sleep(300);
    await assertServing();
    socket.destroy();
  });
});

describe('JSON', () => {
  attack('a body nested a million deep, and parameters nested 65 deep', async () => {
    assert.equal((await served.call('new_account', { body: nested(20 * KB) })).status, 400);
    assert.equal((await served.call('lit_action', { key: stranger.usage, body: nested(MB) })).status, 400);
    const deep = (depth: number) => `{"code":${JSON.stringify(main('return 1'))},"js_params":${nested(depth)}}`;
    assert.equal((await served.call('lit_action', { key: stranger.usage, body: deep(64) })).status, 400);
    assert.equal((await served.call('lit_action', { key: stranger.usage, body: deep(63) })).status, 200);
  });
  attack('an answer of an action nested 20,000 deep, which parses and cannot be written', async () => {
    const text = await run(main('return "[".repeat(20480) + "]".repeat(20480)'));
    assert.deepEqual([text.status, text.body.response], [200, nested(20_480)]);
    const mixed = await run(main('return `{"a":`.repeat(10000) + 1 + "}".repeat(10000)'));
    assert.equal(typeof mixed.body.response, 'string');
    assert.deepEqual((await run(main(`return '${nested(64)}'`))).body.response, JSON.parse(nested(64)));
    // Some Deno can write what another cannot.
    const value = await run(main('let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return a'));
    assert.ok(value.status === 500 || value.body.response.length > 1e5);
  });
  attack('a body that is too long', async () => {
    const { socket, received } = await dial();
    socket.write(
      head(
        'lit_action',
        `X-Api-Key: ${stranger.usage}`,
        'Content-Type: application/json',
        `Content-Length: ${99 * MB}`,
      ),
    );
    for (let n = 0; n < 60 && received() === '' && !socket.destroyed; n++) {
      await new Promise((resolve) => socket.write(Buffer.alloc(MB, 'x'), resolve));
    }
    assert.match(received(), /413|^$/);
    socket.destroy();
    assert.equal((await served.call('new_account', { body: `"${'x'.repeat(100 * KB)}"` })).status, 413);
  });
  attack('bodies that are no text, or no JSON', async () => {
    for (const body of [
      '\xff\xff',
      '',
      '{',
      'NaN',
      '{"a":1}{',
      '\u0000',
      '"\\u',
      '[1,]',
      '{"__proto__":',
      '\ufeff{}',
    ]) {
      assert.match(String((await served.call('new_account', { body: Buffer.from(body, 'latin1') })).status), /^4/);
    }
  });
  attack('a million empty lists, and a hundred thousand names', async () => {
    const lists = `{"code":"","js_params":[${'[],'.repeat(1e6)}[]]}`;
    assert.match(String((await served.call('lit_action', { key: stranger.usage, body: lists })).status), /^4/);
    const names = Object.fromEntries(Array.from({ length: 1e5 }, (_, i) => [`name${i}`, i]));
    assert.match(String((await served.call('lit_action', { key: stranger.usage, body: names })).status), /^4/);
  });
  attack('names of the machinery of objects', async () => {
    const { key } = stranger;
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      const body = `{"account_name":"a","account_description":"","${name}":{"account":0,"scope":1}}`;
      assert.equal((await served.call('add_group', { key, body })).status, 422);
      assert.match(
        String(
          (await served.call('add_pkp_to_group', { key, body: { group_id: stranger.group_id, pkp_id: name } })).status,
        ),
        /^4/,
      );
      assert.match(String(await tried(`Lit.Actions.Encrypt({ pkpId: '${name}', message: 'm' })`)), /may not use/);
      assert.match(
        String((await served.call(`list_wallets?${name}=1&page_number=0&page_size=1`, { key })).status),
        /^[24]/,
      );
    }
  });
  attack('numbers that are none, or too large', async () => {
    const { key } = stranger;
    for (const id of ['-1', '1e999', '9007199254740993', '0.5', '[1]', 'null', '{}', 'true', '""', '-0']) {
      const { status } = await served.call('add_pkp_to_group', {
        key,
        body: `{"group_id":${id},"pkp_id":"${stranger.wallet}"}`,
      });
      assert.match(String(status), /^(?:4\d\d|500)$/, id);
    }
    for (const size of ['999999999999999', '-1', 'NaN', '1e9', '']) {
      assert.match(String((await served.call(`list_groups?page_number=0&page_size=${size}`, { key })).status), /^[24]/);
    }
  });
  attack('an error message as long as the request', async () => {
    const { body } = await served.call('add_action', {
      key: stranger.key,
      body: { action_ipfs_cid: 'x'.repeat(50 * KB), name: '', description: '' },
    });
    assert.ok(JSON.stringify(body).length < 2 * KB);
  });
});

describe('what is kept', () => {
  const state = () => join(served.store, 'local-lit', 'state.json');
  /** Repeats a request, several at once, until it is refused for good or was made so often. */
  async function flood(times: number, request: (i: number) => Promise<Reply>): Promise<Reply[]> {
    const replies: Reply[] = [];
    let i = 0;
    const one = async () => {
      while (i < times) {
        const reply = await request(i++);
        replies.push(reply);
        if (reply.status !== 200) return;
      }
    };
    await Promise.all(Array.from({ length: 8 }, one));
    return replies;
  }

  attack('names that are six times as long in the file, 340 accounts of them', async () => {
    const before = statSync(state()).size;
    for (const letter of ['\u0001', '\ud800', '"']) {
      const body = { account_name: letter.repeat(4096), account_description: letter.repeat(4096) };
      const replies = await flood(340, () => served.call('new_account', { body }));
      assert.ok(replies.every(({ status }) => status === 422));
    }
    assert.ok(statSync(state()).size < before + KB);
  });
  attack('a wallet, a group, a usage key, a name of an action, again and again', async () => {
    const { key, group_id } = await newTenant(served.url);
    const before = statSync(state()).size;
    const long = 'x'.repeat(1000);
    const group = { group_name: long, group_description: long, pkp_ids_permitted: [], cid_hashes_permitted: [] };
    const cid = (i: number) => `Qm${String(i).padStart(4, '1').replaceAll('0', 'a')}${'1'.repeat(40)}`;
    const requests: ((i: number) => Promise<Reply>)[] = [
      () => served.call('add_group', { key, body: group }),
      (i) => served.call('add_action', { key, body: { action_ipfs_cid: cid(i), name: long, description: long } }),
      () => served.call('add_usage_api_key', { key, body: { ...NO_SCOPE, execute_in_groups: Array(1000).fill(0) } }),
      (i) => served.call('add_action_to_group', { key, body: { group_id, action_ipfs_cid: cid(i) } }),
      () => served.call('create_wallet', { key, body: {} }),
    ];
    for (const [i, request] of requests.entries()) {
      const last = (await flood(300, request)).at(-1);
      assert.equal(last?.status, 400, `${i}`);
      assert.match(last?.body.message, /would hold \d+ bytes; 65536 are allowed/);
    }
    assert.ok(statSync(state()).size - before < 70 * KB);
    // What takes something away is not refused, nor what runs.
    assert.equal((await served.call('remove_group', { key, body: { group_id: String(group_id) } })).status, 200);
    assert.equal((await served.call('create_wallet', { key: neighbour.key, body: {} })).status, 200);
  });
  attack('a group with ten thousand members at once', async () => {
    const cid_hashes_permitted = Array.from({ length: 10_000 }, (_, i) => `0x${(i + 1).toString(16)}`);
    const body = { group_name: 'g', group_description: '', pkp_ids_permitted: [], cid_hashes_permitted };
    assert.equal((await served.call('add_group', { key: stranger.key, body })).status, 413);
    assert.equal(
      (
        await served.call('add_group', {
          key: stranger.key,
          body: { ...body, cid_hashes_permitted: cid_hashes_permitted.slice(0, 5000) },
        })
      ).status,
      400,
    );
  });
});

describe('actions', () => {
  attack('wasm memory, buffers, lists and texts without end', async () => {
    const bombs = [
      'const a = []; for (;;) { const m = new WebAssembly.Memory({ initial: 160 }); new Uint8Array(m.buffer).fill(1); a.push(m) }',
      'const m = new WebAssembly.Memory({ initial: 1 }); for (;;) { const at = m.buffer.byteLength; m.grow(160); new Uint8Array(m.buffer, at).fill(1) }',
      'const a = []; for (;;) a.push(new Uint8Array(1 << 24).fill(1))',
      'const a = []; for (;;) a.push(new Array(1000).fill(1))',
      'let s = ""; for (;;) { s += "hello"; if (s.length % 1e6 === 0) s[5] }',
    ];
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, ...guests().map(residentMb));
    }, 5);
    for (const bomb of bombs) {
      const { status, body } = await run(main(bomb));
      assert.equal(status, 500, bomb);
      assert.match(body, /maximum memory|out of memory|Invalid string length/i, bomb);
    }
    clearInterval(watch);
    // Not a matter of how fast it is: the system gives no more.
    const held = await run(
      main(
        'const a = []; try { for (;;) a.push(new Uint8Array(1 << 24).fill(1)) } catch { for (let t = Date.now(); Date.now() - t < 300;); return a.length }',
      ),
    );
    assert.equal(held.status, 200);
    assert.ok(held.body.response >= 4 && held.body.response <= 32, `${held.body.response} times 16 MB`);
    assert.ok(most < 640, `${most} MB`);
  });
  attack('files, links, devices, databases, and what would last', async () => {
    const expressions = [
      'Deno.writeTextFile("/tmp/tandem-abuse", "x")',
      'Deno.makeTempFile()',
      'Deno.mkdir("/tmp/tandem-abuse")',
      'Deno.symlink("/etc/passwd", "/tmp/tandem-abuse")',
      'Deno.open("/dev/full", { write: true })',
      'Deno.open("/proc/self/mem", { write: true })',
      'Deno.openKv()',
      'caches.open("x")',
      'localStorage.setItem("x", "x")',
      'Deno.truncate("/tmp/x")',
      'Deno.remove(params)',
    ];
    for (const expression of expressions) {
      assert.match(
        String(await tried(expression, join(served.store, 'local-lit', 'state.json'))),
        /NotCapable|PermissionDenied|TypeError|ReferenceError|NotSupported/,
        expression,
      );
    }
  });
  attack("the server's own files and memory", async () => {
    const file = join(served.store, 'local-lit', 'state.json');
    for (const expression of [
      'Deno.readTextFile(params)',
      'fetch("file://" + params).then((r) => r.text())',
      'import(params)',
      'Deno.readTextFile("/proc/" + Deno.ppid + "/environ")',
      'Deno.open("/proc/" + Deno.ppid + "/mem")',
      'new Worker("file://" + params)',
    ]) {
      const { status, body } = await run(main(`return String(await (${expression}))`), file);
      assert.notEqual(status, 200, expression);
      assert.doesNotMatch(String(body), /"root"/);
    }
    for (const specifier of [
      file,
      `file://${file}`,
      `../${file}`,
      'tandem@0.1.0/package.json',
      'x@1.0.0/../../../etc/passwd',
    ]) {
      const { status, body } = await run(`import x from ${JSON.stringify(specifier)};\n${main('return x')}`);
      assert.notEqual(status, 200, specifier);
      assert.doesNotMatch(String(body), /"root"|root:/);
    }
  });
  attack('processes, signals, the end of the parent', async () => {
    for (const expression of [
      'new Deno.Command("/bin/sh", { args: ["-c", "kill -9 $PPID"] }).output()',
      'Deno.kill(Deno.ppid, "SIGKILL")',
      'Deno.exit(1)',
      'Deno.dlopen("/lib/x86_64-linux-gnu/libc.so.6", {})',
    ]) {
      assert.match(String(await tried(expression)), /NotCapable|PermissionDenied/, expression);
    }
  });
  attack('logs, answers, keys and requests beyond every limit', async () => {
    for (const [body, message] of [
      ['for (;;) console.log("x".repeat(50000))', /may print/],
      ['for (;;) console.log("")', /may print|calls to the host/],
      ['return "x".repeat(2e6)', /are allowed|too long/],
      ['for (;;) await Lit.Actions.getLitActionPrivateKey()', /key operations/],
      [
        'for (;;) await fetch("http://127.0.0.1:1/").catch((e) => { if (!/refused|connect/i.test(e)) throw e })',
        /HTTP requests/,
      ],
      ['Lit.Actions.setResponse({ response: "x".repeat(9e6) })', /too long|are allowed/],
      ['throw new Error("x".repeat(1e6))', /Error: xxx/],
      ['throw null', /Uncaught/],
      ['throw { toString() { throw 1 } }', /Uncaught|error/i],
    ] as const) {
      const { status, body: answer } = await run(main(body));
      assert.equal(status, status === 400 ? 400 : 500, body);
      assert.match(String(answer), message, body);
      assert.ok(String(answer).length < 100 * KB);
    }
  });
  attack('answers that come twice, late, or never', async () => {
    assert.equal((await run(main('Lit.Actions.setResponse({ response: "1" }); return "2"'))).body.response, 2);
    assert.equal((await run(main('queueMicrotask(() => Promise.reject(new Error("late"))); return 1'))).status, 500);
    assert.equal((await run(main('addEventListener("unload", () => { throw 1 }); return 1'))).status >= 200, true);
    assert.equal((await run(main('dispatchEvent(new Event("unload")); return 1'))).status >= 200, true);
    assert.equal((await run(main('close()'))).status, 200);
    assert.equal((await run('throw 1')).status, 500);
    assert.equal((await run(' ')).status, 500);
    assert.equal((await run('var main = 5')).status, 500);
  });
  attack('values that change while they are written', async () => {
    for (const value of [
      '{ toJSON() { throw 1 } }',
      'new Proxy([], { get() { throw 1 } })',
      '1n',
      'Symbol()',
      '() => 1',
      'new Map()',
      '{ get a() { return this } }',
      '"\\ud800"',
      'new Date(NaN)',
    ]) {
      assert.match(String((await run(main(`return ${value}`))).status), /200|500/, value);
    }
  });
  attack('a stack without end, and an expression that never matches', async () => {
    assert.match(String(await tried('(function f() { return f() })()')), /RangeError/);
    const signal = AbortSignal.timeout(1000);
    const body = { code: main('return /^(a+)+$/.test("a".repeat(40) + "b")') };
    await assert.rejects(served.call('lit_action', { key: stranger.usage, body, signal }));
  });
  attack('prototypes altered, for whoever runs next', async () => {
    await run(
      main(
        'Object.prototype.leak = Array.prototype.leak = 1; JSON.parse = () => 7; Promise.prototype.then = () => 7; return 1',
      ),
    );
    assert.deepEqual((await run(main('return [typeof leak, JSON.parse("1")]'), {}, neighbour.usage)).body.response, [
      'undefined',
      1,
    ]);
  });
  attack('a port that an action opens, and a process that goes on', async () => {
    const port = await run(
      main(
        'const l = Deno.listen({ port: 0, hostname: "127.0.0.1" }); setTimeout(() => l.close(), 50); return l.addr.port',
      ),
    );
    assert.equal(port.status, 200);
    await assert.rejects(once(connect(port.body.response, '127.0.0.1'), 'connect'));
    await assertNoGuests();
  });
  attack('the API from inside of an action, calling itself', async () => {
    const code = main(`
      if (params.depth === 0) return 'end';
      const body = JSON.stringify({ code: params.code, js_params: { ...params, depth: params.depth - 1 } });
      const headers = { 'content-type': 'application/json', 'x-api-key': params.key };
      const answer = await fetch(params.url, { method: 'POST', headers, body, signal: AbortSignal.timeout(3000) });
      return (await answer.json()).response`);
    const params = { code, key: stranger.usage, url: `${served.url}/core/v1/lit_action`, depth: 1 };
    assert.equal((await run(code, params)).body.response, 'end');
    const endless = run(code, { ...params, depth: 20 });
    await sleep(1000);
    assert.equal((await run(main('return 1'), {}, neighbour.usage)).body.response, 1);
    assert.match(String((await endless).status), /200|500/);
    await assertNoGuests();
  });
  attack('a source that is too deep for the bundler', async () => {
    const bomb = await run(`import x from "left-pad@1.3.0/index.js";\nconst y = ${'('.repeat(5e5)}`);
    assert.equal(bomb.status, 500);
    assert.match(bomb.body, /bundler/);
    const next = await run('import x from "./none.js";\n', {}, neighbour.usage);
    assert.match(next.body, /not a file of an npm package/);
    const deno = await run(`import x from "@deno/linux-x64-glibc@2.2.2/deno";\n${main('return 1')}`);
    assert.equal(deno.status, 500);
  });
  attack('CIDs of others, and a cache full of sources', async () => {
    const secret = main('return "the source of the neighbour"');
    await run(secret, {}, neighbour.usage);
    for (let i = 0; i < 3; i++) await run(`//${i}${'x'.repeat(6e6)}\n${main('return 1')}`);
    for (const ipfs_id of ['Qm', '__proto__', `Qm${'1'.repeat(44)}`, '../../x', 'x'.repeat(1e5)]) {
      assert.match(String((await served.call('lit_action', { key: stranger.usage, body: { ipfs_id } })).status), /^4/);
    }
    assert.equal((await run(secret, {}, neighbour.usage)).status, 200);
  });
});

describe('other tenants', () => {
  attack('the keys of their wallets', async () => {
    const local = neighbour.wallet;
    for (const call of [
      'Encrypt({ pkpId: params, message: "m" })',
      'Decrypt({ pkpId: params, ciphertext: "00" })',
      'getPrivateKey({ pkpId: params })',
    ]) {
      for (const params of [local, local.toUpperCase().replace('0X', '0x'), `0x${'0'.repeat(40)}`]) {
        assert.match(String(await tried(`Lit.Actions.${call}`, params)), /may not use this wallet/, call);
      }
    }
  });
  attack('what they encrypted, brought to a wallet of the own', async () => {
    const seal = main('return await Lit.Actions.Encrypt({ pkpId: params, message: "the secret" })');
    const ciphertext = (await run(seal, neighbour.wallet, neighbour.usage)).body.response;
    const open = 'Lit.Actions.Decrypt({ pkpId: params.wallet, ciphertext: params.ciphertext })';
    assert.match(String(await tried(open, { wallet: stranger.wallet, ciphertext })), /decryption failed/);
  });
  attack('their groups and keys', async () => {
    const { key } = stranger;
    const { group_id, wallet, usage } = neighbour;
    const cid = `Qm${'1'.repeat(44)}`;
    const requests: [string, unknown][] = [
      ['add_pkp_to_group', { group_id, pkp_id: stranger.wallet }],
      ['add_pkp_to_group', { group_id: stranger.group_id, pkp_id: wallet }],
      ['remove_pkp_from_group', { group_id, pkp_id: wallet }],
      ['add_action_to_group', { group_id, action_ipfs_cid: cid }],
      ['remove_action_from_group', { group_id, hashed_cid: '0'.repeat(64) }],
      ['remove_group', { group_id: String(group_id) }],
      ['add_usage_api_key', { ...NO_SCOPE, execute_in_groups: [group_id] }],
      ['remove_usage_api_key', { usage_api_key: usage }],
      ['add_group', { group_name: '', group_description: '', pkp_ids_permitted: [wallet], cid_hashes_permitted: [] }],
    ];
    for (const [path, body] of requests)
      assert.match(String((await served.call(path, { key, body })).status), /^[45]/, path);
    for (const path of ['list_actions', 'list_wallets_in_group']) {
      const { body } = await served.call(`${path}?group_id=${group_id}&page_number=0&page_size=9`, { key });
      assert.deepEqual(body, []);
    }
    for (const path of ['list_groups', 'list_wallets', 'list_actions', 'list_api_keys']) {
      const { body } = await served.call(`${path}?page_number=0&page_size=999`, { key });
      assert.ok(!JSON.stringify(body).includes(wallet));
    }
  });
  attack('more rights than a usage key has', async () => {
    const usage = (
      await served.call('add_usage_api_key', { key: stranger.key, body: { ...NO_SCOPE, can_create_pkps: true } })
    ).body.usage_api_key;
    assert.equal(
      (await served.call('add_usage_api_key', { key: usage, body: { ...NO_SCOPE, execute_in_groups: [0] } })).status,
      403,
    );
    assert.equal((await run(main('return 1'), {}, usage)).status, 403);
    for (const path of ['add_group', 'remove_group', 'remove_usage_api_key']) {
      assert.match(String((await served.call(path, { key: usage, body: {} })).status), /^4/);
    }
  });
  attack('their turns', async () => {
    const mine = new AbortController();
    const held = Array.from({ length: 30 }, () =>
      served
        .call('lit_action', { key: stranger.usage, body: { code: ENDLESS }, signal: mine.signal })
        .catch(() => undefined),
    );
    await sleep(500);
    for (let i = 0; i < 3; i++) {
      const body = { code: main('return 1') };
      const signal = AbortSignal.timeout(60_000);
      assert.equal((await served.call('lit_action', { key: neighbour.usage, body, signal })).body.response, 1);
    }
    mine.abort();
    await Promise.all(held);
    await assertNoGuests();
  });
  attack('their places among those who wait', async () => {
    // In this process, to have fewer places than the command gives.
    const small = await LitServer.start({ dir: join(dir, 'small'), concurrency: 2, waiting: 10 });
    try {
      const call = (key: string, code: string, signal?: AbortSignal) =>
        send(small.url, 'lit_action', { key, body: { code }, signal });
      const [one, two] = [await newTenant(small.url), await newTenant(small.url)];
      const end = new AbortController();
      const held = [one, two].map(({ usage }) => call(usage, ENDLESS, end.signal));
      await sleep(200);
      const flood = Array.from({ length: 12 }, () => call(one.usage, ENDLESS, end.signal));
      assert.equal((await Promise.race(flood)).status, 429);
      const waits = call(two.usage, ENDLESS, end.signal);
      assert.equal(await Promise.race([waits, sleep(500)]), undefined);
      end.abort();
      await Promise.allSettled([...held, ...flood, waits]);
      assert.equal((await call(two.usage, main('return 1'))).status, 200);
    } finally {
      await small.close();
    }
  });
  attack('credit that is multiplied by making accounts', async () => {
    const poor = await Served.start(join(dir, 'poor'), '--credit', '2', '--quiet');
    try {
      const statuses: number[] = [];
      for (let i = 0; i < 4; i++) {
        const { usage } = await newTenant(poor.url);
        statuses.push((await poor.call('lit_action', { key: usage, body: { code: main('return 1') } })).status);
      }
      assert.deepEqual(statuses, [200, 200, 402, 402]);
    } finally {
      await poor.stop();
    }
  });
});

describe('at the end', () => {
  test('audit 2: the server was not at fault, kept no secret in its output, and left no process behind', async () => {
    await assertNoGuests();
    const text = served.stderr.join('');
    for (const secret of [stranger.key, neighbour.key, neighbour.usage]) assert.ok(!text.includes(secret));
    assert.doesNotMatch(text, /unhandled|the server failed|RangeError|TypeError/i);
  });
  test('audit 2: the state is one file that is read again', async () => {
    await served.stop();
    const folder = join(served.store, 'local-lit');
    assert.deepEqual(readdirSync(folder), ['state.json']);
    assert.ok(statSync(join(folder, 'state.json')).size < MAX_STATE);
    served = await Served.start(join(dir, 'store'));
    await assertServing();
    assert.equal((await run(main('return 1'), {}, neighbour.usage)).body.response, 1);
  });
  test('audit 2: accounts without end: there is room for two hundred, and those there are go on', async () => {
    await served.stop();
    const file = join(served.store, 'local-lit', 'state.json');
    const state = JSON.parse(readFileSync(file, 'utf8')) as { accounts: unknown[] };
    const { wallet } = neighbour;
    for (let i = state.accounts.length; i < 198; i++) {
      state.accounts.push({ name: '', description: '', wallet, keyHash: i.toString(16).padStart(64, '0') });
    }
    writeFileSync(file, JSON.stringify(state));
    served = await Served.start(join(dir, 'store'));
    const body = { account_name: '', account_description: '' };
    const statuses: number[] = [];
    for (let i = 0; i < 3; i++) statuses.push((await served.call('new_account', { body })).status);
    assert.deepEqual(statuses, [200, 200, 403]);
    await assertServing();
    assert.equal((await served.call('create_wallet', { key: neighbour.key, body: {} })).status, 200);
  });
});

/** The Deno processes of the server. */
function guests(): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      const [, name, , parent] = /^\d+ \((.*)\) (\S) (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? [];
      return name === 'deno' && Number(parent) === served.child.pid;
    } catch {
      return false;
    }
  });
}

async function assertNoGuests(): Promise<void> {
  for (let n = 0; n < 1000 && guests().length > 0; n++) await sleep(20);
  assert.deepEqual(guests(), []);
}

function residentMb(pid: string): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
