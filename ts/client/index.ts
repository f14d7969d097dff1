// The client: wallets whose key is shared between this machine and an action.

export { buildCosigner, POLICIES } from './cosigner.ts';
export * from './errors.ts';
export type { Hex } from './evm.ts';
export { digestOf, type Intent } from './intent.ts';
export { createWallet, type HostedAction, type KeygenOptions } from './keygen.ts';
export { type KeySource, listWallets, openStore, type Store, type WalletInfo } from './store.ts';
export { type OpenOptions, openWallet, type Signed, type SignOptions, type Wallet } from './wallet.ts';
