import type { Address, PublicClient } from 'viem';
import { areAuthorizationsUsed } from '../adapters/x402.ts';
import { type AssetBudget, budgetOf, moreAt, numbersAt, sumOfAll } from '../policy/budget.ts';
import { nameOf, showAmount } from '../policy/describe-budget.ts';
import { least, typedEffectOf } from '../policy/effects.ts';
import { showTime } from '../policy/pace.ts';
import type { Pace, Policy, Rule } from '../policy/schema.ts';
import { placeOf, sequenceOf } from '../policy/sequences.ts';

// What is left of a budget. The chain says which numbers are used, and the pace which are allowed.

export interface LeftOptions {
  readonly policy: Policy;
  /** A node for each chain, by the chain's id. */
  readonly clients: ReadonlyMap<string, PublicClient>;
  readonly account: Address;
  /** Seconds since 1970. */
  readonly now: number;
}

/** How many numbers a node is asked for, the lowest first, since payments use those. Those beyond count as unused. */
const MAX_ASKED = 256n;

/** The numbers of a sequence. */
interface Numbers {
  /** How many are allowed and not used; null if there is no node to ask. */
  readonly left: bigint | null;
  /** When the next one is allowed; undefined if none ever is. */
  readonly more: bigint | undefined;
}

/** What is left of the sum that a policy bounds, at most: per asset, and of transactions. */
export async function budgetLeft({ policy, clients, account, now }: LeftOptions): Promise<object> {
  const budget = budgetOf(policy);
  if ('reasons' in budget) return budget;
  const rules = policy.rules === 'any' ? [] : policy.rules;
  const numbers = new Map<string, Numbers>();
  const transactionsLeft: object[] = [];
  for (const rule of rules) {
    const { name = '', pace } = sequenceOf(rule) ?? {};
    if (pace === undefined || numbers.has(name)) continue;
    const [chain = ''] = rule.kind === 'transaction' ? rule.chains : [];
    const found = {
      left: await leftOf(rule, pace, { clients, account, now: BigInt(now) }),
      more: moreAt(pace, BigInt(now)),
    };
    numbers.set(name, found);
    if (rule.kind === 'transaction') transactionsLeft.push({ chain, ...facts(found) });
  }
  const assets = budget.assets.map((one) => {
    const left = leftOfAsset(one, numbers);
    return { asset: one, ...left, text: inWords(one, left) };
  });
  return {
    text: assets.map(({ text }) => text).join('\n'),
    assets: assets.map(({ asset, ...left }) => ({ ...asset.asset, ...facts(left), all: String(sumOfAll(asset)) })),
    transactionsLeft,
  };
}

/** How many numbers of a rule's sequence are left; of contracts that are not asked, all that are allowed. */
async function leftOf(
  rule: Rule,
  pace: Pace,
  { clients, account, now }: { clients: LeftOptions['clients']; account: Address; now: bigint },
): Promise<bigint | null> {
  const { low, end } = numbersAt(pace, now);
  if (rule.kind === 'transaction') {
    const client = clients.get(rule.chains[0] ?? '');
    if (client === undefined) return null;
    const next = BigInt(await client.getTransactionCount({ address: account, blockTag: 'pending' }));
    return between(low, next, end);
  }
  const place = rule.kind === 'typedData' ? placeOf(rule) : undefined;
  const type = rule.kind === 'typedData' ? typedEffectOf(rule)?.type : undefined;
  if (place === undefined || type?.includes('WithAuthorization(') !== true) return end - low;
  const client = clients.get(place.chain);
  if (client === undefined) return null;
  // Each is asked for, as there may be gaps.
  const asked = Array.from({ length: Number(least(end - low, MAX_ASKED)) }, (_, i) => low + BigInt(i));
  const used = await areAuthorizationsUsed(client, place.contract as Address, account, asked);
  return end - low - BigInt(used.filter((isUsed) => isUsed).length);
}

function between(low: bigint, next: bigint, end: bigint): bigint {
  if (next >= end) return 0n;
  return end - (next > low ? next : low);
}

function leftOfAsset({ spending }: AssetBudget, numbers: ReadonlyMap<string, Numbers>): Numbers {
  let [left, more]: [bigint | null, bigint | undefined] = [0n, undefined];
  for (const { sequence, each } of spending) {
    const found = numbers.get(sequence);
    left = left === null || found === undefined || found.left === null ? null : left + each * found.left;
    if (found?.more !== undefined && (more === undefined || found.more < more)) more = found.more;
  }
  return { left, more };
}

function facts({ left, more }: Numbers): { left: string | null; moreAt: string | null } {
  return {
    left: left === null ? null : String(left),
    moreAt: more === undefined ? null : showTime(more),
  };
}

function inWords({ asset }: AssetBudget, { left, more }: Numbers): string {
  const amount = left === null ? 'not known, as there is no RPC' : showAmount(asset, left);
  return `Left now, at most, of ${nameOf(asset)}: ${amount}. ${more === undefined ? 'There will be no more.' : `More from ${showTime(more)} on.`}`;
}
