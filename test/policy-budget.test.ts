// The sum that signatures under a policy can move: when it is stated, what it is, and the attack that each condition stops.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { encodeFunctionData, keccak256, parseAbi, toHex } from 'viem';
import { buildCosigner } from '../ts/build/cosigner.ts';
import { InputError, type Intent, parseIntent } from '../ts/intent/intent.ts';
import {
  type AssetBudget,
  budgetOf,
  moreAt,
  numbersAt,
  numbersBy,
  sumBy,
  sumOfAll,
  sumWithin,
} from '../ts/policy/budget.ts';
import { builtinPolicies } from '../ts/policy/builtin.ts';
import { describeBudget } from '../ts/policy/describe-budget.ts';
import { judge } from '../ts/policy/judge.ts';
import { outOfPace } from '../ts/policy/pace.ts';
import { type Policy, parsePolicy } from '../ts/policy/policy.ts';
import { checkPaces } from '../ts/policy/sequences.ts';
import {
  alice,
  authorization,
  blobs,
  bob,
  mallory,
  message,
  pay,
  policyOf,
  signedAuthorization,
  token,
  transfer,
  typedOf,
} from './support/policies.ts';

const FROM = 1_790_000_000;
const DAY = 86_400;
const pace = { first: '0', count: '10', every: String(DAY), from: String(FROM), total: '100' };
const payRule = { kind: 'transaction', chains: ['1'], to: [alice], maxValue: '100', maxFee: '210000', pace };
const transferCall = { function: 'transfer(address to,uint256 amount)', args: { amount: { max: '50' } } };
const tokenRule = { ...payRule, to: [token], maxValue: '0', calls: [transferCall] };
const permit2 = `0x${'22'.repeat(20)}`;
const safe = `0x${'5a'.repeat(20)}`;
const typed = (verifyingContract: string, type: string, fields: object) => ({
  kind: 'typedData',
  domains: [{ chainId: '1', verifyingContract }],
  types: [type],
  fields,
});
const types = {
  permit: 'Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)',
  transfer:
    'TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)',
  receive:
    'ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)',
  allowance:
    'PermitSingle(PermitDetails details,address spender,uint256 sigDeadline)PermitDetails(address token,uint160 amount,uint48 expiration,uint48 nonce)',
  transferFrom:
    'PermitTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline)TokenPermissions(address token,uint256 amount)',
  batch:
    'PermitBatchTransferFrom(TokenPermissions[] permitted,address spender,uint256 nonce,uint256 deadline)TokenPermissions(address token,uint256 amount)',
  safe: 'SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,uint256 gasPrice,address gasToken,address refundReceiver,uint256 nonce)',
};
const permitFields = { value: { max: '7' }, nonce: { pace } };
const permitRule = typed(token, types.permit, permitFields);
const giveFields = { value: { max: '5' }, validBefore: { within: '600' }, nonce: { pace } };
const giveRule = typed(token, types.transfer, giveFields);
const details = { token: { in: [token] }, amount: { max: '8' }, nonce: { pace } };
const allowanceFields = { details: { fields: details }, spender: { in: [alice] } };
const allowanceRule = typed(permit2, types.allowance, allowanceFields);
const permitted = { token: { in: [token] }, amount: { max: '9' } };
const transferFromRule = typed(permit2, types.transferFrom, { permitted: { fields: permitted }, nonce: { pace } });
const each = { fields: { token: { in: [token] } } };
const batchFields = { permitted: { each, sum: { fields: { amount: { max: '11' } } } }, nonce: { pace } };
const batchRule = typed(permit2, types.batch, batchFields);
const safeFields = {
  value: { max: '13' },
  data: { in: ['0x'] },
  operation: { in: ['0'] },
  gasPrice: { in: ['0'] },
  nonce: { pace },
};
const safeRule = typed(safe, types.safe, safeFields);
const signIn = { kind: 'message', prefixes: ['example.com wants you to sign in'], hashes: 'none' };

/** What a policy bounds; it fails where no sum can be stated. */
function assetsOf(policy: Policy): readonly AssetBudget[] {
  const budget = budgetOf(policy);
  assert.ok('assets' in budget, 'reasons' in budget ? budget.reasons.join('; ') : '');
  return budget.assets;
}

/** The sum of each asset at a time, by its token or `coin`. */
const sums = (policy: Policy, time = FROM) =>
  Object.fromEntries(
    assetsOf(policy).map((one) => [
      `${one.asset.token ?? 'coin'}${one.asset.of === undefined ? '' : ' of another'}`,
      [Number(sumBy(one, BigInt(time))), Number(sumOfAll(one))],
    ]),
  );
const coin = (perNonce: number, time = 10) => [perNonce * time, perNonce * 100];
const lowToken = token.toLowerCase();

