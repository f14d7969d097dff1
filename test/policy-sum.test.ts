// Sums over lists, and calls within calls.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Abi, encodeFunctionData, type Hex, parseAbi } from 'viem';
import { describePolicy } from '../ts/policy/describe.ts';
import { alice, allows, bob, mallory, pay, payRule, policyOf, refuses, token, transfer } from './support/policies.ts';

const calling = (signature: string, args: object) => ({ ...payRule, calls: [{ function: signature, args }] });
const call = (signature: string, ...args: readonly unknown[]) =>
  pay({ data: encodeFunctionData({ abi: parseAbi([`function ${signature}`] as string[]) as Abi, args }) });
const MAX = 2n ** 256n - 1n;

describe('a sum over a list', () => {
  const amounts = 'pay(uint256[] amounts,uint8[][] small)';
  const rule = calling(amounts, { amounts: { each: { max: '60' }, sum: { max: '100' } } });

  test('a sum over a list bounds it as a whole, each bounds its items', async () => {
    await allows(rule, call(amounts, [60n, 40n], []));
    await allows(rule, call(amounts, [], []));
    await refuses(rule, call(amounts, [60n, 41n], []), /^the sum of args.amounts is 101, above 100$/);
    await refuses(rule, call(amounts, [61n], []), /^args.amounts\[0\] is above 60$/);
    await allows(calling(amounts, { amounts: { sum: { max: '100' } } }), call(amounts, [100n], []));
  });

  test('a sum does not overflow', async () => {
    const alone = calling(amounts, { amounts: { sum: { max: '100' } } });
    for (const list of [
      [MAX, 1n],
      [2n ** 255n, 2n ** 255n],
      [MAX, MAX, 2n],
    ]) {
      await refuses(alone, call(amounts, list, []), /^the sum of args.amounts is \d{77,79}, above 100$/);
    }
    const most = calling(amounts, { amounts: { sum: { max: '9'.repeat(78) } } });
    await allows(most, call(amounts, [MAX, MAX], []));
  });

  test('a sum goes through lists of lists', async () => {
    const nested = calling(amounts, { small: { sum: { max: '500' } } });
    await allows(nested, call(amounts, [], [[250, 0], [], [250]]));
    await refuses(nested, call(amounts, [], [[250], [251]]), /^the sum of args.small is 501/);
  });

  test('the fields of structs have sums of their own', async () => {
    const batch = 'batch((address to,uint256 amount,(uint128 tip) more)[] payments)';
    const sums = { fields: { amount: { max: '10' }, more: { fields: { tip: { max: '3' } } } } };
    const each = { fields: { to: { in: [alice, bob] } } };
    const both = calling(batch, { payments: { each, sum: sums } });
    const of = (...items: [Hex, bigint, bigint][]) =>
      call(
        batch,
        items.map(([to, amount, tip]) => ({ to, amount, more: { tip } })),
      );
    await allows(both, of([alice, 5n, 1n], [bob, 5n, 2n]));
    await refuses(both, of([alice, 5n, 1n], [bob, 6n, 2n]), /^the sum of args.payments.amount is 11, above 10/);
    await refuses(both, of([alice, 5n, 1n], [bob, 5n, 3n]), /^the sum of args.payments.more.tip is 4, above 3/);
    await refuses(both, of([alice, 5n, 1n], [mallory, 5n, 1n]), /^args.payments\[1\].to is not in/);
    const words = describePolicy(policyOf(both));
    assert.match(words, /^ {4}each of payments.to is .*\n {4}the sum of payments.amount is at most 10\n/m);
    assert.match(words, /^ {4}the sum of payments.more.tip is at most 3$/m);
  });

  test('a sum is of unsigned numbers', () => {
    const wrong: [string, object, RegExp][] = [
      ['f(int256[] a)', { a: { sum: { max: '1' } } }, /a.sum: of no unsigned numbers/],
      ['f(address[] a)', { a: { sum: { max: '1' } } }, /a.sum: of no unsigned numbers/],
      ['f(bytes[] a)', { a: { sum: { max: '1' } } }, /a.sum: of no unsigned numbers/],
      ['f(uint8 a)', { a: { sum: { max: '1' } } }, /a.sum: does not fit the type/],
      ['f(uint8[] a)', { a: { sum: {} } }, /a.sum: needs max, and nothing else/],
      ['f(uint8[] a)', { a: { sum: { max: '-1' } } }, /rules/],
      ['f(uint8[] a)', { a: { sum: { fields: {} } } }, /a.sum: needs max/],
      ['f((uint8 x)[] a)', { a: { sum: { max: '1' } } }, /a.sum: needs fields/],
      ['f((uint8 x)[] a)', { a: { sum: { max: '1', fields: { x: { max: '1' } } } } }, /a.sum: needs fields/],
      ['f((uint8 x)[] a)', { a: { sum: { fields: {} } } }, /a.sum: says nothing/],
      ['f((uint8 x)[] a)', { a: { sum: { fields: { y: { max: '1' } } } } }, /a.sum.fields.y: no field/],
      ['f(bytes[] a)', { a: { sum: { fields: { amount: { max: '1' } } } } }, /a.sum: needs max/],
    ];
    for (const [signature, args, message] of wrong) assert.throws(() => policyOf(calling(signature, args)), message);
  });
});

