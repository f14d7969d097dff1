import { formatEther, formatGwei, getAddress } from 'viem/utils';
import { type Domain, type Intent, maxFeeOf, type Transaction } from './intent.ts';
import { encodeType, type Value } from './types.ts';

/** The intent in words, for people: several lines, which nothing within the intent can add to or disguise. */
export function describeIntent(intent: Intent): string {
  switch (intent.kind) {
    case 'message':
      return typeof intent.message === 'string'
        ? lines('Sign the message (EIP-191)', [`text: ${quoted(intent.message)}`])
        : lines('Sign the message (EIP-191)', [`bytes: ${intent.message.raw}`]);
    case 'typedData': {
      const { domain, types, primaryType, message } = intent.typedData;
      return lines(`Sign typed data (EIP-712): ${primaryType}`, [
        `domain: ${describeDomain(domain)}`,
        ...fieldLines(message, ''),
        `type: ${encodeType(types, primaryType)}`,
      ]);
    }
    case 'transaction':
      return describeTransaction(intent.transaction);
    case 'authorization': {
      const { chainId, address, nonce } = intent.authorization;
      return lines('Let a contract act for the account (EIP-7702 authorization)', [
        `delegate: ${getAddress(address)}`,
        `chain: ${chainId === 0 ? 'EVERY chain' : chainId}`,
        `nonce: ${nonce}`,
      ]);
    }
    case 'digest':
      return lines('Sign a raw digest, whatever it may stand for', [`digest: ${intent.digest}`]);
  }
}

function describeTransaction(transaction: Transaction): string {
  const { to, chainId, nonce, value, data, gas, type } = transaction;
  const bytes = data.length / 2 - 1;
  return lines(to === null ? 'Create a contract' : `Send a transaction to ${getAddress(to)}`, [
    `chain: ${chainId}`,
    `value: ${formatEther(value)} ETH (${value} wei)`,
    to === null
      ? `init code: ${bytes} bytes`
      : `data: ${bytes === 0 ? 'none' : `${data.slice(0, 10)}… (${bytes} bytes)`}`,
    `fee: at most ${formatEther(maxFeeOf(transaction))} ETH (gas ${gas} at ${formatGwei(
      'gasPrice' in transaction ? transaction.gasPrice : transaction.maxFeePerGas,
    )} gwei)`,
    `nonce: ${nonce}`,
    `type: ${type}`,
    ...('accessList' in transaction && transaction.accessList.length > 0
      ? [`access list: ${transaction.accessList.length} addresses`]
      : []),
    ...('blobVersionedHashes' in transaction ? [`blobs: ${transaction.blobVersionedHashes.length}`] : []),
    ...('authorizationList' in transaction
      ? transaction.authorizationList.map((item) => `carries an authorization of ${getAddress(item.address)}`)
      : []),
  ]);
}

export function describeDomain(domain: Domain): string {
  const parts = Object.entries<string | bigint>({ ...domain }).map(([key, value]) => `${key} ${plain(value)}`);
  return parts.length === 0 ? 'none' : parts.join(', ');
}

function fieldLines(value: Value, path: string): string[] {
  if (typeof value !== 'object') return [`${path} = ${plain(value)}`];
  const items = Object.entries(value);
  if (items.length === 0) return [`${path} = nothing`];
  return items.flatMap(([key, item]) =>
    fieldLines(item, Array.isArray(value) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`),
  );
}

function plain(value: string | boolean | bigint): string {
  if (typeof value !== 'string') return String(value);
  return /^0x[0-9a-f]*$/.test(value) ? value : quoted(value);
}

/** Everything but visible characters is escaped: line breaks, and those that turn the direction of text. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`);
}

function lines(head: string, details: readonly string[]): string {
  return [head, ...details.map((line) => `  ${line}`)].join('\n');
}
