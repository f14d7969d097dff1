import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { generateIdentity } from 'age-encryption';
import { recoverMessageAddress } from 'viem';
import { buildCosigner } from '../ts/build/cosigner.ts';
import { decodeCbor } from '../ts/core/cbor.ts';
import { loadTandem } from '../ts/core/node.ts';
import { createWallet } from '../ts/deal/keygen.ts';
import { ProtocolError, StaleResponseError } from '../ts/errors.ts';
import { LitAccount } from '../ts/runtime/chipotle/account.ts';
import { LitHttp, type LitHttpOptions } from '../ts/runtime/chipotle/http.ts';
import { ChipotleRuntime } from '../ts/runtime/chipotle/runtime.ts';
import { isComplete, type Settings } from '../ts/runtime/chipotle/settings.ts';
import { readSettings, writeSettings } from '../ts/runtime/chipotle/settings-file.ts';
import { setUp } from '../ts/runtime/chipotle/setup.ts';
import { RuntimeError } from '../ts/runtime/errors.ts';
import { openWallet } from '../ts/signing/wallet.ts';
import { type FileStore, openStore } from '../ts/store/node.ts';
import { listWallets, readShare, readWallet } from '../ts/store/store.ts';
import { G, lagrange, scalarBytes, sum, toScalar } from './reference/curve.ts';
import { BURSTS, type Exchange, FAULTS, type Fault, FaultProxy } from './support/fault-proxy.ts';
import { type StandIn, startStandIn } from './support/lit-stand-in.ts';

// A proxy between the client and a server with Lit's API does what networks do. SIGNINGS sets how many signatures are asked
// for (CONTRIBUTING.md has the command for a thousand).

const SIGNINGS = Number(process.env.SIGNINGS ?? 60);
const FAULTY = 0.3;
/** Each signs one message after the other, because a wallet does; with faults most of the time is waiting. */
const USERS = ['one', 'two', 'three', 'four'];
const KEYS = 3;
const DEADLINE_MS = 20_000;
type Times = Pick<LitHttpOptions, 'deadlineMs' | 'attemptMs'>;
const TIMES: Times = { deadlineMs: DEADLINE_MS, attemptMs: 8_000 };
/** The client asks for the limits, then for the signature; the rest is its own work on a busy machine. */
const LONGEST_MS = 2 * DEADLINE_MS + 20_000;

interface User {
  readonly store: FileStore;
  readonly address: string;
  readonly settings: Settings;
  /** The bytes that nobody else may ever see, in the forms in which they could be sent. */
  readonly secrets: readonly Buffer[];
}

let dir: string;
let server: StandIn;
const users: User[] = [];
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tandem-faults-'));
  server = await startStandIn();
  const action = await buildCosigner('messages');
  const body = { account_name: 'a', account_description: '' };
  const { api_key: key } = (await new LitHttp({ url: server.url, key: 'none' }).send('POST', 'new_account', {
    body,
    isRepeatable: false,
  })) as { api_key: string };
  const account = new LitAccount(new LitHttp({ url: server.url, key }));
  const make = async (name: string): Promise<User> => {
    const folder = join(dir, name);
    const identity = await generateIdentity();
    const store = openStore(folder, async () => ({ identities: [identity] }));
    mkdirSync(folder);
    const save = (settings: Settings) => writeSettings(folder, settings);
    await setUp(action, 'messages', { account, settings: { LIT_API_URL: server.url }, save, onStep: () => {} });
    const settings = readSettings(folder) as Settings;
    const runtime = runtimeAt(server.url, settings, {}); // the users begin together, and may take their time
    const { wallet } = await createWallet({ store, action: { runtime, ...action }, threshold: 2, parties: 3 });
    return { store, address: wallet.address, settings, secrets: await secretsOf(store, wallet.address) };
  };
  users.push(...(await Promise.all(USERS.map(make))));
});
after(async () => {
  await server.close();
  rmSync(dir, { recursive: true, force: true });
});

function runtimeAt(url: string, settings: Settings, times: Times = TIMES): ChipotleRuntime {
  const there = { ...settings, LIT_API_URL: url };
  assert.ok(isComplete(there));
  return new ChipotleRuntime({ settings: there, ...times });
}

