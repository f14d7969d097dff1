import { inCoin } from '../intent/coin.ts';
import type { Type } from '../intent/types.ts';
import { quoted, visible } from '../text/untrusted.ts';
import { parseFunction, parseStructType } from './abi.ts';
import { ACCOUNT } from './account.ts';
import { constraintAt, onlyOf, placesInCall, typedEffectOf } from './effects.ts';
import { showTime } from './pace.ts';
import type { Call, Constraint, Constraints, Pace, Policy, Rule, RuleOf, Sum } from './schema.ts';
import { placeOf } from './sequences.ts';
import { inUnits, type Token, tokenAt } from './tokens.ts';

const ITSELF = 'the account itself';

/** The policy in words, for people: one block of lines for each rule, which nothing within it can add to or disguise. */
export function describePolicy(policy: Policy): string {
  if (policy.rules === 'any') return 'Allows everything, raw digests too.';
  if (policy.rules.length === 0) return 'Allows nothing.';
  const blocks = policy.rules.map((rule) =>
    [
      `${rule.name}: ${headOf(rule)}`,
      ...[...linesOf(rule), ...conditions(rule)].map((line) => `  ${visible(line)}`),
    ].join('\n'),
  );
  return ['Allows what one of these rules allows, and nothing else.', ...blocks].join('\n');
}

function headOf(rule: Rule): string {
  switch (rule.kind) {
    case 'message':
      return 'messages (EIP-191)';
    case 'typedData':
      return 'typed data (EIP-712)';
    case 'transaction':
      return 'transactions';
    case 'authorization':
      return 'authorizations of a delegate (EIP-7702)';
  }
}

function linesOf(rule: Rule): string[] {
  switch (rule.kind) {
    case 'message':
      return [
        rule.prefixes === 'any' ? 'with any text' : `that begin with ${choice(rule.prefixes, quoted)}`,
        ...(rule.hashes === undefined ? [] : ['and are not of 32 bytes, as a hash is']),
      ];
    case 'typedData':
      return [
        ofAny('domain', rule.domains, (domain) => JSON.stringify(domain)),
        ...(rule.domainTypes === undefined ? [] : [`of the domain type ${choice(rule.domainTypes)}`]),
        ofAny('type', rule.types),
        ...(rule.fields === undefined
          ? []
          : constraintLines(parseStructType(rule.types[0] ?? '', ''), rule.fields, {
              path: '',
              amount: typedAmount(rule),
            })),
      ];
    case 'transaction':
      return transactionLines(rule);
    case 'authorization':
      return [
        `on chain ${choice(rule.chains)}`,
        `of the delegate ${choice(rule.delegates)}`,
        ...paceLine('the nonce', rule.pace),
      ];
  }
}

function transactionLines(rule: RuleOf<'transaction'>): string[] {
  const { calls, create, accessList, maxBlobs, delegates, maxGas, maxFeePerGas, maxData } = rule;
  const who = (one: string) => {
    const symbol = tokenAt(onlyIn(rule.chains), one)?.symbol;
    return one === ACCOUNT ? ITSELF : symbol === undefined ? one : `${one} (${symbol})`;
  };
  const coin = (wei: string) =>
    wei === 'any' ? 'any amount' : `at most ${inCoin(BigInt(wei), rule.chains)} (${wei} wei)`;
  return [
    rule.chains === 'any' ? 'on any chain' : `on chain ${choice(rule.chains)}`,
    rule.to === 'any' ? 'to anybody' : `to ${choice(rule.to, who)}`,
    ...(calls === undefined ? ['without data'] : calls === 'any' ? ['with any data'] : []),
    ...(Array.isArray(calls)
      ? calls.flatMap((call) => [
          `calling ${call.function}`,
          ...callLines(call, { path: '', amount: callAmount(rule, call) }).map((line) => `  ${line}`),
        ])
      : []),
    `value: ${coin(rule.maxValue)}`,
    `fee: ${coin(rule.maxFee)}`,
    ...(maxGas === undefined ? [] : [`gas limit: at most ${maxGas}`]),
    ...(maxFeePerGas === undefined ? [] : [`fee per gas: at most ${maxFeePerGas} wei`]),
    ...(maxData === undefined ? [] : [`data: at most ${maxData} bytes`]),
    ...(create === undefined ? [] : [`or creating a contract; keccak256 of its init code: ${choice(create)}`]),
    ...(accessList === undefined ? [] : ['with any access list']),
    ...(maxBlobs === undefined ? [] : [`blobs: ${maxBlobs === 'any' ? 'any number' : `at most ${maxBlobs}`}`]),
    ...(delegates === undefined ? [] : [`carrying authorizations ${ofAny('delegate', delegates)}`]),
    ...paceLine('the nonce', rule.pace),
  ];
}

function conditions({ notBefore, notAfter, guardian, reads }: Rule): string[] {
  return [
    ...(notBefore === undefined ? [] : [`not before ${showTime(notBefore)}`]),
    ...(notAfter === undefined ? [] : [`not after ${showTime(notAfter)}`]),
    ...(guardian === undefined ? [] : [`approved of by the guardian ${guardian}`]),
    ...(reads ?? []).map(({ url, balanceOf, call, min, max }) => {
      const what =
        call === undefined
          ? `the balance of ${balanceOf}`
          : `${call.function} of ${call.to} for ${call.args.join(', ')}`;
      return `if ${what} is ${bounds({ min, max })}, as ${url} says`;
    }),
  ];
}

