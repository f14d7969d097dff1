import type { Address, Hex } from 'viem';
import { encodeAbiParameters } from 'viem/utils';
import { InputError } from '../intent/read/json.ts';
import { address } from '../intent/read/strict.ts';
import { readValue, type Type } from '../intent/types.ts';
import { readJson } from '../json.ts';
import { type AbiFunction, parseFunction } from './abi.ts';
import { readWho, resolveWho } from './account.ts';
import type { ChainRead } from './schema.ts';

/** The part of `fetch` that a policy uses. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

const MAX_TIMEOUT_MS = 30_000n;
const DEFAULT_TIMEOUT_MS = 5000;
const MAX_RESPONSE = 16_384;

/** Checks what the schema cannot, and puts addresses in lower case. @throws {@link InputError} */
export function parseRead(read: ChainRead, path: string): ChainRead {
  const { url, balanceOf, call, min, max, timeoutMs } = read;
  if (!isAllowedUrl(url)) throw new InputError(`${path}.url`, 'not an https URL in normal form');
  if ((balanceOf === undefined) === (call === undefined)) throw new InputError(path, 'needs either balanceOf or call');
  if (min === undefined && max === undefined) throw new InputError(path, 'needs min or max');
  if (timeoutMs !== undefined && (BigInt(timeoutMs) < 1n || BigInt(timeoutMs) > MAX_TIMEOUT_MS)) {
    throw new InputError(`${path}.timeoutMs`, `not from 1 to ${MAX_TIMEOUT_MS}`);
  }
  if (balanceOf !== undefined) return { ...read, balanceOf: readWho(balanceOf, `${path}.balanceOf`) };
  if (call === undefined) return read;

  const types = argumentTypes(parseFunction(call.function, `${path}.call.function`));
  if (types === undefined)
    throw new InputError(`${path}.call.function`, 'takes more than addresses, numbers and the like');
  if (types.length !== call.args.length) throw new InputError(`${path}.call.args`, `not ${types.length} arguments`);
  const args = call.args.map((value, i) => {
    const place = `${path}.call.args[${i}]`;
    const type = types[i] as Type;
    if (type.kind === 'atom' && type.name === 'address') return readWho(String(value), place);
    readValue(type, value, place);
    return value;
  });
  return { ...read, call: { ...call, to: address(call.to, `${path}.call.to`), args } };
}

/**
 * Asks the chain for the number that a rule bounds. `account` is the address of the key that would sign.
 *
 * @throws Error, whose message is short and holds nothing from the server, if the answer is late or is not that number
 */
export async function readChain(read: ChainRead, account: Address | undefined, fetch: Fetch): Promise<bigint> {
  const who = (value: string) => {
    const found = resolveWho(value, account);
    if (found === undefined) throw new Error('the account is not known');
    return found;
  };
  let method = 'eth_getBalance';
  let subject: unknown;
  if (read.call === undefined) {
    subject = who(read.balanceOf ?? '');
  } else {
    const { to, args } = read.call;
    const called = parseFunction(read.call.function, '');
    const values = argumentTypes(called)?.map((type, i) => {
      const value = args[i] ?? '';
      return type.kind === 'atom' && type.name === 'address' ? who(String(value)) : readValue(type, value, '');
    });
    method = 'eth_call';
    subject = { to, data: (called.selector + encodeAbiParameters(called.parameters, values ?? []).slice(2)) as Hex };
  }
  const answer = await post(fetch, read.url, Number(read.timeoutMs ?? DEFAULT_TIMEOUT_MS), {
    jsonrpc: '2.0',
    id: 1,
    method,
    params: [subject, 'latest'],
  });
  // A balance is a quantity; a call's result must be one number of 32 bytes.
  const form = read.call === undefined ? /^0x[0-9a-f]{1,64}$/i : /^0x[0-9a-f]{64}$/i;
  if (typeof answer !== 'string' || !form.test(answer)) throw new Error('the answer is not a number');
  return BigInt(answer);
}

function argumentTypes({ type }: AbiFunction): Type[] | undefined {
  const types = type.kind === 'struct' ? type.fields.map((field) => field.type) : [];
  const isFixed = (type: Type) => type.kind === 'atom' && type.name !== 'string' && type.name !== 'bytes';
  return types.every(isFixed) ? types : undefined;
}

async function post(fetch: Fetch, url: string, timeoutMs: number, request: object): Promise<unknown> {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      controller.abort();
      reject(new Error(`no answer within ${timeoutMs} ms`));
    }, timeoutMs);
  });
  const ask = async () => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request),
      redirect: 'error',
      signal: controller.signal,
    }).catch(() => {
      throw new Error('no connection');
    });
    if (response.status !== 200) throw new Error(`HTTP status ${response.status}`);
    return resultOf(await bodyOf(response));
  };
  try {
    return await Promise.race([ask(), late]);
  } finally {
    clearTimeout(timer);
    controller.abort();
  }
}

function resultOf(body: string): unknown {
  let reply: unknown;
  try {
    reply = readJson(body);
  } catch {
    throw new Error('the answer is not JSON');
  }
  if (typeof reply !== 'object' || reply === null || !('result' in reply) || 'error' in reply) {
    throw new Error('the node reports an error');
  }
  return reply.result;
}

async function bodyOf(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    const part = await reader?.read();
    if (part?.value === undefined) return text;
    text += decoder.decode(part.value, { stream: true });
    if (text.length > MAX_RESPONSE) throw new Error(`an answer of more than ${MAX_RESPONSE} bytes`);
  }
}

function isAllowedUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { href, protocol, hostname, username, password, hash } = new URL(text);
  const isHere = protocol === 'http:' && ['127.0.0.1', '[::1]', 'localhost'].includes(hostname);
  return href === text && (protocol === 'https:' || isHere) && username === '' && password === '' && hash === '';
}