/** Signs, by way of a proxy or straight, and has viem say who did. */
async function sign(user: User, url: string, message = 'hello'): Promise<void> {
  const wallet = await openWallet(user.store, { runtime: runtimeAt(url, user.settings) });
  const { signature } = await wallet.signMessage(message);
  assert.equal(await recoverMessageAddress({ message, signature }), user.address);
}

const isLocked = ({ store, address }: User) => existsSync(join(store.dir, address, 'hot.locked'));

// Fields of a key share: what is public, in which field 5 is the public shares, and the scalar.
const KEY = 3;
const PUBLIC_SHARES = 5;
const SCALAR = 5;

/**
 * What nobody else may see of a key: what is not public in the hot and the cold share, the scalar of the action's share and the whole
 * key (both by interpolation), raw, in hex, and in base64 at each of its three places.
 */
async function secretsOf(store: FileStore, address: string): Promise<Buffer[]> {
  const wallet = await readWallet(store, address);
  const tandem = await loadTandem();
  const found: Uint8Array[] = [];
  const scalars: [number, bigint][] = [];
  for (const index of [1, 3]) {
    const share = await readShare(store, wallet, index);
    const { publicKey, keyId, chainCode } = tandem.shareInfo(share);
    const fields = decodeCbor(share) as Map<number, unknown>;
    const publicShares = (fields.get(KEY) as Map<number, Uint8Array[]>).get(PUBLIC_SHARES) ?? [];
    const known = new Set([publicKey, keyId, chainCode, ...publicShares].map(hex));
    const secrets = byteStrings(fields).filter((bytes) => bytes.length >= 32 && !known.has(hex(bytes)));
    assert.equal(secrets.length, 3, 'a scalar, and a seed with each of two others');
    found.push(...secrets);
    scalars.push([index, toScalar(fields.get(SCALAR) as Uint8Array)]);
    if (index !== 3) continue;
    const at = (x: number) => sum(scalars.map(([i, value]) => lagrange([1, 3], i, x) * value));
    assert.equal(hex(G.multiply(at(2)).toBytes(true)), hex(publicShares[1] ?? new Uint8Array()));
    assert.equal(hex(G.multiply(at(0)).toBytes(true)), hex(publicKey));
    found.push(scalarBytes(at(2)), scalarBytes(at(0)));
  }
  return found.flatMap(formsOf);
}

function formsOf(secret: Uint8Array): Buffer[] {
  const base64 = [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), secret]).toString('base64');
    return text.slice(before === 0 ? 0 : 4, 40);
  });
  const texts = [hex(secret), hex(secret).toUpperCase(), ...base64];
  return [Buffer.from(secret), ...texts.map((text) => Buffer.from(text))];
}

