import { parseArgs } from 'node:util';
import * as v from 'valibot';
import type { Address } from 'viem';
import { hashMessage, recoverAddress } from 'viem/utils';
import { cleanLine, cleanText, commandLine, forms, parsePath } from '../ts/command/internals.ts';
import {
  approvalText,
  budgetFacts,
  describeBudget,
  describePolicy,
  digestOf,
  explainIntent,
  type Intent,
  intentJson,
  judge,
  makePolicy,
  type Policy,
  policyHash,
  policyJson,
  templates,
  UsageError,
  type Verdict,
  WalletError,
} from '../ts/index.ts';
import { readPolicy } from '../ts/node.ts';
import { EXIT, run, writeOutput } from './cli.ts';
import { countOf, INTENT_USAGE, intentOf, intentOptions } from './intent.ts';
import { say, sayJson } from './terminal.ts';

const USAGE = `Shows what a policy allows, without signing anything.

usage: ${commandLine('policy')} test POLICY INTENT [options]
       ${commandLine('policy')} explain POLICY [INTENT] [options]
       ${commandLine('policy')} approve POLICY INTENT (--account 0x… | --root 0x… --path m/…) [--json]
       ${commandLine('policy')} new NAME [its parameters] [--out FILE]

  test      the verdict on an intent
  explain   the policy in words, and the sum that it bounds; with an intent also what that means, the verdict, and what each
            rule says
  approve   the text that a guardian signs as a message (EIP-191), in any wallet, to approve of the intent
  new       a ready-made policy: prints it, or writes it to a new file and explains it. NAME is one of
${Object.entries(templates)
  .map(([name, { says }]) => `              ${name.padEnd(12)}  ${says}`)
  .join('\n')}
            and new NAME --help lists its parameters
  POLICY    messages, any, or a file of rules (docs/policies.md)
  INTENT    a file with an intent in JSON, or - for stdin; or one of
${INTENT_USAGE}

  --account 0x…   the address that would sign; guardians approve for it, and rules read its balances
  --root 0x…      the wallet's own address, if the one that would sign is at a path of it: guardians approve for both
  --path m/…      that path. An action of version 0.1.0 knows no paths: for it, approve with --account alone
  --approval 0x…  the guardian's signature
  --now SECONDS   judge as of this time, in seconds since 1970, instead of now
  --json          print one JSON value alone

Exit codes: 0 allowed, 2 refused, 64 wrong usage or not an intent, 1 anything else.`;

run('policy', async () => {
  if (process.argv[2] === 'new') {
    makeNew(process.argv.slice(3));
    return;
  }
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      ...intentOptions,
      account: { type: 'string' },
      root: { type: 'string' },
      path: { type: 'string' },
      approval: { type: 'string' },
      now: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return say(USAGE);
  const [command, policyName, intentFile, ...others] = positionals;
  if (others.length > 0 || policyName === undefined || !['test', 'explain', 'approve'].includes(command ?? '')) {
    throw new UsageError('Say test, explain or approve, a policy, and an intent; or new, and a name.');
  }
  const { account, root, path } = values;
  for (const name of ['account', 'root'] as const) {
    if (values[name] !== undefined && !v.is(forms.Address, values[name])) {
      throw new UsageError(`--${name} takes an address.`);
    }
  }
  if ((root === undefined) !== (path === undefined)) throw new UsageError('--root and --path are given together.');
  const at = path === undefined ? undefined : ['m', ...parsePath(path)].join('/');
  const now = values.now === undefined ? Math.floor(Date.now() / 1000) : Number(values.now);
  if (!Number.isSafeInteger(now) || now < 0) throw new UsageError('--now takes a whole number of seconds.');

  const policy = readPolicy(policyName);
  const what = { ...values, intent: intentFile };
  if (command === 'approve') {
    const own = root ?? account;
    if (own === undefined) throw new UsageError('--account is needed: the address that is to sign.');
    const text = toApprove(policy, own as Address, intentOf(what), at);
    if (values.json) return sayJson({ text, digest: hashMessage(text) });
    if (cleanText(text) !== text) {
      throw new WalletError('The text to sign has characters that a terminal does not show.', { next: 'add --json.' });
    }
    return say(text);
  }
  const isExplained = command === 'explain';
  const intent = isExplained && countOf(what) === 0 ? undefined : intentOf(what);
  const verdict = intent && (await judgeInput(policy, intent, { ...values, path: at, now }));
  if (verdict?.allowed === false) process.exitCode = EXIT.policy;

  if (values.json) {
    const facts = {
      ...(isExplained && {
        policy: JSON.parse(policyJson(policy)),
        policyText: describePolicy(policy),
        budget: budgetFacts(policy, now),
        budgetText: describeBudget(policy, now),
      }),
      policyHash: policyHash(policy),
      ...(intent && { digest: digestOf(intent) }),
      ...(isExplained &&
        intent && { intent: JSON.parse(intentJson(intent)), intentText: explainIntent(policy, intent) }),
    };
    return sayJson({ ...verdict, ...facts });
  }
  if (isExplained) say(explained(policy, now));
  if (isExplained && intent !== undefined) say(`\n${explainIntent(policy, intent)}\ndigest: ${digestOf(intent)}`);
  if (verdict !== undefined) say(`${isExplained ? '\n' : ''}${inWords(verdict, isExplained)}`);
});

