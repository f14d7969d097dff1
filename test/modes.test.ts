import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { brotliCompressSync } from 'node:zlib';
import { keccak256, stringToBytes, toHex } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { starter } from '../scripts/action-starter.ts';
import { type ActionParts, BuildError, buildAction } from '../ts/build/action.ts';
import { buildPath } from '../ts/core/node.ts';
import { RuntimeError } from '../ts/runtime/errors.ts';
import { LitHost } from '../ts/runtime/local/host.ts';
import { npmFileAt, parseNpmFile } from '../ts/runtime/npm.ts';
import type { Json } from '../ts/runtime/types.ts';
import { command } from './support/command.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');
/** As an entry that lies elsewhere imports it. */
const valibot = JSON.stringify(join(root, 'node_modules/valibot/dist/index.mjs'));
const brotliFolder = join(root, 'node_modules/brotli-dec-wasm/pkg');

let dir: string;
let host: LitHost;
let files: Server;
let base: string;
/** What the file server has, by path. */
const served = new Map<string, Uint8Array>();

interface Case {
  readonly name: string;
  readonly parts: ActionParts;
  /** The glue as a file of an npm package. */
  readonly packaged: string;
  readonly params: Json;
  readonly answer: Json;
}
const cases: Case[] = [];

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tandem-modes-'));
  host = await LitHost.open({ dir: join(dir, 'host'), modules: dir });
  files = createServer(({ url = '' }, answer) => {
    const bytes = served.get(url);
    answer.writeHead(bytes ? 200 : 404).end(bytes);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => files.once('listening', resolve));
  base = `http://127.0.0.1:${(files.address() as AddressInfo).port}`;
  cases.push(await tinygo(), await standardGo(), wasmBindgen());
});
after(() => {
  files.closeAllConnections();
  files.close();
  rmSync(dir, { recursive: true, force: true });
});

/** A package with one file, as npm would install it. */
function install(name: string, file: string): string {
  const folder = join(dir, 'node_modules', name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, version: '1.2.3' }));
  const path = join(folder, 'wasm_exec.js');
  cpSync(file, path);
  return path;
}

async function tinygo(): Promise<Case> {
  const wasm = `${buildPath}ecrecover.wasm`;
  const glue = `${buildPath}wasm_exec.js`;
  const account = privateKeyToAccount(generatePrivateKey());
  const digest = keccak256(stringToBytes('who signed this?'));
  const signature = await account.sign({ hash: digest });
  return {
    name: 'TinyGo',
    parts: { main: join(root, 'actions/ecrecover/main.ts'), wasm, glue },
    packaged: install('tinygo-glue', glue),
    params: {
      signatures: [
        { digest, signature },
        { digest, signature: `${signature.slice(0, -2)}05` },
      ],
    },
    answer: { ok: { signers: [account.address.toLowerCase(), null] } },
  };
}

/** A block of docs/any-wasm.md, so that what it shows is known to work. */
function documented(language: string, number = 0): string {
  const text = readFileSync(join(root, 'docs/any-wasm.md'), 'utf8');
  const blocks = [...text.matchAll(new RegExp(`\\n\`\`\`${language}\\n(.*?)\`\`\``, 'gs'))];
  return blocks[number]?.[1] ?? '';
}

/** An entry file of the documentation, put elsewhere than into actions/. */
function documentedEntry(folder: string, number?: number): string {
  const main = join(folder, 'main.ts');
  mkdirSync(folder, { recursive: true });
  writeFileSync(main, documented('ts', number));
  return main;
}

test('docs/any-wasm.md shows what `action init` writes', () => {
  const { 'main.go': go, 'main.ts': entry } = starter('hello', 'go');
  assert.deepEqual([documented('go'), documented('ts')], [go, entry]);
});

