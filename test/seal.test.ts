import assert from 'node:assert/strict';
import { randomBytes, webcrypto } from 'node:crypto';
import { describe, test } from 'node:test';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import type { Address, Hex } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { sign } from '../actions/cosigner/dkls18.ts';
import { recoverSigner } from '../actions/ecrecover/recover.ts';
import { PublicRefusal } from '../actions/template/action.ts';
import { currentHost, type Host } from '../actions/template/host.ts';
import { type SealHeader, seal, unseal } from '../actions/template/seal.ts';
import { fromBase64, fromHex, toBase64 } from '../ts/core/bytes.ts';
import { decodeCbor, encodeCbor } from '../ts/core/cbor.ts';
import { startModule } from '../ts/core/module.ts';
import { loadGlue, loadModule, loadTandem } from '../ts/core/node.ts';
import { intentJson, parseIntent } from '../ts/intent/intent.ts';
import { builtinPolicies } from '../ts/policy/builtin.ts';
import { approvalText } from '../ts/policy/judge.ts';
import { parsePolicy } from '../ts/policy/policy.ts';

const WALLET = `0x${'ab'.repeat(20)}` as const;
const OTHER = `0x${'cd'.repeat(20)}` as const;

/** A host whose outer encryption protects nothing: what the seal promises must come from inside. */
function weakHost(actionKey = randomBytes(32)) {
  const calls: string[] = [];
  const host: Host = {
    encrypt: async (_, message) => {
      calls.push('encrypt');
      return message;
    },
    decrypt: async (_, ciphertext) => {
      calls.push('decrypt');
      return ciphertext;
    },
    hasSecret: true,
    actionKey: async () => {
      calls.push('actionKey');
      return new Uint8Array(actionKey);
    },
    actionPublicKey: async () => assert.fail('no other action is asked for'),
  };
  return { host, calls };
}

const header: SealHeader = { purpose: 'share', wallet: WALLET, keyId: new Uint8Array(32).fill(7), epoch: 3 };
const secret = () => new TextEncoder().encode('a secret');

describe('a host of Lit', () => {
  test('gives the public key of an action in 33 bytes or in 65, as the one point that it is', async () => {
    const secret = randomBytes(32);
    const [short, long] = [true, false].map((isCompressed) => secp256k1.getPublicKey(secret, isCompressed));
    const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex');
    const asked = async (given: string) => {
      const none = async () => '';
      const getLitActionPublicKey = async () => given;
      const Actions = { Encrypt: none, Decrypt: none, getLitActionPrivateKey: none, getLitActionPublicKey };
      Object.assign(globalThis, { Lit: { Actions } }); // as the newest hosts have it: no Lit.Auth
      try {
        return hex(await currentHost().actionPublicKey('Qm'));
      } finally {
        Reflect.deleteProperty(globalThis, 'Lit');
      }
    };
    for (const form of [short, long]) assert.equal(await asked(`0x${hex(form)}`), hex(short));
    for (const odd of ['0x', `0x${hex(long).slice(2)}`, `0x05${hex(long).slice(2)}`]) {
      await assert.rejects(asked(odd), /gave no public key/);
    }
  });
});

describe('a sealed secret', () => {
  test('a sealed secret opens for the same action, purpose and wallet, with its header', async () => {
    const { host } = weakHost();
    const sealed = await seal(host, header, secret());
    const opened = await unseal(host, header, sealed);
    assert.deepEqual(opened.secret, secret());
    assert.deepEqual(opened.header, header);
    const bare = await seal(host, { purpose: 'session', wallet: WALLET, epoch: 0 }, secret());
    assert.deepEqual((await unseal(host, { purpose: 'session', wallet: WALLET }, bare)).header, {
      purpose: 'session',
      wallet: WALLET,
      epoch: 0,
    });
  });

  test('a sealed secret does not open for another action, wallet or purpose', async () => {
    const { host } = weakHost();
    const sealed = await seal(host, header, secret());
    await assert.rejects(unseal(weakHost().host, header, sealed));
    await assert.rejects(unseal(host, { ...header, wallet: OTHER }, sealed));
    await assert.rejects(unseal(host, { ...header, purpose: 'session' }, sealed));
  });

  test('a sealed secret does not open if a byte of it, or anything in its header, is another', async () => {
    const { host } = weakHost();
    const sealed = fromBase64(await seal(host, header, secret()));
    for (let at = 0; at < sealed.length; at++) {
      const altered = sealed.slice();
      altered[at] = (altered[at] ?? 0) ^ 1;
      await assert.rejects(unseal(host, header, toBase64(altered)), `byte ${at}`);
    }
    for (const length of [0, 1, sealed.length - 1]) {
      await assert.rejects(unseal(host, header, toBase64(sealed.subarray(0, length))));
    }
    const [, salt, ciphertext] = decodeCbor(sealed) as Uint8Array[];
    for (const change of [{ epoch: 4 }, { keyId: new Uint8Array(32) }, { wallet: fromHex(OTHER) }, { purpose: 'x' }]) {
      const fields = { version: 1, ...header, wallet: fromHex(WALLET), ...change };
      const forged = toBase64(encodeCbor([encodeCbor(fields), salt, ciphertext]));
      const expected = { purpose: String(fields.purpose), wallet: 'wallet' in change ? OTHER : WALLET };
      await assert.rejects(unseal(host, expected, forged), { name: 'OperationError' });
    }
  });

  test('a sealed secret never shares a key and nonce with another, even if the random source repeats itself', async (context) => {
    const { host } = weakHost();
    context.mock.method(webcrypto, 'getRandomValues', (bytes: Uint8Array) => bytes.fill(9));
    const salt = async (of: SealHeader, text: string) => {
      const parts = decodeCbor(fromBase64(await seal(host, of, new TextEncoder().encode(text)))) as Uint8Array[];
      return Buffer.from(parts[1] ?? []).toString('hex');
    };
    const salts = [await salt(header, 'a'), await salt(header, 'b'), await salt({ ...header, epoch: 4 }, 'a')];
    assert.equal(new Set(salts).size, 3);
    assert.equal(await salt(header, 'a'), salts[0], 'the random source was not the one replaced');
  });
});

