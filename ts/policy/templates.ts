import { formatUnits, parseUnits } from 'viem/utils';
import { UsageError } from '../errors.ts';
import { InputError } from '../intent/read/json.ts';
import { address } from '../intent/read/strict.ts';
import { ACCOUNT } from './account.ts';
import { budgetOf } from './budget.ts';
import { typedEffects } from './effects.ts';
import { type Policy, parsePolicy } from './policy.ts';
import { checkPaces } from './sequences.ts';
import { type Token, tokens } from './tokens.ts';

// Ready-made policies. Each bounds a sum, as explain states it.

/** The parameters that a template takes: each by its name, with its meaning. */
export type Parameters = { readonly [name: string]: Parameter };

export interface Parameter {
  readonly says: string;
  /** What holds where it is left out; undefined if it must be there. */
  readonly otherwise?: string;
}

/** The parameters' values, as text, each given once at most. */
export type Values = { readonly [name: string]: string | undefined };

export interface Template {
  readonly says: string;
  readonly parameters: Parameters;
  /** @param now seconds since 1970 */
  rules(given: (parameter: string) => string, now: number): object[];
}

const chain = { says: 'the chain, by its id' };
const token = {
  says: `the token: ${symbols()}, or its address. Amounts of a token by address are in its smallest unit`,
};
const to = { says: 'who may be paid: addresses with commas between them, or any' };
const perDay = { says: 'how much more may be paid each day: a multiple of --per-payment' };
const perPayment = { says: 'how much one payment may be' };
const days = { says: 'for how many days the allowance grows. What is unused then can still be used', otherwise: '30' };
const fee = { says: "the most that one transaction may cost in fees, in the chain's own coin", otherwise: '0.001' };
const firstNonce = { says: "the account's next nonce on that chain", otherwise: '0' };
const from = { says: 'when it begins, in seconds since 1970', otherwise: 'now' };

const DAY = 86_400;
/** For how many seconds an authorization is good at most: as long as sellers may want. */
const VALID = '600';