async function standardGo(): Promise<Case> {
  const folder = join(dir, 'std');
  mkdirSync(folder);
  writeFileSync(join(folder, 'go.mod'), 'module example.com/hello\n\ngo 1.24\n');
  writeFileSync(join(folder, 'main.go'), documented('go'));
  const main = documentedEntry(folder);
  const wasm = join(folder, 'hello.wasm');
  const env = { ...process.env, GOOS: 'js', GOARCH: 'wasm', GOFLAGS: '', GOWORK: 'off' };
  await run('go', ['build', '-ldflags=-s -w', '-o', wasm, '.'], { cwd: folder, env });
  const { stdout } = await run('go', ['env', 'GOROOT'], { cwd: folder });
  const glue = join(stdout.trim(), 'lib/wasm/wasm_exec.js');
  return {
    name: 'standard Go',
    parts: { main, wasm, glue },
    packaged: install('@go/glue', glue),
    params: { name: 'you' },
    answer: { ok: 'hello, you' },
  };
}

function wasmBindgen(): Case {
  const data = Buffer.from('the same again and again '.repeat(40));
  // The fixture's own node_modules stand in for jsDelivr, so the package is there too.
  cpSync(join(root, 'node_modules/brotli-dec-wasm'), join(dir, 'node_modules/brotli-dec-wasm'), { recursive: true });
  return {
    name: 'wasm-bindgen',
    parts: { main: join(root, 'actions/brotli/main.ts'), wasm: join(brotliFolder, 'brotli_dec_wasm_bg.wasm') },
    packaged: join(brotliFolder, 'brotli_dec_wasm.js'),
    params: { compressed: brotliCompressSync(data).toString('base64') },
    answer: { ok: { data: data.toString('base64') } },
  };
}

async function respond(parts: ActionParts, params: Json): Promise<Json> {
  const { source } = await buildAction(parts);
  return (await host.execute({ source, params })).response;
}

function url(name: string, bytes: Uint8Array): string {
  served.set(`/${name}`, bytes);
  return `${base}/${name}`;
}

describe('each way to the module, with each kind of module,', () => {
  const ways: Record<string, (given: Case) => ActionParts> = {
    'inline, compressed': ({ parts }) => parts,
    'inline, plain': ({ parts }) => ({ ...parts, encoding: 'plain' }),
    fetch: ({ parts }) => ({ ...parts, mode: 'fetch', url: url('module.wasm', readFileSync(parts.wasm)) }),
    import: ({ parts, packaged }) => ({
      ...parts,
      glue: packaged,
      mode: 'import',
      url: url('module.wasm', readFileSync(parts.wasm)),
    }),
  };
  for (const [way, change] of Object.entries(ways)) {
    test(`an action answers, with its module ${way}`, async () => {
      for (const given of cases) assert.deepEqual(await respond(change(given), given.params), given.answer, given.name);
    });
  }

  test('a source grows by the module only where it is inlined', async () => {
    for (const given of cases) {
      const size = readFileSync(given.parts.wasm).length;
      const sizes = await Promise.all(
        Object.values(ways).map(async (change) => (await buildAction(change(given))).bytes),
      );
      const [deflated = 0, plain = 0, fetched = 0, imported = 0] = sizes;
      assert.ok(
        plain > (size * 16) / 13 && deflated < plain && fetched < 60_000 && imported < fetched,
        `${given.name}: ${sizes}`,
      );
    }
  });
});

test('an action keeps what it sealed, as docs/any-wasm.md says', async () => {
  const [, go] = cases;
  assert.ok(go !== undefined);
  const { source, cid } = await buildAction({ ...go.parts, main: documentedEntry(join(dir, 'memory'), 2) });
  const other = `${source}//`;
  const wallet = await host.createWallet();
  await host.permit(wallet, cid, await host.cidOf(other));
  const call = async (name: string, memory?: string, code = source) => {
    const { response } = await host.execute({ source: code, params: { name, wallet, ...(memory && { memory }) } });
    return response as { ok?: { greeting?: string; memory: string }; error?: { code: string } };
  };
  const { ok: first } = await call('somebody');
  assert.equal(first?.greeting, undefined);
  assert.ok(!Buffer.from(first?.memory ?? '', 'hex').includes('somebody'));
  assert.equal((await call('me', first?.memory)).ok?.greeting, 'hello, somebody');
  assert.equal((await call('me', first?.memory, other)).error?.code, 'refused');
});

