import { InputError } from '../intent/read/json.ts';
import { constraintAt, onlyOf, type TypedEffect, typedEffectOf, typedEffects } from './effects.ts';
import type { Pace, Policy, Rule, RuleOf } from './schema.ts';

// Numbers that a chain takes once, or a contract on it: which rules use the same ones.

/** The numbers that a rule with a pace uses. Rules of one sequence share each number: it is taken once, by one of them. */
export interface Sequence {
  /** In words, which tell it from every other. */
  readonly name: string;
  readonly pace: Pace;
  /** Whether another rule, with or without a pace, allows what uses these numbers too. */
  isUsedBy(rule: Rule): boolean;
}

/** The sequence of a rule with a pace; undefined of one without, or where it is not known whose numbers they are. */
export function sequenceOf(rule: Rule): Sequence | undefined {
  if (rule.kind === 'transaction' || rule.kind === 'authorization') {
    const [chain] = rule.chains;
    if (rule.pace === undefined || chain === undefined) return undefined;
    return {
      name: `the account's nonces on chain ${chain}`,
      pace: rule.pace,
      isUsedBy: (other) => usesNonces(other, chain),
    };
  }
  if (rule.kind === 'message') return undefined;
  const effect = typedEffectOf(rule);
  const pace = paceOf(rule);
  const place = placeOf(rule);
  if (effect === undefined || pace === undefined || place === undefined) return undefined;
  const pins = (effect.pins ?? []).map((field) => onlyOf(constraintAt(rule.fields, field)));
  const words = [
    effect.sequence,
    `at ${place.contract} on chain ${place.chain}`,
    ...(pins.length > 0 ? [`for ${pins.join(' and ')}`] : []),
  ];
  return { name: words.join(' '), pace, isUsedBy: (other) => usesNumbers(other, effect, place, pins) };
}

interface Place {
  readonly chain: string;
  readonly contract: string;
}

/** The one contract, on one chain, that takes what the rule allows. */
export function placeOf({ domains }: RuleOf<'typedData'>): Place | undefined {
  const [domain, ...others] = domains === 'any' ? [] : domains;
  if (domain?.chainId === undefined || domain.verifyingContract === undefined || others.length > 0) return undefined;
  return { chain: domain.chainId, contract: domain.verifyingContract };
}

function usesNonces(rule: Rule, chain: string): boolean {
  if (rule.kind !== 'transaction' && rule.kind !== 'authorization') return false;
  // An authorization for chain 0 is good on every chain.
  return chain === '0' || rule.chains === 'any' || rule.chains.some((other) => other === chain || other === '0');
}

function usesNumbers(rule: Rule, { sequence }: TypedEffect, place: Place, pins: readonly unknown[]): boolean {
  if (rule.kind !== 'typedData') return false;
  const { domains, types } = rule;
  const isThere =
    domains === 'any' ||
    domains.some(
      ({ chainId = place.chain, verifyingContract = place.contract }) =>
        chainId === place.chain && verifyingContract === place.contract,
    );
  const allowed = typedEffects.filter(
    ({ type }) => types === 'any' || types.includes(type) || types.includes(type.slice(0, type.indexOf('('))),
  );
  return (
    isThere &&
    allowed.some(
      (effect) =>
        effect.sequence === sequence &&
        (effect.pins ?? []).every((field, i) => {
          const listed = constraintAt(rule.fields, field)?.in;
          return listed === undefined || pins[i] === undefined || listed.includes(String(pins[i]));
        }),
    )
  );
}

/**
 * Checks that the paces of a policy bound what they seem to: that no rule lets others use the numbers of one with a pace. An
 * action does not check it: it judges by the rules as they are, which stand in its source, and no request changes them.
 *
 * @throws {@link InputError} if they do not; the error names the place
 */
export function checkPaces({ rules, sum }: Policy): void {
  if (rules === 'any') return;
  for (const [i, rule] of rules.entries()) {
    const path = `rules[${i}]`;
    if (rule.kind === 'typedData') checkNumbers(rule, path);
    const sequence = sequenceOf(rule);
    if (sequence === undefined || sum === 'none') continue;
    const other = rules.find((other) => sequence.isUsedBy(other) && !isSame(paceOf(other), sequence.pace));
    if (other !== undefined) {
      throw new InputError(
        path,
        `the rule ${other.name} has ${paceOf(other) === undefined ? 'no pace' : 'another pace'} for ${sequence.name}; ` +
          'give both the same, or the policy "sum": "none"',
      );
    }
  }
}

/** What of a pace makes no sense for the numbers of a contract that is known. */
function checkNumbers(rule: RuleOf<'typedData'>, path: string): void {
  const effect = typedEffectOf(rule);
  const pace = paceOf(rule);
  if (effect === undefined || pace === undefined) return;
  for (const field of effect.pins ?? []) {
    if (onlyOf(constraintAt(rule.fields, field)) === undefined) {
      throw new InputError(
        `${path}.fields`,
        `${field} must be one value: each has numbers of its own, and its own pace`,
      );
    }
  }
  if (pace.keep === undefined) return;
  const place = `${path}.fields.${effect.nonce}.pace.keep`;
  if (effect.isOrdered)
    throw new InputError(place, 'the contract takes the numbers in order: one that expires stops all after it');
  if (effect.until !== undefined && constraintAt(rule.fields, effect.until)?.within === undefined) {
    throw new InputError(
      place,
      `needs {"within": seconds} on ${effect.until}: what is signed in time could be used at any later time`,
    );
  }
}

/** The pace of the numbers that a rule uses; undefined if it has none, or it is not known which they are. */
export function paceOf(rule: Rule): Pace | undefined {
  if (rule.kind === 'message') return undefined;
  if (rule.kind !== 'typedData') return rule.pace;
  const effect = typedEffectOf(rule);
  return effect && constraintAt(rule.fields, effect.nonce)?.pace;
}

function isSame(a: Pace | undefined, b: Pace): boolean {
  return JSON.stringify(a) === JSON.stringify(b); // both are in canonical form
}
