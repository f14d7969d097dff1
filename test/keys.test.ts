import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { generateIdentity } from 'age-encryption';
import { decryptKeystoreJson } from 'ethers';
import { type Hex, hexToBytes, recoverAddress, toHex } from 'viem';
import { HDKey, privateKeyToAccount, publicKeyToAddress } from 'viem/accounts';
import { buildCosigner } from '../ts/build/cosigner.ts';
import { encodeCbor } from '../ts/core/cbor.ts';
import { exportKey } from '../ts/deal/export.ts';
import { createWallet } from '../ts/deal/keygen.ts';
import { reshareWallet } from '../ts/deal/reshare.ts';
import { parsePolicy } from '../ts/policy/policy.ts';
import { LocalRuntime } from '../ts/runtime/local/runtime.ts';
import { deriveAddresses } from '../ts/signing/address.ts';
import { openWallet } from '../ts/signing/wallet.ts';
import { sealer } from '../ts/store/age.ts';
import { type CheckedWallet, checkWallet } from '../ts/store/check.ts';
import { NOTE, readNote } from '../ts/store/correlations.ts';
import { encryptKeystore } from '../ts/store/keystore.ts';
import { type FileStore, openStore } from '../ts/store/node.ts';
import { keyOf } from '../ts/store/scrypt.ts';
import { readShare, readWallet, type WalletInfo } from '../ts/store/store.ts';
import { json, command as run } from './support/command.ts';
import keystoreVector from './vectors/keystore.json' with { type: 'json' };

// What is done with a wallet besides signing: the commands in processes of their own, on one wallet with an action and on
// one without.

const root = mkdtempSync(join(tmpdir(), 'tandem-keys-'));
const identityFile = join(root, 'identity.txt');
const env = { TANDEM_IDENTITY: identityFile };

let identity: string;
let store: FileStore;
let info: WalletInfo;
let other: WalletInfo;
let runtime: LocalRuntime;
before(async () => {
  identity = await generateIdentity();
  writeFileSync(identityFile, `${identity}\n`);
  store = openStore(join(root, 'store'), async () => ({ identities: [identity] }));
  mkdirSync(store.dir);
  runtime = await LocalRuntime.open({ dir: join(store.dir, 'local-lit') });
  const action = { runtime, ...(await buildCosigner('messages')) };
  info = (await createWallet({ store, action, threshold: 2, parties: 3 })).wallet;
  other = (await createWallet({ store, threshold: 2, parties: 2 })).wallet;
});
after(() => {
  runtime?.close();
  rmSync(root, { recursive: true, force: true });
});

const wallet = (args: string[], environment: Record<string, string> = env) =>
  run('wallet', [...args, '--store', store.dir], environment);

/** A copy of the store, for a test to spoil. */
let copies = 0;
function copy(): FileStore {
  const dir = join(root, `copy${copies++}`);
  cpSync(store.dir, dir, { recursive: true });
  return openStore(dir, store.key);
}

function spoil(path: string, change: (bytes: Buffer) => Uint8Array): void {
  writeFileSync(path, change(readFileSync(path)));
}

function flip(bytes: Buffer): Buffer {
  const at = bytes.length - 20;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes;
}

/** Writes a share file of party 1 of the first wallet, with a share that need not be it. */
async function writeShare(path: string, share: Uint8Array, version = 1): Promise<void> {
  const content = encodeCbor({ version, wallet: info.address, index: 1, share });
  writeFileSync(path, await sealer(keyOf({ identities: [identity] }))(content));
}

const hostHash = () => createHash('sha256').update(hostname()).digest('hex').slice(0, 8);

