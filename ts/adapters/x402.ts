import * as v from 'valibot';
import {
  type Address,
  decodeFunctionData,
  getAddress,
  type Hex,
  type PublicClient,
  parseAbi,
  parseEventLogs,
  toHex,
} from 'viem';
import { UsageError } from '../errors.ts';
import { expiryOf, numbersAt } from '../policy/budget.ts';
import { constraintAt, least, typedEffectOf } from '../policy/effects.ts';
import { showTime } from '../policy/pace.ts';
import { type Policy, policyHash } from '../policy/policy.ts';
import type { Pace } from '../policy/schema.ts';
import { paceOf, placeOf } from '../policy/sequences.ts';
import { ADDRESS_FORM, Address as AnyAddress } from '../protocol/schema.ts';
import type { Wallet } from '../signing/wallet.ts';
import { readerOf } from './reader.ts';

// Payments by x402 with counted nonces: each takes the lowest that the chain does not show as used, so that a pace holds. However
// often one nonce is signed, the token takes it once. So nothing that a seller or a facilitator says moves on to the next one:
// only the chain does.

/** Where the next nonce of a sequence is kept. It saves questions to the chain, and nothing depends on it. */
export interface NonceStore {
  /** The lowest nonce that may be unused; undefined if none was kept. */
  read(sequence: string): Promise<bigint | undefined>;
  write(sequence: string, nonce: bigint): Promise<void>;
}

export interface CountedOptions {
  readonly wallet: Wallet;
  /** The wallet's policy: its rules for `TransferWithAuthorization` say which tokens can be paid, and the nonces. */
  readonly policy: Policy;
  /** The URL of a node for each chain that is paid on, by the chain's id. What it says of used nonces is believed. */
  readonly rpc: Readonly<Record<string, string>>;
  readonly nonces?: NonceStore | undefined;
  /**
   * The most that one payment may be, in the token's smallest unit, by token (`eip155:8453/0x…`: chain and address): for callers that
   * want less than the policy allows. A token that is not in it is not paid. Left out: what the policy allows.
   */
  readonly maxAmountPerPayment?: Readonly<Record<string, bigint>> | undefined;
}

/** What a seller asks for, in the form of @x402/core. */
export interface Requirements {
  readonly scheme: string;
  readonly network: string;
  readonly asset: string;
  readonly amount: string;
  readonly payTo: string;
  readonly maxTimeoutSeconds: number;
  readonly extra: Readonly<Record<string, unknown>>;
}

/** The result of a payment, as @x402/core reports it to a scheme. */
export interface PaymentOutcome {
  readonly paymentPayload: { readonly payload: Readonly<Record<string, unknown>> };
  readonly settleResponse?: { readonly success: boolean };
}

// A seller writes these.
const RequirementsSchema = v.object({
  scheme: v.literal('exact'),
  network: v.pipe(v.string(), v.regex(/^eip155:[1-9]\d{0,15}$/, 'not a network of EVM chains')),
  asset: AnyAddress,
  amount: v.pipe(v.string(), v.regex(/^(0|[1-9]\d{0,77})$/, 'not a whole number')),
  payTo: AnyAddress,
  maxTimeoutSeconds: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000_000)),
  extra: v.object({
    name: v.pipe(v.string(), v.maxLength(200)),
    version: v.pipe(v.string(), v.maxLength(200)),
    assetTransferMethod: v.optional(v.literal('eip3009')),
  }),
});

const TYPES = {
  TransferWithAuthorization: [
    { name: 'from', type: 'address' },
    { name: 'to', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'validAfter', type: 'uint256' },
    { name: 'validBefore', type: 'uint256' },
    { name: 'nonce', type: 'bytes32' },
  ],
} as const;

const ABI = parseAbi([
  'function authorizationState(address authorizer,bytes32 nonce) view returns (bool)',
  'event AuthorizationUsed(address indexed authorizer,bytes32 indexed nonce)',
  'event Transfer(address indexed from,address indexed to,uint256 value)',
]);

