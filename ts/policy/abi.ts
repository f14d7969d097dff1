import type { AbiParameter, Hex } from 'viem';
import { decodeAbiParameters, encodeAbiParameters, keccak256, stringToHex } from 'viem/utils';
import { InputError } from '../intent/read/json.ts';
import {
  encodeType,
  type Field,
  isAtom,
  isName,
  readStructs,
  type Type,
  type Value,
  withBrackets,
} from '../intent/types.ts';

/** A function as a policy names it: `transfer(address to,uint256 amount)`. */
export interface AbiFunction {
  readonly selector: Hex;
  /** The arguments as one struct; those without a name have an empty one. */
  readonly type: Type;
  readonly parameters: readonly AbiParameter[];
}

/**
 * Parses a function's signature: types in full (uint256, not uint), tuples in parentheses, a space before each name and
 * no other. Names may be left out.
 *
 * @throws {@link InputError} at `path`
 */
export function parseFunction(signature: string, path: string): AbiFunction {
  const fail = (problem: string) =>
    new InputError(path, `${problem}; a function is written like f(address to,uint256 x)`);
  let rest = signature;
  const take = (pattern: RegExp): string | undefined => {
    const found = pattern.exec(rest)?.[0];
    if (found !== undefined) rest = rest.slice(found.length);
    return found;
  };

  function parameter(): { field: Field; parameter: AbiParameter; text: string } {
    const tuple = rest.startsWith('(') ? parameters() : undefined;
    const base = tuple?.text ?? take(/^\w+/) ?? '';
    if (tuple === undefined && !isAtom(base)) throw fail('an unknown type of argument');
    const brackets = take(/^(\[([1-9]\d{0,3})?\])+/) ?? '';
    const name = take(/^ [\w$]+/)?.slice(1) ?? '';
    if (name !== '' && !isName(name)) throw fail('a name that is not allowed');
    return {
      field: { name, type: withBrackets(tuple?.type ?? { kind: 'atom', name: base }, brackets) },
      parameter: tuple ? { type: `tuple${brackets}`, components: tuple.parameters } : { type: base + brackets },
      text: base + brackets,
    };
  }

  function parameters() {
    if (take(/^\(/) === undefined) throw fail('no (');
    const found: ReturnType<typeof parameter>[] = [];
    while (take(/^\)/) === undefined) {
      if (found.length > 0 && take(/^,/) === undefined) throw fail('no , or )');
      found.push(parameter());
    }
    const names = found.map(({ field }) => field.name).filter((name) => name !== '');
    if (new Set(names).size < names.length) throw fail('two arguments of one name');
    return {
      type: { kind: 'struct', fields: found.map(({ field }) => field) } as const,
      parameters: found.map(({ parameter }) => parameter),
      text: `(${found.map(({ text }) => text).join(',')})`,
    };
  }

  const name = take(/^[A-Za-z_$][\w$]*/);
  if (name === undefined) throw fail('no name');
  const { type, parameters: list, text } = parameters();
  if (rest !== '') throw fail('something after the )');
  return { selector: keccak256(stringToHex(name + text)).slice(0, 10) as Hex, type, parameters: list };
}

/**
 * The arguments in a call's data, or undefined if the data is not exactly their encoding: dirty or missing bytes,
 * offsets that overlap, or more data after them could be read in another way by the contract.
 */
export function decodeArguments({ type, parameters }: AbiFunction, data: Hex): Value | undefined {
  const encoded: Hex = `0x${data.slice(10)}`;
  try {
    const values = decodeAbiParameters(parameters, encoded);
    return encodeAbiParameters(parameters, values) === encoded ? canonical(type, values) : undefined;
  } catch {
    return undefined;
  }
}

/** What viem decodes in the form that intents have. */
function canonical(type: Type, decoded: unknown): Value {
  if (type.kind === 'list') return (decoded as unknown[]).map((item) => canonical(type.item, item));
  if (type.kind === 'struct') {
    const items = decoded as unknown[];
    return Object.fromEntries(type.fields.map((field, i) => [field.name, canonical(field.type, items[i])]));
  }
  if (type.name === 'address') return String(decoded).toLowerCase();
  return typeof decoded === 'number' ? BigInt(decoded) : (decoded as Value);
}

/**
 * Parses what EIP-712 calls encodeType: `Mail(Person from,string text)Person(address wallet)`.
 *
 * @throws {@link InputError} at `path`
 */
export function parseStructType(text: string, path: string): Type {
  const structs = [...text.matchAll(/([^()]+)\(([^()]*)\)/g)].map(([, name = '', fields = '']) => {
    const pairs = fields.split(',').map((field) => field.split(' '));
    return [name, pairs.map(([type = '', name = '']) => ({ name, type }))] as const;
  });
  const [primaryType = ''] = structs[0] ?? [];
  const read = readStructs(Object.fromEntries(structs), primaryType, path, path);
  if (encodeType(read.structs, primaryType) !== text) throw new InputError(path, 'not as EIP-712 encodes a type');
  return read.type;
}
