import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { webauthn } from 'age-encryption';
import { makePasskey } from '../ts/browser/passkey.ts';
import { PasskeyError } from '../ts/errors.ts';

// What a page is told of passkeys, by a browser that is made up; test/chromium.test.ts has a real one.

/** A browser, and what it was asked. `capabilities` is what it tells before a passkey is made, if it tells anything. */
function browser(options: {
  capabilities?: object;
  isPrf?: boolean;
  response?: object;
  canSignal?: boolean;
  signal?: () => Promise<void>;
}) {
  const { capabilities, isPrf = true, canSignal = true, signal = async () => {} } = options;
  const { response = { getTransports: () => ['hybrid', 'internal'] } } = options;
  const asked: { created: CredentialCreationOptions[]; signalled: object[] } = { created: [], signalled: [] };
  const passkeys = {
    ...(capabilities && { getClientCapabilities: async () => capabilities }),
    ...(canSignal && {
      signalUnknownCredential: (which: object) => {
        asked.signalled.push(which);
        return signal();
      },
    }),
  };
  const credentials = {
    create: async (options: CredentialCreationOptions) => {
      asked.created.push(options);
      const getClientExtensionResults = () => ({ prf: { enabled: isPrf } });
      return { id: 'BwgJ', rawId: Uint8Array.of(7, 8, 9).buffer, response, getClientExtensionResults };
    },
  };
  const page = {
    isSecureContext: true,
    PublicKeyCredential: passkeys,
    location: { hostname: 'wallet.example' },
    navigator: { credentials },
    window: { origin: 'https://wallet.example' },
  };
  for (const [name, value] of Object.entries(page)) {
    Object.defineProperty(globalThis, name, { value, configurable: true });
  }
  return asked;
}

describe('a passkey', () => {
  test("a passkey is asked for and named as by age's own code", async () => {
    const asked = browser({ capabilities: { 'extension:prf': true } });
    assert.equal(await makePasskey('a wallet'), await webauthn.createCredential({ keyName: 'a wallet' }));
    const [ours, age] = asked.created.map(({ publicKey }) => {
      assert.ok(publicKey);
      const { challenge: _, rp, user, ...rest } = publicKey;
      assert.deepEqual((rest as { hints?: string[] }).hints ?? [], []);
      delete (rest as { hints?: string[] }).hints;
      assert.equal((user.id as Uint8Array).length, 8);
      return { ...rest, rp: rp.name, user: [user.name, user.displayName] };
    });
    assert.deepEqual(ours, age);
    assert.deepEqual(asked.signalled, []);
  });

  test('a passkey is not made where the browser tells before that none can encrypt', async () => {
    const asked = browser({ capabilities: { 'extension:prf': false } });
    await assert.rejects(makePasskey('a wallet'), /passkeys of this browser cannot encrypt.*choose a passphrase/s);
    assert.deepEqual(asked.created, []);
  });

  test('a passkey that cannot encrypt, as only itself tells, is taken back where the browser can', async () => {
    const which = { rpId: 'wallet.example', credentialId: 'BwgJ' };
    const failing = async () => {
      throw new DOMException('no', 'SecurityError');
    };
    for (const [options, signalled] of [
      [{ capabilities: {} }, [which]],
      [{ signal: failing }, [which]],
      [{ canSignal: false }, []],
    ] as const) {
      const asked = browser({ isPrf: false, ...options });
      await assert.rejects(makePasskey('wallet of today'), (error) => {
        assert.ok(error instanceof PasskeyError);
        assert.match(error.message, /cannot encrypt, so no wallet was made.*"wallet of today" is still.*remove it/s);
        return true;
      });
      assert.equal(asked.created.length, 1);
      assert.deepEqual(asked.signalled, signalled);
    }
  });

  test('a passkey whose transports the browser does not tell has none in its name', async () => {
    const asked = browser({ response: {} });
    const name = await makePasskey('a wallet');
    browser({ response: { getTransports: () => [] } });
    assert.equal(name, await webauthn.createCredential({ keyName: 'a wallet' }));
    assert.deepEqual(asked.signalled, []);
  });

  test('a passkey that cannot be named is taken back', async () => {
    const failing = () => {
      throw new DOMException('no', 'InvalidStateError');
    };
    const asked = browser({ response: { getTransports: failing } });
    await assert.rejects(makePasskey('a wallet'), (error) => {
      assert.ok(error instanceof PasskeyError);
      assert.match(error.message, /InvalidStateError/);
      return true;
    });
    assert.deepEqual(asked.signalled, [{ rpId: 'wallet.example', credentialId: 'BwgJ' }]);
  });
});
