import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { armor, Decrypter, Encrypter, generateIdentity, identityToRecipient, Stanza } from 'age-encryption';
import { decodeCbor, encodeCbor } from '../ts/core/cbor.ts';
import { LockedError, StoreError, UsageError } from '../ts/errors.ts';
import { takeMutex } from '../ts/files/mutex.ts';
import { keyKindOf, sealer } from '../ts/store/age.ts';
import { type FileStore, openStore } from '../ts/store/node.ts';
import { keyOf, type Secret } from '../ts/store/scrypt.ts';
import {
  assertCurrent,
  assertUnlocked,
  draftChange,
  draftWallet,
  findWallet,
  forgetRetired,
  holdWallet,
  leftovers,
  listWallets,
  nextSealedName,
  readAction,
  readShare,
  readWallet,
  type WalletInfo,
} from '../ts/store/store.ts';

// The store does not look into shares: any bytes do.
const HOT = new Uint8Array(300).fill(0x17);
const COLD = new Uint8Array(300).fill(0x42);
const SOURCE = 'globalThis.main = () => 1; // 🔑\n';

const root = mkdtempSync(join(tmpdir(), 'tandem-store-'));
after(() => rmSync(root, { recursive: true, force: true }));

let identity: Secret & { identities: readonly string[] };
before(async () => {
  identity = { identities: [await generateIdentity()] };
});

let count = 0;
const freshStore = (key: Secret = identity): FileStore => openStore(join(root, `store${count++}`), async () => key);

function infoOf(digit: string): WalletInfo {
  return {
    version: 1,
    address: `0x${digit.repeat(40)}`,
    publicKey: `0x02${digit.repeat(64)}`,
    keyId: `0x${digit.repeat(64)}`,
    epoch: 0,
    threshold: 2,
    parties: [
      { index: 1, role: 'hot' },
      { index: 2, role: 'action' },
      { index: 3, role: 'cold' },
      { index: 4, role: 'cold' },
    ],
    runtime: 'local',
    action: { wallet: `0x${'9'.repeat(40)}`, cid: `Qm${'a'.repeat(44)}`, policy: 'messages', authority: 'cold' },
    created: '2026-01-01T00:00:00.000Z',
  };
}

async function addWallet(store: FileStore, digit = '1', indices = [1, 3, 4]): Promise<WalletInfo> {
  const info = infoOf(digit);
  const draft = await draftWallet(store, indices.length);
  const shares = new Map(indices.map((index) => [index, index === 1 ? HOT : COLD]));
  await draft.finish({ info, shares, action: { sealed: 'c2VhbGVk', source: SOURCE } });
  return info;
}

function fails(kind: StoreError['kind'], message?: RegExp) {
  return (error: unknown): true => {
    assert.ok(error instanceof StoreError, `not a StoreError: ${error}`);
    assert.equal(error.kind, kind, error.message);
    if (message) assert.match(error.message, message);
    return true;
  };
}

describe('a wallet in the store', () => {
  test('a wallet in the store comes back as it was stored', async () => {
    const store = freshStore();
    const info = await addWallet(store);
    assert.deepEqual(await listWallets(store), [info.address]);
    assert.deepEqual(await readWallet(store, await findWallet(store)), info);
    assert.deepEqual(await readShare(store, info, 1), HOT);
    assert.deepEqual(await readShare(store, info, 4), COLD);
    assert.deepEqual(await readAction(store, info), { ...pick(info), sealed: 'c2VhbGVk', source: SOURCE });
  });

  test('a wallet in the store is readable by its owner only', async () => {
    const store = freshStore();
    const { address } = await addWallet(store);
    const files = ['wallet.json', 'hot.age', 'cold.age', 'cold-4.age', 'action.sealed', 'actions'];
    assert.deepEqual(readdirSync(join(store.dir, address)).sort(), files.sort());
    for (const entry of readdirSync(store.dir, { recursive: true, withFileTypes: true })) {
      const mode = statSync(join(entry.parentPath, entry.name)).mode & 0o777;
      assert.equal(mode, entry.isDirectory() ? 0o700 : 0o600, entry.name);
    }
    assert.equal(statSync(store.dir).mode & 0o777, 0o700);
  });

  test('a wallet in the store is not replaced by another', async () => {
    const store = freshStore();
    await addWallet(store);
    await assert.rejects(addWallet(store), fails('exists'));
    assert.equal((await listWallets(store)).length, 1);
  });

  test('a wallet in the store is found by its address in any case, or alone', async () => {
    const store = freshStore();
    await assert.rejects(findWallet(store), fails('missing', /scripts\/keygen\.ts/));
    const { address } = await addWallet(store, 'A');
    assert.equal(await findWallet(store, address.toLowerCase()), address);
    await addWallet(store, 'b');
    await assert.rejects(findWallet(store), UsageError);
    await assert.rejects(findWallet(store, `0x${'c'.repeat(40)}`), fails('missing'));
  });

  const pick = (info: WalletInfo) => ({ wallet: info.action?.wallet, cid: info.action?.cid });
});

