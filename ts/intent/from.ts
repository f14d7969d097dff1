import type { AuthorizationRequest, Hex, SignableMessage } from 'viem';
import { getTransactionType, parseTransaction, toHex } from 'viem/utils';
import { type Intent, parseIntent } from './intent.ts';
import { InputError } from './json.ts';

// Intents from what viem, ethers and wallets pass around: numbers in any notation, defaults left out, hex in any case.
// For the client: what comes out is still parsed by parseIntent, and only that is sent and hashed.

type Loose = { readonly [key: string]: unknown };

/** The intent to sign a message as personal_sign does. @throws InputError */
export function messageIntent(message: SignableMessage): Intent {
  if (typeof message === 'string') return parseIntent({ kind: 'message', message });
  const { raw } = message;
  return parseIntent({ kind: 'message', message: { raw: typeof raw === 'string' ? lower(raw) : toHex(raw) } });
}

/** The intent to sign 32 bytes as they are; only policy `any` allows it. @throws InputError */
export function digestIntent(digest: Hex): Intent {
  return parseIntent({ kind: 'digest', digest: lower(digest) });
}

/** The intent to authorize a delegate (EIP-7702). @throws InputError */
export function authorizationIntent(request: AuthorizationRequest): Intent {
  const { chainId, nonce } = request;
  const authorization = {
    chainId: decimal(chainId),
    address: request.contractAddress ?? request.address,
    nonce: decimal(nonce),
  };
  return parseIntent({ kind: 'authorization', authorization });
}

/**
 * The intent to sign typed data, given as to viem's signTypedData or as the JSON of eth_signTypedData_v4: structs that
 * are not needed are left out, fields that no struct has are an error.
 *
 * @throws InputError
 */
export function typedDataIntent(definition: {
  readonly domain?: unknown;
  readonly types: unknown;
  readonly primaryType: string;
  readonly message: unknown;
}): Intent {
  const { domain, types, primaryType, message, ...others } = definition;
  const structs = record(types, 'types') as { readonly [name: string]: readonly { name: string; type: string }[] };
  const needed = new Set<string>();
  (function visit(type: string) {
    const name = baseOf(type);
    const fields = Object.hasOwn(structs, name) ? structs[name] : undefined;
    if (needed.has(name) || !Array.isArray(fields)) return;
    needed.add(name);
    for (const field of fields) visit(field.type);
  })(primaryType);
  const kept = Object.entries(structs).filter(([name]) => needed.has(name) || name === 'EIP712Domain');

  function value(type: string, given: unknown): unknown {
    const list = /^(.*)\[\d*\]$/.exec(type)?.[1];
    if (list !== undefined) return Array.isArray(given) ? given.map((item) => value(list, item)) : given;
    const fields = needed.has(type) ? structs[type] : undefined;
    if (fields !== undefined) {
      const typeOf = new Map(fields.map((field) => [field.name, field.type]));
      return mapValues(given, (item, key) => value(typeOf.get(key) ?? '', item));
    }
    if (/^u?int/.test(type)) return decimal(given);
    return type.startsWith('bytes') ? lower(given) : given;
  }

  return parseIntent({
    kind: 'typedData',
    typedData: {
      domain: mapValues(domain ?? {}, (item, key) =>
        key === 'chainId' ? decimal(item) : key === 'salt' ? lower(item) : item,
      ),
      types: Object.fromEntries(kept),
      primaryType,
      message: value(primaryType, message),
      ...others,
    },
  });
}

const quantities = ['gas', 'gasPrice', 'maxFeePerGas', 'maxPriorityFeePerGas', 'maxFeePerBlobGas', 'value', 'nonce'];
const fees1559 = { maxFeePerGas: '0', maxPriorityFeePerGas: '0' };
const defaults: { readonly [type: string]: Loose } = {
  legacy: { gasPrice: '0' },
  eip2930: { gasPrice: '0', accessList: [] },
  eip1559: { ...fees1559, accessList: [] },
  eip4844: { ...fees1559, accessList: [], maxFeePerBlobGas: '0' },
  eip7702: { ...fees1559, accessList: [] },
};

