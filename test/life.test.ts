import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { generateIdentity } from 'age-encryption';
import { type Hex, hashMessage, hashTypedData, recoverAddress } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { buildCosigner } from '../ts/build/cosigner.ts';
import { readPrivateKey } from '../ts/core/evm.ts';
import { retire } from '../ts/deal/change.ts';
import { createWallet } from '../ts/deal/keygen.ts';
import { migrateWallet } from '../ts/deal/migrate.ts';
import { type ReshareOptions, reshareWallet } from '../ts/deal/reshare.ts';
import { RefusedError, StoreError, UsageError, WalletError } from '../ts/errors.ts';
import { type Permission, typedDataOf } from '../ts/protocol/permission.ts';
import { LocalRuntime } from '../ts/runtime/local/runtime.ts';
import type { Action, Runtime } from '../ts/runtime/types.ts';
import { openWallet } from '../ts/signing/wallet.ts';
import { type FileStore, openStore } from '../ts/store/node.ts';
import { holdWallet, readAction, readWallet, shareFileName, type WalletInfo } from '../ts/store/store.ts';
import { json, type Outcome, onTerminal, command as run } from './support/command.ts';

// What happens to a key after its birth, and then a signature under the same address: the real action in the real Deno.

const root = mkdtempSync(join(tmpdir(), 'tandem-life-'));
const identityFile = join(root, 'identity.txt');
const guardian = privateKeyToAccount(`0x${'47'.repeat(32)}`);
let identity: string;
let store: FileStore;
let runtime: LocalRuntime;
let action: Action & { policy: string };

before(async () => {
  identity = await generateIdentity();
  writeFileSync(identityFile, `${identity}\n`);
  store = openStore(join(root, 'store'), async () => ({ identities: [identity] }));
  runtime = await LocalRuntime.open({ dir: join(store.dir, 'local-lit') });
  action = await buildCosigner('messages');
});
after(() => {
  runtime?.close();
  rmSync(root, { recursive: true, force: true });
});

const command = (name: string, ...args: string[]): Promise<Outcome> =>
  run(name, args, { TANDEM_IDENTITY: identityFile });

async function newWallet(authority: 'cold' | 'none' | Hex = 'cold', parties = 3): Promise<WalletInfo> {
  const made = await createWallet({ store, action: { runtime, ...action }, threshold: 2, parties, authority });
  return made.wallet;
}

const reshare = async (info: WalletInfo, options: Partial<ReshareOptions> = {}) =>
  reshareWallet({ store, id: info.address, runtime, ...options });

/** The host, except for what is given. */
const hostWith = (other: Partial<Runtime>): Runtime => ({
  name: 'local',
  createWallet: () => runtime.createWallet(),
  permit: (...given) => runtime.permit(...given),
  limits: () => runtime.limits(),
  run: (...given) => runtime.run(...given),
  ...other,
});

/** The host, which does not answer where it is to permit some actions. */
const failing = (which: (cids: readonly string[]) => boolean): Runtime =>
  hostWith({
    permit: async (wallet, ...cids) => {
      if (which(cids)) throw new Error('the host does not answer');
      await runtime.permit(wallet, ...cids);
    },
  });

const file = (info: WalletInfo, index: number) => join(store.dir, info.address, shareFileName(info, index));

/** Takes a share file away, and puts it back. */
function lose(info: WalletInfo, index: number): () => void {
  const path = file(info, index);
  renameSync(path, `${path}.away`);
  return () => renameSync(`${path}.away`, path);
}

/** Signs with the wallet as it is in the store now, with the action or, in recovery, without. */
async function signs({ address }: WalletInfo, of = store): Promise<void> {
  const message = `still ${address}`;
  for (const recovery of [false, true]) {
    const info = await readWallet(of, address);
    if (recovery && !info.parties.some(({ role }) => role === 'cold')) continue;
    const { signature } = await (await openWallet(of, { id: address, runtime })).signMessage(message, { recovery });
    assert.equal(await recoverAddress({ hash: hashMessage(message), signature }), address);
  }
}

const failsWith = (kind: StoreError['kind'], message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof StoreError, `${error}`);
  assert.equal(error.kind, kind);
  assert.match(error.message, message);
  return true;
};