describe('a change of a wallet', () => {
  /** The same key in its next epoch, held by another action. */
  const next = (info: WalletInfo): WalletInfo => ({
    ...info,
    keyId: `0x${'e'.repeat(64)}`,
    epoch: info.epoch + 1,
    ...(info.action && { action: { ...info.action, cid: `Qm${'b'.repeat(44)}`, sealed: nextSealedName(info) } }),
  });
  const NEW = new Uint8Array([4, 5, 6]);

  test('a change of a wallet takes effect all at once, and deletes what was before', async () => {
    const store = freshStore();
    const old = await addWallet(store);
    writeFileSync(join(store.dir, old.address, 'hot.locked'), '{}');
    const draft = await draftChange(store, old, 3);
    const info = next(old);
    await draft.finish({
      info,
      shares: new Map([1, 3, 4].map((i) => [i, NEW])),
      action: { sealed: 'bmV3', source: '' },
    });
    assert.deepEqual(await readWallet(store, info.address), info);
    for (const index of [1, 3, 4]) assert.deepEqual(await readShare(store, info, index), NEW);
    assert.equal((await readAction(store, info)).sealed, 'bmV3');
    const files = ['action.1.sealed', 'actions', 'cold-4.1.age', 'cold.1.age', 'hot.1.age', 'wallet.json'];
    assert.deepEqual(readdirSync(join(store.dir, info.address)).sort(), files);
    assert.deepEqual(readdirSync(join(store.dir, info.address, 'actions')), [`${info.action?.cid}.js`]);
    assert.equal(nextSealedName(info), 'action.2.sealed');
  });

  test('a change of a wallet that was not finished leaves the old wallet, and the next one takes its place', async () => {
    const store = freshStore();
    const old = await addWallet(store);
    const folder = join(store.dir, old.address);
    writeFileSync(join(folder, 'hot.1.age'), 'half');
    writeFileSync(join(folder, 'action.1.sealed'), '{');
    assert.deepEqual(await readShare(store, await readWallet(store, old.address), 1), HOT);
    const draft = await draftChange(store, old, 3);
    await draft.finish({
      info: next(old),
      shares: new Map([1, 3, 4].map((i) => [i, NEW])),
      action: { sealed: 'bmV3', source: '' },
    });
    assert.deepEqual(await readShare(store, await readWallet(store, old.address), 1), NEW);
  });

  test('a change of the action alone leaves the shares alone', async () => {
    const store = freshStore();
    const old = await addWallet(store);
    const hot = readFileSync(join(store.dir, old.address, 'hot.age'));
    const { action } = next(old);
    assert.ok(action);
    const info = { ...old, action: { ...action, retired: old.action?.cid } };
    const draft = await draftChange(store, old, 0);
    await draft.finish({ info, shares: new Map(), action: { sealed: 'bmV3', source: '' } });
    assert.deepEqual(readFileSync(join(store.dir, old.address, 'hot.age')), hot);
    assert.equal((await readAction(store, info)).sealed, 'bmV3');
    await forgetRetired(store, info);
    assert.deepEqual(await readWallet(store, info.address), { ...info, action });
  });

  test('a change of a wallet is refused if the wallet was changed meanwhile', async () => {
    const store = freshStore();
    const old = await addWallet(store);
    const [first, second] = [await draftChange(store, old, 3), await draftChange(store, old, 3)];
    const wallet = {
      info: next(old),
      shares: new Map([1, 3, 4].map((i) => [i, NEW])),
      action: { sealed: 'bmV3', source: '' },
    };
    await first.finish(wallet);
    await assert.rejects(second.finish(wallet), fails('changed'));
    await assert.rejects(assertCurrent(store, old), fails('changed'));
    await assertCurrent(store, wallet.info);
  });
});

