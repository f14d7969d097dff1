import assert from 'node:assert/strict';
import { chmodSync, cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { generateIdentity } from 'age-encryption';
import { type Hex, hashMessage, recoverAddress } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { buildCosigner } from '../ts/build/cosigner.ts';
import { loadTandem } from '../ts/core/node.ts';
import { beginReshare } from '../ts/deal/files/party.ts';
import { createWallet } from '../ts/deal/keygen.ts';
import { migrateWallet } from '../ts/deal/migrate.ts';
import { reshareWallet } from '../ts/deal/reshare.ts';
import { PolicyError, RefusedError, UsageError } from '../ts/errors.ts';
import { parseIntent } from '../ts/intent/intent.ts';
import { approvalText, judge } from '../ts/policy/judge.ts';
import { parsePolicy } from '../ts/policy/policy.ts';
import { digestOfPermission, hashOf, type Permission, SAME, typedDataOf } from '../ts/protocol/permission.ts';
import { LocalRuntime } from '../ts/runtime/local/runtime.ts';
import type { Json } from '../ts/runtime/types.ts';
import { deriveAddresses } from '../ts/signing/address.ts';
import { openWallet, type SignOptions, type Wallet } from '../ts/signing/wallet.ts';
import { type FileStore, openStore } from '../ts/store/node.ts';
import { openAction, readWallet, type WalletInfo } from '../ts/store/store.ts';
import { command } from './support/command.ts';

// A key has no say over itself: neither as the authority over a share of it, nor as the guardian of what it signs.

const root = mkdtempSync(join(tmpdir(), 'tandem-consent-'));
const guardian = privateKeyToAccount(`0x${'47'.repeat(32)}`);
const secret: Hex = `0x${'51'.repeat(32)}`;
const imported = privateKeyToAccount(secret);
const guardedBy = (address: string) =>
  parsePolicy({ version: 1, rules: [{ name: 'approved', kind: 'message', prefixes: 'any', guardian: address }] });

let runtime: LocalRuntime;
let store: FileStore;
before(async () => {
  const identity = await generateIdentity();
  store = openStore(join(root, 'store'), async () => ({ identities: [identity] }));
  runtime = await LocalRuntime.open({ dir: join(root, 'host') });
});
after(() => {
  runtime?.close();
  rmSync(root, { recursive: true, force: true });
});

const bytesOf = (hex: string) => new Uint8Array(Buffer.from(hex.slice(2), 'hex'));
const make = async (options: Partial<Parameters<typeof createWallet>[0]> = {}): Promise<WalletInfo> => {
  const action = options.action ?? { runtime, ...(await buildCosigner('messages')) };
  return (await createWallet({ store, threshold: 2, parties: 3, ...options, action })).wallet;
};
const open = ({ address }: WalletInfo): Promise<Wallet> => openWallet(store, { id: address, runtime });
const isPolicy = (error: unknown) => {
  assert.ok(error instanceof PolicyError, String(error));
  assert.match(error.message, /a request about its own key/);
  return true;
};

describe('audit 1: the wallet itself as its authority or guardian', () => {
  test('audit 1: is refused when a key is imported, before anything is asked or stored', async () => {
    const stored = () => (existsSync(store.dir) ? readdirSync(store.dir) : []);
    const before = stored();
    const own = imported.address;
    await assert.rejects(make({ secret: bytesOf(secret), authority: own }), UsageError);
    const guarded = { runtime, ...(await buildCosigner(guardedBy(own))) };
    await assert.rejects(make({ secret: bytesOf(secret), action: guarded }), /cannot be a guardian of its policy/);
    // And by the action, where the client does not look.
    const { guardians: _, ...unseen } = guarded;
    await assert.rejects(make({ secret: bytesOf(secret), action: unseen }), RefusedError);
    assert.deepEqual(stored(), before);
  });

  test('audit 1: is refused by the action at the end of a deal', async () => {
    const action = { runtime, ...(await buildCosigner('messages')) };
    for (const [authority, answer] of [
      [imported.address, 'error'],
      [guardian.address, 'ok'],
    ] as const) {
      const wallet = await runtime.createWallet();
      await runtime.permit(wallet, action.cid);
      const tandem = await loadTandem();
      const deal = { kind: 'import' as const, threshold: 2, parties: [1, 2], contributors: [1], epoch: 0 };
      const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
      const first = tandem.dealRound1({ ...deal, self: 1, secret: bytesOf(secret) });
      const { epoch: _, ...asked } = deal;
      const messages = { 1: b64(first.message) };
      const joined = (await runtime.run(action, { op: 'deal1', wallet, self: 2, authority, ...asked, messages })) as {
        ok: { session: string; messages: { round1: string; round2: string } };
      };
      const theirs = (text: string) => new Map([[2, new Uint8Array(Buffer.from(text, 'base64'))]]);
      const second = tandem.dealRound2(first.session, theirs(joined.ok.messages.round1));
      const third = tandem.dealRound3(second.session, theirs(joined.ok.messages.round2));
      const rounds = { round2: { 1: b64(second.message) }, round3: { 1: b64(third.message) } };
      const { session } = joined.ok;
      const ended = await runtime.run(action, { op: 'deal2', wallet, session, messages: rounds });
      assert.deepEqual(Object.keys(ended as object), [answer]);
    }
  });

  test('audit 1: is refused for new shares and another action, by client and action', async () => {
    const info = await make();
    const own = info.address;
    const options = { store, id: own, runtime };
    const next = { runtime, ...(await buildCosigner(guardedBy(own))) };
    for (const change of [
      () => reshareWallet({ ...options, authority: own }),
      () => reshareWallet({ ...options, next }),
      () => migrateWallet({ ...options, next: { ...next, guardians: [] }, authority: own }),
      () => migrateWallet({ ...options, next }),
      () => beginReshare({ ...options, here: [1, 3], authority: own, out: join(root, 'begun.deal') }),
    ]) {
      await assert.rejects(
        change(),
        (error) => error instanceof UsageError && /wallet's own address/.test(error.message),
      );
    }
    // The cold share's signature changes nothing about it.
    const { guardians: _, ...unseen } = next;
    await assert.rejects(migrateWallet({ ...options, next: unseen }), RefusedError);
    assert.deepEqual(await readWallet(store, own), info);
  });
});

describe('audit 1: the action signs no consent to what is asked of its own key', () => {
  let info: WalletInfo;
  let wallet: Wallet;
  let other: WalletInfo;
  before(async () => {
    info = await make();
    other = await make({ authority: info.address as Hex });
    wallet = await open(info);
  });
  const paths = ['m', 'm/0/7'];
  const terms = ({ address, keyId, action }: WalletInfo, authority: string): Permission => ({
    what: 'deal new shares',
    account: address.toLowerCase(),
    hostWallet: action?.wallet ?? '',
    keyId,
    epoch: 1,
    dealers: [1, 2],
    holders: [1, 2, 3],
    threshold: 2,
    action: SAME,
    authority,
    messages: hashOf(new Map()),
    expires: Math.floor(Date.now() / 1000) + 600,
  });
  const sign = (of: Permission, options: SignOptions) =>
    wallet.signTypedData(JSON.parse(JSON.stringify(typedDataOf(of))), options);

  test('audit 1: not as an authority, at no path', async () => {
    for (const path of paths) {
      await assert.rejects(sign(terms(info, 'cold'), { path }), isPolicy, path);
      await assert.rejects(sign({ ...terms(info, 'none'), what: 'move the share' }, { path }), isPolicy, path);
    }
  });

  test('audit 1: but as that of another wallet', async () => {
    const of = terms(other, info.address.toLowerCase());
    const { digest, signature } = await sign(of, {});
    assert.equal(digest, digestOfPermission(of));
    assert.equal(await recoverAddress({ hash: digest, signature }), info.address);
  });

  test('audit 1: not as a guardian, at no path; but as one of another wallet', async () => {
    const intent = parseIntent({ kind: 'message', message: 'pay' });
    const policy = guardedBy(guardian.address);
    const text = (account: string, path?: string) => approvalText(policy, account as Hex, intent, path);
    for (const path of paths) {
      const { address } = await wallet.signMessage('who?', { path });
      const raw = `0x${Buffer.from(text(info.address)).toString('hex')}` as const;
      for (const message of [text(info.address), text(info.address, 'm/3'), { raw }, text(address)]) {
        await assert.rejects(wallet.signMessage(message, { path }), isPolicy, path);
      }
      await wallet.signMessage(text(other.address, 'm/3'), { path });
    }
    await wallet.signMessage(`about:\n${text(info.address)}`);
  });

  test('audit 1: nor by dkls23', async () => {
    const open23 = await open(await make({ interactive: true }));
    const { info: of } = open23;
    const data = JSON.parse(JSON.stringify(typedDataOf(terms(of, 'cold'))));
    await assert.rejects(open23.signTypedData(data, { protocol: 'dkls23', path: 'm/1' }), isPolicy);
  });
});

describe('audit 1: approvals name the wallet and the path', () => {
  const policy = guardedBy(guardian.address);
  const approve = (account: string, message: string, path?: string) => {
    const intent = parseIntent({ kind: 'message', message });
    return guardian.signMessage({ message: approvalText(policy, account as Hex, intent, path) });
  };

  test('audit 1: one for another wallet or another path is refused, by either protocol', async () => {
    const action = { runtime, ...(await buildCosigner(policy)) };
    const info = await make({ action, interactive: true });
    assert.equal(info.action?.format, 2);
    const wallet = await open(info);
    for (const protocol of ['dkls18', 'dkls23'] as const) {
      const at = { path: 'm/0/7', protocol };
      const good = await approve(info.address, 'pay', 'm/0/7');
      const { address, digest, signature } = await wallet.signMessage('pay', { ...at, approval: good });
      assert.equal(digest, hashMessage('pay'));
      assert.equal(await recoverAddress({ hash: digest, signature }), address);
      for (const [name, approval] of Object.entries({
        'the path of another': await approve(info.address, 'pay', 'm/0/8'),
        'no path': await approve(info.address, 'pay'),
        'the derived account alone': await approve(address, 'pay'),
        'the derived account and its path': await approve(address, 'pay', 'm/0/7'),
      })) {
        if (protocol === 'dkls23' && name !== 'no path') continue; // each takes a call; the rule is the same
        await assert.rejects(wallet.signMessage('pay', { ...at, approval }), PolicyError, `${protocol}: ${name}`);
      }
    }
    const [own, elsewhere] = [await approve(info.address, 'pay'), await approve(info.address, 'pay', 'm/0/7')];
    await wallet.signMessage('pay', { approval: own });
    await assert.rejects(wallet.signMessage('pay', { approval: elsewhere }), PolicyError);
    // What the client says is the root is compared with the share.
    const { wallet: host, sealed } = await openAction(store, info);
    const { address } = await wallet.signMessage('x', {
      path: 'm/1',
      approval: await approve(info.address, 'x', 'm/1'),
    });
    const asked = {
      op: 'sign',
      wallet: host,
      share: sealed,
      intent: JSON.stringify({ kind: 'message', message: 'x' }),
      request: Buffer.alloc(10).toString('base64'),
      path: 'm/1',
      account: address,
      root: address,
      approval: await approve(address, 'x', 'm/1'),
    };
    assert.match(JSON.stringify(await runtime.run(action, asked as Json)), /request refused/);
  });

  test('audit 1: one of the account itself is none', async () => {
    const intent = parseIntent({ kind: 'message', message: 'pay' });
    const recover = async (hash: Hex, signature: Hex) => recoverAddress({ hash, signature });
    const by = async (account: string, path?: string, own?: string) => {
      const approval = await approve(own ?? account, 'pay', path);
      return judge(policy, intent, { now: 0, account, approval, recover, path, root: own });
    };
    const other = `0x${'ab'.repeat(20)}`;
    assert.equal((await by(other)).allowed, true);
    assert.equal((await by(other, 'm/1', `0x${'cd'.repeat(20)}`)).allowed, true);
    for (const verdict of [await by(guardian.address), await by(other, 'm/1', guardian.address)]) {
      assert.match(verdict.allowed ? '' : verdict.reason, /is the account itself/);
    }
    const unknown = await judge(policy, intent, { now: 0, account: other, approval: '0x', recover, path: 'm/1' });
    assert.match(unknown.allowed ? '' : unknown.reason, /cannot be checked here/);
  });

  test('audit 1: policy.ts approve writes them; an action of version 0.1.0 gets the text that it knows', async () => {
    const dir = join(root, 'before');
    const fixtures = join(import.meta.dirname, 'fixtures');
    cpSync(join(fixtures, 'store-1'), dir, { recursive: true });
    for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
      chmodSync(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o700 : 0o600);
    }
    const identity = readFileSync(join(fixtures, 'store-1-identity.txt'), 'utf8').trim();
    const here = openStore(dir, async () => ({ identities: [identity] }));
    const host = await LocalRuntime.open({ dir: join(dir, 'local-lit') });
    try {
      const file = join(fixtures, 'store-1-guarded.json');
      const id = '0xB9e98C15e15588F3427ca77761467aA07cF67123';
      const path = 'm/0/7';
      const [derived] = (await deriveAddresses(here, await readWallet(here, id), { path, count: 0 })).addresses;
      const address = derived?.address ?? '';
      const approve = (...args: string[]) => command('policy', ['approve', file, '--message', 'pay', ...args], {});
      const [named, old] = await Promise.all([
        approve('--root', id, '--path', path),
        approve('--account', address),
      ]).then((done) => done.map(({ stdout }) => stdout.trimEnd()));
      assert.match(named ?? '', /^tandem approval\naccount 0xb9e9.*\npath m\/0\/7\npolicy /);
      const signs = async (message = '') => {
        const approval = await guardian.signMessage({ message });
        const signed = await (await openWallet(here, { id, runtime: host })).signMessage('pay', { path, approval });
        assert.equal(await recoverAddress({ hash: signed.digest, signature: signed.signature }), address);
      };
      await signs(old);
      await assert.rejects(signs(named), PolicyError);

      // The same wallet with an action of this version. Its authority is the guardian.
      const next = { runtime: host, ...(await buildCosigner(file)) };
      const askAuthority = async (of: Permission) => ({
        signature: await guardian.sign({ hash: digestOfPermission(of) }),
      });
      const { wallet } = await migrateWallet({ store: here, id, runtime: host, next, askAuthority });
      assert.equal(wallet.action?.format, 2);
      await signs(named);
      await assert.rejects(signs(old), PolicyError);
      assert.equal((await approve('--root', id)).code, 64);
      const self = await approve('--account', guardian.address);
      assert.match(self.stderr, /approves of nothing that it signs itself/);
    } finally {
      host.close();
    }
  });
});
