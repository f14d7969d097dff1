import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { runInNewContext } from 'node:vm';
import { inflateRawSync } from 'node:zlib';
import { BlackHoleBlockstore } from 'blockstore-core/black-hole';
import { importBytes } from 'ipfs-unixfs-importer';
import { fixedSize } from 'ipfs-unixfs-importer/chunker';
import { balanced } from 'ipfs-unixfs-importer/layout';
import { MAX_PARAMS, MAX_RESPONSE } from '../actions/template/action.ts';
import { BuildError, buildAction, buildWithToolchain, readWasm } from '../ts/build/action.ts';
import { fromBase64 } from '../ts/core/bytes.ts';
import { buildPath } from '../ts/core/node.ts';
import { cosigner } from '../ts/deal/cosigner.ts';
import { builtinPolicies } from '../ts/policy/builtin.ts';
import { parsePolicy, policyJson } from '../ts/policy/policy.ts';
import { CHUNK, cidOf } from '../ts/protocol/cid.ts';
import { constantsIn, slotOf } from '../ts/protocol/slot.ts';
import { STRICT_LIMITS } from '../ts/runtime/limits.ts';
import type { Json } from '../ts/runtime/types.ts';
import { policyIn } from '../ts/store/policy.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');
const cosignerParts = {
  main: join(root, 'actions/cosigner/main.ts'),
  wasm: `${buildPath}tandem.wasm`,
};
const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest();

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tandem-build-'));
});
after(() => rm(dir, { recursive: true, force: true }));

/** The CID as IPFS's own importer makes it. */
async function importedCid(data: Uint8Array): Promise<string> {
  const { cid } = await importBytes(data, new BlackHoleBlockstore(), {
    cidVersion: 0,
    rawLeaves: false,
    leafType: 'file',
    reduceSingleLeafToSelf: true,
    chunker: fixedSize({ chunkSize: CHUNK }),
    layout: balanced({ maxChildrenPerNode: 174 }),
  });
  return cid.toString();
}

describe('the CID of a source', () => {
  const published = {
    '': 'QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH',
    'hello world': 'Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD',
    'hello world\n': 'QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o',
  };
  for (const [text, cid] of Object.entries(published)) {
    test(`the CID of a source is the published one for ${JSON.stringify(text)}`, async () => {
      assert.equal(cidOf(text), cid);
      assert.equal(await importedCid(Buffer.from(text)), cid);
    });
  }

  // By ipfs-only-hash 4.0.0.
  const sizes: [number, string][] = [
    [0, 'QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH'],
    [1, 'QmS9JArPwa55ePgDnyg6TzX24mYTS1b1vLqWNebyVotKxQ'],
    [262_143, 'QmSsLAF1GRHVEAmC15Mp2fLqzW82WJdC9hHPMNk5JzP9jZ'],
    [262_144, 'QmeJK6ehmpMs7NgW5d3TpYWq4DnqgX9w8w4JbWd4WnHC6X'],
    [262_145, 'QmVxmXaWenVr4KGuRhk2ju2RBtBD8dktMNh7L1NFQiTaga'],
    [2 * 262_144, 'QmSW53q7t9Qvx1QKFCauFNcTvSortDnhFrAnSbs73t7E9T'],
    [10 * 1024 * 1024, 'Qma1oLB3x3E7uxux1vE8FexkRaaAfm7AmdSk9b2sAddmp9'],
    [174 * 262_144, 'QmNzHgRBwbKTxFitgk1k4UMnh62ZisD81CeP14p1y9Gq9F'],
    [174 * 262_144 + 1, 'QmRnkCNMxhkSfx8akxPXzfaiLQSgMA8BqvnLxRfvQauUSS'],
  ];
  for (const [size, cid] of sizes) {
    test(`the CID of a source is that of another implementation for ${size} bytes`, () => {
      const data = Buffer.alloc(size);
      for (let i = 0; i < size; i += 4096) data.writeUInt8((i / 4096) % 251, i);
      assert.equal(cidOf(data), cid);
    });
  }

  test('the CID of a source is that of IPFS for sizes around a chunk and a node of the tree', async () => {
    const all = new Uint8Array(176 * CHUNK);
    for (let i = 0; i < all.length; i += 997) all[i] = i % 251;
    const around = [CHUNK - 1, CHUNK, CHUNK + 1];
    const chunks = [2, 3, 173, 174, 175, 176].map((count) => count * CHUNK);
    for (const size of [0, 1, 127, 128, ...around, 3 * CHUNK + 5, ...chunks]) {
      const data = all.subarray(0, size);
      assert.equal(cidOf(data), await importedCid(data), `${size} bytes`);
    }
  });

  test('the CID of a source that is a text is that of the same text, whatever was asked for before', () => {
    const [one, other] = [cidOf('one'), cidOf('other')];
    assert.notEqual(one, other);
    assert.deepEqual([cidOf('one'), cidOf('other'), cidOf(Buffer.from('one'))], [one, other, one]);
  });
});