describe('share files', () => {
  test('share files are age files that any age tool opens, holding CBOR', async () => {
    const store = freshStore({ passphrase: 'five random words are better' });
    const info = await addWallet(store, '1', [1]);
    const file = readFileSync(join(store.dir, info.address, 'hot.age'));
    assert.match(file.toString('latin1'), /^age-encryption\.org\/v1\n-> scrypt [^ ]{22} 18\n/);
    assert.equal(keyKindOf(file), 'passphrase');
    const decrypter = new Decrypter();
    decrypter.addPassphrase('five random words are better');
    const content = decodeCbor(await decrypter.decrypt(new Uint8Array(file)));
    assert.deepEqual(
      content,
      new Map<string, unknown>([
        ['index', 1],
        ['share', HOT],
        ['wallet', info.address],
        ['version', 1],
      ]),
    );
    await assert.rejects(
      readShare(
        openStore(store.dir, async () => ({ passphrase: 'wrong' })),
        info,
        1,
      ),
      fails('passphrase'),
    );
  });

  test('share files may come from another age tool', async () => {
    const store = freshStore();
    const info = await addWallet(store);
    const encrypter = new Encrypter();
    encrypter.setPassphrase('p');
    encrypter.setScryptWorkFactor(10);
    const share = Uint8Array.of(1, 2, 3);
    const file = await encrypter.encrypt(encodeCbor({ version: 1, wallet: info.address, index: 1, share }));
    writeFileSync(join(store.dir, info.address, 'hot.age'), file);
    const asked: string[] = [];
    const other = openStore(store.dir, async (kind, what) => {
      asked.push(kind, what);
      return { passphrase: 'p' };
    });
    assert.deepEqual(await readShare(other, info, 1), share);
    assert.deepEqual(asked, ['passphrase', 'hot.age']);
  });

  test('share files may be armored', async () => {
    const store = freshStore();
    const info = await addWallet(store);
    const path = join(store.dir, info.address, 'hot.age');
    const armored = armor.encode(new Uint8Array(readFileSync(path)));
    for (const text of [armored, `\n ${armored.replaceAll('\n', '\r\n')}\n`]) {
      writeFileSync(path, text);
      assert.deepEqual(await readShare(store, info, 1), HOT);
    }
    for (const text of [armored.slice(0, -10), armored.replace(/\w{4}\n/, '\n'), armored.replace(/\w/g, '?')]) {
      writeFileSync(path, text);
      await assert.rejects(readShare(store, info, 1), fails('altered', /hot\.age is cut short or altered/));
    }
  });

  test('share files that are sound and of a kind that is not taken are not called altered', async () => {
    const store = freshStore();
    const info = await addWallet(store);
    const path = join(store.dir, info.address, 'hot.age');
    const encrypter = new Encrypter();
    encrypter.addRecipient({ wrapFileKey: () => [new Stanza(['ssh-ed25519', 'AAAA', 'BBBB'], new Uint8Array(32))] });
    writeFileSync(path, await encrypter.encrypt(Uint8Array.of(1)));
    await assert.rejects(
      readShare(store, info, 1),
      fails('identity', /is not opened here: it was made for ssh-ed25519/),
    );

    const stanza = new Stanza(['scrypt', 'A'.repeat(22), '22'], new Uint8Array(32));
    const slow = new Encrypter();
    slow.addRecipient({ wrapFileKey: () => [stanza] });
    writeFileSync(path, await slow.encrypt(Uint8Array.of(1)));
    const byPassphrase = openStore(store.dir, async () => ({ passphrase: 'x' }));
    await assert.rejects(readShare(byPassphrase, info, 1), fails('passphrase', /takes 2\^22 rounds of scrypt/));

    const notAge = openStore(store.dir, async () => ({ identities: ['AGE-PLUGIN-YUBIKEY-1QQQQQ'] }));
    await writeShare(store, path);
    await assert.rejects(readShare(notAge, info, 1), fails('identity', /an identity is none of age/));

    async function writeShare(of: typeof store, to: string): Promise<void> {
      const other = await addWallet(of, '2');
      copyFileSync(join(of.dir, other.address, 'hot.age'), to);
    }
  });

  test('share files show what they open with, and refuse another key', async () => {
    const store = freshStore();
    const info = await addWallet(store);
    assert.equal(keyKindOf(readFileSync(join(store.dir, info.address, 'hot.age'))), 'identity');
    const other: Secret = { identities: [await generateIdentity()] };
    await assert.rejects(
      readShare(
        openStore(store.dir, async () => other),
        info,
        1,
      ),
      fails('identity', /TANDEM_IDENTITY/),
    );
    const both: Secret = { identities: [...other.identities, ...identity.identities] };
    assert.deepEqual(
      await readShare(
        openStore(store.dir, async () => both),
        info,
        1,
      ),
      HOT,
    );
  });

  test('share files cut short or altered at any place are refused as such', async () => {
    const store = freshStore();
    const info = await addWallet(store);
    const path = join(store.dir, info.address, 'hot.age');
    const file = readFileSync(path);
    for (let length = 0; length < file.length; length += 13) {
      writeFileSync(path, file.subarray(0, length));
      await assert.rejects(readShare(store, info, 1), fails('altered', /hot\.age/), `${length} bytes`);
    }
    for (let at = 0; at < file.length; at += 7) {
      const altered = Buffer.from(file);
      altered[at] = (altered[at] ?? 0) ^ 4;
      writeFileSync(path, altered);
      // An altered recipient stanza may look like a key of somebody else.
      await assert.rejects(readShare(store, info, 1), (error) => {
        assert.ok(error instanceof StoreError && ['altered', 'identity'].includes(error.kind), `byte ${at}: ${error}`);
        return true;
      });
    }
    writeFileSync(path, Buffer.alloc(1 << 20));
    await assert.rejects(readShare(store, info, 1), fails('altered', /1048576 bytes/));
  });

  test('share files of another wallet, another party or another version are refused as such', async () => {
    const store = freshStore();
    const one = await addWallet(store, '1');
    const two = await addWallet(store, '2');
    const path = (info: WalletInfo, name: string) => join(store.dir, info.address, name);
    copyFileSync(path(two, 'hot.age'), path(one, 'hot.age'));
    await assert.rejects(readShare(store, one, 1), fails('other-wallet', new RegExp(two.address)));
    copyFileSync(path(one, 'cold.age'), path(one, 'hot.age'));
    await assert.rejects(readShare(store, one, 1), fails('other-wallet', /party 3/));
    rmSync(path(one, 'cold.age'));
    await assert.rejects(readShare(store, one, 3), fails('missing', /moved away/));

    const write = async (content: unknown) =>
      writeFileSync(path(one, 'hot.age'), await sealer(keyOf(identity))(encodeCbor(content)));
    const share = HOT;
    await write({ version: 2, wallet: one.address, index: 1, share });
    await assert.rejects(readShare(store, one, 1), fails('version', /version 2.*version 1/s));
    for (const content of [
      { version: 1, wallet: one.address, index: 1 },
      { version: 1, wallet: one.address, index: 1, share, more: 1 },
      { version: 1, wallet: one.address, index: 1, share: '' },
      { version: 1, wallet: one.address, index: 1, share: new Uint8Array(0) },
      [1],
      'text',
    ]) {
      await write(content);
      await assert.rejects(readShare(store, one, 1), fails('altered'), JSON.stringify(content));
    }
  });
});

