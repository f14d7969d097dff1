// What is to be signed, from the command line: sign.ts and policy.ts take it in the same ways. Not a command itself.
import { readFileSync } from 'node:fs';
import {
  digestIntent,
  type Hex,
  InputError,
  type Intent,
  messageIntent,
  parseIntentJson,
  parseJson,
  transactionIntent,
  typedDataIntent,
  typeOfNumber,
  UsageError,
} from '../ts/index.ts';

export const INTENT_USAGE = `  --message TEXT      a text, as personal_sign takes it (EIP-191)
  --typed-data FILE   typed data (EIP-712): {domain, types, primaryType, message}, as eth_signTypedData_v4 takes it
  --transaction FILE  a transaction, in the fields of viem, ethers or a node. Nothing is looked up: chainId, nonce, gas
                      and fees have to be there
  --digest 0x…        32 bytes as they are, which only the policy "any" allows`;

export const intentOptions = {
  message: { type: 'string' },
  'typed-data': { type: 'string' },
  transaction: { type: 'string' },
  digest: { type: 'string' },
} as const;

/** What intentOptions parse to, and the name of a file with an intent as docs/policies.md writes it. */
export type IntentValues = { readonly [what in keyof typeof intentOptions | 'intent']?: string | undefined };

/** How many intents are given. */
export function countOf({ message, 'typed-data': typedData, transaction, digest, intent }: IntentValues): number {
  return [message, typedData, transaction, digest, intent].filter((value) => value !== undefined).length;
}

/** The one intent that is given. @throws UsageError, InputError */
export function intentOf(values: IntentValues): Intent {
  const { message, 'typed-data': typedData, transaction, digest, intent } = values;
  if (countOf(values) === 1) {
    if (message !== undefined) return messageIntent(message);
    if (digest !== undefined) return digestIntent(digest as Hex);
    if (typedData !== undefined) {
      return fromFile(typedData, (text) => typedDataIntent(objectOf(text) as Parameters<typeof typedDataIntent>[0]));
    }
    if (transaction !== undefined) {
      return fromFile(transaction, (text) => transactionIntent(viemTransaction(objectOf(text))));
    }
    if (intent !== undefined) return fromFile(intent, parseIntentJson);
  }
  throw new UsageError('Give one thing to sign: --message, --typed-data, --transaction, --digest or an intent.');
}

/** The text of a file, or of stdin for `-`. @throws UsageError */
export function textOf(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (cause) {
    throw new UsageError(`${file} cannot be read: ${(cause as Error).message}.`, { cause });
  }
}

function fromFile(file: string, read: (text: string) => Intent): Intent {
  const text = textOf(file);
  try {
    return read(text);
  } catch (cause) {
    if (!(cause instanceof InputError)) throw cause;
    throw new UsageError(`${file}: ${cause.message}.`, { cause });
  }
}

function objectOf(text: string): object {
  const json = parseJson(text);
  if (typeof json !== 'object' || json === null) throw new InputError('', 'not an object');
  return json;
}

/** A transaction as ethers and nodes write it (`gasLimit`, `input`, types by their number), as viem does. */
function viemTransaction(transaction: object): object {
  const renamed = Object.entries(transaction).map(([key, value]): [string, unknown] => {
    if (key === 'gasLimit') return ['gas', value];
    if (key === 'input') return ['data', value];
    if (key !== 'type') return [key, value];
    const number = /^(?:0x0?)?([0-9])$/.exec(String(value))?.[1];
    return [key, number === undefined ? value : (typeOfNumber(Number(number)) ?? value)];
  });
  const names = renamed.map(([key]) => key);
  const twice = names.find((key, i) => names.indexOf(key) !== i);
  if (twice !== undefined) throw new InputError(twice, 'given under two names');
  return Object.fromEntries(renamed);
}
