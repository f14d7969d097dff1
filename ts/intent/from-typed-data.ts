import { MAX_DEPTH } from '../json.ts';
import { STANDARD_DOMAIN } from './domain.ts';
import { type Intent, parseIntent } from './intent.ts';
import { InputError, within } from './read/json.ts';
import { decimal, isRecord, type Loose, lower, type Notice, present, record } from './read/loose.ts';
import { DOMAIN } from './types.ts';

/** Typed data as viem, ethers and wallets have it. */
export interface TypedDataDefinition {
  readonly domain?: unknown;
  readonly types: unknown;
  /** By default the only struct that no other uses. */
  readonly primaryType?: unknown;
  readonly message?: unknown;
  /** What ethers calls the message. */
  readonly value?: unknown;
}

interface Field {
  readonly name: string;
  readonly type: string;
}

/** The fields of each struct, as far as they are ones. */
type Fields = ReadonlyMap<string, readonly Field[]>;

const PATH = 'typedData';

/**
 * The intent to sign typed data, given as to viem's signTypedData, in ethers' terms or as the JSON of eth_signTypedData_v4.
 * What viem and ethers ignore is left out, since they do not hash it either: structs that are not needed, fields that no
 * struct has, and those of the domain that are null.
 *
 * @throws InputError
 */
export function typedDataIntent(definition: TypedDataDefinition, onNotice: Notice = () => {}): Intent {
  const { domain = {}, types, primaryType, message: own, value, ...rest } = record(definition, PATH);
  const [message, others] = (own ?? undefined) === undefined ? [value ?? own, rest] : [own, { ...rest, value }];
  const named = primaryType ?? undefined;
  const structs = asGiven(record(types, `${PATH}.types`));
  const fields: Fields = new Map(Object.entries(structs).map(([name, list]) => [name, fieldsOf(list)]));
  const leftOut = (path: string, why: string) => onNotice(`${path} is not signed: ${why}.`);
  for (const key of Object.keys(present(others))) leftOut(within(PATH, key), 'it is not part of typed data');

  const primary = named ?? inferred(fields);
  if (named === undefined) onNotice(`${PATH}.primaryType is missing: ${primary} is signed, which no other type uses.`);
  const needed = neededFor(primary, fields);
  const kept = Object.entries(structs).filter(([name]) => needed.has(name) || name === DOMAIN);

  function convert(type: string, given: unknown, path: string, depth = 0): unknown {
    if (depth > MAX_DEPTH) return given; // the parser takes nothing so deep
    const item = /^(.*)\[\d*\]$/s.exec(type)?.[1];
    if (item !== undefined) {
      return Array.isArray(given) ? given.map((value, i) => convert(item, value, `${path}[${i}]`, depth + 1)) : given;
    }
    if (needed.has(type)) return isRecord(given) ? struct(fields.get(type) ?? [], given, path, depth) : given;
    if (/^u?int/.test(type)) return decimal(given, path);
    return type.startsWith('bytes') ? lower(given) : given;
  }

  function struct(known: readonly Field[], given: Loose, path: string, depth: number): Loose {
    const types = new Map(known.map(({ name, type }) => [name, type]));
    const items = Object.entries(given).filter(([, item]) => item !== undefined);
    return Object.fromEntries(
      items.flatMap(([key, item]) => {
        const type = types.get(key);
        const place = within(path, key);
        if (type !== undefined) return [[key, convert(type, item, place, depth + 1)]];
        leftOut(place, 'its type has no such field');
        return [];
      }),
    );
  }

  const typedData = {
    domain: domainOf(domain),
    types: Object.fromEntries(kept.map(([name, list]) => [name, bareFields(list)])),
    primaryType: primary,
    message: typeof primary === 'string' ? convert(primary, message, `${PATH}.message`) : message,
  };
  return parseIntent({ kind: 'typedData', typedData: asGiven(typedData) });

  function domainOf(domain: unknown): unknown {
    if (!isRecord(domain)) return domain;
    const given = present(domain);
    const path = `${PATH}.domain`;
    const standard = [...STANDARD_DOMAIN].map(([name, type]) => ({ name, type }));
    const implied = standard.filter(({ name }) => name in given);
    const declared = fields.get(DOMAIN);
    if (declared === undefined) {
      if (implied.length > 0) {
        onNotice(
          `${PATH}.types has no ${DOMAIN}: the domain is hashed with the fields that it has, as viem and ethers do; MetaMask hashes an empty one.`,
        );
      }
      // Other fields than the standard ones stay, for the parser to refuse: their types are not known.
      return Object.fromEntries(
        Object.entries(given).map(([key, item]) => [
          key,
          convert(STANDARD_DOMAIN.get(key) ?? '', item, within(path, key)),
        ]),
      );
    }
    if (JSON.stringify(declared) !== JSON.stringify(implied)) {
      onNotice(
        `${PATH}.types.${DOMAIN} is not the domain's fields in their standard order: it is hashed as it is, as viem and MetaMask do; ethers and eth-account hash another domain.`,
      );
    }
    return struct(declared, given, path, 0);
  }
}

/** The primary type of typed data that names none. @throws InputError */
function inferred(fields: Fields): string {
  const structs = [...fields].filter(([name]) => name !== DOMAIN);
  const used = new Set(structs.flatMap(([name, list]) => list.map(baseOf).filter((base) => base !== name)));
  const candidates = structs.map(([name]) => name).filter((name) => !used.has(name));
  const [only, ...others] = candidates;
  if (only === undefined) throw new InputError(`${PATH}.primaryType`, 'missing');
  if (others.length > 0) {
    const listed = candidates.slice(0, 10).map((name) => within('', name));
    throw new InputError(`${PATH}.primaryType`, `missing, and it could be ${listed.join(' or ')}`);
  }
  return only;
}

function neededFor(primaryType: unknown, fields: Fields): ReadonlySet<string> {
  const needed = new Set<string>();
  const next = typeof primaryType === 'string' ? [primaryType] : [];
  for (let name = next.pop(); name !== undefined; name = next.pop()) {
    const list = fields.get(name);
    if (list === undefined || needed.has(name)) continue;
    needed.add(name);
    next.push(...list.map(baseOf));
  }
  return needed;
}

function baseOf({ type }: Field): string {
  return type.split('[', 1)[0] ?? '';
}

function fieldsOf(list: unknown): readonly Field[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((field: unknown) =>
    isRecord(field) && typeof field.name === 'string' && typeof field.type === 'string'
      ? [{ name: field.name, type: field.type }]
      : [],
  );
}

/** Name and type of each field: what else compilers write there (`internalType`) nobody hashes. */
function bareFields(list: unknown): unknown {
  if (!Array.isArray(list)) return list;
  return list.map((field: unknown) => (isRecord(field) ? asGiven({ name: field.name, type: field.type }) : field));
}

/** Without what is undefined, which JSON does not have. */
function asGiven(value: Loose): Loose {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined));
}