describe('a sum is stated', () => {
  test('of transactions it has the value and the fee of each nonce', () => {
    const policy = policyOf(payRule);
    assert.deepEqual(sums(policy), { coin: coin(210_100) });
    assert.deepEqual(sums(policy, FROM - 1).coin, [0, 21_010_000]);
    assert.deepEqual(sums(policy, FROM + DAY).coin, coin(210_100, 20));
    assert.deepEqual(sums(policy, FROM + 1000 * DAY).coin, coin(210_100, 100));
    const { every: _, total: __, ...once } = pace;
    assert.deepEqual(sums(policyOf({ ...payRule, pace: once })), { coin: [2_101_000, 2_101_000] });
    assert.deepEqual(sums(policyOf({ ...payRule, maxValue: '0', maxFee: '0' })), { coin: [0, 0] });
  });

  test('each nonce counts the dearest rule, per asset', () => {
    const policy = policyOf(payRule, { ...payRule, maxValue: '0', to: ['account'] }, tokenRule, {
      ...tokenRule,
      calls: [{ function: 'approve(address,uint256 amount)', args: { amount: { in: ['3', '60'], max: '55' } } }],
    });
    assert.deepEqual(sums(policy), { coin: coin(210_100), [lowToken]: coin(55) });
  });

  test('sequences of their own add up, what shares one does not', () => {
    const receive = typed(token, types.receive, { ...giveFields, value: { max: '6' } });
    const policy = policyOf(tokenRule, permitRule, giveRule, receive, allowanceRule, transferFromRule, batchRule);
    assert.deepEqual(sums(policy), { coin: coin(210_000), [lowToken]: coin(50 + 7 + 6 + 8 + 11) });
    const other = { ...allowanceFields, spender: { in: [bob] } };
    assert.deepEqual(sums(policyOf(allowanceRule, typed(permit2, types.allowance, other)))[lowToken], coin(16));
  });

  test('chains, contracts and Safes each have their own', () => {
    const policy = policyOf(payRule, { ...payRule, chains: ['10'], pace: { ...pace, total: '50' } }, safeRule);
    const found = assetsOf(policy).map(({ asset, ...one }) => [
      asset.chain,
      asset.of,
      Number(sumOfAll({ asset, ...one })),
    ]);
    assert.deepEqual(found, [
      ['1', undefined, 21_010_000],
      ['10', undefined, 10_505_000],
      ['1', safe, 1300],
    ]);
  });

  test('a swap moves what it takes, of the token that it names', () => {
    const signature =
      'exactInputSingle((address tokenIn,address out,uint24 fee,address to,uint256 amountIn,uint256 least,uint160 limit) p)';
    const call = {
      function: signature,
      args: { p: { fields: { tokenIn: { in: [token] }, amountIn: { max: '70' } } } },
    };
    assert.deepEqual(sums(policyOf({ ...payRule, to: [alice], calls: [call] })), {
      coin: coin(210_100),
      [lowToken]: coin(70),
    });
    const unpinned = { function: signature, args: { p: { fields: { amountIn: { max: '70' } } } } };
    assert.match(reasonsOf({ ...payRule, calls: [unpinned] }), /its token must be one address$/);
  });

  test('messages that are no hashes move nothing', () => {
    assert.deepEqual(assetsOf(policyOf(signIn)), []);
    assert.equal(describeBudget(policyOf(signIn), FROM), 'Signatures under this policy alone move nothing.');
  });

  test('a pace allows as many numbers by a time as are counted for it', () => {
    const small = (min: number, max: number) => fc.integer({ min, max });
    fc.assert(
      fc.property(
        fc.record({ count: small(1, 4), every: small(1, 5), more: fc.option(small(0, 9)), from: small(0, 9) }),
        small(0, 60),
        ({ count, every, more, from }, now) => {
          const total = more === null ? {} : { total: String(count + more) };
          const one = { first: '3', count: `${count}`, every: `${every}`, from: `${from}`, ...total };
          const allowed = Array.from({ length: 300 }, (_, i) => BigInt(i)).filter((n) => !outOfPace(one, n, now, ''));
          assert.equal(BigInt(allowed.length), numbersBy(one, BigInt(now)));
          assert.deepEqual(numbersAt(one, BigInt(now)), { low: 3n, end: 3n + BigInt(allowed.length) });
          const next = Array.from({ length: 70 }, (_, i) => BigInt(now + 1 + i)).find(
            (time) => numbersBy(one, time) > BigInt(allowed.length),
          );
          assert.equal(moreAt(one, BigInt(now)), next);
          const kept = { ...one, keep: `${2 * every}` };
          const { low, end } = numbersAt(kept, BigInt(now));
          for (let n = 3n; n < 100n; n++)
            assert.equal(n >= low && n < end, !outOfPace(kept, n, now, ''), `${n} of ${low} to ${end}`);
        },
      ),
      { numRuns: 500, seed: 8 },
    );
  });
});