describe('public files', () => {
  test('the public files of a store are parsed strictly', async () => {
    const store = freshStore();
    const info = await addWallet(store);
    const path = join(store.dir, info.address, 'wallet.json');
    const text = readFileSync(path, 'utf8');
    const refused = async (content: string | Buffer, kind: StoreError['kind'], message?: RegExp) => {
      writeFileSync(path, content);
      await assert.rejects(readWallet(store, info.address), fails(kind, message), content.toString().slice(0, 80));
    };
    await refused(text.slice(0, 100), 'altered', /not JSON/);
    await refused(Buffer.from([0xff, 0xfe]), 'altered', /UTF-8/);
    await refused('null', 'altered');
    await refused(text.replace('"version": 1', '"version": 7'), 'version', /newer/);
    await refused(text.replace('"threshold": 2', '"threshold": 5'), 'altered', /contradicts/);
    await refused(text.replace('"threshold": 2', '"threshold": 2, "more": 1'), 'altered', /more/);
    await refused(text.replaceAll('1'.repeat(40), '2'.repeat(40)), 'altered', /another wallet/);
    await refused(' '.repeat(100_000), 'altered', /100000 bytes/);
    rmSync(path);
    await assert.rejects(readWallet(store, info.address), fails('missing'));
    mkdirSync(path);
    await assert.rejects(readWallet(store, info.address), fails('altered', /not a file/));
  });

  test("the action's share in a store must be this wallet's", async () => {
    const store = freshStore();
    const info = await addWallet(store);
    const path = join(store.dir, info.address, 'action.sealed');
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace('Qma', 'Qmb'));
    await assert.rejects(readAction(store, info), fails('other-wallet'));
    writeFileSync(path, text.slice(0, -10));
    await assert.rejects(readAction(store, info), fails('altered'));
    writeFileSync(path, text);
    rmSync(join(store.dir, info.address, 'actions'), { recursive: true });
    await assert.rejects(readAction(store, info), fails('missing', /Qma.*\.js/));
  });
});