/** As the action does, with go-ethereum's code. */
async function recover(digest: Hex, signature: Hex): Promise<string> {
  const call = await startModule(await loadModule('ecrecover'), await loadGlue());
  return recoverSigner(call, digest, signature);
}

describe('what is public is checked before any key is asked for', () => {
  const request = {
    op: 'sign' as const,
    wallet: WALLET,
    share: 'x',
    intent: JSON.stringify({ kind: 'digest', digest: `0x${'00'.repeat(32)}` }),
    request: new Uint8Array(1),
    path: 'm',
  };
  const parts = { policyHash: new Uint8Array(32), minEpoch: 0, start: loadTandem, recover };

  test('a policy refusal asks for no key of the host', async () => {
    const { host, calls } = weakHost();
    const context = { host, policy: builtinPolicies.messages, ...parts };
    await assert.rejects(sign(context, request), (error) => error instanceof PublicRefusal && error.code === 'policy');
    assert.deepEqual(calls, []);
  });

  test('a missing or wrong approval asks for no key of the host', async () => {
    const { host, calls } = weakHost();
    const guardian = privateKeyToAccount(`0x${'77'.repeat(32)}`);
    const policyOf = (rule: object) =>
      parsePolicy({
        version: 1,
        rules: [{ name: 'all', kind: 'message', prefixes: 'any', guardian: guardian.address, ...rule }],
      });
    const policy = policyOf({});
    const context = { host, policy, ...parts };
    const intent = parseIntent({ kind: 'message', message: 'x' });
    const approve = (of = policy, account: Address = WALLET, what = intent, by = guardian) =>
      by.signMessage({ message: approvalText(of, account, what) });
    const asked = { ...request, intent: intentJson(intent), account: WALLET };
    const approval = await approve();
    const other = privateKeyToAccount(`0x${'78'.repeat(32)}`);
    for (const [name, extra] of Object.entries({
      missing: {},
      'without an account': { account: undefined, approval },
      'no signature': { approval: `0x${'11'.repeat(65)}` },
      'too long': { approval: `${approval}00` },
      'of another person': { approval: await approve(policy, WALLET, intent, other) },
      'for another intent': { approval: await approve(policy, WALLET, parseIntent({ kind: 'message', message: 'y' })) },
      'for another account': { approval: await approve(policy, OTHER) },
      'for another policy': { approval: await approve(policyOf({ notBefore: '1' })) },
    })) {
      await assert.rejects(sign(context, { ...asked, ...extra }), /^Error: the rule all: .*(approval|signature)/, name);
    }
    assert.deepEqual(calls, []);
    await assert.rejects(sign(context, { ...asked, approval }), (error) => !(error instanceof PublicRefusal));
    assert.deepEqual(calls, ['decrypt'], 'approved, so the share was asked for');
  });

  test('a blob for another wallet or purpose gets to the outer key of the host only', async () => {
    const { host, calls } = weakHost();
    const context = { host, policy: builtinPolicies.any, ...parts };
    const session = await seal(host, { purpose: 'session', wallet: WALLET, epoch: 0 }, secret());
    const foreign = await seal(host, { ...header, wallet: OTHER }, secret());
    for (const share of [session, foreign, 'x']) {
      calls.length = 0;
      await assert.rejects(sign(context, { ...request, share }));
      assert.deepEqual(calls, ['decrypt']);
    }
  });
});

describe('base64', () => {
  test('base64 is read in its one canonical form only', () => {
    for (const length of [0, 1, 2, 3, 4, 9000]) {
      const bytes = new Uint8Array(randomBytes(length));
      assert.equal(toBase64(bytes), Buffer.from(bytes).toString('base64'));
      assert.deepEqual(fromBase64(toBase64(bytes)), bytes);
    }
    for (const text of ['A', 'AA', 'AA=', 'AB==', 'AAB=', 'AA==\n', ' AA==', 'AA==AA==', 'A-==', '====', 'AAAA=']) {
      assert.throws(() => fromBase64(text), text);
    }
  });
});
