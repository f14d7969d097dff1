import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { generateIdentity } from 'age-encryption';
import { recoverMessageAddress } from 'viem';
import { buildCosigner } from '../ts/build/cosigner.ts';
import { createWallet } from '../ts/deal/keygen.ts';
import { reshareWallet } from '../ts/deal/reshare.ts';
import { messageIntent } from '../ts/intent/from.ts';
import { LitAccount } from '../ts/runtime/chipotle/account.ts';
import { LitHttp } from '../ts/runtime/chipotle/http.ts';
import { ChipotleRuntime } from '../ts/runtime/chipotle/runtime.ts';
import { isComplete, type Settings } from '../ts/runtime/chipotle/settings.ts';
import { setUp } from '../ts/runtime/chipotle/setup.ts';
import { openWallet } from '../ts/signing/wallet.ts';
import { openStore } from '../ts/store/node.ts';
import { command as run } from './support/command.ts';
import { startStandIn } from './support/lit-stand-in.ts';

// The script that tries the life of a key on Lit, tried on servers with Lit's API in processes of their own.

const root = fileURLToPath(new URL('../', import.meta.url));
const tsx = import.meta.resolve('tsx');

/** A strict stand-in and the local server, which have no code in common. At both what is permitted counts only after two seconds. */
const HOSTS: Readonly<Record<string, (folder: string) => readonly string[]>> = {
  'a stand-in for Lit': () => ['test/support/lit-stand-in.ts', '--settle', '2000'],
  'the local server': (folder) => ['scripts/serve.ts', '--port', '0', '--store', folder, '--settle', '2', '--quiet'],
};

let dir: string;
let url: string;
const servers: ChildProcess[] = [];
const urls = new Map<string, string>();
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tandem-life-'));
  await Promise.all(Object.entries(HOSTS).map(async ([name, args]) => urls.set(name, await start(args(dir)))));
  [url = ''] = urls.values();
});
after(() => {
  for (const server of servers) server.kill();
  rmSync(dir, { recursive: true, force: true });
});

async function start(args: readonly string[]): Promise<string> {
  const server = spawn(process.execPath, ['--import', tsx, ...args], { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] });
  servers.push(server);
  return new Promise<string>((resolve, reject) => {
    server.once('exit', () => reject(new Error('the server ended')));
    server.stdout.once('data', (line) => resolve(/http:\S+/.exec(String(line))?.[0] ?? ''));
  });
}