function byteStrings(value: unknown): Uint8Array[] {
  if (value instanceof Uint8Array) return [value];
  if (value instanceof Map) return [...value.values()].flatMap(byteStrings);
  return Array.isArray(value) ? value.flatMap(byteStrings) : [];
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** Counts what happened, for a summary. */
class Tally {
  readonly counts = new Map<string, number>();

  count(what: string): void {
    this.counts.set(what, this.get(what) + 1);
  }

  get(what: string): number {
    return this.counts.get(what) ?? 0;
  }

  toString(): string {
    return [...this.counts]
      .sort()
      .map(([what, count]) => `${count} ${what}`)
      .join(', ');
  }
}

/** Chooses faults at random for 30 % of the requests; a status may come several times in a row. */
function anyFault(tally: Tally): () => Fault | undefined {
  const faults = Object.entries(FAULTS);
  const burst: Fault[] = [];
  return () => {
    if (burst.length > 0) return burst.pop();
    if (Math.random() >= FAULTY) return undefined;
    const at = Math.floor(Math.random() * (faults.length + 2));
    const [name, fault] = faults[at] ?? [];
    tally.count(`fault: ${name ?? 'burst'}`);
    if (fault !== undefined) return fault;
    const status = BURSTS[Math.floor(Math.random() * BURSTS.length)] as Fault;
    burst.push(...Array(Math.floor(Math.random() * 3)).fill(status));
    return status;
  };
}

/** The answers are honest, only the way is not: nothing may look like cheating. */
function countError(error: unknown, tally: Tally): void {
  if (!(error instanceof RuntimeError)) throw error;
  assert.ok(error.kind === 'action' || error.message.includes('request '), error.message);
  tally.count(`error: ${error.kind}`);
}

const bodiesOf = ({ sent, answer }: Exchange) => (answer === undefined ? [sent] : [sent, answer.body]);

test(`${SIGNINGS} signings, where 30 % of the requests go wrong: each signs or says why not, and no share is lost or leaks`, async (t) => {
  const tally = new Tally();
  const leaks: string[] = [];
  let bytes = 0;
  const scan = (exchange: Exchange) => {
    for (const buffer of bodiesOf(exchange)) {
      bytes += buffer.length;
      if (users.some(({ secrets }) => secrets.some((secret) => buffer.includes(secret)))) leaks.push(exchange.path);
    }
  };
  const proxy = await FaultProxy.start(server.url, anyFault(tally), scan);
  let left = SIGNINGS;
  const signAll = async (user: User) => {
    while (left-- > 0) {
      const start = performance.now();
      try {
        await sign(user, proxy.url, `message ${left}`);
        tally.count('signed');
      } catch (error) {
        countError(error, tally);
      }
      const ms = performance.now() - start;
      assert.ok(ms < LONGEST_MS, `a signing took ${Math.round(ms)} ms`);
    }
  };
  try {
    await Promise.all(users.map(signAll));
  } finally {
    left = 0;
    await proxy.close();
  }
  t.diagnostic(`${tally}; ${(bytes / 1e6).toFixed(1)} MB scanned`);
  assert.deepEqual(leaks, []);
  assert.ok(tally.get('signed') > 0.5 * SIGNINGS, 'most are signed');
  for (const user of users) {
    assert.equal(isLocked(user), false);
    await sign(user, server.url);
  }
});

test('keys made where 30 % of the requests go wrong: each is there and signs, or nothing is, and none leaks', async (t) => {
  const [user] = users as [User];
  const store = openStore(join(dir, 'made'), user.store.key);
  const action = await buildCosigner('messages');
  const tally = new Tally();
  const exchanges: Exchange[] = [];
  const proxy = await FaultProxy.start(server.url, anyFault(tally), (exchange) => exchanges.push(exchange));
  const made: string[] = [];
  const make = async () => {
    try {
      const hosted = { runtime: runtimeAt(proxy.url, user.settings), ...action };
      made.push((await createWallet({ store, action: hosted, threshold: 2, parties: 3 })).wallet.address);
      tally.count('made');
    } catch (error) {
      countError(error, tally);
    }
  };
  try {
    await Promise.all(Array.from({ length: KEYS }, make));
    while (made.length === 0) await make();
  } finally {
    await proxy.close();
  }
  t.diagnostic(String(tally));
  assert.deepEqual(await listWallets(store), made.sort());
  for (const address of made) {
    const secrets = await secretsOf(store, address);
    const sent = exchanges.flatMap(bodiesOf);
    assert.ok(!sent.some((buffer) => secrets.some((secret) => buffer.includes(secret))));
    const wallet = await openWallet(store, { runtime: runtimeAt(server.url, user.settings), id: address });
    const { signature } = await wallet.signMessage('hello');
    assert.equal(await recoverMessageAddress({ message: 'hello', signature }), address);
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

  test('an answer of an earlier signing is refused, and nothing is locked', async () => {
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

  test('an answer swapped with that of another signing is refused, at both', async () => {
    const pair = users.slice(0, 2);
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
      await Promise.all(pair.map((user) => assert.rejects(sign(user, url), StaleResponseError)));
    });
    for (const user of pair) {
      assert.equal(isLocked(user), false);
      await sign(user, server.url);
    }
  });

  test('an answer of no known form is refused, and nothing is locked', async () => {
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

  test('an answer that was tampered with on its way is refused, and locks nothing', async () => {
    const [, user] = users as [User, User];
    const tampered = (body: Buffer) => {
      const answer = JSON.parse(body.toString()) as { response: { ok: { response: string } } };
      const bytes = Buffer.from(answer.response.ok.response, 'base64');
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      answer.response.ok.response = bytes.toString('base64');
      return Buffer.from(JSON.stringify(answer));
    };
    await altering(tampered, async (url) => {
      await assert.rejects(sign(user, url), StaleResponseError);
    });
    assert.equal(isLocked(user), false);
    await sign(user, server.url);
  });
});
