// What a rule may ask for besides the intent: the approval of a guardian, reads of a chain.
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { encodeFunctionData, type Hex, pad, parseAbi, recoverAddress } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { approvalText } from '../ts/policy/judge.ts';
import type { Fetch } from '../ts/policy/reads.ts';
import { alice, allows, bob, pay, payRule, policyOf, refuses, token, verdict } from './support/policies.ts';

describe('a guardian', () => {
  const guardian = privateKeyToAccount(`0x${'77'.repeat(32)}`);
  const rule = { ...payRule, guardian: guardian.address };
  const recover = (hash: Hex, signature: Hex) => recoverAddress({ hash, signature });
  const sign = (text: string) => guardian.signMessage({ message: text });

  test('a guardian approves of one intent for one account under one policy', async () => {
    const policy = policyOf(rule);
    const approval = await sign(approvalText(policy, bob, pay()));
    await allows(rule, pay(), { account: bob, approval, recover });
    await allows(rule, pay(), { account: bob.toLowerCase(), approval, recover });
    await refuses(rule, pay({ nonce: 1 }), /not of the guardian/, { account: bob, approval, recover });
    await refuses(rule, pay(), /not of the guardian/, { account: alice, approval, recover });
    await refuses({ ...rule, maxValue: '9' }, pay(), /not of the guardian/, { account: bob, approval, recover });
    await refuses(rule, pay({ to: bob }), /^the recipient/, { account: bob, approval, recover });
  });

  test('the approval of the guardian is needed: a missing, malformed or foreign approval refuses', async () => {
    const policy = policyOf(rule);
    const text = approvalText(policy, bob, pay());
    const approval = await sign(text);
    const other = await privateKeyToAccount(`0x${'78'.repeat(32)}`).signMessage({ message: text });
    await refuses(rule, pay(), /^the approval of the guardian .* is missing/, { account: bob, recover });
    await refuses(rule, pay(), /not of the guardian/, { account: bob, approval: other, recover });
    await refuses(rule, pay(), /65 bytes/, { account: bob, approval: approval.slice(0, -2), recover });
    await refuses(rule, pay(), /65 bytes/, { account: bob, approval: `${approval}00`, recover });
    await refuses(rule, pay(), /^a check failed/, { account: bob, approval: `0x${'00'.repeat(65)}`, recover });
    await refuses(rule, pay(), /cannot be checked here/, { account: bob, approval });
    await refuses(rule, pay(), /cannot be checked here/, { approval, recover });
    await refuses(rule, pay(), /cannot be checked here/, { account: 'bob', approval, recover });
    await refuses(rule, pay(), /^a check failed/, {
      account: bob,
      approval,
      recover: () => undefined as unknown as string,
    });
  });
});

