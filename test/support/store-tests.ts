import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { generateIdentity, type Identity, identityToRecipient } from 'age-encryption';
import { recoverAddress } from 'viem';
import { createWallet } from '../../ts/deal/keygen.ts';
import { reshareWallet } from '../../ts/deal/reshare.ts';
import { LockedError, StoreError } from '../../ts/errors.ts';
import { messageIntent } from '../../ts/intent/from.ts';
import { beginRounds, finishRounds, nextRound } from '../../ts/signing/rounds.ts';
import { openWallet } from '../../ts/signing/wallet.ts';
import type { Key } from '../../ts/store/age.ts';
import { checkStore } from '../../ts/store/check.ts';
import { keyOf } from '../../ts/store/scrypt.ts';
import {
  assertUnlocked,
  findWallet,
  holdWallet,
  type KeySource,
  listWallets,
  type NewFolder,
  readShare,
  readWallet,
  type Store,
} from '../../ts/store/store.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);
const file = (path: string, ...values: number[]) => ({ path, data: bytes(...values) });

function fails(kind: StoreError['kind'], message?: RegExp) {
  return (error: unknown): true => {
    assert.ok(error instanceof StoreError, `not a StoreError: ${error}`);
    assert.equal(error.kind, kind, error.message);
    if (message) assert.match(error.message, message);
    return true;
  };
}