/**
 * The intent to sign a transaction, given as to viem's signTransaction or as such an object in JSON. As with viem, the
 * type follows from the fields where it is not given, and what is left out is zero, empty or, for `to`, nothing. Who
 * sends (`from`, `account`) and how (`chain`, `nonceManager`) is ignored, as are the bytes of blobs where their hashes
 * are given; anything else that the type does not have is an error.
 *
 * @throws InputError
 */
export function transactionIntent(transaction: object): Intent {
  const {
    from: _from,
    account: _account,
    chain: _chain,
    nonceManager: _nonceManager,
    blobs: _blobs,
    sidecars: _sidecars,
    kzg: _kzg,
    ...given
  } = mapValues(transaction, (item, key) => (quantities.includes(key) ? decimal(item) : item)) as Loose;
  const type = String(given.type ?? typeOf(transaction));
  const { chainId, to, data, accessList, blobVersionedHashes, authorizationList } = given;
  return parseIntent({
    kind: 'transaction',
    transaction: {
      nonce: '0',
      gas: '0',
      value: '0',
      ...defaults[type],
      ...given,
      type,
      ...(chainId === undefined ? {} : { chainId: decimal(chainId) }),
      to: to ?? null,
      data: lower(data ?? '0x'),
      ...(accessList === undefined ? {} : { accessList: each(accessList, accessEntry) }),
      ...(blobVersionedHashes === undefined ? {} : { blobVersionedHashes: each(blobVersionedHashes, lower) }),
      ...(authorizationList === undefined ? {} : { authorizationList: each(authorizationList, signedAuthorization) }),
    },
  });
}

/** The intent to sign a transaction that is serialized, without a signature. @throws InputError */
export function serializedIntent(unsigned: Hex): Intent {
  let transaction: object;
  try {
    transaction = parseTransaction(unsigned);
  } catch {
    throw new InputError('transaction', 'not one that is known here');
  }
  return transactionIntent(transaction);
}

function typeOf(transaction: object): string {
  try {
    return getTransactionType(transaction as Parameters<typeof getTransactionType>[0]);
  } catch {
    throw new InputError('transaction.type', 'missing, and there is no fee to tell it from');
  }
}

function accessEntry(entry: unknown): unknown {
  return mapValues(entry, (item, key) => (key === 'storageKeys' ? each(item, lower) : item));
}

function signedAuthorization(entry: unknown): unknown {
  // viem adds `v`, which says the same as `yParity`.
  const { v: _v, ...others } = record(entry, 'authorizationList');
  return mapValues(others, (item, key) => {
    if (key === 'address') return item;
    return key === 'r' || key === 's' ? padded(item) : decimal(item);
  });
}

/** A number in any notation as canonical decimal digits. Anything else is passed on, for parseIntent to refuse. */
function decimal(value: unknown): unknown {
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value))) return String(value);
  if (typeof value === 'string' && /^0x[0-9a-f]{1,64}$/i.test(value)) return String(BigInt(value));
  return value;
}

function lower(value: unknown): unknown {
  return typeof value === 'string' && /^0x[0-9a-f]*$/i.test(value) ? value.toLowerCase() : value;
}

function padded(value: unknown): unknown {
  return typeof value === 'string' && /^0x[0-9a-f]{1,64}$/i.test(value)
    ? `0x${value.slice(2).toLowerCase().padStart(64, '0')}`
    : value;
}

function each(value: unknown, convert: (item: unknown) => unknown): unknown {
  return Array.isArray(value) ? value.map(convert) : value;
}

/** Leaves out what is undefined, as viem takes it. */
function mapValues(value: unknown, convert: (item: unknown, key: string) => unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const given = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(given.map(([key, item]) => [key, convert(item, key)]));
}

function record(value: unknown, path: string): Loose {
  if (typeof value !== 'object' || value === null) throw new InputError(path, 'not an object');
  return value as Loose;
}

function baseOf(type: unknown): string {
  return typeof type === 'string' ? type.replace(/(\[\d*\])+$/, '') : '';
}
