// Keys that exist, in the forms in which wallets keep them.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { generateIdentity } from 'age-encryption';
import { encryptKeystoreJson, HDNodeWallet } from 'ethers';
import { spanish } from 'viem/accounts';
import { toHex } from '../ts/core/evm.ts';
import { UsageError, WalletError } from '../ts/errors.ts';
import { decryptKeystore, encryptKeystore, isKeystore } from '../ts/store/keystore.ts';
import { isMnemonic, keyOfMnemonic } from '../ts/store/mnemonic.ts';
import { command, json, type Outcome, onTerminal } from './support/command.ts';
import vectors from './vectors/keystores.json' with { type: 'json' };

const root = mkdtempSync(join(tmpdir(), 'tandem-import-'));
after(() => rmSync(root, { recursive: true, force: true }));

const KEY = `0x${'42'.repeat(32)}` as const;
const ADDRESS = '0x17c5185167401eD00cF5F5b2fc97D9BBfDb7D025';
/** Made with Python's json and hashlib, after the Web3 Secret Storage Definition. */
const PBKDF2 = {
  address: ADDRESS,
  crypto: {
    cipher: 'aes-128-ctr',
    cipherparams: { iv: 'a39123b28def0a1da313e38a18554bef' },
    ciphertext: '06600b1758d8a7d0b13780fe8a519f748b0e82bb6c750cd2185826c42539bd0c',
    kdf: 'pbkdf2',
    kdfparams: { c: 1000, dklen: 32, prf: 'hmac-sha256', salt: '24b7d68b2a74c3d4daeb8b905dcd8233' },
    mac: 'bd5c1a0fbaaea72b94afc2ff5304ea4fda9038c13a2a903a4f814c7a08fb7f10',
  },
  id: '482b2a6f-5911-4356-a87c-31ad68810160',
  version: 3,
};
const opened = async (file: object, passphrase = 'test') =>
  toHex(await decryptKeystore(JSON.stringify(file), passphrase));
const crypto = (change: object) => ({ ...PBKDF2, crypto: { ...PBKDF2.crypto, ...change } });
const MNEMONIC = 'test test test test test test test test test test test junk';

describe('keystore files', () => {
  for (const { name, key, passphrase, file } of vectors) {
    test(`a keystore file of others is opened: ${name}`, async () => {
      assert.equal(await opened(file, passphrase), key);
      await assert.rejects(opened(file, `${passphrase}.`), /The passphrase does not open the keystore file/);
    });
  }

  test("a keystore file of others is opened: ethers'", async () => {
    for (const passphrase of ['test', 'ﬁle ①']) {
      const account = {
        address: ADDRESS,
        privateKey: KEY,
        mnemonic: { entropy: `0x${'01'.repeat(16)}`, path: "m/44'/60'/0'/0/0", locale: 'en' },
      };
      const text = await encryptKeystoreJson(account, passphrase, { scrypt: { N: 1024 } });
      assert.match(text, /"Crypto"/);
      assert.equal(toHex(await decryptKeystore(text, passphrase)), KEY);
    }
  });

  test('a keystore file is opened with or without 0x, an address, an id', async () => {
    const { address: _address, id: _id, ...bare } = PBKDF2;
    const { ciphertext, mac, kdfparams, cipherparams } = PBKDF2.crypto;
    const prefixed = crypto({
      ciphertext: `0x${ciphertext}`,
      mac: `0x${mac.toUpperCase()}`,
      cipherparams: { iv: `0x${cipherparams.iv}` },
      kdfparams: { ...kdfparams, salt: `0x${kdfparams.salt}` },
    });
    for (const file of [
      PBKDF2,
      bare,
      prefixed,
      { ...PBKDF2, address: ADDRESS.slice(2).toLowerCase() },
      { ...PBKDF2, address: '' },
    ]) {
      assert.equal(await opened(file), KEY);
    }
  });

  test('a keystore file of our own export is opened', async () => {
    const bytes = Buffer.from(KEY.slice(2), 'hex');
    assert.equal(toHex(await decryptKeystore(await encryptKeystore(bytes, ADDRESS, 'test'), 'test')), KEY);
  });

  const refused: { [what: string]: [object, RegExp] } = {
    'another passphrase': [crypto({ mac: '00'.repeat(32) }), /The passphrase does not open/],
    'the address of another key': [{ ...PBKDF2, address: `0x${'11'.repeat(20)}` }, /of another address/],
    'version 1': [{ ...PBKDF2, version: 1 }, /not a keystore file of version 3: version is not/],
    'nothing in it': [{}, /not a keystore file of version 3/],
    'another cipher': [crypto({ cipher: 'aes-128-cbc' }), /: crypto.cipher is not/],
    'another KDF': [crypto({ kdf: 'argon2id' }), /: crypto.kdf is not/],
    'more rounds than are taken': [crypto({ kdfparams: { ...PBKDF2.crypto.kdfparams, c: 1e9 } }), /kdfparams.c is not/],
    'a short derived key': [crypto({ kdfparams: { ...PBKDF2.crypto.kdfparams, dklen: 16 } }), /dklen is not/],
    'more memory than is taken': [
      crypto({ kdf: 'scrypt', kdfparams: { dklen: 32, n: 2 ** 24, r: 8, p: 1, salt: '00' } }),
      /crypto.kdfparams is not/,
    ],
    'an N that is no power of two': [
      crypto({ kdf: 'scrypt', kdfparams: { dklen: 32, n: 1000, r: 8, p: 1, salt: '00' } }),
      /crypto.kdfparams is not/,
    ],
    'a long key': [crypto({ ciphertext: '00'.repeat(33) }), /crypto.ciphertext is not/],
    'a text for a number': [crypto({ kdfparams: { ...PBKDF2.crypto.kdfparams, c: '1000' } }), /kdfparams.c is not/],
  };
  for (const [what, [file, message]] of Object.entries(refused)) {
    test(`a keystore file is refused with ${what}`, async () => {
      await assert.rejects(opened(file), (error) => error instanceof WalletError && message.test(error.message));
    });
  }

  test('a keystore file is refused that is not JSON, or no object', async () => {
    for (const text of [
      '{',
      'null',
      '[]',
      '5',
      '{"crypto":null,"version":3}',
      '{"Crypto":5,"crypto":{},"version":3}',
    ]) {
      await assert.rejects(decryptKeystore(text, ''), WalletError);
    }
  });
});