describe('reads of a chain', () => {
  let server: Server;
  let url: string;
  let answer: (request: { method: string; params: unknown[] }) => { status?: number; body: string; delay?: number };
  const seen: { method: string; params: unknown[] }[] = [];
  before(async () => {
    server = createServer(async (request, response) => {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      const body = JSON.parse(Buffer.concat(parts).toString());
      seen.push(body);
      const { status = 200, body: text, delay = 0 } = answer(body);
      setTimeout(() => response.writeHead(status, { location: '/elsewhere' }).end(text), delay).unref();
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const result = (value: unknown) => () => ({ body: JSON.stringify({ jsonrpc: '2.0', id: 1, result: value }) });
  const balance = () => ({ ...payRule, reads: [{ url, balanceOf: 'account', min: '10', max: '20' }] });
  const context = { fetch, account: bob };

  test('a read of a balance has to be within its bounds', async () => {
    answer = result('0xa');
    await allows(balance(), pay(), context);
    assert.deepEqual(seen.at(-1), {
      jsonrpc: '2.0',
      id: 1,
      method: 'eth_getBalance',
      params: [bob.toLowerCase(), 'latest'],
    });
    answer = result('0x9');
    await refuses(balance(), pay(), /^the balance is 9, below 10/, context);
    answer = result('0x15');
    await refuses(balance(), pay(), /^the balance is 21, above 20/, context);
  });

  test('a read of a call has to be within its bounds', async () => {
    const call = { to: token, function: 'allowance(address owner,address spender)', args: ['account', alice] };
    const rule = { ...payRule, reads: [{ url, call, max: '7' }] };
    answer = result(pad('0x07'));
    await allows(rule, pay(), context);
    const data = encodeFunctionData({ abi: parseAbi(['function allowance(address,address)']), args: [bob, alice] });
    assert.deepEqual(seen.at(-1)?.params, [{ to: token.toLowerCase(), data }, 'latest']);
    answer = result(pad('0x08'));
    await refuses(rule, pay(), /^allowance of 0x70{0}.* is 8, above 7/, context);
    for (const wrong of ['0x', '0x7', `${pad('0x07')}00`]) {
      answer = result(wrong);
      await refuses(rule, pay(), /could not be read: the answer is not a number/, context);
    }
  });

  test('a read that fails refuses, and shows nothing of what the server says', async () => {
    const failures: [string, () => { status?: number; body: string; delay?: number }, RegExp][] = [
      ['not a number', result('lots'), /the answer is not a number/],
      ['a JSON number', result(15), /the answer is not a number/],
      ['null', result(null), /the answer is not a number/],
      ['negative', result('-0xf'), /the answer is not a number/],
      ['more than 256 bits', result(`0x${'f'.repeat(65)}`), /the answer is not a number/],
      ['an error', () => ({ body: '{"jsonrpc":"2.0","id":1,"error":{"message":"SECRET"}}' }), /reports an error$/],
      ['an error beside a result', () => ({ body: '{"id":1,"error":{},"result":"0xf"}' }), /reports an error$/],
      ['a list', () => ({ body: '[{"result":"0xf"}]' }), /reports an error$/],
      ['no JSON', () => ({ body: '<html>SECRET' }), /not JSON$/],
      ['nothing', () => ({ body: '' }), /not JSON$/],
      ['status 500', () => ({ status: 500, body: '{"result":"0xf"}' }), /HTTP status 500$/],
      ['a redirect', () => ({ status: 307, body: '' }), /no connection$/],
      ['a long answer', () => ({ body: `{"result":"0xf","x":"${'a'.repeat(20_000)}"}` }), /more than 16384/],
    ];
    for (const [what, reply, reason] of failures) {
      answer = reply;
      const refused = await verdict(balance(), pay(), context);
      assert.ok(!refused.allowed, what);
      assert.match(refused.reason, reason);
      assert.doesNotMatch(refused.reason, /SECRET/, what);
    }
    await refuses(balance(), pay(), /^the balance cannot be read here/);
    await refuses(balance(), pay(), /the account is not known/, { fetch });
    const closed = { ...payRule, reads: [{ url: 'http://127.0.0.1:1/', balanceOf: alice, min: '0' }] };
    await refuses(closed, pay(), /no connection$/, { fetch });
  });

  test('a read ends after its time, even if fetch does not', async () => {
    const rule = { ...payRule, reads: [{ url, balanceOf: alice, min: '0', timeoutMs: '50' }] };
    const start = performance.now();
    answer = () => ({ body: '{"result":"0xf"}', delay: 60_000 });
    await refuses(rule, pay(), /no answer within 50 ms|no connection/, { fetch });
    const never: Fetch = () => new Promise(() => {});
    await refuses(rule, pay(), /no answer within 50 ms/, { fetch: never });
    const stalling: Fetch = async () => new Response(new ReadableStream({}));
    await refuses(rule, pay(), /no answer within 50 ms/, { fetch: stalling });
    assert.ok(performance.now() - start < 30_000);
  });

  test('reads are made only when all else fits', async () => {
    const before = seen.length;
    await refuses(balance(), pay({ value: 11n }), /^the value/, context);
    await refuses({ ...balance(), notAfter: '1' }, pay(), /^not valid after/, context);
    await refuses({ ...balance(), guardian: alice }, pay(), /^the approval of the guardian/, context);
    assert.equal(seen.length, before);
  });
});