describe('wallet list and show', () => {
  test('wallet list and show tell what is public, without a key', async () => {
    const { wallets } = json(await wallet(['list', '--json'], {})) as { wallets: Record<string, unknown>[] };
    const one = wallets.find((entry) => entry.wallet === info.address);
    const expected = { threshold: 2, parties: 3, epoch: 0, runtime: 'local', policy: 'messages', locked: false };
    assert.deepEqual(one, { wallet: info.address, ...expected, created: info.created });
    assert.equal(wallets.length, 2);

    const shown = json(await wallet(['show', '--wallet', info.address, '--json'], {}));
    const shares = [
      { file: 'hot.age', here: true },
      { file: 'cold.age', here: true },
    ];
    assert.deepEqual(shown, { ...info, locked: false, failures: 0, correlation: true, shares });
    const text = (await wallet(['show', '--wallet', info.address], {})).stdout;
    assert.match(text, new RegExp(`^action +${info.action?.cid}$`, 'm'));
    assert.match(text, /^parties +1 hot, 2 action, 3 cold; 2 of them sign$/m);
  });

  test('wallet list shows a wallet that cannot be read beside those that can', async () => {
    const spoilt = copy();
    writeFileSync(join(spoilt.dir, info.address, 'wallet.json'), '{"version": 9}');
    const { stdout, code } = await run('wallet', ['list', '--store', spoilt.dir], {});
    assert.equal(code, 0);
    assert.match(stdout, /version 9; this tandem knows version 1/);
    assert.match(stdout, new RegExp(`^${other.address}  2 of 2, no action, epoch 0$`, 'm'));
  });

  test('wallet exits with 64 at wrong usage', async () => {
    for (const args of [['burn'], [], ['list', 'show'], ['list', '--what'], ['show']]) {
      assert.equal((await wallet(args)).code, 64, args.join(' '));
    }
  });
});

describe('wallet lock and unlock', () => {
  test('a locked share signs no more with the action; unlocking says what it risks and wants to be confirmed', async () => {
    const named = ['--wallet', info.address];
    assert.deepEqual(json(await wallet(['lock', ...named, '--json'])), { wallet: info.address, locked: true });
    const signing = await run('sign', ['--store', store.dir, ...named, '--message', 'x'], env);
    assert.equal(signing.code, 3);
    assert.match(signing.stderr, /locked by hand.*wallet\.ts unlock/s);
    assert.equal(json(await wallet(['show', ...named, '--json'])).locked, true);

    const asked = await wallet(['unlock', ...named]);
    assert.equal(asked.code, 1);
    assert.match(asked.stderr, /cost one bit of the hot share.*no terminal.*--yes/s);
    const unlocked = { wallet: info.address, locked: false, calls: 0 };
    assert.deepEqual(json(await wallet(['unlock', ...named, '--yes', '--json'])), unlocked);
    const { signature, digest } = await (await openWallet(store, { id: info.address, runtime })).signMessage('x');
    assert.equal(await recoverAddress({ hash: digest, signature }), info.address);
  });

  test('wallet correlate makes the correlation anew; unlock makes one where there is none, and both say how many calls that took', async () => {
    const named = ['--wallet', info.address, '--json'];
    const id = async () => (await readNote(store, info.address)).alive?.id;
    const before = await id();
    assert.deepEqual(json(await wallet(['correlate', ...named])), { wallet: info.address, calls: 1 });
    const anew = await id();
    assert.ok(anew !== undefined && anew !== before);
    const note = join(store.dir, info.address, NOTE);
    writeFileSync(note, JSON.stringify({ version: 1, failures: 2, failedSetUps: 3 }));
    await wallet(['lock', ...named]);
    const asked = await wallet(['unlock', '--wallet', info.address]);
    assert.match(asked.stderr, /have failed a check so far: 2/);
    const unlocked = json(await wallet(['unlock', ...named, '--yes']));
    assert.deepEqual(unlocked, { wallet: info.address, locked: false, calls: 0 }, 'not after three that failed');
    const again = await wallet(['correlate', ...named]);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /the last 3 set-ups.*--yes/s);
    assert.equal(json(await wallet(['correlate', ...named, '--yes'])).calls, 1);
    const shown = json(await wallet(['show', ...named]));
    assert.deepEqual([shown.failures, shown.correlation, shown.locked], [2, true, false]);
    rmSync(note);
    await wallet(['lock', ...named]);
    assert.equal(json(await wallet(['unlock', ...named, '--yes'])).calls, 1);
  });
});

