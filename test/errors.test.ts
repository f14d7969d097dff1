import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { armor, Encrypter, generateIdentity, identityToRecipient } from 'age-encryption';
import { recoverAddress } from 'viem';
import { createWallet } from '../ts/deal/keygen.ts';
import { openWallet } from '../ts/signing/wallet.ts';
import { type FileStore, openStore } from '../ts/store/node.ts';
import type { WalletInfo } from '../ts/store/store.ts';
import { command } from './support/command.ts';

// What can be wrong with a store, as its user meets it: a message for each that no other has, exit code 1, JSON nowhere, and
// nothing lost.

const root = mkdtempSync(join(tmpdir(), 'tandem-errors-'));
const mounts: string[] = [];
after(() => {
  for (const dir of mounts) spawnSync('umount', ['-l', dir]);
  rmSync(root, { recursive: true, force: true });
});

const PASSPHRASE = 'four words are good';
const identityFile = join(root, 'identity.txt');
const env = { TANDEM_IDENTITY: identityFile };
let store: FileStore;
let info: WalletInfo;
/** Another wallet of the store, whose shares open with a passphrase. */
let other: WalletInfo;
before(async () => {
  const identity = await generateIdentity();
  writeFileSync(identityFile, identity);
  store = openStore(join(root, 'store'), async () => ({ identities: [identity] }));
  info = (await createWallet({ store, threshold: 2, parties: 2 })).wallet;
  const asked = openStore(store.dir, async () => ({ passphrase: PASSPHRASE }));
  other = (await createWallet({ store: asked, threshold: 2, parties: 2 })).wallet;
});

/** Every file below a folder, with what it holds. */
function contents(dir: string): Record<string, string> {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  return Object.fromEntries(paths.map((path) => [path, readFileSync(path, 'hex')]));
}

const seen = new Set<string>();

/** Signs by the command, which must fail with a message of its own that says what to do, and must leave all files alone. */
async function fails(
  dir: string,
  message: RegExp,
  environment: Record<string, string> = env,
  wallet = info,
): Promise<void> {
  const files = contents(dir);
  const args = ['--store', dir, '--wallet', wallet.address, '--message', 'x', '--recovery', '--json'];
  const outcome = await command('sign', args, environment);
  assert.deepEqual([outcome.code, outcome.stdout], [1, ''], outcome.stderr);
  assert.match(outcome.stderr, message);
  assert.match(outcome.stderr, /\nNext: /);
  const said = outcome.stderr.replaceAll(dir, '');
  assert.ok(!seen.has(said), said);
  seen.add(said);
  assert.deepEqual(contents(dir), files);
}

function copy(to = join(root, `copy${seen.size}`)): string {
  cpSync(store.dir, to, { recursive: true });
  return to;
}

/** A file system of its own, of 64 KiB, with the store on it. */
function mounted(skip: (message: string) => void): string | undefined {
  const dir = join(root, `mount${mounts.length}`);
  mkdirSync(dir);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', dir]).status !== 0) {
    skip('needs to mount a tmpfs: run as root');
    return undefined;
  }
  mounts.push(dir);
  return copy(dir);
}

async function assertSigns(dir: string): Promise<void> {
  const { digest, signature } = await (await openWallet(openStore(dir, store.key), { id: info.address })).signMessage(
    'x',
    {
      recovery: true,
    },
  );
  assert.equal(await recoverAddress({ hash: digest, signature }), info.address);
}

