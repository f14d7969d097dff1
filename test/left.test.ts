import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { encodeErrorResult, type Hex, type PublicClient, parseAbi } from 'viem';
import { readerOf } from '../ts/adapters/reader.ts';
import { areAuthorizationsUsed, isAuthorizationUsed } from '../ts/adapters/x402.ts';
import { makePolicy } from '../ts/index.ts';
import { budgetLeft } from '../ts/mcp/left.ts';

const TOKEN = `0x${'1'.repeat(40)}` as const;
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

test('a node that is asked what is used cannot have other URLs asked', async () => {
  const paths: (string | undefined)[] = [];
  let data: Hex = '0x';
  const server = createServer((request, response) => {
    paths.push(request.url);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ jsonrpc: '2.0', id: 0, error: { code: 3, message: 'execution reverted', data } }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  // EIP-3668
  data = encodeErrorResult({
    abi: parseAbi(['error OffchainLookup(address sender,string[] urls,bytes call,bytes4 callback,bytes extra)']),
    args: [TOKEN, [`${url}/elsewhere`], '0x', '0x00000000', '0x'],
  });
  const reader = readerOf(`${url}/node`);
  await assert.rejects(isAuthorizationUsed(reader, TOKEN, ACCOUNT, 0n));
  await assert.rejects(areAuthorizationsUsed(reader, TOKEN, ACCOUNT, [0n, 1n]));
  server.close();
  assert.deepEqual(new Set(paths), new Set(['/node']));
});
