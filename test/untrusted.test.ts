import assert from 'node:assert/strict';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { format, inspect } from 'node:util';
import { generateIdentity } from 'age-encryption';
import fc from 'fast-check';
import { encodeCbor } from '../ts/core/cbor.ts';
import { TandemError } from '../ts/core/errors.ts';
import { loadTandem } from '../ts/core/node.ts';
import { createWallet } from '../ts/deal/keygen.ts';
import { CheckFailedError } from '../ts/errors.ts';
import { cidOf } from '../ts/protocol/cid.ts';
import { STRICT_LIMITS } from '../ts/runtime/limits.ts';
import { openWallet } from '../ts/signing/wallet.ts';
import { openStore } from '../ts/store/node.ts';
import { cleanBlock, cleanLine, cleanText, hideSecret, quoted, Untrusted, visibleJson } from '../ts/text/untrusted.ts';
import { command, type Outcome } from './support/command.ts';

// A host, and others whose text is shown, that want to write on the user's terminal: to erase lines, to set the clipboard, to
// forge a result, to hide what they say, and to have the API key repeated into a log.

const KEY = 'the+key/that=is/not/for-logs';
const EVIL =
  '\x1b[2K\x1b]52;c;ZXZpbA==\x07evil\r\nsignature  0xf0f0\nNext: forged \r  signature  0xf1f1\u2028forged\u0085forged' +
  `\u009b31m\u202e\u2066\u200b\u{e0041}\u00ad\u3164\u061c ${KEY} ${encodeURIComponent(KEY)}`;
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

/** Nothing of {@link EVIL} does anything to a terminal; but it was shown. */
function assertHarmless(name: string, { stdout, stderr }: Pick<Outcome, 'stdout' | 'stderr'>, isShown = true): void {
  const shown = `${stdout}${stderr}`;
  for (const line of shown.split('\n')) {
    assert.doesNotMatch(line, UNSEEN, `${name}: ${JSON.stringify(line)}`);
    assert.doesNotMatch(line, /^ {0,3}(?:signature|Next: forged|forged)/, `${name}: ${line}`);
  }
  assert.ok(!shown.includes(KEY) && !shown.includes(encodeURIComponent(KEY)), `${name}: ${shown}`);
  if (isShown) assert.match(shown, /evil/, `${name}: ${shown}`);
}

