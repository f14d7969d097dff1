// The client: wallets whose key is shared between this machine and an action.

export * from '../intent/from.ts';
export { digestOf, InputError, type Intent, intentJson, parseIntentJson } from '../intent/intent.ts';
export { approvalText } from '../policy/judge.ts';
export { type Policy, parsePolicyJson } from '../policy/policy.ts';
export { deriveAddresses } from './address.ts';
export { type Authorization, type Authorizer, describeTerms } from './authorize.ts';
export { type CheckedStore, checkStore } from './check.ts';
export { buildCosigner } from './cosigner.ts';
export type { HostedAction } from './deal.ts';
export { listDeals } from './dealfile.ts';
export * from './errors.ts';
export type { Hex } from './evm.ts';
export { exportKey } from './export.ts';
export { createWallet, type KeygenOptions } from './keygen.ts';
export { encryptKeystore } from './keystore.ts';
export {
  beginDeal,
  beginReshare,
  confirmDeal,
  type DealState,
  dropDeal,
  finishDeal,
  stepDeal,
} from './party.ts';
export { type Changed, migrateWallet, type ReshareOptions, reshareWallet } from './reshare.ts';
export { beginRounds, finishRounds, nextRound, type RoundsOptions, type Sent } from './rounds.ts';
export { type KeySource, listWallets, openStore, type Store, type WalletInfo } from './store.ts';
export { type AdapterOptions, type TandemAccount, toViemAccount, type ViemAccountOptions } from './viem.ts';
export {
  type OpenOptions,
  openWallet,
  type Signed,
  type SignedTransaction,
  type SignOptions,
  type Wallet,
} from './wallet.ts';