function paceLine(what: string, pace: Pace | undefined): string[] {
  if (pace === undefined) return [];
  const { first, count, every, from, total, keep } = pace;
  const last = (numbers: string) => BigInt(first) + BigInt(numbers) - 1n;
  return [
    [
      `${what} is ${first} to ${last(count)}`,
      ...(from === undefined ? [] : [`from ${showTime(from)} on`]),
      ...(every === undefined ? [] : [`${count} more every ${showSpan(BigInt(every)).replace(/^1 /, '')}`]),
      ...(total === undefined ? [] : [`never above ${last(total)}`]),
      ...(keep === undefined ? [] : [`each for ${showSpan(BigInt(keep))} only`]),
    ].join(', '),
  ];
}

/** Where in what is described a line is, and which of its numbers are amounts of a token that has a name here. */
interface Place {
  readonly path: string;
  readonly amount: TokenAmount | undefined;
}

interface TokenAmount {
  /** The path of the amount, as lines have it. */
  readonly path: string;
  readonly token: Token;
}

function callAmount({ chains, to }: RuleOf<'transaction'>, call: Call): TokenAmount | undefined {
  const { amount, token } = placesInCall(call) ?? {};
  const called = to.length === 1 ? to[0] : undefined;
  const known = tokenAt(onlyIn(chains), token === undefined ? called : onlyOf(constraintAt(call.args, token)));
  return amount === undefined || known === undefined ? undefined : { path: amount, token: known };
}

function typedAmount(rule: RuleOf<'typedData'>): TokenAmount | undefined {
  const effect = typedEffectOf(rule);
  const place = placeOf(rule);
  if (effect === undefined || place === undefined || effect.isCoin) return undefined;
  const address = effect.token === undefined ? place.contract : onlyOf(constraintAt(rule.fields, effect.token));
  const token = tokenAt(place.chain, address);
  return token && { path: effect.amount.replace('[]', ''), token };
}

function onlyIn(list: 'any' | readonly string[]): string | undefined {
  return list !== 'any' && list.length === 1 ? list[0] : undefined;
}

function callLines({ function: signature, args }: Call, place: Place): string[] {
  return args === undefined ? [] : constraintLines(parseFunction(signature, '').type, args, place);
}

function constraintLines(type: Type, constraints: Constraints, { path, amount }: Place): string[] {
  const fields = type.kind === 'struct' ? type.fields : [];
  return Object.entries(constraints).flatMap(([name, constraint]) => {
    const field = fields.find((field) => field.name === name);
    return field === undefined ? [] : constraintLine(field.type, constraint, { path: `${path}${name}`, amount });
  });
}

function constraintLine(type: Type, constraint: Constraint, { path, amount }: Place): string[] {
  const { in: list, min, max, within, pace, each, sum, fields, call } = constraint;
  const isAddress = type.kind === 'atom' && type.name === 'address';
  const show = (item: string | boolean) => (isAddress && item === ACCOUNT ? ITSELF : JSON.stringify(item));
  return [
    ...(type.kind !== 'list' || each === undefined
      ? []
      : constraintLine(type.item, each, { path: `each of ${path}`, amount })),
    ...(sum === undefined ? [] : sumLines(sum, { path, amount })),
    ...(fields === undefined ? [] : constraintLines(type, fields, { path: `${path}.`, amount })),
    ...(list === undefined ? [] : [`${path} is ${choice(list, show)}`]),
    ...(min === undefined && max === undefined ? [] : [`${path} is ${bounds({ min, max }, unitAt({ path, amount }))}`]),
    ...(within === undefined ? [] : [`${path} is at most ${showSpan(BigInt(within))} from now`]),
    ...paceLine(path, pace),
    ...(call === undefined
      ? []
      : [`${path} calls ${call.function}`, ...callLines(call, { path: `${path}.`, amount: undefined })]),
  ];
}

function sumLines({ max, fields = {} }: Sum, { path, amount }: Place): string[] {
  return [
    ...(max === undefined ? [] : [`the sum of ${path} is ${bounds({ max }, unitAt({ path, amount }))}`]),
    ...Object.entries(fields).flatMap(([name, inner]) => sumLines(inner, { path: `${path}.${name}`, amount })),
  ];
}

function unitAt({ path, amount }: Place): Token | undefined {
  return path.replace(/^each of /, '') === amount?.path ? amount.token : undefined;
}

function bounds({ min, max }: { min?: string | undefined; max?: string | undefined }, token?: Token): string {
  const show = (number: string) => (token === undefined ? number : `${inUnits(BigInt(number), token)} (${number})`);
  return [
    ...(min === undefined ? [] : [`at least ${show(min)}`]),
    ...(max === undefined ? [] : [`at most ${show(max)}`]),
  ].join(' and ');
}

const SPANS: readonly (readonly [bigint, string])[] = [
  [86_400n, 'day'],
  [3600n, 'hour'],
  [60n, 'minute'],
  [1n, 'second'],
];

/** So many seconds in the largest unit that divides them. */
export function showSpan(seconds: bigint): string {
  const [unit, name] = SPANS.find(([unit]) => seconds % unit === 0n) ?? [1n, 'second'];
  return seconds === unit ? `1 ${name}` : `${seconds / unit} ${name}s`;
}

function ofAny<T>(what: string, list: 'any' | readonly T[], show?: (item: T) => string): string {
  return list === 'any' ? `of any ${what}` : `of the ${what} ${choice(list, show)}`;
}

function choice<T>(list: 'any' | readonly T[], show: (item: T) => string = String): string {
  return list === 'any' ? 'any' : list.map(show).join(' or ');
}