function reasonsOf(...rules: object[]): string {
  const budget = budgetOf(policyOf(...rules));
  return 'reasons' in budget ? budget.reasons.join('\n') : 'there is a sum';
}

describe('in any interval', () => {
  const hourly = { first: '0', count: '2', every: '3600', from: String(FROM), total: '1000', keep: '7200' };
  const kept = (change: object = {}, within = '600') =>
    policyOf(
      typed(token, types.transfer, {
        ...giveFields,
        nonce: { pace: { ...hourly, ...change } },
        validBefore: { within },
      }),
    );
  const only = (policy: Policy) => assetsOf(policy)[0] ?? assert.fail('no asset');

  test('a sum is stated where unused pace expires, and signatures do', () => {
    // An hour, two for keep and ten minutes: three whole hours fit, and one more begins.
    assert.equal(sumWithin(only(kept()), 3600n), 5n * 2n * 4n);
    assert.equal(sumWithin(only(kept({ total: '5' })), 3600n), 25n);
    assert.equal(sumWithin(only(policyOf(giveRule)), 3600n), undefined);
    assert.equal(sumWithin(only(policyOf(payRule)), 3600n), undefined);
    assert.match(
      describeBudget(kept(), FROM),
      /; each expires after 2 hours\n {4}in any interval of 1 hour at most 40 units, if no host's clock is ahead\n/,
    );
    const stays = describeBudget(policyOf(payRule, tokenRule), FROM);
    assert.doesNotMatch(stays, /interval|per day|expires/);
    // What becomes of what is unused is said first.
    assert.match(stays, /^What is not used stays, and all of it may go at once\.\n/);
    assert.match(
      describeBudget(kept(), FROM),
      /^What is not used in its time expires\. Until then all of it may go at once\.\n/,
    );
    assert.match(describeBudget(policyOf(payRule, giveRule), FROM), /^What is not used stays, and all/);
    const mixed = policyOf(payRule, typed(token, types.transfer, { ...giveFields, nonce: { pace: hourly } }));
    assert.match(
      describeBudget(mixed, FROM),
      /^What is not used stays, unless it is said to expire, and all of it may go at once\.\n/,
    );
  });

  test('the longest time counts, also beside one of no seconds', () => {
    const rule = (type: string, within: string) =>
      typed(token, type, { ...giveFields, nonce: { pace: hourly }, validBefore: { within } });
    for (const order of [
      ['0', '3600'],
      ['3600', '0'],
    ] as const) {
      const policy = policyOf(rule(types.transfer, order[0]), rule(types.receive, order[1]));
      assert.equal(sumWithin(only(policy), 3600n), 5n * 2n * 5n);
    }
  });

  test('no order of signing and settling gets past it', () => {
    const small = (min: number, max: number) => fc.integer({ min, max });
    const input = fc.record({
      count: small(1, 3),
      every: small(1, 6),
      more: small(0, 8),
      within: small(0, 9),
      start: small(0, 60),
      length: small(1, 20),
    });
    let tight = 0;
    fc.assert(
      fc.property(input, ({ count, every, more, within, start, length }) => {
        const keep = every + more;
        const one = { first: '0', count: `${count}`, every: `${every}`, from: '0', total: '9999', keep: `${keep}` };
        const budget = only(kept(one, `${within}`));
        // All that was ever signed, each by the clock that suits it best, and settled inside (start, start + length].
        const taken = Array.from({ length: 400 }, (_, n) => n).filter((n) =>
          Array.from({ length: start + length + 1 }, (_, now) => now).some(
            (now) => !outOfPace(one, BigInt(n), now, '') && Math.min(now + within, start + length) > start,
          ),
        ).length;
        const bound = Number(sumWithin(budget, BigInt(length))) / 5;
        assert.ok(taken <= bound, `${taken} > ${bound}`);
        tight += Number(bound - taken <= count);
      }),
      { numRuns: 200, seed: 8 },
    );
    assert.ok(tight > 50, `${tight}`); // the bound is no mere multiple
  });
});

