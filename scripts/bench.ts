import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { runInThisContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { generateIdentity } from 'age-encryption';
import { type Address, encodeFunctionData, erc20Abi } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { buildCosigner } from '../ts/build.ts';
import {
  Correlations,
  correlationKey,
  fromBase64,
  fromHex,
  loadGlue,
  loadModule,
  readAction,
  readShare,
  STRICT_LIMITS,
  toBase64,
  toHex,
} from '../ts/command/internals.ts';
import {
  type Action,
  approvalText,
  cidOf,
  createWallet,
  digestIntent,
  digestOf,
  findWallet,
  type Intent,
  intentJson,
  type Json,
  loadTandem,
  messageIntent,
  openWallet,
  type Policy,
  parsePolicy,
  type RunOptions,
  type Runtime,
  readWallet,
  type Store,
  transactionIntent,
  UsageError,
  type WalletInfo,
} from '../ts/index.ts';
import { LitAccount, LitHttp } from '../ts/lit.ts';
import { LitServer, LocalRuntime } from '../ts/local.ts';
import { buildPath, type FileStore, openStore } from '../ts/node.ts';
import { run, wholeNumber } from './cli.ts';
import { putFigures } from './figures.ts';
import { say, sayJson } from './terminal.ts';

const USAGE = `Measures sizes and times. Cold is the first time in a new process, warm what it comes to after a while; medians.
docs/performance.md says what each figure is.

usage: npm run bench -- [--runs N] [--json | --docs]

  --runs N   how many new processes for each time (7)
  --json     print one JSON value alone
  --docs     write the figures into docs/performance.md`;

const INTENT = messageIntent('benchmark');
const DIGEST = fromHex(digestOf(INTENT));
const REPEATS = 12;
const WARM_FROM = 4;
const MANY = 8;
/** How many calls the processor time of a call is measured over. */
const CALLS = 3;
/** What a new process is asked to do with the module alone. */
const MODULE_STEPS = ['onecallUser', 'onecallAction', 'onecallMany', 'correlateUser', 'correlateAction'] as const;
/** The signers there, whose shares this process has. */
const USER = 1;
const ACTION = 3;

run('bench', async () => {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '7' },
      json: { type: 'boolean', default: false },
      docs: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      // What the new processes do, for this script's own use.
      child: { type: 'string' },
      store: { type: 'string' },
    },
  });
  if (values.help) return say(USAGE);
  const { child, store: dir } = values;
  if (child !== undefined && dir !== undefined) {
    const identity = process.env.BENCH_IDENTITY ?? '';
    const store = openStore(dir, async () => ({ identities: [identity] }));
    const once = { keygen: keygenOnce, sign: signOnce, dkls23: dkls23Once }[child];
    sayJson(await (isModuleStep(child) ? moduleOnce(child, dir) : once?.(store)));
    return;
  }
  const runs = wholeNumber(values.runs, 'runs');
  if (runs < 1) throw new UsageError('--runs must be at least 1.');
  const report = await measure(runs);
  if (values.docs) putFigures('bench', markdown(report));
  if (values.json) sayJson(report);
  else say(table(report));
});

type Report = Awaited<ReturnType<typeof measure>>;