/** The key of a new account. */
async function newAccount(url: string): Promise<string> {
  const body = JSON.stringify({ account_name: 'a', account_description: '' });
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/core/v1/new_account`, { method: 'POST', headers, body });
  return ((await answer.json()) as { api_key: string }).api_key;
}

async function command(name: string, args: string[], env: Record<string, string>) {
  const { code, stdout, stderr } = await run(name, args, env);
  return { code, output: stdout + stderr };
}

describe('on Lit, as a server in another process has it,', { concurrency: true }, () => {
  for (const name of Object.keys(HOSTS)) {
    test(`${name}: a key lives, from setup to teardown`, async () => {
      const at = urls.get(name) ?? '';
      const key = await newAccount(at);
      const { code, output } = await command('try-lit', [], { LIT_API_KEY: key, LIT_API_URL: at });
      assert.equal(code, 0, output);
      assert.match(output, /A wallet lived on http.*0x/);
      assert.equal(output.match(/^ok {2}sign/gm)?.length, 7, output);
      const steps = [
        'sign.*--protocol dkls23',
        'setup rotate',
        'reshare --revoke',
        'migrate',
        'recover --new-action',
        'setup teardown',
      ];
      for (const step of steps) {
        assert.match(output, new RegExp(`^ok {2}${step}`, 'm'));
      }
      assert.match(
        output,
        /^ok {2}its version .*\n^(ok {2}its attestation +a quote|\?\? {2}its attestation +the host does not tell)/m,
      );
      assert.match(output, /as it should: (?!The store).*(?:may|permit|action)/);
      assert.match(output, /as it should: The policy refuses: no rule is for raw digests/);
      assert.match(output, /as it should: The store \S+ is not set up for Lit/);
      assert.doesNotMatch(output.replace(/^no {2}sign.*$/gm, ''), /^no /m);
      assert.ok(!output.includes(key));
    });
  }

  test('a call takes what it needs: eight signatures, a long intent, dkls23 with two people', async () => {
    const lit = await startStandIn();
    const action = await buildCosigner('messages');
    const folder = join(dir, 'long');
    mkdirSync(folder);
    let settings: Settings = { LIT_API_URL: lit.url };
    const save = (changed: Settings) => {
      settings = changed;
    };
    const account = new LitAccount(new LitHttp({ url: lit.url, key: await newAccount(lit.url) }));
    await setUp(action, 'messages', { account, settings, save, onStep: () => {} });
    assert.ok(isComplete(settings));
    const runtime = new ChipotleRuntime({ settings });
    const identity = await generateIdentity();
    const store = openStore(folder, async () => ({ identities: [identity] }));
    const hosted = { store, action: { runtime, ...action } };
    const [two, three] = [
      await createWallet({ ...hosted, threshold: 2, parties: 3 }),
      await createWallet({ ...hosted, threshold: 3, parties: 3, interactive: true }),
    ];
    const open = ({ wallet: { address } }: typeof two) => openWallet(store, { id: address, runtime });

    const messages = Array.from({ length: 8 }, (_, i) => `message ${i}`);
    const intents = messages.map((message) => messageIntent(message));
    const signed = await (await open(two)).signMany(intents);
    for (const [i, { signature }] of signed.entries()) {
      assert.equal(await recoverMessageAddress({ message: messages[i] ?? '', signature }), two.wallet.address);
    }
    const message = 'x'.repeat(120_000);
    for (const made of [two, three]) {
      const { signature } = await (await open(made)).signMessage(message);
      assert.equal(await recoverMessageAddress({ message, signature }), made.wallet.address);
    }
    await lit.close();
  });

  test('another action takes the place of one that is not trusted, in the same set-up, for one key after the other', async () => {
    const lit = await startStandIn();
    const action = await buildCosigner('messages');
    let settings: Settings = { LIT_API_URL: lit.url };
    const save = (changed: Settings) => {
      settings = changed;
    };
    const key = await newAccount(lit.url);
    const account = new LitAccount(new LitHttp({ url: lit.url, key }));
    await setUp(action, 'messages', { account, settings, save, onStep: () => {} });
    const runtime = (accountKey?: string) => {
      assert.ok(isComplete(settings));
      return new ChipotleRuntime({ settings, accountKey, onPermit: save });
    };
    const identity = await generateIdentity();
    const store = openStore(join(dir, 'distrust'), async () => ({ identities: [identity] }));
    const keys = { store, action: { ...action, runtime: runtime() }, threshold: 2, parties: 3 };
    const ids = [(await createWallet(keys)).wallet.address, (await createWallet(keys)).wallet.address];
    const next = await buildCosigner('messages', 'chipotle', { minEpoch: 1 });
    const recover = (id: string | undefined, accountKey?: string) => {
      const at = runtime(accountKey);
      return reshareWallet({ store, id, runtime: at, next: { ...next, runtime: at }, isActionGone: true });
    };
    const permitted = [`${action.cid} ${next.cid}`, next.cid];
    await assert.rejects(recover(ids[0]), /only the key of the account may permit another action/);
    for (const [i, id] of ids.entries()) {
      const { wallet } = await recover(id, key);
      assert.deepEqual([wallet.action?.cid, wallet.action?.retired], [next.cid, undefined]);
      assert.deepEqual(settings.LIT_CID?.split(' ').sort(), permitted[i]?.split(' ').sort());
      for (const of of ids) {
        const { signature } = await (await openWallet(store, { id: of, runtime: runtime() })).signMessage('hello');
        assert.equal(await recoverMessageAddress({ message: 'hello', signature }), of);
      }
    }
    // The account is gone: another one, whose set-up is for the action that the policy is built into.
    const another = await newAccount(lit.url);
    settings = { LIT_API_URL: lit.url };
    const owner = new LitAccount(new LitHttp({ url: lit.url, key: another }));
    await setUp(action, 'messages', { account: owner, settings, save, onStep: () => {} });
    const at = runtime(another);
    const later = { ...(await buildCosigner('messages', 'chipotle', { minEpoch: 2 })), runtime: at };
    const { wallet } = await reshareWallet({ store, id: ids[0], runtime: at, next: later, isActionGone: true });
    assert.deepEqual([settings.LIT_WALLET, settings.LIT_CID], [wallet.action?.wallet, later.cid]);
    await (await openWallet(store, { id: wallet.address, runtime: at })).signMessage('hello');
    await lit.close();
  });

  test('setup says in a dry run what it would do, does it once, and status compares', async () => {
    const store = join(dir, 'prepared');
    const key = await newAccount(url);
    const env = { LIT_API_KEY: key, LIT_API_URL: url };
    const setup = (...args: string[]) => command('setup', [...args, '--store', store], env);
    const dry = await setup('--dry-run');
    assert.equal(dry.code, 0, dry.output);
    assert.equal(dry.output.match(/^ {2}would /gm)?.length, 5, dry.output);
    assert.ok(!existsSync(store));

    const first = await setup('--json');
    assert.equal(first.code, 0, first.output);
    const file = join(store, 'lit.env');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const settings = readFileSync(file, 'utf8');
    const again = await setup('--json');
    assert.match(again.output, /^\{.+\}\n$/);
    assert.ok(first.output.split('\n').includes(again.output.trimEnd()), first.output);
    assert.equal(readFileSync(file, 'utf8'), settings);

    const status = await setup('status');
    assert.equal(status.code, 0, status.output);
    assert.match(status.output, /^ok {2}group /m);
    assert.equal((await setup('teardown')).code, 0);
    const gone = await setup('status');
    assert.equal(gone.code, 1);
    assert.match(gone.output, /^no {2}group +none\n.*Next: run: npx tsx scripts\/setup\.ts/m);
    for (const { output } of [dry, first, again, status, gone]) assert.ok(!output.includes(key));
    const usage = /^LIT_USAGE_KEY=(.+)$/m.exec(settings)?.[1] ?? assert.fail('no usage key');
    for (const { output } of [first, again, status]) assert.ok(!output.includes(usage));
  });

  test('on Lit, in another process: nothing is tried without a key', async () => {
    assert.deepEqual(await command('try-lit', [], { LIT_API_URL: url }), {
      code: 0,
      output: 'Skipped: LIT_API_KEY is not set, so nothing was tried on Lit.\n',
    });
  });

  test('on Lit, in another process: commands say what is missing', async () => {
    const store = ['--store', join(dir, 'none')];
    const cases = [
      ['setup', [], /LIT_API_KEY is not set/],
      ['keygen', ['--runtime', 'chipotle'], /is not set up for Lit/],
      ['doctor', [], /is not set up for Lit/],
      ['setup', ['repeat'], /There is no "setup repeat"/],
    ] as const;
    const refused = async ([name, args, message]: (typeof cases)[number]) => {
      const { code, output } = await command(name, [...args, ...store], {});
      assert.equal(code, 64, output);
      assert.match(output, message);
    };
    await Promise.all(cases.map(refused));
    const wrong = await command('setup', store, { LIT_API_KEY: 'wrong', LIT_API_URL: url });
    assert.equal(wrong.code, 1);
    assert.match(wrong.output, /does not know the API key.*\nNext: set LIT_API_KEY/);
  });
});