describe('no sum is stated', () => {
  const typedIntent = (verifyingContract: string, type: string, given: object, chainId = '1') =>
    typedOf(type, given, { ...(chainId && { chainId }), ...(verifyingContract && { verifyingContract }) });
  const call = (signature: string, ...args: readonly unknown[]) =>
    pay({
      to: token,
      value: 0n,
      data: encodeFunctionData({ abi: parseAbi([`function ${signature}`] as string[]), args }),
    });
  const { total: _, ...endless } = pace;
  const { pace: __, ...unpaced } = payRule;
  const calling = (signature: string, args?: object) => ({
    ...tokenRule,
    calls: [{ function: signature, ...(args && { args }) }],
  });
  const amounts = { amount: { max: '50' } };
  const dai = 'Permit(address holder,address spender,uint256 nonce,uint256 expiry,bool allowed)';
  const zkSync =
    'Transaction(uint256 txType,uint256 from,uint256 to,uint256 gasLimit,uint256 maxFeePerGas,uint256 value,uint256 nonce,bytes data)';
  const order = 'OrderComponents(address offerer,uint256 amount,uint256 startTime,uint256 endTime,uint256 counter)';
  const witness =
    'PermitWitnessTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline,Witness witness)TokenPermissions(address token,uint256 amount)Witness(address user)';
  const big = (bits: number) => 2n ** BigInt(bits) - 1n;
  const far = { now: FROM + 1000 * DAY };

  /** A way past the sum: the rules that leave it open, what is signed under them and not under those with a sum, the reason. */
  type Attack = readonly [what: string, rule: object, attack: Intent, reason: RegExp, context?: object];
  const attacks: readonly Attack[] = [
    ['a transaction without a pace', unpaced, pay({ nonce: 5000 }), /it has no pace/],
    ['a clock far ahead', { ...payRule, pace: endless }, pay({ nonce: 5000 }), /no total/, far],
    [
      'a clock far ahead, with typed data',
      typed(token, types.permit, { ...permitFields, nonce: { pace: endless } }),
      typedIntent(token, types.permit, { value: '7', nonce: '5000' }),
      /no total/,
      far,
    ],
    ['any value', { ...payRule, maxValue: 'any' }, pay({ value: 10n ** 18n }), /its value has no bound/],
    ['any fee', { ...payRule, maxFee: 'any' }, pay({ maxFeePerGas: 10n ** 12n }), /its fee has no bound/],
    ['any creation', { ...payRule, create: 'any' }, pay({ to: null, data: '0x6001' }), /it creates contracts/],
    [
      'one creation',
      { ...payRule, create: [keccak256('0x6001')] },
      pay({ to: null, data: '0x6001' }),
      /it creates contracts/,
    ],
    [
      'any access list',
      { ...payRule, accessList: 'any' },
      pay({ accessList: [{ address: alice, storageKeys: [] }] }),
      /any access list/,
    ],
    [
      'blobs',
      { ...payRule, maxFee: '999999', maxBlobs: '1' },
      pay({ type: 'eip4844', maxFeePerBlobGas: 1n, blobVersionedHashes: blobs(1) }),
      /it takes blobs/,
    ],
    [
      'delegates carried',
      { ...payRule, delegates: [alice] },
      pay({ type: 'eip7702', authorizationList: [signedAuthorization] }),
      /it carries authorizations/,
    ],
    [
      'an authorization',
      { kind: 'authorization', chains: ['1'], delegates: [alice], pace },
      authorization(),
      /lets code do anything/,
    ],
    ['any data', { ...tokenRule, calls: 'any' }, call('setApprovalForAll(address,bool)', mallory, true), /any data/],
    [
      'any recipient of calls',
      { ...tokenRule, to: 'any' },
      pay({ to: mallory, value: 0n, data: transfer(mallory, 5n) }),
      /it must call one contract/,
    ],
    [
      'the cap of one token for another',
      { ...tokenRule, to: [token, mallory] },
      pay({ to: mallory, value: 0n, data: transfer(mallory, 5n) }),
      /it must call one contract/,
    ],
    [
      'a call of the account itself',
      { ...tokenRule, to: ['account'] },
      pay({ to: bob, value: 0n, data: transfer(mallory, 5n) }),
      /it must call one contract/,
    ],
    [
      'an approval for all',
      calling('setApprovalForAll(address operator,bool approved)'),
      call('setApprovalForAll(address,bool)', mallory, true),
      /setApprovalForAll.*: what it moves is not known/,
    ],
    [
      'a bridge',
      calling('depositFor(address to,uint256 amount)', amounts),
      call('depositFor(address,uint256)', mallory, 5n),
      /what it moves is not known/,
    ],
    [
      'a function of the same name',
      calling('transfer(address to,uint256 amount,bytes data)', amounts),
      call('transfer(address,uint256,bytes)', mallory, 5n, '0x'),
      /what it moves is not known/,
    ],
    [
      'a transfer of any amount',
      calling('transfer(address to,uint256 amount)'),
      call('transfer(address,uint256)', mallory, 51n),
      /no bound below/,
    ],
    [
      'a cap on the wrong argument',
      calling('transfer(uint160 amount,uint256 to)', amounts),
      call('transfer(uint160,uint256)', 1n, 51n),
      /what it moves is not known/,
    ],
    [
      'an amount without a name',
      calling('transfer(address to,uint256)', { to: { in: [alice] } }),
      call('transfer(address,uint256)', alice, 51n),
      /no bound below/,
    ],
    [
      'an approval without end in 96 bits',
      calling('approve(address to,uint256 amount)', { amount: { max: String(big(96)) } }),
      call('approve(address,uint256)', mallory, big(96)),
      /no bound below/,
    ],
    [
      'an approval without end in 160 bits',
      calling('approve(address to,uint256 amount)', { amount: { in: [String(big(160))] } }),
      call('approve(address,uint256)', mallory, big(160)),
      /no bound below/,
    ],
    [
      'an approval without end in 256 bits',
      calling('increaseAllowance(address to,uint256 amount)', { amount: { min: '1' } }),
      call('increaseAllowance(address,uint256)', mallory, big(256)),
      /no bound below/,
    ],
    [
      'any typed data',
      { kind: 'typedData', domains: 'any', types: 'any' },
      typedIntent(token, types.permit, { value: '8' }),
      /one type that is known/,
    ],
    [
      'a type by its name',
      { ...permitRule, types: ['Permit'], fields: undefined },
      typedIntent(token, dai, {}),
      /one type that is known/,
    ],
    [
      'two types',
      { ...permitRule, types: [types.permit, dai], fields: undefined },
      typedIntent(token, dai, {}),
      /one type that is known/,
    ],
    ["DAI's permit", typed(token, dai, { nonce: { pace } }), typedIntent(token, dai, {}), /one type that is known/],
    [
      'typed data that is a transaction (zkSync)',
      typed(token, zkSync, { value: { max: '1' }, nonce: { pace } }),
      typedIntent(token, zkSync, {}),
      /one type that is known/,
    ],
    [
      'an order (Seaport)',
      typed(token, order, { amount: { max: '1' } }),
      typedIntent(token, order, {}),
      /one type that is known/,
    ],
    [
      'a witness of Permit2',
      typed(permit2, witness, { nonce: { pace } }),
      typedIntent(permit2, witness, {}),
      /one type that is known/,
    ],
    [
      'any domain',
      { ...permitRule, domains: 'any' },
      typedIntent(mallory, types.permit, {}),
      /one domain, with chainId/,
    ],
    [
      'a domain on every chain',
      { ...permitRule, domains: [{ verifyingContract: token }] },
      typedIntent(token, types.permit, {}, ''),
      /one domain, with chainId/,
    ],
    [
      'a domain of every contract',
      { ...permitRule, domains: [{ chainId: '1' }] },
      typedIntent('', types.permit, {}),
      /one domain, with chainId/,
    ],
    [
      'two domains',
      { ...permitRule, domains: [...permitRule.domains, { chainId: '1', verifyingContract: mallory }] },
      typedIntent(mallory, types.permit, {}),
      /one domain, with chainId/,
    ],
    [
      'a domain whose chain is a text',
      {
        ...permitRule,
        domains: [{ chainId: '1', verifyingContract: token }],
        domainTypes: ['EIP712Domain(string chainId,address verifyingContract)'],
      },
      parseIntent({
        kind: 'typedData',
        typedData: {
          domain: { chainId: '1', verifyingContract: token },
          primaryType: 'Permit',
          message: { owner: alice, spender: alice, value: '7', nonce: '0', deadline: '0' },
          types: {
            EIP712Domain: [
              { name: 'chainId', type: 'string' },
              { name: 'verifyingContract', type: 'address' },
            ],
            Permit: ['address owner', 'address spender', 'uint256 value', 'uint256 nonce', 'uint256 deadline'].map(
              (field) => ({ type: field.split(' ')[0], name: field.split(' ')[1] }),
            ),
          },
        },
      }),
      /a domain of the fields of EIP-712/,
    ],
    [
      'a permit without a pace',
      typed(token, types.permit, { value: { max: '7' } }),
      typedIntent(token, types.permit, { nonce: '5000' }),
      /it has no pace/,
    ],
    [
      'a permit for any amount',
      typed(token, types.permit, { nonce: { pace } }),
      typedIntent(token, types.permit, { value: String(big(256)) }),
      /no bound below/,
    ],
    [
      'an allowance without end',
      typed(permit2, types.allowance, {
        ...allowanceFields,
        details: { fields: { ...details, amount: { max: String(big(160)) } } },
      }),
      typedIntent(permit2, types.allowance, {
        details: { token: lowToken, amount: String(big(160)), expiration: '0', nonce: '0' },
      }),
      /no bound below/,
    ],
    [
      'a transfer of another token',
      typed(permit2, types.transferFrom, { permitted: { fields: { amount: { max: '9' } } }, nonce: { pace } }),
      typedIntent(permit2, types.transferFrom, { permitted: { token: mallory.toLowerCase(), amount: '9' } }),
      /its permitted.token must be one/,
    ],
    [
      'one of two tokens',
      typed(permit2, types.transferFrom, {
        permitted: { fields: { ...permitted, token: { in: [token, mallory] } } },
        nonce: { pace },
      }),
      typedIntent(permit2, types.transferFrom, { permitted: { token: mallory.toLowerCase(), amount: '9' } }),
      /its permitted.token must be one/,
    ],
    [
      'a batch of many transfers',
      typed(permit2, types.batch, { permitted: { each: { fields: permitted } }, nonce: { pace } }),
      typedIntent(permit2, types.batch, { permitted: [1, 2, 3].map(() => ({ token: lowToken, amount: '9' })) }),
      /no bound below/,
    ],
    [
      'a batch of another token',
      typed(permit2, types.batch, { ...batchFields, permitted: { sum: batchFields.permitted.sum } }),
      typedIntent(permit2, types.batch, { permitted: [{ token: mallory.toLowerCase(), amount: '9' }] }),
      /its permitted\[\].token must be one/,
    ],
    [
      "a Safe's delegate call",
      typed(safe, types.safe, { ...safeFields, operation: { in: ['0', '1'] } }),
      typedIntent(safe, types.safe, { operation: '1' }),
      /its operation must be 0/,
    ],
    [
      "a Safe's refund of gas",
      typed(safe, types.safe, { ...safeFields, gasPrice: { max: '5' } }),
      typedIntent(safe, types.safe, { gasPrice: '5' }),
      /its gasPrice must be 0/,
    ],
    [
      "a Safe's call",
      typed(safe, types.safe, { ...safeFields, data: { in: ['0x', '0x01'] } }),
      typedIntent(safe, types.safe, { data: '0x01' }),
      /its data must be 0x/,
    ],
    [
      'a short prefix',
      { ...signIn, prefixes: ['example.com wants y'] },
      message('example.com wants your money'),
      /prefixes of 20 bytes/,
    ],
    [
      'a short prefix among long ones',
      { ...signIn, prefixes: [...signIn.prefixes, 'x'] },
      message('x'),
      /prefixes of 20 bytes/,
    ],
    ['any message', { ...signIn, prefixes: 'any' }, message('x'), /prefixes of 20 bytes/],
    [
      'a message that is a hash',
      { kind: 'message', prefixes: signIn.prefixes },
      message({ raw: toHex(signIn.prefixes[0] ?? '') }),
      /"hashes": "none"/,
    ],
  ];
  const withSum = policyOf(
    payRule,
    tokenRule,
    permitRule,
    giveRule,
    allowanceRule,
    transferFromRule,
    batchRule,
    safeRule,
    signIn,
  );

  test('with these rules a sum is stated', () => void assetsOf(withSum));
  for (const [what, rule, attack, reason, context] of attacks) {
    test(`no sum is stated that this would get past: ${what}`, async () => {
      const { fields, ...others } = rule as { fields?: object };
      const open = fields === undefined ? others : { ...others, fields };
      assert.match(reasonsOf(signIn, open), new RegExp(`^rule 1: .*${reason.source}`));
      const facts = { now: FROM, account: bob, ...context };
      assert.equal((await judge(policyOf(open), attack, facts)).allowed, true, 'the open rule has to allow the attack');
      assert.equal((await judge(withSum, attack, facts)).allowed, false, 'the closed rules have to refuse it');
    });
  }

  test('nor where the token would be the account itself', () => {
    const fields = { permitted: { fields: { ...permitted, token: { in: ['account'] } } }, nonce: { pace } };
    assert.match(reasonsOf(typed(permit2, types.transferFrom, fields)), /its permitted.token must be one address/);
  });

  test('nor under a policy that allows everything, or says so itself', () => {
    assert.deepEqual(budgetOf(builtinPolicies.any), { reasons: ['everything is allowed'] });
    const none = parsePolicy({ version: 1, sum: 'none', rules: [{ name: 'x', ...payRule }] });
    assert.deepEqual(budgetOf(none), { reasons: ['the policy says "sum": "none"'] });
    assert.match(describeBudget(none, FROM), /^No sum is bounded: .*\n {2}the policy says "sum": "none"$/);
    const { messages, any } = builtinPolicies;
    assert.match(
      describeBudget(messages, FROM),
      /^No sum is bounded: .*\n {2}messages: the rule needs prefixes .*\n {2}typed data: the rule needs one type that is known here, in full: .*\n {2}transactions: it has no pace$/s,
    );
    assert.match(describeBudget(any, FROM), /^No sum is bounded: .*\n {2}everything is allowed$/);
    const { pace: _, ...endless } = payRule;
    assert.match(describeBudget(policyOf(endless), FROM), /^No sum is bounded: .*\n {2}rule 0: it has no pace$/);
  });
});