/** Runs a script in a process of its own, in which the named function of node:fs kills the process before it does anything. */
function runAndDie(at: string, script: string): void {
  const code = `
    import fs from 'node:fs';
    import { syncBuiltinESMExports } from 'node:module';
    import * as store from ${JSON.stringify(fileURLToPath(new URL('../ts/store/store.ts', import.meta.url)))};
    import { openStore } from ${JSON.stringify(fileURLToPath(new URL('../ts/store/node.ts', import.meta.url)))};
    fs.${at} = () => process.kill(process.pid, 'SIGKILL');
    syncBuiltinESMExports();
    ${script}
    console.error('still alive');`;
  const child = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
    encoding: 'utf8',
  });
  assert.equal(child.signal, 'SIGKILL', child.stderr);
}

describe('a process that is killed', () => {
  test('a process that is killed between write and rename of the lock leaves the wallet as it was, and what it left is cleaned', async () => {
    const store = freshStore();
    const { address } = await addWallet(store);
    runAndDie(
      'renameSync',
      `const held = await store.holdWallet(openStore(${JSON.stringify(store.dir)}, null), '${address}');
       await held.lockHot('a test');`,
    );
    const leftover = () => readdirSync(join(store.dir, address)).filter((name) => name.startsWith('.tmp-'));
    assert.equal(leftover().length, 1, 'it had written');
    assert.ok(existsSync(join(store.dir, address, 'lock')), 'it held the wallet');
    await assertUnlocked(store, address);
    const hold = await holdWallet(store, address);
    assert.deepEqual(leftover(), []);
    hold.release();
    assert.ok(!existsSync(join(store.dir, address, 'lock')));
  });

  test('a process that is killed before a new wallet has its name leaves no wallet, and its folder is cleaned', async () => {
    const store = freshStore();
    runAndDie(
      'renameSync',
      `const draft = await store.draftWallet(openStore(${JSON.stringify(store.dir)}, async () => (${JSON.stringify(identity)})), 1);
       const info = ${JSON.stringify(infoOf('1'))};
       await draft.finish({ info, shares: new Map([[1, new Uint8Array(9)]]), action: { sealed: 'x', source: '' } });`,
    );
    assert.deepEqual(await listWallets(store), []);
    const leftover = readdirSync(store.dir)[0] ?? '';
    assert.match(leftover, /^\.tmp-/, 'it had begun');
    assert.ok(existsSync(join(store.dir, leftover, 'wallet.json')), 'it had written all');
    assert.deepEqual(await leftovers(store), [leftover]);
    // Of another machine it might be in use.
    const foreign = leftover.replace(/-[0-9a-f]{8}-([0-9a-f]{12})$/, '-00000000-$1');
    mkdirSync(join(store.dir, foreign));
    await addWallet(store);
    assert.deepEqual(readdirSync(store.dir).sort(), [foreign, infoOf('1').address]);
    utimesSync(join(store.dir, foreign), 0, 0);
    await addWallet(store, '2');
    assert.deepEqual(readdirSync(store.dir).sort(), [infoOf('1').address, infoOf('2').address]);
  });
});

