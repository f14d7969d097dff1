import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { generateIdentity } from 'age-encryption';
import { recoverMessageAddress } from 'viem';
import { buildCosigner } from '../ts/client/cosigner.ts';
import { CheckFailedError, LockedError, ProtocolError, StaleResponseError } from '../ts/client/errors.ts';
import { createWallet } from '../ts/client/keygen.ts';
import { openStore, readShare, readWallet, type Store } from '../ts/client/store.ts';
import { openWallet } from '../ts/client/wallet.ts';
import { decodeCbor } from '../ts/core/cbor.ts';
import { loadTandem } from '../ts/core/node.ts';
import { LitAccount } from '../ts/runtime/chipotle/account.ts';
import { LitHttp } from '../ts/runtime/chipotle/http.ts';
import { ChipotleRuntime } from '../ts/runtime/chipotle/runtime.ts';
import { isComplete, readSettings, type Settings, writeSettings } from '../ts/runtime/chipotle/settings.ts';
import { setUp } from '../ts/runtime/chipotle/setup.ts';
import { RuntimeError } from '../ts/runtime/errors.ts';
import { LitServer } from '../ts/runtime/server.ts';
import { BURSTS, type Exchange, FAULTS, type Fault, FaultProxy } from './fault-proxy.ts';

// A proxy between the client and a server with Lit's API does what networks do. SIGNINGS sets how many signatures are asked
// for: SIGNINGS=1000 npx tsx --test test/faults.test.ts

const SIGNINGS = Number(process.env.SIGNINGS ?? 60);
const FAULTY = 0.3;
const DEADLINE_MS = 20_000;
/** The client asks for the limits, then for the signature; the rest is its own work on a busy machine. */
const LONGEST_MS = 2 * DEADLINE_MS + 20_000;

interface User {
  readonly store: Store;
  readonly address: string;
  readonly settings: Settings;
  /** The bytes that nobody else may ever see, in the forms in which they could be sent. */
  readonly secrets: readonly Buffer[];
}

let dir: string;
let server: LitServer;
const users: User[] = [];
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tandem-faults-'));
  server = await LitServer.start({ dir: join(dir, 'host'), spare: 2 });
  const action = await buildCosigner('messages');
  const body = { account_name: 'a', account_description: '' };
  const { api_key: key } = (await new LitHttp({ url: server.url, key: 'none' }).send('POST', 'new_account', {
    body,
    isRepeatable: false,
  })) as { api_key: string };
  const account = new LitAccount(new LitHttp({ url: server.url, key }));
  for (const name of ['one', 'two']) {
    const folder = join(dir, name);
    const identity = await generateIdentity();
    const store = openStore(folder, async () => ({ identities: [identity] }));
    mkdirSync(folder);
    const save = (settings: Settings) => writeSettings(folder, settings);
    await setUp(action, 'messages', { account, settings: { LIT_API_URL: server.url }, save, onStep: () => {} });
    const settings = readSettings(folder) as Settings;
    const runtime = runtimeAt(server.url, settings);
    const { wallet } = await createWallet({ store, action: { runtime, ...action }, threshold: 2, parties: 3 });
    users.push({ store, address: wallet.address, settings, secrets: await secretsOf(store, wallet.address) });
  }
});
after(async () => {
  await server.close();
  rmSync(dir, { recursive: true, force: true });
});

function runtimeAt(url: string, settings: Settings): ChipotleRuntime {
  const there = { ...settings, LIT_API_URL: url };
  assert.ok(isComplete(there));
  return new ChipotleRuntime({ settings: there, deadlineMs: DEADLINE_MS, attemptMs: 8_000 });
}

/** Signs, by way of a proxy or straight, and has viem say who did. */
async function sign(user: User, url: string, message = 'hello'): Promise<void> {
  const wallet = openWallet(user.store, { runtime: runtimeAt(url, user.settings) });
  const { signature } = await wallet.signMessage(message);
  assert.equal(await recoverMessageAddress({ message, signature }), user.address);
}

const isLocked = ({ store, address }: User) => existsSync(join(store.dir, address, 'hot.locked'));

/** What is in the hot and the cold share and is not public, raw, in hex, and in base64 at each of its three places. */
async function secretsOf(store: Store, address: string): Promise<Buffer[]> {
  const wallet = readWallet(store, address);
  const tandem = await loadTandem();
  const forms: Buffer[] = [];
  for (const index of [1, 3]) {
    const share = await readShare(store, wallet, index);
    const { publicKey, keyId, chainCode, publicShares } = tandem.shareInfo(share);
    const known = new Set([publicKey, keyId, chainCode, ...publicShares.values()].map(hex));
    const secrets = byteStrings(decodeCbor(share)).filter((bytes) => bytes.length >= 32 && !known.has(hex(bytes)));
    assert.equal(secrets.length, 3, 'a scalar, and a seed with each of two others');
    for (const secret of secrets) {
      forms.push(Buffer.from(secret), Buffer.from(hex(secret)), Buffer.from(hex(secret).toUpperCase()));
      for (const before of [0, 1, 2]) {
        const text = Buffer.concat([Buffer.alloc(before), secret]).toString('base64');
        forms.push(Buffer.from(text.slice(before === 0 ? 0 : 4, 40)));
      }
    }
  }
  return forms;
}