describe('building an action', () => {
  const glue = '// Copyright the glue.\nglobalThis.Go = class { ran = 1; };\n';
  const main = [
    "import { data, length } from 'tandem:wasm';",
    "import { NAME, RULES } from 'tandem:constants';",
    'export async function main(params: { x: number }) {',
    '  return { NAME, RULES, data, length, go: new (globalThis as any).Go().ran, x: params.x };',
    '}',
  ].join('\n');
  const wasm = Buffer.from([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);
  const define = { NAME: 'a "name"', RULES: { b: [1, null], a: true } };

  async function parts(folder: string) {
    const path = join(dir, folder);
    await mkdir(path, { recursive: true });
    const files = { main: join(path, 'main.ts'), wasm: join(path, 'a.wasm'), glue: join(path, 'glue.js') };
    await writeFile(files.main, main);
    await writeFile(files.wasm, wasm);
    await writeFile(files.glue, glue);
    return { ...files, define };
  }

  test('building an action gives one script that leaves a global main', async () => {
    const built = await buildAction(await parts('script'));
    const context: { main?: (params: object) => Promise<Record<string, unknown>> } = {};
    runInNewContext(built.source, context);
    const result = await context.main?.({ x: 7 });
    assert.ok(result);
    const { data, ...rest } = result;
    assert.deepEqual(inflateRawSync(fromBase64(String(data))), wasm);
    assert.deepEqual(JSON.parse(JSON.stringify(rest)), { ...define, length: wasm.length, go: 1, x: 7 });
  });

  test('building an action reports size, hashes and CID of what it gives', async () => {
    const built = await buildAction(await parts('report'));
    assert.equal(built.bytes, Buffer.byteLength(built.source));
    assert.equal(built.sha256, sha256(built.source).toString('hex'));
    assert.equal(built.wasmSha256, sha256(wasm).toString('hex'));
    assert.equal(built.cid, await importedCid(Buffer.from(built.source)));
    assert.match(built.source, /Copyright the glue/);
  });

  test('building an action gives the same bytes in another folder, and whatever the order of constants', async () => {
    const first = await buildAction(await parts('here'));
    const second = await buildAction({
      ...(await parts('some/where/else')),
      define: { RULES: { a: true, b: [1, null] }, NAME: define.NAME },
    });
    assert.equal(second.source, first.source);
    assert.doesNotMatch(first.source, new RegExp(`${dir}|${root}|main\\.ts`));
  });

  test('building an action takes the module that was read before, whatever the file is by now', async () => {
    const given = await parts('once');
    const { cid } = await buildAction(given);
    const read = await readWasm(given.wasm);
    await writeFile(given.wasm, 'another');
    assert.equal((await buildWithToolchain(given, undefined, read)).cid, cid);
    await assert.rejects(buildAction(given), /is not a wasm module/);
  });

  test('building an action gives another CID for another constant', async () => {
    const given = await parts('constants');
    const first = await buildAction(given);
    const second = await buildAction({ ...given, define: { ...define, NAME: 'b' } });
    assert.notEqual(second.cid, first.cid);
  });

  test('building an action never gives a source of exactly one chunk, which hosts cannot hash', async () => {
    const given = await parts('chunk');
    const build = (length: number) => buildAction({ ...given, define: { ...define, NAME: 'x'.repeat(length) } });
    const rest = (await build(1000)).bytes - 1000;
    const sizes: number[] = [];
    for (const size of [262_143, 262_144, 262_145]) {
      const { source, bytes, cid } = await build(size - rest);
      assert.equal(cid, await importedCid(Buffer.from(source)));
      const context: { main?: (params: object) => Promise<{ NAME: string }> } = {};
      runInNewContext(source, context);
      assert.equal((await context.main?.({}))?.NAME.length, size - rest);
      sizes.push(bytes);
    }
    assert.deepEqual(sizes, [262_143, 262_145, 262_145]);
  });

  test('building an action fails if a constant is missing or is no constant', async () => {
    const given = await parts('missing');
    await assert.rejects(buildAction({ ...given, define: { NAME: 'a' } }), (error: unknown) => {
      assert.ok(error instanceof BuildError);
      assert.match(error.message, /RULES/);
      return true;
    });
    await assert.rejects(buildAction({ ...given, define: { ...define, 'a b': 1 } }), BuildError);
  });

  test('an action takes and gives by default as much as the strictest host allows', () => {
    const { maxParamsLength, maxResponseLength } = STRICT_LIMITS;
    assert.deepEqual([MAX_PARAMS, MAX_RESPONSE], [maxParamsLength, maxResponseLength]);
  });

  test('build-action builds the same as the library, and has an exit code for wrong arguments', async () => {
    const given = await parts('command');
    const out = join(dir, 'out.js');
    const script = join(root, 'scripts/build-action.ts');
    const args = ['--import', 'tsx', script, '--main', given.main, '--wasm', given.wasm, '--glue', given.glue];
    const constants = ['--define', 'NAME=a "name"', '--define', `RULES=${JSON.stringify(define.RULES)}`];
    const { stdout } = await run(process.execPath, [...args, ...constants, '--out', out, '--json'], { cwd: root });
    const { source, ...result } = await buildAction(given);
    assert.deepEqual(JSON.parse(stdout), result);
    assert.equal(await readFile(out, 'utf8'), source);
    await assert.rejects(run(process.execPath, [...args, '--out', out, '--mode', 'other'], { cwd: root }), {
      code: 64,
    });
    await assert.rejects(run(process.execPath, [...args, '--out', out], { cwd: root }), { code: 1 });
  });

  test('the co-signer is the same from a copy of this repository', async () => {
    const copy = join(dir, 'copy');
    await mkdir(copy);
    for (const folder of ['actions', 'ts', 'scripts', 'package.json']) {
      await cp(join(root, folder), join(copy, folder), { recursive: true });
    }
    await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
    const here = await buildAction({ ...cosignerParts, define: { POLICY: 'messages' } });
    const command = ['--import', 'tsx', 'scripts/build-action.ts', '--main', 'actions/cosigner/main.ts'];
    const shared = ['--wasm', `${buildPath}tandem.wasm`, '--glue', 'none'];
    const options = ['--define', 'POLICY=messages', '--out', 'action.js', '--json'];
    const { stdout } = await run(process.execPath, [...command, ...shared, ...options], { cwd: copy });
    const { source: _, ...result } = here;
    assert.deepEqual(JSON.parse(stdout), result);
    const keygen = ['--import', 'tsx', 'scripts/keygen.ts', '--store', join(copy, 'wallets')];
    await assert.rejects(run(process.execPath, keygen, { cwd: copy }), {
      code: 1,
      stderr: /tandem\.wasm is not built\.\nNext: run: make wasm/,
    });
    // It is sent as a JSON text.
    const sent = Buffer.byteLength(JSON.stringify(here.source));
    assert.ok(sent <= 400_000, `the co-signer has ${here.bytes} bytes, ${sent} in JSON`);
  });

  test('the co-signer of the package, with constants in its slot, is byte for byte the one that is built with them', async () => {
    const rule = { name: 'greetings', kind: 'message', prefixes: ['Grüße, '] };
    const guarded = { version: 1, rules: [{ ...rule, guardian: `0x${'11'.repeat(20)}` }] };
    const wallet = `0x${'ab'.repeat(20)}`;
    for (const [policy, limits, glue] of [
      [builtinPolicies.messages, {}, {}],
      [parsePolicy(guarded), { minEpoch: 7, wallet }, { glue: `${buildPath}wasm_exec.js` }],
    ] as const) {
      const { minEpoch: MIN_EPOCH = 0, wallet: WALLET = '' } = limits as { minEpoch?: number; wallet?: string };
      const define = { POLICY: JSON.parse(policyJson(policy)) as Json, MIN_EPOCH, WALLET };
      const built = await buildAction({ ...cosignerParts, ...glue, define });
      const { source, cid } = await cosigner(policy, limits);
      assert.deepEqual([cid, source === built.source], [built.cid, true]);
    }
    await assert.rejects(cosigner(builtinPolicies.any, { wallet: '"' }), /not an address/);
    await assert.rejects(cosigner(builtinPolicies.any, { minEpoch: -1 }));
  });

  test('the policy of a co-signer is read from its source', async () => {
    const nasty = ['",POLICY_HASH:"0x00",A:', '{"MIN_EPOCH":1};\nconst tandemConstants={};', '\\"POLICY:', 'é'];
    const policy = parsePolicy({ version: 1, rules: [{ name: 'x', kind: 'message', prefixes: nasty }] });
    const { source } = await cosigner(policy, { minEpoch: 3 });
    const found = policyIn(source);
    assert.equal(found && policyJson(found), policyJson(policy));
    assert.equal(policyIn('globalThis.main = () => 1;'), undefined);
    assert.equal(policyIn(source.replace('"version":1', '"version":2')), undefined);
    const define = { A: 1e-7, B: [true, null, -0.5], C_1: { D: 'E:1,F:"' } };
    assert.deepEqual(constantsIn(`const before = 1;\n${slotOf(define)}const after = 2;`), define);
  });

  test("the co-signer has go-ethereum's recovery in it if its policy has a guardian, and only then", async () => {
    const rule = { name: 'all', kind: 'message', prefixes: 'any' };
    const built = (...rules: object[]) =>
      buildWithToolchain({ ...cosignerParts, define: { POLICY: { version: 1, rules } as Json } });
    const plain = await built(rule);
    assert.equal(plain.modulesSha256, undefined);
    const guarded = await built(rule, { ...rule, name: 'guarded', guardian: `0x${'11'.repeat(20)}` });
    const ecrecover = sha256(await readFile(`${buildPath}ecrecover.wasm`)).toString('hex');
    assert.deepEqual(guarded.modulesSha256, { ecrecover });
    const sent = Buffer.byteLength(JSON.stringify(guarded.source));
    assert.ok(sent <= 600_000, `the co-signer with a guardian has ${guarded.bytes} bytes, ${sent} in JSON`);
  });
});