/** What every kind of store promises: one body of tests for all. */
export function testStores(kind: string, open: (key: KeySource) => Store): void {
  let key: Key;
  before(async () => {
    key = keyOf({ identities: [await generateIdentity()] });
  });

  const fresh = async (): Promise<Store> => {
    const store = open(async () => key);
    await store.makeFolder('');
    return store;
  };
  const create = async (store: Store, name: string, files: Parameters<NewFolder['finish']>[1]) => {
    const folder = await store.begin();
    await folder.finish(name, files).finally(folder.discard);
  };

  describe(`a store of ${kind}`, () => {
    test(`a store of ${kind} that is empty has nothing, and says what is missing by the name that people know`, async () => {
      const store = open(async () => key);
      assert.deepEqual([await store.list(''), await store.list('a'), await store.has('a')], [[], [], false]);
      const missing = fails('missing', new RegExp(`^${store.name}/a/b does not exist`));
      await assert.rejects(store.read('a/b', 9), missing);
      await assert.rejects(store.take('a/b', 9), missing);
      await assert.rejects(store.commit('a', { write: [file('b', 1)] }), fails('missing'));
      await assert.rejects(store.mutex('a/lock'), fails('missing'));
    });

    test(`a store of ${kind} gives back what was written, as bytes of its own, up to the limit`, async () => {
      const store = await fresh();
      const data = bytes(1, 2, 3);
      await create(store, 'a', [{ path: 'x', data }, file('in/y', 4), { path: 'text', data: 'é' }]);
      data.fill(9);
      assert.deepEqual((await store.list('a')).sort(), ['in', 'text', 'x']);
      assert.deepEqual([await store.list('a/in'), await store.list('')], [['y'], ['a']]);
      for (const path of ['', 'a', 'a/in', 'a/in/y']) assert.ok(await store.has(path), path);
      (await store.read('a/x', 3)).fill(7);
      assert.deepEqual(new Uint8Array(await store.read('a/x', 3)), bytes(1, 2, 3));
      assert.deepEqual(new Uint8Array(await store.read('a/text', 3)), bytes(0xc3, 0xa9));
      await assert.rejects(store.read('a/x', 2), fails('altered', /has 3 bytes; at most 2/));
      await assert.rejects(store.take('a/x', 2), fails('altered', /has 3 bytes; at most 2/));
      assert.ok(await store.has('a/x'), 'what is too long is not taken either');
    });

    test(`a store of ${kind} creates a folder once, whole or not at all`, async () => {
      const store = await fresh();
      const [given, late] = [await store.begin(), await store.begin()];
      assert.deepEqual(await listWallets(store), []);
      given.discard();
      late.discard();
      assert.deepEqual(await store.list(''), []);
      await create(store, 'a', [file('x', 1)]);
      await assert.rejects(create(store, 'a', [file('y', 2)]), fails('exists'));
      assert.deepEqual([await store.list('a'), await store.list('')], [['x'], ['a']]);
    });

    test(`a store of ${kind} replaces, adds and removes files of a folder`, async () => {
      const store = await fresh();
      await create(store, 'a', [file('x', 1), file('y', 2)]);
      await store.commit('a', { write: [file('x', 3), file('in/z', 4)], remove: ['y', 'never there'] });
      assert.deepEqual((await store.list('a')).sort(), ['in', 'x']);
      assert.deepEqual([...(await store.read('a/x', 1)), ...(await store.read('a/in/z', 1))], [3, 4]);
      await store.commit('a', { remove: ['x'] });
      assert.ok(!(await store.has('a/x')));
    });

    test(`a store of ${kind} gives a file to one taker, and puts it back where there is none`, async () => {
      const store = await fresh();
      await create(store, 'a', [file('x', 1)]);
      const takers = await Promise.allSettled(Array.from({ length: 5 }, () => store.take('a/x', 9)));
      const [taken, ...more] = takers.flatMap((taker) => (taker.status === 'fulfilled' ? [taker.value] : []));
      assert.deepEqual([taken && new Uint8Array(taken), more], [bytes(1), []]);
      for (const taker of takers) if (taker.status === 'rejected') fails('missing')(taker.reason);
      assert.ok(!(await store.has('a/x')));
      await store.putBack('a/x', bytes(1));
      await assert.rejects(store.putBack('a/x', bytes(2)), fails('exists'));
      assert.deepEqual(new Uint8Array(await store.read('a/x', 9)), bytes(1));
      assert.deepEqual(await store.list('a'), ['x']);
    });

    test(`a store of ${kind} has mutexes, which one at a time holds, in turn or not at all`, async () => {
      const store = await fresh();
      await create(store, 'a', []);
      let inside = 0;
      const turn = async () => {
        const { release } = await store.mutex('a/lock');
        assert.equal(++inside, 1);
        await sleep(2);
        inside--;
        release();
        release(); // twice is once
      };
      await Promise.all(Array.from({ length: 8 }, turn));
      const held = await store.mutex('a/lock');
      const other = await store.mutex('a/other.lock');
      await assert.rejects(store.mutex('a/lock', AbortSignal.abort()), { name: 'AbortError' });
      await assert.rejects(store.mutex('a/lock', AbortSignal.timeout(30)), { name: 'TimeoutError' });
      const next = store.mutex('a/lock');
      held.release();
      (await next).release();
      other.release();
      assert.deepEqual(await store.leftovers('a'), []);
      const last = await store.mutex('a/lock');
      await last.leave('a/mark');
      last.release();
      assert.ok(await store.has('a/mark'));
      assert.deepEqual(await store.list('a'), ['mark']);
    });
  });

  describe(`wallets in a store of ${kind}`, () => {
    test(`wallets in a store of ${kind} are made, sign, get new shares and are in order`, async () => {
      const store = open(async () => key);
      const { wallet } = await createWallet({ store, threshold: 2, parties: 2 });
      assert.deepEqual([await listWallets(store), await findWallet(store)], [[wallet.address], wallet.address]);
      const signs = async () => {
        const { digest, signature } = await (await openWallet(store)).signMessage('hello');
        assert.equal(await recoverAddress({ hash: digest, signature }), wallet.address);
      };
      await signs();
      const changed = await reshareWallet({ store });
      assert.deepEqual(await readWallet(store, wallet.address), changed.wallet);
      await signs();
      const { ok, wallets, cleaned } = await checkStore(store);
      assert.ok(ok, JSON.stringify(wallets));
      assert.deepEqual([cleaned, wallets.flatMap((checked) => checked.cleaned)], [[], []]);
      assert.deepEqual((await store.list(wallet.address)).sort(), ['cold.1.age', 'hot.1.age', 'wallet.json']);
    });

    test(`wallets in a store of ${kind} are locked for all who open them, until they are unlocked`, async () => {
      const store = open(async () => key);
      const { address } = (await createWallet({ store, threshold: 2, parties: 2 })).wallet;
      const hold = await holdWallet(store, address);
      await hold.lockHot('the proof is wrong');
      await assert.rejects(assertUnlocked(store, address), (error) => {
        assert.ok(error instanceof LockedError);
        assert.match(error.message, /the proof is wrong/);
        return true;
      });
      await hold.unlockHot();
      hold.release();
      await assertUnlocked(store, address);
    });

    test(`wallets in a store of ${kind} sign in rounds, whose sessions are used once`, async () => {
      const store = open(async () => key);
      await createWallet({ store, threshold: 2, parties: 2 });
      const common = { store, signers: [1, 2], intent: messageIntent('hello') };
      const both = [1, 2];
      let messages: Uint8Array[] = [];
      for (const party of both) messages.push((await beginRounds({ ...common, party })).message);
      for (let round = 2; round <= 3; round++) {
        const next: Uint8Array[] = [];
        for (const party of both) next.push((await nextRound({ store, party, messages })).message);
        messages = next;
      }
      const { digest, signature, address } = await finishRounds({ store, party: 1, messages });
      assert.equal(await recoverAddress({ hash: digest, signature }), address);
      await assert.rejects(finishRounds({ store, party: 1, messages }), /no signature under way/);
    });

    test(`wallets in a store of ${kind} open with a key that is neither a passphrase nor text`, async () => {
      const identity = await generateIdentity();
      const recipient = await identityToRecipient(identity);
      const native: Identity = { unwrapFileKey: () => assert.fail('the first knows the file') };
      const asked: string[] = [];
      const store = open(async (kind, what) => {
        asked.push(`${kind} ${what}`);
        return { identities: [identity, native], recipients: async () => [recipient] };
      });
      const { wallet } = await createWallet({ store, threshold: 2, parties: 2 });
      assert.ok((await readShare(store, wallet, 1)).length > 0);
      assert.deepEqual(asked, ['any the new shares', 'identity hot.age']);
    });
  });
}
