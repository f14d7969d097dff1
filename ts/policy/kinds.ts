import type { Hex } from 'viem';
import { keccak256, stringToHex } from 'viem/utils';
import { type Domain, domainFields, isStandard } from '../intent/domain.ts';
import type { TypedData } from '../intent/intent.ts';
import type { Authorization } from '../intent/transaction/authorization.ts';
import { feePerGasOf, maxFeeOf, type Transaction } from '../intent/transaction/transaction.ts';
import { DOMAIN, encodeType } from '../intent/types.ts';
import { parseFunction, parseStructType } from './abi.ts';
import { resolveWho } from './account.ts';
import { callViolation, type Facts, violation } from './constraint.ts';
import { outOfPace } from './pace.ts';
import type { RuleOf } from './schema.ts';

// The checks of each kind of rule on an intent of its kind.

/** The result of one check: what is wrong, or `false`. */
export type Check = string | false;

/** The size of a hash in bytes: a contract may take a message of this size for a hash. */
const HASH = 32;

export function* checkMessage(
  { prefixes, hashes }: RuleOf<'message'>,
  message: string | { readonly raw: Hex },
): Generator<Check> {
  const bytes = typeof message === 'string' ? stringToHex(message) : message.raw;
  yield isNone(prefixes, (prefix) => bytes.startsWith(stringToHex(prefix))) && 'the message does not begin as it must';
  yield hashes === 'none' && bytes.length === 2 + 2 * HASH && `a message of ${HASH} bytes may be a hash`;
}

export function* checkTypedData(rule: RuleOf<'typedData'>, typedData: TypedData, facts: Facts): Generator<Check> {
  const { domain, types, primaryType, message } = typedData;
  const fields = domainFields(domain, types);
  const domainType = encodeType({ [DOMAIN]: fields }, DOMAIN);
  yield rule.domainTypes === undefined
    ? !isStandard(fields) && `no domainTypes of the rule names ${domainType}, which has other fields than EIP-712's`
    : !rule.domainTypes.includes(domainType) && `the domain type ${domainType} is not allowed`;
  yield isNone(rule.domains, (allowed) => isSame({ ...allowed }, domain)) && 'the domain is not allowed';
  const inFull = encodeType(types, primaryType);
  yield isNone(rule.types, (type) => type === (type.includes('(') ? inFull : primaryType)) &&
    `the type ${primaryType} is not allowed, or is defined otherwise`;
  if (rule.fields !== undefined)
    yield violation(parseStructType(rule.types[0] ?? '', ''), message, rule.fields, '', facts);
}

export function* checkAuthorization(
  rule: RuleOf<'authorization'>,
  authorization: Authorization,
  { now }: Facts,
): Generator<Check> {
  const { chainId, address, nonce } = authorization;
  yield !rule.chains.includes(String(chainId)) && `chain ${chainId} is not allowed`;
  yield !rule.delegates.includes(address) && `the delegate ${address} is not allowed`;
  if (rule.pace !== undefined) yield outOfPace(rule.pace, BigInt(nonce), now, 'the nonce');
}

export function* checkTransaction(
  rule: RuleOf<'transaction'>,
  transaction: Transaction,
  facts: Facts,
): Generator<Check> {
  const { chainId, nonce, to, value, data, gas } = transaction;
  yield isNone(rule.chains, (chain) => chain === String(chainId)) && `chain ${chainId} is not allowed`;
  if (to === null) {
    // Init code is not a call: neither `to` nor `calls` say anything about it.
    yield rule.create === undefined && 'creating a contract is not allowed';
    yield isNone(rule.create ?? [], (hash) => hash === keccak256(data)) && 'this init code is not allowed';
  } else {
    yield isNone(rule.to, (who) => resolveWho(who, facts.account) === to) && `the recipient ${to} is not allowed`;
    yield* checkCall(rule.calls, data, facts);
  }
  if ('accessList' in transaction) {
    yield transaction.accessList.length > 0 && rule.accessList !== 'any' && 'an access list is not allowed';
  }
  if ('blobVersionedHashes' in transaction) {
    const blobs = BigInt(transaction.blobVersionedHashes.length);
    yield isAbove(blobs, rule.maxBlobs ?? '0') && `${blobs} blobs are more than allowed`;
  }
  if ('authorizationList' in transaction) {
    for (const { address } of transaction.authorizationList) {
      yield isNone(rule.delegates ?? [], (delegate) => delegate === address) &&
        `the delegate ${address} is not allowed`;
    }
  }
  const bytes = BigInt(data.length / 2 - 1);
  const price = feePerGasOf(transaction);
  const fee = maxFeeOf(transaction);
  yield isAbove(value, rule.maxValue) && `the value ${value} is above ${rule.maxValue}`;
  yield isAbove(gas, rule.maxGas ?? 'any') && `the gas limit ${gas} is above ${rule.maxGas}`;
  yield isAbove(price, rule.maxFeePerGas ?? 'any') && `the fee per gas ${price} is above ${rule.maxFeePerGas}`;
  yield isAbove(fee, rule.maxFee) && `the fee of up to ${fee} is above ${rule.maxFee}`;
  yield isAbove(bytes, rule.maxData ?? 'any') && `${bytes} bytes of data are more than ${rule.maxData}`;
  if (rule.pace !== undefined) yield outOfPace(rule.pace, BigInt(nonce), facts.now, 'the nonce');
}

function* checkCall(calls: RuleOf<'transaction'>['calls'], data: Hex, facts: Facts): Generator<Check> {
  if (calls === 'any') return;
  yield calls === undefined && data !== '0x' && 'data is not allowed';
  if (calls === undefined) return;

  const selector = data.slice(0, 10);
  const functions = calls.map(({ function: signature, args }) => ({ args, called: parseFunction(signature, '') }));
  const named = functions.filter(({ called }) => called.selector === selector);
  yield named.length === 0 &&
    (data === '0x' ? 'a call without data is not allowed' : `the method ${selector} is not allowed`);
  const results = named.map(({ args, called }) => callViolation(called, args, data, 'the data', 'args.', facts));
  yield results.includes(false) ? false : (results[0] ?? false);
}

function isNone<T>(allowed: 'any' | readonly T[], fits: (item: T) => boolean): boolean {
  return allowed !== 'any' && !allowed.some(fits);
}

function isAbove(value: bigint, max: string): boolean {
  return max !== 'any' && value > BigInt(max);
}

/** The same fields with the same values, and no others. */
function isSame(allowed: { readonly [field: string]: string }, domain: Domain): boolean {
  const names = Object.keys(domain);
  return names.length === Object.keys(allowed).length && names.every((name) => allowed[name] === String(domain[name]));
}
