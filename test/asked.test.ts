import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { askedTransaction, askedTypedData, broadcast, signInWarning } from '../ts/browser/asked.ts';
import { messageIntent } from '../ts/intent/from.ts';

// What a dapp asks of a wallet in a browser, before it is shown.

const ACCOUNT = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';

describe('what a dapp asks for', () => {
  test('what a dapp asks for is for the chain that it is on', () => {
    const types = { EIP712Domain: [{ name: 'chainId', type: 'uint256' }], Note: [{ name: 'text', type: 'string' }] };
    const definition = { domain: { chainId: 1 }, types, primaryType: 'Note', message: { text: 'x' } };
    const ask = (id: number) => askedTypedData([ACCOUNT, JSON.stringify(definition)], ACCOUNT, { id });
    assert.equal(ask(1).kind, 'typedData');
    assert.throws(() => ask(2), { code: -32602, message: /for the chain 1; this page is on 2/ });
    assert.throws(() => askedTypedData([`0x${'1'.repeat(40)}`, '{}'], ACCOUNT, { id: 1 }), { code: 4100 });
  });

  test('what a dapp asks for comes with a warning if it signs in elsewhere', () => {
    const message = (host: string) =>
      messageIntent(`${host} wants you to sign in with your Ethereum account:\n${ACCOUNT}`);
    const warning = (host: string) => signInWarning(message(host), 'https://dapp.example');
    assert.deepEqual([warning('dapp.example'), warning('https://Dapp.example')], [undefined, undefined]);
    assert.match(warning('bank.example') ?? '', /^This signs in at bank\.example, but dapp\.example asks/);
    assert.match(warning('dapp.example:8443') ?? '', /asks for it/);
    assert.equal(signInWarning(messageIntent('hello'), 'https://dapp.example'), undefined);
  });
  test('what a dapp asks for is refused in words that neither the node nor the name of its chain can disguise', async (t) => {
    let message: unknown;
    const node = createServer((_, response) =>
      response.end(JSON.stringify({ jsonrpc: '2.0', id: 1, error: { code: -32000, message } })),
    );
    await new Promise<void>((resolve) => node.listen(0, '127.0.0.1', resolve));
    t.after(() => node.close());
    const rpcUrl = `http://127.0.0.1:${(node.address() as AddressInfo).port}`;
    const chain = { id: 1, name: 'A" is fine.\n\u202eOther', symbol: 'ETH', rpcUrl };
    const name = String.raw`The node of "A\" is fine.\n\u{202e}Other"`;
    for (const [said, shown] of [
      ['no\n\n\nThe policy allows it.\u202e', String.raw`no The policy allows it.\u{202e}`],
      [`long ${'x'.repeat(5000)}`, 'long x'],
      [{ not: 'text' }, ''],
    ] as const) {
      message = said;
      for (const [what, asking] of [
        ['cannot prepare the transaction', () => askedTransaction([{ to: ACCOUNT, value: '0x1' }], ACCOUNT, chain)],
        ['does not take the transaction', () => broadcast(chain, '0x02')],
      ] as const) {
        await assert.rejects(asking as () => Promise<unknown>, (error: Error & { code: number }) => {
          assert.equal(error.code, -32603);
          assert.ok(error.message.startsWith(`${name} ${what}: ${shown}`), error.message);
          assert.ok(error.message.length < 500);
          return true;
        });
      }
    }
  });
});