describe('wallet check', () => {
  test('wallet check finds a store in order, also a copy of it, and the copy signs', async () => {
    const backup = copy();
    const outcome = await run('wallet', ['check', '--store', backup.dir, '--json'], env);
    const { ok, wallets, cleaned } = json(outcome) as { ok: boolean; wallets: CheckedWallet[]; cleaned: string[] };
    assert.ok(ok);
    assert.deepEqual(cleaned, []);
    const checked = wallets.find((one) => one.wallet === info.address);
    const files = ['wallet.json', 'hot.age', 'cold.age', 'action.sealed', 'local-lit'];
    assert.deepEqual(checked, {
      wallet: info.address,
      files: files.map((file) => ({ file, state: 'sound' })),
      cleaned: [],
    });
    // Its local host is a copy too.
    const host = await LocalRuntime.open({ dir: join(backup.dir, 'local-lit') });
    const { signature, digest } = await (await openWallet(backup, { id: info.address, runtime: host })).signMessage(
      'x',
    );
    host.close();
    assert.equal(await recoverAddress({ hash: digest, signature }), info.address);
  });

  test('wallet check reads the source of the action once', async (t) => {
    const store = copy();
    const read = t.mock.method(store, 'read');
    await checkWallet(store, info.address);
    const sources = read.mock.calls.filter(({ arguments: [path] }) => path.includes('/actions/'));
    assert.equal(sources.length, 1);
  });

  test('wallet check does without the shares that were put away', async () => {
    const hotOnly = copy();
    rmSync(join(hotOnly.dir, info.address, 'cold.age'));
    const coldOnly = copy();
    for (const name of ['hot.age', 'action.sealed', 'actions']) {
      rmSync(join(coldOnly.dir, info.address, name), { recursive: true });
    }
    const states = async (of: FileStore) => (await checkWallet(of, info.address)).files.map(({ state }) => state);
    assert.deepEqual(await states(hotOnly), ['sound', 'sound', 'away', 'sound']);
    assert.deepEqual(await states(coldOnly), ['sound', 'away', 'sound', 'away']);
    const [, , , sealed] = (await checkWallet(coldOnly, info.address)).files;
    assert.equal(sealed?.file, 'action.sealed');
    assert.match(sealed?.next ?? '', /to recover, put this file and the folder actions back/);
  });

  /** What is wrong with a wallet, by file. */
  async function problems(of: FileStore, id: string = info.address): Promise<Record<string, string | undefined>> {
    const { files } = await checkWallet(of, id);
    return Object.fromEntries(files.filter(({ state }) => state === 'wrong').map((one) => [one.file, one.problem]));
  }

  const damages: Record<string, [file: string, spoil: (folder: string) => unknown, problem: RegExp]> = {
    'a share cut short': ['hot.age', (folder) => spoil(join(folder, 'hot.age'), (b) => b.subarray(0, -9)), /cut short/],
    'an altered share': ['cold.age', (folder) => spoil(join(folder, 'cold.age'), flip), /altered/],
    'the share of another wallet': [
      'hot.age',
      (folder) => copyFileSync(join(store.dir, other.address, 'hot.age'), join(folder, 'hot.age')),
      /party 1's share of wallet 0x/,
    ],
    'the share of another party': [
      'hot.age',
      (folder) => copyFileSync(join(folder, 'cold.age'), join(folder, 'hot.age')),
      /party 3's share/,
    ],
    "another key's share under this wallet's name": [
      'hot.age',
      async (folder) => writeShare(join(folder, 'hot.age'), await readShare(store, other, 1)),
      /a share of another key/,
    ],
    'an age file that holds no share': [
      'hot.age',
      (folder) => writeShare(join(folder, 'hot.age'), new Uint8Array(300)),
      /does not contain a valid share/,
    ],
    'a share of an earlier epoch': [
      'hot.2.age',
      (folder) => {
        copyFileSync(join(folder, 'hot.age'), join(folder, 'hot.2.age'));
        spoil(join(folder, 'wallet.json'), (b) => Buffer.from(String(b).replace('"epoch": 0', '"epoch": 2')));
      },
      /is old: it has epoch 0, and the wallet has epoch 2/,
    ],
    'a share of a version to come': [
      'hot.age',
      (folder) => writeShare(join(folder, 'hot.age'), new Uint8Array(9), 2),
      /version 2; this tandem knows version 1/,
    ],
    'a wallet.json of a version to come': [
      'wallet.json',
      (folder) =>
        spoil(join(folder, 'wallet.json'), (b) => Buffer.from(String(b).replace('"version": 1', '"version": 2'))),
      /version 2; this tandem knows version 1/,
    ],
    'no wallet.json': ['wallet.json', (folder) => rmSync(join(folder, 'wallet.json')), /does not exist/],
    'no share at all': [
      'shares',
      (folder) => ['hot.age', 'cold.age'].map((name) => rmSync(join(folder, name))),
      /No share of this wallet is here/,
    ],
    'an altered source of the action': [
      'action.sealed',
      (folder) => spoil(join(folder, 'actions', `${info.action?.cid}.js`), flip),
      /source has CID Qm.*its share belongs to Qm/,
    ],
    'no source of the action': [
      'action.sealed',
      (folder) => rmSync(join(folder, 'actions'), { recursive: true }),
      /not exist/,
    ],
    "another wallet's sealed share": [
      'action.sealed',
      (folder) =>
        spoil(join(folder, 'action.sealed'), (b) =>
          Buffer.from(String(b).replace(/(?<="wallet": "0x)./, (digit) => (digit === '0' ? '1' : '0'))),
        ),
      /another wallet/,
    ],
  };
  for (const [name, [file, damage, problem]] of Object.entries(damages)) {
    test(`wallet check finds ${name}`, async () => {
      const spoilt = copy();
      await damage(join(spoilt.dir, info.address));
      const found = await problems(spoilt);
      assert.match(found[file] ?? '', problem, JSON.stringify(found));
      assert.deepEqual(await problems(spoilt, other.address), {});
    });
  }

  test('wallet check says what to do, exits with 1 and shows no secret', async () => {
    const spoilt = copy();
    const folder = join(spoilt.dir, info.address);
    spoil(join(folder, 'hot.age'), flip);
    const outcome = await run('wallet', ['check', '--store', spoilt.dir], env);
    assert.equal(outcome.code, 1);
    assert.match(outcome.stdout, /wrong {2}hot\.age: .*altered.*\n +Next: restore the file from a backup/);
    assert.match(outcome.stderr, /Something is wrong/);
    const share = Buffer.from(await readShare(store, info, 1));
    const parts = Array.from({ length: share.length - 16 }, (_, at) => share.subarray(at, at + 16).toString('hex'));
    const said = `${outcome.stdout}${outcome.stderr}`;
    const known = [info.publicKey, info.keyId, info.address].join();
    assert.ok(parts.every((part) => !said.includes(part) || known.includes(part)));

    const stranger = openStore(store.dir, async () => ({ identities: [await generateIdentity()] }));
    assert.deepEqual(Object.keys(await problems(stranger)), ['hot.age', 'cold.age']);
    const unasked = await run('wallet', ['check', '--store', store.dir, '--wallet', other.address], {});
    assert.equal(unasked.code, 1);
    assert.match(unasked.stdout, /^ {2}unchecked {2}hot\.age: hot\.age opens with an age identity/m);
    assert.match(unasked.stderr, /^Not everything in .* was checked\.$/m);
    const nobody = await run('wallet', ['check', '--store', join(root, 'nowhere')], env);
    assert.equal(nobody.code, 1);
    assert.match(nobody.stderr, /There is no store/);
  });

  test('wallet check removes what dead processes left: a draft, a lock, files of a change that was not finished', async () => {
    const left = copy();
    const folder = join(left.dir, info.address);
    const dead = (base: string) => `.tmp-${base}-4194305-1-${hostHash()}-0123456789ab`;
    mkdirSync(join(left.dir, dead('wallet')));
    writeFileSync(join(folder, dead('wallet.json')), '{');
    writeFileSync(join(folder, 'actions', dead('Qm.js')), 'half');
    mkdirSync(join(left.dir, 'deals'));
    writeFileSync(join(left.dir, 'deals', dead('session.age')), 'half');
    writeFileSync(join(folder, 'lock'), JSON.stringify({ pid: 4194305, host: hostname(), started: '1' }));
    const sealed = readFileSync(join(folder, 'action.sealed'));
    writeFileSync(join(folder, 'action.1.sealed'), sealed);
    const sha256 = createHash('sha256').update(sealed).digest('hex');
    writeFileSync(
      join(folder, 'change.json'),
      JSON.stringify({ version: 1, files: [{ path: 'action.1.sealed', sha256 }] }),
    );
    const outcome = await run('wallet', ['check', '--store', left.dir, '--json'], env);
    const { wallets, cleaned } = json(outcome) as { wallets: CheckedWallet[]; cleaned: string[] };
    assert.deepEqual(cleaned, [dead('wallet'), join('deals', dead('session.age'))]);
    const one = wallets.find((checked) => checked.wallet === info.address);
    assert.deepEqual([...(one?.cleaned ?? [])].sort(), [
      dead('wallet.json'),
      'action.1.sealed',
      join('actions', dead('Qm.js')),
      'change.json',
      'lock',
    ]);
    const all = (dir: string) => readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort();
    assert.deepEqual(all(folder), all(join(store.dir, info.address)));
    assert.deepEqual(readdirSync(join(left.dir, 'deals')), []);
    rmSync(join(left.dir, 'deals'), { recursive: true });
    assert.deepEqual(readdirSync(left.dir).sort(), readdirSync(store.dir).sort());
  });

  test('wallet check keeps what could be the missing share: a newer one than an old wallet.json knows', async () => {
    const old = copy();
    const folder = join(old.dir, info.address);
    renameSync(join(folder, 'hot.age'), join(folder, 'hot.1.age'));
    const isNoted = (of: string) => {
      const sha256 = createHash('sha256')
        .update(readFileSync(join(folder, of)))
        .digest('hex');
      writeFileSync(join(folder, 'change.json'), JSON.stringify({ version: 1, files: [{ path: of, sha256 }] }));
    };
    for (const name of ['action.sealed', 'cold.age']) {
      rmSync(join(folder, 'change.json'), { force: true });
      assert.match((await problems(old))['hot.1.age'] ?? '', /It holds the share that belongs in hot\.age/, name);
      isNoted('hot.1.age');
      assert.match((await problems(old))['hot.1.age'] ?? '', /It stays until/, name);
      rmSync(join(folder, name));
    }
    assert.match((await problems(old))['hot.1.age'] ?? '', /It stays until/);
    assert.ok(readdirSync(folder).includes('hot.1.age'));
  });

  test('wallet check tells what a share under another name is, and deletes no file of a person', async () => {
    const changed = copy();
    const folder = join(changed.dir, info.address);
    for (const name of ['hot.age', 'cold.age']) copyFileSync(join(folder, name), join(root, `old-${name}`));
    const host = await LocalRuntime.open({ dir: join(changed.dir, 'local-lit') });
    await reshareWallet({ store: changed, id: info.address, runtime: host });
    host.close();
    renameSync(join(folder, 'cold.1.age'), join(folder, 'cold.age'));
    copyFileSync(join(root, 'old-cold.age'), join(folder, 'cold-5.age'));
    copyFileSync(join(folder, 'hot.1.age'), join(folder, 'hot.age'));
    copyFileSync(join(store.dir, other.address, 'hot.age'), join(folder, 'hot.7.age'));
    writeFileSync(join(folder, 'cold.2.age'), 'half');
    copyFileSync(join(folder, 'action.1.sealed'), join(folder, 'action.sealed'));
    // A note of a change does not cover what has been put in the place of a file since.
    const [path, sha256] = [
      'cold.age',
      createHash('sha256')
        .update(readFileSync(join(root, 'old-cold.age')))
        .digest('hex'),
    ];
    writeFileSync(join(folder, 'change.json'), JSON.stringify({ version: 1, files: [{ path, sha256 }] }));
    const before = readdirSync(folder).filter((name) => name !== 'change.json');
    const { files } = await checkWallet(changed, info.address);
    const found = Object.fromEntries(files.map(({ file, problem, next }) => [file, `${problem} ${next}`]));
    assert.match(found['cold.age'] ?? '', /belongs in cold\.1\.age\. rename it/);
    assert.match(found['hot.age'] ?? '', /belongs in hot\.1\.age\. delete it: hot\.1\.age is here too/);
    assert.match(found['cold-5.age'] ?? '', /party 3's share of epoch 0; the wallet has epoch 1\. destroy it/);
    assert.match(found['hot.7.age'] ?? '', /share of the wallet 0x.*move it to the folder of that wallet/);
    assert.match(found['cold.2.age'] ?? '', /does not open: .*cut short or altered.* before you delete it/);
    assert.match(found['action.sealed'] ?? '', /wallet\.json does not name it/);
    assert.deepEqual(readdirSync(folder), before);

    // An older wallet.json with its shares, beside a newer share: the newest cold share may be the only one there is.
    const old = copy();
    copyFileSync(join(folder, 'cold.age'), join(old.dir, info.address, 'cold.1.age'));
    assert.match((await problems(old))['cold.1.age'] ?? '', /epoch 1; the wallet has epoch 0/);
    assert.ok(existsSync(join(old.dir, info.address, 'cold.1.age')));
  });

  test('reshare --revoke takes the rules of the wallet from its action, so that nobody has to keep their file', async () => {
    const ruled = openStore(join(root, 'ruled'), store.key);
    const rules = [{ name: 'greet', kind: 'message', prefixes: ['hello'] }];
    const host = await LocalRuntime.open({ dir: join(ruled.dir, 'local-lit') });
    const action = { runtime: host, ...(await buildCosigner(parsePolicy({ version: 1, rules }))) };
    const made = (await createWallet({ store: ruled, action, threshold: 2, parties: 3 })).wallet;
    host.close();
    const revoked = await run('reshare', ['--store', ruled.dir, '--revoke', '--json'], env);
    assert.notEqual(json(revoked).cid, made.action?.cid);
    assert.equal((await readWallet(ruled, made.address)).action?.policy, made.action?.policy);
    const say = (message: string) => run('sign', ['--store', ruled.dir, '--message', message], env);
    assert.deepEqual([(await say('hello')).code, (await say('bye')).code], [0, 2]);
  });

  test('no command takes another policy from a store that was changed than the one the CID commits to', async () => {
    const change = (of: FileStore, policy: string) =>
      spoil(join(of.dir, info.address, 'wallet.json'), (bytes) => {
        const wallet = JSON.parse(bytes.toString()) as { action: { policy: string } };
        return Buffer.from(JSON.stringify({ ...wallet, action: { ...wallet.action, policy } }));
      });
    const at = (of: FileStore) => ['--store', of.dir, '--wallet', info.address];
    const named = copy();
    change(named, 'any');
    const checked = await run('wallet', ['check', ...at(named)], env);
    assert.equal(checked.code, 1);
    assert.match(checked.stdout, /wrong {2}policy: .* names the policy any, but its action has messages/);
    for (const [name, ...args] of [
      ['reshare', '--revoke'],
      ['recover', '--new-action'],
    ] as const) {
      const { code, stderr } = await run(name, [...args, ...at(named)], env);
      assert.notEqual(code, 0);
      assert.match(stderr, /names the policy any, but its action has messages/);
    }
    // The source too, which the CID then is not that of.
    const both = copy();
    change(both, 'any');
    spoil(join(both.dir, info.address, 'actions', `${info.action?.cid}.js`), () =>
      Buffer.from('const tandemConstants={POLICY:{"rules":"any","version":1}};\n'),
    );
    rmSync(join(both.dir, 'local-lit'), { recursive: true });
    const { code, stderr } = await run('recover', ['--new-action', ...at(both)], env);
    assert.equal(code, 1);
    assert.match(stderr, /The action's source has CID/);
    assert.equal((await readWallet(both, info.address)).epoch, 0);
  });

  test('wallet check and a signature say that the local host is lost, or another', async () => {
    const lost = copy();
    rmSync(join(lost.dir, 'local-lit'), { recursive: true });
    const check = () => run('wallet', ['check', '--store', lost.dir, '--wallet', info.address], env);
    const [none, coldOnly] = [await check(), copy()];
    assert.equal(none.code, 1);
    assert.match(
      none.stdout,
      /wrong {2}local-lit: there is no local host in .*\n +Next: put the folder .*local-lit back/,
    );
    for (const [name, ...args] of [['sign', '--message', 'x'], ['reshare'], ['recover']] as const) {
      const { code, stderr } = await run(name, ['--store', lost.dir, '--wallet', info.address, ...args], env);
      assert.equal(code, 1);
      assert.match(
        stderr,
        /there is no local host in .*local-lit.*\nNext: put the folder .*--recovery.*recover --new-action/,
      );
    }
    assert.ok(!existsSync(join(lost.dir, 'local-lit')), 'nobody begins one in its place, which would hide the loss');
    const another = await LocalRuntime.open({ dir: join(lost.dir, 'local-lit') });
    assert.match((await check()).stdout, /wrong {2}local-lit: the local host in .* is not the one of this wallet/);
    const signing = (await openWallet(lost, { id: info.address, runtime: another })).signMessage('x');
    await assert.rejects(signing, { code: 'host-permission', message: /local-lit is not the one of this wallet/ });
    another.close();
    rmSync(join(coldOnly.dir, 'local-lit'), { recursive: true });
    for (const name of ['hot.age', 'action.sealed']) rmSync(join(coldOnly.dir, info.address, name));
    assert.equal((await run('wallet', ['check', '--store', coldOnly.dir], env)).code, 0, 'a cold machine needs none');
  });
});

describe('address', () => {
  const list = async (...args: string[]) =>
    json(await run('address', ['--store', store.dir, '--wallet', info.address, '--json', ...args], env)) as {
      xpub: string;
      addresses: { path: string; address: Hex }[];
    };
  const viemAddress = ({ publicKey }: HDKey): Hex => {
    assert.ok(publicKey);
    return publicKeyToAddress(`0x${secp256k1.Point.fromBytes(publicKey).toHex(false)}`);
  };

  test("address lists what viem's HD derivation gives from the exported xpub", async () => {
    const root = await list('--count', '3');
    const key = HDKey.fromExtendedKey(root.xpub);
    assert.equal(toHex(key.publicKey ?? new Uint8Array()), info.publicKey);
    assert.deepEqual(root.addresses[0], { path: 'm', address: info.address });
    assert.deepEqual(
      root.addresses.map(({ path }) => path),
      ['m', 'm/0', 'm/1', 'm/2'],
    );
    for (const { path, address } of root.addresses) assert.equal(address, viemAddress(key.derive(path)), path);

    const below = await list('--path', 'm/44/2147483647', '--count', '2');
    const account = HDKey.fromExtendedKey(below.xpub);
    assert.equal(account.publicExtendedKey, key.derive('m/44/2147483647').publicExtendedKey);
    assert.deepEqual(
      below.addresses.map(({ address }) => address),
      [account, account.derive('m/0'), account.derive('m/1')].map(viemAddress),
    );
  });

  test('the address at a path is the one that signs there, with the action and without', async () => {
    const [at] = (await list('--path', 'm/0/5', '--count', '0')).addresses;
    const wallet = await openWallet(store, { id: info.address, runtime });
    for (const recovery of [false, true]) {
      const { digest, signature } = await wallet.signMessage('x', { path: 'm/0/5', recovery });
      assert.equal(await recoverAddress({ hash: digest, signature }), at?.address);
    }
  });

  test('at a path either protocol signs', async () => {
    const { xpub } = await deriveAddresses(store, other, { path: 'm', count: 0 });
    const address = viemAddress(HDKey.fromExtendedKey(xpub).derive('m/7/1'));
    for (const protocol of ['dkls18', 'dkls23'] as const) {
      const signing = { path: 'm/7/1', recovery: true, protocol };
      const signed = await (await openWallet(store, { id: other.address })).signMessage('x', signing);
      assert.equal(signed.protocol, protocol);
      assert.equal(await recoverAddress({ hash: signed.digest, signature: signed.signature }), address);
    }
  });

  test('address refuses hardened paths and what is no path, and says where a share has to be', async () => {
    const named = ['--store', store.dir, '--wallet', info.address];
    const hardened = await run('address', [...named, '--path', "m/44'/60'"], env);
    assert.equal(hardened.code, 64);
    assert.match(hardened.stderr, /hardened step; that needs the whole private key, which nobody has/);
    for (const path of ['0/5', 'm/', 'm/-1', 'm/2147483648', 'm/x']) {
      assert.equal((await run('address', [...named, '--path', path], env)).code, 64, path);
    }
    const empty = copy();
    for (const name of ['hot.age', 'cold.age']) rmSync(join(empty.dir, info.address, name));
    await assert.rejects(deriveAddresses(empty, info, { path: 'm', count: 0 }), /No share of .* is here/);
  });
});

describe('export', () => {
  const out = (name: string) => join(root, name);
  const exporting = (args: string[], more: Record<string, string> = {}) =>
    run('export', ['--store', store.dir, '--wallet', info.address, ...args], { ...env, ...more });

  test('export writes a keystore file that opens with its passphrase, to the key that signs as the wallet', async () => {
    const file = out('keystore.json');
    const TANDEM_KEYSTORE_PASSPHRASE = 'three shares are one key';
    const confirmed = ['--out', file, '--confirm', info.address, '--json'];
    const outcome = await exporting(confirmed, { TANDEM_KEYSTORE_PASSPHRASE });
    assert.deepEqual(json(outcome), { wallet: info.address, file, format: 'keystore' });
    assert.match(outcome.stderr, /can sign anything\. No policy applies/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const text = readFileSync(file, 'utf8');
    const { address, privateKey } = await decryptKeystoreJson(text, TANDEM_KEYSTORE_PASSPHRASE);
    assert.equal(address, info.address);
    const account = privateKeyToAccount(privateKey as Hex);
    assert.equal(account.address, info.address);
    const [signature, shared] = await Promise.all([
      account.signMessage({ message: 'x' }),
      (await openWallet(store, { id: info.address, runtime })).signMessage('x'),
    ]);
    assert.equal(await recoverAddress({ hash: shared.digest, signature }), info.address);
  });

  test('export writes the bare key', async () => {
    const file = out('key');
    const outcome = await run(
      'export',
      ['--store', store.dir, '--wallet', other.address, '--format', 'key', '--out', file, '--confirm', other.address],
      env,
    );
    assert.equal(outcome.code, 0, outcome.stderr);
    const key = readFileSync(file, 'utf8');
    assert.match(key, /^0x[0-9a-f]{64}\n$/);
    assert.equal(privateKeyToAccount(key.trim() as Hex).address, other.address);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.ok(!`${outcome.stdout}${outcome.stderr}`.includes(key.slice(2, 20)));
  });

  test('export does nothing without the address typed, over a file, or without enough shares', async () => {
    const file = out('nothing');
    const unasked = await exporting(['--out', file]);
    assert.equal(unasked.code, 1);
    assert.match(unasked.stderr, /--confirm/);
    assert.equal((await exporting(['--out', file, '--confirm', other.address, '--format', 'key'])).code, 1);
    assert.equal((await exporting(['--out', file, '--format', 'pem', '--confirm', info.address])).code, 64);
    assert.equal((await exporting(['--confirm', info.address])).code, 64);
    assert.ok(!existsSync(file));
    writeFileSync(file, 'precious');
    const over = await exporting(['--out', file]); // said before anything is asked
    assert.equal(over.code, 1);
    assert.match(over.stderr, /exists already/);
    assert.equal(readFileSync(file, 'utf8'), 'precious');

    const one = copy();
    rmSync(join(one.dir, info.address, 'cold.age'));
    await assert.rejects(
      exportKey(one, info.address),
      /takes 2 shares, and only 1 can be read here.*hot\.age, cold\.age/s,
    );
    const mixed = copy();
    await writeShare(join(mixed.dir, info.address, 'hot.age'), await readShare(store, other, 1));
    await assert.rejects(exportKey(mixed, info.address), /a share of another key/);
  });

  test('keystore files are those that go-ethereum opens, in test/reference/geth', async () => {
    const { key, address, passphrase, file } = keystoreVector;
    const { kdfparams, cipherparams } = file.crypto;
    const drawn = [kdfparams.salt, cipherparams.iv].map((hex) => Buffer.from(hex, 'hex'));
    const text = await encryptKeystore(hexToBytes(key as Hex), address, passphrase, () => drawn.shift() ?? Buffer.of());
    assert.deepEqual({ ...JSON.parse(text), id: file.id }, file);
    assert.match(JSON.parse(text).id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

describe('two processes on one store', () => {
  test('two processes on one store take turns, and nothing is lost', async () => {
    const shared = copy();
    const named = ['--store', shared.dir, '--wallet', info.address];
    const outcomes = await Promise.all([
      run('sign', [...named, '--message', 'a', '--recovery', '--json'], env),
      run('wallet', ['lock', ...named], env),
      run('sign', [...named, '--message', 'b', '--recovery', '--json'], env),
      run('keygen', ['--store', shared.dir, '--runtime', 'none', '--parties', '2'], env),
      run('wallet', ['check', '--store', shared.dir], env),
    ]);
    for (const { code, stderr } of outcomes) assert.equal(code, 0, stderr);
    for (const at of [0, 2]) {
      const { digest, signature } = JSON.parse(outcomes[at]?.stdout ?? '') as { digest: Hex; signature: Hex };
      assert.equal(await recoverAddress({ hash: digest, signature }), info.address);
    }
    const { ok, wallets } = json(await run('wallet', ['check', '--store', shared.dir, '--json'], env));
    assert.ok(ok);
    assert.equal((wallets as unknown[]).length, 3);
    assert.equal((await readWallet(shared, info.address)).keyId, info.keyId);
  });
});
