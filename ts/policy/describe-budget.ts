import { coinOf, inCoin } from '../intent/coin.ts';
import { type Asset, type AssetBudget, budgetOf, type Spending, sumBy, sumOfAll, sumWithin } from './budget.ts';
import { showSpan } from './describe.ts';
import { least, most } from './effects.ts';
import { showTime } from './pace.ts';
import type { Policy } from './schema.ts';
import { inUnits, tokenAt } from './tokens.ts';

// The sum in words. What it does not say is as much a part of it as what it does.

/** The policy does not know what was used before: that is for the chain to say. */
const MOVES =
  'Signatures under this policy alone can move, as if nothing were spent yet, fees up to maxFee included, at most';
const FOOT = [
  "Each sum contains those before it. The times are those of the host's clock: if one is ever ahead, the sums are allowed that much",
  'earlier. The sum in all always holds.',
  'Refunds are not subtracted. Approvals count in full when they are signed. Signatures stay good after revocation and migration, so the',
  'sums of old and new policies add up. Each path of a wallet is an account of its own, with this sum. All this assumes an account',
  'without code, and contracts that keep their standard. Not counted: what rollups charge besides, earlier allowances, what the hot and',
  'the cold share sign together.',
];

/**
 * The most that signatures under a policy can move, or that none is bounded and why, in words.
 *
 * @param now seconds since 1970: what has been allowed by then is stated first
 */
export function describeBudget(policy: Policy, now: number): string {
  const budget = budgetOf(policy);
  if ('reasons' in budget) {
    return [
      'No sum is bounded: what the policy allows may be signed again and again.',
      ...budget.reasons.map((reason) => `  ${reason}`),
    ].join('\n');
  }
  const { assets } = budget;
  if (assets.length === 0) return 'Signatures under this policy alone move nothing.';
  return [
    burst(assets.flatMap(({ spending }) => spending)),
    MOVES,
    ...assets.flatMap((asset) => assetLines(asset, BigInt(now)).map((line) => `  ${line}`)),
    ...FOOT,
  ].join('\n');
}

/** What happens to unused payments. */
function burst(spending: readonly Spending[]): string {
  const kept = spending.filter(({ pace }) => pace.keep !== undefined).length;
  if (kept === 0) return 'What is not used stays, and all of it may go at once.';
  return kept === spending.length
    ? 'What is not used in its time expires. Until then all of it may go at once.'
    : 'What is not used stays, unless it is said to expire, and all of it may go at once.';
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
      `${nameOf(asset)}: ${show(sumBy(budget, begin))} at once, at ${showTime(begin)}`,
      ...sums.map(({ after, sum }) => `${show(sum)} ${showSpan(after)} later`),
      `${show(all)} in all`,
    ].join(', '),
    ...spending.map(({ sequence, each, pace }) => {
      const expiry = pace.keep === undefined ? '' : `; each expires after ${showSpan(BigInt(pace.keep))}`;
      return `  ${sequence}: ${pace.total ?? pace.count} times ${show(each)}${expiry}`;
    }),
    ...(day === undefined || step === undefined || day >= all
      ? []
      : [`  in any interval of ${showSpan(step)} at most ${show(day)}, if no host's clock is ahead`]),
  ];
}

/** An asset in words. */
export function nameOf({ chain, token, of }: Asset): string {
  const known = tokenAt(chain, token);
  const coin = coinOf([chain]) ?? "the chain's own coin";
  const what = token === undefined ? coin : known === undefined ? `the token ${token}` : `${known.symbol} (${token})`;
  return `${what}${of === undefined ? '' : ` of the Safe ${of}`} on chain ${chain}`;
}

/** An amount of an asset in words, in its smallest unit if it has no name here. */
export function showAmount({ chain, token }: Asset, amount: bigint): string {
  if (token === undefined) return inCoin(amount, [chain]);
  const known = tokenAt(chain, token);
  return known === undefined ? `${amount} units` : inUnits(amount, known);
}
