import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildCosigner } from '../ts/build.ts';
import { cleanLine, commandLine, commonAction, makeFolder, settingsPath } from '../ts/command/internals.ts';
import { UsageError } from '../ts/index.ts';
import { inspect, LIT_URL, LitAccount, LitHttp, rotateKey, setUp, tearDown } from '../ts/lit.ts';
import { openStore, readSettings, writeSettings } from '../ts/node.ts';
import { accountKey, environmentKey, logAttempt, print, printFindings, run } from './cli.ts';
import { say, tell } from './terminal.ts';

const USAGE = `Prepares an account on Lit for the co-signer: a wallet, a group of exactly this wallet and this action, and a key that may
run this action and nothing else. Run again, it checks what is there and adds what is missing.

usage: ${commandLine('setup')} [status|rotate|teardown] --store DIR [--policy P] [--url URL] [--dry-run] [--json]

  status      compare the set-up with what Lit has of it, and look for other ways to its wallet
  rotate      make a new usage key and revoke the old one
  teardown    remove the key and the group: no share opens any more, until setup is run again. The wallet stays

  --store DIR  the folder of the share store; what was prepared is written to DIR/lit.env, mode 0600
  --policy P   what the action signs: messages (default), any, or a file of rules
  --url URL    where the API is (default LIT_API_URL, or ${LIT_URL})
  --dry-run    say what would be done
  --json       print {wallet, group, cid, usageKey} alone, the key by whether it is there; with status [{what, found, problem}]

The key of the account is in the environment variable LIT_API_KEY. It is needed here only: keygen and sign use what was
prepared. With LIT_LOG=1 each request is listed on stderr, without what was in it. What is permitted may take an hour to count on
all of Lit's machines: commands that run an action wait for it, for LIT_WAIT seconds (300).`;

const POLICIES = ['messages', 'any'];

run('setup', async (signal) => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      store: { type: 'string' },
      policy: { type: 'string' },
      url: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return say(USAGE);
  const { store, json, 'dry-run': isDryRun } = values;
  const [command = 'setup', ...rest] = positionals;
  if (!store) throw new UsageError('--store is needed.');
  if (rest.length > 0 || !['setup', 'status', 'rotate', 'teardown'].includes(command)) {
    throw new UsageError(`There is no "setup ${positionals.join(' ')}".`);
  }
  if (command !== 'status' && !isDryRun) makeFolder(store);
  const known = readSettings(store);
  const url = values.url ?? known?.LIT_API_URL ?? process.env.LIT_API_URL ?? LIT_URL;
  if (known !== undefined && known.LIT_API_URL !== url) {
    throw new UsageError(`${settingsPath(store)} is of ${known.LIT_API_URL}.`, { next: 'set up another store.' });
  }
  const settings = known ?? { LIT_API_URL: url };
  const account = new LitAccount(new LitHttp({ url, key: accountKey(), onAttempt: logAttempt }), signal);
  const options = {
    account,
    settings,
    save: (changed: typeof settings) => writeSettings(store, changed),
    onStep: (step: string) => tell(`  ${cleanLine(step)}`),
    isDryRun,
  };
  if (command === 'status') return printFindings(json, await inspect(account, settings));
  if (command === 'rotate') return rotateKey(options);
  if (command === 'teardown') return tearDown(options);

  const policy = values.policy ?? known?.LIT_POLICY ?? 'messages';
  const held = await commonAction(openStore(store, environmentKey), 'chipotle');
  if (held !== undefined && policy !== known?.LIT_POLICY) {
    throw new UsageError('The wallets of this store are with an action of another policy.', {
      next: 'leave --policy out, move them with migrate, or set up another store.',
    });
  }
  const action = held ?? (await buildCosigner(policy));
  const done = await setUp(action, POLICIES.includes(policy) ? policy : resolve(policy), options);
  const result = {
    wallet: done.LIT_WALLET ?? null,
    group: done.LIT_GROUP ?? null,
    cid: action.cid,
    usageKey: done.LIT_USAGE_KEY !== undefined,
  };
  if (isDryRun && !json) return;
  print(json, result, {
    wallet: `${result.wallet}`,
    group: `${result.group}`,
    action: `${action.cid}, policy ${policy}`,
    settings: settingsPath(store),
    next: `${commandLine('keygen')} --store ${store} --runtime chipotle --policy ${policy}`,
  });
});