/** Makes a ready-made policy, whose parameters are the options. */
function makeNew([name = '', ...args]: readonly string[]): void {
  if (name === '--help') {
    say(USAGE);
    return;
  }
  const template = Object.hasOwn(templates, name) ? templates[name] : undefined;
  if (template === undefined) {
    throw new UsageError(`Say which policy is to be made: ${Object.keys(templates).join(', ')}.`);
  }
  const parameters = Object.entries(template.parameters);
  const { values } = parseArgs({
    args,
    options: {
      ...Object.fromEntries(parameters.map(([parameter]) => [parameter, { type: 'string' as const }])),
      out: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    const width = Math.max(...parameters.map(([parameter]) => parameter.length));
    const lines = parameters.map(([parameter, { says, otherwise }]) => {
      const left = otherwise === undefined ? '' : otherwise === '' ? ' (optional)' : ` (${otherwise})`;
      return `  --${parameter.padEnd(width)}  ${says}${left}`;
    });
    lines.push(`  --${'out'.padEnd(width)}  the file to write it to, which is then explained (optional)`);
    say([`${name}: ${template.says}`, '', ...lines].join('\n'));
    return;
  }
  const given = Object.fromEntries(Object.entries(values).filter(([, value]) => typeof value === 'string'));
  const now = Math.floor(Date.now() / 1000);
  const policy = makePolicy(name, given as Record<string, string>, now);
  const text = JSON.stringify(JSON.parse(policyJson(policy)), null, 2);
  if (values.out === undefined) {
    say(text);
    return;
  }
  const out = String(values.out);
  writeOutput(out, `${text}\n`);
  say(explained(policy, now));
}

function explained(policy: Policy, now: number): string {
  return [describePolicy(policy), describeBudget(policy, now), `hash: ${policyHash(policy)}`].join('\n');
}

function judgeInput(
  policy: Policy,
  intent: Intent,
  { now, ...who }: { now: number } & Pick<Parameters<typeof judge>[2], 'account' | 'root' | 'path' | 'approval'>,
): Promise<Verdict> {
  return judge(policy, intent, {
    ...who,
    now,
    fetch,
    recover: (hash, signature) => recoverAddress({ hash, signature }),
  });
}

function inWords(verdict: Verdict, isExplained: boolean): string {
  if (verdict.allowed) return `allowed by the rule ${verdict.rule}`;
  const { rule, reason, failed } = verdict;
  const head = cleanLine(rule === undefined ? `refused: ${reason}` : `refused: the rule ${rule}: ${reason}`);
  return isExplained
    ? [head, ...failed.map((item) => `  ${cleanLine(`${item.rule}: ${item.reason}`)}`)].join('\n')
    : head;
}

function toApprove(policy: Policy, account: Address, intent: Intent, path: string | undefined): string {
  if (policy.rules === 'any' || policy.rules.every(({ guardian }) => guardian === undefined)) {
    throw new UsageError('No rule of this policy has a guardian.');
  }
  if (policy.rules.some(({ guardian }) => guardian === account.toLowerCase())) {
    throw new UsageError(`${account} is a guardian of this policy, and approves of nothing that it signs itself.`);
  }
  return approvalText(policy, account, intent, path);
}