/** The ready-made policies, by name. */
export const templates: { readonly [name: string]: Template } = {
  'agent-budget': {
    says: 'payments in a token by transactions, to those listed',
    parameters: { token, chain, to, 'per-day': perDay, 'per-payment': perPayment, days, fee, first: firstNonce, from },
    rules(given, now) {
      const paid = tokenOf(given('token'), given('chain'));
      const most = amountOf(paid, given('per-payment'), 'per-payment');
      const pace = daily(
        timesIn(paid, given('per-day'), most),
        given('days'),
        given('first'),
        beginOf(given('from'), now),
      );
      const common = transactions(given('chain'), given('fee'), pace);
      const recipients = addressesOf(given('to'));
      return [
        {
          ...common,
          name: 'pay',
          to: [paid.address],
          calls: [
            {
              function: 'transfer(address to,uint256 amount)',
              args: { ...(recipients !== 'any' && { to: { in: recipients } }), amount: { max: most } },
            },
          ],
        },
        cancelling(common),
      ];
    },
  },

  x402: {
    says: 'payments by x402, signed as authorizations (ERC-3009); no transactions, so no fees',
    parameters: {
      token,
      chain,
      to: { ...to, otherwise: 'any' },
      'per-day': perDay,
      'per-payment': perPayment,
      days: { ...days, says: 'for how many days there is an allowance. What is unused after its day expires' },
      from,
      'token-name': { says: "the name in the token's domain of typed data, of a token by address", otherwise: '' },
      'token-version': { says: 'the version there', otherwise: '2' },
    },
    rules(given, now) {
      const paid = tokenOf(given('token'), given('chain'));
      const most = amountOf(paid, given('per-payment'), 'per-payment');
      const pace = daily(timesIn(paid, given('per-day'), most), given('days'), '0', beginOf(given('from'), now));
      const recipients = addressesOf(given('to'));
      const name = paid.name === '' ? given('token-name') : paid.name;
      if (name === '') throw new UsageError('--token-name is needed for a token by its address.');
      const type = typedEffects.find(({ type }) => type.startsWith('TransferWithAuthorization('))?.type ?? '';
      return [
        {
          name: 'x402',
          kind: 'typedData',
          domains: [
            {
              name,
              version: paid.version === '' ? given('token-version') : paid.version,
              chainId: given('chain'),
              verifyingContract: paid.address,
            },
          ],
          types: [type],
          fields: {
            from: { in: [ACCOUNT] },
            ...(recipients !== 'any' && { to: { in: recipients } }),
            value: { max: most },
            validBefore: { within: VALID },
            nonce: { pace: { ...pace, keep: String(DAY) } },
          },
        },
      ];
    },
  },

  trader: {
    says: 'trades on one exchange (a SwapRouter02 of Uniswap), of tokens for one another',
    parameters: {
      chain,
      router: { says: 'the address of the exchange' },
      trade: { says: `what may be traded, and how much at once, with commas between: USDC:50,0x…:20000000` },
      'per-day': { says: 'how many transactions for each day: a trade is one, and an approval before it another' },
      days,
      fee,
      first: firstNonce,
      from,
    },
    rules(given, now) {
      const router = one(given('router'), 'router');
      const count = wholeNumber(given('per-day'), 'per-day');
      const pace = daily(count, given('days'), given('first'), beginOf(given('from'), now));
      const common = transactions(given('chain'), given('fee'), pace);
      const traded = given('trade')
        .split(',')
        .map((text) => {
          const [what = '', amount = ''] = text.split(':');
          const token = tokenOf(what, given('chain'));
          return { token, most: amountOf(token, amount, 'trade') };
        });
      if (traded.length < 2) throw new UsageError('--trade takes two tokens at least.');
      const rules = traded.flatMap(({ token, most }, i) => {
        const label = token.symbol === '' ? `token ${i + 1}` : token.symbol;
        const others = traded.map(({ token }) => token.address).filter((other) => other !== token.address);
        return [
          {
            ...common,
            name: `approve ${label}`,
            to: [token.address],
            calls: [
              {
                function: 'approve(address spender,uint256 amount)',
                args: { spender: { in: [router] }, amount: { max: most } },
              },
            ],
          },
          {
            ...common,
            name: `sell ${label}`,
            to: [router],
            calls: [
              {
                function:
                  'exactInputSingle((address tokenIn,address tokenOut,uint24 fee,address recipient,uint256 amountIn,uint256 amountOutMinimum,uint160 sqrtPriceLimitX96) params)',
                args: {
                  params: {
                    fields: {
                      tokenIn: { in: [token.address] },
                      tokenOut: { in: others },
                      recipient: { in: [ACCOUNT] },
                      amountIn: { max: most },
                    },
                  },
                },
              },
            ],
          },
        ];
      });
      return [...rules, cancelling(common)];
    },
  },

  'sign-in': {
    says: 'signing in to a site (EIP-4361), and nothing else',
    parameters: { domain: { says: 'the site, such as example.com; several with commas between' } },
    rules: (given) => [
      {
        name: 'sign in',
        kind: 'message',
        hashes: 'none',
        prefixes: given('domain')
          .split(',')
          .map((domain) => `${hostOf(domain)} wants you to sign in with your Ethereum account:\n`),
      },
    ],
  },
};

/**
 * Makes a ready-made policy.
 *
 * @param now seconds since 1970
 * @throws UsageError if there is none of this name, a parameter is missing, or is not what it must be
 */
