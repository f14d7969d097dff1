import { InputError } from '../intent/read/json.ts';
import { ACCOUNT } from './account.ts';
import { type CallEffect, constraintAt, least, most, mostOf, onlyOf, placesInCall, typedEffectOf } from './effects.ts';
import type { Call, Constraint, Pace, Policy, Rule, RuleOf } from './schema.ts';
import { checkPaces, paceOf, placeOf, sequenceOf } from './sequences.ts';

// The sum that signatures under a policy can move, where one can be stated. No action has this: it is for the owner.

/** What is moved: a chain's own coin or a token, of the account or of a Safe that it signs for. */
export interface Asset {
  readonly chain: string;
  /** The address of the token; undefined for the chain's own coin. */
  readonly token: string | undefined;
  /** Whose, if it is not the account's. */
  readonly of: string | undefined;
}

/** What each number of a sequence can move of an asset at most, once. */
export interface Spending {
  readonly sequence: string;
  readonly pace: Pace;
  readonly each: bigint;
  /** For how many seconds a signature stays good at most; only where the pace has an end for each number. */
  readonly within: bigint | undefined;
}

export interface AssetBudget {
  readonly asset: Asset;
  readonly spending: readonly Spending[];
}

/** The sum that a policy bounds, per asset; or that it bounds none. */
export type Budget =
  | { readonly assets: readonly AssetBudget[] }
  /** Why no sum can be stated: at least one reason, and each begins with the rule's name if it is one rule's. */
  | { readonly reasons: readonly string[] };

/** The sum that signatures under a policy can move, per chain and asset, or why none can be stated. */
export function budgetOf(policy: Policy): Budget {
  const { rules, sum } = policy;
  if (rules === 'any') return { reasons: ['everything is allowed'] };
  const reasons = [
    ...(sum === 'none' ? ['the policy says "sum": "none"'] : contradictionIn(policy)),
    ...rules.flatMap((rule) => {
      const doubt = doubtOf(rule);
      return doubt === false ? [] : [`${rule.name}: ${doubt}`];
    }),
  ];
  return reasons.length > 0 ? { reasons } : { assets: assetsOf(rules) };
}

/** What a policy would be refused for where it is made: with two paces on one sequence, neither bounds it. */
function contradictionIn(policy: Policy): string[] {
  try {
    checkPaces(policy);
    return [];
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return [error.message];
  }
}

/** What has been moved at most by a time of the furthest-ahead clock that any host ever showed. */
export function sumBy({ spending }: AssetBudget, time: bigint): bigint {
  return spending.reduce((sum, { pace, each }) => sum + each * numbersBy(pace, time), 0n);
}

/** What is ever moved at most. */
export function sumOfAll({ spending }: AssetBudget): bigint {
  return spending.reduce((sum, { pace, each }) => sum + each * BigInt(pace.total ?? pace.count), 0n);
}

/**
 * What is moved at most in any interval of so many seconds, if no host's clock is ahead; undefined where unused pace does not
 * expire. What takes effect in it was signed at most `within` before its end, and its number allowed at most `keep` before that.
 */
export function sumWithin({ spending }: AssetBudget, seconds: bigint): bigint | undefined {
  let sum = 0n;
  for (const { pace, each, within } of spending) {
    if (pace.keep === undefined || pace.every === undefined || within === undefined) return undefined;
    const steps = (seconds + BigInt(pace.keep) + within) / BigInt(pace.every) + 1n;
    sum += each * least(steps * BigInt(pace.count), BigInt(pace.total ?? pace.count));
  }
  return sum;
}

/** How many numbers a pace has allowed by a time. */
export function numbersBy({ count, every, from, total }: Pace, time: bigint): bigint {
  const since = time - BigInt(from ?? '0');
  if (since < 0n) return 0n;
  if (every === undefined) return BigInt(count);
  const numbers = BigInt(count) * (1n + since / BigInt(every));
  return total === undefined ? numbers : least(numbers, BigInt(total));
}

/** The numbers that a pace allows at a time: the first, and the one after the last. */
export function numbersAt(pace: Pace, time: bigint): { readonly low: bigint; readonly end: bigint } {
  const first = BigInt(pace.first);
  const expired = pace.keep === undefined ? 0n : numbersBy(pace, time - BigInt(pace.keep));
  return { low: first + expired, end: first + numbersBy(pace, time) };
}

/** When a pace allows a number no more; undefined if it always does, once it did. */
export function expiryOf({ first, count, every, from, keep }: Pace, number: bigint): bigint | undefined {
  if (keep === undefined || every === undefined) return undefined;
  return BigInt(from ?? '0') + ((number - BigInt(first)) / BigInt(count)) * BigInt(every) + BigInt(keep);
}

