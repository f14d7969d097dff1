// Rules for the data of transactions: methods and their arguments.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { encodeFunctionData, type Hex, pad } from 'viem';
import {
  abi,
  alice,
  allows,
  bob,
  callRule,
  mallory,
  pay,
  payRule,
  refuses,
  testRules,
  token,
  transfer,
} from './support/policies.ts';

const to = token;
const call = (name: string, args: readonly unknown[]) =>
  pay({
    to,
    value: 0n,
    data: encodeFunctionData({ abi, functionName: name, args } as Parameters<typeof encodeFunctionData>[0]),
  });
const calling = (signature: string, args: object | undefined) => ({
  ...callRule,
  calls: [{ function: signature, ...(args && { args }) }],
});
const transferTo = calling('transfer(address to,uint256 amount)', { to: { in: [alice] }, amount: { max: '5' } });
const batch = calling('batch((address to,uint256 amount)[] payments,bool strict)', {
  payments: { each: { fields: { to: { in: [alice, bob] }, amount: { min: '1', max: '9' } } } },
  strict: { in: [true] },
});
const swap = calling('swap((address tokenIn,address tokenOut,uint24 fee,int256 limit) params)', {
  params: { fields: { tokenOut: { in: [token] }, fee: { in: ['500', '3000'] }, limit: { min: '-5', max: '0' } } },
});
const note = calling('note(string text,bytes4 tag,bytes data)', {
  text: { in: ['hi'] },
  tag: { in: ['0x01020304'] },
  data: { in: ['0x'] },
});

testRules('calls', [
  ['no data', payRule, pay({ data: '0x' }), pay({ data: '0x00' }), /^data is not allowed/],
  [
    'any data',
    { ...payRule, calls: 'any' },
    pay({ data: '0x00' }),
    pay({ data: '0x00', to: mallory }),
    /^the recipient/,
  ],
  [
    'method',
    calling('transfer(address,uint256)', undefined),
    call('transfer', [mallory, 9n]),
    call('approve', [alice, 1n]),
    /^the method 0x095ea7b3/,
  ],
  [
    'method without arguments',
    calling('pause()', undefined),
    call('pause', []),
    call('transfer', [alice, 1n]),
    /^the method 0xa9059cbb/,
  ],
  ['method and no data', transferTo, call('transfer', [alice, 1n]), pay({ to, value: 0n }), /^a call without data/],
  [
    'address argument',
    transferTo,
    call('transfer', [alice, 5n]),
    call('transfer', [mallory, 5n]),
    /^args.to is not in the list/,
  ],
  [
    'number argument',
    transferTo,
    call('transfer', [alice, 5n]),
    call('transfer', [alice, 6n]),
    /^args.amount is above 5/,
  ],
  [
    'list argument',
    batch,
    call('batch', [
      [
        { to: alice, amount: 1n },
        { to: bob, amount: 9n },
      ],
      true,
    ]),
    call('batch', [
      [
        { to: alice, amount: 1n },
        { to: mallory, amount: 9n },
      ],
      true,
    ]),
    /^args.payments\[1\].to is not in/,
  ],
  [
    'list argument bounds',
    batch,
    call('batch', [[], true]),
    call('batch', [[{ to: alice, amount: 0n }], true]),
    /^args.payments\[0\].amount is below 1/,
  ],
  ['bool argument', batch, call('batch', [[], true]), call('batch', [[], false]), /^args.strict is not in/],
  [
    'tuple argument',
    swap,
    call('swap', [{ tokenIn: alice, tokenOut: token, fee: 500, limit: -5n }]),
    call('swap', [{ tokenIn: alice, tokenOut: alice, fee: 500, limit: 0n }]),
    /^args.params.tokenOut is not in/,
  ],
  [
    'small number argument',
    swap,
    call('swap', [{ tokenIn: alice, tokenOut: token, fee: 3000, limit: 0n }]),
    call('swap', [{ tokenIn: alice, tokenOut: token, fee: 3001, limit: 0n }]),
    /^args.params.fee is not in/,
  ],
  [
    'signed argument',
    swap,
    call('swap', [{ tokenIn: alice, tokenOut: token, fee: 500, limit: -1n }]),
    call('swap', [{ tokenIn: alice, tokenOut: token, fee: 500, limit: -6n }]),
    /^args.params.limit is below -5/,
  ],
  [
    'string argument',
    note,
    call('note', ['hi', '0x01020304', '0x']),
    call('note', ['hi ', '0x01020304', '0x']),
    /^args.text/,
  ],
  [
    'bytes4 argument',
    note,
    call('note', ['hi', '0x01020304', '0x']),
    call('note', ['hi', '0x01020305', '0x']),
    /^args.tag/,
  ],
  [
    'bytes argument',
    note,
    call('note', ['hi', '0x01020304', '0x']),
    call('note', ['hi', '0x01020304', '0x00']),
    /^args.data/,
  ],
]);