describe('whatever is signed', () => {
  const small = (min: number, max: number) => fc.integer({ min, max });
  const paces = fc
    .record({ first: small(0, 2), count: small(1, 3), every: small(1, 5), from: small(0, 9), more: small(0, 6) })
    .map(({ first, count, every, from, more }) => ({
      first: `${first}`,
      count: `${count}`,
      every: `${every}`,
      from: `${from}`,
      total: `${count + more}`,
    }));
  const policies = fc
    .record({
      account: paces,
      permits: paces,
      gifts: paces,
      caps: fc.tuple(small(0, 9), small(0, 9), small(0, 9), small(0, 9)),
    })
    .map(({ account, permits, gifts, caps: [pay, send, permit, give] }) =>
      policyOf(
        { ...payRule, to: 'any', maxValue: `${pay}`, maxFee: '3', pace: account },
        {
          ...tokenRule,
          maxFee: '5',
          pace: account,
          calls: [{ ...transferCall, args: { amount: { max: `${send}` } } }],
        },
        typed(token, types.permit, { value: { max: `${permit}` }, nonce: { pace: permits } }),
        typed(token, types.transfer, { value: { max: `${give}` }, nonce: { pace: gifts } }),
        typed(token, types.receive, { value: { in: ['0', '4'] }, nonce: { pace: gifts } }),
      ),
    );
  const tries = fc.record({
    kind: fc.constantFrom('pay', 'send', 'permit', 'give', 'take'),
    nonce: small(0, 11),
    amount: small(0, 9),
    fee: small(0, 6),
    now: small(0, 40),
  });

  function intentOf({
    kind,
    nonce,
    amount,
    fee,
  }: {
    kind: string;
    nonce: number;
    amount: number;
    fee: number;
  }): Intent {
    const paid = { nonce, gas: BigInt(fee), maxFeePerGas: 1n, maxPriorityFeePerGas: 1n };
    const value = String(amount);
    const domain = { chainId: '1', verifyingContract: token };
    if (kind === 'pay') return pay({ ...paid, value: BigInt(amount) });
    if (kind === 'send') return pay({ ...paid, to: token, value: 0n, data: transfer(mallory, BigInt(amount)) });
    if (kind === 'permit') return typedOf(types.permit, { value, nonce: String(nonce) }, domain);
    const type = kind === 'give' ? types.transfer : types.receive;
    return typedOf(type, { value, nonce: toHex(nonce, { size: 32 }) }, domain);
  }

  test('no sequence of signatures and clocks moves more than the sum', async () => {
    let reached = 0;
    await fc.assert(
      fc.asyncProperty(
        policies,
        fc.array(tries, { minLength: 1, maxLength: 500, size: 'max' }),
        async (policy, list) => {
          // What each number moves at most: a chain takes it once, and the attacker chooses which of its signatures.
          const coins = new Map<string, number>();
          const units = new Map<string, number>();
          const count = (of: Map<string, number>, key: string, amount: number) =>
            of.set(key, Math.max(of.get(key) ?? 0, amount));
          let latest = 0;
          for (const one of list) {
            latest = Math.max(latest, one.now);
            if (!(await judge(policy, intentOf(one), { now: one.now })).allowed) continue;
            const isTransaction = one.kind === 'pay' || one.kind === 'send';
            const sequence = isTransaction ? 'account' : one.kind === 'permit' ? 'permits' : 'gifts';
            if (isTransaction) count(coins, `${one.nonce}`, one.fee + (one.kind === 'pay' ? one.amount : 0));
            if (one.kind !== 'pay') count(units, `${sequence} ${one.nonce}`, one.amount);
          }
          const total = (of: Map<string, number>) => BigInt([...of.values()].reduce((sum, amount) => sum + amount, 0));
          for (const one of assetsOf(policy)) {
            const moved = total(one.asset.token === undefined ? coins : units);
            assert.ok(moved <= sumBy(one, BigInt(latest)), `${moved} > ${sumBy(one, BigInt(latest))}`);
            assert.ok(sumBy(one, BigInt(latest)) <= sumOfAll(one));
            reached += Number(moved > 0n && 2n * moved >= sumBy(one, BigInt(latest)));
          }
        },
      ),
      { numRuns: 60, seed: 8 },
    );
    assert.ok(reached > 30, `${reached}`); // it is not far above what can be moved
  });
});