/** When a pace allows the next number after those of a time; undefined if it never does. */
export function moreAt(pace: Pace, time: bigint): bigint | undefined {
  const from = BigInt(pace.from ?? '0');
  if (time < from) return from;
  if (pace.every === undefined) return undefined;
  const every = BigInt(pace.every);
  const next = from + ((time - from) / every + 1n) * every;
  return numbersBy(pace, next) > numbersBy(pace, time) ? next : undefined;
}

/** Sequences add up. On one of them, each number counts its dearest rule. */
function assetsOf(rules: readonly Rule[]): AssetBudget[] {
  const assets = new Map<string, { asset: Asset; spending: Map<string, Spending> }>();
  for (const rule of rules) {
    const sequence = sequenceOf(rule);
    if (sequence === undefined) continue;
    for (const [asset, amount] of movesOf(rule)) {
      const key = JSON.stringify([asset.chain, asset.token, asset.of]);
      const found = assets.get(key) ?? { asset, spending: new Map() };
      assets.set(key, found);
      const { name, pace } = sequence;
      const before = found.spending.get(name);
      const within = withinOf(rule);
      found.spending.set(name, {
        sequence: name,
        pace,
        each: most(amount, before?.each ?? 0n),
        within: before === undefined ? within : longest(within, before.within),
      });
    }
  }
  return [...assets.values()].map(({ asset, spending }) => ({ asset, spending: [...spending.values()] }));
}

function longest(a: bigint | undefined, b: bigint | undefined): bigint | undefined {
  return a === undefined || b === undefined ? undefined : most(a, b);
}

function withinOf(rule: Rule): bigint | undefined {
  const effect = rule.kind === 'typedData' ? typedEffectOf(rule) : undefined;
  if (rule.kind !== 'typedData' || effect?.until === undefined) return undefined;
  const within = constraintAt(rule.fields, effect.until)?.within;
  return within === undefined ? undefined : BigInt(within);
}

/** What one use of a rule moves at most, of a rule without doubt. */
function movesOf(rule: Rule): [Asset, bigint][] {
  if (rule.kind === 'transaction') return transactionMoves(rule);
  const effect = rule.kind === 'typedData' ? typedEffectOf(rule) : undefined;
  const place = rule.kind === 'typedData' ? placeOf(rule) : undefined;
  if (rule.kind !== 'typedData' || effect === undefined || place === undefined) return [];
  const { chain, contract } = place;
  const token = effect.token === undefined ? contract : tokenIn(constraintAt(rule.fields, effect.token));
  const asset = effect.isCoin ? { chain, token: undefined, of: contract } : { chain, token, of: undefined };
  return [[asset, mostOf(rule.fields, effect.amount) ?? 0n]];
}

function transactionMoves(rule: RuleOf<'transaction'>): [Asset, bigint][] {
  const [chain = ''] = rule.chains;
  const coin: Asset = { chain, token: undefined, of: undefined };
  const calls = Array.isArray(rule.calls) ? rule.calls : [];
  const tokens = calls.map((call): [Asset, bigint] => {
    const { amount = 0n, token } = movesOfCall(call);
    return [{ chain, token: token ?? rule.to[0], of: undefined }, amount];
  });
  return [[coin, BigInt(rule.maxValue) + BigInt(rule.maxFee)], ...tokens];
}

/** The one token that a field names; the account itself is none. */
function tokenIn(constraint: Constraint | undefined): string | undefined {
  const only = onlyOf(constraint);
  return only === ACCOUNT ? undefined : only;
}

interface CallMoves {
  readonly effect: CallEffect | undefined;
  readonly amount?: bigint | undefined;
  /** Which token, if the call names it. */
  readonly token?: string | undefined;
}

function movesOfCall(call: Call): CallMoves {
  const places = placesInCall(call);
  if (places === undefined) return { effect: undefined };
  const { effect, amount = '', token } = places;
  const named = token === undefined ? undefined : tokenIn(constraintAt(call.args, token));
  return { effect, amount: mostOf(call.args, amount), token: named };
}

// Each doubt is a way past the sum: test/policy-budget.test.ts has the attack that it stops.

type Doubt = string | false;

/** From here on an amount means "any" in contracts that have it in 96 bits, as the greatest do in 160 and 256. */
const ENDLESS = 2n ** 96n - 1n;
/** Fewer bytes that a message begins with can be those of a hash. */
const LEAST_PREFIX = 20;

