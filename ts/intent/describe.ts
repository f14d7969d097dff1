import { formatGwei, getAddress, keccak256 } from 'viem/utils';
import { quoted } from '../text/untrusted.ts';
import { inCoin } from './coin.ts';
import type { Domain } from './domain.ts';
import type { Intent } from './intent.ts';
import { chainOf } from './transaction/authorization.ts';
import { feePerGasOf, maxFeeOf, type Transaction, transactionForms } from './transaction/transaction.ts';
import type { TransactionForm } from './transaction/type.ts';
import { DOMAIN, encodeType, type Value } from './types.ts';

/**
 * The intent in words, for people: several lines, which nothing within the intent can add to or disguise, and which tell any
 * intent from any other.
 */
export function describeIntent(intent: Intent): string {
  switch (intent.kind) {
    case 'message':
      return typeof intent.message === 'string'
        ? lines('Sign the message (EIP-191)', [`text: ${quoted(intent.message)}`])
        : lines('Sign the message (EIP-191)', [`bytes: ${intent.message.raw}`]);
    case 'typedData': {
      const { domain, types, primaryType, message } = intent.typedData;
      const declared = types[DOMAIN];
      return lines(`Sign typed data (EIP-712): ${named(primaryType)}`, [
        `domain: ${describeDomain(domain)}`,
        ...(declared === undefined ? [] : [`domain type: ${encodeType({ [DOMAIN]: declared }, DOMAIN)}`]),
        ...fieldLines(message, ''),
        `type: ${encodeType(types, primaryType)}`,
      ]);
    }
    case 'transaction':
      return describeTransaction(intent.transaction);
    case 'authorization': {
      const { address, nonce } = intent.authorization;
      return lines('Let a contract act for the account (EIP-7702 authorization)', [
        `delegate: ${getAddress(address)}`,
        `on ${chainOf(intent.authorization)}`,
        `nonce: ${nonce}`,
      ]);
    }
    case 'digest':
      return lines('Sign a raw digest, whose meaning is unknown', [`digest: ${intent.digest}`]);
  }
}

function describeTransaction(transaction: Transaction): string {
  const { to, chainId, nonce, value, data, gas, type } = transaction;
  const bytes = data.length / 2 - 1;
  const chains = [String(chainId)];
  const form: TransactionForm<Transaction> = transactionForms[type];
  return lines(to === null ? 'Create a contract' : `Send a transaction to ${getAddress(to)}`, [
    `chain: ${chainId}`,
    `value: ${inCoin(value, chains)} (${value} wei)`,
    to === null
      ? `init code: ${bytes} bytes, of keccak256 ${keccak256(data)}`
      : `data: ${bytes === 0 ? 'none' : `${data} (${bytes} bytes)`}`,
    `fee: at most ${inCoin(maxFeeOf(transaction), chains)} (gas ${gas} at ${formatGwei(feePerGasOf(transaction))} gwei)`,
    ...('maxPriorityFeePerGas' in transaction ? [`tip: ${formatGwei(transaction.maxPriorityFeePerGas)} gwei`] : []),
    `nonce: ${nonce}`,
    `type: ${type}`,
    ...('accessList' in transaction
      ? transaction.accessList.map((item) => `access: ${[getAddress(item.address), ...item.storageKeys].join(' ')}`)
      : []),
    ...(form.describe?.(transaction) ?? []),
  ]);
}

function describeDomain(domain: Domain): string {
  const parts = Object.entries(domain).map(([key, value]) => `${named(key)} ${plain(value)}`);
  return parts.length === 0 ? 'none' : parts.join(', ');
}

/** A value within an intent, a line for each number, text or the like, with its path. */
export function fieldLines(value: Value, path: string): string[] {
  if (typeof value !== 'object') return [`${path} = ${plain(value)}`];
  const items = Object.entries(value);
  if (items.length === 0) return [`${path} = nothing`];
  return items.flatMap(([key, item]) =>
    fieldLines(item, Array.isArray(value) ? `${path}[${key}]` : path === '' ? named(key) : `${path}.${named(key)}`),
  );
}

/** A name as it is, or in quotation marks where it might pass for something else. */
function named(name: string): string {
  return /^[\w$:@/-]+$/.test(name) ? name : quoted(name);
}

function plain(value: string | boolean | bigint): string {
  if (typeof value !== 'string') return String(value);
  return /^0x[0-9a-f]*$/.test(value) ? value : quoted(value);
}

function lines(head: string, details: readonly string[]): string {
  return [head, ...details.map((line) => `  ${line}`)].join('\n');
}
