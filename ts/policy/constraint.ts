import type { Address, Hex } from 'viem';
import { within as at, InputError } from '../intent/read/json.ts';
import { readValue, type Type, type Value } from '../intent/types.ts';
import { type AbiFunction, decodeArguments, parseFunction } from './abi.ts';
import { readWho, resolveWho } from './account.ts';
import { checkPace, outOfPace } from './pace.ts';
import type { Call, Constraint, Constraints, Sum } from './schema.ts';

/** What a rule may depend on besides itself and the intent. */
export interface Facts {
  /** The host's clock: seconds since 1970. */
  readonly now: number;
  /** The address that would sign. */
  readonly account: Address | undefined;
}

/**
 * Checks that a constraint makes sense for a type, and gives it with its values in canonical form.
 *
 * @throws {@link InputError} if it does not
 */
function readConstraint(type: Type, constraint: Constraint, path: string): Constraint {
  const allowed = keysFor(type);
  const keys = Object.keys(constraint);
  if (keys.length === 0) throw new InputError(path, 'says nothing');
  const other = keys.find((key) => !allowed.includes(key));
  if (other !== undefined)
    throw new InputError(at(path, other), `does not fit the type; what does: ${allowed.join(', ')}`);

  const { in: list, each, sum, fields, call, pace } = constraint;
  const item = type.kind === 'list' && each !== undefined ? readConstraint(type.item, each, `${path}.each`) : undefined;
  if (sum !== undefined) readSum(type, constraint, sum, `${path}.sum`);
  for (const key of ['min', 'max'] as const) {
    const bound = constraint[key];
    if (bound !== undefined) readValue(type, bound, `${path}.${key}`);
  }
  if (pace !== undefined) checkPace(pace, `${path}.pace`);
  return {
    ...constraint,
    ...(list !== undefined && { in: list.map((value, i) => readListed(type, value, `${path}.in[${i}]`)) }),
    ...(item !== undefined && { each: item }),
    ...(fields !== undefined && { fields: readConstraints(type, fields, `${path}.fields`) }),
    ...(call !== undefined && { call: readCall(call, `${path}.call`) }),
  };
}

function keysFor(type: Type): readonly string[] {
  if (type.kind === 'list') return ['each', 'sum'];
  if (type.kind === 'struct') return ['fields'];
  if (type.name.startsWith('uint')) return ['in', 'min', 'max', 'within', 'pace'];
  if (type.name.startsWith('int')) return ['in', 'min', 'max'];
  if (type.name === 'bytes') return ['in', 'call'];
  return type.name.startsWith('bytes') ? ['in', 'pace'] : ['in'];
}

function isAddress(type: Type): boolean {
  return type.kind === 'atom' && type.name === 'address';
}

function readListed(type: Type, value: string | boolean, path: string): string | boolean {
  if (isAddress(type)) return readWho(String(value), path);
  const read = readValue(type, value, path);
  return typeof read === 'boolean' ? read : String(read);
}

/** Checks a call as {@link readConstraints} does. @throws InputError */
export function readCall(call: Call, path: string): Call {
  const { type } = parseFunction(call.function, `${path}.function`);
  return call.args === undefined ? call : { ...call, args: readConstraints(type, call.args, `${path}.args`) };
}

/** The same for each field of a struct. @throws InputError */
export function readConstraints(type: Type, constraints: Constraints, path: string): Constraints {
  const read = Object.entries(constraints).map(([name, constraint]) => {
    const place = at(path, name);
    return [name, readConstraint(fieldOf(type, name, place), constraint, place)] as const;
  });
  if (read.length === 0) throw new InputError(path, 'says nothing');
  return Object.fromEntries(read);
}

function fieldOf(type: Type, name: string, path: string): Type {
  const field = type.kind === 'struct' && name !== '' ? type.fields.find((field) => field.name === name) : undefined;
  if (field === undefined) throw new InputError(path, 'no field or argument has this name');
  return field.type;
}

/** Checks that what is summed up are unsigned numbers: others could make up for one another. @throws InputError */
function readSum(type: Type, constraint: Constraint | undefined, sum: Sum, path: string): void {
  if (type.kind === 'list') {
    readSum(type.item, constraint?.each, sum, path);
    return;
  }
  const call = constraint?.call;
  const isStruct = type.kind === 'struct' || call !== undefined;
  if ((sum.fields !== undefined) !== isStruct || (sum.max !== undefined) === isStruct) {
    throw new InputError(path, isStruct ? 'needs fields, and nothing else' : 'needs max, and nothing else');
  }
  if (type.kind === 'atom' && call === undefined && !type.name.startsWith('uint')) {
    throw new InputError(path, 'of no unsigned numbers');
  }
  const struct = call === undefined ? type : parseFunction(call.function, path).type;
  const parts = call === undefined ? constraint?.fields : call.args;
  const fields = Object.entries(sum.fields ?? {});
  if (isStruct && fields.length === 0) throw new InputError(path, 'says nothing');
  for (const [name, part] of fields) {
    const place = at(`${path}.fields`, name);
    readSum(fieldOf(struct, name, place), parts?.[name], part, place);
  }
}