describe('a change that is stopped', () => {
  test('a change of a wallet that is stopped at any step leaves the old wallet or the new one, whole, and the rest is found', () => {
    // Every call of the file system from the nth on fails, as if the process had been killed there.
    const code = `
      import fs from 'node:fs';
      import { syncBuiltinESMExports } from 'node:module';
      import * as store from ${JSON.stringify(fileURLToPath(new URL('../ts/store/store.ts', import.meta.url)))};
    import { openStore } from ${JSON.stringify(fileURLToPath(new URL('../ts/store/node.ts', import.meta.url)))};
      const names = ['openSync', 'writeSync', 'fsyncSync', 'renameSync', 'linkSync', 'rmSync'];
      const real = Object.fromEntries(names.map((name) => [name, fs[name]]));
      let left = Infinity;
      for (const name of names) fs[name] = (...args) => {
        if (left-- <= 0) throw new Error('stopped');
        return name === 'fsyncSync' ? undefined : real[name](...args); // no power is lost here
      };
      syncBuiltinESMExports();
      const before = ${JSON.stringify(infoOf('1'))};
      const after = { ...before, epoch: 1, action: { ...before.action, sealed: 'action.1.sealed' } };
      const outcomes = [];
      for (let n = 0; ; n++) {
        const dir = ${JSON.stringify(join(root, 'stopped'))} + n;
        const s = openStore(dir, async () => (${JSON.stringify(identity)}));
        const write = async (begun, info) => {
          const shares = new Map([1, 3].map((index) => [index, new Uint8Array(9).fill(info.epoch)]));
          await (await begun).finish({ info, shares, action: { sealed: String(info.epoch), source: '' } });
        };
        await write(store.draftWallet(s, 2), before);
        const change = await store.draftChange(s, before, 2);
        left = n;
        const isWhole = await write(change, after).then(() => left >= 0, () => false);
        left = Infinity;
        const info = await store.readWallet(s, before.address);
        const shares = await Promise.all([1, 3].map((index) => store.readShare(s, info, index)));
        const found = [info.epoch, ...shares.map((share) => share[0]), Number((await store.readAction(s, info)).sealed)];
        if (new Set(found).size !== 1) throw new Error(\`stopped at \${n}: \${found}\`);
        outcomes.push({ epoch: info.epoch, left: (await store.unusedFiles(s, info)).length });
        if (isWhole) break;
      }
      console.log(JSON.stringify(outcomes));`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
      encoding: 'utf8',
    });
    assert.match(stdout, /^\[/, stderr);
    const outcomes = JSON.parse(stdout) as { epoch: number; left: number }[];
    const first = outcomes.findIndex(({ epoch }) => epoch === 1);
    assert.ok(first > 20 && outcomes.length - first > 5, stdout);
    assert.ok(
      outcomes.every(({ epoch }, n) => epoch === (n < first ? 0 : 1)),
      stdout,
    );
    assert.ok(
      outcomes.slice(0, first).some(({ left }) => left > 0) && outcomes.slice(first).some(({ left }) => left > 0),
    );
    assert.equal(outcomes.at(-1)?.left, 0);
  });
});

