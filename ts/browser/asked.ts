import * as v from 'valibot';
import { prepareTransactionRequest } from 'viem/actions';
import { readerOf } from '../adapters/reader.ts';
import { fromHex } from '../core/evm.ts';
import { messageIntent, transactionIntent, typedDataIntent } from '../intent/from.ts';
import { InputError, type Intent } from '../intent/intent.ts';
import { readJson } from '../json.ts';
import { Address } from '../protocol/schema.ts';
import { ProviderRpcError, RPC } from '../provider/errors.ts';
import { cleanLine, quoted, visible } from '../text/untrusted.ts';
import { Chain } from './connections.ts';

// What a dapp asks for, from the parameters of EIP-1193 to an intent. All of it is a stranger's word.

const HexText = v.pipe(v.string(), v.regex(/^0x(?:[0-9a-fA-F]{2})*$/));
const Quantity = v.pipe(v.string(), v.regex(/^0x[0-9a-fA-F]{1,64}$/));
const Given = v.pipe(
  v.string(),
  v.transform((text) => text.toLowerCase()),
);

const TransactionRequest = v.object({
  from: v.optional(Address),
  to: v.optional(v.nullable(Address)),
  data: v.optional(HexText),
  input: v.optional(HexText),
  value: v.optional(Quantity),
  gas: v.optional(Quantity),
  gasPrice: v.optional(Quantity),
  maxFeePerGas: v.optional(Quantity),
  maxPriorityFeePerGas: v.optional(Quantity),
  nonce: v.optional(Quantity),
  chainId: v.optional(v.union([Quantity, v.number()])),
  type: v.optional(Quantity),
  accessList: v.optional(v.array(v.object({ address: Address, storageKeys: v.array(HexText) }))),
});

const AddChain = v.object({
  chainId: Quantity,
  chainName: v.pipe(v.string(), v.minLength(1), v.maxLength(64)),
  nativeCurrency: v.object({
    name: v.string(),
    symbol: v.pipe(v.string(), v.minLength(1), v.maxLength(12)),
    decimals: v.literal(18),
  }),
  rpcUrls: v.pipe(v.array(v.string()), v.minLength(1)),
});

function parsed<S extends v.GenericSchema>(schema: S, params: unknown, what: string): v.InferOutput<S> {
  const result = v.safeParse(schema, params);
  if (result.success) return result.output;
  const where = v.getDotPath(result.issues[0]);
  throw new ProviderRpcError(
    RPC.invalidParams,
    `These are not parameters of ${what}${where === null ? '' : ` (${where})`}.`,
  );
}

/** An intent of strings that a dapp gave. @throws ProviderRpcError, if it is none */
function intentOf(make: () => Intent): Intent {
  try {
    return make();
  } catch (error) {
    if (error instanceof InputError) throw new ProviderRpcError(RPC.invalidParams, error.short);
    throw error;
  }
}

/** @throws ProviderRpcError, if it is of another account */
function assertAccount(given: string, account: string): void {
  if (given === account.toLowerCase()) return;
  throw new ProviderRpcError(RPC.unauthorized, 'The wallet does not have this account.');
}

