// Ready-made policies: what each bounds, what it allows, and attacks on it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { encodeFunctionData, type Hex, parseAbi, toHex } from 'viem';
import { UsageError } from '../ts/errors.ts';
import { typedDataIntent } from '../ts/intent/from.ts';
import type { Intent } from '../ts/intent/intent.ts';
import { budgetOf, sumBy, sumOfAll } from '../ts/policy/budget.ts';
import { describePolicy } from '../ts/policy/describe.ts';
import { describeBudget } from '../ts/policy/describe-budget.ts';
import { explainIntent } from '../ts/policy/explain.ts';
import { judge } from '../ts/policy/judge.ts';
import type { Policy } from '../ts/policy/policy.ts';
import { makePolicy, templates } from '../ts/policy/templates.ts';
import {
  alice,
  authorization,
  bob,
  mallory,
  message,
  pay,
  root,
  signedAuthorization,
  transfer,
} from './support/policies.ts';

const NOW = 1_790_000_000;
const DAY = 86_400;
const usdc = '0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913';
const weth = '0x4200000000000000000000000000000000000006';
const router = '0x2626664c2603336E57B271c5C0b26F421741e481';
const base = { token: 'USDC', chain: '8453', 'per-day': '20', 'per-payment': '5' };
const max = 2n ** 256n - 1n;
const AUTHORIZATION = [
  { name: 'from', type: 'address' },
  { name: 'to', type: 'address' },
  { name: 'value', type: 'uint256' },
  { name: 'validAfter', type: 'uint256' },
  { name: 'validBefore', type: 'uint256' },
  { name: 'nonce', type: 'bytes32' },
] as const;

const on = (to: Hex, change: object = {}) => pay({ chainId: 8453, to, value: 0n, ...change });
const send = (to: Hex, amount: bigint, change: object = {}) => on(usdc, { data: transfer(to, amount), ...change });
const approve = (spender: Hex, amount: bigint) =>
  encodeFunctionData({ abi: parseAbi(['function approve(address,uint256)']), args: [spender, amount] });

/** Whether the policy allows an intent of bob's. */
async function allows(policy: Policy, intent: Intent, now = NOW): Promise<boolean> {
  return (await judge(policy, intent, { now, account: bob })).allowed;
}

async function allowsNone(policy: Policy, attacks: { readonly [what: string]: Intent | readonly [Intent, number] }) {
  for (const [what, attack] of Object.entries(attacks)) {
    const [intent, now] = 'kind' in attack ? [attack, NOW] : attack;
    assert.equal(await allows(policy, intent, now), false, what);
  }
}

/** What --days of a template says. */
const daysOf = (name: string) => templates[name]?.parameters.days?.says ?? '';

function sums(policy: Policy) {
  const budget = budgetOf(policy);
  assert.ok('assets' in budget);
  return budget.assets.map((one) => [one.asset.token, sumBy(one, BigInt(NOW)), sumOfAll(one)]);
}

