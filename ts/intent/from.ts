import type { AuthorizationRequest, Hex, SignableMessage } from 'viem';
import { getTransactionType, parseTransaction, toHex } from 'viem/utils';
import { type Intent, parseIntent } from './intent.ts';
import { InputError } from './read/json.ts';
import { decimal, type Loose, lower, mapValues, record } from './read/loose.ts';
import { commonDefaults, commonFields } from './transaction/fields.ts';
import { transactionForms } from './transaction/transaction.ts';
import type { TransactionForm } from './transaction/type.ts';

// Intents from what viem, ethers and wallets pass around: numbers in any notation, defaults left out, hex in any case.
// For the client: what comes out is still parsed by parseIntent, and only that is sent and hashed.

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

const unchanged = (given: unknown) => given;
const forms = new Map(Object.entries<TransactionForm<never>>(transactionForms));
// The fields of all types, for a transaction of any: the parser then says that a type has no such field, and not that a
// bigint is not JSON.
const conversions = new Map(
  [{ fields: commonFields }, ...forms.values()].flatMap(({ fields = {} }) => Object.entries(fields)),
);

/** The name of the type that EIP-2718 gives this number, 0 for what came before it; undefined if it is not known here. */
export function typeOfNumber(number: number): string | undefined {
  return [...forms].find(([, form]) => form.number === number)?.[0];
}

/**
 * The intent to sign a transaction, given as to viem's signTransaction or as such an object in JSON. As with viem, the
 * type follows from the fields where it is not given, and what is left out is zero, empty or, for `to`, nothing. Who
 * sends (`from`, `account`) and how (`chain`, `nonceManager`) is ignored, as are the bytes of blobs where their hashes
 * are given; anything else that the type does not have is an error.
 *
 * @throws InputError
 */
export function transactionIntent(transaction: object): Intent {
  const given = mapValues(transaction, (item, key) => (conversions.get(key) ?? unchanged)(item)) as Loose;
  const type = String(given.type ?? typeOf(transaction));
  const defaults = { ...commonDefaults, ...forms.get(type)?.defaults };
  return parseIntent({ kind: 'transaction', transaction: { ...defaults, ...given, type } });
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

function baseOf(type: unknown): string {
  return typeof type === 'string' ? type.replace(/(\[\d*\])+$/, '') : '';
}