const SETTLING = parseAbi(
  ['transfer', 'receive'].flatMap((verb) => [
    `function ${verb}WithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce,uint8 v,bytes32 r,bytes32 s)`,
    `function ${verb}WithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce,bytes signature)`,
  ]),
);

/** How long the next payment waits for the result of the one before, so that they do not use the same nonce. */
const TURN_MS = 30_000;
/** How long to wait until the node shows a payment that a facilitator says it has settled. */
const SETTLED_MS = 10_000;
const POLL_MS = 500;
/** How many blocks before a signature another payment may have used its nonce, with a node that is behind. */
const BEHIND = 100n;
/** How many nonces a node is asked for at once: with more, the call is longer than the code of a contract may be. */
const AT_ONCE = 128;
/** How long the data of a call of `authorizationState` is. */
const STATE_BYTES = 68;
/** By how many seconds the clocks of this machine and of the action may differ. */
const CLOCKS = 10;

/** A payment that was signed, and whom to tell its result. */
interface Pending {
  readonly token: TokenSequence;
  readonly nonce: bigint;
  readonly signature: string;
  readonly to: Address;
  readonly value: bigint;
  readonly since: bigint;
  end(): void;
}

/** The authorizations of the account at one token. */
interface TokenSequence {
  readonly name: string;
  readonly chain: string;
  readonly address: Address;
  readonly pace: Pace;
  readonly within: number | undefined;
  /** The most that one payment may be; undefined for what the policy allows. */
  readonly max: bigint | undefined;
  readonly reader: PublicClient;
}

/**
 * The scheme `exact` of x402 on EVM chains, for a wallet whose policy has a pace: a client scheme for @x402/core, to be registered
 * for `eip155:*` or for single chains. Payments of one scheme are made one after the other.
 */
export class CountedExactScheme {
  readonly scheme = 'exact';
  readonly schemeHooks = {
    onPaymentResponse: (outcome: PaymentOutcome): Promise<{ recovered: true } | undefined> => this.#settled(outcome),
  };
  readonly #wallet: Wallet;
  readonly #account: Address;
  readonly #nonces: NonceStore | undefined;
  readonly #tokens: readonly TokenSequence[];
  readonly #pending = new Map<string, Pending>();
  #turn: Promise<void> = Promise.resolve();

  /**
   * @throws UsageError if this is not the wallet's policy, it has no rule with a pace for a token on a chain of `rpc`, or none for a
   *   token that has a maximum
   */
  constructor({ wallet, policy, rpc, nonces, maxAmountPerPayment }: CountedOptions) {
    this.#wallet = wallet;
    this.#account = getAddress(wallet.info.address);
    this.#nonces = nonces;
    if (wallet.info.action?.policy !== policyHash(policy)) {
      throw new UsageError(
        `This is not the policy of ${wallet.info.address}: that has the hash ${wallet.info.action?.policy}.`,
      );
    }
    const tokens = tokensOf(policy, rpc);
    if (tokens.length === 0) {
      throw new UsageError(
        'No rule of the policy allows TransferWithAuthorization with a pace on a chain that has an RPC.',
      );
    }
    this.#tokens = maxAmountPerPayment === undefined ? tokens : withMaxima(tokens, maxAmountPerPayment);
  }

  /** Whether a seller takes a token that a rule allows. Whether the amount is too high is not asked here. */
  canPay(requirements: Requirements): boolean {
    return v.is(RequirementsSchema, requirements) && this.#tokenOf(requirements) !== undefined;
  }