const NO_PACE = 'it has no pace';
const NO_TOTAL = 'its pace has no total: a host whose clock is far ahead, once, allows everything for good';

const ofMessages: readonly ((rule: RuleOf<'message'>) => Doubt)[] = [
  ({ prefixes }) =>
    (prefixes === 'any' || prefixes.some((prefix) => new TextEncoder().encode(prefix).length < LEAST_PREFIX)) &&
    `the rule needs prefixes of ${LEAST_PREFIX} bytes at least: a hash that a contract takes may begin with fewer`,
  ({ hashes }) =>
    hashes === undefined && 'the rule needs "hashes": "none": 32 bytes may be a hash that a contract takes',
];

const ofTransactions: readonly ((rule: RuleOf<'transaction'>) => Doubt)[] = [
  ({ pace }) => pace === undefined && NO_PACE,
  ({ pace }) => hasNoTotal(pace) && NO_TOTAL,
  ({ maxValue }) => maxValue === 'any' && 'its value has no bound',
  ({ maxFee }) => maxFee === 'any' && 'its fee has no bound',
  ({ create }) => create !== undefined && 'it creates contracts, and what they do is not known',
  ({ accessList }) => accessList !== undefined && 'it takes any access list',
  ({ maxBlobs }) => maxBlobs !== undefined && 'it takes blobs',
  ({ delegates }) => delegates !== undefined && 'it carries authorizations, which let code do anything with an account',
  ({ calls }) => calls === 'any' && 'it takes any data',
  ({ calls, to }) =>
    Array.isArray(calls) &&
    (to === 'any' || to.length > 1 || to[0] === ACCOUNT) &&
    'it must call one contract: an amount of one token says nothing of another',
  ({ calls }) => ofCalls(calls, ({ effect }) => effect === undefined, 'what it moves is not known'),
  ({ calls }) =>
    ofCalls(
      calls,
      ({ effect, token }) => effect?.token !== undefined && token === undefined,
      'its token must be one address',
    ),
  ({ calls }) => ofCalls(calls, ({ amount }) => isEndless(amount), 'its amount has no bound below 2^96 - 1'),
];

const ofTypedData: readonly ((rule: RuleOf<'typedData'>) => Doubt)[] = [
  (rule) =>
    typedEffectOf(rule) === undefined &&
    'the rule needs one type that is known here, in full: what other types move is not known',
  (rule) => placeOf(rule) === undefined && 'the rule needs one domain, with chainId and verifyingContract',
  ({ domainTypes }) =>
    domainTypes !== undefined &&
    'the rule needs a domain of the fields of EIP-712: what other fields bind is not known',
  (rule) => paceOf(rule) === undefined && NO_PACE,
  (rule) => hasNoTotal(paceOf(rule)) && NO_TOTAL,
  (rule) => {
    const field = typedEffectOf(rule)?.token;
    return (
      field !== undefined &&
      tokenIn(constraintAt(rule.fields, field)) === undefined &&
      `its ${field} must be one address`
    );
  },
  (rule) =>
    isEndless(mostOf(rule.fields, typedEffectOf(rule)?.amount ?? '')) && 'its amount has no bound below 2^96 - 1',
  (rule) => {
    const wrong = Object.entries(typedEffectOf(rule)?.only ?? {}).find(
      ([field, value]) => onlyOf(constraintAt(rule.fields, field)) !== value,
    );
    return wrong !== undefined && `its ${wrong[0]} must be ${wrong[1]}, and nothing else`;
  },
];

/** Why no sum can be stated with this rule; the first reason is enough. */
function doubtOf(rule: Rule): Doubt {
  switch (rule.kind) {
    case 'message':
      return first(ofMessages, rule);
    case 'typedData':
      return first(ofTypedData, rule);
    case 'transaction':
      return first(ofTransactions, rule);
    case 'authorization':
      return 'an authorization lets code do anything with the account';
  }
}

function first<T>(checks: readonly ((rule: T) => Doubt)[], rule: T): Doubt {
  return checks.map((check) => check(rule)).find((doubt) => doubt !== false) ?? false;
}

function ofCalls(calls: RuleOf<'transaction'>['calls'], isWrong: (moves: CallMoves) => boolean, what: string): Doubt {
  const wrong = Array.isArray(calls) ? calls.find((call) => isWrong(movesOfCall(call))) : undefined;
  return wrong !== undefined && `${wrong.function}: ${what}`;
}

function hasNoTotal(pace: Pace | undefined): boolean {
  return pace?.every !== undefined && pace.total === undefined;
}

function isEndless(amount: bigint | undefined): boolean {
  return amount === undefined || amount >= ENDLESS;
}
