import { mnemonicToSeed, validateMnemonic } from '@scure/bip39';
import {
  czech,
  english,
  french,
  HDKey,
  italian,
  japanese,
  korean,
  portuguese,
  simplifiedChinese,
  spanish,
  traditionalChinese,
} from 'viem/accounts';
import { UsageError, WalletError } from '../errors.ts';

/** Where wallets have their first Ethereum account (BIP-44). */
export const FIRST_ACCOUNT = "m/44'/60'/0'/0/0";

const COUNTS = [12, 15, 18, 21, 24];
const LISTS = [
  english,
  czech,
  french,
  italian,
  japanese,
  korean,
  portuguese,
  simplifiedChinese,
  spanish,
  traditionalChinese,
];

/** Whether a text is meant as a mnemonic: several words of letters. */
export function isMnemonic(text: string): boolean {
  return /^\s*[\p{L}\p{M}]+(\s+[\p{L}\p{M}]+)+\s*$/u.test(text);
}

/**
 * The private key that a mnemonic (BIP-39) gives at a path (BIP-32).
 *
 * @throws WalletError if it is not a mnemonic; the error quotes no part of it
 * @throws UsageError if the path is not one
 */
export async function keyOfMnemonic(text: string, path = FIRST_ACCOUNT, passphrase = ''): Promise<Uint8Array> {
  const steps = path.replace(/[hH]/g, "'");
  if (!/^m(\/(0|[1-9][0-9]{0,9})'?)*$/.test(steps) || steps.split('/').length > 256) {
    throw new UsageError(`${path} is not a derivation path.`, { next: `give one like ${FIRST_ACCOUNT}.` });
  }
  const words = text.normalize('NFKD').trim().toLowerCase().split(/\s+/u);
  if (!COUNTS.includes(words.length)) {
    throw new WalletError(`A mnemonic has 12, 15, 18, 21 or 24 words, and that has ${words.length}.`);
  }
  const mnemonic = words.join(' ');
  if (!LISTS.some((list) => validateMnemonic(mnemonic, list))) {
    throw new WalletError('That is not a mnemonic: a word is not in the lists of BIP-39, or the checksum is wrong.', {
      next: 'compare it word by word with what was written down.',
    });
  }
  const seed = await mnemonicToSeed(mnemonic, passphrase);
  const master = HDKey.fromMasterSeed(seed);
  seed.fill(0);
  let child: HDKey;
  try {
    child = master.derive(steps);
  } catch (cause) {
    throw new UsageError(`${path} has a step that is not below 2147483648.`, { cause });
  }
  try {
    return Uint8Array.from(child.privateKey ?? []);
  } finally {
    master.wipePrivateData();
    child.wipePrivateData();
  }
}