describe('audit 5: text from outside', () => {
  hideSecret(KEY);

  test('audit 5: is one line without anything unseen, or lines of which all but the first are marked', () => {
    const any = fc.string({ unit: 'binary', maxLength: 60 });
    fc.assert(
      fc.property(any, any, (before, after) => {
        const text = `${before}${EVIL}${after}`;
        assert.doesNotMatch(cleanLine(text), UNSEEN);
        assert.doesNotMatch(quoted(text), UNSEEN);
        for (const line of cleanText(text).split('\n')) assert.doesNotMatch(line.replaceAll('\t', ''), UNSEEN);
        assertHarmless('a block', { stdout: `x${cleanBlock(text)}`, stderr: '' });
        assert.equal(cleanBlock(cleanBlock(text)), cleanBlock(text));
        assert.deepEqual(JSON.parse(visibleJson({ [text]: [text] })), { [text]: [text] });
        assert.doesNotMatch(visibleJson(text), UNSEEN);
      }),
      { seed: 5, numRuns: 100 },
    );
    const plain = 'Two hold one key: é 漢字 🔑 "x"\\';
    assert.deepEqual([cleanLine(plain), cleanText(plain), cleanBlock(plain)], [plain, plain, plain]);
    assert.equal(cleanLine('a\r\n\t b\u00a0c\x1b[2K', 8), 'a b c\\u{…');
    // Marks that would be stacked over other lines. Thai, Tibetan and pointed Hebrew have up to four on a letter.
    for (const word of ['ที่', 'བསྒྲུབས', 'שָּׁ֑']) assert.equal(quoted(word), `"${word}"`);
    const stack = `e${'\u0301'.repeat(40)}`;
    for (const shown of [quoted(stack), cleanLine(stack), cleanText(stack), visibleJson(stack)])
      assert.equal(/\p{M}+/u.exec(shown)?.[0], '\u0301'.repeat(4));
    assert.equal(JSON.parse(visibleJson(stack)), stack);
  });

  test('audit 5: cannot be made a text of without being cleaned', () => {
    const said = new Untrusted(EVIL);
    const all = [
      `${said}`,
      String(said),
      said.toString(),
      ['', said].join(''),
      new Error(`x ${said}`).message,
      JSON.stringify({ said }),
      inspect({ said }),
      format('%s %o %O %j', said, said, said, said),
      Object.assign('', {}).concat(said as unknown as string),
    ];
    for (const text of all) assertHarmless('a text', { stdout: text, stderr: '' });
    assert.equal(said.raw, EVIL);
    assert.ok(String(new Untrusted('x'.repeat(5000), 300)).length <= 301);
  });

  test('audit 5: is left without the secrets of this process, in any spelling', () => {
    process.env.TANDEM_PASSPHRASE = 'four "good" words';
    try {
      const text = 'four "good" words, four \\"good\\" words, four%20%22good%22%20words, four\n"good" words';
      assert.equal(cleanLine(text), '…, …, …, …');
    } finally {
      delete process.env.TANDEM_PASSPHRASE;
    }
    hideSecret('short');
    assert.equal(cleanLine('short'), 'short');
  });

  test('audit 5: only one file of the commands writes to the terminal', () => {
    const folders = ['ts', 'scripts', 'actions'].map((folder) => join(import.meta.dirname, '..', folder));
    const files = folders.flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
    );
    // Examples in the documentation of what is exported may print.
    const codeOf = (file: string) => readFileSync(file, 'utf8').replace(/^ *\/\*\*.*?\*\//gms, '');
    const writing = files.filter(
      (file) => /\.ts$/.test(file) && /\bconsole\.|\bstd(?:out|err)\.write|\/dev\/tty/.test(codeOf(file)),
    );
    // tandem.ts shows its own help and version, without loading what cleans text.
    assert.deepEqual(writing.map((file) => file.replace(/.*\//, '')).sort(), ['prompt.ts', 'tandem.ts', 'terminal.ts']);
  });
});

describe('audit 5: every command that shows such text', () => {
  let dir: string;
  let host: Server;
  let url: string;
  let store: string;
  let address: string;
  let env: Record<string, string>;
  /** What the host answers to an endpoint instead of what it ought to. */
  let answers: Record<string, [status: number, body: unknown]> = {};
  const WALLET = `0x${'11'.repeat(20)}`;
  const GUARDIAN = `0x${'6a'.repeat(20)}`;
  const SOURCE = 'async function main() { return 1 }';

  const config = () => {
    const { timeoutMs, memoryLimitMb, maxCodeLength, maxResponseLength, maxConsoleLogLength } = STRICT_LIMITS;
    return {
      timeout_ms: timeoutMs,
      memory_limit_mb: memoryLimitMb,
      max_code_length: maxCodeLength,
      max_response_length: maxResponseLength,
      max_console_log_length: maxConsoleLogLength,
      max_fetch_count: STRICT_LIMITS.maxFetchCount,
      max_get_keys_count: STRICT_LIMITS.maxGetKeysCount,
    };
  };

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'tandem-untrusted-'));
    host = createServer((request, response) => {
      const path = /^\/core\/v1\/(\w+)/.exec(request.url ?? '')?.[1] ?? '';
      const usual = path === 'get_lit_action_client_config' ? config() : path.startsWith('list_') ? [] : true;
      const [status, body] = answers[path] ?? [200, usual];
      request.resume().once('end', () => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      });
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => host.once('listening', resolve));
    url = `http://127.0.0.1:${(host.address() as AddressInfo).port}`;

    const identity = await generateIdentity();
    writeFileSync(join(dir, 'identity.txt'), identity);
    env = { TANDEM_IDENTITY: join(dir, 'identity.txt'), LIT_API_KEY: KEY };
    store = join(dir, 'store');
    const made = await createWallet({
      store: openStore(store, async () => ({ identities: [identity] })),
      threshold: 2,
      parties: 3,
    });
    address = made.wallet.address;
    // The second share becomes that of an action at the host.
    const folder = join(store, address);
    const cid = cidOf(SOURCE);
    const info = JSON.parse(readFileSync(join(folder, 'wallet.json'), 'utf8')) as Record<string, unknown>;
    const parties = ['hot', 'action', 'cold'].map((role, i) => ({ index: i + 1, role }));
    const action = { wallet: WALLET, cid, policy: 'messages', authority: 'cold' };
    writeFileSync(join(folder, 'wallet.json'), JSON.stringify({ ...info, parties, runtime: 'chipotle', action }));
    rmSync(join(folder, 'cold.age'));
    renameSync(join(folder, 'cold-3.age'), join(folder, 'cold.age'));
    writeFileSync(join(folder, 'action.sealed'), JSON.stringify({ version: 1, wallet: WALLET, cid, share: 'x' }));
    mkdirSync(join(folder, 'actions'));
    writeFileSync(join(folder, 'actions', `${cid}.js`), SOURCE);
    settle(store, cid);
  });
  after(() => {
    host.closeAllConnections();
    host.close();
    rmSync(dir, { recursive: true, force: true });
  });

  /** The settings of a set-up at the host. */
  function settle(folder: string, cid: string): void {
    mkdirSync(folder, { recursive: true });
    const lines = [`LIT_API_URL=${url}`, `LIT_WALLET=${WALLET}`, 'LIT_POLICY=messages', `LIT_CID=${cid}`];
    writeFileSync(join(folder, 'lit.env'), `${[...lines, 'LIT_GROUP=1', 'LIT_USAGE_KEY=a-usage-key'].join('\n')}\n`);
    chmodSync(join(folder, 'lit.env'), 0o600);
  }

  async function harmless(code: number, name: string, args: readonly string[], isShown = true): Promise<Outcome> {
    const outcome = await command(name, args, env);
    assertHarmless(`${name} ${args[0]}`, outcome, isShown);
    assert.equal(outcome.code, code, `${name} ${args.join(' ')}: ${outcome.stdout}${outcome.stderr}`);
    return outcome;
  }

  const failing = { error: 'x', message: EVIL, fix: EVIL, docs_url: EVIL };

  test('audit 5: what a host answers to a set-up', async () => {
    const empty = join(dir, 'empty');
    mkdirSync(empty);
    answers = { account_exists: [500, failing], list_groups: [403, EVIL], list_wallets: [500, EVIL] };
    await Promise.all([
      harmless(1, 'setup', ['--store', empty, '--url', url]),
      harmless(1, 'setup', ['status', '--store', store]),
      harmless(1, 'doctor', ['--store', store]),
    ]);
    const wallet = { id: WALLET, name: EVIL, description: EVIL, wallet_address: WALLET };
    const usageKey = {
      ...{ api_key_hash: `0x${'22'.repeat(32)}`, name: EVIL, description: EVIL, can_create_groups: false },
      ...{ can_manage_ipfs_ids_in_groups: [], can_add_pkp_to_groups: [], can_execute_in_groups: [0] },
    };
    answers = {
      list_groups: [200, ['7', '1'].map((id) => ({ id, name: EVIL, description: EVIL }))],
      list_wallets: [200, [wallet]],
      list_wallets_in_group: [200, [wallet]],
      list_actions: [200, [{ id: EVIL, name: EVIL, description: EVIL }]],
      list_api_keys: [200, [usageKey]],
    };
    await Promise.all([
      harmless(1, 'setup', ['status', '--store', store]),
      harmless(1, 'setup', ['status', '--store', store, '--json']),
    ]);
  });

  test('audit 5: what an action answers, and what the host says of it', async () => {
    const refusal = (code: string) => ({ response: { error: { code, message: EVIL } }, logs: EVIL, has_error: false });
    const sign = ['--store', store, '--message', 'x'];
    answers = { lit_action: [200, refusal('policy')] };
    await Promise.all([harmless(2, 'sign', sign), harmless(2, 'reshare', ['--store', store])]);
    answers = {
      lit_action: [200, refusal('refused')],
      list_groups: [403, failing],
      add_action: [500, failing],
    };
    await Promise.all([
      harmless(1, 'sign', [...sign, '--json']),
      harmless(1, 'migrate', ['--store', store, '--policy', 'any']),
    ]);
    answers = { lit_action: [500, EVIL] };
    await Promise.all([harmless(1, 'sign', sign), harmless(1, 'recover', ['--store', store])]);
    answers = { lit_action: [500, failing] };
    await harmless(1, 'sign', sign);
    answers = {};
  });

  test('audit 5: what the wasm module says of an answer, shown and kept', async () => {
    const copy = join(dir, 'checked');
    cpSync(store, copy, { recursive: true });
    const identities = [readFileSync(join(dir, 'identity.txt'), 'utf8')];
    const dkls18Finish = () => {
      throw new TandemError('check', EVIL);
    };
    const load = async () => Object.assign(await loadTandem(), { dkls18Finish });
    const wallet = await openWallet(
      openStore(copy, async () => ({ identities })),
      { load },
    );
    const error = await wallet.signMessage('x', { recovery: true }).catch((error: unknown) => error);
    assert.ok(error instanceof CheckFailedError, String(error));
    assertHarmless('the error', { stdout: error.message, stderr: error.short });
    const kept = JSON.parse(readFileSync(join(copy, address, 'hot.locked'), 'utf8')) as { reason: string };
    assertHarmless('the note', { stdout: kept.reason, stderr: '' });
  });

  test('audit 5: what an action on this machine prints, throws and gives', async () => {
    const file = join(dir, 'action.js');
    const said = JSON.stringify(EVIL);
    const local = ['--store', join(dir, 'local')];
    writeFileSync(file, `async function main() { console.log(${said}); return { x: ${said} } }`);
    const { code, stdout, stderr } = await command('run-action', [file, ...local], { LIT_API_KEY: KEY });
    assert.equal(code, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), { x: EVIL });
    assert.doesNotMatch(stdout.trimEnd(), UNSEEN);
    assert.doesNotMatch(stderr.replaceAll('\n', ''), UNSEEN);
    assert.ok(!stderr.includes(KEY));
    writeFileSync(file, `async function main() { throw new Error(${said}) }`);
    await harmless(1, 'run-action', [file, ...local]);
  });

  test('audit 5: what is in the files of a store, and what they are called', async () => {
    const copy = join(dir, `evil \x1b[2K\u202e`);
    cpSync(store, copy, { recursive: true });
    const folder = join(copy, address);
    writeFileSync(join(folder, 'hot.locked'), JSON.stringify({ reason: EVIL.slice(0, 200), at: 'evil \x1b[2K' }));
    writeFileSync(join(folder, `.tmp-evil\x1b[2K\n\u202e-999999-0-${'0'.repeat(8)}-${'0'.repeat(12)}`), '');
    await Promise.all([
      harmless(1, 'wallet', ['unlock', '--store', copy]),
      harmless(3, 'sign', ['--store', copy, '--message', 'x']),
    ]);
    const info = JSON.parse(readFileSync(join(folder, 'wallet.json'), 'utf8')) as object;
    writeFileSync(join(folder, 'wallet.json'), JSON.stringify({ ...info, [EVIL]: 1 }));
    await Promise.all([
      harmless(0, 'wallet', ['list', '--store', copy]),
      harmless(1, 'wallet', ['check', '--store', copy]),
    ]);
    const message = join(dir, 'message');
    writeFileSync(
      message,
      encodeCbor(
        new Map<number, unknown>([
          [2, `dkls23/${EVIL}`],
          [3, 3],
        ]),
      ),
    );
    const begun = ['begin', '--store', store, '--signers', '1,3', '--message', EVIL, '--out', join(dir, 'round1')];
    await harmless(0, 'rounds', begun, false);
    await Promise.all([
      harmless(64, 'rounds', ['next', '--store', store, '--in', message, '--out', join(dir, 'round2')]),
      harmless(1, 'party', ['step', '--store', copy, '--in', `${copy}/none`, '--out', join(dir, 'out.deal')]),
    ]);
  });

  test('audit 5: what is in a policy and in what is to be signed', async () => {
    const policy = join(dir, 'policy.json');
    const rules = [
      { name: 'a', kind: 'message', prefixes: [EVIL], guardian: GUARDIAN },
      {
        name: 'b',
        kind: 'typedData',
        domains: [{ name: EVIL }],
        types: ['A(string a)'],
        fields: { a: { in: [EVIL] } },
      },
    ];
    writeFileSync(policy, JSON.stringify({ version: 1, rules }));
    const approve = ['approve', policy, '--message', EVIL, '--account', WALLET];
    const [, , shown] = await Promise.all([
      harmless(2, 'policy', ['explain', policy, '--message', EVIL]),
      harmless(1, 'policy', approve, false),
      command('policy', [...approve, '--json'], {}),
    ]);
    assert.doesNotMatch(shown.stdout.trimEnd(), UNSEEN);
    const { text } = JSON.parse(shown.stdout) as { text: string };
    assert.ok(text.includes('\u202e') && text.endsWith(`${JSON.stringify(EVIL)}}`));
    const request = join(dir, 'request');
    writeFileSync(request, JSON.stringify({ message: { what: EVIL }, [EVIL]: 1 }));
    const share = ['--share', join(store, address, 'cold.age'), '--request', request, '--out', join(dir, 'signed')];
    await harmless(1, 'authorize', share, false);
  });

  test('audit 5: what is in the files of an action', async () => {
    const folder = join(dir, 'built');
    mkdirSync(folder);
    const valibot = JSON.stringify(join(import.meta.dirname, '../node_modules/valibot/dist/index.mjs'));
    const wasm = join(folder, 'a.wasm');
    writeFileSync(wasm, Buffer.from([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]));
    writeFileSync(join(folder, 'main.ts'), 'export const main = () => 1;');
    writeFileSync(
      join(folder, 'constants.ts'),
      `import * as v from ${valibot};\nexport const constants = v.pipe(v.unknown(), v.check(() => false, ${JSON.stringify(EVIL)}));`,
    );
    const build = ['--wasm', wasm, '--glue', 'none', '--out', join(folder, 'a.js')];
    const cid = cidOf(SOURCE);
    const parts = { main: 'main.ts', wasm: 'a.wasm', mode: 'inline', define: {} };
    const hashes = { cid, bytes: 1, sha256: EVIL, wasmSha256: EVIL };
    const toolchain = { tools: { [EVIL]: EVIL }, packages: { [EVIL]: EVIL } };
    const manifest = join(folder, 'a.manifest.json');
    writeFileSync(manifest, JSON.stringify({ version: 1, ...hashes, parts, toolchain }));
    await Promise.all([
      harmless(1, 'build-action', ['--main', join(folder, 'main.ts'), ...build]),
      harmless(1, 'verify-action', [cid, manifest]),
    ]);
    rmSync(join(folder, 'constants.ts'));
    writeFileSync(join(folder, 'other.ts'), `import x from ${JSON.stringify(`./${EVIL}`)};\nexport const main = x;`);
    await Promise.all([
      harmless(1, 'build-action', ['--main', join(folder, 'other.ts'), ...build]),
      harmless(1, 'verify-action', [cid, manifest, '--json']),
    ]);
  });
});