/** personal_sign: what is shown is text, wherever the bytes are one. */
export function askedMessage(params: unknown, account: string): Intent {
  const [data, address] = parsed(v.looseTuple([v.string(), Given]), params, 'personal_sign');
  assertAccount(address, account);
  return intentOf(() => {
    if (!v.is(HexText, data)) return messageIntent(data);
    const bytes = fromHex(data.toLowerCase());
    try {
      return messageIntent(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    } catch {
      return messageIntent({ raw: data as `0x${string}` });
    }
  });
}

/** eth_signTypedData_v4 */
export function askedTypedData(params: unknown, account: string, chain: Pick<Chain, 'id'>): Intent {
  const [address, data] = parsed(
    v.looseTuple([Given, v.union([v.string(), v.looseObject({})])]),
    params,
    'eth_signTypedData_v4',
  );
  assertAccount(address, account);
  return intentOf(() => {
    let definition: unknown;
    try {
      definition = typeof data === 'string' ? readJson(data) : data;
    } catch {
      throw new InputError('', 'the typed data is not JSON');
    }
    if (typeof definition !== 'object' || definition === null)
      throw new InputError('', 'the typed data is not an object');
    const intent = typedDataIntent(definition as Parameters<typeof typedDataIntent>[0]);
    const chainId = intent.kind === 'typedData' ? intent.typedData.domain.chainId : undefined;
    if (chainId === undefined || BigInt(chainId) === BigInt(chain.id)) return intent;
    const why = `The typed data is for the chain ${chainId}; this page is on ${chain.id}. Ask for the other chain first.`;
    throw new ProviderRpcError(RPC.invalidParams, why);
  });
}

/** A message to sign in (EIP-4361) that names another site than the one that asks. */
export function signInWarning(intent: Intent, origin: string): string | undefined {
  if (intent.kind !== 'message' || typeof intent.message !== 'string') return undefined;
  const form = /^(?:[a-z][a-z0-9+.-]*:\/\/)?(\S{1,255}) wants you to sign in with your Ethereum account:/i;
  const named = form.exec(intent.message)?.[1];
  const { host } = new URL(origin);
  if (named === undefined || named.toLowerCase() === host) return undefined;
  return `This signs in at ${visible(named)}, but ${host} asks for it: it could sign in there as you.`;
}

/** eth_sendTransaction and eth_signTransaction: what the dapp leaves open, the node of the chain fills in. */
export async function askedTransaction(params: unknown, account: string, chain: Chain): Promise<Intent> {
  const [given] = parsed(v.looseTuple([TransactionRequest]), params, 'eth_sendTransaction');
  if (given.from !== undefined) assertAccount(given.from.toLowerCase(), account);
  if (given.chainId !== undefined && Number(given.chainId) !== chain.id) {
    throw new ProviderRpcError(RPC.invalidParams, `The transaction is for another chain than ${chain.id}.`);
  }
  const { data, input, value, gas, gasPrice, maxFeePerGas, maxPriorityFeePerGas, nonce, accessList, to } = given;
  if (data !== undefined && input !== undefined && data !== input) {
    throw new ProviderRpcError(RPC.invalidParams, 'The transaction has two different data.');
  }
  const number = (text: string | undefined) => (text === undefined ? undefined : BigInt(text));
  const request = defined({
    to: to ?? undefined,
    data: data ?? input,
    value: number(value),
    gas: number(gas),
    gasPrice: number(gasPrice),
    maxFeePerGas: number(maxFeePerGas),
    maxPriorityFeePerGas: number(maxPriorityFeePerGas),
    nonce: nonce === undefined ? undefined : Number(nonce),
    accessList,
  });
  const filled = await prepareTransactionRequest(readerOf(chain.rpcUrl, { retryCount: 1 }), {
    ...request,
    account: account as `0x${string}`,
    chainId: chain.id,
    parameters: ['nonce', 'fees', 'gas', 'type'],
  } as never).catch((error: { shortMessage?: unknown; details?: unknown }) => {
    throw nodeError(chain, 'cannot prepare the transaction', error.details ?? error.shortMessage);
  });
  const { from: _, account: __, nonceManager: ___, chain: ____, ...transaction } = filled as Record<string, unknown>;
  if (transaction.chainId !== chain.id)
    throw new ProviderRpcError(RPC.internal, `The node is not of chain ${chain.id}.`);
  return intentOf(() => transactionIntent(defined(transaction)));
}

/** wallet_switchEthereumChain */
export function askedChainId(params: unknown): number {
  const [{ chainId }] = parsed(v.looseTuple([v.object({ chainId: Quantity })]), params, 'wallet_switchEthereumChain');
  return safeChainId(chainId);
}

/** wallet_addEthereumChain (EIP-3085) */
export function askedChain(params: unknown): Chain {
  const [given] = parsed(v.looseTuple([AddChain]), params, 'wallet_addEthereumChain');
  const id = safeChainId(given.chainId);
  for (const rpcUrl of given.rpcUrls) {
    const chain = v.safeParse(Chain, { id, name: given.chainName, symbol: given.nativeCurrency.symbol, rpcUrl });
    if (chain.success) return chain.output;
  }
  throw new ProviderRpcError(RPC.invalidParams, 'No node of this chain is reached by https.');
}

/** @throws ProviderRpcError, if the node is of another chain, or there is none */
export async function assertNode({ rpcUrl, id }: Chain): Promise<void> {
  const reader = readerOf(rpcUrl, { retryCount: 0, timeout: 10_000 });
  const actual = await reader.getChainId().catch(() => {
    throw new ProviderRpcError(RPC.invalidParams, 'The node of this chain does not answer.');
  });
  if (actual !== id) throw new ProviderRpcError(RPC.invalidParams, `The node is of chain ${actual}, not of ${id}.`);
}

/** Sends a signed transaction to the node of its chain. */
export async function broadcast(chain: Chain, serializedTransaction: `0x${string}`): Promise<string> {
  const reader = readerOf(chain.rpcUrl, { retryCount: 1 });
  return reader.sendRawTransaction({ serializedTransaction }).catch((error: { details?: unknown }) => {
    throw nodeError(chain, 'does not take the transaction', error.details);
  });
}

/** What a node says is shown, and a dapp may have chosen the node, and the name of its chain. */
function nodeError({ name }: Chain, what: string, why: unknown = 'it does not answer'): ProviderRpcError {
  return new ProviderRpcError(RPC.internal, `The node of ${quoted(name)} ${what}: ${cleanLine(String(why), 300)}`);
}

function safeChainId(text: string): number {
  const id = Number(text);
  if (Number.isSafeInteger(id) && id > 0) return id;
  throw new ProviderRpcError(RPC.invalidParams, 'This is not a chain id.');
}

function defined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as T;
}
