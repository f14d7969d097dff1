import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { configureApart } from '../ts/build/apart.ts';
import { BuildError } from '../ts/errors.ts';
import { STRICT_LIMITS } from '../ts/runtime/limits.ts';
import { command } from './support/command.ts';

// Somebody else's action, which verify-action is to judge: what lies beside its manifest may be made to deceive.

const root = join(import.meta.dirname, '..');
const valibot = JSON.stringify(join(root, 'node_modules/valibot/dist/index.mjs'));
const CID = 'QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o';
const SECRET = 'a-secret-of-the-environment';

let dir: string;
let server: Server;
let requests = 0;
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tandem-apart-'));
  server = createServer((_, response) => response.end(String(++requests))).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
});
after(() => {
  server.closeAllConnections();
  server.close();
  rmSync(dir, { recursive: true, force: true });
});

/** A folder with a made-up manifest of {@link CID}, and a constants.ts. */
function made(name: string, constants: string): { folder: string; manifest: string; constants: string } {
  const folder = join(dir, name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'main.ts'), 'export const main = () => 1;\n');
  cpSync(join(root, 'node_modules/brotli-dec-wasm/pkg/brotli_dec_wasm_bg.wasm'), join(folder, 'a.wasm'));
  writeFileSync(join(folder, 'constants.ts'), `import * as v from ${valibot};\n${constants}\n`);
  const manifest = join(folder, 'a.manifest.json');
  const parts = { main: 'main.ts', wasm: 'a.wasm', mode: 'inline', define: {} };
  const made = { version: 1, cid: CID, bytes: 1, sha256: '', wasmSha256: '', parts };
  writeFileSync(manifest, JSON.stringify({ ...made, toolchain: { tools: {}, packages: {} } }));
  return { folder, manifest, constants: join(folder, 'constants.ts') };
}

const sound = 'export const constants = v.strictObject({});';

/** Runs the command, which must come to its own verdict. */
async function judges(name: string, constants: string): Promise<{ folder: string; said: string }> {
  const { folder, manifest } = made(name, constants.replaceAll('FOLDER', JSON.stringify(join(dir, name))));
  const { code, stdout, stderr } = await command('verify-action', [CID, manifest, '--json'], { SECRET });
  assert.equal(code, 1, `${name}: ${stdout}${stderr}`);
  assert.doesNotMatch(stdout, /"verified":true/, name);
  const said = stdout + stderr;
  assert.match(said, /does not run|an answer of an unexpected form|"verified":false/, name);
  assert.ok(!said.includes(SECRET), name);
  return { folder, said };
}

describe('audit 3: verify-action judges files, and runs none of them with rights', () => {
  const success = JSON.stringify(JSON.stringify({ cid: CID, manifest: 'a', verified: true, differences: [] }));

  test('audit 3: one that prints success and exits', async () => {
    await judges('prints', `${sound}\nconsole.log(${success});\n(globalThis as any).process.exit(0);`);
    await judges('exits', `${sound}\nconsole.log(${success});\ntry { (globalThis as any).Deno.exit(0) } catch {}`);
  });

  test('audit 3: one that alters what everything is made of', async () => {
    await judges(
      'pollutes',
      `${sound}
Object.defineProperty(Object.prototype, 'error', { get() { return undefined }, configurable: true });
JSON.stringify = () => ${success};
Array.prototype.flatMap = () => [] as any;
(console as any).error = console.log;
Object.assign(Object.prototype, { verified: true, differences: [], cid: ${JSON.stringify(CID)} });`,
    );
  });

  test('audit 3: one that looks for files, the environment, programs and the network', async () => {
    const { port } = server.address() as AddressInfo;
    const { folder, said } = await judges(
      'looks',
      `const { Deno, process, fetch } = globalThis as any;
const found: string[] = [];
const all: (() => unknown)[] = [
  () => process.env.SECRET,
  () => Deno.env.get('SECRET'),
  () => Deno.readTextFileSync('/etc/passwd'),
  () => Deno.readDirSync('/').next(),
  () => (Deno.writeTextFileSync(FOLDER + '/written', 'x'), 'written'),
  () => new Deno.Command('/bin/true').outputSync(),
  () => Deno.hostname(),
];
for (const look of all) {
  try { if (look() !== undefined) found.push(String(look)) } catch {}
}
${sound}
export const modules = () => {
  void import('node:fs').then((fs) => fs.writeFileSync(FOLDER + '/written', 'x'), () => {});
  void fetch('http://127.0.0.1:${port}/').catch(() => {});
  try { void Deno.connect({ port: ${port} }).catch(() => {}) } catch {}
  if (found.length > 0) throw new Error('found: ' + found.join());
  return {};
};`,
    );
    assert.doesNotMatch(said, /found:/);
    assert.equal(requests, 0);
    assert.ok(!existsSync(join(folder, 'written')));
  });

  test('audit 3: one that does not end, grows, floods, or answers something else', async () => {
    const limits = { ...STRICT_LIMITS, timeoutMs: 1500 };
    const cases: [string, string, RegExp][] = [
      ['loops', `${sound}\nfor (;;);`, /maximum time/],
      ['waits', `${sound}\nexport const modules = () => { for (;;); };`, /maximum time/],
      ['grows', `${sound}\nconst all = [];\nfor (;;) all.push(new Array(1e6).fill(all.length));`, /maximum memory/],
      ['floods', `${sound}\nexport const modules = () => ({ a: 'x'.repeat(2e6) });`, /too long/],
      ['talks', `${sound}\nfor (;;) console.log('x'.repeat(1e6));`, /maximum time|calls to the host/],
      ['names', `${sound}\nexport const modules = () => ({ 'a b': 'x' });`, /unexpected form/],
      ['lies', `${sound}\nJSON.stringify = () => '{"constants":5,"modules":{}}';`, /does not run|unexpected form/],
      ['imports', `import 'node:fs';\n${sound}`, /does not run/],
      ['remote', `import 'https://example.com/a.js';\n${sound}`, /does not run/],
    ];
    for (const [name, constants, message] of cases) {
      const error = await configureApart(made(name, constants).constants, {}, limits).then(
        (given) => assert.fail(`${name}: ${JSON.stringify(given)}`),
        (error: unknown) => error,
      );
      assert.ok(error instanceof BuildError, `${name}: ${error}`);
      assert.match(error.message, message, name);
    }
  });

  test('audit 3: one that is honest gives what it does in this process', async () => {
    const { constants } = made(
      'honest',
      `export const constants = v.strictObject({ A: v.optional(v.number(), 5), B: v.pipe(v.string(), v.toLowerCase()) });
export const modules = ({ A }: { A: number }) => ({ first: new URL('a.wasm', import.meta.url).pathname, second: A > 5 ? 'b' : undefined });`,
    );
    assert.deepEqual(await configureApart(constants, { B: 'É' }), {
      constants: { A: 5, B: 'é' },
      modules: { first: join(dir, 'honest/a.wasm'), second: null },
    });
    assert.deepEqual(await configureApart(constants, { B: 5 }), {
      error: 'B: Invalid type: Expected string but received 5',
    });
  });
});
