import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { buildCosigner } from '../ts/build.ts';
import { commandLine, commonAction, packageRoot, packageVersion } from '../ts/command/internals.ts';
import { listWallets, RuntimeError, readWallet, type Store } from '../ts/index.ts';
import { assertClock, type Finding, inspect, LitAccount, LitHttp } from '../ts/lit.ts';
import { buildPath } from '../ts/node.ts';
import { logAttempt, printFindings, run, settingsOf, storeOf } from './cli.ts';
import { say } from './terminal.ts';

const USAGE = `Checks the whole path from here to a signature on Lit, and prints a table. Nothing is changed, no action is run.

usage: ${commandLine('doctor')} --store DIR [--json]

Uses LIT_API_KEY, the key of the account, if it is set, or else the usage key of the set-up.
Exit code 1 if something is wrong.`;

/**
 * The most that one call takes, rounded up. For onecall that is the second call of key generation, with a correlation; a signature takes
 * a tenth of it. For dkls18, by which wallets of version 0.1.0 sign, it is a signature.
 */
const NEEDED = {
  onecall: { params: 45_000, response: 45_000, keys: 3 },
  dkls18: { params: 60_000, response: 90_000, keys: 3 },
};
const TIMES = 5;

run('doctor', async (signal) => {
  const { values } = parseArgs({
    options: {
      store: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return say(USAGE);
  const store = storeOf(values.store);
  const settings = await settingsOf(store.dir);
  const { LIT_API_URL: url, LIT_USAGE_KEY, LIT_POLICY } = settings;
  const key = process.env.LIT_API_KEY || LIT_USAGE_KEY;
  const account = new LitAccount(new LitHttp({ url, key, onAttempt: logAttempt }), signal);

  const findings: Finding[] = [versions(), wasm()];
  findings.push({ what: 'host', found: `${url}, ${await latency(account)} ms for an answer` }, clock(account));
  findings.push(...(await told(account)));
  const held = await commonAction(store, 'chipotle');
  const action = held ?? (await buildCosigner(LIT_POLICY));
  findings.push(
    judged('action', action.cid, settings.LIT_CID.split(' ').includes(action.cid), {
      message: `what is built here is not that of the set-up, ${settings.LIT_CID}`,
      next: 'check out the version that it was set up with, or move the share with migrate',
    }),
  );
  const theirs = await account.cidOf(action.source);
  findings.push(
    judged('its CID at the host', theirs, theirs === action.cid, {
      message: 'the host computes another',
      next: 'see whether there is a newer tandem',
    }),
  );
  const needed = NEEDED[(await signsByDkls18(store)) ? 'dkls18' : 'onecall'];
  findings.push(
    ...(await limits(account, { ...needed, code: Buffer.byteLength(action.source) })),
    ...(await inspect(account, settings)),
  );
  printFindings(values.json, findings);
});

function judged(what: string, found: string, isRight: boolean, problem: Required<Finding>['problem']): Finding {
  return { what, found, ...(!isRight && { problem }) };
}

function versions(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isRight = major > 20 || (major === 20 && minor >= 11);
  return judged('versions', `tandem ${packageVersion()}, Node ${process.versions.node}`, isRight, {
    message: 'too old a Node',
    next: 'install Node 20.11 or newer',
  });
}

function wasm(): Finding {
  const path = `${buildPath}tandem.wasm`;
  if (!existsSync(path)) {
    return judged('wasm', 'none', false, { message: 'the module is not built', next: 'run: make wasm' });
  }
  const hash = createHash('sha256').update(readFileSync(path)).digest('hex');
  const record = readFileSync(join(packageRoot, 'toolchain/wasm.sha256'), 'utf8');
  return judged('wasm', hash, record.includes(`${hash}  build/tandem.wasm`), {
    message: 'not the recorded one',
    next: 'run: make verify',
  });
}

async function latency(account: LitAccount): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < TIMES; i++) {
    const start = performance.now();
    await account.exists();
    times.push(performance.now() - start);
  }
  return Math.round(times.sort((a, b) => a - b)[TIMES >> 1] ?? 0);
}

/** What the host says of itself. It is not verified, and a host need not say it. */
async function told(account: LitAccount): Promise<Finding[]> {
  const ask = async (what: string, answer: Promise<string>) => {
    try {
      return { what, found: await answer };
    } catch (error) {
      if (!(error instanceof RuntimeError) || error.kind === 'aborted') throw error;
      return { what, found: 'the host does not tell', isUnknown: true } as const;
    }
  };
  return [
    await ask('its version', account.version()),
    await ask(
      'its attestation',
      account.quoteLength().then((length) => `a quote of ${length} bytes, which is not verified here`),
    ),
  ];
}

function clock(account: LitAccount): Finding {
  const ahead = account.clockAheadMs;
  const found = ahead === undefined ? 'the host does not tell the time' : `${(ahead / 1000).toFixed(1)} s ahead`;
  try {
    assertClock(ahead);
    return { what: 'clock', found };
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    return judged('clock', found, false, { message: error.short, next: error.next ?? '' });
  }
}

/** Whether a wallet at Lit has an action that knows no other protocol. */
async function signsByDkls18(store: Store): Promise<boolean> {
  for (const id of await listWallets(store)) {
    const { runtime, action } = await readWallet(store, id);
    if (runtime === 'chipotle' && action !== undefined && action.format === undefined) return true;
  }
  return false;
}

async function limits(
  account: LitAccount,
  { code, params, response, keys }: (typeof NEEDED)['onecall'] & { readonly code: number },
): Promise<Finding[]> {
  const told = await account.limits();
  const row = (what: string, needed: number, allowed: number) =>
    judged(what, `${needed} of ${allowed}`, needed <= allowed, {
      message: 'the host allows less than one call takes',
      next: "ask Lit for the account's limits to be raised",
    });
  return [
    row('limit: code', code, told.maxCodeLength),
    row('limit: parameters', params, told.maxParamsLength),
    row('limit: response', response, told.maxResponseLength),
    row('limit: keys', keys, told.maxGetKeysCount),
  ];
}
