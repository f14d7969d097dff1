import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { recoverAddress } from 'viem/utils';
import { UsageError } from '../ts/client/errors.ts';
import { readPolicy } from '../ts/client/policy.ts';
import { describeIntent } from '../ts/intent/describe.ts';
import { digestOf, InputError, type Intent, intentJson, parseIntentJson } from '../ts/intent/intent.ts';
import { describePolicy } from '../ts/policy/describe.ts';
import { approvalText, judge, type Verdict } from '../ts/policy/judge.ts';
import { type Policy, policyHash, policyJson } from '../ts/policy/policy.ts';
import { run } from './cli.ts';

const USAGE = `Shows what a policy allows, without signing anything.

usage: npx tsx scripts/policy.ts test POLICY INTENT [options]
       npx tsx scripts/policy.ts explain POLICY [INTENT] [options]

  test      the verdict on an intent
  explain   the policy in words; with an intent also what it means, the verdict, and what each rule says
  POLICY    messages, any, or a file of rules (docs/policies.md)
  INTENT    a file with an intent in JSON, or - for stdin

  --account 0x…   the address that would sign; guardians approve for it, and rules read its balances
  --approval 0x…  the guardian's signature
  --now SECONDS   judge as of this time, in seconds since 1970, instead of now
  --json          print one JSON value alone

Exit codes: 0 allowed, 2 refused, 64 wrong usage, 1 anything else.`;

run(USAGE, async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      account: { type: 'string' },
      approval: { type: 'string' },
      now: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const [command, policyName, intentFile, ...others] = positionals;
  if (others.length > 0 || policyName === undefined || (command !== 'test' && command !== 'explain')) {
    throw new UsageError('Say test or explain, a policy, and an intent.');
  }
  if (command === 'test' && intentFile === undefined) throw new UsageError('An intent is needed.');
  const { account } = values;
  if (account !== undefined && !/^0x[0-9a-fA-F]{40}$/.test(account))
    throw new UsageError('--account wants an address.');
  const now = values.now === undefined ? Math.floor(Date.now() / 1000) : Number(values.now);
  if (!Number.isSafeInteger(now) || now < 0) throw new UsageError('--now wants a whole number of seconds.');

  const policy = readPolicy(policyName);
  const intent = intentFile === undefined ? undefined : readIntent(intentFile);
  const verdict = await judgeInput(policy, intent, { ...values, now });
  if (verdict?.allowed === false) process.exitCode = 2;

  const explained = command === 'explain';
  const parsed = intent instanceof InputError ? undefined : intent;
  const approval =
    explained && parsed !== undefined && account !== undefined && needsGuardian(policy)
      ? approvalText(policy, account as `0x${string}`, parsed)
      : undefined;
  if (values.json) {
    const facts = {
      ...(explained && { policy: JSON.parse(policyJson(policy)), policyText: describePolicy(policy) }),
      policyHash: policyHash(policy),
      ...(parsed && { digest: digestOf(parsed) }),
      ...(explained && parsed && { intent: JSON.parse(intentJson(parsed)), intentText: describeIntent(parsed) }),
      ...(approval && { approval }),
    };
    return console.log(JSON.stringify({ ...verdict, ...facts }));
  }
  if (explained) console.log(`${describePolicy(policy)}\nhash: ${policyHash(policy)}`);
  if (explained && parsed !== undefined) console.log(`\n${describeIntent(parsed)}\ndigest: ${digestOf(parsed)}`);
  if (verdict !== undefined) console.log(`${explained ? '\n' : ''}${inWords(verdict, explained)}`);
  if (approval !== undefined) console.log(`\nFor a guardian to sign as a message (EIP-191):\n${approval}`);
});

function readIntent(file: string): Intent | InputError {
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (cause) {
    throw new UsageError(`${file} cannot be read: ${(cause as Error).message}.`, { cause });
  }
  try {
    return parseIntentJson(text);
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
}

async function judgeInput(
  policy: Policy,
  intent: Intent | InputError | undefined,
  { now, account, approval }: { now: number; account?: string | undefined; approval?: string | undefined },
): Promise<Verdict | undefined> {
  if (intent === undefined) return undefined;
  if (intent instanceof InputError) {
    return { allowed: false, rule: undefined, reason: `not an intent: ${intent.message}`, failed: [] };
  }
  return judge(policy, intent, {
    now,
    account,
    approval,
    fetch,
    recover: (hash, signature) => recoverAddress({ hash, signature }),
  });
}

function inWords(verdict: Verdict, explained: boolean): string {
  if (verdict.allowed) return `allowed by the rule ${verdict.rule}`;
  const { rule, reason, failed } = verdict;
  const head = rule === undefined ? `refused: ${reason}` : `refused: the rule ${rule}: ${reason}`;
  return explained ? [head, ...failed.map((item) => `  ${item.rule}: ${item.reason}`)].join('\n') : head;
}

function needsGuardian({ rules }: Policy): boolean {
  return rules !== 'any' && rules.some((rule) => rule.guardian !== undefined);
}