describe('build-action, for a module of another compiler,', () => {
  /** The module of docs/any-wasm.md, from its base64. */
  const gcd = () => {
    const text = readFileSync(join(root, 'docs/any-wasm.md'), 'utf8');
    return Buffer.from(/^echo (\S+) \| base64 -d > gcd\/gcd\.wasm$/m.exec(text)?.[1] ?? '', 'base64');
  };

  test('the example of docs/any-wasm.md without Go builds into a new folder, without glue, and answers', async () => {
    const bytes = gcd();
    assert.ok(readFileSync(join(root, 'docs/any-wasm.md'), 'utf8').includes(`these are the ${bytes.length} bytes`));
    const main = documentedEntry(join(dir, 'gcd'), 1);
    const [wasm, out] = [join(dir, 'gcd/gcd.wasm'), join(dir, 'gcd/build/gcd.js')];
    writeFileSync(wasm, bytes);
    const parts = ['--main', main, '--wasm', wasm, '--json', '--out'];
    const built = await command('build-action', [...parts, out], {});
    assert.equal(built.code, 0, built.stderr);
    assert.equal(
      built.stderr,
      'The module imports nothing from Go or WASI, so the action contains no glue (as with --glue none).\n',
    );
    const named = await command('build-action', [...parts, join(dir, 'gcd/named/gcd.js'), '--glue', 'none'], {});
    assert.deepEqual([named.stdout, named.stderr], [built.stdout, '']);
    const { cid } = JSON.parse(built.stdout) as { cid: string };
    const verified = await command('verify-action', [cid, join(dir, 'gcd/build/gcd.manifest.json')], {});
    assert.equal(verified.code, 0, verified.stderr);
    const answer = async (params: string) =>
      command('run-action', [out, params, '--store', join(dir, 'gcd/store')], {});
    const { code, stdout } = await answer('{"a":36,"b":48}');
    assert.deepEqual([code, stdout], [0, '{"ok":12}\n']);
    const refused = await answer('{"a":36}');
    assert.deepEqual(
      [refused.code, JSON.parse(refused.stdout)],
      [0, { error: { code: 'refused', message: 'request refused' } }],
    );
  });

  test('what only the entry file can provide is listed, and a module of Go keeps its glue', async () => {
    const folder = join(dir, 'imports');
    mkdirSync(folder);
    const [main, wasm] = [join(folder, 'main.js'), join(folder, 'a.wasm')];
    writeFileSync(main, 'export const main = () => 1;\n');
    writeFileSync(wasm, '\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x02\x0d\x01\x03env\x05abort\0\0', 'latin1');
    const build = async (...args: string[]) => {
      const { code, stderr } = await command(
        'build-action',
        ['--main', main, '--out', join(folder, 'a.js'), ...args],
        {},
      );
      assert.equal(code, 0, stderr);
      return stderr;
    };
    const listed =
      'The module imports env.abort. The entry file has to provide that, and the builder cannot check it.\n';
    assert.equal(await build('--wasm', wasm, '--glue', 'none'), listed);
    assert.equal(await build('--wasm', wasm, '--glue', `${buildPath}wasm_exec.js`), listed);
    const bindgen = await build('--wasm', join(brotliFolder, 'brotli_dec_wasm_bg.wasm'), '--glue', 'none');
    assert.match(bindgen, /^The module imports (\S+, ){2}\S+ and \d+ more\. The entry file has to provide that/);
    assert.equal(await build('--wasm', `${buildPath}ecrecover.wasm`), '');
    const { parts } = JSON.parse(readFileSync(join(folder, 'a.manifest.json'), 'utf8')) as { parts: { glue?: string } };
    assert.match(parts.glue ?? '', /wasm_exec\.js$/);
  });
});

