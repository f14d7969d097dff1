import assert from 'node:assert/strict';
import { chmodSync, cpSync, existsSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Hex, hashMessage, parseTransaction, recoverAddress, recoverTransactionAddress } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { json, type Outcome, command as run } from './support/command.ts';

// A store that an earlier version wrote, with the actions of that version: what this version must go on doing with it.

const fixtures = fileURLToPath(new URL('fixtures/', import.meta.url));
const identity = { TANDEM_IDENTITY: join(fixtures, 'store-1-identity.txt') };
const passphrase = { TANDEM_PASSPHRASE: 'correct horse battery staple' };
const guardian = privateKeyToAccount(`0x${'47'.repeat(32)}`);

const wallets = {
  messages: '0x31405adBEa01669cd7f2b903CFcffe4a0E5D55e3',
  guarded: '0xB9e98C15e15588F3427ca77761467aA07cF67123',
  rules: '0x6909D01d98708033F2FAaF1479FB10AAb59EC6A8',
  reshared: '0x266B32Eb9593D370883d7B36fbfCC8fA7FA98655',
  interactive: '0xaC5D7a782E054f46a0fCe4A66f9E90DCBbB4711D',
  people: '0x38E76f4C6d0c7b533e0CCD7Ecd791238B48A988B',
} as const satisfies Record<string, Hex>;
type Name = keyof typeof wallets;

/** Of the action that version built for the policy `messages`. */
const CID = 'Qmd5zfTZQST6xqcYQSEhFmxRjWSatfVzmZ9XH9f8Kss58H';

const root = mkdtempSync(join(tmpdir(), 'tandem-compat-'));
after(() => rmSync(root, { recursive: true, force: true }));

/** Copies the fixture, with the modes that git does not keep. */
function freshStore(name: string): string {
  const dir = join(root, name);
  cpSync(join(fixtures, 'store-1'), dir, { recursive: true });
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    chmodSync(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o700 : 0o600);
  }
  return dir;
}

const on = (store: string, of: Name, name: string, ...args: string[]): Promise<Outcome> =>
  run(name, [...args, '--store', store, '--wallet', wallets[of], '--json'], of === 'rules' ? passphrase : identity);

async function signs(store: string, of: Name, ...args: string[]): Promise<Record<string, unknown>> {
  const message = `example.com wants you to sign in: ${args.join(' ')}`;
  const signed = json(await on(store, of, 'sign', '--message', message, ...args));
  assert.equal(await recoverAddress({ hash: hashMessage(message), signature: signed.signature as Hex }), wallets[of]);
  return signed;
}

describe('a store of version 0.1.0', () => {
  let store: string;
  before(() => {
    store = freshStore('as-it-is');
  });

  test('a store of version 0.1.0 is sound', async () => {
    for (const of of ['messages', 'rules'] as const) {
      const { ok } = json(
        await run(
          'wallet',
          ['check', '--store', store, '--wallet', wallets[of], '--json'],
          of === 'rules' ? passphrase : identity,
        ),
      );
      assert.equal(ok, true);
    }
  });

  test('a store of version 0.1.0 signs with its actions in one call, and without them', async () => {
    for (const of of ['messages', 'reshared', 'rules'] as const) {
      const { calls, protocol } = await signs(store, of);
      assert.deepEqual([calls, protocol], [1, 'dkls18'], of);
    }
    for (const of of ['messages', 'guarded', 'reshared', 'people'] as const) await signs(store, of, '--recovery');
  });

  test('a store of version 0.1.0 signs by dkls23 with the action that was made for it', async () => {
    const { calls, protocol } = await signs(store, 'interactive', '--protocol', 'dkls23');
    assert.deepEqual([calls, protocol], [2, 'dkls23']);
  });

  test('a store of version 0.1.0 signs and refuses as its rules say', async () => {
    const file = join(root, 'payment.json');
    const payment = {
      type: 'eip1559',
      chainId: 1,
      nonce: 0,
      gas: '21000',
      maxFeePerGas: '1',
      maxPriorityFeePerGas: '1',
    };
    const pay = async (to: string) => {
      writeFileSync(file, JSON.stringify({ ...payment, to, value: '1' }));
      return on(store, 'rules', 'sign', '--transaction', file);
    };
    const { serializedTransaction } = json(await pay('0x70997970C51812dc3A010C7d01b50e0d17dc79C8'));
    assert.equal(parseTransaction(serializedTransaction as Hex).value, 1n);
    const from = recoverTransactionAddress({ serializedTransaction: serializedTransaction as `0x02${string}` });
    assert.equal(await from, wallets.rules);
    const refused = await pay('0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC');
    assert.deepEqual([refused.code, refused.stdout], [2, '']);
    assert.match(refused.stderr, /the rule pay/);
  });

  test('a store of version 0.1.0 signs what its guardian approves, and nothing else', async () => {
    const policy = join(fixtures, 'store-1-guarded.json');
    const approve = await run('policy', ['approve', policy, '--message', 'pay', '--account', wallets.guarded], {});
    const approval = await guardian.signMessage({ message: approve.stdout.trimEnd() });
    const sign = (message: string) => on(store, 'guarded', 'sign', '--message', message, '--approval', approval);
    const { signature } = json(await sign('pay'));
    assert.equal(await recoverAddress({ hash: hashMessage('pay'), signature: signature as Hex }), wallets.guarded);
    assert.equal((await sign('pay more')).code, 2);
  });
});

describe('a wallet of version 0.1.0 changes', () => {
  const of = 'messages';

  test('a wallet of version 0.1.0 changes its shares, of the ones that are here, and again', async () => {
    const store = freshStore('reshare');
    for (const epoch of [1, 2]) {
      const changed = json(await on(store, of, 'reshare'));
      assert.deepEqual([changed.address, changed.epoch, changed.calls], [wallets[of], epoch, 2]);
    }
    await signs(store, of);
  });

  test('a wallet of version 0.1.0 replaces a lost cold share, with its old action, and revokes the old ones', async () => {
    const store = freshStore('lost');
    renameSync(join(store, wallets[of], 'hot.age'), join(root, 'hot.away'));
    const changed = json(await on(store, of, 'reshare', '--revoke'));
    assert.deepEqual(changed.from, ['2 action', '3 cold']);
    assert.notEqual(changed.cid, CID);
    await signs(store, of);
  });

  test('a wallet of version 0.1.0 changes its action, for one of this version', async () => {
    const store = freshStore('migrate');
    const { cid } = json(await on(store, of, 'migrate', '--policy', 'any'));
    assert.notEqual(cid, CID);
    assert.ok(existsSync(join(store, wallets[of], 'actions', `${cid}.js`)));
    await signs(store, of);
    await signs(store, of, '--recovery');
  });

  test('a wallet of version 0.1.0 changes to a new action, if the old one is gone', async () => {
    const store = freshStore('recover');
    const recovered = await on(store, of, 'recover', '--new-action');
    assert.equal(json(recovered).epoch, 1);
    assert.match(recovered.stderr, /As long as the old action runs, it signs with the old hot share: destroy/);
    assert.doesNotMatch(recovered.stderr, /--revoke/); // which would retire the new one
    await signs(store, of);
  });
});