describe('import', () => {
  const KEY = 'b71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291';
  const address = privateKeyToAccount(`0x${KEY}`).address;

  test('import makes a wallet of a key, under its address, which then signs; and no second one of the same', async () => {
    const keyFile = join(root, 'key.txt');
    writeFileSync(keyFile, `0x${KEY}\n`);
    const outcome = await command('import', '--store', store.dir, '--key-file', keyFile, '--json');
    const made = json(outcome);
    assert.equal(made.address, address);
    assert.equal(made.calls, 2);
    assert.match(outcome.stderr, /still exists whole/);
    assert.ok(!(outcome.stderr + outcome.stdout).includes(KEY));
    const info = await readWallet(store, address);
    await signs(info);
    for (const entry of readdirSync(join(store.dir, address), { withFileTypes: true })) {
      if (entry.isFile())
        assert.ok(!readFileSync(join(store.dir, address, entry.name), 'utf8').includes(KEY), entry.name);
    }
    const again = await command('import', '--store', store.dir, '--runtime', 'none', '--key-file', keyFile);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /exists already/);
    assert.deepEqual(await readWallet(store, address), info);
  });

  test('import takes the key from stdin too, or from the terminal, which does not show it', async () => {
    const args = (name: string) => ['--store', join(root, name), '--runtime', 'none', '--json'];
    const env = { TANDEM_IDENTITY: identityFile };
    const [piped, typed] = await Promise.all([
      run('import', [...args('stdin'), '--key-file', '-'], env, `${KEY}\n`),
      onTerminal('import', args('terminal'), env, ['Private key: ', KEY]),
    ]);
    assert.equal(json(piped).address, address);
    assert.equal(typed.code, 0, typed.shown);
    assert.ok(typed.shown.includes(`"address":"${address}"`) && !typed.shown.includes(KEY), typed.shown);
  });

  test('import takes a key from 1 to q - 1 in 64 digits, and quotes none', async () => {
    const q = 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141';
    for (const key of ['0'.repeat(64), q, KEY.slice(1), `${KEY}0`, `${KEY} ${KEY}`, '', 'z'.repeat(64)]) {
      assert.throws(
        () => readPrivateKey(key),
        (error: unknown) => error instanceof WalletError && (key === '' || !error.message.includes(key)),
        key,
      );
    }
    assert.deepEqual(Buffer.from(readPrivateKey(`0x${KEY}\n`)).toString('hex'), KEY);
    const [noTerminal, noFile, argument] = await Promise.all([
      command('import', '--store', store.dir),
      command('import', '--store', store.dir, '--key-file', join(root, 'nothing')),
      command('import', '--store', store.dir, '--key', KEY),
    ]);
    assert.deepEqual([noTerminal.code, noFile.code, argument.code], [1, 64, 64]);
  });
});

