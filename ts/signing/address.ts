import { HDKey } from 'viem/accounts';
import { addressOf, derivePublicKey, type Hex, parsePath } from '../core/evm.ts';
import type { Tandem } from '../core/wasm.ts';
import { StoreError, UsageError } from '../errors.ts';
import { openShareInfo } from '../store/check.ts';
import { localParties, type Store, type WalletInfo } from '../store/store.ts';

/** The addresses at a path of a wallet and right below it. */
export interface Derived {
  /** The extended public key at the path: anybody who has it finds all addresses below, and can sign for none. */
  readonly xpub: string;
  /** The address at the path, then those of its first children. */
  readonly addresses: readonly { readonly path: string; readonly address: Hex }[];
}

const MAX_COUNT = 1000;

/**
 * The addresses of a wallet at a path (BIP32, no hardened steps) and at the first `count` steps below it. It opens any share that
 * is here, because the chain code, which links all addresses, is kept with the shares.
 *
 * @throws UsageError, StoreError
 *
 * @example
 * ```ts
 * import { deriveAddresses, findWallet, readWallet } from 'tandem-ecdsa';
 * import { openStore } from 'tandem-ecdsa/node';
 *
 * const store = openStore('wallets', async () => ({ passphrase: process.env.TANDEM_PASSPHRASE ?? '' }));
 * const wallet = await readWallet(store, await findWallet(store));
 * const { addresses } = await deriveAddresses(store, wallet, { path: 'm/0', count: 3 });
 * console.log(addresses.map(({ address }) => address));
 * ```
 */
export async function deriveAddresses(
  store: Store,
  info: WalletInfo,
  options: { path: string; count: number; load?: () => Promise<Tandem> },
): Promise<Derived> {
  const { path, count, load } = options;
  const steps = parsePath(path);
  if (count > MAX_COUNT) throw new UsageError(`${count} addresses are too many at once; ${MAX_COUNT} are possible.`);
  const [party] = await localParties(store, info);
  if (party === undefined) {
    throw new StoreError('missing', `No share of ${info.address} is here.`, {
      next: 'put one back for as long as it is needed: the chain code is kept with the shares.',
    });
  }
  const { publicKey, chainCode } = await openShareInfo(store, info, party.index, load);
  const at = (below: readonly number[]) => ({
    path: ['m', ...steps, ...below].join('/'),
    address: addressOf(derivePublicKey(publicKey, chainCode, [...steps, ...below])),
  });
  const root = new HDKey({ publicKey, chainCode });
  const { publicExtendedKey: xpub } = steps.length === 0 ? root : root.derive(['m', ...steps].join('/'));
  return { xpub, addresses: [at([]), ...Array.from({ length: count }, (_, i) => at([i]))] };
}