function byteStrings(value: unknown): Uint8Array[] {
  if (value instanceof Uint8Array) return [value];
  if (value instanceof Map) return [...value.values()].flatMap(byteStrings);
  return Array.isArray(value) ? value.flatMap(byteStrings) : [];
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

test(`${SIGNINGS} signings, where 30 % of the requests go wrong: each signs or says why not, and no share is lost or leaks`, async () => {
  const faults = Object.entries(FAULTS);
  const outcomes = new Map<string, number>();
  const count = (what: string) => outcomes.set(what, (outcomes.get(what) ?? 0) + 1);
  const leaks: string[] = [];
  const burst: Fault[] = [];
  let bytes = 0;
  const choose = (): Fault | undefined => {
    if (burst.length > 0) return burst.pop();
    if (Math.random() >= FAULTY) return undefined;
    const at = Math.floor(Math.random() * (faults.length + 2));
    const [name, fault] = faults[at] ?? [];
    count(`fault: ${name ?? 'burst'}`);
    if (fault !== undefined) return fault;
    const status = BURSTS[Math.floor(Math.random() * BURSTS.length)] as Fault;
    burst.push(...Array(Math.floor(Math.random() * 3)).fill(status));
    return status;
  };
  const scan = ({ path, sent, answer }: Exchange) => {
    for (const buffer of [sent, answer?.body ?? Buffer.alloc(0)]) {
      bytes += buffer.length;
      if (users.some(({ secrets }) => secrets.some((secret) => buffer.includes(secret)))) leaks.push(path);
    }
  };
  const proxy = await FaultProxy.start(server.url, choose, scan);
  let left = SIGNINGS;
  const signAll = async (user: User) => {
    while (left-- > 0) {
      const start = performance.now();
      try {
        await sign(user, proxy.url, `message ${left}`);
        count('signed');
      } catch (error) {
        // The answers are honest, only the way is not: nothing may look like cheating.
        if (!(error instanceof RuntimeError)) throw error;
        assert.ok(error.kind === 'action' || error.message.includes('request '), error.message);
        count(`error: ${error.kind}`);
      }
      const ms = performance.now() - start;
      assert.ok(ms < LONGEST_MS, `a signing took ${Math.round(ms)} ms`);
    }
  };
  try {
    await Promise.all(users.map(signAll));
  } finally {
    await proxy.close();
  }
  console.log(Object.fromEntries([...outcomes].sort()), `${(bytes / 1e6).toFixed(1)} MB scanned`);
  assert.deepEqual(leaks, []);
  assert.ok((outcomes.get('signed') ?? 0) > 0.7 * SIGNINGS, 'most are signed');
  for (const user of users) {
    assert.equal(isLocked(user), false);
    await sign(user, server.url);
  }
});

describe('an answer', () => {
  /** Has `use` sign by way of a proxy that makes other answers of those to signing requests. */
  async function altering(change: (body: Buffer) => Buffer | Promise<Buffer>, use: (url: string) => Promise<void>) {
    const alter: Fault = async ({ response, forward }) => {
      const { status, body } = await forward();
      const sent = status === 200 ? await change(body) : body;
      response.writeHead(status, { 'content-type': 'application/json' }).end(sent);
    };
    const choose = (path: string) => (path === '/core/v1/lit_action' ? alter : undefined);
    const proxy = await FaultProxy.start(server.url, choose);
    await use(proxy.url).finally(() => proxy.close());
  }

  test('of an earlier signing is refused, and nothing is locked', async () => {
    const [user] = users as [User];
    const earlier: Buffer[] = [];
    const replayed = (body: Buffer) => {
      earlier.push(body);
      return earlier[0] as Buffer;
    };
    await altering(replayed, async (url) => {
      await sign(user, url);
      for (const message of ['hello', 'another']) {
        await assert.rejects(sign(user, url, message), StaleResponseError);
        assert.equal(isLocked(user), false);
      }
    });
    await sign(user, server.url);
  });

  test('swapped with that of another signing is refused, at both', async () => {
    const waiting: { body: Buffer; give: (body: Buffer) => void }[] = [];
    const swapped = (body: Buffer) =>
      new Promise<Buffer>((give) => {
        waiting.push({ body, give });
        const [one, two] = waiting;
        if (one === undefined || two === undefined) return;
        one.give(two.body);
        two.give(one.body);
      });
    await altering(swapped, async (url) => {
      await Promise.all(users.map((user) => assert.rejects(sign(user, url), StaleResponseError)));
    });
    for (const user of users) {
      assert.equal(isLocked(user), false);
      await sign(user, server.url);
    }
  });

  test('of no known form is refused, and nothing is locked', async () => {
    const [user] = users as [User];
    for (const body of [
      '{}',
      '[]',
      '{"response":null,"has_error":false}',
      '{"response":{"ok":{}},"has_error":false}',
    ]) {
      await altering(
        () => Buffer.from(body),
        async (url) => {
          const error = await sign(user, url).catch((reason: unknown) => reason);
          assert.ok(error instanceof ProtocolError || error instanceof RuntimeError, String(error));
        },
      );
    }
    assert.equal(isLocked(user), false);
    await sign(user, server.url);
  });

  test('that was tampered with locks the share', async () => {
    const [, user] = users as [User, User];
    const tampered = (body: Buffer) => {
      const answer = JSON.parse(body.toString()) as { response: { ok: { response: string } } };
      const bytes = Buffer.from(answer.response.ok.response, 'base64');
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      answer.response.ok.response = bytes.toString('base64');
      return Buffer.from(JSON.stringify(answer));
    };
    await altering(tampered, async (url) => {
      await assert.rejects(sign(user, url), CheckFailedError);
    });
    assert.equal(isLocked(user), true);
    await assert.rejects(sign(user, server.url), LockedError);
  });
});