describe('a module that is not the pinned one', () => {
  const wasm = join(brotliFolder, 'brotli_dec_wasm_bg.wasm');
  const bytes = readFileSync(wasm);
  const altered = Uint8Array.from(bytes);
  altered[5000] = (altered[5000] ?? 0) ^ 1;
  const main = join(root, 'actions/brotli/main.ts');
  const refusal = async (address: string) => {
    const answer = await respond({ main, wasm, mode: 'fetch', url: address }, { compressed: '' });
    const { error } = answer as { error: { code: string; message: string } };
    assert.equal(error.code, 'wasm');
    return error.message.replace(address, 'URL');
  };

  test('a module that is not the pinned one is refused, each time with its own message', async () => {
    const closed = 'http://127.0.0.1:1/module.wasm';
    const messages = [
      await refusal(url('altered.wasm', altered)),
      await refusal(url('short.wasm', bytes.subarray(0, -1))),
      await refusal(url('long.wasm', Buffer.concat([bytes, Buffer.alloc(1)]))),
      await refusal(`${base}/missing.wasm`),
      await refusal(closed),
    ];
    const expected = [
      /^the wasm module at URL has the SHA-256 [0-9a-f]{64} where this source pins [0-9a-f]{64}$/,
      new RegExp(`^the wasm module at URL has ${bytes.length - 1} bytes where this source pins ${bytes.length}$`),
      new RegExp(`^the wasm module at URL is longer than the ${bytes.length} bytes that this source pins$`),
      /^the wasm module at URL cannot be fetched: the server answered 404$/,
      /^the wasm module at URL cannot be fetched: .*(?:error sending request|refused)/,
    ];
    for (const [i, pattern] of expected.entries()) assert.match(messages[i] ?? '', pattern);
  });

  test('a module that is not the pinned one is not read past its length, however much the server sends', async () => {
    assert.match(await refusal(url('huge.wasm', new Uint8Array(300 * 1024 * 1024))), /is longer than/);
  });

  test('another module inside the source changes the CID, and a damaged one is refused', async () => {
    const { source, cid } = await buildAction({ main, wasm });
    const at = source.indexOf('"', source.length / 2) - 2000;
    const damaged = source.slice(0, at) + source.slice(at + 1);
    assert.notEqual(await host.cidOf(damaged), cid);
    const { response } = await host.execute({ source: damaged, params: { compressed: '' } });
    assert.deepEqual(response, { error: { code: 'wasm', message: 'the wasm module in this source is damaged' } });
  });

  test('a module that is not the pinned one cannot be pinned in the first place', async () => {
    for (const address of [
      'http://example.com/a.wasm',
      'ftp://example.com/a',
      'https://a:b@example.com/',
      'https://e.com/#x',
      'x',
    ]) {
      await assert.rejects(buildAction({ main, wasm, mode: 'fetch', url: address }), BuildError, address);
    }
    await assert.rejects(buildAction({ main, wasm, mode: 'fetch' }), /needs its URL/);
    await assert.rejects(buildAction({ main, wasm: main }), /is not a wasm module/);
    await assert.rejects(buildAction({ main, wasm, mode: 'import', glue: main }), /is not in node_modules/);
  });

  test('the names that a glue exports become code only if they are names', async () => {
    const folder = join(dir, 'node_modules/named');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "name": "named", "version": "1.0.0" }');
    const glue = join(folder, 'glue.js');
    for (const [name, isName] of [
      ['plain$1', true],
      ['a = 1; steal(); export const b', false],
    ] as const) {
      writeFileSync(glue, `const x = 1; export { x as ${JSON.stringify(name)} };`);
      const built = buildAction({ main, wasm, mode: 'import', glue, url: 'https://example.com/a.wasm' });
      if (isName) await built;
      else await assert.rejects(built, /the glue exports "a = 1; .*": not a name/);
    }
  });
});

