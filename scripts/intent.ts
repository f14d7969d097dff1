// What is to be signed, from the command line: sign.ts and policy.ts take it in the same ways. Not a command itself.

import { faultIn, missingFields, parseJson } from '../ts/command/internals.ts';
import {
  digestIntent,
  type Hex,
  InputError,
  type Intent,
  messageIntent,
  parseIntentJson,
  type TypedDataDefinition,
  transactionIntent,
  typedDataIntent,
  UsageError,
} from '../ts/index.ts';
import { progress, readInput } from './cli.ts';

export const INTENT_USAGE = `  --message TEXT      a text, as personal_sign takes it (EIP-191)
  --message-hex 0x…   bytes, likewise
  --typed-data FILE   typed data (EIP-712): {domain, types, primaryType, message}, as eth_signTypedData_v4 takes it
  --transaction FILE  a transaction as viem, ethers, a node or Foundry writes it. Nothing is looked up: chainId, nonce, gas
                      and the fees have to be there
  --digest 0x…        32 bytes as they are, which only the policy "any" allows`;

/** The largest file with something to sign, in bytes. */
const MAX_INPUT = 1024 * 1024;

export const intentOptions = {
  message: { type: 'string' },
  'message-hex': { type: 'string' },
  'typed-data': { type: 'string' },
  transaction: { type: 'string' },
  digest: { type: 'string' },
} as const;

/** What intentOptions parse to, and the name of a file with an intent as docs/intents.md writes it. */
export type IntentValues = { readonly [what in keyof typeof intentOptions | 'intent']?: string | undefined };

/** How many intents are given. */
export function countOf(values: IntentValues): number {
  const names = [...(Object.keys(intentOptions) as (keyof typeof intentOptions)[]), 'intent'] as const;
  return names.filter((name) => values[name] !== undefined).length;
}

/**
 * The one intent that is given. What of it is not signed, or is not what it seems, is said on stderr.
 *
 * @param isComplete whether a transaction has to say its nonce and gas limit, which are 0 otherwise
 * @throws UsageError, InputError
 */
export function intentOf(values: IntentValues, isComplete = false): Intent {
  const { message, 'message-hex': bytes, 'typed-data': typedData, transaction, digest, intent } = values;
  if (countOf(values) === 1) {
    if (message !== undefined) return textIntent(message);
    if (bytes !== undefined) {
      if (!/^0x([0-9a-f]{2})*$/i.test(bytes))
        throw new UsageError('--message-hex takes 0x and two hex digits for each byte.');
      return messageIntent({ raw: bytes as Hex });
    }
    if (digest !== undefined) return digestIntent(digest as Hex);
    if (typedData !== undefined) {
      return fromFile(typedData, (text) => typedDataIntent(objectOf(text) as TypedDataDefinition, progress.notice));
    }
    if (transaction !== undefined) {
      return fromFile(transaction, (text) => {
        const given = objectOf(text);
        if (isComplete) assertComplete(transaction, given);
        return transactionIntent(given);
      });
    }
    if (intent !== undefined) return fromFile(intent, parseIntentJson);
  }
  const names = Object.keys(intentOptions).map((name) => `--${name}`);
  throw new UsageError(`Give one thing to sign: ${names.join(', ')} or an intent.`);
}

/** What to write for a field that viem and ethers take as 0 where it is left out, which nobody means. */
const NEEDED = {
  nonce: 'the nonce, which is how many transactions the account has sent (eth_getTransactionCount)',
  gas: 'the gas limit, which is 21000 for the coin of the chain to an account without code, and otherwise what eth_estimateGas returns',
};

/** @throws UsageError */
function assertComplete(file: string, transaction: object): void {
  const missing = missingFields(transaction, ['nonce', 'gas']);
  if (missing.length === 0) return;
  throw new UsageError(`${file} has no ${missing.join(' and no ')}.`, {
    next: `add ${missing.map((name) => NEEDED[name]).join('; and ')}.`,
  });
}

function textIntent(message: string): Intent {
  if (/^0x[0-9a-f]+$/i.test(message)) {
    progress.notice(
      `--message signs the text of ${message.length} characters as it is written. For the bytes that it writes in hex, use --message-hex.`,
    );
  }
  return messageIntent(message);
}

/** The text of a file, or of stdin for `-`. @throws UsageError */
export function textOf(file: string): string {
  return readInput(file, MAX_INPUT);
}

function fromFile(file: string, read: (text: string) => Intent): Intent {
  const text = textOf(file);
  try {
    return read(text);
  } catch (cause) {
    if (!(cause instanceof InputError)) throw cause;
    const fault = (cause.path === '' ? faultIn(text) : undefined) ?? cause;
    throw new UsageError(`${file}: ${fault.message}.`, { cause: fault });
  }
}

function objectOf(text: string): object {
  const json = parseJson(text);
  if (typeof json !== 'object' || json === null) throw new InputError('', 'not an object');
  return json;
}
