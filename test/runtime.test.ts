import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { privateKeyToAddress } from 'viem/accounts';
import { RuntimeError, type RuntimeErrorKind } from '../ts/runtime/errors.ts';
import { APRIL_LIMITS, DOCUMENTED_LIMITS, NEWEST_LIMITS, STRICT_LIMITS } from '../ts/runtime/limits.ts';
import { type CallResult, LitHost } from '../ts/runtime/local/host.ts';
import { LocalRuntime } from '../ts/runtime/local/runtime.ts';
import type { Json, Limits } from '../ts/runtime/types.ts';

let dir: string;
let host: LitHost;
let april: LitHost;
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tandem-runtime-'));
  host = await LitHost.open({ dir: join(dir, 'host') });
  april = await LitHost.open({ dir: join(dir, 'host'), generation: 'april' });
});
after(() => rmSync(dir, { recursive: true, force: true }));

const main = (body: string) => `async function main(params) { ${body} }`;
const call = (source: string, params: Json = {}, on = host): Promise<CallResult> => on.execute({ source, params });
const response = async (body: string, params: Json = {}, on = host) => (await call(main(body), params, on)).response;
/** The response of an expression: its value, or the text of what it throws. */
const tried = (expression: string, params: Json = {}) =>
  response(`try { return await (${expression}) } catch (error) { return String(error) }`, params);
const limited = (limits: Partial<Limits>) =>
  LitHost.open({ dir: join(dir, 'host'), limits: { ...NEWEST_LIMITS, ...limits } });

function fails(promise: Promise<unknown>, kind: RuntimeErrorKind, message = /./): Promise<void> {
  return assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof RuntimeError, String(error));
    assert.equal(error.kind, kind, error.message);
    assert.match(error.message, message);
    return true;
  });
}

/** The Deno processes that this process has started and that still run. */
function guests(): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      const [, name, , parent] = /^\d+ \((.*)\) (\S) (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? [];
      return name === 'deno' && Number(parent) === process.pid;
    } catch {
      return false;
    }
  });
}

/** Sees to it that so many run once those that are ending are gone, and those that are starting are there. */
async function assertGuests(count: number): Promise<void> {
  for (let n = 0; n < 3000 && guests().length !== count; n++) await sleep(10);
  assert.equal(guests().length, count);
}