describe('imports from jsDelivr', () => {
  const hash = async () => {
    const { source } = await buildAction({ ...wasmBindgen().parts, mode: 'import', glue: wasmBindgen().packaged });
    return /#(sha384-[^"]+)/.exec(source)?.[1] ?? '';
  };
  const file = 'brotli-dec-wasm@2.3.2/pkg/brotli_dec_wasm.js';
  const action = (specifier: string) =>
    `import { initSync as start } from "${specifier}";\nasync function main() { return typeof start }`;
  const fails = (source: string, message: RegExp) =>
    assert.rejects(host.execute({ source, params: null }), (error: unknown) => {
      assert.ok(error instanceof RuntimeError && error.kind === 'action', String(error));
      assert.match(error.message, message);
      return true;
    });

  test('imports from jsDelivr come from node_modules, by either name, pinned or not', async () => {
    const pin = await hash();
    for (const name of [file, `https://cdn.jsdelivr.net/npm/${file}`, `${file}#${pin}`]) {
      assert.equal((await host.execute({ source: action(name), params: null })).response, 'function', name);
    }
  });

  test('imports from jsDelivr are refused if they are altered, not pinned to a version, or not to be had', async () => {
    const pin = (await hash()).replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
    await fails(action(`${file}#${pin}`), /has the hash sha384-.* where the source pins sha384-/);
    await fails(action(`${file}#sha256-x`), /pinned by something other than a SHA-384/);
    for (const name of [
      'brotli-dec-wasm',
      'brotli-dec-wasm@^2.3.2',
      'brotli-dec-wasm@latest',
      './a.js',
      'https://example.com/a.js',
    ]) {
      await fails(action(name), /not a file of an npm package at an exact version/);
    }
    await fails(action('brotli-dec-wasm@2.3.2/../../std/main.ts'), /not a file of an npm package/);
    await fails(action('brotli-dec-wasm@2.3.2/absent.js'), /cannot be fetched/);
  });

  test('audit 6: an import that does not spell out a file of an npm package is refused, pinned or not', async () => {
    const pin = await hash();
    const [name] = file.split('/');
    const path = file.slice(`${name}/`.length);
    for (const specifier of [
      `${name}/%2e%2e/%2e%2e/gh/user/repo@main/x.js`,
      `${name}/%2E%2E/x.js`,
      `${name}/.%2e/x.js`,
      `${name}/pkg%2fbrotli_dec_wasm.js`,
      `${name}/..\\..\\gh\\user\\x.js`,
      `${name}/pkg\\brotli_dec_wasm.js`,
      `${name}/./${path}`,
      `${name}/pkg/../${path}`,
      `${name}/..`,
      `${name}//${path}`,
      `${name}/`,
      `${name}/pkg/`,
      `${file}?x=1`,
      `${file}?`,
      `${file}:80`,
      `${file} `,
      ` ${file}`,
      `${file}\t`,
      `${name}/pkg/brotli\u3002js`,
      `/${file}`,
      `//cdn.jsdelivr.net/npm/${file}`,
      `npm:${file}`,
      `http://cdn.jsdelivr.net/npm/${file}`,
      `HTTPS://CDN.JSDELIVR.NET/npm/${file}`,
      `https://cdn.jsdelivr.net/NPM/${file}`,
      `https://cdn.jsdelivr.net./npm/${file}`,
      `https://cdn.jsdelivr.net:443/npm/${file}`,
      `https://user@cdn.jsdelivr.net/npm/${file}`,
      `https://cdn.jsdelivr.net/npm/../gh/user/repo@main/x.js`,
      `https://cdn.jsdelivr.net/npm/https://cdn.jsdelivr.net/npm/${file}`,
      'https://cdn.jsdelivr.net/gh/user/repo@main/x.js',
      'data:text/javascript,export const initSync = 1',
    ]) {
      assert.equal(parseNpmFile(specifier), undefined, specifier);
      const written = JSON.stringify(specifier).slice(1, -1);
      for (const pinned of [written, `${written}#${pin}`]) {
        await fails(action(pinned), /is not a file of an npm package at an exact version/);
      }
    }
    for (const more of [`#${pin}#x`, `#${pin}?x`, '#']) await fails(action(file + more), /other than a SHA-384/);
  });

  test('audit 6: what a file of a package imports stays among npm packages too', async () => {
    const folder = join(dir, 'node_modules/leaving');
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'leaving', version: '1.2.3' }));
    writeFileSync(join(folder, 'inner.js'), 'export const start = () => 1;\n');
    const imports = (specifier: string) => {
      writeFileSync(join(folder, 'index.js'), `export { start as initSync } from ${JSON.stringify(specifier)};\n`);
      return action('leaving@1.2.3/index.js');
    };
    for (const specifier of ['./inner.js', '../leaving@1.2.3/inner.js', '/npm/leaving@1.2.3/inner.js']) {
      const source = `${imports(specifier)}// ${specifier}`;
      assert.equal((await host.execute({ source, params: null })).response, 'function', specifier);
    }
    for (const specifier of [
      './%2e%2e/%2e%2e/gh/user/x.js',
      './..\\..\\gh\\user\\x.js',
      '../../gh/user/repo@main/x.js',
      '/gh/user/repo@main/x.js',
      '//example.com/x.js',
      '/\\example.com/x.js',
      './inner.js?x',
      '..//inner.js',
      './a/../inner.js',
      '.',
    ]) {
      await fails(`${imports(specifier)}// ${specifier}`, /is not a file of an npm package at an exact version/);
    }
  });

  test('an import from jsDelivr in a text or a comment is none', async () => {
    const source =
      'const text = `\nimport x from "nowhere";\n`;\n/*\nimport y from "nowhere"\n*/ async function main() { return text }';
    assert.equal((await host.execute({ source, params: null })).response, '\nimport x from "nowhere";\n');
  });

  test('imports from jsDelivr are named as jsDelivr names them', () => {
    assert.deepEqual(parseNpmFile('@scope/name@1.0.0-rc.1/a/b.js'), {
      name: '@scope/name',
      version: '1.0.0-rc.1',
      file: 'a/b.js',
    });
    assert.deepEqual(parseNpmFile('zod@3.22.4'), { name: 'zod', version: '3.22.4', file: '+esm' });
    assert.equal(parseNpmFile('zod'), undefined);
    assert.deepEqual(npmFileAt(join(brotliFolder, 'brotli_dec_wasm.js')), parseNpmFile(file));
    assert.equal(npmFileAt(join(root, 'package.json')), undefined);
  });
});

