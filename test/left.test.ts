import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PublicClient } from 'viem';
import { makePolicy } from '../ts/index.ts';
import { budgetLeft } from '../ts/mcp/left.ts';

const TOKEN = `0x${'1'.repeat(40)}`;
const ACCOUNT = `0x${'2'.repeat(40)}` as const;

test('what is left at most counts every number that is not used, also between those that are', async () => {
  const now = 1_800_000_000;
  const leftOf = async (count: number, used: readonly number[]) => {
    const given = { token: TOKEN, chain: '1', 'per-day': String(count), 'per-payment': '1', days: '1' };
    const policy = makePolicy('x402', { ...given, 'token-name': 'Token', 'token-version': '1' }, now);
    const multicall = async ({ contracts }: { contracts: { args: [string, string] }[] }) =>
      contracts.map(({ args }) => used.includes(Number(args[1])));
    const clients = new Map([['1', { multicall } as unknown as PublicClient]]);
    const { assets } = (await budgetLeft({ policy, clients, account: ACCOUNT, now })) as { assets: { left: string }[] };
    return assets[0]?.left;
  };
  assert.equal(await leftOf(12, []), '12');
  assert.equal(await leftOf(12, [0, 1, 3]), '9');
  assert.equal(await leftOf(12, [11]), '11');
  assert.equal(await leftOf(40, [...Array(40).keys()]), '0');
  // Of many, those that are not asked for count as unused.
  assert.equal(await leftOf(1000, [0, 255, 256]), '998');
});