describe('the script', () => {
  test('the script of an action is given the parameters, and what main returns is the response', async () => {
    assert.deepEqual(await call(main('return { got: params, list: [1, null, "é"] }'), { a: [true] }), {
      response: { got: { a: [true] }, list: [1, null, 'é'] },
      logs: '',
    });
  });

  test('an action is a script: its top-level names are global, and module syntax is an error', async () => {
    const source =
      'const answer = 42; const main = async () => [answer, globalThis.answer, typeof require, this === undefined];';
    assert.deepEqual((await call(source)).response, [42, null, 'undefined', false]);
    await fails(call('export async function main() {}'), 'action', /SyntaxError/);
    await fails(call('const x = 1'), 'action', /ReferenceError: main is not defined/);
  });

  test('the script of an action may answer by setResponse, and late', async () => {
    assert.deepEqual(await response('setTimeout(() => Lit.Actions.setResponse({ response: { late: 1 } }), 20)'), {
      late: 1,
    });
    assert.equal(await response('Lit.Actions.setResponse({ response: "a text" })'), 'a text');
    assert.equal(await response(''), '');
  });

  test('the script of an action has parameters as a literal in its source has them', async () => {
    assert.deepEqual(await response('return [Object.keys(params), params.x]', JSON.parse('{"__proto__": {"x": 1}}')), [
      [],
      1,
    ]);
  });

  test('an action that throws fails with its own error and without paths of this machine', async () => {
    await fails(
      response('throw new Error("boom")'),
      'action',
      /^Uncaught \(in promise\) Error: boom\n {4}at main \(file:\/\/\/user/,
    );
    for (const body of [
      'await Lit.Actions.Encrypt({ pkpId: "0x0", message: "m" })',
      'throw new Error("b")',
      'console.log("x".repeat(2e5))',
    ]) {
      await assert.rejects(response(body), (error: Error) => !error.message.includes(process.cwd()));
    }
  });

  test('the script of an action prints into the logs', async () => {
    const { logs } = await call(main('console.log("n = %d", 5, { a: [1] }); console.error("e")'));
    assert.equal(logs, 'n = 5 { a: [ 1 ] }\ne\n');
  });
});

describe('the globals', () => {
  test('the globals of an action are those of a Lit host, of the newest and of April', async () => {
    const source = main(`return {
      same: [Lit.Actions === LitActions, Lit.Headers === LitHeaders, global === globalThis],
      frozen: [Object.isFrozen(Lit), Object.isFrozen(Lit.Actions)],
      auth: [typeof Lit.Auth, typeof LitAuth, 'Auth' in Lit],
      id: Lit.Headers.get('x-request-id'), actions: Object.keys(Lit.Actions).sort(),
      web: [typeof fetch, typeof crypto.subtle, typeof DecompressionStream, typeof WebAssembly],
      viem: typeof viem, agent: navigator.userAgent,
    }`);
    const found = async (on: LitHost) =>
      (await on.execute({ source, params: null, headers: { 'x-request-id': 'r1' } })).response;
    const common = {
      same: [true, true, true],
      frozen: [true, true],
      id: 'r1',
      web: ['function', 'object', 'function', 'object'],
    };
    const actions = [
      'Decrypt',
      'Encrypt',
      'getLitActionPrivateKey',
      'getLitActionPublicKey',
      'getLitActionWalletAddress',
      'getPrivateKey',
      'setResponse',
      'showImportDetails',
    ];
    assert.deepEqual(await found(host), {
      ...common,
      auth: ['undefined', 'undefined', false],
      actions: [...actions.slice(0, 6), 'proxiedFetch', ...actions.slice(6)],
      viem: 'undefined',
      agent: 'Deno/2.8.0',
    });
    assert.deepEqual(await found(april), {
      ...common,
      auth: ['object', 'object', true],
      actions,
      viem: 'object',
      agent: 'Deno/2.2.2',
    });
  });

  test('the globals of an action include ethers 5.7.2, and in April viem', async () => {
    const same = 'return ethers.utils.id("x") === viem.keccak256(viem.stringToHex("x"))';
    assert.equal(await response(same, {}, april), true);
    for (const on of [host, april]) assert.equal(await response('return ethers.version', {}, on), 'ethers/5.7.2');
    for (const on of [host, april])
      assert.equal((await call(`var viem = 5; ${main('return viem')}`, {}, on)).response, 5);
  });

  test('the globals of an action have a proxiedFetch, which counts as a request', async () => {
    const none = await limited({ maxFetchCount: 0 });
    await fails(response('await Lit.Actions.proxiedFetch("http://127.0.0.1:1/")', {}, none), 'action', /HTTP requests/);
  });

  test('the globals of an action do not include what a Lit host lacks', async () => {
    const names = [
      'Worker',
      'process',
      'caches',
      'require',
      'Buffer',
      'setImmediate',
      'Deno.build',
      'Deno.permissions',
      'Deno.version',
      'Deno.stdin',
      'Deno.stdout',
      'Deno.stderr',
      'Deno.internal',
      'Deno[Symbol.for("Deno.internal")]',
    ];
    for (const on of [host, april]) {
      const types = await response(`return [${names.map((name) => `typeof ${name}`).join(',')}]`, {}, on);
      assert.deepEqual(
        types,
        names.map(() => 'undefined'),
      );
      assert.deepEqual(await response('return Object.getOwnPropertySymbols(Deno).map(String)', {}, on), []);
    }
  });

  test('the globals of an action cannot be replaced', async () => {
    assert.match(String(await tried('(() => { "use strict"; Lit.Actions.Decrypt = 1 })()')), /^TypeError/);
    assert.match(String(await tried('(() => { "use strict"; globalThis.Lit = 1 })()')), /^TypeError/);
  });
});

describe('an action that misbehaves', () => {
  const refused: Record<string, RegExp> = {
    'Deno.readTextFile("/etc/passwd")': /NotCapable: Requires read access/,
    'Deno.readTextFile("/proc/self/environ")': /NotCapable/,
    'Deno.open(`/proc/${Deno.ppid}/mem`)': /NotCapable/,
    'Array.fromAsync(Deno.readDir("/"))': /NotCapable: Requires read access/,
    'Deno.connect({ transport: "unix", path: "/run/x" })': /NotCapable|Unstable|Requires/,
    'Deno.writeTextFile("/tmp/x", "")': /NotCapable: Requires write access/,
    'Deno.open("/dev/fd/0")': /NotCapable|PermissionDenied/,
    'Deno.open("/dev/stdout", { write: true })': /NotCapable|PermissionDenied/,
    'Deno.env.get("PATH")': /NotCapable: Requires env access/,
    'Deno.env.toObject()': /NotCapable: Requires env access/,
    'new Deno.Command("/bin/sh").output()': /NotCapable: Requires run access/,
    'Deno.kill(Deno.ppid)': /NotCapable: Requires run access/,
    'Deno.dlopen("x.so", {})': /NotCapable: Requires ffi access/,
    'Deno.hostname()': /NotCapable: Requires sys access/,
    'import("file:///etc/passwd")': /Requires read access/,
    'import("https://cdn.jsdelivr.net/npm/zod@3.22.4/+esm")': /--no-remote/,
    'import("npm:zod")': /--no-npm/,
    'import("ext:core/ops")': /TypeError/,
    'eval("1")': /EvalError/,
    'new Function("return 1")()': /EvalError/,
    'Deno.exit(0)': /PermissionDenied/,
    localStorage: /NotSupported/,
  };
  test('an action that misbehaves may not touch the machine, nor make code from text', async () => {
    const expressions = Object.keys(refused);
    const attempt = (expression: string) => `await (async () => ${expression})().then(() => "allowed", String)`;
    for (const on of [host, april]) {
      const results = (await response(`return [${expressions.map(attempt).join(',')}]`, {}, on)) as string[];
      for (const [i, expression] of expressions.entries()) {
        assert.match(String(results[i]), refused[expression] ?? /never/, expression);
      }
    }
  });

  test('an action that misbehaves gets none of Node', async () => {
    const list = readFileSync(join(import.meta.dirname, '../ts/runtime/local/guest-imports.json'), 'utf8');
    const names = Object.keys((JSON.parse(list) as { imports: object }).imports);
    const source = 'const r = []; for (const n of params) await import(n).then(() => r.push(n), () => {}); return r';
    assert.ok(names.includes('node:fs') && names.includes('node:module') && names.includes('node:process'));
    const more = ['sqlite', 'sea', 'test/reporters', 'quic', 'fs', 'process'].flatMap((name) => [name, `node:${name}`]);
    for (const on of [host, april]) assert.deepEqual(await response(source, [...names, ...more], on), []);
  });

  test('an action that misbehaves finds nothing that an earlier call left', async () => {
    const source =
      'const before = globalThis.x ?? sessionStorage.getItem("x"); globalThis.x = 1; sessionStorage.setItem("x", 1); return before';
    assert.equal(await response(source), null);
    assert.equal(await response(source), null);
  });

  test('an action that misbehaves finds nothing of a call that runs beside it', async () => {
    // Whoever asks is answered once both have asked: so they run at the same time.
    const waiting: (() => void)[] = [];
    const meeting = createServer((_, answer) => {
      waiting.push(() => answer.end());
      if (waiting.length === 2) for (const go of waiting.splice(0)) go();
    }).listen(0, '127.0.0.1');
    try {
      await new Promise((resolve) => meeting.once('listening', resolve));
      const url = `http://127.0.0.1:${(meeting.address() as AddressInfo).port}/`;
      const source = main(`
        await fetch(params.url);
        const before = [globalThis.secret ?? null, sessionStorage.getItem('secret')];
        globalThis.secret = params.i;
        sessionStorage.setItem('secret', params.i);
        await fetch(params.url);
        const after = [globalThis.secret, sessionStorage.getItem('secret')];
        return { before, after, pid: Deno.pid };`);
      const found = await Promise.all([1, 2].map((i) => call(source, { url, i })));
      const [one, two] = found.map(({ response }) => response as { pid: number });
      for (const [i, { pid: _, ...rest }] of [one, two].filter((each) => each !== undefined).entries()) {
        assert.deepEqual(rest, { before: [null, null], after: [i + 1, String(i + 1)] });
      }
      assert.notEqual(one?.pid, two?.pid);
    } finally {
      meeting.close();
    }
  });

  test('an action that misbehaves is stopped when it runs too long, however busy', async () => {
    const quick = await limited({ timeoutMs: 600 });
    const start = performance.now();
    await fails(response('for (;;) {}', {}, quick), 'timeout', /600 ms/);
    await fails(call('for (;;) {}', {}, quick), 'timeout');
    await fails(response('await new Promise(() => setInterval(() => {}, 10))', {}, quick), 'timeout');
    assert.ok(performance.now() - start < 60_000);
    await assertGuests(0);
  });

  test('an action that misbehaves is stopped when it grows too large', async () => {
    const message = /maximum memory of 128 MB/;
    await fails(response('const a = []; for (;;) a.push(new Array(1000).fill(1))'), 'memory', message);
    await fails(response('let s = ""; for (;;) { s += "hello"; if (s.length % 1e6 === 0) s[5] }'), 'memory', message);
    const buffers =
      'const a = []; for (;;) { a.push(new Uint8Array(1 << 22).fill(1)); await new Promise((r) => setTimeout(r)) }';
    await fails(response(buffers), 'memory', message);
    await assertGuests(0);
  });

  test('an action that misbehaves is stopped when it floods its host', async () => {
    await fails(response('return "x".repeat(8e6)'), 'limit');
    await fails(response('throw new Error("x".repeat(1e6))'), 'action');
  });

  test('an action that misbehaves cannot end its call in another way than by its end', async () => {
    assert.equal(await response('close(); await new Promise(() => setInterval(() => {}, 9))'), '');
    assert.equal(await response('alert("x"); return [confirm("x"), prompt("x")].length'), 2);
  });
});

describe('the limits', () => {
  test('the limits of a host are those of its generation, and the strict ones suit every host', async () => {
    assert.deepEqual([host.limits, april.limits], [NEWEST_LIMITS, APRIL_LIMITS]);
    assert.deepEqual([APRIL_LIMITS.maxResponseLength, NEWEST_LIMITS.maxResponseLength], [102_400, 1_048_576]);
    assert.deepEqual([DOCUMENTED_LIMITS.maxParamsLength, NEWEST_LIMITS.maxParamsLength], [65_536, 10 << 20]);
    for (const [on, most] of [
      [april, 102_400],
      [host, 1_048_576],
    ] as const) {
      const long = (length: number) => response(`return "x".repeat(${length})`, {}, on);
      assert.equal(String(await long(most)).length, most);
      await fails(long(most + 1), 'action', new RegExp(`the response has ${most + 1} bytes; ${most} are allowed`));
    }
    for (const [key, value] of Object.entries(STRICT_LIMITS)) {
      for (const other of [NEWEST_LIMITS, APRIL_LIMITS, DOCUMENTED_LIMITS])
        assert.ok(value <= other[key as keyof Limits]);
    }
  });

  test('the limits of a host bound code and parameters before anything runs', async () => {
    const small = await limited({ maxCodeLength: 50 });
    await fails(
      call(main('return "é"').padEnd(50), {}, small),
      'limit',
      /the code: 51 bytes, where the host allows 50/,
    );
    assert.equal((await call(main('return 1').padEnd(50), {}, small)).response, 1);
    const wrapping = JSON.stringify({ p: '' }).length;
    for (const [on, most] of [
      [host, 10 << 20],
      [await limited({ maxParamsLength: 65_536 }), 65_536],
    ] as const) {
      const long = 'x'.repeat(most - wrapping);
      assert.equal(await response('return params.p.length', { p: long }, on), most - wrapping);
      await fails(
        response('return 1', { p: `${long}x` }, on),
        'limit',
        new RegExp(`the parameters: ${most + 1} bytes`),
      );
    }
  });

  test('a host refuses a source of one whole chunk, on which Lit fails', async () => {
    const source = main('return 1').padEnd(262_144);
    await fails(call(source), 'input', /exactly 262144 bytes/);
    for (const other of [source.slice(0, -1), `${source} `]) assert.equal((await call(other)).response, 1);
  });

  test('the limits of a host bound what is printed', async () => {
    assert.equal((await call(main('console.log("x".repeat(102_399))'))).logs.length, 102_400);
    await fails(response('console.log("x".repeat(102_399)); console.log("y")'), 'action', /102400/);
  });

  test('the limits of a host bound requests to the network', async () => {
    const server = createServer((_, answer) => answer.end('pong')).listen(0, '127.0.0.1');
    try {
      await new Promise((resolve) => server.once('listening', resolve));
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      const two = await limited({ maxFetchCount: 2 });
      const body =
        'const r = []; for (let i = 0; i < 3; i++) r.push(await fetch(params).then((a) => a.text(), String)); return r';
      const [first, second, third] = (await response(body, url, two)) as string[];
      assert.deepEqual([first, second], ['pong', 'pong']);
      assert.match(String(third), /2 HTTP requests/);
    } finally {
      server.close();
    }
  });

  test('the limits of a host bound operations with keys', async () => {
    const body =
      'let n = 0; try { for (;;) { await Lit.Actions.getLitActionPrivateKey(); n++ } } catch (e) { return [n, e.message] }';
    assert.deepEqual(await response(body), [10, 'an action may do 10 key operations']);
  });
});

describe('keys', () => {
  const ENCRYPT = 'return await Lit.Actions.Encrypt({ pkpId: params.wallet, message: params.message })';
  const DECRYPT = 'return await Lit.Actions.Decrypt({ pkpId: params.wallet, ciphertext: params.ciphertext })';
  const both = main(`if (params.message) { ${ENCRYPT} } ${DECRYPT}`);

  async function permitted(source: string): Promise<string> {
    const wallet = await host.createWallet();
    await host.permit(wallet, await host.cidOf(source));
    return wallet;
  }

  test('the keys of a host encrypt and decrypt for the action that may use the wallet', async () => {
    const wallet = await permitted(both);
    const { response: ciphertext } = await call(both, { wallet, message: 'sécret' });
    assert.match(String(ciphertext), /^[0-9a-f]+$/);
    assert.equal((await call(both, { wallet, ciphertext })).response, 'sécret');
    assert.equal(
      (await call(both, { wallet: wallet.toUpperCase().replace('0X', '0x'), ciphertext })).response,
      'sécret',
    );
    assert.notEqual((await call(both, { wallet, message: 'sécret' })).response, ciphertext);
    // The newest hosts take it with 0x as well.
    assert.equal((await call(both, { wallet, ciphertext: `0x${ciphertext}` })).response, 'sécret');
    assert.equal((await call(both, { wallet, ciphertext }, april)).response, 'sécret');
    await fails(call(both, { wallet, ciphertext: `0x${ciphertext}` }, april), 'action', /decryption failed/);
  });

  test('the keys of a host are refused to another action, for another wallet, and for an altered ciphertext', async () => {
    const wallet = await permitted(both);
    const other = await permitted(both);
    const ciphertext = String((await call(both, { wallet, message: 'm' })).response);
    const flipped = ciphertext.replace(/.$/, (digit) => (digit === '0' ? '1' : '0'));
    await fails(call(`${both} `, { wallet, ciphertext }), 'action', /may not use this wallet/);
    await fails(call(both, { wallet: other, ciphertext }), 'action', /decryption failed/);
    await fails(call(both, { wallet, ciphertext: flipped }), 'action', /decryption failed/);
    await fails(call(both, { wallet, ciphertext: ciphertext.slice(0, -2) }), 'action', /decryption failed/);
    await fails(call(both, { wallet: `0x${'0'.repeat(40)}`, ciphertext }), 'action', /may not use this wallet/);
    await fails(call(both, { wallet: '__proto__', ciphertext }), 'action', /may not use this wallet/);
    await fails(call(both, { wallet: ' ', ciphertext }), 'action', /must not be blank/);
  });

  test('the keys of a host pass to the actions permitted last, and to no other', async () => {
    const wallet = await permitted(both);
    const next = await host.cidOf(`${both}//2`);
    await host.permit(wallet, await host.cidOf(both), next);
    for (const source of [both, `${both}//2`]) await call(source, { wallet, message: 'm' });
    await host.permit(wallet, next);
    await fails(call(both, { wallet, message: 'm' }), 'action', /may not use this wallet/);
    assert.match(String((await call(`${both}//2`, { wallet, message: 'm' })).response), /^[0-9a-f]+$/);
  });

  test('the keys of a host need action and wallet in one group', async () => {
    const wallet = await host.createWallet();
    const cid = await host.cidOf(both);
    await host.permit(await host.createWallet(), cid);
    await fails(call(both, { wallet, message: 'm' }), 'action', /may not use this wallet/);
    await host.permit(wallet, await host.cidOf(`${both}//2`));
    await fails(call(both, { wallet, message: 'm' }), 'action', /may not use this wallet/);
    await host.permit(wallet, cid);
    await call(both, { wallet, message: 'm' });
    await host.permit(wallet);
    await fails(call(both, { wallet, message: 'm' }), 'action', /may not use this wallet/);
    for (const wrong of ['0', '*']) await fails(host.permit(wallet, wrong), 'input');
    await fails(host.permit(`0x${'0'.repeat(40)}`, cid), 'input');
  });

  test('the key of a wallet at a host is that of its address', async () => {
    const source = main('return await Lit.Actions.getPrivateKey({ pkpId: params })');
    const wallet = await permitted(source);
    const { response } = await call(source, wallet);
    assert.equal(privateKeyToAddress(response as `0x${string}`).toLowerCase(), wallet);
    await fails(call(source, await host.createWallet()), 'action', /may not use this wallet/);
  });

  test('the keys of an action at a host are those of its source alone, whatever it asks', async () => {
    const body = `return {
      own: await Lit.Actions.getLitActionPrivateKey({ ipfsId: params.cid, cid: params.cid }),
      publicKey: await Lit.Actions.getLitActionPublicKey({ ipfsId: params.cid }),
      address: await Lit.Actions.getLitActionWalletAddress({ ipfsId: params.cid }),
    }`;
    interface Keys {
      own: `0x${string}`;
      publicKey: string;
      address: string;
    }
    const [a, b] = [main(body), main(`${body} /* another source */`)];
    const keys = async (source: string, of: string) =>
      (await call(source, { cid: await host.cidOf(of) })).response as unknown as Keys;
    const [ofA, ofB, aOnB] = [await keys(a, a), await keys(b, b), await keys(a, b)];
    assert.notEqual(ofA.own, ofB.own);
    assert.deepEqual(aOnB, { own: ofA.own, publicKey: ofB.publicKey, address: ofB.address });
    assert.equal(privateKeyToAddress(ofA.own).toLowerCase(), ofA.address);
    const hex = (isCompressed: boolean) =>
      `0x${Buffer.from(secp256k1.getPublicKey(Buffer.from(ofA.own.slice(2), 'hex'), isCompressed)).toString('hex')}`;
    assert.equal(ofA.publicKey, hex(true));
    const { response: then } = await call(a, { cid: await host.cidOf(a) }, april);
    assert.deepEqual(then, { ...ofA, publicKey: hex(false) });
  });
});

describe('the state', () => {
  test('the state of a host is private to its owner and outlives the host', async () => {
    const folder = join(dir, 'state');
    const source = main(
      'return [await Lit.Actions.getPrivateKey({ pkpId: params }), await Lit.Actions.getLitActionPrivateKey()]',
    );
    const first = await LitHost.open({ dir: folder });
    const wallet = await first.createWallet();
    await first.permit(wallet, await first.cidOf(source));
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.equal(statSync(join(folder, 'state.json')).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(folder), ['state.json']);
    const keys = await call(source, wallet, first);
    assert.deepEqual(await call(source, wallet, await LitHost.open({ dir: folder })), keys);
    const other = await LitHost.open({ dir: join(dir, 'other') });
    assert.notDeepEqual(
      await call(main('return await Lit.Actions.getLitActionPrivateKey()'), null, other),
      (keys.response as Json[])[1],
    );
  });

  test('the state of a host takes changes from several hosts at once', async () => {
    const folder = join(dir, 'shared');
    const hosts = await Promise.all([1, 2, 3].map(() => LitHost.open({ dir: folder })));
    const made = await Promise.all(hosts.flatMap((each) => [1, 2, 3].map(() => each.createWallet())));
    assert.deepEqual(Object.keys(hosts[0]?.state.read().wallets ?? {}).sort(), made.sort());
  });

  test('the state of a host that is damaged is neither used nor replaced', async () => {
    const folder = join(dir, 'damaged');
    const broken = await LitHost.open({ dir: folder });
    const path = join(folder, 'state.json');
    const half = readFileSync(path, 'utf8').slice(0, 40);
    writeFileSync(path, half);
    await fails(LitHost.open({ dir: folder }), 'unavailable', /state\.json/);
    await fails(broken.createWallet(), 'unavailable');
    assert.equal(readFileSync(path, 'utf8'), half);
  });
});

describe('the local runtime', () => {
  test('the local runtime runs the source of the CID it is given, and no other', async () => {
    const runtime = await LocalRuntime.open({ dir: join(dir, 'host') });
    const source = main('return params');
    const cid = await host.cidOf(source);
    assert.deepEqual(await runtime.run({ cid, source }, { a: 1 }), { a: 1 });
    await fails(runtime.run({ cid, source: `${source}\n` }, {}), 'input', /CID/);
    assert.deepEqual(await runtime.limits(), NEWEST_LIMITS);
  });

  test('the local runtime kills an action whose call is aborted', async () => {
    const runtime = await LocalRuntime.open({ dir: join(dir, 'host') });
    const source = main('for (;;) {}');
    const action = { cid: await host.cidOf(source), source };
    const controller = new AbortController();
    const running = runtime.run(action, {}, { signal: controller.signal });
    setTimeout(() => controller.abort(), 300);
    await fails(running, 'aborted');
    await fails(runtime.run(action, {}, { signal: AbortSignal.abort() }), 'aborted');
    await assertGuests(0);
  });

  test('the local runtime uses a process that waited for one call only', async () => {
    const ready = await LitHost.open({ dir: join(dir, 'host'), spare: 2 });
    try {
      const pids = await Promise.all([1, 2, 3, 4].map(() => response('return Deno.pid', {}, ready)));
      assert.equal(new Set(pids).size, 4);
      await assertGuests(2);
    } finally {
      ready.close();
    }
    await fails(call(main('for (;;) {}'), {}, await limited({ timeoutMs: 100 })), 'timeout');
    await assertGuests(0);
  });
});
