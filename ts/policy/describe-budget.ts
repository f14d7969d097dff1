import { formatUnits } from 'viem/utils';
import { type Asset, type AssetBudget, type Budget, budgetOf, sumBy, sumOfAll, sumWithin } from './budget.ts';
import { least, most } from './effects.ts';
import { showTime } from './pace.ts';
import type { Policy } from './schema.ts';
import { paceOf } from './sequences.ts';
import { tokens } from './tokens.ts';

// The sum in words. What it does not say is as much a part of it as what it does.

const HEAD = [
  'Signatures under this policy alone move, gross, per chain and asset, at most the following, fees up to maxFee included. All that is',
  'unused may go at once. A time is that of the clock that was furthest ahead, of all that any host ever showed.',
];
const FOOT = [
  'Approvals count in full when they are signed. Signatures stay good after revocation and migration, so the sums of old and new',
  'policies add. Each path of a wallet is an account of its own, with this sum. All this assumes an account without code, and',
  'contracts that keep their standard. Not counted: what rollups charge besides, earlier allowances, what the hot and the cold share',
  'sign together.',
];

/**
 * The most that signatures under a policy can move, or why none can be stated, in words; undefined for a policy without any pace
 * of which nothing can be said, since it does not try to bound a sum.
 *
 * @param now seconds since 1970: what has been allowed by then is stated first
 */
export function describeBudget(policy: Policy, now: number): string | undefined {
  const budget = budgetOf(policy);
  if ('reasons' in budget) return hasPace(policy) ? reasonsInWords(budget.reasons) : undefined;
  if (budget.assets.length === 0) return 'Signatures under this policy alone move nothing.';
  return [
    ...HEAD,
    ...budget.assets.flatMap((asset) => assetLines(asset, BigInt(now)).map((line) => `  ${line}`)),
    ...FOOT,
  ].join('\n');
}

/** The same for programs: amounts in the smallest unit, as decimal digits. */
export function budgetFacts(policy: Policy, now: number): object {
  const budget = budgetOf(policy);
  if ('reasons' in budget) return budget;
  return {
    assets: budget.assets.map((one) => ({
      ...one.asset,
      now: String(sumBy(one, BigInt(now))),
      all: String(sumOfAll(one)),
      spending: one.spending.map(({ sequence, pace, each }) => ({ sequence, pace, each: String(each) })),
    })),
  };
}

function hasPace({ rules, sum }: Policy): boolean {
  return rules !== 'any' && (sum === 'none' || rules.some((rule) => paceOf(rule) !== undefined));
}

function reasonsInWords(reasons: Extract<Budget, { reasons: unknown }>['reasons']): string {
  return [
    'No sum can be stated of what signatures under this policy move:',
    ...reasons.map((reason) => `  ${reason}`),
  ].join('\n');
}

function assetLines(budget: AssetBudget, now: bigint): string[] {
  const { asset, spending } = budget;
  const show = (amount: bigint) => showAmount(asset, amount);
  const starts = spending.map(({ pace }) => BigInt(pace.from ?? '0'));
  const steps = spending.flatMap(({ pace }) => (pace.every === undefined ? [] : [BigInt(pace.every)]));
  const start = starts.reduce(least, starts[0] ?? 0n);
  const begin = most(start, now);
  const all = sumOfAll(budget);
  const step = steps.length === 0 ? undefined : steps.reduce(least);
  const later = step === undefined ? [] : [step, 10n * step];
  const sums = later.map((after) => ({ after, sum: sumBy(budget, begin + after) })).filter(({ sum }) => sum < all);
  const day = step === undefined ? undefined : sumWithin(budget, step);
  return [
    [
      `${nameOf(asset)}: ${show(sumBy(budget, begin))} at once, by ${showTime(begin)}`,
      ...sums.map(({ after, sum }) => `${show(sum)} ${showSpan(after)} later`),
      `${show(all)} in all`,
    ].join(', '),
    ...spending.map(({ sequence, each, pace }) => `  ${sequence}: ${pace.total ?? pace.count} times ${show(each)}`),
    ...(day === undefined || step === undefined || day >= all
      ? []
      : [`  in any interval of ${showSpan(step)} ${show(day)}, if no host's clock is ahead`]),
  ];
}

function nameOf({ chain, token, of }: Asset): string {
  const known = tokenAt(chain, token);
  const what = token === undefined ? 'ETH' : known === undefined ? `the token ${token}` : `${known.symbol} (${token})`;
  return `${what}${of === undefined ? '' : ` of the Safe ${of}`} on chain ${chain}`;
}

function showAmount({ chain, token }: Asset, amount: bigint): string {
  if (token === undefined) return `${formatUnits(amount, 18)} ETH`;
  const known = tokenAt(chain, token);
  return known === undefined ? `${amount} units` : `${formatUnits(amount, known.decimals)} ${known.symbol}`;
}

function tokenAt(chain: string, address: string | undefined) {
  return tokens.find((token) => token.chain === chain && token.address === address);
}

const SPANS: readonly (readonly [bigint, string])[] = [
  [86_400n, 'day'],
  [3600n, 'hour'],
  [60n, 'minute'],
  [1n, 'second'],
];

/** So many seconds in the largest unit that divides them. */
function showSpan(seconds: bigint): string {
  const [unit, name] = SPANS.find(([unit]) => seconds % unit === 0n) ?? [1n, 'second'];
  return seconds === unit ? `1 ${name}` : `${seconds / unit} ${name}s`;
}
