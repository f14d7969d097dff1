import { formatEther } from 'viem/utils';
import type { Type } from '../intent/types.ts';
import { quoted, visible } from '../text/untrusted.ts';
import { parseFunction, parseStructType } from './abi.ts';
import { ACCOUNT } from './account.ts';
import { showTime } from './pace.ts';
import type { Call, Constraint, Constraints, Pace, Policy, Rule, RuleOf, Sum } from './schema.ts';

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
        `that begin with ${choice(rule.prefixes, quoted)}`,
        ...(rule.hashes === undefined ? [] : ['and are not of 32 bytes, as a hash is']),
      ];
    case 'typedData':
      return [
        `of the domain ${choice(rule.domains, (domain) => JSON.stringify(domain))}`,
        ...(rule.domainTypes === undefined ? [] : [`of the domain type ${choice(rule.domainTypes)}`]),
        `of the type ${choice(rule.types)}`,
        ...(rule.fields === undefined
          ? []
          : constraintLines(parseStructType(rule.types[0] ?? '', ''), rule.fields, '')),
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
  const ether = (wei: string) =>
    wei === 'any' ? 'any amount' : `at most ${formatEther(BigInt(wei))} ETH (${wei} wei)`;
  return [
    `on chain ${choice(rule.chains)}`,
    `to ${choice(rule.to, (who) => (who === ACCOUNT ? ITSELF : who))}`,
    ...(calls === undefined ? ['without data'] : calls === 'any' ? ['with any data'] : []),
    ...(Array.isArray(calls)
      ? calls.flatMap((call) => [`calling ${call.function}`, ...callLines(call, '').map((line) => `  ${line}`)])
      : []),
    `value: ${ether(rule.maxValue)}`,
    `fee: ${ether(rule.maxFee)}`,
    ...(maxGas === undefined ? [] : [`gas limit: at most ${maxGas}`]),
    ...(maxFeePerGas === undefined ? [] : [`fee per gas: at most ${maxFeePerGas} wei`]),
    ...(maxData === undefined ? [] : [`data: at most ${maxData} bytes`]),
    ...(create === undefined ? [] : [`or creating a contract; keccak256 of its init code: ${choice(create)}`]),
    ...(accessList === undefined ? [] : ['with any access list']),
    ...(maxBlobs === undefined ? [] : [`blobs: ${maxBlobs === 'any' ? 'any number' : `at most ${maxBlobs}`}`]),
    ...(delegates === undefined ? [] : [`carrying authorizations of the delegate ${choice(delegates)}`]),
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
  return [
    [
      `${what} is one of the ${count} from ${first} on`,
      ...(every === undefined ? [] : [`and of ${count} more every ${every} seconds`]),
      ...(total === undefined ? [] : [`and of ${total} in all`]),
      ...(from === undefined ? [] : [`not before ${showTime(from)}`]),
      ...(keep === undefined ? [] : [`and each for ${keep} seconds only`]),
    ].join(', '),
  ];
}

function callLines({ function: signature, args }: Call, path: string): string[] {
  return args === undefined ? [] : constraintLines(parseFunction(signature, '').type, args, path);
}

function constraintLines(type: Type, constraints: Constraints, path: string): string[] {
  const fields = type.kind === 'struct' ? type.fields : [];
  return Object.entries(constraints).flatMap(([name, constraint]) => {
    const field = fields.find((field) => field.name === name);
    return field === undefined ? [] : constraintLine(field.type, constraint, `${path}${name}`);
  });
}

function constraintLine(type: Type, constraint: Constraint, path: string): string[] {
  const { in: list, min, max, within, pace, each, sum, fields, call } = constraint;
  const isAddress = type.kind === 'atom' && type.name === 'address';
  const show = (item: string | boolean) => (isAddress && item === ACCOUNT ? ITSELF : JSON.stringify(item));
  return [
    ...(type.kind !== 'list' || each === undefined ? [] : constraintLine(type.item, each, `each of ${path}`)),
    ...(sum === undefined ? [] : sumLines(sum, path)),
    ...(fields === undefined ? [] : constraintLines(type, fields, `${path}.`)),
    ...(list === undefined ? [] : [`${path} is ${choice(list, show)}`]),
    ...(min === undefined && max === undefined ? [] : [`${path} is ${bounds({ min, max })}`]),
    ...(within === undefined ? [] : [`${path} is at most ${within} seconds from now`]),
    ...paceLine(path, pace),
    ...(call === undefined ? [] : [`${path} calls ${call.function}`, ...callLines(call, `${path}.`)]),
  ];
}

function sumLines({ max, fields = {} }: Sum, path: string): string[] {
  return [
    ...(max === undefined ? [] : [`the sum of ${path} is at most ${max}`]),
    ...Object.entries(fields).flatMap(([name, inner]) => sumLines(inner, `${path}.${name}`)),
  ];
}

function bounds({ min, max }: { min: string | undefined; max: string | undefined }): string {
  return [...(min === undefined ? [] : [`at least ${min}`]), ...(max === undefined ? [] : [`at most ${max}`])].join(
    ' and ',
  );
}

function choice<T>(list: 'any' | readonly T[], show: (item: T) => string = String): string {
  return list === 'any' ? 'any' : list.map(show).join(' or ');
}
