// What runs anywhere: wallets whose key is shared with an action, intents, policies, a store in memory. Files are in node.ts.

export { loadTandem } from '#load';
export type { Hex } from './core/evm.ts';
export { instantiate, type Tandem } from './core/wasm.ts';
export type { Changed, ChangeOptions } from './deal/change.ts';
export { type Cosigner, type CosignerLimits, cosigner } from './deal/cosigner.ts';
export { exportKey } from './deal/export.ts';
export { createWallet, type KeygenOptions } from './deal/keygen.ts';
export { migrateWallet } from './deal/migrate.ts';
export {
  type AskAuthority,
  describePermission,
  type PermissionSignature,
  parsePermission,
  signPermission,
} from './deal/permission.ts';
export type { HostedAction } from './deal/plan.ts';
export { type ReshareOptions, reshareWallet } from './deal/reshare.ts';
export * from './errors.ts';
export { describeIntent } from './intent/describe.ts';
export * from './intent/from.ts';
export { digestOf, InputError, type Intent, intentJson, parseIntentJson } from './intent/intent.ts';
export { type Budget, budgetOf } from './policy/budget.ts';
export { builtinPolicies, policyName } from './policy/builtin.ts';
export { describePolicy } from './policy/describe.ts';
export { budgetFacts, describeBudget } from './policy/describe-budget.ts';
export { explainIntent } from './policy/explain.ts';
export { approvalText, judge, type Verdict } from './policy/judge.ts';
export { type Policy, parsePolicy, parsePolicyJson, policyHash, policyJson } from './policy/policy.ts';
export { makePolicy, templates } from './policy/templates.ts';
export { cidOf } from './protocol/cid.ts';
export { type Permission, typedDataOf } from './protocol/permission.ts';
export { RuntimeError, type RuntimeErrorKind } from './runtime/errors.ts';
export type { Action, Json, Limits, RunOptions, Runtime } from './runtime/types.ts';
export { type Derived, deriveAddresses } from './signing/address.ts';
export { beginRounds, finishRounds, nextRound, type RoundsOptions, type Sent } from './signing/rounds.ts';
export {
  type OpenOptions,
  openWallet,
  type Signed,
  type SignedTransaction,
  type SignOptions,
  type Wallet,
} from './signing/wallet.ts';
export { type CheckedStore, type CheckHost, checkStore } from './store/check.ts';
export { listDeals } from './store/deals.ts';
export { memoryStore } from './store/memory.ts';
export { keyOfMnemonic } from './store/mnemonic.ts';
export { findWallet, type KeySource, listWallets, readWallet, type Store, type WalletInfo } from './store/store.ts';