/** Says where and how a struct's value breaks the constraints; `false` if it keeps them all. */
export function violation(
  type: Type,
  value: Value | undefined,
  constraints: Constraints,
  path: string,
  facts: Facts,
): string | false {
  const fields = type.kind === 'struct' ? type.fields : [];
  for (const [name, constraint] of Object.entries(constraints)) {
    const field = fields.find((field) => field.name === name);
    const place = `${path}${name}`;
    const broken =
      field === undefined ? `${place} is not there` : breaks(field.type, part(value, name), constraint, place, facts);
    if (broken !== false) return broken;
  }
  return false;
}

function part(value: Value | undefined, name: string): Value | undefined {
  return typeof value === 'object' && Object.hasOwn(value, name)
    ? (value as { [field: string]: Value })[name]
    : undefined;
}

function breaks(
  type: Type,
  value: Value | undefined,
  constraint: Constraint,
  path: string,
  facts: Facts,
): string | false {
  if (value === undefined) return `${path} is not there`;
  if (type.kind === 'struct') return violation(type, value, constraint.fields ?? {}, `${path}.`, facts);
  if (type.kind === 'list') {
    const { each, sum } = constraint;
    const items = value as readonly Value[];
    const broken = each && items.map((item, i) => breaks(type.item, item, each, `${path}[${i}]`, facts));
    return broken?.find((item) => item !== false) ?? (sum ? exceeds(type, [items], constraint, sum, path) : false);
  }
  const { in: list, min, max, within, pace, call } = constraint;
  if (list?.every((item) => listed(type, item, facts) !== value)) return `${path} is not in the list`;
  if (call !== undefined) {
    const called = parseFunction(call.function, '');
    return String(value).startsWith(called.selector)
      ? callViolation(called, call.args, value as Hex, path, `${path}.`, facts)
      : `${path} is not a call of ${call.function}`;
  }
  if (min === undefined && max === undefined && within === undefined && pace === undefined) return false;
  const number = numberOf(value);
  if (number === undefined) return `${path} is not a number`;
  if (min !== undefined && number < BigInt(min)) return `${path} is below ${min}`;
  if (max !== undefined && number > BigInt(max)) return `${path} is above ${max}`;
  if (within !== undefined) {
    if (!Number.isSafeInteger(facts.now)) return 'the time is not known';
    const end = BigInt(facts.now) + BigInt(within);
    if (number > end) return `${path} is above ${end}, which is ${within} seconds from now`;
  }
  return pace !== undefined && outOfPace(pace, number, facts.now, path);
}

/**
 * Says how the data of a call breaks the constraints on its arguments; `false` if it keeps them all. The selector was found to
 * be the function's.
 */
export function callViolation(
  called: AbiFunction,
  args: Constraints | undefined,
  data: Hex,
  what: string,
  path: string,
  facts: Facts,
): string | false {
  if (args === undefined) return false;
  const values = decodeArguments(called, data);
  return values === undefined
    ? `${what} is not the exact encoding of the arguments`
    : violation(called.type, values, args, path, facts);
}

function listed(type: Type, item: string | boolean, { account }: Facts): Value | undefined {
  return isAddress(type) ? resolveWho(String(item), account) : readValue(type, item, '');
}

/** A number, or bytes read as one. */
function numberOf(value: Value): bigint | undefined {
  if (typeof value === 'bigint') return value;
  return typeof value === 'string' && value.startsWith('0x') ? BigInt(value) : undefined;
}

/** Says which sum over all these values is too large; `false` if none is. Sums are exact, where a contract's may overflow. */
function exceeds(
  type: Type,
  values: readonly (Value | undefined)[],
  constraint: Constraint | undefined,
  sum: Sum,
  path: string,
): string | false {
  if (type.kind === 'list') {
    return exceeds(type.item, (values as readonly (readonly Value[])[]).flat(), constraint?.each, sum, path);
  }
  if (sum.max !== undefined) {
    let total = 0n;
    for (const value of values) {
      if (typeof value !== 'bigint') return `${path} is not a number`;
      total += value;
    }
    return total > BigInt(sum.max) && `the sum of ${path} is ${total}, above ${sum.max}`;
  }
  const called = constraint?.call && parseFunction(constraint.call.function, '');
  const struct = called?.type ?? type;
  const parts = called ? constraint?.call?.args : constraint?.fields;
  const items = called ? values.map((data) => decodeArguments(called, data as Hex)) : values;
  for (const [name, inner] of Object.entries(sum.fields ?? {})) {
    const place = `${path}.${name}`;
    const found = items.map((item) => part(item, name));
    const broken = exceeds(fieldOf(struct, name, place), found, parts?.[name], inner, place);
    if (broken !== false) return broken;
  }
  return false;
}
