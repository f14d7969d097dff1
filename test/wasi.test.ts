// Modules for WASI in an action, glue that is of another compiler, and what an author sees of an error.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { type ActionParts, BuildError, buildAction } from '../ts/build/action.ts';
import { buildPath } from '../ts/core/node.ts';
import { LitHost } from '../ts/runtime/local/host.ts';
import { command } from './support/command.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');
const fixtures = join(import.meta.dirname, 'fixtures', 'wasi');
const template = (name: string) => JSON.stringify(join(root, 'actions/template', name));

let dir: string;
let host: LitHost;
/** Modules by what made them. */
const wasm = {
  c: join(fixtures, 'hello-c.wasm'),
  tinygo: join(fixtures, 'hello-tinygo.wasm'),
  go: '',
  reactor: '',
  goJs: '',
};
/** Go's own glue. */
let goGlue: string;
/** An entry that runs a program, and one that calls what a reactor exports. */
let program: string;
let reactor: string;

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tandem-wasi-'));
  host = await LitHost.open({ dir: join(dir, 'host') });
  const build = async (name: string, goos: string, ...flags: string[]) => {
    const out = join(dir, `${name}.wasm`);
    const args = ['build', '-ldflags=-s -w', ...flags, '-o', out, join(fixtures, 'hello.go')];
    await run('go', args, { env: { ...process.env, GOOS: goos, GOARCH: 'wasm', GOFLAGS: '-trimpath' } });
    return out;
  };
  [wasm.go, wasm.reactor, wasm.goJs] = await Promise.all([
    build('go', 'wasip1'),
    build('reactor', 'wasip1', '-buildmode=c-shared'),
    build('js', 'js'),
  ]);
  goGlue = join((await run('go', ['env', 'GOROOT'])).stdout.trim(), 'lib/wasm/wasm_exec.js');
  const write = (name: string, text: string) => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };
  const head = `import { actionMain } from ${template('action.ts')}; import { loadWasm } from ${template('wasm.ts')};`;
  program = write(
    'program.ts',
    `${head} import { runWasi } from ${template('wasi.ts')};
    export const main = actionMain(async (options) => {
      const { exitCode, stdout, stderr } = await runWasi(await loadWasm(), options as object);
      const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
      return { exitCode, out, err };
    });`,
  );
  reactor = write(
    'reactor.ts',
    `${head} import { startWasi } from ${template('wasi.ts')};
    export const main = actionMain(async (params) => {
      const { add } = (await startWasi(await loadWasm())).exports as { add(a: number, b: number): number };
      return add(...(params as [number, number]));
    });`,
  );
});
after(() => rmSync(dir, { recursive: true, force: true }));

describe('a module for WASI', () => {
  for (const name of ['c', 'tinygo', 'go'] as const) {
    test(`a module for WASI runs in an action, with arguments, environment, stdin and exit code: ${name}`, async () => {
      const { source } = await buildAction({ main: program, wasm: wasm[name], wasi: true });
      const call = async (params: object) => (await host.execute({ source, params: params as never })).response;
      assert.deepEqual(await call({}), { ok: { exitCode: 0, out: 'nobody: \n', err: '' } });
      assert.deepEqual(await call({ args: ['a '], stdin: 'é\nb', env: { WHO: 'me' } }), {
        ok: { exitCode: 0, out: 'me: a é\nb\n', err: '' },
      });
      assert.deepEqual(await call({ args: ['x', 'y'] }), {
        ok: { exitCode: 3, out: 'nobody: x\n', err: 'too many\n' },
      });
    });
  }

  test('a module for WASI that is a reactor is started, and its exports called', async () => {
    const { source } = await buildAction({ main: reactor, wasm: wasm.reactor, wasi: true });
    assert.deepEqual((await host.execute({ source, params: [2, 3] })).response, { ok: 5 });
  });

  test('a module for WASI is built by the command with --glue wasi, and verified', async () => {
    const out = join(dir, 'built.js');
    const built = await command(
      'build-action',
      ['--main', program, '--wasm', wasm.c, '--glue', 'wasi', '--out', out, '--json'],
      {},
    );
    assert.equal(built.code, 0, built.stderr);
    const { cid } = JSON.parse(built.stdout) as { cid: string };
    const verified = await command('verify-action', [cid, join(dir, 'built.manifest.json')], {});
    assert.equal(verified.code, 0, verified.stderr);
  });
});

