import * as v from 'valibot';
import type { Hex } from 'viem';
import { sha256, stringToHex } from 'viem/utils';
import { readDomain } from '../intent/domain.ts';
import { copyJson, InputError, type Json, parseJson, within } from '../intent/read/json.ts';
import { address } from '../intent/read/strict.ts';
import { DOMAIN, isStructName, readValue, type Type } from '../intent/types.ts';
import { parseStructType } from './abi.ts';
import { readWho } from './account.ts';
import { readCall, readConstraints } from './constraint.ts';
import { checkPace } from './pace.ts';
import { parseRead } from './reads.ts';
import { type Policy, PolicySchema, type Rule, type RuleOf } from './schema.ts';

export { InputError } from '../intent/read/json.ts';
export type { Policy } from './schema.ts';

const parsed = new WeakSet<Policy>();

/**
 * Parses a policy from an object, as JSON.parse gives it; docs/policy-reference.md describes the format. Prefer
 * {@link parsePolicyJson}: an object has lost any repeated keys.
 *
 * @throws {@link InputError} if `value` is not exactly a policy; the error names the place
 *
 * @example
 * ```ts
 * import { describePolicy, parsePolicy } from 'tandem-ecdsa';
 *
 * const rule = { name: 'log in', kind: 'message', prefixes: ['example.com wants you to sign in'] };
 * console.log(describePolicy(parsePolicy({ version: 1, rules: [rule] })));
 * ```
 */
export function parsePolicy(value: unknown): Policy {
  return read(copyJson(value));
}

/**
 * Parses a policy from JSON text of at most 131,072 characters.
 *
 * @throws {@link InputError} as {@link parsePolicy} does, and if a key is repeated
 */
export function parsePolicyJson(text: string): Policy {
  return read(parseJson(text));
}

/** @throws TypeError if this object does not come from the parser, which is a mistake of the caller */
export function assertParsed(policy: Policy): void {
  if (!parsed.has(policy)) throw new TypeError('not a policy from parsePolicy');
}

/**
 * The policy as JSON text: sorted keys, no spaces, addresses in lower case. Two spellings of the same policy
 * give the same text. It is the text in the action.
 */
export function policyJson(policy: Policy): string {
  assertParsed(policy);
  return JSON.stringify(policy);
}

/** SHA-256 of {@link policyJson} in UTF-8. */
export function policyHash(policy: Policy): Hex {
  return sha256(stringToHex(policyJson(policy)));
}

function read(value: Json): Policy {
  const result = v.safeParse(PolicySchema, value, { abortEarly: true });
  if (!result.success) {
    const [issue] = result.issues;
    const path = (issue.path ?? []).reduce(
      (path, { key }) => (typeof key === 'number' ? `${path}[${key}]` : within(path, String(key))),
      '',
    );
    throw new InputError(path, `not what is expected here (${issue.expected ?? issue.type})`);
  }
  const { rules, ...others } = result.output;
  const policy = { ...others, rules: rules === 'any' ? rules : readRules(rules) };
  const canonical = copyJson(sorted(policy)) as Policy;
  parsed.add(canonical);
  return canonical;
}

// The rest checks what the schema cannot say, and puts addresses in lower case.

function readRules(rules: readonly Rule[]): Rule[] {
  const names = new Set<string>();
  return rules.map((rule, i) => {
    const path = `rules[${i}]`;
    if (names.has(rule.name)) throw new InputError(`${path}.name`, 'another rule has it');
    names.add(rule.name);
    if ('pace' in rule) {
      if (rule.chains === 'any' || rule.chains.length > 1)
        throw new InputError(`${path}.pace`, 'needs one chain: each has its own nonces');
      checkPace(rule.pace, `${path}.pace`);
    }
    return { ...readKind(rule, path), ...readConditions(rule, path) };
  });
}

function readConditions({ notBefore, notAfter, guardian, reads }: Rule, path: string) {
  if (notBefore !== undefined && notAfter !== undefined && BigInt(notBefore) > BigInt(notAfter)) {
    throw new InputError(`${path}.notAfter`, 'before notBefore');
  }
  return {
    ...(guardian !== undefined && { guardian: address(guardian, `${path}.guardian`) }),
    ...(reads !== undefined && { reads: reads.map((item, i) => parseRead(item, `${path}.reads[${i}]`)) }),
  };
}

function readKind(rule: Rule, path: string): Rule {
  switch (rule.kind) {
    case 'message':
      return rule;
    case 'typedData':
      return readTypedData(rule, path);
    case 'transaction':
      return readTransaction(rule, path);
    case 'authorization':
      return { ...rule, delegates: addresses(rule.delegates, `${path}.delegates`) };
  }
}

function readTypedData(rule: RuleOf<'typedData'>, path: string): Rule {
  const { domains, domainTypes, types, fields } = rule;
  const structs = listOf(types).map((type, i) => {
    if (type.includes('(')) return parseStructType(type, `${path}.types[${i}]`);
    if (!isStructName(type, true)) throw new InputError(`${path}.types[${i}]`, 'not a struct by name or in full');
    return undefined;
  });
  const [struct] = structs;
  if (fields !== undefined && (struct === undefined || structs.length > 1)) {
    throw new InputError(`${path}.fields`, 'needs one type in full, like Permit(address owner,uint256 value)');
  }
  const domainStructs = domainTypes?.map((type, i) => parseDomainType(type, `${path}.domainTypes[${i}]`)) ?? [];
  if (domains !== 'any' && domainStructs.length > 1) {
    throw new InputError(`${path}.domainTypes`, 'more than one, with domains that are listed');
  }
  return {
    ...rule,
    ...(domains !== 'any' && {
      domains: domains.map((domain, i) => lowerDomain(domainStructs[0], { ...domain }, `${path}.domains[${i}]`)),
    }),
    ...(fields !== undefined && struct !== undefined && { fields: readConstraints(struct, fields, `${path}.fields`) }),
  };
}

function parseDomainType(text: string, path: string): Type {
  const type = parseStructType(text, path);
  const hasParts = type.kind !== 'struct' || type.fields.some((field) => field.type.kind !== 'atom');
  if (hasParts || !text.startsWith(`${DOMAIN}(`)) throw new InputError(path, `not like ${DOMAIN}(string name)`);
  return type;
}

function lowerDomain(type: Type | undefined, domain: { readonly [key: string]: string }, path: string) {
  const read = type === undefined ? readDomain(domain, path) : readValue(type, domain, path);
  return Object.fromEntries(Object.entries(read).map(([name, value]) => [name, String(value)]));
}

function readTransaction(rule: RuleOf<'transaction'>, path: string): Rule {
  const { to, delegates, calls } = rule;
  return {
    ...rule,
    ...(to !== 'any' && { to: to.map((item, i) => readWho(item, `${path}.to[${i}]`)) }),
    ...(delegates !== undefined && delegates !== 'any' && { delegates: addresses(delegates, `${path}.delegates`) }),
    ...(calls !== undefined &&
      calls !== 'any' && { calls: calls.map((call, i) => readCall(call, `${path}.calls[${i}]`)) }),
  };
}

function addresses(list: readonly string[], path: string): string[] {
  return list.map((item, i) => address(item, `${path}[${i}]`));
}

function listOf<T>(list: 'any' | readonly T[]): readonly T[] {
  return list === 'any' ? [] : list;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]));
}
