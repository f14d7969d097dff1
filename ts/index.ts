// The client: wallets whose key is shared between this machine and an action.

export { type AdapterOptions, type TandemAccount, toViemAccount, type ViemAccountOptions } from './adapters/viem.ts';
export { buildCosigner } from './build/cosigner.ts';
export type { Hex } from './core/evm.ts';
export type { Changed } from './deal/change.ts';
export { exportKey } from './deal/export.ts';
export {
  beginDeal,
  beginReshare,
  confirmDeal,
  type DealState,
  dropDeal,
  finishDeal,
  stepDeal,
} from './deal/files/party.ts';
export { createWallet, type KeygenOptions } from './deal/keygen.ts';
export { migrateWallet } from './deal/migrate.ts';
export { type AskAuthority, describePermission, type PermissionSignature } from './deal/permission.ts';
export type { HostedAction } from './deal/plan.ts';
export { type ReshareOptions, reshareWallet } from './deal/reshare.ts';
export * from './errors.ts';
export * from './intent/from.ts';
export { digestOf, InputError, type Intent, intentJson, parseIntentJson } from './intent/intent.ts';
export { approvalText } from './policy/judge.ts';
export { type Policy, parsePolicyJson } from './policy/policy.ts';
export { deriveAddresses } from './signing/address.ts';
export { beginRounds, finishRounds, nextRound, type RoundsOptions, type Sent } from './signing/rounds.ts';
export {
  type OpenOptions,
  openWallet,
  type Signed,
  type SignedTransaction,
  type SignOptions,
  type Wallet,
} from './signing/wallet.ts';
export { type CheckedStore, checkStore } from './store/check.ts';
export { listDeals } from './store/deals.ts';
export { encryptKeystore } from './store/keystore.ts';
export { type FileStore, openStore, type SecretSource } from './store/node.ts';
export type { Secret } from './store/scrypt.ts';
export { type KeySource, listWallets, type Store, type WalletInfo } from './store/store.ts';