describe('the glue', () => {
  const tinygoGlue = `${buildPath}wasm_exec.js`;
  const refuses = async (parts: Omit<ActionParts, 'main'>, message: RegExp) =>
    assert.rejects(
      buildAction({ main: program, ...parts }),
      (error) => (error instanceof BuildError && message.test(error.message)) || assert.fail(String(error)),
    );

  test('the glue of another compiler is noticed when the action is built, with the right flag', async () => {
    await refuses(
      { wasm: `${buildPath}ecrecover.wasm`, glue: goGlue },
      /made by TinyGo: it imports .*gojs\.runtime\.ticks.*which this glue does not give.*tinygo env TINYGOROOT/s,
    );
    await refuses(
      { wasm: wasm.goJs, glue: tinygoGlue },
      /made by Go: it imports gojs\.runtime\..* and others, which this glue.*--glue "\$\(go env GOROOT\)\/lib\/wasm\/wasm_exec\.js"/s,
    );
    await refuses({ wasm: wasm.go, glue: goGlue }, /made by a compiler for WASI: .*--glue wasi/s);
    await refuses({ wasm: wasm.go, glue: tinygoGlue }, /made by a compiler for WASI: .*--glue wasi/s);
    await refuses({ wasm: wasm.goJs, wasi: true }, /made by Go: .*which the shim of WASI does not give/s);
    await refuses({ wasm: `${buildPath}ecrecover.wasm` }, /made by TinyGo: .*which an entry file alone does not give/s);
    for (const parts of [
      { wasm: `${buildPath}ecrecover.wasm`, glue: tinygoGlue },
      { wasm: wasm.goJs, glue: goGlue },
      { wasm: wasm.c },
    ]) {
      assert.match((await buildAction({ main: program, ...parts })).cid, /^Qm/);
    }
  });

  test('what is a component, or for a WASI before preview 1, is named', async () => {
    const component = join(dir, 'component.wasm');
    writeFileSync(component, Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0));
    await refuses({ wasm: component, wasi: true }, /is a component of WASI preview 2.*compile it for wasip1/);
    const old = join(dir, 'old.wasm');
    const names = ['\x0dwasi_unstable', '\x08fd_write'].join('');
    writeFileSync(old, `\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x02\x1a\x01${names}\0\0`, 'latin1');
    await refuses(
      { wasm: old, wasi: true },
      /a WASI before preview 1: it imports wasi_unstable\.fd_write,.*compile it for wasip1/,
    );
  });
});

describe('an error while an action is written', () => {
  test('run-action shows the cause of a refusal, and the answer stays generic', async () => {
    const main = join(dir, 'throws.ts');
    writeFileSync(
      main,
      `import { actionMain } from ${template('action.ts')};
      export const main = actionMain(async (params) => {
        if (params === 'long') return 'x'.repeat(200_000);
        throw new TypeError('the cause', { cause: new Error('its own cause') });
      });`,
    );
    const out = join(dir, 'throws.js');
    const { source } = await buildAction({ main, wasm: wasm.c });
    writeFileSync(out, source);
    const refused = { error: { code: 'refused', message: 'request refused' } };
    const shown = await command('run-action', [out, '--store', join(dir, 'host')], {});
    assert.deepEqual([shown.code, JSON.parse(shown.stdout)], [0, refused]);
    assert.match(shown.stderr, /^refused for: TypeError: the cause\n[\s\S]*Error: its own cause/);
    const long = await command('run-action', [out, '"long"', '--store', join(dir, 'host')], {});
    assert.deepEqual(JSON.parse(long.stdout), refused);
    assert.match(long.stderr, /^refused for: Error: more than 102400 bytes to answer/);
    const { response, logs } = await host.execute({ source, params: null });
    assert.deepEqual([response, logs], [refused, '']);
  });
});