describe('constants', () => {
  const wasm = join(brotliFolder, 'brotli_dec_wasm_bg.wasm');
  const action = (name: string, schema?: string) => {
    const folder = join(dir, name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, 'main.ts'),
      "export * as values from 'tandem:constants'; export const main = () => 1;\n",
    );
    writeFileSync(
      join(folder, 'main.ts'),
      "import * as all from 'tandem:constants';\nexport const main = () => ({ ...all });\n",
    );
    if (schema) writeFileSync(join(folder, 'constants.ts'), schema);
    return join(folder, 'main.ts');
  };

  test('constants of an action reach the action as they were given, and in any order give one CID', async () => {
    const main = action('constants');
    const define = { A: 1.5, B: ['x', null, { z: true, a: -0 }], C: 'é "quoted" \u2028' };
    const { source, cid } = await buildAction({ main, wasm, define });
    const again = await buildAction({ main, wasm, define: { C: define.C, B: ['x', null, { a: 0, z: true }], A: 1.5 } });
    assert.equal(again.cid, cid);
    assert.deepEqual((await host.execute({ source, params: null })).response, {
      ...define,
      B: ['x', null, { z: true, a: 0 }],
    });
  });

  test('constants of an action are refused if they are not JSON', async () => {
    const main = action('constants');
    const wrong: unknown[] = [
      Number.NaN,
      Number.POSITIVE_INFINITY,
      2 ** 53,
      '\ud800',
      undefined,
      1n,
      () => 1,
      new Date(),
      [undefined],
      new Map(),
    ];
    for (const value of wrong) {
      await assert.rejects(buildAction({ main, wasm, define: { A: value as Json } }), BuildError, String(value));
    }
    await assert.rejects(buildAction({ main, wasm, define: { A: { b: [2 ** 60] } } }), /A\.b\[0\]/);
  });

  test('constants of an action have the types that constants.ts beside the entry gives them', async () => {
    const main = action(
      'typed',
      `import * as v from ${valibot};
export const constants = v.strictObject({ OWNER: v.pipe(v.string(), v.regex(/^0x[0-9a-f]{40}$/i), v.toLowerCase()), EPOCH: v.optional(v.pipe(v.number(), v.integer()), 0) });
`,
    );
    const owner = `0x${'aB'.repeat(20)}`;
    const { cid } = await buildAction({ main, wasm, define: { OWNER: owner } });
    assert.equal((await buildAction({ main, wasm, define: { EPOCH: 0, OWNER: owner.toLowerCase() } })).cid, cid);
    assert.notEqual((await buildAction({ main, wasm, define: { EPOCH: 1, OWNER: owner } })).cid, cid);
    await assert.rejects(buildAction({ main, wasm, define: { OWNER: owner, EPOCH: '1' } }), /EPOCH/);
    await assert.rejects(buildAction({ main, wasm, define: { OWNER: toHex(1) } }), /OWNER/);
    await assert.rejects(buildAction({ main, wasm, define: { OWNER: owner, OTHER: 1 } }), /OTHER/);
  });
});