describe('paces that contradict each other', () => {
  const other = { ...pace, first: '100' };
  const { pace: _, ...unpaced } = payRule;
  const kept = { ...pace, keep: String(2 * DAY) };
  const refused: { [what: string]: readonly [RegExp, ...object[]] } = {
    'two paces of one account': [
      /has another pace for the account's nonces on chain 1/,
      payRule,
      { ...tokenRule, pace: other },
    ],
    'a rule without a pace beside one': [/has no pace for the account's nonces on chain 1/, payRule, unpaced],
    'a rule for any chain': [/has no pace/, payRule, { ...unpaced, chains: 'any' }],
    'an authorization without a pace': [
      /has no pace/,
      payRule,
      { kind: 'authorization', chains: ['1'], delegates: [alice] },
    ],
    'an authorization for every chain': [
      /has no pace/,
      payRule,
      { kind: 'authorization', chains: ['0'], delegates: [alice] },
    ],
    'two paces of one token': [
      /another pace for permits/,
      permitRule,
      typed(token, types.permit, { ...permitFields, nonce: { pace: other } }),
    ],
    'an authorization to receive beside one to transfer': [
      /has no pace for authorizations/,
      giveRule,
      typed(token, types.receive, { value: { max: '5' } }),
    ],
    'any typed data beside a permit': [
      /has no pace for permits/,
      permitRule,
      { kind: 'typedData', domains: 'any', types: 'any' },
    ],
    'permits by their name': [
      /has no pace for permits/,
      permitRule,
      { ...permitRule, types: ['Permit'], fields: undefined },
    ],
    'a batch beside a transfer': [
      /another pace for signature transfers/,
      transferFromRule,
      typed(permit2, types.batch, { ...batchFields, nonce: { pace: other } }),
    ],
    'two paces of one allowance': [
      /another pace for allowances/,
      allowanceRule,
      typed(permit2, types.allowance, {
        ...allowanceFields,
        details: { fields: { ...details, nonce: { pace: other } } },
      }),
    ],
    'an allowance for any spender': [
      /spender must be one value/,
      typed(permit2, types.allowance, { details: { fields: details } }),
    ],
    'an allowance of any token': [
      /details.token must be one value/,
      typed(permit2, types.allowance, {
        ...allowanceFields,
        details: { fields: { ...details, token: { in: [token, alice] } } },
      }),
    ],
    'permits that expire': [
      /keep: the contract takes the numbers in order/,
      typed(token, types.permit, { ...permitFields, deadline: { within: '60' }, nonce: { pace: kept } }),
    ],
    'authorizations that can be used later': [
      /keep: needs {"within": seconds} on validBefore/,
      typed(token, types.transfer, { ...giveFields, validBefore: { max: '9' }, nonce: { pace: kept } }),
    ],
    'transfers that can be used later': [
      /on deadline/,
      typed(permit2, types.transferFrom, { permitted: { fields: permitted }, nonce: { pace: kept } }),
    ],
  };
  const rulesOf = (rules: readonly object[]) =>
    rules.map((rule, i) => {
      const { fields, ...others } = rule as { fields?: object };
      return { name: `rule ${i}`, ...others, ...(fields && { fields }) };
    });
  for (const [what, [reason, ...rules]] of Object.entries(refused)) {
    test(`a policy is refused with ${what}`, () => {
      for (const order of [rules, rules.toReversed()]) {
        const policy = parsePolicy({ version: 1, rules: rulesOf(order) });
        assert.throws(
          () => checkPaces(policy),
          (error) => error instanceof InputError && (reason.test(error.message) || assert.fail(error.message)),
        );
        const none = parsePolicy({ version: 1, sum: 'none', rules: rulesOf(order) });
        assert.match('reasons' in budgetOf(policy) ? 'no sum' : 'a sum', /no sum/);
        if (rules.length > 1) checkPaces(none);
        else assert.throws(() => checkPaces(none), InputError);
      }
    });
  }

  test('a policy is not refused for rules that use other numbers', () => {
    const elsewhere = { ...payRule, chains: ['10'], pace: other };
    const second = typed(permit2, types.allowance, {
      details: { fields: { ...details, nonce: { pace: other } } },
      spender: { in: [bob] },
    });
    checkPaces(
      policyOf(
        payRule,
        elsewhere,
        { ...unpaced, chains: ['137'] },
        permitRule,
        giveRule,
        allowanceRule,
        second,
        signIn,
      ),
    );
    checkPaces(policyOf(unpaced, { ...unpaced, chains: 'any' }));
    checkPaces(policyOf(typed(token, types.transfer, { ...giveFields, nonce: { pace: kept } })));
  });

  test('no action is built with such a policy, and no file with one is read', async () => {
    const policy = policyOf(payRule, unpaced);
    await assert.rejects(buildCosigner(policy), /another|has no pace for the account's nonces on chain 1/);
  });
});