describe('new shares', () => {
  test('new shares are dealt to all, from the hot and the cold share; old and new ones do not mix', async () => {
    const old = await newWallet();
    const backup = join(root, 'backup');
    cpSync(join(store.dir, old.address), backup, { recursive: true });
    const stale = await openWallet(store, { id: old.address, runtime });
    const { wallet, from, calls } = await reshare(old);
    assert.deepEqual(
      from.map(({ role }) => role),
      ['hot', 'cold'],
    );
    assert.equal(calls, 2);
    assert.equal(wallet.address, old.address);
    assert.equal(wallet.epoch, 1);
    assert.notEqual(wallet.keyId, old.keyId);
    await signs(wallet);
    await assert.rejects(stale.signMessage('x'), failsWith('changed', /Another command/));

    // Of the old hot share, the old cold share and the old wallet.json, each in the place of the new one.
    let asked = 0;
    const watching = hostWith({
      run: (...given) => {
        asked++;
        return runtime.run(...given);
      },
    });
    const signing = async (recovery: boolean) =>
      (await openWallet(store, { id: old.address, runtime: watching })).signMessage('x', { recovery });
    for (const [index, name, recovery] of [
      [1, 'hot.age', false],
      [3, 'cold.age', true],
    ] as const) {
      const back = lose(wallet, index);
      cpSync(join(backup, name), file(wallet, index));
      await assert.rejects(signing(recovery), failsWith('old-share', /\.1\.age is old: it has epoch 0/), name);
      rmSync(file(wallet, index));
      back();
    }
    const kept = readFileSync(join(store.dir, old.address, 'wallet.json'));
    cpSync(file(wallet, 1), join(store.dir, old.address, 'hot.age'));
    cpSync(join(backup, 'wallet.json'), join(store.dir, old.address, 'wallet.json'));
    cpSync(join(backup, 'action.sealed'), join(store.dir, old.address, 'action.sealed'));
    await assert.rejects(signing(false), failsWith('old-share', /wallet\.json is old: it has epoch 0/));
    writeFileSync(join(store.dir, old.address, 'wallet.json'), kept);
    assert.equal(asked, 0, 'the action was asked');
    await signs(wallet);
  });

  test('new shares are dealt in the place of a lost hot share, from the cold share and the action', async () => {
    const old = await newWallet();
    const back = lose(old, 1);
    const outcome = await command('recover', '--store', store.dir, '--wallet', old.address, '--json');
    const made = json(outcome);
    assert.deepEqual(made.from, ['2 action', '3 cold']);
    assert.equal(made.address, old.address);
    assert.equal(made.epoch, 1);
    await signs(old);
    back();
  });

  test('new shares are dealt in the place of a lost cold share, from the hot share and the action, if a guardian signs', async () => {
    const old = await newWallet(guardian.address);
    lose(old, 3);
    await assert.rejects(reshare(old), /only if the guardian 0x.* permits/);
    let asked = 0;
    const { from } = await reshare(old, {
      askAuthority: async (terms) => {
        asked++;
        const { digestOfPermission } = await import('../ts/protocol/permission.ts');
        return { signature: await guardian.sign({ hash: digestOfPermission(terms) }) };
      },
    });
    assert.equal(asked, 1);
    assert.deepEqual(
      from.map(({ role }) => role),
      ['hot', 'action'],
    );
    await signs(old);
  });

  test('new shares are dealt to more parties, and to fewer', async () => {
    const old = await newWallet();
    const { wallet } = await reshare(old, { parties: 5 });
    assert.deepEqual(readdirSync(join(store.dir, old.address)).sort(), [
      'action.1.sealed',
      'actions',
      'cold-4.1.age',
      'cold-5.1.age',
      'cold.1.age',
      'correlation.json',
      'hot.1.age',
      'wallet.json',
    ]);
    await signs(wallet);
    // Any cold share is the authority: the first is lost, another signs and deals.
    lose(wallet, 1);
    lose(wallet, 3);
    lose(wallet, 5);
    const fewer = await reshare(wallet, { parties: 3 });
    assert.deepEqual(
      fewer.from.map(({ index }) => index),
      [2, 4],
    );
    await signs(fewer.wallet);
    await assert.rejects(reshare(wallet, { parties: 2 }), UsageError);
    const two = await reshare(wallet, { parties: 2, authority: 'none' });
    await signs(two.wallet);
    await assert.rejects(reshare(wallet), /Nobody may ask/);
    await assert.rejects(reshare(wallet, { threshold: 3 }), UsageError);
  });

  test('new shares are dealt for a wallet without an action', async () => {
    const { wallet: old } = await createWallet({ store, threshold: 2, parties: 3 });
    lose(old, 2);
    const made = json(await command('reshare', '--store', store.dir, '--wallet', old.address, '--json'));
    assert.deepEqual([made.epoch, made.calls, made.from], [1, 0, ['1 hot', '3 cold']]);
    const { signature } = await (await openWallet(store, { id: old.address })).signMessage('x', { recovery: true });
    assert.equal(await recoverAddress({ hash: hashMessage('x'), signature }), old.address);
  });

  test('new shares are not made of too few, nor of a share of another wallet', async () => {
    const old = await newWallet();
    const [hot, cold] = [lose(old, 1), lose(old, 3)];
    await assert.rejects(
      reshare(old),
      failsWith(
        'missing',
        /0 shares of .* are here, which are not enough\..*put 1 of these files back .*: hot\.age, cold\.age\./s,
      ),
    );
    cold();
    await assert.rejects(reshare(old, { isActionGone: true }), failsWith('missing', /1 shares.*put 1 .*: hot\.age\./s));
    const two = await newWallet('none', 2);
    await assert.rejects(
      reshare(two, { isActionGone: true }),
      failsWith('missing', /1 shares.*fewer shares than its threshold: let the action deal too/s),
    );
    const other = await newWallet();
    cpSync(file(other, 1), file(old, 1));
    await assert.rejects(reshare(old), failsWith('other-wallet', /hot\.age/));
    rmSync(file(old, 1));
    hot();
    await signs(old);
  });

  test('new shares replace the old ones once: of two changes at a time one fails and changes nothing', async () => {
    const old = await newWallet();
    const results = await Promise.allSettled([reshare(old), reshare(old)]);
    assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    const { reason } = results.find((result) => result.status === 'rejected') as PromiseRejectedResult;
    failsWith('changed', /Another command/)(reason);
    await signs(old);
  });
});

