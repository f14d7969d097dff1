import type { Hex, TypedDataParameter } from 'viem';
import { concat, hashStruct, keccak256 } from 'viem/utils';
import { InputError, type Json } from './read/json.ts';
import { list, object } from './read/strict.ts';
import { type Atom, atomReader, DOMAIN, isAtom, isName, readField, type Structs } from './types.ts';

/** The EIP712Domain: its fields in the order in which they are hashed. */
export type Domain = { readonly [field: string]: Atom };

/** The fields that EIP-712 defines, in its order. */
export const STANDARD_DOMAIN: ReadonlyMap<string, string> = new Map([
  ['name', 'string'],
  ['version', 'string'],
  ['chainId', 'uint256'],
  ['verifyingContract', 'address'],
  ['salt', 'bytes32'],
]);

/** Reads a domain of {@link STANDARD_DOMAIN} fields. */
export const readDomain = object<Domain>(
  {},
  Object.fromEntries([...STANDARD_DOMAIN].map(([name, type]) => [name, atomReader(type)])),
);

/**
 * Reads a domain by the type that the typed data declares for it, which viem and MetaMask hash it by; without one, by
 * {@link STANDARD_DOMAIN}. The type is given back only if it says more than the domain does by itself.
 *
 * @throws InputError
 */
export function readTypedDomain(
  value: Json,
  type: Json | undefined,
  path: string,
): { domain: Domain; declared: readonly TypedDataParameter[] | undefined } {
  if (type === undefined) return { domain: readDomain(value, `${path}.domain`), declared: undefined };
  const place = `${path}.types.${DOMAIN}`;
  const declared = list(readField)(type, place);
  const names = new Set<string>();
  for (const [i, field] of declared.entries()) {
    if (!isName(field.name) || names.has(field.name)) {
      throw new InputError(`${place}[${i}].name`, 'not a name, or not a new one');
    }
    if (!isAtom(field.type)) throw new InputError(`${place}[${i}].type`, 'not a type without parts');
    names.add(field.name);
  }
  const readers = Object.fromEntries(declared.map(({ name, type }) => [name, atomReader(type)]));
  const domain = object<Domain>(readers, {})(value, `${path}.domain`);
  const isImplied = JSON.stringify(declared) === JSON.stringify(standardFields(domain));
  return { domain, declared: isImplied ? undefined : declared };
}

/** The type of a domain, which is among the types if it does not go without saying. */
export function domainFields(domain: Domain, types: Structs): readonly TypedDataParameter[] {
  return types[DOMAIN] ?? standardFields(domain);
}

/** Whether every field is one of EIP-712's, of its type there. */
export function isStandard(fields: readonly TypedDataParameter[]): boolean {
  return fields.every(({ name, type }) => STANDARD_DOMAIN.get(name) === type);
}

/**
 * The digest of typed data whose names and values have been checked, as viem's hashTypedData gives it, which would check
 * them by its own rules, and takes fewer names than others do.
 */
export function digestOfTypedData(typedData: {
  readonly domain: Domain;
  readonly types: Structs;
  readonly primaryType: string;
  readonly message: { readonly [field: string]: unknown };
}): Hex {
  const { domain, primaryType, message } = typedData;
  const types: { [name: string]: readonly TypedDataParameter[] } = {
    ...typedData.types,
    [DOMAIN]: domainFields(domain, typedData.types),
  };
  const domainHash = hashStruct({ data: domain, primaryType: DOMAIN, types });
  return keccak256(concat(['0x1901', domainHash, hashStruct({ data: message, primaryType, types })]));
}

function standardFields(domain: Domain): TypedDataParameter[] {
  return [...STANDARD_DOMAIN].filter(([name]) => name in domain).map(([name, type]) => ({ name, type }));
}