describe('a locked hot share', () => {
  test('a locked hot share is locked for every process, from the moment lockHot returns', async () => {
    const store = freshStore();
    const { address } = await addWallet(store);
    const hold = await holdWallet(store, address);
    await hold.lockHot('the proof is wrong');
    hold.release();
    const path = join(store.dir, address, 'hot.locked');
    assert.equal(statSync(path).mode & 0o777, 0o600);
    await assert.rejects(assertUnlocked(store, address), (error) => {
      assert.ok(error instanceof LockedError);
      assert.match(error.message, /the proof is wrong/);
      assert.match(error.message, /recover\S* --new-action.*--recovery/);
      return true;
    });
    writeFileSync(path, '');
    await assert.rejects(assertUnlocked(store, address), LockedError, 'whatever the file says');
    const again = await holdWallet(store, address);
    await again.unlockHot();
    again.release();
    await assertUnlocked(store, address);
  });
});

describe('the lock of a wallet', () => {
  test('the lock of a wallet is waited for, and given up on with the name of its holder', async () => {
    const path = join(root, 'busy.lock');
    const release = await takeMutex(path);
    await assert.rejects(takeMutex(path, { waitMs: 60 }), fails('busy', new RegExp(`process ${process.pid}`)));
    await assert.rejects(takeMutex(path, { signal: AbortSignal.timeout(40) }), { name: 'TimeoutError' });
    const next = takeMutex(path);
    release();
    (await next)();
    assert.ok(!existsSync(path));
  });

  test('the lock of a dead process is taken over, of a live one not', async () => {
    const path = join(root, 'stale.lock');
    const url = JSON.stringify(fileURLToPath(new URL('../ts/files/mutex.ts', import.meta.url)));
    const code = `import { takeMutex } from ${url}; await takeMutex(${JSON.stringify(path)}); console.log('held'); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    await assert.rejects(takeMutex(path, { waitMs: 60 }), fails('busy', new RegExp(`process ${child.pid}`)));
    child.kill('SIGKILL');
    await once(child, 'exit');
    (await takeMutex(path))();
    // A process with the same id but another start is another process.
    const held = { pid: process.pid, host: execFileSync('hostname', { encoding: 'utf8' }).trim(), started: '1' };
    writeFileSync(path, JSON.stringify(held));
    (await takeMutex(path))();
    // What runs on another machine cannot be seen from here.
    writeFileSync(path, JSON.stringify({ ...held, host: 'elsewhere' }));
    await assert.rejects(takeMutex(path, { waitMs: 60 }), fails('busy', /elsewhere/));
  });

  test('the lock of a wallet lets only one of several processes in at a time, also when they find it dead', async () => {
    const path = join(root, 'contended.lock');
    const counter = join(root, 'counter');
    writeFileSync(counter, '0');
    const host = execFileSync('hostname', { encoding: 'utf8' }).trim();
    writeFileSync(path, JSON.stringify({ pid: 4194305, host, started: '1' }));
    const url = JSON.stringify(fileURLToPath(new URL('../ts/files/mutex.ts', import.meta.url)));
    // Every turn ends with a lock that looks as if its holder had died, so that the others have to break it.
    const code = `
      import { readFileSync, writeFileSync } from 'node:fs';
      import { takeMutex } from ${url};
      const [path, counter] = ${JSON.stringify([path, counter])};
      for (let turn = 0; turn < 20; turn++) {
        const release = await takeMutex(path, { waitMs: 600_000 });
        const before = Number(readFileSync(counter, 'utf8'));
        await new Promise((resolve) => setTimeout(resolve, 1));
        writeFileSync(counter, String(before + 1));
        release();
        try {
          writeFileSync(path, JSON.stringify({ pid: 4194305, host: '${host}', started: String(before) }), { flag: 'wx' });
        } catch {}
      }`;
    const run = async () => {
      const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
        stdio: 'inherit',
      });
      const [status] = await once(child, 'exit');
      assert.equal(status, 0);
    };
    await Promise.all([run(), run(), run(), run()]);
    assert.equal(readFileSync(counter, 'utf8'), '80');
  });

  test('the lock of a wallet lets only one in at a time', async () => {
    const path = join(root, 'many.lock');
    let inside = 0;
    const turn = async () => {
      const release = await takeMutex(path);
      assert.equal(++inside, 1);
      await new Promise((resolve) => setTimeout(resolve, 2));
      inside--;
      release();
    };
    await Promise.all(Array.from({ length: 8 }, turn));
  });
});

/** A file system of its own; skips the test where that is not possible. */
function mountTmpfs(t: TestContext, options: string): string | undefined {
  const dir = mkdtempSync(join(root, 'mnt-'));
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', dir]);
  if (mount.status !== 0) {
    t.skip('needs to mount a tmpfs: run as root');
    return undefined;
  }
  t.after(() => execFileSync('umount', ['-l', dir]));
  return dir;
}

describe('a file system that does not take it', () => {
  test('a read-only file system is refused before anything is done', async (t) => {
    const dir = mountTmpfs(t, 'size=1m');
    if (dir === undefined) return;
    const store = openStore(dir, async () => identity);
    const { address } = await addWallet(store);
    execFileSync('mount', ['-o', 'remount,ro', dir]);
    await assert.rejects(holdWallet(store, address), fails('read-only'));
    await assert.rejects(draftWallet(store, 2), fails('read-only'));
    await assert.rejects(
      draftWallet(
        openStore(join(dir, 'new'), async () => identity),
        2,
      ),
      fails('read-only'),
    );
    assert.deepEqual(await readShare(store, await readWallet(store, address), 1), HOT);
  });

  test('a store that is not writable for this user is refused as read-only', async (t) => {
    if (process.getuid?.() === 0) return t.skip('root may write anywhere');
    const store = freshStore();
    const { address } = await addWallet(store);
    chmodSync(join(store.dir, address), 0o500);
    t.after(() => chmodSync(join(store.dir, address), 0o700));
    await assert.rejects(holdWallet(store, address), fails('read-only'));
  });

  test('on a full file system a new wallet leaves nothing, and a failed check still locks', async (t) => {
    const dir = mountTmpfs(t, 'size=64k');
    if (dir === undefined) return;
    const store = openStore(dir, async () => identity);
    const { address } = await addWallet(store);
    const draft = await draftWallet(store, 2);
    const hold = await holdWallet(store, address);
    assert.throws(() => writeFileSync(join(dir, 'filler'), new Uint8Array(64 * 1024)), { code: 'ENOSPC' });
    await assert.rejects(
      draft.finish({ info: infoOf('2'), shares: new Map([[1, HOT]]), action: { sealed: 'x', source: SOURCE } }),
      fails('full'),
    );
    draft.discard();
    assert.deepEqual(readdirSync(dir).sort(), [address, 'filler']);
    await hold.lockHot('no space for this');
    await assert.rejects(assertUnlocked(store, address), LockedError);
    hold.release();
    await assert.rejects(holdWallet(store, address), fails('full'));
  });
});

test('the recipient of an identity is in no file of the store but the age files', async () => {
  const store = freshStore();
  const { address } = await addWallet(store);
  const [secret = ''] = identity.identities;
  const recipient = await identityToRecipient(secret);
  for (const name of ['wallet.json', 'action.sealed']) {
    const text = readFileSync(join(store.dir, address, name), 'utf8');
    assert.ok(
      !text.includes(recipient) && !text.includes(secret) && !text.includes(Buffer.from(HOT).toString('base64')),
    );
  }
});