describe('mnemonics', () => {
  test('a mnemonic gives the key that ethers has at a path', async () => {
    assert.equal(toHex(await keyOfMnemonic(MNEMONIC)), HDNodeWallet.fromPhrase(MNEMONIC).privateKey);
    for (const [path, passphrase] of [
      ["m/44'/60'/0'/0/1", ''],
      ["m/44'/60'/7'/0/0", 'TREZOR'],
      ["m/44'/60'/0'", 'é'],
      ['m', ''],
    ] as const) {
      const own = toHex(
        await keyOfMnemonic(
          ` ${MNEMONIC.toUpperCase().replaceAll(' ', '\n')}\n`,
          path.replaceAll("'", 'h'),
          passphrase,
        ),
      );
      assert.equal(own, HDNodeWallet.fromPhrase(MNEMONIC, passphrase, path).privateKey);
    }
  });

  test('a mnemonic is taken in any language of BIP-39', async () => {
    const word = (i: number) => spanish[i] ?? '';
    // Entropy of zeros: eleven times the first word, and a last one by its checksum, which is the fourth.
    const zeros = [...Array(11).fill(word(0)), word(3)].join(' ');
    assert.equal(toHex(await keyOfMnemonic(zeros)), toHex(await keyOfMnemonic(zeros.normalize('NFC'))));
  });

  test('a mnemonic is refused with a wrong checksum, word, count or path, and not quoted', async () => {
    const refuses = (text: string, message: RegExp, path?: string) =>
      assert.rejects(keyOfMnemonic(text, path), (error: unknown) => {
        assert.ok(error instanceof WalletError && message.test(error.message), String(error));
        return !/junk|abandon/.test(error.message);
      });
    await refuses(MNEMONIC.replace('junk', 'test'), /the checksum is wrong/);
    await refuses(MNEMONIC.replace('junk', 'junky'), /a word is not in the lists/);
    await refuses(MNEMONIC.replace(' junk', ''), /has 12, 15, 18, 21 or 24 words, and that has 11/);
    for (const path of ['', 'n/0', 'm/', "m/0''", 'm/x', 'm/01', 'm/2147483648']) {
      await assert.rejects(keyOfMnemonic(MNEMONIC, path), UsageError, path);
    }
  });

  test('the forms are told apart by their content', () => {
    assert.deepEqual([MNEMONIC, KEY, KEY.slice(2), JSON.stringify(PBKDF2), 'abc'].map(isMnemonic), [
      true,
      false,
      false,
      false,
      false,
    ]);
    assert.deepEqual([MNEMONIC, KEY, ` \n${JSON.stringify(PBKDF2)}`].map(isKeystore), [false, false, true]);
  });
});

describe('scripts/import.ts', () => {
  test('import takes a keystore file and a mnemonic, and asks for the passphrase', async () => {
    const write = (name: string, text: string) => {
      writeFileSync(join(root, name), text);
      return join(root, name);
    };
    const identity = write('identity', await generateIdentity());
    const keystore = write('keystore', JSON.stringify(PBKDF2));
    const words = write('words', `${MNEMONIC}\n`);
    const env = { TANDEM_IDENTITY: identity };
    let stores = 0;
    const args = (...rest: string[]) => [
      '--store',
      join(root, `store-${stores++}`),
      '--runtime',
      'none',
      '--json',
      ...rest,
    ];
    const run = (more: object, ...rest: string[]): Promise<Outcome> =>
      command('import', args(...rest), { ...env, ...more });

    const typed = await onTerminal('import', args('--key-file', keystore), env, [
      'Passphrase for the keystore file: ',
      'test',
    ]);
    assert.equal(typed.code, 0, typed.shown);
    assert.match(typed.shown, new RegExp(`"address":"${ADDRESS}"`));
    const [byEnvironment, wrong, unasked, byWords, second, notWords] = await Promise.all([
      run({ TANDEM_KEYSTORE_PASSPHRASE: 'test' }, '--key-file', keystore),
      run({ TANDEM_KEYSTORE_PASSPHRASE: 'no' }, '--key-file', keystore),
      run({}, '--key-file', keystore),
      run({}, '--key-file', words),
      run({}, '--key-file', words, '--path', "m/44'/60'/0'/0/1"),
      run({ TANDEM_KEYSTORE_PASSPHRASE: 'test' }, '--key-file', keystore, '--path', 'm/0'),
    ]);
    assert.equal(json(byEnvironment).address, ADDRESS);
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /^The passphrase does not open the keystore file\./);
    assert.match(unasked.stderr, /^There is no terminal to ask on\.\nNext: set TANDEM_KEYSTORE_PASSPHRASE/);
    assert.equal(json(byWords).address, '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266');
    assert.equal(json(second).address, '0x70997970C51812dc3A010C7d01b50e0d17dc79C8');
    assert.equal(notWords.code, 64);
    for (const { stdout, stderr } of [byWords, second]) assert.doesNotMatch(stdout + stderr, /junk/);
  });
});