export function makePolicy(name: string, values: Values, now: number): Policy {
  const found = Object.hasOwn(templates, name) ? templates[name] : undefined;
  if (found === undefined)
    throw new UsageError(`There is no ready-made policy "${name}": ${Object.keys(templates).join(', ')}.`);
  const given = (parameter: string): string => {
    const { says, otherwise } = found.parameters[parameter] ?? {};
    const value = values[parameter] ?? otherwise;
    if (value === undefined) throw new UsageError(`--${parameter} is needed: ${says}.`);
    return value;
  };
  let policy: Policy;
  try {
    policy = parsePolicy({ version: 1, rules: found.rules(given, now) });
    checkPaces(policy);
  } catch (cause) {
    if (!(cause instanceof InputError)) throw cause;
    throw new UsageError(`These make no policy: ${cause.message}.`, { cause });
  }
  const budget = budgetOf(policy);
  if ('reasons' in budget) throw new UsageError(`These bound no sum: ${budget.reasons.join('; ')}.`);
  return policy;
}

function transactions(chain: string, fee: string, pace: object) {
  if (!/^\d+(\.\d{1,18})?$/.test(fee))
    throw new UsageError(`--fee takes an amount of the chain's own coin, such as 0.001, not "${fee}".`);
  return { kind: 'transaction', chains: [chain], maxValue: '0', maxFee: String(parseUnits(fee, 18)), pace };
}

/** Without it a transaction that the chain does not take would stop all after it. */
function cancelling(common: object): object {
  return { ...common, name: 'cancel', to: [ACCOUNT] };
}

function daily(count: bigint, days: string, first: string, from: string) {
  const total = count * wholeNumber(days, 'days');
  return { first, count: String(count), every: String(DAY), from, total: String(total) };
}

function timesIn(token: Token, perDay: string, most: string): bigint {
  const [day, payment] = [BigInt(amountOf(token, perDay, 'per-day')), BigInt(most)];
  const show = (amount: bigint) => formatUnits(amount, token.decimals);
  const times = day / payment;
  if (times < 1n) throw new UsageError(`--per-day is less than one payment, of ${show(payment)}.`);
  if (day % payment > 0n) {
    throw new UsageError(
      `A budget counts payments, and --per-day ${show(day)} is not a whole number of payments of ${show(payment)}.`,
      { next: `say --per-day ${show(times * payment)} or ${show((times + 1n) * payment)}, or another --per-payment.` },
    );
  }
  return times;
}

function amountOf(token: Token, text: string, name: string): string {
  const number = /^\d{1,60}(?:\.(\d+))?$/.exec(text);
  const isExact = number !== null && (number[1] ?? '').length <= token.decimals;
  const units = isExact ? parseUnits(text, token.decimals) : 0n;
  if (units > 0n) return String(units);
  throw new UsageError(`--${name} takes an amount of at most ${token.decimals} digits after the point, not "${text}".`);
}

function tokenOf(text: string, chain: string): Token {
  const known = tokens.find(
    (token) => token.chain === chain && (token.symbol === text || token.address === text.toLowerCase()),
  );
  if (known !== undefined) return known;
  if (!text.startsWith('0x'))
    throw new UsageError(`"${text}" is not known on chain ${chain}: give the token's address.`);
  return { chain, address: one(text, 'token'), symbol: '', decimals: 0, name: '', version: '' };
}

function addressesOf(text: string): 'any' | string[] {
  return text === 'any' ? text : text.split(',').map((item) => one(item, 'to'));
}

function one(text: string, name: string): string {
  return address(text.trim(), `--${name}`);
}

function beginOf(text: string, now: number): string {
  return text === 'now' ? String(now) : String(wholeNumber(text, 'from'));
}

function wholeNumber(text: string, name: string): bigint {
  if (!/^[1-9]\d{0,11}$/.test(text)) throw new UsageError(`--${name} takes a whole number, not "${text}".`);
  return BigInt(text);
}

function hostOf(text: string): string {
  if (/^[a-z0-9-]+(\.[a-z0-9-]+)+(:\d{1,5})?$/.test(text)) return text;
  throw new UsageError(`--domain takes a host such as example.com, not "${text}".`);
}

function symbols(): string {
  return [...new Set(tokens.map(({ symbol }) => symbol))].join(', ');
}
