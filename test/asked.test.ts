import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { askedTypedData, signInWarning } from '../ts/browser/asked.ts';
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
});
