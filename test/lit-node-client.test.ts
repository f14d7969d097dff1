import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { generateIdentity } from 'age-encryption';
import { recoverMessageAddress } from 'viem';
import { buildAction } from '../ts/build/action.ts';
import { buildCosigner } from '../ts/build/cosigner.ts';
import { createWallet } from '../ts/deal/keygen.ts';
import { PolicyError } from '../ts/errors.ts';
import { cidOf } from '../ts/protocol/cid.ts';
import { connectLitNodeClient } from '../ts/runtime/lit-node-client/connect.ts';
import { LitNodeClientRuntime } from '../ts/runtime/lit-node-client/runtime.ts';
import type { Action, Json } from '../ts/runtime/types.ts';
import { openWallet } from '../ts/signing/wallet.ts';
import { type FileStore, openStore } from '../ts/store/node.ts';
import { readAction, readWallet } from '../ts/store/store.ts';
import { OlderNetwork } from './support/older-network.ts';

let dir: string;
let store: FileStore;
let action: Action & { policy: string };
let address: string;
const network = new OlderNetwork();
const runtime = runtimeOn(network);

function runtimeOn(client: OlderNetwork, session = 'any') {
  return new LitNodeClientRuntime({ client, sessionSigs: async () => ({ session }) });
}

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tandem-older-'));
  const identity = await generateIdentity();
  store = openStore(join(dir, 'store'), async () => ({ identities: [identity] }));
  action = await buildCosigner('messages', 'lit-node-client');
  const made = await createWallet({ store, action: { runtime, ...action }, threshold: 2, parties: 3 });
  address = made.wallet.address;
});
after(() => rmSync(dir, { recursive: true, force: true }));

/** An action of a few lines, built for the older network. */
async function small(name: string, code: string): Promise<Action> {
  const folder = join(dir, name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'main.ts'), code);
  const wasm = join(dir, 'empty.wasm');
  writeFileSync(wasm, Buffer.from('0061736d01000000', 'hex'));
  return buildAction({ main: join(folder, 'main.ts'), wasm, host: 'lit-node-client' });
}

const host = JSON.stringify(join(import.meta.dirname, '../actions/template/host.ts'));

describe('on a network of the older generation', () => {
  test('on the older network: a key signs, and of all nodes one did it', async () => {
    const message = 'hello';
    const { signature } = await (await openWallet(store, { runtime })).signMessage(message);
    assert.equal(await recoverMessageAddress({ message, signature }), address);
    assert.equal(network.last.leaders, 1);
    assert.equal(network.last.responses.length, 3);
    assert.equal(new Set(network.last.responses).size, 1);
  });

  test('on the older network: the policy holds', async () => {
    const wallet = await openWallet(store, { runtime });
    await assert.rejects(wallet.signDigest(`0x${'12'.repeat(32)}`), PolicyError);
  });

  test('on the older network: parameters arrive as globals too', async () => {
    const echo = await small('echo', 'export const main = async (params: unknown) => params;');
    for (const style of ['globals', 'jsParams'] as const) {
      assert.deepEqual(await runtimeOn(new OlderNetwork({ style })).run(echo, { a: [1] }), { a: [1] });
    }
  });

  test('on the older network: an action that is not for it finds no agreement, or does not answer', async () => {
    const source = 'Lit.Actions.setResponse({ response: JSON.stringify(crypto.randomUUID()) })';
    await assert.rejects(runtime.run({ source, cid: cidOf(source) }, null), { message: /no_consensus/ });
    const forChipotle = await buildCosigner('messages');
    await assert.rejects(runtime.run(forChipotle, null), { name: 'RuntimeError' });
  });

  test('on the older network: parameters cannot pass for the host', async () => {
    const source = `import { currentHost } from ${host}; export const main = async () => typeof currentHost().encrypt;`;
    const action = await small('host', source);
    assert.equal(await runtime.run(action, null), 'function');
    const shadowing = new OlderNetwork({ style: 'globals' });
    const jsParams = { params: null, Lit: { Actions: { Encrypt: 1, Decrypt: 1, getLitActionPrivateKey: 1 } } };
    const call = shadowing.executeJs({ code: action.source, jsParams, sessionSigs: { session: 'x' } });
    await assert.rejects(call, /runOnce/);
  });

  test('on the older network: what one action sealed opens in no other, nor in one that another calls', async () => {
    const sealing = (note: string) =>
      `import { currentHost } from ${host}; // ${note}
       export const main = ({ text }: { text?: string }) => {
         const host = currentHost();
         const done = text ? host.decrypt('0x', text) : host.encrypt('0x', 'secret');
         return done.catch((error: Error) => error.message);
       };
       Object.assign(globalThis, { note: ${JSON.stringify(note)} });`;
    const [one, two] = [await small('one', sealing('one')), await small('two', sealing('two'))];
    assert.notEqual(one.cid, two.cid);
    const text = (await runtime.run(one, {})) as string;
    assert.equal(await runtime.run(one, { text }), 'secret');
    assert.notEqual(await runtime.run(two, { text }), 'secret');
    // An action that calls another is first among the CIDs: a seal must not be to that one.
    const called = new OlderNetwork({ callers: [two.cid] });
    assert.equal(await runtimeOn(called).run(one, {}), 'not called directly');
  });

  test('on the older network: a share meets no session, because anybody may have sealed that', async () => {
    const info = await readWallet(store, address);
    const { sealed: share, wallet } = await readAction(store, info);
    const asked: Json = { op: 'dkls23Finish', wallet, share, session: 'anything', messages: {} };
    const { error } = (await runtime.run(action, asked)) as { error: { code: string } };
    assert.equal(error.code, 'host');
  });

  test('on the older network: failures have words, and none of the request', async () => {
    await assert.rejects(runtimeOn(network, '').run(action, null), { message: /did not run the action: unauthorized/ });
    const sealed = runtime.run(action, { op: 'sign' });
    assert.deepEqual(await sealed, { error: { code: 'refused', message: 'request refused' } });
    await assert.rejects(runtime.run(action, null, { signal: AbortSignal.timeout(1) }), { kind: 'aborted' });
    await assert.rejects(runtime.permit('0x', 'a', 'b'), { kind: 'input' });
    await assert.rejects(connectLitNodeClient({}), { kind: 'input', next: /LIT_ETHEREUM_KEY/ });
    const LIT_ETHEREUM_KEY = `0x${'1'.repeat(64)}`;
    await assert.rejects(connectLitNodeClient({ LIT_ETHEREUM_KEY }), { next: /npm install --no-save/ });
  });

  test('on the older network: a wallet of another generation is refused', async () => {
    const other = await openWallet(store, { runtime: { ...runtime, name: 'local' } as never });
    await assert.rejects(other.signMessage('x'), /runs at lit-node-client, which is not connected/);
  });
});