describe('a store in which something is wrong', () => {
  const hot = (dir: string) => join(dir, info.address, 'hot.age');

  test('sign says so if the passphrase is wrong', async () => {
    await fails(store.dir, /passphrase does not open .*age/, { TANDEM_PASSPHRASE: 'x' }, other);
  });

  test('sign says so if the identity is another', async () => {
    const file = join(root, 'another.txt');
    writeFileSync(file, await generateIdentity());
    await fails(store.dir, /None of the given age identities opens .*age/, { TANDEM_IDENTITY: file });
  });

  test('sign says so if the identity file is of another kind, or its passphrase another', async () => {
    const identity = readFileSync(identityFile, 'utf8');
    const file = (name: string, content: string | Uint8Array) => {
      writeFileSync(join(root, name), content);
      return join(root, name);
    };
    const named = (name: string, content: string | Uint8Array) => ({ TANDEM_IDENTITY: file(name, content) });
    await fails(
      store.dir,
      /it is of an age plugin, and identities of plugins are not taken here/,
      named('plugin', 'AGE-PLUGIN-YUBIKEY-1QQQQ\n'),
    );
    const ssh = '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n';
    await fails(store.dir, /it is a private key of ssh/, named('ssh', ssh));
    await fails(
      store.dir,
      /public keys \(recipients\)/,
      named('recipients', `${await identityToRecipient(identity)}\n`),
    );
    await fails(store.dir, /not a file of age identities/, named('nothing', 'hello'));

    const encrypter = new Encrypter();
    encrypter.setPassphrase(PASSPHRASE);
    encrypter.setScryptWorkFactor(10);
    const encrypted = await encrypter.encrypt(`# created: today\n${identity}\n`);
    await fails(store.dir, /cannot be used: its passphrase is another/, {
      ...named('encrypted', encrypted),
      TANDEM_PASSPHRASE: 'x',
    });
    const again = new Encrypter();
    again.addRecipient(await identityToRecipient(identity));
    await fails(
      store.dir,
      /cannot be used: it is encrypted for another identity/,
      named('twice', await again.encrypt(identity)),
    );

    for (const content of [encrypted, armor.encode(encrypted)]) {
      const args = ['--store', store.dir, '--wallet', info.address, '--message', 'x', '--recovery', '--json'];
      const environment = { ...named('encrypted', content), TANDEM_PASSPHRASE: PASSPHRASE };
      assert.equal((await command('sign', args, environment)).code, 0);
    }
  });

  test('sign says so if the identity is not there, and nobody can be asked for a passphrase', async () => {
    await fails(store.dir, /opens with an age identity/, {});
    await fails(store.dir, /no terminal/, {}, other);
  });

  test('sign says so if a share is not here', async () => {
    const dir = copy();
    rmSync(hot(dir));
    await fails(dir, /hot\.age is not here/);
  });

  test('sign says so if wallet.json is not here', async () => {
    const dir = copy();
    rmSync(join(dir, info.address, 'wallet.json'));
    await fails(dir, /wallet\.json does not exist/);
  });

  test('sign says so if a share is cut short', async () => {
    const dir = copy();
    writeFileSync(hot(dir), readFileSync(hot(dir)).subarray(0, 100));
    await fails(dir, /hot\.age is cut short or altered/);
  });

  test('sign says so if a share is altered', async () => {
    const dir = copy();
    const bytes = readFileSync(hot(dir));
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(hot(dir), bytes);
    await fails(dir, /hot\.age is cut short or altered/);
  });

  test('sign says so if wallet.json is cut short', async () => {
    const dir = copy();
    const path = join(dir, info.address, 'wallet.json');
    writeFileSync(path, readFileSync(path).subarray(0, 100));
    await fails(dir, /wallet\.json is cut short or altered: not JSON/);
  });

  test('sign says so if a share is of another wallet', async () => {
    const dir = copy();
    cpSync(join(dir, other.address, 'hot.age'), hot(dir));
    const both = { ...env, TANDEM_PASSPHRASE: PASSPHRASE };
    await fails(dir, new RegExp(`share of wallet ${other.address}`), both);
  });

  test('sign says so if a file is of a version to come', async () => {
    const dir = copy();
    const path = join(dir, info.address, 'wallet.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"version": 1', '"version": 2'));
    await fails(dir, /version 2; this tandem knows version 1/);
  });

  test('sign says so if the store is read-only', async (t) => {
    const dir = mounted(t.skip.bind(t));
    if (dir === undefined) return;
    execFileSync('mount', ['-o', 'remount,ro', dir]);
    await fails(dir, /read-only file system/);
    const files = contents(dir);
    const outcomes = await Promise.all([
      command('keygen', ['--store', dir, '--runtime', 'none', '--json'], env),
      command('reshare', ['--store', dir, '--wallet', info.address, '--json'], env),
    ]);
    for (const { code, stdout, stderr } of outcomes) {
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(stderr, /read-only file system/);
    }
    assert.deepEqual(contents(dir), files);
  });

  test('sign says so if the disk is full', async (t) => {
    const dir = mounted(t.skip.bind(t));
    if (dir === undefined) return;
    assert.throws(() => writeFileSync(join(dir, 'filler'), Buffer.alloc(1 << 17)), { code: 'ENOSPC' });
    await fails(dir, /No space left/);
    const files = contents(dir);
    const named = ['--store', dir, '--wallet', info.address];
    const out = ['--confirm', info.address, '--format', 'key', '--out', join(dir, 'exported')];
    for (const [name, args] of [
      ['keygen', ['--store', dir, '--runtime', 'none', '--json']],
      ['reshare', [...named, '--json']],
      ['export', [...named, ...out]],
    ] as const) {
      const { code, stdout, stderr } = await command(name, args, env);
      assert.deepEqual([code, stdout], [1, ''], name);
      assert.match(stderr, /No space left/, name);
    }
    assert.deepEqual(contents(dir), files);
    rmSync(join(dir, 'filler'));
    await assertSigns(dir);
  });

  test('a store in which something was wrong signs once it is put right', () => assertSigns(store.dir));
});
