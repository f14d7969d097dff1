import type { Hex } from 'viem';
import { getTransactionType, keccak256, parseTransaction, serializeTransaction, toRlp } from 'viem/utils';
import { fromHex, recoverAddress } from '../core/evm.ts';
import { digestOf, type Intent, parseIntent } from './intent.ts';
import { InputError, within } from './read/json.ts';
import { decimal, isRecord, type Loose, lower, present, record } from './read/loose.ts';
import { type GivenSignature, SIGNATURE_FIELDS, signatureOf } from './read/signature.ts';
import { commonDefaults, commonFields } from './transaction/fields.ts';
import { type Transaction, transactionForms } from './transaction/transaction.ts';
import type { TransactionForm } from './transaction/type.ts';

const PATH = 'transaction';

const unchanged = (given: unknown) => given;
const forms = new Map(Object.entries<TransactionForm<never>>(transactionForms));
// The fields of all types, for a transaction of any: the parser then says that a type has no such field, and not that a
// bigint is not JSON.
const conversions = new Map(
  [{ fields: commonFields }, ...forms.values()].flatMap(({ fields = {} }) => Object.entries(fields)),
);

/** What ethers and nodes call the fields. */
const NAMES = new Map([
  ['gasLimit', 'gas'],
  ['input', 'data'],
  ['typeHex', 'type'],
]);

/** What a node or a library says about a transaction, and is not part of it. */
const ABOUT = new Set([
  '_type',
  '_capabilities',
  'blockHash',
  'blockNumber',
  'blockTimestamp',
  'creates',
  'index',
  'parameters',
  'transactionIndex',
]);

/** What a transaction may come with that has to agree with it. */
const CLAIMS = new Set([...SIGNATURE_FIELDS, 'hash', 'raw']);

const MAX_WRAPPERS = 3;

/** The name of the type that EIP-2718 gives this number, 0 for what came before it; undefined if it is not known here. */
export function typeOfNumber(number: number): string | undefined {
  return [...forms].find(([, form]) => form.number === number)?.[0];
}

/**
 * The intent to sign a transaction, given as viem, ethers, a node or Foundry has it, in objects or in JSON: to be signed,
 * or signed already, to be signed again. As with viem, the type follows from the fields where it is not given, and what is
 * left out is zero, empty or, for `to`, nothing. Null is the same as left out. Who sends (`from`, `account`), how (`chain`,
 * `nonceManager`) and where it was (`blockHash`, …) is ignored, as are the bytes of blobs where their hashes are given. A
 * signature and a hash have to be those of this transaction; anything else that the type does not have is an error.
 *
 * @throws InputError
 */
export function transactionIntent(transaction: object): Intent {
  const given = unwrapped(record(transaction, PATH));
  const claims = Object.fromEntries(Object.entries(given).filter(([key]) => CLAIMS.has(key)));
  const signature = signatureOf(claims, PATH);
  const fields = fieldsOf(given, signature);
  const type = fields.type ?? typeFrom(fields);
  const defaults = { ...commonDefaults, ...forms.get(textOf(type))?.defaults };
  const intent = parseIntent({ kind: 'transaction', transaction: { ...defaults, ...fields, type } });
  checkClaims(intent, signature, present({ ...claims, from: given.from }));
  return intent;
}

/** Which of these fields a transaction leaves out, under every name that it may have them by. @throws InputError */
export function missingFields<Name extends string>(transaction: object, names: readonly Name[]): Name[] {
  const fields = fieldsOf(unwrapped(record(transaction, PATH)), undefined);
  return names.filter((name) => fields[name] === undefined);
}

/** The intent to sign a transaction that is serialized, without a signature. @throws InputError */
export function serializedIntent(unsigned: Hex): Intent {
  let transaction: object;
  try {
    transaction = parseTransaction(unsigned);
  } catch {
    throw new InputError(PATH, 'not one that is known here');
  }
  return transactionIntent(transaction);
}

/** The transaction in the answer of a node (`result`, or `tx` beside `raw`) or in Foundry's record of a broadcast. */
function unwrapped(given: Loose, depth = 0): Loose {
  const fields = present(given);
  const { result, tx, transaction, transactions, raw } = fields;
  if ('chainId' in fields || 'nonce' in fields || 'to' in fields || depth > MAX_WRAPPERS) return fields;
  if (Array.isArray(transactions)) {
    if (transactions.length !== 1) {
      throw new InputError('transactions', `${transactions.length} of them, where one is signed at a time`);
    }
    return unwrapped(record(transactions[0], 'transactions[0]'), depth + 1);
  }
  const inner = [result, tx, transaction].find(isRecord);
  return inner === undefined ? fields : unwrapped({ ...(raw !== undefined && { raw }), ...inner }, depth + 1);
}