test('a rule with several calls of a method allows what one of them allows', async () => {
  const call = (to: Hex) => ({ function: 'transfer(address to,uint256 amount)', args: { to: { in: [to] } } });
  const rule = { ...callRule, calls: [call(alice), { function: 'pause()' }, call(bob)] };
  for (const to of [alice, bob]) await allows(rule, pay({ to: token, value: 0n, data: transfer(to, 1n) }));
  const other = pay({ to: token, value: 0n, data: transfer(mallory, 1n) });
  await refuses(rule, other, /^args.to is not in the list/);
});

describe('data of a call whose every argument is pinned', () => {
  const swapped = { tokenIn: alice, tokenOut: token, fee: 500, limit: -5n } as const;
  const pinned = (value: string | boolean) => ({ in: [value] });
  const cases: { [signature: string]: [data: Hex, args: object] } = {
    'swap((address tokenIn,address tokenOut,uint24 fee,int256 limit) params)': [
      encodeFunctionData({ abi, functionName: 'swap', args: [swapped] }),
      {
        params: {
          fields: { tokenIn: pinned(alice), tokenOut: pinned(token), fee: pinned('500'), limit: pinned('-5') },
        },
      },
    ],
    'note(string text,bytes4 tag,bytes data)': [
      encodeFunctionData({ abi, functionName: 'note', args: ['hié', '0x01020304', '0x0a'] }),
      { text: pinned('hié'), tag: pinned('0x01020304'), data: pinned('0x0a') },
    ],
    'batch((address to,uint256 amount)[] payments,bool strict)': [
      encodeFunctionData({ abi, functionName: 'batch', args: [[{ to: alice, amount: 1n }], true] }),
      { payments: { each: { fields: { to: pinned(alice), amount: pinned('1') } } }, strict: pinned(true) },
    ],
    'multicall(bytes[] calls)': [
      encodeFunctionData({ abi, functionName: 'multicall', args: [['0x01', '0x01']] }),
      { calls: { each: pinned('0x01') } },
    ],
  };

  /** Other data: a byte changed, cut, longer, and every word that may be an offset made to point to a copy at the end. */
  function others(data: Hex): Hex[] {
    const bytes = Buffer.from(data.slice(2), 'hex');
    const hex = (...parts: Uint8Array[]): Hex => `0x${Buffer.concat(parts).toString('hex')}`;
    const changed = [...bytes.keys()].flatMap((at) =>
      [0x01, 0x80, 0xff].map((mask) =>
        hex(bytes.subarray(0, at), Uint8Array.of((bytes[at] ?? 0) ^ mask), bytes.subarray(at + 1)),
      ),
    );
    const body = bytes.subarray(4);
    const moved = Array.from({ length: body.length / 32 }, (_, i) => {
      const word = Buffer.from(pad(`0x${body.length.toString(16)}`).slice(2), 'hex');
      return [0, 32 * i, 64].map((from) =>
        hex(bytes.subarray(0, 4), body.subarray(0, 32 * i), word, body.subarray(32 * i + 32), body.subarray(from)),
      );
    });
    const lengths = [4, 5, 36, bytes.length - 1, bytes.length - 32].map((end) => hex(bytes.subarray(0, end)));
    return [...changed, ...moved.flat(), ...lengths, `${data}00`, `${data}${'00'.repeat(32)}`];
  }

  for (const [signature, [data, args]] of Object.entries(cases)) {
    test(`data of a call whose every argument is pinned can be encoded in one way: ${signature}`, async () => {
      const rule = { ...callRule, calls: [{ function: signature, args }] };
      await allows(rule, pay({ to: token, value: 0n, data }));
      const all = others(data);
      assert.ok(all.length > 300);
      for (const other of all)
        await refuses(rule, pay({ to: token, value: 0n, data: other }), /exact encoding|^args\.|^the method/);
    });
  }
});