  /** Whether what a seller wants, which this scheme {@link canPay | can pay}, is within the caller's maximum. */
  isWithinMaximum(requirements: Requirements): boolean {
    return isWithin(requirements, this.#tokenOf(requirements)?.max);
  }

  /**
   * Signs a payment of what the seller wants.
   *
   * @throws UsageError if no rule is for the token, or it is above the caller's maximum; the action is not asked. What {@link Wallet}
   *   throws, such as PolicyError if it is above the budget
   */
  async createPaymentPayload(
    x402Version: number,
    requirements: Requirements,
  ): Promise<{ x402Version: number; payload: Record<string, unknown> }> {
    const parsed = v.safeParse(RequirementsSchema, requirements);
    if (!parsed.success) throw new UsageError(`The seller wants what cannot be paid: ${parsed.issues[0].message}.`);
    const wanted = parsed.output;
    const token = this.#tokenOf(wanted);
    if (token === undefined) throw new UsageError(`No rule of the policy is for ${wanted.asset} on ${wanted.network}.`);
    assertWithin(wanted, token.max);
    const end = await this.#takeTurn();
    try {
      const { number: since, timestamp } = await token.reader.getBlock();
      const nonce = await this.#lowestUnused(token, timestamp);
      const valid = Math.min(wanted.maxTimeoutSeconds, (token.within ?? Number.POSITIVE_INFINITY) - CLOCKS);
      const until = BigInt(Math.floor(Date.now() / 1000) + valid);
      const authorization = {
        from: this.#account,
        to: getAddress(wanted.payTo),
        value: wanted.amount,
        validAfter: '0',
        // No longer than its nonce is allowed: after that, the next payment has another.
        validBefore: String(least(until, expiryOf(token.pace, nonce) ?? until)),
        nonce: toHex(nonce, { size: 32 }),
      };
      const { name, version } = wanted.extra;
      const { signature } = await this.#wallet.signTypedData({
        domain: { name, version, chainId: Number(token.chain), verifyingContract: token.address },
        types: TYPES,
        primaryType: 'TransferWithAuthorization',
        message: authorization,
      });
      this.#pending.set(signature, {
        token,
        nonce,
        signature,
        to: authorization.to,
        value: BigInt(wanted.amount),
        since,
        end,
      });
      return { x402Version, payload: { authorization, signature } };
    } catch (error) {
      end();
      throw error;
    }
  }

  #tokenOf({ network, asset }: Pick<Requirements, 'network' | 'asset'>): TokenSequence | undefined {
    const address = asset.toLowerCase();
    return this.#tokens.find((token) => network === `eip155:${token.chain}` && address === token.address.toLowerCase());
  }

  /** Waits for the result of the payment before, at most so long. Returns the function that ends the turn. */
  async #takeTurn(): Promise<() => void> {
    const before = this.#turn;
    let end = () => {};
    this.#turn = new Promise((resolve) => {
      end = resolve;
    });
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, TURN_MS);
    });
    await Promise.race([before, late]);
    clearTimeout(timer);
    return end;
  }

  /**
   * The lowest nonce that is in pace and that the chain does not show as used, or the first that is not in pace yet. The chain's time
   * says which have expired: until then it may take what was signed.
   *
   * @throws UsageError if one has expired here that the chain may still take
   */
  async #lowestUnused(token: TokenSequence, chainTime: bigint): Promise<bigint> {
    const now = BigInt(Math.floor(Date.now() / 1000));
    const { end, low: allowed } = numbersAt(token.pace, now);
    const { low } = numbersAt(token.pace, least(now, chainTime));
    const isUsed = async (nonce: bigint) => nonce < end && (await this.#isUsed(token, nonce));
    const kept = (await this.#nonces?.read(token.name)) ?? low;
    // Only if the one before it is used: one false answer of a node must not leave out numbers for good.
    const begin = kept > low && (await isUsed(kept - 1n)) ? kept : low;
    const unused = await firstUnused(begin, isUsed);
    if (unused < allowed) {
      throw new UsageError(`An earlier payment may still be taken: the last block is of ${showTime(chainTime)}.`, {
        next: 'pay again when there is a later one.',
      });
    }
    if (unused !== begin) await this.#nonces?.write(token.name, unused);
    return unused;
  }

  #isUsed({ reader, address }: TokenSequence, nonce: bigint): Promise<boolean> {
    return isAuthorizationUsed(reader, address, this.#account, nonce);
  }

  /**
   * Takes the result of a payment. One that failed is made again, with the next nonce, if the chain shows that another payment used
   * its nonce. Otherwise it may still be taken, and the next payment has the same nonce.
   */
  async #settled({ paymentPayload, settleResponse }: PaymentOutcome): Promise<{ recovered: true } | undefined> {
    const signature = String(paymentPayload.payload.signature);
    const pending = this.#pending.get(signature);
    if (pending === undefined) return undefined;
    this.#pending.delete(signature);
    try {
      if (settleResponse?.success === true) {
        await this.#waitUntilUsed(pending);
        return undefined;
      }
      const isUsed = await this.#isUsed(pending.token, pending.nonce);
      return isUsed && !(await this.#mayBePaid(pending)) ? { recovered: true } : undefined;
    } finally {
      pending.end();
    }
  }

  async #waitUntilUsed({ token, nonce }: Pending): Promise<void> {
    for (let waited = 0; waited < SETTLED_MS; waited += POLL_MS) {
      if (await this.#isUsed(token, nonce)) return;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /**
   * Whether what used a nonce may be this payment: unless the chain shows that it was another signature, or that it paid somebody
   * else or something else. Where a contract between hides the signature, the doubt is the seller's.
   */
  async #mayBePaid({ token, nonce, signature, to, value, since }: Pending): Promise<boolean> {
    const { reader, address } = token;
    const fromBlock = since > BEHIND ? since - BEHIND : 0n;
    const args = { authorizer: this.#account, nonce: toHex(nonce, { size: 32 }) };
    const [use] = await reader.getContractEvents({
      address,
      abi: ABI,
      eventName: 'AuthorizationUsed',
      args,
      fromBlock,
    });
    if (use === undefined) return true;
    const { to: called, input } = await reader.getTransaction({ hash: use.transactionHash });
    const used = called?.toLowerCase() === address.toLowerCase() ? rOf(input) : undefined;
    if (used !== undefined) return used === signature.slice(0, 66);
    const { logs } = await reader.getTransactionReceipt({ hash: use.transactionHash });
    const paid = parseEventLogs({ abi: ABI, eventName: 'Transfer', logs, args: { from: this.#account } }).filter(
      (log) => log.address.toLowerCase() === address.toLowerCase(),
    );
    return paid.length === 0 || paid.some(({ args }) => args.to === to && args.value === value);
  }
}

/**
 * Checks what a seller wants against the most that the caller pays at once, before anything is signed.
 *
 * @throws UsageError if it is more
 */
export function assertWithin(wanted: Pick<Requirements, 'amount' | 'asset'>, max: bigint | undefined): void {
  if (isWithin(wanted, max)) return;
  throw new UsageError(`The seller wants ${wanted.amount} of ${wanted.asset}; the maximum for one payment is ${max}.`, {
    next: 'set a higher maximum, if it is worth that. Nothing was signed.',
  });
}

function isWithin({ amount }: Pick<Requirements, 'amount'>, max: bigint | undefined): boolean {
  return max === undefined || BigInt(amount) <= max;
}

/** The tokens that have a maximum, with it. */
function withMaxima(
  tokens: readonly TokenSequence[],
  maxima: NonNullable<CountedOptions['maxAmountPerPayment']>,
): readonly TokenSequence[] {
  const byAsset = new Map<string, bigint>();
  for (const [given, max] of Object.entries(maxima)) {
    const asset = given.toLowerCase();
    if (!ASSET.test(given))
      throw new UsageError(`The maximum for ${given} has no token.`, {
        next: 'write eip155:, chain id, / and address.',
      });
    if (byAsset.has(asset)) throw new UsageError(`There are two maxima for ${asset}.`, { next: 'give one.' });
    if (typeof max !== 'bigint' || max < 0n)
      throw new UsageError(`The maximum for ${asset} is not a bigint of 0 or more.`);
    if (!tokens.some((token) => assetOf(token) === asset))
      throw new UsageError(
        `There is a maximum for ${asset}, but the policy has no payments in it on a chain with an RPC.`,
      );
    byAsset.set(asset, max);
  }
  return tokens.flatMap((token) => {
    const max = byAsset.get(assetOf(token));
    return max === undefined ? [] : [{ ...token, max }];
  });
}

/** A token and its chain, as {@link payableAssets} has them, with digits of either case. */
export const ASSET = new RegExp(`^eip155:[1-9][0-9]{0,15}/${ADDRESS_FORM.replace('^', '')}`);

/** The tokens that a policy can pay in, on the chains that have an RPC, in lower case. */
export function payableAssets(policy: Policy, rpc: CountedOptions['rpc']): readonly string[] {
  return [...new Set(tokensOf(policy, rpc).map(assetOf))];
}

function assetOf({ chain, address }: Pick<TokenSequence, 'chain' | 'address'>): string {
  return `eip155:${chain}/${address.toLowerCase()}`;
}

/** Whether a token (ERC-3009) has taken an authorization of an account with this nonce. */
export function isAuthorizationUsed(
  reader: Pick<PublicClient, 'readContract'>,
  token: Address,
  account: Address,
  nonce: bigint,
): Promise<boolean> {
  return reader.readContract(stateOf(token, account, nonce));
}

/** Which of these nonces are used, in the sense of {@link isAuthorizationUsed}. The node is called once for {@link AT_ONCE} of them. */
export function areAuthorizationsUsed(
  reader: Pick<PublicClient, 'multicall'>,
  token: Address,
  account: Address,
  nonces: readonly bigint[],
): Promise<boolean[]> {
  const contracts = nonces.map((nonce) => stateOf(token, account, nonce));
  return reader.multicall({ contracts, deployless: true, allowFailure: false, batchSize: AT_ONCE * STATE_BYTES });
}

function stateOf(address: Address, account: Address, nonce: bigint) {
  const args = [account, toHex(nonce, { size: 32 })] as const;
  return { address, abi: ABI, functionName: 'authorizationState', args } as const;
}

/** The first number from `begin` on that is not used, where those before one that is unused are used: payments use the lowest. */
async function firstUnused(begin: bigint, isUsed: (number: bigint) => Promise<boolean>): Promise<bigint> {
  if (!(await isUsed(begin))) return begin;
  let used = begin;
  let step = 1n;
  while (await isUsed(used + step)) {
    used += step;
    step *= 2n;
  }
  let unused = used + step;
  while (unused - used > 1n) {
    const middle = (used + unused) / 2n;
    if (await isUsed(middle)) used = middle;
    else unused = middle;
  }
  return unused;
}

/** The first half of the signature in a call that settles; undefined if it is another call. */
function rOf(data: Hex): string | undefined {
  try {
    const { args = [] } = decodeFunctionData({ abi: SETTLING, data });
    const [, , , , , , last, r] = args;
    return typeof last === 'string' ? last.slice(0, 66) : String(r);
  } catch {
    return undefined;
  }
}

function tokensOf({ rules }: Policy, rpc: Readonly<Record<string, string>>): TokenSequence[] {
  if (rules === 'any') return [];
  return rules.flatMap((rule) => {
    if (rule.kind !== 'typedData' || typedEffectOf(rule)?.type.startsWith('TransferWithAuthorization(') !== true)
      return [];
    const [pace, place] = [paceOf(rule), placeOf(rule)];
    const url = place && Object.hasOwn(rpc, place.chain) ? rpc[place.chain] : undefined;
    if (pace === undefined || place === undefined || url === undefined) return [];
    const within = constraintAt(rule.fields, 'validBefore')?.within;
    return [
      {
        name: `${place.chain}/${place.contract}`,
        chain: place.chain,
        address: getAddress(place.contract),
        pace,
        within: within === undefined ? undefined : Number(within),
        max: undefined,
        reader: readerOf(url),
      },
    ];
  });
}