async function measure(runs: number) {
  const { unitNs, fieldMulNs } = await measureUnit();
  const wasm = readFileSync(`${buildPath}tandem.wasm`);
  const action = await buildCosigner('messages');
  const dir = mkdtempSync(join(tmpdir(), 'tandem-bench-'));
  process.env.XDG_STATE_HOME = join(dir, 'state');
  const identity = await generateIdentity();
  const once = async <T>(child: string, store: string): Promise<T> => {
    const args = ['--import', 'tsx', fileURLToPath(import.meta.url), '--child', child, '--store', store];
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      env: { ...process.env, BENCH_IDENTITY: identity },
    });
    return JSON.parse(stdout) as T;
  };
  try {
    const keygens: Keygen[] = [];
    const signs: Sign[] = [];
    const rounds: Rounds[] = [];
    for (let i = 0; i < runs; i++) {
      const store = join(dir, String(i));
      keygens.push(await once<Keygen>('keygen', store));
      signs.push(await once<Sign>('sign', store));
      rounds.push(await once<Rounds>('dkls23', store));
    }
    const [keygen] = keygens;
    const [sign] = signs;
    const [round] = rounds;
    if (keygen === undefined || sign === undefined || round === undefined) throw new Error('nothing was measured');
    const units = (ms: number) => Math.round((ms * 1e6) / unitNs);
    const withUnits = (ms: number) => ({ ms, units: units(ms) });
    /** Median cold and warm times. */
    const times = (of: (sign: Sign) => Times) => {
      const [coldMs, warmMs] = [median(signs.map((one) => of(one).cold)), median(signs.map((one) => of(one).warm))];
      return { coldMs, warmMs, coldUnits: units(coldMs), warmUnits: units(warmMs) };
    };
    const user = times((one) => one.user);
    const finishMs = median(signs.map((one) => one.finish));
    const respond = times((one) => one.respond);
    const main = times((one) => one.main);
    const many = withUnits(median(signs.map((one) => one.many.ms / MANY)));
    const callCpuMs = median(signs.map((one) => one.callCpuMs ?? Number.NaN));
    const policy = await measurePolicies(join(dir, 'policies'), identity, runs);
    const bothMs = median(signs.map((one) => one.user.cold + one.respond.cold));
    const compute = withUnits(median(keygens.map((one) => one.computeMs)));
    const { requestBytes, responseBytes, paramsBytes, ownParamsBytes, answerBytes } = sign;
    const host = await measureHost(join(dir, 'host'));
    const browser = await measureBrowser(runs);
    const module = await measureModule(join(dir, '0'), identity, async (step, file) => {
      const all: Times[] = [];
      for (let i = 0; i < runs; i++) all.push(await once<Times>(step, file));
      return all;
    });
    const coldAndWarmUnits = ({ coldMs, warmMs }: { coldMs: number; warmMs: number }) => {
      return { coldMs, warmMs, coldUnits: units(coldMs), warmUnits: units(warmMs) };
    };
    const { userMs, actionMs, ...sizes } = round;
    const roundsMs = median(rounds.map((one) => one.userMs + one.actionMs));
    return {
      unitNs,
      fieldMulNs,
      wasm: { bytes: wasm.length, gzip: gzipSync(wasm, { level: 9 }).length },
      action: { bytes: Buffer.byteLength(action.source) },
      instantiateMs: median(signs.map((one) => one.instantiateMs)),
      memory: {
        userBytes: Math.max(...signs.map((one) => one.memory.user), ...keygens.map((one) => one.memory.user)),
        actionBytes: Math.max(...signs.map((one) => one.memory.action), ...keygens.map((one) => one.memory.action)),
      },
      keyshareBytes: keygen.keyshareBytes,
      keygen: {
        calls: keygen.calls,
        ...withUnits(median(keygens.map(({ ms }) => ms))),
        computeMs: compute.ms,
        computeUnits: compute.units,
      },
      sign: {
        calls: keygen.signCalls,
        requestBytes,
        responseBytes,
        paramsBytes,
        ownParamsBytes,
        answerBytes,
        user: { ...user, finishMs, finishUnits: units(finishMs) },
        action: {
          ...respond,
          main,
          callCpuMs,
          perMinuteAndCore: Math.round(60_000 / callCpuMs),
          warmPerMinuteAndCore: Math.round(60_000 / main.warmMs),
          answersPerMinuteAndCore: Math.round(60_000 / respond.warmMs),
        },
        both: { coldMs: bothMs, coldUnits: units(bothMs) },
      },
      signMany: {
        count: MANY,
        msPerSignature: many.ms,
        unitsPerSignature: many.units,
        timesOne: Math.round((100 * MANY * many.ms) / main.coldMs) / 100,
        paramsBytesPerSignature: Math.round(sign.many.paramsBytes / MANY),
        answerBytesPerSignature: Math.round(sign.many.answerBytes / MANY),
        answerBytes: sign.many.answerBytes,
      },
      onecall: {
        ...module.onecall,
        user: coldAndWarmUnits(module.onecall.user),
        action: coldAndWarmUnits(module.onecall.action),
        many: { ...module.onecall.many, ...coldAndWarmUnits(module.onecall.many) },
      },
      correlate: {
        ...module.correlate,
        user: coldAndWarmUnits(module.correlate.user),
        action: coldAndWarmUnits(module.correlate.action),
        both: withUnits(module.correlate.user.coldMs + module.correlate.action.coldMs),
      },
      policy: { ...policy, extraUnits: units(policy.extraMs), guardianUnits: units(policy.guardianMs) },
      host,
      dkls23: {
        ...sizes,
        user: withUnits(median(rounds.map((one) => one.userMs))),
        action: withUnits(median(rounds.map((one) => one.actionMs))),
        coldMs: roundsMs,
        coldUnits: units(roundsMs),
      },
      browser,
      runs,
    };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** A signature from the click in Chromium, beside Node's, at one local host; undefined where there is no Chromium. */
async function measureBrowser(runs: number) {
  const { browserTimes } = await import('../test/support/browser-time.ts');
  const times = await browserTimes(runs);
  return times && { clickToSignatureMs: median(times.browser), nodeMs: median(times.node) };
}

/**
 * What the local server of Lit's API adds to an action that does nothing, over HTTP: until its `main` begins, and in all. Medians of
 * calls that each find a process waiting.
 */
async function measureHost(dir: string): Promise<{ startMs: number; overheadMs: number }> {
  const server = await LitServer.start({ dir, spare: 2 });
  try {
    const anyone = new LitHttp({ url: server.url, key: 'none' });
    const account = { account_name: 'bench', account_description: '' };
    const made = await anyone.send('POST', 'new_account', { body: account, isRepeatable: false });
    const owner = new LitAccount(anyone.withKey((made as { api_key: string }).api_key));
    const body = { code: 'async function main() { return performance.timeOrigin + performance.now() }' };
    const group = await owner.addGroup('bench', '');
    await owner.addAction(group, cidOf(body.code), 'bench');
    const http = anyone.withKey(await owner.addUsageKey('bench', group)); // only such keys run actions
    const calls: { start: number; all: number }[] = [];
    for (let i = 0; i < 21; i++) {
      await untilQuiet();
      const begin = performance.timeOrigin + performance.now();
      const { response } = (await http.send('POST', 'lit_action', { body, isRepeatable: false })) as {
        response: number;
      };
      calls.push({ start: response - begin, all: performance.timeOrigin + performance.now() - begin });
    }
    return { startMs: median(calls.map(({ start }) => start)), overheadMs: median(calls.map(({ all }) => all)) };
  } finally {
    await server.close();
  }
}

/**
 * Nanoseconds of one field multiplication in wasm, warm: the best of many, which is what the machine can do. The unit is
 * decred's, because one that gets faster with the code it measures would not tell.
 */
async function measureUnit(): Promise<{ unitNs: number; fieldMulNs: number }> {
  if (!existsSync(`${buildPath}bench.wasm`)) {
    const root = fileURLToPath(new URL('..', import.meta.url));
    const built = spawnSync('make', ['build/bench.wasm'], { cwd: root, stdio: ['ignore', 2, 2] });
    if (built.status !== 0) throw new Error('build/bench.wasm cannot be built');
  }
  const [module, glue] = await Promise.all([loadModule('bench'), loadGlue()]);
  const go = new glue();
  const instance = await WebAssembly.instantiate(module, go.importObject);
  await go.run(instance);
  const pairs = 20_000;
  const nanoseconds = (name: 'unit' | 'field_mul') => {
    const start = performance.now();
    (instance.exports[name] as (pairs: number) => number)(pairs);
    return ((performance.now() - start) * 1e6) / (2 * pairs);
  };
  // In turns, so that a moment in which the machine is slow hits both.
  const times = Array.from({ length: 100 }, () => ({ unit: nanoseconds('unit'), ours: nanoseconds('field_mul') }));
  const best = (all: number[]) => Math.round(Math.min(...all) * 100) / 100;
  return { unitNs: best(times.map(({ unit }) => unit)), fieldMulNs: best(times.map(({ ours }) => ours)) };
}

/** What the wasm instances of a process did. */
interface Watch {
  /** Compiling the module, once. */
  compileMs: number;
  /** Starting instances. */
  startMs: number;
  starts: number;
  /** The name of each call that was made, and how long it took. */
  calls: [name: string, ms: number][];
  /** The memory of the largest instance. */
  memory: number;
}

/**
 * A script for Node and for the action: it wraps WebAssembly so that globalThis.wasmWatch tells what is done with it. It compiles
 * and starts at once, because while one waits for that, a process does other things, whose time is not the module's.
 */
const WATCH = `
{ const { performance } = globalThis;
  const timed = (work, note) => (...args) => {
    const start = performance.now();
    try {
      return work(...args);
    } finally {
      note(performance.now() - start);
    }
  };
  globalThis.watchWasm = () => (globalThis.wasmWatch = { compileMs: 0, startMs: 0, starts: 0, calls: [], memory: 0 });
  watchWasm();
  WebAssembly.compile = async (bytes) => {
    const start = performance.now();
    const module = new WebAssembly.Module(bytes);
    wasmWatch.compileMs += performance.now() - start;
    return module;
  };
  const { Instance } = WebAssembly;
  WebAssembly.Instance = function (module, imports) {
    const start = performance.now();
    const instance = new Instance(module, imports);
    wasmWatch.startMs += performance.now() - start;
    wasmWatch.starts++;
    const { memory } = instance.exports;
    const exports = Object.entries(instance.exports).map(([name, value]) => {
      if (name === '_initialize') return [name, timed(value, (ms) => { wasmWatch.startMs += ms; })];
      if (typeof value !== 'function' || name.startsWith('tandem_')) return [name, value];
      return [name, timed(value, (ms) => {
        wasmWatch.calls.push([name, ms]);
        wasmWatch.memory = Math.max(wasmWatch.memory, memory.buffer.byteLength);
      })];
    });
    return { exports: Object.fromEntries(exports) };
  };
}`;

/** Appended to the action: with `laps`, it does the same request so many times and tells how long each took, and where. */
const STOPWATCH = `${WATCH}
{ const real = globalThis.main;
  globalThis.main = async ({ laps, ...params }) => {
    if (laps === undefined) return real(params);
    let answer;
    const times = [];
    for (let i = 0; i < laps; i++) {
      const watch = watchWasm();
      const start = performance.now();
      answer = await real(params);
      times.push({ ms: performance.now() - start, watch });
    }
    return { answer, laps: times };
  };
}`;

/** One time round an action's main. */
interface Lap {
  ms: number;
  watch: Watch;
}

/** Begins a watch over the wasm instances of this process. */
function watchWasm(): Watch {
  if (!('watchWasm' in globalThis)) runInThisContext(WATCH);
  return (globalThis as unknown as { watchWasm: () => Watch }).watchWasm();
}

function callMs({ calls }: Watch, name?: string): number {
  return calls.reduce((sum, [call, ms]) => (name === undefined || call === name ? sum + ms : sum), 0);
}

/** All that the wasm module took: to compile it, to start instances, to call them. */
function computeMs(watch: Watch): number {
  return watch.compileMs + watch.startMs + callMs(watch);
}

/** A call of the action, which measures itself. */
async function timedRun(
  runtime: LocalRuntime,
  action: Action,
  params: object,
  laps: number,
  options?: RunOptions,
): Promise<{ answer: Json; laps: Lap[] }> {
  const result = await runtime.run(action, { ...params, laps } as Json, options);
  return result as unknown as { answer: Json; laps: Lap[] };
}

/** The host, whose calls measure themselves. */
function timedHost(runtime: LocalRuntime, note: (timed: { params: Json; answer: Json; laps: Lap[] }) => void): Runtime {
  return {
    name: runtime.name,
    createWallet: () => runtime.createWallet(),
    permit: (wallet, cid) => runtime.permit(wallet, cid),
    limits: () => runtime.limits(),
    run: async (action, params, options) => {
      const timed = await timedRun(runtime, action, params as object, 1, options);
      note({ params, ...timed });
      return timed.answer;
    },
  };
}

interface Keygen {
  calls: number;
  ms: number;
  /** What the wasm module took at all parties together. */
  computeMs: number;
  memory: { user: number; action: number };
  signCalls: number;
  keyshareBytes: number;
}

/** Makes a wallet whose action also can measure itself. */
async function keygenOnce(store: FileStore): Promise<Keygen> {
  const built = await buildCosigner('messages');
  const source = built.source + STOPWATCH;
  const runtime = await openRuntime(store);
  const laps: Lap[] = [];
  const host = timedHost(runtime, (timed) => laps.push(...timed.laps));
  const action = { ...built, source, cid: cidOf(source), runtime: host };
  const watch = watchWasm();
  const start = performance.now();
  const { wallet, calls } = await createWallet({ store, action, threshold: 2, parties: 3, interactive: true });
  const ms = performance.now() - start;
  const watches = [watch, ...laps.map((lap) => lap.watch)];
  const compute = watches.reduce((sum, one) => sum + computeMs(one), 0);
  const memory = { user: watch.memory, action: Math.max(...laps.map((lap) => lap.watch.memory)) };
  const signed = await (await openWallet(store, { runtime })).sign(INTENT);
  runtime.close();
  const keyshareBytes = (await readShare(store, wallet, 1)).length;
  return { calls, ms, computeMs: compute, memory, signCalls: signed.calls, keyshareBytes };
}

interface Sign {
  requestBytes: number;
  responseBytes: number;
  /** The parameters and the answer of the call, as JSON. */
  paramsBytes: number;
  answerBytes: number;
  /** The parameters without the intent and the sealed share. */
  ownParamsBytes: number;
  /** All work of the wasm module for one signature, its compilation included; without the share's age file. */
  user: Times;
  /** The part of it that comes after the answer, the first time in the process. */
  finish: number;
  /** The action from request bytes to response bytes: the module's onecall_respond alone, in Deno. */
  respond: Times;
  /** The action's main, from parameters to answer. */
  main: Times;
  /** Compiling the module and starting an instance, in a new Deno. */
  instantiateMs: number;
  memory: { user: number; action: number };
  /** Main with several signatures, in a new process. */
  many: { ms: number; paramsBytes: number; answerBytes: number };
  /** Processor time of one call with its process, on all threads; null where it cannot be read. */
  callCpuMs: number | null;
}

interface Times {
  cold: number;
  warm: number;
}

/** What a signature is made from: the share, and the correlation with the other signer. */
interface Signer {
  readonly share: Uint8Array;
  readonly correlation: Uint8Array;
  readonly peer: number;
}

/** The hot share and the correlation that the deal has left. */
async function hotSigner(store: Store, info: WalletInfo): Promise<Signer> {
  const share = await readShare(store, info, 1);
  const kept = await new Correlations(store, info).read(await correlationKey(share), 1, 2);
  if (kept === undefined) throw new Error('there is no correlation');
  return { share, correlation: kept.bytes, peer: 2 };
}

async function signOnce(store: FileStore): Promise<Sign> {
  const info = await readWallet(store, await findWallet(store));
  const hot = await hotSigner(store, info);
  const { wallet, cid, source, sealed } = await readAction(store, info);
  const action = { cid, source };
  const runtime = await openRuntime(store);
  const watch = watchWasm();

  let laps: Lap[] = [];
  let bytes = { paramsBytes: 0, ownParamsBytes: 0, answerBytes: 0, requestBytes: 0, responseBytes: 0 };
  const common = { op: 'onecall', wallet, share: sealed, path: 'm' };
  const paramsOf = (request: Uint8Array, count: number) => {
    return { ...common, intents: Array(count).fill({ intent: intentJson(INTENT) }), request: toBase64(request) };
  };
  let asked: object = {};
  const first = await signTimed(hot, async (request) => {
    const params = paramsOf(request, 1);
    const timed = await timedRun(runtime, action, params, REPEATS);
    await untilQuiet();
    laps = timed.laps;
    const response = fromBase64((timed.answer as { ok: { response: string } }).ok.response);
    asked = params;
    const [requestBytes, responseBytes] = [request.length, response.length];
    bytes = {
      requestBytes,
      responseBytes,
      paramsBytes: jsonBytes(params),
      ownParamsBytes: jsonBytes({ ...params, intents: [], share: '' }),
      answerBytes: jsonBytes(timed.answer),
    };
    return response;
  });
  const userMemory = watch.memory; // before this process answers requests itself
  const callCpuMs = await childCpuMs(CALLS, () => runtime.run(action, asked as Json));
  const digests = Array(MANY).fill(DIGEST);
  const { request } = (await loadTandem()).onecallRequest({ ...hot, digests, path: 'm' });
  const params = paramsOf(request, MANY);
  const many = await timedRun(runtime, action, params, 1);
  runtime.close();

  const userTimes = [first];
  const cold = await readShare(store, info, 3);
  const local = await localSigner(hot.share, cold);
  for (let i = 1; i < REPEATS; i++) {
    const answer = async (request: Uint8Array) => {
      const job = { share: cold, peer: 1, digests: [DIGEST], path: 'm', request, inputs: new Uint8Array() };
      return (await loadTandem()).onecallRespond(job).response;
    };
    userTimes.push(await signTimed(local, answer));
  }
  const [lap] = laps;
  const [manyLap] = many.laps;
  if (lap === undefined || manyLap === undefined) throw new Error('the action measured nothing');
  return {
    ...bytes,
    user: coldAndWarm(userTimes.map(({ ms }) => ms)),
    finish: first.finishMs,
    respond: coldAndWarm(laps.map((one) => callMs(one.watch, 'onecall_respond'))),
    main: coldAndWarm(laps.map(({ ms }) => ms)),
    instantiateMs: lap.watch.compileMs + lap.watch.startMs,
    memory: { user: userMemory, action: Math.max(...[...laps, manyLap].map((one) => one.watch.memory)) },
    many: { ms: manyLap.ms, paramsBytes: jsonBytes(params), answerBytes: jsonBytes(many.answer) },
    callCpuMs,
  };
}

/** The hot share with the cold one in the action's place, which is here. */
async function localSigner(share: Uint8Array, cold: Uint8Array): Promise<Signer> {
  const tandem = await loadTandem();
  const { session, request } = tandem.correlateRequest({ hedge: share, peer: 3 });
  const answer = tandem.correlateRespond({ share: cold, peer: 1, request });
  return { share, correlation: tandem.correlateAccept({ share, session, answer }).correlation, peer: 3 };
}

const PAYEE = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
const TOKEN = '0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913';
const PAYMENT = { kind: 'transaction', chains: ['8453'], maxFee: '5000000000000000' };
/** A policy as one may have it: the second rule is the one that allows the intent, perhaps with a guardian. */
const rulesOf = (guard: { guardian?: Address }) =>
  parsePolicy({
    version: 1,
    rules: [
      { name: 'pay suppliers', ...PAYMENT, to: [PAYEE], maxValue: '250000000000000000' },
      {
        name: 'pay in USDC',
        ...PAYMENT,
        ...guard,
        to: [TOKEN],
        maxValue: '0',
        calls: [
          {
            function: 'transfer(address to,uint256 amount)',
            args: { to: { in: [PAYEE] }, amount: { max: '500000000' } },
          },
        ],
      },
      { name: 'sign in', kind: 'message', prefixes: ['example.com wants you to sign in'] },
    ],
  });
const TRANSFER = transactionIntent({
  chainId: 8453,
  nonce: 7,
  gas: 60_000n,
  maxFeePerGas: 1_000_000_000n,
  maxPriorityFeePerGas: 1_000_000n,
  to: TOKEN,
  data: encodeFunctionData({ abi: erc20Abi, functionName: 'transfer', args: [PAYEE, 250_000_000n] }),
});

/**
 * What a policy of rules, and a transaction that the action parses, judges and serializes, cost a signature more than the
 * policy any and a digest; and what it costs more still if the rule requires a guardian's approval, whose signer go-ethereum's
 * module recovers: the action's main without the signing itself, each time in a new process.
 */
async function measurePolicies(dir: string, identity: string, runs: number) {
  const guardian = privateKeyToAccount(`0x${'11'.repeat(32)}`);
  const prepare = async (name: string, policy: 'any' | Policy, intent: Intent) => {
    const store = openStore(join(dir, name), async () => ({ identities: [identity] }));
    const runtime = await openRuntime(store);
    const built = await buildCosigner(policy);
    const source = built.source + STOPWATCH;
    const action = { ...built, source, cid: cidOf(source), runtime };
    const info = (await createWallet({ store, action, threshold: 2, parties: 2 })).wallet;
    const digests = [fromHex(digestOf(intent))];
    const hot = await hotSigner(store, info);
    const { request } = (await loadTandem()).onecallRequest({ ...hot, digests, path: 'm' });
    const { wallet, sealed: share } = await readAction(store, info);
    const { address: account } = info;
    const approval =
      policy === 'any'
        ? undefined
        : await guardian.signMessage({ message: approvalText(policy, account as Address, intent) });
    const intents = [{ intent: intentJson(intent), ...(approval && { approval }) }];
    const params = { op: 'onecall', wallet, share, account, intents, request: toBase64(request) };
    const times: number[] = [];
    return {
      times,
      bytes: Buffer.byteLength(built.source),
      run: async () => {
        const { answer, laps } = await timedRun(runtime, action, params, 1);
        if (!Object.hasOwn(answer as object, 'ok')) throw new Error(`refused: ${JSON.stringify(answer)}`);
        for (const { ms, watch } of laps) times.push(ms - callMs(watch) + callMs(watch, 'recover_signer'));
      },
      close: () => runtime.close(),
    };
  };
  const any = await prepare('any', 'any', digestIntent(toHex(DIGEST)));
  const rules = await prepare('rules', rulesOf({}), TRANSFER);
  const guarded = await prepare('guarded', rulesOf({ guardian: guardian.address }), TRANSFER);
  for (let i = 0; i < runs; i++) for (const one of [any, rules, guarded]) await one.run();
  for (const one of [any, rules, guarded]) one.close();
  const more = (times: number[], than: number[]) => median(times.map((ms, i) => ms - (than[i] ?? Number.NaN)));
  return {
    anyMs: median(any.times),
    rulesMs: median(rules.times),
    extraMs: more(rules.times, any.times),
    guardianMs: more(guarded.times, rules.times),
    guardedBytes: guarded.bytes,
  };
}

type ModuleStep = (typeof MODULE_STEPS)[number];

function isModuleStep(name: string): name is ModuleStep {
  return MODULE_STEPS.some((step) => step === name);
}

/** One set-up and its correlation, a signature of one digest and one of several: what the new processes work on, in hexadecimal. */
interface Materials {
  shares: { user: string; action: string };
  setup: { session: string; request: string; answer: string; correlation: string };
  one: Exchange;
  many: Exchange;
}

interface Exchange {
  digests: string[];
  session: string;
  request: string;
  response: string;
}

/** The module alone, with shares in the clear: each part in new processes that have what the other side sends. */
async function measureModule(
  store: string,
  identity: string,
  times: (step: ModuleStep, file: string) => Promise<Times[]>,
) {
  const opened = openStore(store, async () => ({ identities: [identity] }));
  const info = await readWallet(opened, await findWallet(opened));
  const [user, action] = [await readShare(opened, info, USER), await readShare(opened, info, ACTION)];
  const tandem = await loadTandem();
  const setup = tandem.correlateRequest({ hedge: user, peer: ACTION });
  const answer = tandem.correlateRespond({ share: action, peer: USER, request: setup.request });
  const { correlation } = tandem.correlateAccept({ share: user, session: setup.session, answer });
  const exchange = (count: number): Exchange => {
    const digests = Array.from({ length: count }, (_, i) => DIGEST.map((byte) => byte ^ i));
    const terms = { digests, path: 'm' };
    const { session, request } = tandem.onecallRequest({ share: user, correlation, peer: ACTION, ...terms });
    const { response } = tandem.onecallRespond({
      share: action,
      peer: USER,
      ...terms,
      request,
      inputs: new Uint8Array(),
    });
    return { digests: digests.map(toHex), session: toHex(session), request: toHex(request), response: toHex(response) };
  };
  const materials: Materials = {
    shares: { user: toHex(user), action: toHex(action) },
    setup: {
      session: toHex(setup.session),
      request: toHex(setup.request),
      answer: toHex(answer),
      correlation: toHex(correlation),
    },
    one: exchange(1),
    many: exchange(MANY),
  };
  const file = join(store, 'materials.json');
  writeFileSync(file, JSON.stringify(materials), { mode: 0o600 });
  const medians = async (step: ModuleStep) => {
    const all = await times(step, file);
    return { coldMs: median(all.map(({ cold }) => cold)), warmMs: median(all.map(({ warm }) => warm)) };
  };
  const size = (text: string) => fromHex(text).length;
  return {
    onecall: {
      requestBytes: size(materials.one.request),
      responseBytes: size(materials.one.response),
      user: await medians('onecallUser'),
      action: await medians('onecallAction'),
      many: { count: MANY, responseBytes: size(materials.many.response), ...(await medians('onecallMany')) },
    },
    correlate: {
      requestBytes: setup.request.length,
      answerBytes: answer.length,
      requestJsonBytes: jsonBytes({ request: toBase64(setup.request) }),
      answerJsonBytes: jsonBytes({ ok: { answer: toBase64(answer) } }),
      correlationBytes: correlation.length,
      user: await medians('correlateUser'),
      action: await medians('correlateAction'),
    },
  };
}

/**
 * One part, cold and then warm: the user's with compiling and with an instance for each step, as a wallet has it, the action's from
 * request bytes to response bytes.
 */
async function moduleOnce(step: ModuleStep, file: string): Promise<Times> {
  const { shares, setup, one, many } = JSON.parse(readFileSync(file, 'utf8')) as Materials;
  const [user, action] = [fromHex(shares.user), fromHex(shares.action)];
  const { digests, request, session, response } = step === 'onecallMany' ? many : one;
  const terms = { digests: digests.map((digest) => fromHex(digest)), path: 'm' };
  const correlation = fromHex(setup.correlation);
  const asked = { share: action, peer: USER, ...terms, request: fromHex(request), inputs: new Uint8Array() };
  const received = { correlation, session: fromHex(session), response: fromHex(response) };
  const setupAsked = { share: action, peer: USER, request: fromHex(setup.request) };
  const setupReceived = { share: user, session: fromHex(setup.session), answer: fromHex(setup.answer) };
  const isUser = step === 'onecallUser' || step === 'correlateUser';
  // Not the module's: 2 ms in which Node loads Web Crypto, and what a new process still compiles and loads in the background. Who
  // signs has opened a store before.
  crypto.getRandomValues(new Uint8Array(1));
  await untilQuiet();
  const measured: number[] = [];
  for (let i = 0; i < REPEATS; i++) {
    const before = isUser ? undefined : await loadTandem();
    const start = performance.now();
    if (step === 'onecallUser') {
      (await loadTandem()).onecallRequest({ share: user, correlation, peer: ACTION, ...terms });
      (await loadTandem()).onecallFinish(received);
    } else if (step === 'correlateUser') {
      (await loadTandem()).correlateRequest({ hedge: user, peer: ACTION });
      (await loadTandem()).correlateAccept(setupReceived);
    } else if (step === 'correlateAction') before?.correlateRespond(setupAsked);
    else before?.onecallRespond(asked);
    measured.push(performance.now() - start);
  }
  return coldAndWarm(measured);
}

/** A signature by dkls23 with the action. */
interface Rounds {
  calls: number;
  /** As relayed: sealed. */
  sessionBytes: number;
  /** All messages to the action; all of its. */
  requestBytes: number;
  responseBytes: number;
  /** The largest parameters and the largest answer, as JSON. */
  paramsBytes: number;
  answerBytes: number;
  /** All work of the wasm module here, its compilation included; and in the action's two calls. */
  userMs: number;
  actionMs: number;
}

async function dkls23Once(store: FileStore): Promise<Rounds> {
  const runtime = await openRuntime(store);
  const bytes = (text: unknown) => fromBase64(String(text)).length;
  const sizes = { sessionBytes: 0, requestBytes: 0, responseBytes: 0, paramsBytes: 0, answerBytes: 0 };
  let actionMs = 0;
  const host = timedHost(runtime, ({ params, answer, laps }) => {
    const { session, messages } = params as { session?: string; messages: Record<string, string> };
    const { ok } = answer as { ok: { messages?: Record<string, string>; message?: string } };
    for (const text of Object.values(messages)) sizes.requestBytes += bytes(text);
    for (const text of Object.values(ok.messages ?? { message: ok.message })) sizes.responseBytes += bytes(text);
    sizes.sessionBytes = Math.max(sizes.sessionBytes, session?.length ?? 0);
    sizes.paramsBytes = Math.max(sizes.paramsBytes, jsonBytes(params));
    sizes.answerBytes = Math.max(sizes.answerBytes, jsonBytes(answer));
    actionMs += laps.reduce((sum, { watch }) => sum + computeMs(watch), 0);
  });
  const watch = watchWasm();
  const { calls } = await (await openWallet(store, { runtime: host })).sign(INTENT, { protocol: 'dkls23' });
  runtime.close();
  return { calls, ...sizes, userMs: computeMs(watch), actionMs };
}

/** The user's side of one signature, without the time of the other side. */
async function signTimed({ share, correlation, peer }: Signer, answer: (request: Uint8Array) => Promise<Uint8Array>) {
  const start = performance.now();
  const tandem = await loadTandem();
  tandem.shareInfo(share);
  const made = tandem.onecallRequest({ share, correlation, peer, digests: [DIGEST], path: 'm' });
  const asked = performance.now();
  const response = await answer(made.request);
  const answered = performance.now();
  tandem.onecallCheck({ session: made.session, response });
  tandem.onecallFinish({ correlation, session: made.session, response });
  const finishMs = performance.now() - answered;
  return { ms: asked - start + finishMs, finishMs };
}

/** Milliseconds of processor time that the processes started by `work` use, each time; null if the system does not tell. */
async function childCpuMs(times: number, work: () => Promise<unknown>): Promise<number | null> {
  await untilQuiet();
  const before = reapedCpuMs();
  for (let i = 0; i < times; i++) await work();
  await untilQuiet();
  const after = reapedCpuMs();
  return before === null || after === null ? null : (after - before) / times;
}

/**
 * Until what goes on beside this process's work has ended. After a call, its process ends and the one for the next call starts: on a
 * host of its own, where an action runs, they take none of this machine's time.
 */
function untilQuiet(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 300));
}

