import type { Hex } from 'viem';
import { hashAuthorization, hashMessage, keccak256, serializeTransaction } from 'viem/utils';
import { type Domain, digestOfTypedData, readTypedDomain } from './domain.ts';
import { copyJson, InputError, type Json, parseJson } from './read/json.ts';
import { entries, hex, literal, object, type Reader, text, variant } from './read/strict.ts';
import { type Authorization, authorizationFields } from './transaction/authorization.ts';
import { readTransaction, type Transaction } from './transaction/transaction.ts';
import { DOMAIN, readStructs, readValue, type Structs, type Value } from './types.ts';

export { InputError } from './read/json.ts';

/**
 * What is to be signed, parsed: a frozen object which the policy and the digest both read, and they read nothing else.
 * Only {@link parseIntent} and {@link parseIntentJson} make one. Its parts are what viem's functions take: numbers are
 * bigints or (chain ids, nonces) numbers up to 2^53 - 1; addresses and bytes are lower-case hex.
 */
export type Intent = MessageIntent | TypedDataIntent | TransactionIntent | AuthorizationIntent | DigestIntent;

/** EIP-191, as personal_sign: text, or bytes. */
export interface MessageIntent {
  readonly kind: 'message';
  readonly message: string | { readonly raw: Hex };
}

/** EIP-712. */
export interface TypedDataIntent {
  readonly kind: 'typedData';
  readonly typedData: TypedData;
}

export interface TypedData {
  readonly domain: Domain;
  /**
   * The structs that `primaryType` needs. EIP712Domain goes without saying where it is the standard fields that the domain
   * has, in their standard order.
   */
  readonly types: Structs;
  readonly primaryType: string;
  readonly message: { readonly [field: string]: Value };
}

export interface TransactionIntent {
  readonly kind: 'transaction';
  readonly transaction: Transaction;
}

export interface AuthorizationIntent {
  readonly kind: 'authorization';
  readonly authorization: Authorization;
}

/** 32 bytes that nobody can see the meaning of. */
export interface DigestIntent {
  readonly kind: 'digest';
  readonly digest: Hex;
}

function typedData(value: Json, path: string): TypedData {
  // The message and the types cannot be read by themselves.
  const unread: Reader<Json> = (value) => value;
  const given = object<{ domain: Json; types: Json; primaryType: string; message: Json }>(
    { domain: unread, types: unread, primaryType: text, message: unread },
    {},
  )(value, path);

  const { primaryType } = given;
  const { [DOMAIN]: domainType, ...others } = Object.fromEntries(entries(given.types, `${path}.types`));
  const { domain, declared } = readTypedDomain(given.domain, domainType, path);
  const { structs, type } = readStructs(others, primaryType, `${path}.types`, `${path}.primaryType`);
  const types: Structs = Object.freeze({ ...(declared && { [DOMAIN]: declared }), ...structs });
  const message = readValue(type, given.message, `${path}.message`) as TypedData['message'];
  return Object.freeze({ domain, types, primaryType, message });
}

const intent = variant<Intent>('kind', {
  message: object<MessageIntent>({ kind: literal('message'), message: readMessage }, {}),
  typedData: object<TypedDataIntent>({ kind: literal('typedData'), typedData }, {}),
  transaction: object<TransactionIntent>({ kind: literal('transaction'), transaction: readTransaction }, {}),
  authorization: object<AuthorizationIntent>(
    {
      kind: literal('authorization'),
      authorization: object<Authorization>(authorizationFields, {}),
    },
    {},
  ),
  digest: object<DigestIntent>({ kind: literal('digest'), digest: hex(32) }, {}),
});

function readMessage(value: Json, path: string): MessageIntent['message'] {
  return typeof value === 'string' ? value : object<{ raw: Hex }>({ raw: hex() }, {})(value, path);
}

const parsed = new WeakSet<Intent>();

/**
 * Parses an intent from an object, as JSON.parse gives it; docs/intents.md describes the format. Prefer
 * {@link parseIntentJson}: an object has lost any repeated keys.
 *
 * @throws {@link InputError} if `value` is anything but exactly an intent; the error names the place
 */
export function parseIntent(value: unknown): Intent {
  return read(copyJson(value));
}

/**
 * Parses an intent from JSON text of at most 131,072 characters.
 *
 * @throws {@link InputError} as {@link parseIntent} does, and if a key is repeated
 */
export function parseIntentJson(text: string): Intent {
  return read(parseJson(text));
}

function read(value: Json): Intent {
  const result = intent(value, '');
  parsed.add(result);
  return result;
}

/** @throws TypeError if this object is not from the parser: a mistake of the caller's */
export function assertParsed(intent: Intent): void {
  if (!parsed.has(intent)) throw new TypeError('not an intent from parseIntent');
}

/** The intent as JSON text: what {@link parseIntentJson} gives the same intent for, the same for every equal intent. */
export function intentJson(intent: Intent): string {
  assertParsed(intent);
  return JSON.stringify(intent, (_, value: unknown) =>
    typeof value === 'bigint' || typeof value === 'number' ? String(value) : value,
  );
}

/** The 32 bytes that a signature of this intent is over. */
export function digestOf(intent: Intent): Hex {
  assertParsed(intent);
  switch (intent.kind) {
    case 'message':
      return hashMessage(intent.message);
    case 'typedData':
      return digestOfTypedData(intent.typedData);
    case 'transaction':
      return keccak256(serializeTransaction(intent.transaction));
    case 'authorization':
      return hashAuthorization(intent.authorization);
    case 'digest':
      return intent.digest;
  }
}