/** The fields by their own names in the form that the parser takes. @throws InputError */
function fieldsOf(given: Loose, signature: GivenSignature | undefined): Loose {
  const fields: { [name: string]: unknown } = {};
  for (const [key, item] of Object.entries(given)) {
    if (ABOUT.has(key) || CLAIMS.has(key)) continue;
    const name = NAMES.get(key) ?? key;
    const path = within(PATH, key);
    const value = name === 'type' ? typeName(item) : (conversions.get(name) ?? unchanged)(item, path);
    if (value === undefined) continue;
    if (Object.hasOwn(fields, name) && fields[name] !== value) {
      throw new InputError(path, 'given under two names, and not the same');
    }
    fields[name] = value;
  }
  const { chainId } = signature ?? {};
  if (chainId !== undefined && fields.chainId === undefined) fields.chainId = String(chainId);
  // What a node tells of one that pays by EIP-1559: the price that it paid, or its maxFeePerGas.
  const { gasPrice, maxFeePerGas } = fields;
  if (isSent(given) && typeof gasPrice === 'string' && typeof maxFeePerGas === 'string') {
    if (!/^\d+$/.test(gasPrice + maxFeePerGas) || BigInt(gasPrice) > BigInt(maxFeePerGas)) {
      throw new InputError(`${PATH}.gasPrice`, 'more than maxFeePerGas');
    }
    delete fields.gasPrice;
  }
  return fields;
}

function isSent({ hash, blockHash }: Loose): boolean {
  return hash !== undefined || blockHash !== undefined;
}

function typeName(given: unknown): unknown {
  const number = /^(?:0x0?)?([0-9])$/.exec(textOf(given))?.[1];
  return number === undefined ? given : (typeOfNumber(Number(number)) ?? given);
}

function typeFrom(fields: Loose): string {
  try {
    return getTransactionType(fields as Parameters<typeof getTransactionType>[0]);
  } catch {
    throw new InputError(`${PATH}.type`, 'missing, and no fee implies it');
  }
}

/** A text or a number as text; anything else has none. */
function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' ? String(value) : '';
}

/** Checks what the transaction came with against what was read of it. @throws InputError */
function checkClaims(intent: Intent, signature: GivenSignature | undefined, claims: Loose): void {
  if (intent.kind !== 'transaction') return;
  const { transaction } = intent;
  const { hash, raw, from } = claims;
  const digest = digestOf(intent);
  if (signature !== undefined) checkSignature(transaction, digest, signature, from);
  else checkZeros(transaction, claims);
  const right = signature === undefined ? [digest, unsignedHash(transaction)] : [signedHash(transaction, signature)];
  const fits = (given: unknown) => right.some((expected) => expected === given);
  if (hash !== undefined && !/^0x0*$/.test(textOf(hash)) && !fits(lower(hash))) {
    throw new InputError(`${PATH}.hash`, 'not of this transaction');
  }
  if (raw !== undefined && !(/^0x([0-9a-f]{2})*$/i.test(textOf(raw)) && fits(keccak256(raw as Hex)))) {
    throw new InputError(`${PATH}.raw`, 'not this transaction');
  }
}

function checkSignature(transaction: Transaction, digest: Hex, signature: GivenSignature, from: unknown): void {
  const { r, s, yParity, chainId, isUnprotected } = signature;
  if (chainId !== undefined && chainId !== BigInt(transaction.chainId)) {
    throw new InputError(`${PATH}.v`, `for chain ${chainId}, and not ${transaction.chainId}`);
  }
  if (yParity === undefined) throw new InputError(`${PATH}.v`, 'missing beside r and s');
  const parts = { r: bytesOf(r), s: bytesOf(s), yParity };
  const signer = recoverAddress(fromHex(digest), parts);
  if (signer === undefined) throw new InputError(`${PATH}.s`, 'no signature that Ethereum takes, with r');
  if (from === undefined || textOf(from).toLowerCase() === signer.toLowerCase()) return;
  const why = isUnprotected && transaction.type === 'legacy' ? ', or signed without a chain id (before EIP-155)' : '';
  throw new InputError(`${PATH}.from`, `not who signed it${why}`);
}

/** Without a signature, `v` is zero too, or what EIP-155 puts there before signing. */
function checkZeros({ chainId }: Transaction, { v, yParity }: Loose): void {
  const zeros = [undefined, '0', '0x'];
  if (!zeros.some((zero) => zero === decimal(yParity, `${PATH}.yParity`))) {
    throw new InputError(`${PATH}.yParity`, 'there, without r and s');
  }
  if (![...zeros, String(chainId)].some((zero) => zero === decimal(v, `${PATH}.v`))) {
    throw new InputError(`${PATH}.v`, 'there, without r and s');
  }
}

function signedHash(transaction: Transaction, { r, s, yParity = 0 }: GivenSignature): Hex {
  const signature = { r: hexOf(r), s: hexOf(s), yParity, v: BigInt(27 + yParity) };
  return keccak256(serializeTransaction(transaction, signature));
}

/** The hash that nodes give a transaction that nobody has signed: of one with zeros for a signature. */
function unsignedHash(transaction: Transaction): Hex {
  if (transaction.type !== 'legacy')
    return signedHash(transaction, { r: 0n, s: 0n, yParity: 0, chainId: undefined, isUnprotected: false });
  const { nonce, gasPrice, gas, to, value, data } = transaction;
  const numbers = [BigInt(nonce), gasPrice, gas].map(minimal);
  return keccak256(toRlp([...numbers, to ?? '0x', minimal(value), data, '0x', '0x', '0x']));
}

/** A number in as many bytes as it needs. */
function minimal(number: bigint): Hex {
  const digits = number === 0n ? '' : number.toString(16);
  return `0x${digits.length % 2 === 0 ? '' : '0'}${digits}`;
}

function hexOf(number: bigint): Hex {
  return `0x${number.toString(16).padStart(64, '0')}`;
}

function bytesOf(number: bigint): Uint8Array {
  return fromHex(hexOf(number));
}