describe('a call within a call', () => {
  const execute = 'execute((address to,uint256 value,bytes data)[] calls)';
  const inner = {
    function: 'transfer(address to,uint256 amount)',
    args: { to: { in: [alice] }, amount: { max: '60' } },
  };
  const each = { fields: { to: { in: [token] }, value: { in: ['0'] }, data: { call: inner } } };
  const rule = calling(execute, { calls: { each, sum: { fields: { data: { fields: { amount: { max: '100' } } } } } } });
  const of = (...datas: Hex[]) =>
    call(
      execute,
      datas.map((data) => ({ to: token, value: 0n, data })),
    );

  test('each call of a batch is decoded, and the batch is bounded as a whole', async () => {
    await allows(rule, of(transfer(alice, 60n), transfer(alice, 40n)));
    await refuses(
      rule,
      of(transfer(alice, 60n), transfer(alice, 41n)),
      /^the sum of args.calls.data.amount is 101, above 100$/,
    );
    await refuses(rule, of(transfer(alice, 61n)), /^args.calls\[0\].data.amount is above 60/);
    await refuses(rule, of(transfer(alice, 1n), transfer(mallory, 1n)), /^args.calls\[1\].data.to is not in the list/);
    const words = describePolicy(policyOf(rule));
    assert.match(words, /each of calls.data calls transfer\(address to,uint256 amount\)/);
    assert.match(words, /each of calls.data.amount is at most 60\n.*the sum of calls.data.amount is at most 100/s);
  });

  test('what is no exact call of the function is refused', async () => {
    const other = encodeFunctionData({ abi: parseAbi(['function approve(address,uint256)']), args: [alice, 1n] });
    for (const data of ['0x', '0xa9059c', other] as const) {
      await refuses(rule, of(data), /^args.calls\[0\].data is not a call of transfer\(address to,uint256 amount\)$/);
    }
    for (const data of ['0xa9059cbb', `${transfer(alice, 1n)}00`, transfer(alice, 1n).slice(0, -2)] as Hex[]) {
      await refuses(rule, of(data), /^args.calls\[0\].data is not the exact encoding of the arguments$/);
    }
  });

  test('a list of calls has sums too', async () => {
    const multicall = 'multicall(bytes[] calls)';
    const sum = { fields: { amount: { max: '100' } } };
    const many = calling(multicall, { calls: { each: { call: { function: inner.function } }, sum } });
    await allows(many, call(multicall, [transfer(mallory, 99n), transfer(bob, 1n)]));
    await refuses(many, call(multicall, [transfer(mallory, 99n), transfer(bob, 2n)]), /^the sum of args.calls.amount/);
    await refuses(many, call(multicall, [`${transfer(bob, 2n)}00`]), /^args.calls.amount is not a number/);
    assert.throws(() => policyOf(calling('f(bytes32 a)', { a: { call: inner } })), /a.call: does not fit/);
    assert.throws(() => policyOf(calling('f(bytes a)', { a: { call: { function: 'x' } } })), /a.call.function: no \(/);
  });
});