describe('further modules', () => {
  const wasm = join(brotliFolder, 'brotli_dec_wasm_bg.wasm');
  let folder: string;
  let main: string;
  before(() => {
    folder = join(dir, 'further');
    main = join(folder, 'main.ts');
    mkdirSync(folder);
    writeFileSync(
      main,
      `import * as second from 'tandem:wasm/second';
import { loadWasm } from '${join(root, 'actions/template/wasm.ts')}';
export const main = async () => WebAssembly.Module.exports(await loadWasm(second)).map(({ name }) => name);
`,
    );
    writeFileSync(
      join(folder, 'constants.ts'),
      `import * as v from ${valibot};
export const constants = v.strictObject({ PATH: v.optional(v.string()) });
export const modules = ({ PATH }) => ({ second: PATH });
`,
    );
  });

  test('further modules of an action are in the source, as the constants want them, wherever the first one comes from', async () => {
    const path = `${buildPath}ecrecover.wasm`;
    const define = { PATH: path };
    const elsewhere = { mode: 'fetch', url: 'https://example.invalid/first.wasm' } as const;
    for (const parts of [{}, { encoding: 'plain' } as const, elsewhere]) {
      const { source, modulesSha256 } = await buildAction({ main, wasm, define, ...parts });
      assert.deepEqual(modulesSha256, { second: createHash('sha256').update(readFileSync(path)).digest('hex') });
      const { response } = await host.execute({ source, params: null });
      assert.ok((response as string[]).includes('recover_signer'), JSON.stringify(parts));
    }
  });

  test('further modules of an action do not load if they are left out, and are wasm that there is', async () => {
    const { source, modulesSha256 } = await buildAction({ main, wasm });
    assert.equal(modulesSha256, undefined);
    await assert.rejects(host.execute({ source, params: null }), /CompileError/);
    await assert.rejects(buildAction({ main, wasm, define: { PATH: main } }), /main\.ts is not a wasm module/);
    await assert.rejects(buildAction({ main, wasm, define: { PATH: '/nowhere' } }), /cannot be read/);
    writeFileSync(join(folder, 'other.ts'), "import 'tandem:wasm/third';\nexport const main = () => 1;\n");
    await assert.rejects(buildAction({ main: join(folder, 'other.ts'), wasm }), /there is no tandem:wasm\/third/);
  });
});

describe('verify-action', () => {
  const command = (...args: string[]) => run(process.execPath, ['--import', 'tsx', ...args], { cwd: root });

  test('verify-action builds an action again from its manifest, and tells what differs', async () => {
    const main = join(dir, 'verified.ts');
    writeFileSync(main, "import { NAME } from 'tandem:constants';\nexport const main = () => NAME;\n");
    const out = join(dir, 'verified.js');
    const wasm = join(brotliFolder, 'brotli_dec_wasm_bg.wasm');
    const args = ['--main', main, '--wasm', wasm, '--glue', 'none', '--define', 'NAME:text=5', '--out', out, '--json'];
    const built = JSON.parse((await command('scripts/build-action.ts', ...args)).stdout) as { cid: string };
    const manifest = join(dir, 'verified.manifest.json');
    const verify = (cid: string) => command('scripts/verify-action.ts', cid, manifest, '--json');
    assert.deepEqual(JSON.parse((await verify(built.cid)).stdout), {
      cid: built.cid,
      manifest,
      verified: true,
      differences: [],
    });
    assert.ok(!readFileSync(manifest, 'utf8').includes(dir), 'the manifest names a folder of this machine');
    const other = 'QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o';
    const isOf = new RegExp(
      `^There is no manifest of ${other} here; .*verified.manifest.json is the manifest of ${built.cid}\\.`,
    );
    await assert.rejects(verify(other), { code: 1, stderr: isOf });
    await assert.rejects(verify('Qm'), {
      code: 64,
      stderr: /^"Qm" is not the CID of an action\.\nNext: a CID is Qm and 44 /,
    });
    writeFileSync(main, "import { NAME } from 'tandem:constants';\nexport const main = () => [NAME];\n");
    await assert.rejects(verify(built.cid), ({ code, stdout }: { code: number; stdout: string }) => {
      assert.equal(code, 1);
      assert.match(
        (JSON.parse(stdout) as { differences: string[] }).differences.join('\n'),
        /the CID is Qm\w+, but the manifest says Qm/,
      );
      return true;
    });
  });
});