describe('a permission by files', () => {
  const paths = (name: string) => [join(root, `${name}.request`), join(root, `${name}.authorization`)] as const;

  /** Runs a command that asks an authority, which answers once the request is there. */
  async function startAndAuthorize(args: string[], request: string, authorize: () => Promise<void>): Promise<Outcome> {
    const outcome = command(args[0] ?? '', ...args.slice(1));
    while (!existsSync(request)) {
      const ended = await Promise.race([outcome, new Promise<undefined>((resolve) => setTimeout(resolve, 50))]);
      assert.equal(ended, undefined, ended?.stderr);
    }
    await authorize();
    return outcome;
  }

  test('the permission of the cold share, by files from another machine, lets the hot share and the action deal, and revokes the old ones', async () => {
    const old = await newWallet();
    const backup = join(root, 'revoked', old.address);
    cpSync(join(store.dir, old.address), backup, { recursive: true });
    const cold = join(root, 'cold.age');
    renameSync(file(old, 3), cold);
    const [request, authorization] = paths('revoke');
    const args = ['reshare', '--store', store.dir, '--wallet', old.address, '--revoke', '--json'];
    const files = ['--request', request, '--authorization', authorization];
    const outcome = await startAndAuthorize([...args, ...files], request, async () => {
      const refused = await command('authorize', '--share', cold, '--request', request, '--out', authorization);
      assert.equal(refused.code, 1, 'nobody said yes');
      assert.match(refused.stdout, /allows .*deal new shares/);
      assert.match(refused.stdout, /parties 1, 2, 3; 2 of them sign/);
      assert.ok(!existsSync(authorization));
      const other = ['--share', file(await newWallet(), 3), '--request', request, '--out', authorization, '--yes'];
      assert.match((await command('authorize', ...other)).stderr, /does not belong to the key/);
      const given = ['--share', cold, '--request', request, '--out', authorization, '--yes', '--json'];
      assert.equal(json(await command('authorize', ...given)).by, 3);
    });
    const made = json(outcome);
    assert.deepEqual([made.calls, made.from, made.epoch], [3, ['1 hot', '2 action'], 1]);
    assert.notEqual(made.cid, old.action?.cid);
    await signs(old);
    // Nothing old signs: neither through the old action nor through the new one.
    const before = openStore(join(root, 'revoked'), store.key);
    await assert.rejects((await openWallet(before, { id: old.address, runtime })).signMessage('x'), /refused/);
    const { source } = await readAction(store, await readWallet(store, old.address));
    const { sealed, wallet } = await readAction(before, old);
    const next = { source, cid: String(made.cid) };
    assert.deepEqual(await runtime.run(next, { op: 'adopt', wallet, share: sealed }), {
      error: { code: 'refused', message: 'request refused' },
    });
  });

  test('the permission of a guardian is a signature of the typed data in the file, by any tool; another one is refused', async () => {
    const old = await newWallet(guardian.address);
    lose(old, 3);
    for (const [account, isRight] of [
      [privateKeyToAccount(`0x${'66'.repeat(32)}`), false],
      [guardian, true],
    ] as const) {
      const [request, authorization] = paths(`guardian-${isRight}`);
      const args = ['reshare', '--store', store.dir, '--wallet', old.address, '--json'];
      const files = ['--request', request, '--authorization', authorization];
      const outcome = await startAndAuthorize([...args, ...files], request, async () => {
        const typedData = JSON.parse(readFileSync(request, 'utf8')) as Parameters<typeof hashTypedData>[0];
        writeFileSync(authorization, `${await account.sign({ hash: hashTypedData(typedData) })}\n`);
      });
      if (isRight) assert.equal(json(outcome).epoch, 1);
      else assert.match(outcome.stderr, /not the guardian 0x.*'s signature/);
    }
    await signs(old);
  });

  test('a permission by files is asked for in a form that says all of it, and waits in a file that is not there yet', async () => {
    const old = await newWallet();
    const [request, authorization] = paths('form');
    const args = ['--share', file(old, 3), '--request', request, '--out', authorization, '--yes'];
    for (const text of ['', '{}', '[]', JSON.stringify({ message: {} })]) {
      writeFileSync(request, text);
      assert.match((await command('authorize', ...args)).stderr, /not a request/);
    }
    lose(old, 3);
    writeFileSync(authorization, 'x');
    const files = ['--request', request, '--authorization', authorization];
    for (const given of [files, files.slice(0, 2), files.slice(2)]) {
      const { code } = await command('reshare', '--store', store.dir, '--wallet', old.address, ...given);
      assert.equal(code, 64, given.join(' '));
    }
  });
});

describe('another action', () => {
  test('another action takes the share over, under another policy, if the cold share says so', async () => {
    const old = await newWallet();
    const migrate = ['--store', store.dir, '--wallet', old.address, '--policy', 'any', '--json'];
    const made = json(await command('migrate', ...migrate));
    assert.deepEqual([made.calls, made.from, made.epoch], [2, ['2 action'], 0]);
    const digest = hashMessage('raw');
    const { signature, calls } = await (await openWallet(store, { id: old.address, runtime })).signDigest(digest);
    assert.equal(calls, 1, 'the correlation is good with the new action too');
    await signs(old);
    assert.equal(await recoverAddress({ hash: digest, signature }), old.address);
    const info = await readWallet(store, old.address);
    assert.deepEqual([info.action?.policy, info.action?.authority, info.action?.retired], ['any', 'cold', undefined]);
  });

  test('another action takes the place of one that is gone with its host, from the hot and the cold share, locked or not', async () => {
    const old = await newWallet();
    const hold = await holdWallet(store, old.address);
    await hold.lockHot('an answer of the action failed a check');
    hold.release();
    const gone = hostWith({
      run: async (of, params) => (of.cid === action.cid ? assert.fail('it is gone') : runtime.run(of, params)),
    });
    const next = { runtime: gone, ...(await buildCosigner('messages', 'chipotle', { minEpoch: 1 })) };
    const { wallet, calls } = await reshare(old, { next, isActionGone: true, runtime: undefined });
    assert.equal(calls, 2);
    assert.notEqual(wallet.action?.wallet, old.action?.wallet);
    await signs(wallet);
  });

  test('another action ends the one that is gone, if the host gives it the same wallet: now, or by the command that check names', async () => {
    const old = await newWallet();
    const { wallet = '', cid: oldCid = '' } = old.action ?? {};
    const permitted: (readonly string[])[] = [];
    const shared = hostWith({
      createWallet: async () => wallet,
      permit: async (_, ...cids) => {
        permitted.push(cids);
        if (cids.length === 1) throw new Error('the host does not answer');
        await runtime.permit(wallet, ...cids);
      },
    });
    const next = { runtime: shared, ...(await buildCosigner('messages', 'chipotle', { minEpoch: 1 })) };
    const changing = reshare(old, { next, isActionGone: true, runtime: undefined });
    await assert.rejects(changing, new RegExp(`the old action ${oldCid} may still use it`));
    assert.deepEqual(permitted, [[oldCid, next.cid], [next.cid]]);

    const at = ['--store', store.dir, '--wallet', old.address];
    const ending = new RegExp(`old action.*${oldCid} may still use the wallet.*reshare\\S* --revoke`);
    for (const name of ['check', 'show']) assert.match((await command('wallet', name, ...at)).stdout, ending);
    json(await command('reshare', '--revoke', ...at, '--json'));
    for (const name of ['check', 'show'])
      assert.doesNotMatch((await command('wallet', name, ...at)).stdout, /old action/);
    await signs(await readWallet(store, old.address));
    const group = runtime.host.state.read()?.groups.find(({ wallets }) => wallets.includes(wallet));
    assert.deepEqual(group?.cids, [next.cid]);
  });

  test('another action stays when another key moves to the same wallet of its host', async () => {
    const [one, other] = [await newWallet(), await newWallet()];
    const wallet = await runtime.createWallet();
    const shared = hostWith({ createWallet: async () => wallet });
    for (const [info, policy] of [
      [one, 'messages'],
      [other, 'any'],
    ] as const) {
      const next = { runtime: shared, ...(await buildCosigner(policy, 'chipotle', { minEpoch: 1 })) };
      await reshare(info, { next, isActionGone: true });
    }
    for (const { address } of [one, other]) await signs(await readWallet(store, address));
  });

  test('another action is revoked for one of two keys under the same encryption only once the other has left the old action too', async () => {
    const wallet = await runtime.createWallet();
    const shared = hostWith({ createWallet: async () => wallet });
    const make = () => createWallet({ store, action: { runtime: shared, ...action }, threshold: 2, parties: 3 });
    const [one, other] = [(await make()).wallet, (await make()).wallet];
    const next = { runtime, ...(await buildCosigner('messages', 'chipotle', { minEpoch: 1, wallet })) };
    await assert.rejects(reshare(one, { next }), (error: unknown) => {
      assert.ok(error instanceof WalletError);
      assert.match(error.next ?? '', /Another wallet of this store .* reshare --revoke that one too/);
      return true;
    });
    await signs(await readWallet(store, one.address));
    await signs(other);
    await signs((await reshare(other, { next })).wallet);
    const { action: after } = await retire(store, await readWallet(store, one.address), runtime);
    assert.equal(after?.retired, undefined);
    await signs(await readWallet(store, one.address));
  });

  test('another action is not lost to a host that does not answer: the old one signs, or the new one, which finishes later', async () => {
    const old = await newWallet();
    const next = {
      runtime,
      ...(await buildCosigner('messages', 'chipotle', { minEpoch: 1, wallet: old.action?.wallet })),
    };
    const both = failing((cids) => cids.length === 2);
    await assert.rejects(reshare(old, { runtime: both, next: { ...next, runtime: both } }), /does not answer/);
    assert.deepEqual(await readWallet(store, old.address), old);
    await signs(old);

    const last = failing((cids) => cids.length === 1);
    await assert.rejects(reshare(old, { runtime: last, next }), (error: unknown) => {
      assert.ok(error instanceof WalletError);
      assert.match(error.message, /the old action Qm.* may still use it/);
      return true;
    });
    const changed = await readWallet(store, old.address);
    assert.equal(changed.action?.retired, old.action?.cid);
    await signs(changed);
    const settled = await retire(store, changed, runtime);
    assert.equal(settled.action?.retired, undefined);
    await signs(settled);
  });

  test('another action stays revoked, and the new one allowed, beside a change that was begun before', async () => {
    const old = await newWallet(guardian.address.toLowerCase() as Hex);
    const next = {
      runtime,
      ...(await buildCosigner('messages', 'chipotle', { minEpoch: 1, wallet: old.action?.wallet })),
    };
    let allowed: readonly string[] = [];
    const told = hostWith({
      permit: async (wallet, ...cids) => {
        await runtime.permit(wallet, ...cids);
        allowed = cids;
      },
    });
    const other = { runtime: told, ...(await buildCosigner('any')) };
    const askAuthority = async (permission: Permission) => {
      await reshare(old, { runtime: told, next: { ...next, runtime: told } });
      assert.deepEqual(allowed, [next.cid]);
      return { signature: await guardian.signTypedData(typedDataOf(permission) as never) };
    };
    const late = migrateWallet({ store, id: old.address, runtime: told, next: other, askAuthority });
    await assert.rejects(late, failsWith('changed', /Another command/));
    assert.deepEqual(allowed, [next.cid]);
    await signs(await readWallet(store, old.address));
  });

  test('another action under another authority is another change, if it is the same action twice', async () => {
    const old = await newWallet();
    const next = { runtime, ...(await buildCosigner('any')) };
    const silent = failing((cids) => cids.length === 1);
    const migrate = (authority: string, at: Runtime) =>
      migrateWallet({ store, id: old.address, runtime: at, next, authority });
    await assert.rejects(migrate('cold', silent), /may still use it/);
    const begun = await readWallet(store, old.address);
    const opened = await openWallet(store, { id: old.address, runtime });
    const { wallet } = await migrate(guardian.address, runtime);
    assert.equal(wallet.action?.cid, begun.action?.cid);
    await assert.rejects(retire(store, begun, runtime), /Another command/);
    await assert.rejects(opened.signMessage('hello'), failsWith('changed', /Another command/));
    assert.deepEqual(await readWallet(store, old.address), wallet);
    await signs(wallet);
  });

  test('another action gets nothing if the old one refuses', async () => {
    const old = await newWallet('none');
    const next = { runtime, ...(await buildCosigner('any')) };
    await assert.rejects(migrateWallet({ store, id: old.address, runtime, next }), /Nobody may ask/);
    // An authority that wallet.json does not know of: what counts is what is sealed.
    const path = join(store.dir, old.address, 'wallet.json');
    writeFileSync(path, JSON.stringify({ ...old, action: { ...old.action, authority: 'cold' } }));
    await assert.rejects(migrateWallet({ store, id: old.address, runtime, next }), RefusedError);
    await signs(old);
  });
});