describe('the ready-made policies', () => {
  test('agent-budget: payments in a token to those listed', async () => {
    const policy = makePolicy('agent-budget', { ...base, to: `${alice},${mallory}` }, NOW);
    assert.deepEqual(sums(policy), [
      [undefined, 4n * 10n ** 15n, 120n * 10n ** 15n],
      [usdc.toLowerCase(), 20_000_000n, 600_000_000n],
    ]);
    assert.match(describeBudget(policy, NOW), /USDC .* on chain 8453: 20 USDC at once, .*, 600 USDC in all/);
    for (const to of [alice, mallory]) assert.ok(await allows(policy, send(to, 5_000_000n, { nonce: 3 })));
    assert.ok(await allows(policy, on(bob, { nonce: 2 }))); // a stuck nonce, cancelled
    assert.ok(await allows(policy, send(alice, 1n, { nonce: 119 }), NOW + 29 * DAY));
    // As --days says: its end takes nothing away.
    assert.match(daysOf('agent-budget'), /What is unused then can still be used$/);
    for (const nonce of [0, 119]) assert.ok(await allows(policy, send(alice, 1n, { nonce }), NOW + 1000 * DAY));
    await allowsNone(policy, {
      'more than one payment': send(alice, 5_000_001n),
      'another recipient': send(bob, 1n),
      'another token': on(weth, { data: transfer(alice, 1n) }),
      'another chain': send(alice, 1n, { chainId: 1 }),
      ether: on(alice, { value: 1n }),
      'ether beside the payment': send(alice, 1n, { value: 1n }),
      'ether to itself': on(bob, { value: 1n }),
      'a high fee': send(alice, 1n, { maxFeePerGas: 10n ** 12n }),
      'the nonces of the next day': send(alice, 1n, { nonce: 4 }),
      'a day too many': [send(alice, 1n, { nonce: 120 }), NOW + 30 * DAY],
      'a clock far ahead': [send(alice, 1n, { nonce: 120 }), NOW + 10_000 * DAY],
      'a clock before it begins': [send(alice, 1n), NOW - 1],
      'an approval': on(usdc, { data: approve(alice, 1n) }),
      'a call of itself': on(bob, { data: transfer(alice, 1n) }),
      'a creation': pay({ chainId: 8453, to: null, data: '0x00', value: 0n }),
      'a delegate carried': send(alice, 1n, { type: 'eip7702', authorizationList: [signedAuthorization] }),
      'a delegate': authorization({ chainId: '8453' }),
      'a message': message('pay me'),
    });
  });

  test('x402: authorizations of one token', async () => {
    const policy = makePolicy('x402', { ...base, to: 'any' }, NOW);
    assert.deepEqual(sums(policy), [[usdc.toLowerCase(), 20_000_000n, 600_000_000n]]);
    assert.match(describeBudget(policy, NOW), /in any interval of 1 day at most 60 USDC, if no host's clock is ahead/);
    const types = { TransferWithAuthorization: AUTHORIZATION };
    const signed = (change: object = {}, domain: object = {}) =>
      typedDataIntent({
        domain: { name: 'USD Coin', version: '2', chainId: 8453, verifyingContract: usdc, ...domain },
        types,
        primaryType: 'TransferWithAuthorization',
        message: {
          from: bob,
          to: alice,
          value: 5_000_000n,
          validAfter: 0n,
          validBefore: BigInt(NOW) + 600n,
          nonce: toHex(0, { size: 32 }),
          ...change,
        },
      });
    const numbered = (nonce: number) => signed({ nonce: toHex(nonce, { size: 32 }) });
    assert.ok(await allows(policy, signed()));
    assert.ok(await allows(policy, numbered(3)));
    assert.ok(await allows(policy, numbered(4), NOW + DAY));
    const last = (now: number) => signed({ nonce: toHex(119, { size: 32 }), validBefore: BigInt(now) + 600n });
    assert.ok(await allows(policy, last(NOW + 30 * DAY - 1), NOW + 30 * DAY - 1));
    assert.match(daysOf('x402'), /What is unused after its day expires$/);
    await allowsNone(policy, {
      'more than one payment': signed({ value: 5_000_001n }),
      'all there is': signed({ value: max }),
      'of another account': signed({ from: mallory }),
      'good for longer': signed({ validBefore: BigInt(NOW) + 601n }),
      'good for ever': signed({ validBefore: max }),
      'a nonce of the next day': numbered(4),
      'the last one after its day': [last(NOW + 30 * DAY), NOW + 30 * DAY],
      'a random nonce': signed({ nonce: `0x${'9d'.repeat(32)}` }),
      "yesterday's nonce": [numbered(0), NOW + DAY],
      'a clock far ahead': [signed({ nonce: toHex(120, { size: 32 }), validBefore: 0n }), NOW + 10_000 * DAY],
      'another chain': signed({}, { chainId: 1 }),
      'another token': signed({}, { verifyingContract: weth }),
      'a domain without a chain': signed({}, { chainId: undefined }),
      'a transaction': send(alice, 1n),
      'a message': message('pay me'),
    });
    const listed = makePolicy('x402', { ...base, to: alice }, NOW);
    assert.ok(await allows(listed, signed()));
    assert.equal(await allows(listed, signed({ to: mallory })), false);
    const other = { ...base, token: weth, 'token-name': 'Wrapped', 'token-version': '1' };
    const byAddress = makePolicy('x402', other, NOW);
    const domain = { name: 'Wrapped', version: '1', verifyingContract: weth };
    assert.ok(await allows(byAddress, signed({ value: 5n }, domain)));
    assert.equal(await allows(byAddress, signed({ value: 6n }, domain)), false);
  });

  test('trader: trades on one exchange', async () => {
    const given = { chain: '8453', router, 'per-day': '20', trade: `USDC:50,${weth}:20000000000000000` };
    const policy = makePolicy('trader', given, NOW);
    assert.deepEqual(sums(policy), [
      [undefined, 2n * 10n ** 16n, 6n * 10n ** 17n],
      [usdc.toLowerCase(), 20n * 50_000_000n, 600n * 50_000_000n],
      [weth, 20n * 2n * 10n ** 16n, 600n * 2n * 10n ** 16n],
    ]);
    const abi = parseAbi([
      'function exactInputSingle((address tokenIn,address tokenOut,uint24 fee,address recipient,uint256 amountIn,uint256 amountOutMinimum,uint160 sqrtPriceLimitX96))',
      'function exactInput((bytes path,address recipient,uint256 amountIn,uint256 amountOutMinimum))',
      'function multicall(bytes[])',
    ]);
    const params = {
      tokenIn: usdc,
      tokenOut: weth,
      fee: 500,
      recipient: bob,
      amountIn: 50_000_000n,
      amountOutMinimum: 0n,
      sqrtPriceLimitX96: 0n,
    } as const;
    const data = (change: object = {}) =>
      encodeFunctionData({ abi, functionName: 'exactInputSingle', args: [{ ...params, ...change }] });
    const swap = (change: object = {}, transaction: object = {}) => on(router, { data: data(change), ...transaction });
    const multicall = encodeFunctionData({ abi, functionName: 'multicall', args: [[data()]] });
    const path = { path: '0x', recipient: bob, amountIn: 1n, amountOutMinimum: 0n } as const;
    const back = { tokenIn: weth, tokenOut: usdc, amountIn: 2n * 10n ** 16n };
    for (const intent of [swap(), swap(back), on(usdc, { data: approve(router, 50_000_000n) }), on(bob)]) {
      assert.ok(await allows(policy, intent));
    }
    await allowsNone(policy, {
      'more than one trade': swap({ amountIn: 50_000_001n }),
      'the amount of the other token': swap({ amountIn: 2n * 10n ** 16n }),
      'for somebody else': swap({ recipient: mallory }),
      'of another token': swap({ tokenIn: mallory }),
      'for another token': swap({ tokenOut: mallory }),
      'for itself': swap({ tokenOut: usdc }),
      'with ether': swap({}, { value: 1n }),
      'on another exchange': swap({}, { to: mallory }),
      'on another chain': swap({}, { chainId: 1 }),
      'nonces of the next day': swap({}, { nonce: 20 }),
      'many calls at once': on(router, { data: multicall }),
      'by a path': on(router, { data: encodeFunctionData({ abi, functionName: 'exactInput', args: [path] }) }),
      'an approval of another': on(usdc, { data: approve(mallory, 1n) }),
      'an approval without end': on(usdc, { data: approve(router, max) }),
      'a transfer': send(mallory, 1n),
    });
  });

  test('sign-in: one message to a site, and nothing else', async () => {
    const policy = makePolicy('sign-in', { domain: 'example.com,app.example.org:8080' }, NOW);
    assert.deepEqual(sums(policy), []);
    const text = 'example.com wants you to sign in with your Ethereum account:\n0xb0';
    assert.ok(await allows(policy, message(text)));
    await allowsNone(policy, {
      'another site': message(text.replace('example.com', 'evil.com')),
      'another site that ends so': message(`evil-${text}`),
      'the site within': message(`\n${text}`),
      'another port': message(`${text.replace('example.com', 'app.example.org:80')}`),
      'a hash': message({ raw: `0x${'11'.repeat(32)}` }),
      'a payment': send(alice, 1n),
      'an authorization': authorization(),
    });
  });

  test('docs/policy-budgets.md shows what a budget says', () => {
    const page = readFileSync(join(root, 'docs/policy-budgets.md'), 'utf8');
    const [, shown] = /```\n(What is not used stays[^`]*)```/.exec(page) ?? [];
    const text = describeBudget(makePolicy('agent-budget', { ...base, to: alice }, NOW), NOW);
    assert.ok(shown !== undefined && text.startsWith(shown), text);
  });

  test('amounts of known tokens are in units too, and what a call of theirs does is explained', () => {
    const policy = makePolicy('agent-budget', { ...base, to: alice }, NOW);
    assert.match(describePolicy(policy), /^ {2}to 0x833\w+ \(USDC\)$/m);
    assert.match(describePolicy(policy), /^ {4}amount is at most 5 USDC \(5000000\)$/m);
    assert.match(describePolicy(makePolicy('x402', base, NOW)), /^ {2}value is at most 5 USDC \(5000000\)$/m);
    const trader = { chain: '8453', router, 'per-day': '1', trade: `USDC:50,${weth}:1` };
    assert.match(
      describePolicy(makePolicy('trader', trader, NOW)),
      /params\.amountIn is at most 50 USDC \(50000000\)$/m,
    );
    assert.match(describePolicy(makePolicy('trader', trader, NOW)), /params\.amountIn is at most 1$/m);

    const text = explainIntent(policy, send(alice, 4_500_000n));
    const said = [`  to = ${alice.toLowerCase()}`, '  amount = 4500000', '  that is 4.5 USDC'];
    assert.ok(text.endsWith(['', 'It calls transfer(address to,uint256 amount)', ...said].join('\n')), text);
    // On another chain, or of another contract, the same bytes are not dollars.
    for (const change of [{ chainId: 1 }, { to: weth }]) {
      const other = explainIntent(policy, send(alice, 4_500_000n, change));
      assert.match(other, /\n {2}amount = 4500000$/);
    }
    // A function that the policy does not have, and one that is another's by its selector alone.
    assert.match(
      explainIntent(policy, on(usdc, { data: approve(mallory, max) })),
      /It calls approve\(.*\n {2}spender = 0x66/,
    );
    assert.doesNotMatch(explainIntent(policy, on(usdc, { data: `${transfer(alice, 1n)}00` })), /It calls/);
    assert.doesNotMatch(explainIntent(policy, on(usdc, { data: transfer(alice, 1n).slice(0, -2) as Hex })), /It calls/);
    assert.doesNotMatch(explainIntent(policy, on(usdc, { data: '0xa9' })), /It calls/);
    assert.doesNotMatch(explainIntent(policy, message('hello')), /It calls/);
    const authorization = (change: object = {}) =>
      explainIntent(
        policy,
        typedDataIntent({
          domain: { name: 'USD Coin', version: '2', chainId: 8453, verifyingContract: usdc, ...change },
          types: { TransferWithAuthorization: AUTHORIZATION },
          primaryType: 'TransferWithAuthorization',
          message: {
            from: bob,
            to: alice,
            value: 4_500_000n,
            validAfter: 0n,
            validBefore: 1n,
            nonce: toHex(0, { size: 32 }),
          },
        }),
      );
    assert.match(authorization(), /\n {2}that is 4\.5 USDC$/);
    for (const change of [{ chainId: 5 }, { verifyingContract: weth }, { chainId: undefined }])
      assert.doesNotMatch(authorization(change), /that is/);
    const swap = parseAbi([
      'function exactInputSingle((address tokenIn,address tokenOut,uint24 fee,address recipient,uint256 amountIn,uint256 amountOutMinimum,uint160 sqrtPriceLimitX96) params)',
    ]);
    const params = {
      tokenIn: usdc,
      tokenOut: weth,
      fee: 500,
      recipient: bob,
      amountIn: 7n,
      amountOutMinimum: 0n,
      sqrtPriceLimitX96: 0n,
    } as const;
    const trade = on(router, { data: encodeFunctionData({ abi: swap, args: [params] }) });
    assert.match(
      explainIntent(makePolicy('trader', trader, NOW), trade),
      /\n {2}params\.amountIn = 7\n.*\n {2}that is 0\.000007 USDC$/s,
    );
  });

  test("a chain's own coin has its name, or none", () => {
    const budgetOn = (chain: string) =>
      makePolicy('agent-budget', { ...base, token: usdc, 'per-day': '4', 'per-payment': '1', chain, to: alice }, NOW);
    const coins = { '1': 'ETH', '137': 'POL', '56': 'BNB', '999': undefined };
    for (const [chain, coin] of Object.entries(coins)) {
      const amount = (number: string) => `${number} ${coin ?? "of the chain's own coin"}`;
      const says = (text: string, line: string) => assert.ok(text.includes(line), `${line}: ${text}`);
      const policy = budgetOn(chain);
      says(
        describeBudget(policy, NOW),
        `\n  ${coin ?? "the chain's own coin"} on chain ${chain}: ${amount('0.004')} at`,
      );
      says(describePolicy(policy), `fee: at most ${amount('0.001')} (1000000000000000 wei)`);
      const text = explainIntent(policy, pay({ chainId: Number(chain), value: 5n * 10n ** 17n }));
      says(text, `\n  value: ${amount('0.5')} (500000000000000000 wei)`);
      assert.match(
        text,
        coin === undefined ? /fee: at most [\d.]+ of the/ : new RegExp(`fee: at most [\\d.]+ ${coin} `),
      );
    }
    // Several chains: one name only if it is that of all.
    const { rules } = budgetOn('1');
    const [rule] = rules === 'any' ? [] : rules;
    assert.ok(rule?.kind === 'transaction');
    const { pace: _, ...unpaced } = rule;
    const feeOn = (chains: 'any' | string[]) =>
      /fee: (.*) \(/.exec(describePolicy({ version: 1, rules: [{ ...unpaced, chains }] }))?.[1];
    assert.equal(feeOn(['1', '8453']), 'at most 0.001 ETH');
    for (const chains of [['1', '137'], ['1', '999'], ['998', '999'], 'any'] as const)
      assert.equal(feeOn(chains === 'any' ? chains : [...chains]), "at most 0.001 of the chain's own coin");
  });

  test('each says what it is, and what it allows', () => {
    const made = {
      'agent-budget': { ...base, to: alice },
      x402: base,
      trader: { chain: '1', router, 'per-day': '1', trade: `USDC:1,${weth}:1` },
      'sign-in': { domain: 'example.com' },
    };
    assert.deepEqual(Object.keys(made), Object.keys(templates));
    for (const [name, values] of Object.entries(made)) {
      const policy = makePolicy(name, values, NOW);
      assert.ok(describePolicy(policy).length > 50);
      assert.match(
        describeBudget(policy, NOW),
        /^(What is not used .*\n)?Signatures under this policy alone (move nothing|can move, as if nothing were spent yet,)/,
      );
    }
  });

  test('wrong parameters are wrong usage, and say which', () => {
    const budget = { ...base, to: alice };
    const wrong: [string, object, RegExp][] = [
      ['nothing', {}, /There is no ready-made policy "nothing": agent-budget, /],
      ['constructor', {}, /There is no ready-made policy/],
      ['agent-budget', base, /--to is needed/],
      ['agent-budget', { ...budget, 'per-payment': '21' }, /--per-day is less than one payment, of 21/],
      [
        'agent-budget',
        { ...budget, 'per-payment': '7' },
        /--per-day 20 is not a whole number of payments of 7.*\nNext: say --per-day 14 or 21,/,
      ],
      ['x402', { ...base, 'per-payment': '0.3' }, /--per-day 20 is not .*\nNext: say --per-day 19.8 or 20.1,/],
      ['agent-budget', { ...budget, 'per-payment': '0.0000001' }, /--per-payment takes an amount of at most 6 digits/],
      ['agent-budget', { ...budget, 'per-payment': '0' }, /--per-payment takes an amount/],
      ['agent-budget', { ...budget, 'per-payment': '-1' }, /--per-payment takes an amount/],
      ['agent-budget', { ...budget, 'per-payment': 'abc' }, /--per-payment takes an amount/],
      ['agent-budget', { ...budget, 'per-day': '1e9' }, /--per-day takes an amount/],
      ['agent-budget', { ...budget, token: weth, 'per-payment': '0.5' }, /at most 0 digits/],
      ['agent-budget', { ...budget, token: 'DAI' }, /"DAI" is not known on chain 8453/],
      ['agent-budget', { ...budget, token: '0x12' }, /--token: not an address/],
      ['agent-budget', { ...budget, chain: '5' }, /"USDC" is not known on chain 5/],
      ['agent-budget', { ...budget, to: 'alice' }, /--to: not an address/],
      ['agent-budget', { ...budget, days: '0' }, /--days takes a whole number/],
      ['agent-budget', { ...budget, fee: '1 ETH' }, /--fee takes an amount of the chain's own coin/],
      ['agent-budget', { ...budget, first: '-1' }, /These make no policy: rules/],
      ['agent-budget', { ...budget, from: 'tomorrow' }, /--from takes a whole number/],
      [
        'agent-budget',
        { ...budget, token: weth, 'per-day': String(2n ** 97n), 'per-payment': String(2n ** 96n) },
        /bound no sum/,
      ],
      ['x402', { ...base, token: weth }, /--token-name is needed/],
      ['trader', { chain: '8453', router, 'per-day': '1', trade: 'USDC:5' }, /--trade takes two tokens/],
      ['trader', { chain: '8453', router, 'per-day': '1', trade: `USDC,${weth}:1` }, /--trade takes an amount/],
      ['sign-in', { domain: 'https://example.com' }, /--domain takes a host/],
      ['sign-in', { domain: 'example.com ' }, /--domain takes a host/],
    ];
    for (const [name, values, reason] of wrong) {
      assert.throws(
        () => makePolicy(name, values as { [name: string]: string }, NOW),
        (error) => error instanceof UsageError && (reason.test(error.message) || assert.fail(error.message)),
      );
    }
  });
});