/** The processor time of all processes that this one started and that have ended. */
function reapedCpuMs(): number | null {
  try {
    const fields = readFileSync('/proc/self/stat', 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    const TICK_MS = 10;
    return (Number(fields[13]) + Number(fields[14])) * TICK_MS;
  } catch {
    return null;
  }
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

function openRuntime(store: FileStore): Promise<LocalRuntime> {
  // Each repetition asks for keys again, and several requests need more room.
  const limits = {
    ...STRICT_LIMITS,
    maxGetKeysCount: 1000,
    maxParamsLength: MANY * STRICT_LIMITS.maxParamsLength,
    maxResponseLength: MANY * STRICT_LIMITS.maxResponseLength,
  };
  return LocalRuntime.open({ dir: join(store.dir, 'local-lit'), limits });
}

function coldAndWarm(times: number[]): Times {
  return { cold: times[0] ?? Number.NaN, warm: median(times.slice(WARM_FROM)) };
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const value = sorted.length % 2 === 1 ? sorted[middle] : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
  return Math.round((value ?? Number.NaN) * 100) / 100;
}

function table(report: Report): string {
  const {
    unitNs,
    fieldMulNs,
    wasm,
    action,
    instantiateMs,
    memory,
    keyshareBytes,
    keygen,
    sign,
    signMany,
    onecall,
    correlate,
    policy,
    host,
    dkls23,
    browser,
    runs,
  } = report;
  const bytes = (count: number) => `${count.toLocaleString('en')} bytes`;
  const time = (ms: number, units: number) =>
    `${ms.toFixed(1).padStart(8)} ms  ${units.toLocaleString('en').padStart(14)} units`;
  return [
    `unit: a multiplication in decred's field in wasm, ${unitNs} ns (ours: ${fieldMulNs} ns); medians of ${runs} new processes`,
    '',
    `wasm module              ${bytes(wasm.bytes)}, ${bytes(wasm.gzip)} gzipped`,
    `action                   ${bytes(action.bytes)}; for a policy with a guardian ${bytes(policy.guardedBytes)}`,
    `instantiate, cold        ${instantiateMs.toFixed(1).padStart(8)} ms`,
    `peak wasm memory         user ${bytes(memory.userBytes)}, action ${bytes(memory.actionBytes)}`,
    `key share                ${bytes(keyshareBytes)}`,
    `keygen, ${keygen.calls} calls          ${time(keygen.ms, keygen.units)}`,
    `  compute, 3 parties     ${time(keygen.computeMs, keygen.computeUnits)}`,
    `sign, ${sign.calls} call`,
    `  request, response      ${bytes(sign.requestBytes)}, ${bytes(sign.responseBytes)}`,
    `  params, answer         ${bytes(sign.paramsBytes)}, of which ${bytes(sign.ownParamsBytes)} besides intent and share; ${bytes(sign.answerBytes)}`,
    `  user, cold             ${time(sign.user.coldMs, sign.user.coldUnits)}`,
    `    finish alone         ${time(sign.user.finishMs, sign.user.finishUnits)}`,
    `  user, warm             ${time(sign.user.warmMs, sign.user.warmUnits)}`,
    `  action, cold           ${time(sign.action.coldMs, sign.action.coldUnits)}`,
    `    main                 ${time(sign.action.main.coldMs, sign.action.main.coldUnits)}`,
    `  action, warm           ${time(sign.action.warmMs, sign.action.warmUnits)}`,
    `    main                 ${time(sign.action.main.warmMs, sign.action.main.warmUnits)}`,
    `  both parties, cold     ${time(sign.both.coldMs, sign.both.coldUnits)}`,
    `  per minute and core    ${sign.action.perMinuteAndCore} with a process for each, ${sign.action.warmPerMinuteAndCore} warm; the module alone ${sign.action.answersPerMinuteAndCore}`,
    `signMany, ${signMany.count} in 1 call      ${signMany.timesOne} times the time of one, answer ${bytes(signMany.answerBytes)}; for each`,
    `  main, cold             ${time(signMany.msPerSignature, signMany.unitsPerSignature)}`,
    `  params, answer         ${bytes(signMany.paramsBytesPerSignature)}, ${bytes(signMany.answerBytesPerSignature)}`,
    `onecall, the module alone`,
    `  request, response      ${bytes(onecall.requestBytes)}, ${bytes(onecall.responseBytes)}; of ${onecall.many.count} ${bytes(onecall.many.responseBytes)}`,
    `  user, cold             ${time(onecall.user.coldMs, onecall.user.coldUnits)}`,
    `  user, warm             ${time(onecall.user.warmMs, onecall.user.warmUnits)}`,
    `  action, cold           ${time(onecall.action.coldMs, onecall.action.coldUnits)}`,
    `  action, warm           ${time(onecall.action.warmMs, onecall.action.warmUnits)}`,
    `  action, ${onecall.many.count} digests      ${time(onecall.many.coldMs, onecall.many.coldUnits)}`,
    `correlation, once`,
    `  request, answer        ${bytes(correlate.requestBytes)}, ${bytes(correlate.answerBytes)}; kept ${bytes(correlate.correlationBytes)}`,
    `  as JSON                ${bytes(correlate.requestJsonBytes)}, ${bytes(correlate.answerJsonBytes)}`,
    `  user, cold             ${time(correlate.user.coldMs, correlate.user.coldUnits)}`,
    `  action, cold           ${time(correlate.action.coldMs, correlate.action.coldUnits)}`,
    `  both, cold             ${time(correlate.both.ms, correlate.both.units)}`,
    `rules and a transaction, not any and a digest`,
    `  main without signing   ${time(policy.extraMs, policy.extraUnits)} more: ${policy.rulesMs} ms, not ${policy.anyMs}`,
    `  a guardian's approval  ${time(policy.guardianMs, policy.guardianUnits)} more`,
    `local server, a call     ${host.overheadMs.toFixed(1).padStart(8)} ms  of which ${host.startMs.toFixed(1)} until main`,
    browser === undefined
      ? 'in Chromium              not measured: there is none'
      : `in Chromium, from click  ${browser.clickToSignatureMs.toFixed(1).padStart(8)} ms  at the local server; in Node ${browser.nodeMs.toFixed(1)} ms`,
    `dkls23, ${dkls23.calls} calls`,
    `  messages to, from      ${bytes(dkls23.requestBytes)}, ${bytes(dkls23.responseBytes)}; session ${bytes(dkls23.sessionBytes)}`,
    `  user, cold             ${time(dkls23.user.ms, dkls23.user.units)}`,
    `  action, cold, 2 calls  ${time(dkls23.action.ms, dkls23.action.units)}`,
    `  both parties, cold     ${time(dkls23.coldMs, dkls23.coldUnits)}`,
  ].join('\n');
}

/** The figures in the form of docs/performance.md. */
function markdown(report: Report): string[] {
  const { unitNs, fieldMulNs, wasm, action, instantiateMs, memory, keyshareBytes, keygen, sign } = report;
  const { signMany, onecall, correlate, policy, host, dkls23, runs } = report;
  const n = (count: number) => count.toLocaleString('en');
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  const time = (what: string, value: number, units: number | undefined, json: string) =>
    `| ${what} | ${ms(value)} | ${units === undefined ? '' : n(units)} | ${json} |`;
  const size = (what: string, counts: readonly number[], json: string) =>
    `| ${what} | ${counts.map(n).join('; ')} | ${json} |`;
  const both = sign.both;
  return [
    `One run on ${new Date().toISOString().slice(0, 10)}, medians of ${runs}; ${availableParallelism()} cores of ${cpus()[0]?.model.trim() ?? '?'},`,
    `${process.arch}, Node ${process.versions.node}, and the Deno of Lit's newest hosts.`,
    '',
    '| | time | units | JSON |',
    '|---|---:|---:|---|',
    `| multiplication in decred's field; in the module's own | ${unitNs} ns; ${fieldMulNs} ns | 1; ${(fieldMulNs / unitNs).toFixed(2)} | \`unitNs\`, \`fieldMulNs\` |`,
    time('compile the module and start an instance, cold, in Deno', instantiateMs, undefined, '`instantiateMs`'),
    time(
      'key generation, 2 of 3, two calls, with a correlation: wall clock with both processes',
      keygen.ms,
      keygen.units,
      '`keygen.{ms,units}`',
    ),
    time(
      '… what the wasm module takes at all three parties, cold',
      keygen.computeMs,
      keygen.computeUnits,
      '`keygen.{computeMs,computeUnits}`',
    ),
    time(
      'signature, user, cold: compile, start, open the share, request, check, finish',
      sign.user.coldMs,
      sign.user.coldUnits,
      '`sign.user.coldMs`',
    ),
    time(
      '… the part after the answer: all that is left after `prepare`',
      sign.user.finishMs,
      sign.user.finishUnits,
      '`sign.user.finishMs`',
    ),
    time(
      '… compile, start, request and finish alone',
      onecall.user.coldMs,
      onecall.user.coldUnits,
      '`onecall.user.coldMs`',
    ),
    time('signature, user, warm', sign.user.warmMs, sign.user.warmUnits, '`sign.user.warmMs`'),
    time(
      'signature, action, cold: from request bytes to response bytes',
      sign.action.coldMs,
      sign.action.coldUnits,
      '`sign.action.coldMs`',
    ),
    time(
      "… all of the action's `main`",
      sign.action.main.coldMs,
      sign.action.main.coldUnits,
      '`sign.action.main.coldMs`',
    ),
    time('signature, action, warm', sign.action.warmMs, sign.action.warmUnits, '`sign.action.warmMs`'),
    time('… all of `main`', sign.action.main.warmMs, sign.action.main.warmUnits, '`sign.action.main.warmMs`'),
    time('signature, both parties, cold', both.coldMs, both.coldUnits, '`sign.both`'),
    time(
      `\`signMany\` of 8, cold, for each signature: \`main\`; all 8 take ${signMany.timesOne} times as long as one`,
      signMany.msPerSignature,
      signMany.unitsPerSignature,
      '`signMany.{msPerSignature,timesOne}`',
    ),
    time('set-up of a correlation, user, cold', correlate.user.coldMs, correlate.user.coldUnits, '`correlate.user`'),
    time(
      'set-up of a correlation, action, cold',
      correlate.action.coldMs,
      correlate.action.coldUnits,
      '`correlate.action`',
    ),
    time(
      'three rules and a token transfer, judged in the action, more than `any` and a digest',
      policy.extraMs,
      policy.extraUnits,
      '`policy.extraMs`',
    ),
    time(
      "… more still, if the rule needs a guardian's approval",
      policy.guardianMs,
      policy.guardianUnits,
      '`policy.guardianMs`',
    ),
    time(
      'DKLs23, 2 of 3, two calls of the action: the module at both parties, cold',
      dkls23.coldMs,
      dkls23.coldUnits,
      '`dkls23.coldMs`',
    ),
    `| a call of the local server, until \`main\` begins; in all, more than the action's own time | ${ms(host.startMs)}; ${ms(host.overheadMs)} |  | \`host.{startMs,overheadMs}\` |`,
    '',
    '| | bytes | JSON |',
    '|---|---:|---|',
    size('wasm module; gzipped', [wasm.bytes, wasm.gzip], '`wasm`'),
    size(
      "the action's source; for a policy with a guardian",
      [action.bytes, policy.guardedBytes],
      '`action`, `policy.guardedBytes`',
    ),
    size('peak memory of a wasm instance, user; action', [memory.userBytes, memory.actionBytes], '`memory`'),
    size('key share', [keyshareBytes], '`keyshareBytes`'),
    size('request; response', [sign.requestBytes, sign.responseBytes], '`sign.{requestBytes,responseBytes}`'),
    size(
      'parameters of the call; those besides intent and sealed share; its answer, as JSON',
      [sign.paramsBytes, sign.ownParamsBytes, sign.answerBytes],
      '`sign.{paramsBytes,ownParamsBytes,answerBytes}`',
    ),
    size(
      '`signMany` of 8, for each signature: parameters; answer',
      [signMany.paramsBytesPerSignature, signMany.answerBytesPerSignature],
      '`signMany`',
    ),
    size(
      'set-up of a correlation: request; answer; both as JSON; what is kept',
      [
        correlate.requestBytes,
        correlate.answerBytes,
        correlate.requestJsonBytes,
        correlate.answerJsonBytes,
        correlate.correlationBytes,
      ],
      '`correlate`',
    ),
    size(
      'DKLs23: session as relayed; largest parameters; largest answer',
      [dkls23.sessionBytes, dkls23.paramsBytes, dkls23.answerBytes],
      '`dkls23`',
    ),
    '',
    "Signatures per minute and core, the action's part:",
    '',
    `- ${n(sign.action.perMinuteAndCore)} with a new process for each (\`perMinuteAndCore\`): a minute over the processor time of a whole call, ${Math.round(sign.action.callCpuMs)} ms, on all its`,
    "  threads: Deno's start, the source, compiling, signing, and what V8 compiles in the background. Linux tells it in ticks of",
    '  10 ms; the figure is the mean of three calls in each run. A host that runs each call in a process of its own does so many.',
    `- ${n(sign.action.warmPerMinuteAndCore)} in one warm process (\`warmPerMinuteAndCore\`): a minute over the warm \`main\`, by the clock; the module alone`,
    `  gives ${n(sign.action.answersPerMinuteAndCore)} answers (\`answersPerMinuteAndCore\`).`,
  ];
}
