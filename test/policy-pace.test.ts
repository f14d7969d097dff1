// Pace: which nonces a rule allows, and from when on.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { encodeFunctionData, type Hex, parseAbi, toHex } from 'viem';
import { InputError, type Intent, parseIntent } from '../ts/intent/intent.ts';
import { describePolicy } from '../ts/policy/describe.ts';
import { parsePolicy } from '../ts/policy/policy.ts';
import type { Pace } from '../ts/policy/schema.ts';
import {
  alice,
  allows,
  authorization,
  bob,
  mallory,
  message,
  pay,
  payRule,
  permitDomain,
  policyOf,
  refuses,
  transfer,
} from './support/policies.ts';

const FROM = 1_790_000_000;
const DAY = 86_400;
const daily = { first: '5', count: '10', every: String(DAY), from: String(FROM) };
const paced = (pace: object) => ({ ...payRule, pace });

describe('the pace of transactions', () => {
  const at = (now: number) => ({ now });

  test('a pace allows count nonces from its first on, and as many more after each time', async () => {
    const rule = paced(daily);
    for (const [days, last] of [
      [0, 14],
      [1, 24],
      [10, 114],
    ] as const) {
      const now = FROM + days * DAY;
      await allows(rule, pay({ nonce: 5 }), at(now));
      for (const time of [now, now + DAY - 1]) {
        await allows(rule, pay({ nonce: last }), at(time));
        await refuses(rule, pay({ nonce: last + 1 }), /^the nonce \d+ is not allowed before/, at(time));
      }
    }
  });

  test('a pace begins with its first nonce, at its time, and not at an unknown one', async () => {
    const rule = paced(daily);
    await refuses(rule, pay({ nonce: 4 }), /^the nonce 4 is below 5, and never allowed$/, at(FROM + 100 * DAY));
    await refuses(rule, pay({ nonce: 5 }), /^the nonce 5 is not allowed before 1790000000 \(2026-/, at(FROM - 1));
    for (const now of [0, -1, Number.MIN_SAFE_INTEGER]) {
      await refuses(rule, pay({ nonce: 5 }), /not allowed before 1790000000/, at(now));
    }
    for (const now of [Number.NaN, Number.POSITIVE_INFINITY, FROM + 0.5, 2 ** 53]) {
      await refuses(rule, pay({ nonce: 5 }), /^the time is not known$/, at(now));
    }
  });

  test('a refusal says when the nonce will be allowed, and that is so', async () => {
    const rule = paced(daily);
    const time = FROM + 2 * DAY;
    await refuses(
      rule,
      pay({ nonce: 25 }),
      new RegExp(`^the nonce 25 is not allowed before ${time} \\(2026-09-23T`),
      at(FROM),
    );
    await refuses(rule, pay({ nonce: 25 }), /not allowed before/, at(time - 1));
    await allows(rule, pay({ nonce: 25 }), at(time));
    const last = Number.MAX_SAFE_INTEGER;
    await refuses(rule, pay({ nonce: last }), /^the nonce 9007199254740991 is not allowed before \d{20}$/, at(FROM));
  });

  test('a total holds whatever the clock says, and need not be a multiple of the count', async () => {
    const rule = paced({ ...daily, total: '15' });
    const far = at(Number.MAX_SAFE_INTEGER);
    await allows(rule, pay({ nonce: 19 }), far);
    await refuses(rule, pay({ nonce: 20 }), /^the nonce 20 is not one of the 15 from 5 on, and never allowed$/, far);
    await refuses(rule, pay({ nonce: 20 }), /never allowed/, at(FROM));
    await refuses(rule, pay({ nonce: 19 }), /not allowed before/, at(FROM));
  });

  test('without every, the count is the total', async () => {
    const far = at(Number.MAX_SAFE_INTEGER);
    await allows(paced({ first: '5', count: '10' }), pay({ nonce: 14 }), at(0));
    await refuses(paced({ first: '5', count: '10' }), pay({ nonce: 15 }), /^the nonce 15 is not one of the 10/, far);
    const later = paced({ first: '5', count: '10', from: '1000' });
    await refuses(later, pay({ nonce: 5 }), /not allowed before 1000/, at(999));
    await allows(later, pay({ nonce: 5 }), at(1000));
  });

  test('numbers of any size are exact', async () => {
    const huge = '9'.repeat(78);
    await refuses(paced({ ...daily, first: huge }), pay({ nonce: 5 }), /is below 9{78}/, at(FROM));
    await allows(paced({ ...daily, count: huge }), pay({ nonce: Number.MAX_SAFE_INTEGER }), at(FROM));
    await refuses(paced({ ...daily, from: huge }), pay({ nonce: 5 }), /not allowed before 9{78}$/, at(FROM));
    await refuses(
      paced({ ...daily, every: huge }),
      pay({ nonce: 15 }),
      /not allowed before/,
      at(Number.MAX_SAFE_INTEGER),
    );
    const exact = paced({ first: '0', count: '1', every: '1', from: '1' });
    await allows(exact, pay({ nonce: Number.MAX_SAFE_INTEGER - 1 }), at(Number.MAX_SAFE_INTEGER));
    await refuses(
      exact,
      pay({ nonce: Number.MAX_SAFE_INTEGER }),
      /before 9007199254740992/,
      at(Number.MAX_SAFE_INTEGER),
    );
  });

  test('a pace allows what the formula says, first ≤ nonce < first + count · (1 + ⌊(now − from)/every⌋), and no more', async () => {
    const small = (min: number, max: number) => fc.integer({ min, max });
    const input = fc.record({
      first: small(0, 5),
      count: small(1, 4),
      every: fc.option(small(1, 5)),
      from: fc.option(small(0, 10)),
      total: fc.option(small(4, 9)),
      nonce: small(0, 40),
      now: small(-3, 40),
    });
    let allowed = 0;
    await fc.assert(
      fc.asyncProperty(input, async ({ first, count, every, from, total, nonce, now }) => {
        const clock =
          every === null ? {} : { every: `${every}`, from: `${from ?? 0}`, ...(total && { total: `${total}` }) };
        const pace = { first: `${first}`, count: `${count}`, ...(from !== null && { from: `${from}` }), ...clock };
        const since = now - (from ?? 0);
        const sum = every === null ? count : count * (1 + Math.floor(since / every));
        const end = first + (every === null || total === null ? sum : Math.min(sum, total));
        const expected = since >= 0 && first <= nonce && nonce < end;
        allowed += Number(expected);
        await (expected
          ? allows(paced(pace), pay({ nonce }), at(now))
          : refuses(paced(pace), pay({ nonce }), /nonce/, at(now)));
      }),
      { numRuns: 2000, seed: 8 },
    );
    assert.ok(allowed > 200, `${allowed}`);
  });

  test('the nonce is judged when all else fits, so that the refusal is about it', async () => {
    await refuses(paced(daily), pay({ nonce: 99, value: 11n }), /^the value/, at(FROM));
    const policy = { ...paced(daily), notAfter: '1' };
    await refuses(policy, pay({ nonce: 5 }), /^not valid after/, at(FROM));
  });

  test('the nonce of an authorization is one of the account’s own, and has the same pace', async () => {
    const rule = { kind: 'authorization', chains: ['1'], delegates: [alice], pace: daily };
    await allows(rule, authorization({ nonce: '5' }), at(FROM));
    await refuses(rule, authorization({ nonce: '15' }), /^the nonce 15 is not allowed before/, at(FROM));
  });

  test('a pace in words', () => {
    const words = (pace: Pace) =>
      describePolicy(policyOf(paced(pace)))
        .split('\n')
        .at(-1);
    assert.equal(
      words({ ...daily, total: '100' }),
      '  the nonce is 5 to 14, from 1790000000 (2026-09-21T14:13:20.000Z) on, 10 more every day, never above 104',
    );
    assert.equal(words({ first: '0', count: '3' }), '  the nonce is 0 to 2');
    assert.match(words({ ...daily, every: '172801' }) ?? '', / 10 more every 172801 seconds$/);
  });
});

describe('the pace of a field', () => {
  const types = {
    TransferWithAuthorization: [
      { name: 'from', type: 'address' },
      { name: 'to', type: 'address' },
      { name: 'value', type: 'uint256' },
      { name: 'validAfter', type: 'uint256' },
      { name: 'validBefore', type: 'uint256' },
      { name: 'nonce', type: 'bytes32' },
    ],
  };
  const type =
    'TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)';
  const given = { from: bob, to: alice, value: '5', validAfter: '0', validBefore: '0', nonce: `0x${'0'.repeat(64)}` };
  const signed = (change: object) =>
    parseIntent({
      kind: 'typedData',
      typedData: {
        domain: permitDomain,
        types,
        primaryType: 'TransferWithAuthorization',
        message: { ...given, ...change },
      },
    });
  const numbered = (nonce: bigint) => signed({ nonce: toHex(nonce, { size: 32 }) });
  const rule = (fields: object) => ({ kind: 'typedData', domains: [permitDomain], types: [type], fields });
  const inPace = (change: object) => rule({ nonce: { pace: { ...daily, ...change } } });
  const at = (now: number) => ({ now });

  test('bytes are read as a number', async () => {
    await allows(inPace({}), numbered(5n), at(FROM));
    await allows(inPace({}), numbered(14n), at(FROM));
    await refuses(inPace({}), numbered(4n), /^nonce 4 is below 5, and never allowed$/, at(FROM));
    await refuses(inPace({}), numbered(15n), /^nonce 15 is not allowed before 1790086400/, at(FROM));
    const top = signed({ nonce: `0x${'f'.repeat(64)}` });
    await refuses(inPace({ total: '20' }), top, /never allowed/, at(Number.MAX_SAFE_INTEGER));
    await refuses(inPace({}), top, /not allowed before/, at(Number.MAX_SAFE_INTEGER));
    // The same digits at the other end, which is how a contract would read a number written the wrong way around.
    await refuses(inPace({ total: '20' }), signed({ nonce: `0x05${'0'.repeat(62)}` }), /never allowed/, at(FROM));
  });

  test('a number has a pace, in whatever size, and in a call as in typed data', async () => {
    const call = { function: 'use(uint48 nonce,(bytes8 id) inner)', args: {} };
    const data = (nonce: number, id: Hex) =>
      encodeFunctionData({ abi: parseAbi(['function use(uint48 nonce,(bytes8 id) inner)']), args: [nonce, { id }] });
    const calling = (args: object) => ({ ...payRule, calls: [{ ...call, args }] });
    const small = { first: '0', count: '2' };
    await allows(calling({ nonce: { pace: small } }), pay({ data: data(1, '0x0000000000000009') }));
    await refuses(
      calling({ nonce: { pace: small } }),
      pay({ data: data(2, '0x0000000000000009') }),
      /^args.nonce 2 is/,
    );
    const within = calling({ inner: { fields: { id: { pace: small } } } });
    await allows(within, pay({ data: data(9, '0x0000000000000001') }));
    await refuses(within, pay({ data: data(9, '0x0100000000000000') }), /^args.inner.id 72057594037927936 is not one/);
  });

  test('with keep a number is allowed for so long, and then no more', async () => {
    const kept = inPace({ keep: String(2 * DAY) });
    for (const [nonce, day] of [
      [5n, 0],
      [14n, 0],
      [15n, 1],
      [24n, 1],
      [105n, 10],
    ] as const) {
      const begin = FROM + day * DAY;
      for (const now of [begin, begin + 2 * DAY - 1]) await allows(kept, numbered(nonce), at(now));
      await refuses(kept, numbered(nonce), /is not allowed before/, at(begin - 1));
      for (const now of [begin + 2 * DAY, begin + 100 * DAY, Number.MAX_SAFE_INTEGER]) {
        await refuses(kept, numbered(nonce), new RegExp(`was allowed only before ${begin + 2 * DAY} `), at(now));
      }
    }
    assert.match(describePolicy(policyOf(kept)), /each for 2 days only$/m);
  });

  test('with keep, only the numbers of the last while are allowed at any time: the formula at two times', async () => {
    const input = fc.record({
      count: fc.integer({ min: 1, max: 3 }),
      every: fc.integer({ min: 1, max: 4 }),
      more: fc.integer({ min: 0, max: 9 }),
      nonce: fc.integer({ min: 0, max: 30 }),
      now: fc.integer({ min: 0, max: 40 }),
    });
    await fc.assert(
      fc.asyncProperty(input, async ({ count, every, more, nonce, now }) => {
        const keep = every + more;
        const pace = { first: '0', count: `${count}`, every: `${every}`, from: '7', keep: `${keep}` };
        const end = (time: number) => (time < 7 ? 0 : count * (1 + Math.floor((time - 7) / every)));
        const expected = end(now - keep) <= nonce && nonce < end(now);
        const judged = expected ? allows : (a: object, b: Intent, c: object) => refuses(a, b, /^nonce/, c);
        await judged(rule({ nonce: { pace } }), numbered(BigInt(nonce)), at(now));
      }),
      { numRuns: 1000, seed: 8 },
    );
  });

  test('within bounds a time from now on', async () => {
    const hour = rule({ validBefore: { within: '3600', min: '1' } });
    const until = (time: bigint) => signed({ validBefore: String(time) });
    await allows(hour, until(BigInt(FROM) + 3600n), at(FROM));
    await allows(hour, until(1n), at(FROM));
    await refuses(hour, until(0n), /^validBefore is below 1/, at(FROM));
    await refuses(
      hour,
      until(BigInt(FROM) + 3601n),
      /^validBefore is above 1790003600, which is 3600 seconds/,
      at(FROM),
    );
    await refuses(hour, until(2n ** 256n - 1n), /^validBefore is above/, at(Number.MAX_SAFE_INTEGER));
    await refuses(hour, until(1n), /^the time is not known/, at(Number.NaN));
    assert.match(describePolicy(policyOf(hour)), /validBefore is at most 1 hour from now/);
  });

  test('paces and times stand only where they mean something', () => {
    const wrong: [object, RegExp][] = [
      [rule({ to: { pace: daily } }), /to.pace: does not fit the type; what does: in$/],
      [rule({ nonce: { within: '1' } }), /nonce.within: does not fit the type; what does: in, pace$/],
      [rule({ nonce: { max: '1' } }), /nonce.max: does not fit/],
      [rule({ value: { pace: { ...daily, count: '0' } } }), /value.pace.count: allows nothing/],
      [inPace({ keep: String(DAY - 1) }), /nonce.pace.keep: less than every/],
      [rule({ nonce: { pace: { first: '0', count: '1', keep: '1' } } }), /nonce.pace.keep: needs every/],
    ];
    for (const [one, message] of wrong) assert.throws(() => policyOf(one), message);
    const signedNumber = { ...payRule, calls: [{ function: 'f(int8 a)', args: { a: { pace: daily } } }] };
    assert.throws(() => policyOf(signedNumber), /a.pace: does not fit/);
  });
});

describe('the account itself', () => {
  test('a recipient may be the account itself, so that a nonce can be cancelled', async () => {
    const rule = { ...payRule, to: ['account', alice] };
    await allows(rule, pay({ to: bob }), { account: bob });
    await allows(rule, pay({ to: alice }), { account: bob });
    await refuses(rule, pay({ to: mallory }), /^the recipient 0x66/, { account: bob });
    for (const account of [undefined, 'bob', 'account'])
      await refuses(rule, pay({ to: bob }), /^the recipient/, { account });
    assert.match(describePolicy(policyOf(rule)), /to the account itself or 0xa1/);
  });
});

describe('the account in a list', () => {
  const rule = {
    ...payRule,
    calls: [{ function: 'transfer(address to,uint256 amount)', args: { to: { in: ['account', alice] } } }],
  };

  test('a listed address may be the account itself', async () => {
    for (const to of [alice, bob]) await allows(rule, pay({ data: transfer(to, 1n) }), { account: bob });
    await refuses(rule, pay({ data: transfer(mallory, 1n) }), /^args.to is not in the list/, { account: bob });
    await refuses(rule, pay({ data: transfer(bob, 1n) }), /^args.to is not in the list/);
    assert.match(describePolicy(policyOf(rule)), /^ {4}to is the account itself or "0xa1/m);
  });

  test('elsewhere the word is only a word', async () => {
    const text = { ...payRule, calls: [{ function: 'f(string a)', args: { a: { in: ['account'] } } }] };
    const data = (word: string) => encodeFunctionData({ abi: parseAbi(['function f(string a)']), args: [word] });
    await allows(text, pay({ data: data('account') }), { account: bob });
    await refuses(text, pay({ data: data(bob.toLowerCase()) }), /^args.a is not in the list/, { account: bob });
    assert.match(describePolicy(policyOf(text)), /^ {4}a is "account"$/m);
    const bytes = { ...payRule, calls: [{ function: 'f(bytes20 a)', args: { a: { in: ['account'] } } }] };
    assert.throws(() => policyOf(bytes), /a.in\[0\]: not 0x/);
  });
});

describe('what else bounds a budget', () => {
  test('the bytes of data are bounded, of a creation too', async () => {
    const rule = { ...payRule, calls: 'any', create: 'any', maxData: '2' };
    for (const to of [alice, null]) {
      await allows(rule, pay({ to, data: '0x0102' }));
      await refuses(rule, pay({ to, data: '0x010203' }), /^3 bytes of data are more than 2$/);
    }
    await allows({ ...payRule, maxData: '0' }, pay());
  });

  test('a message that may be a hash is refused where hashes are none', async () => {
    const rule = { kind: 'message', prefixes: ['example.com wants you to'], hashes: 'none' };
    const of = (length: number) => message('example.com wants you to'.padEnd(length, ' x'));
    for (const length of [24, 31, 33]) await allows(rule, of(length));
    await refuses(rule, of(32), /^a message of 32 bytes may be a hash$/);
    await refuses({ ...rule, prefixes: 'any' }, message({ raw: `0x${'ff'.repeat(32)}` }), /may be a hash/);
  });
});

describe('paces that make no sense', () => {
  const wrong: { [what: string]: [object, RegExp] } = {
    'no first': [paced({ count: '1' }), /rules/],
    'a number': [paced({ ...daily, count: 10 }), /rules/],
    'a negative first': [paced({ ...daily, first: '-1' }), /rules/],
    'an unknown key': [paced({ ...daily, last: '1' }), /rules/],
    'nothing allowed': [paced({ ...daily, count: '0' }), /pace.count: allows nothing/],
    'no time between': [paced({ ...daily, every: '0' }), /pace.every: not a time/],
    'no beginning': [paced({ first: '0', count: '1', every: '1' }), /pace.every: needs from/],
    'a total beside a total': [paced({ first: '0', count: '1', total: '1' }), /pace.total: needs every/],
    'a total below the count': [paced({ ...daily, total: '9' }), /pace.total: less than count/],
    'an end for nonces that are used in order': [paced({ ...daily, keep: '90000' }), /rules/],
    'several chains': [{ ...paced(daily), chains: ['1', '10'] }, /pace: needs one chain/],
    'any chain': [{ ...paced(daily), chains: 'any' }, /pace: needs one chain/],
    'delegates on several chains': [
      { kind: 'authorization', chains: ['0', '1'], delegates: [alice], pace: daily },
      /pace: needs one chain/,
    ],
  };
  for (const [what, [rule, message]] of Object.entries(wrong)) {
    test(`the policy parser refuses a pace of ${what}`, () => {
      const policy = { version: 1, rules: [{ name: 'x', ...rule }] };
      assert.throws(
        () => parsePolicy(policy),
        (error) => error instanceof InputError && message.test(error.message),
      );
    });
  }
});
