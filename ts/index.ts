// What runs anywhere: wallets whose key is shared with an action, intents, policies, a store in memory. Files are in node.ts.

export { commandLine } from '#command';
export { loadTandem } from '#load';
export { fromBase64, toBase64 } from './core/bytes.ts';
export * from './core/evm.ts';
export { globalGlue } from './core/glue.ts';
export { instantiate, type Tandem } from './core/wasm.ts';
export { type Changed, type ChangeOptions, retire } from './deal/change.ts';
export { type Cosigner, type CosignerLimits, cosigner } from './deal/cosigner.ts';
export { exportKey } from './deal/export.ts';
export { createWallet, type KeygenOptions } from './deal/keygen.ts';
export { migrateWallet } from './deal/migrate.ts';
export {
  type AskAuthority,
  assertSignable,
  describePermission,
  type PermissionSignature,
  parsePermission,
  signPermission,
} from './deal/permission.ts';
export { type HostedAction, planAuthority, planParties } from './deal/plan.ts';
export { type ReshareOptions, reshareWallet } from './deal/reshare.ts';
export * from './errors.ts';
export { describeIntent } from './intent/describe.ts';
export * from './intent/from.ts';
export { digestOf, InputError, type Intent, intentJson, parseIntentJson } from './intent/intent.ts';
export { faultIn } from './intent/read/faults.ts';
export { parseJson } from './intent/read/json.ts';
export { readJson } from './json.ts';
export { type Budget, budgetOf } from './policy/budget.ts';
export { builtinPolicies, policyName } from './policy/builtin.ts';
export { describePolicy } from './policy/describe.ts';
export { budgetFacts, describeBudget } from './policy/describe-budget.ts';
export { approvalText, judge, type Verdict } from './policy/judge.ts';
export { type Policy, parsePolicy, parsePolicyJson, policyHash, policyJson } from './policy/policy.ts';
export { CallSchema, ConstraintSchema, PolicySchema, SumSchema } from './policy/schema.ts';
export { makePolicy, templates } from './policy/templates.ts';
export { cidOf } from './protocol/cid.ts';
export { type Permission, typedDataOf } from './protocol/permission.ts';
/** The forms, as valibot schemas, of what client, action and host name things by: addresses, CIDs, indices, hex. */
export * as forms from './protocol/schema.ts';
export { sourceOf } from './protocol/source.ts';
export { RuntimeError, type RuntimeErrorKind } from './runtime/errors.ts';
export { LIMIT_SETS, STRICT_LIMITS } from './runtime/limits.ts';
export type { Action, Json, Limits, RunOptions, Runtime } from './runtime/types.ts';
export { type Derived, deriveAddresses } from './signing/address.ts';
export {
  beginRounds,
  finishRounds,
  MESSAGE_LIMIT,
  nextRound,
  type RoundsOptions,
  type Sent,
} from './signing/rounds.ts';
export {
  type OpenOptions,
  openWallet,
  type Signed,
  type SignedTransaction,
  type SignOptions,
  type Wallet,
} from './signing/wallet.ts';
export { commonAction } from './store/action.ts';
export { type CheckedStore, checkStore } from './store/check.ts';
export { Correlations, correlationKey, readNote } from './store/correlations.ts';
export { dealName, listDeals } from './store/deals.ts';
export { memoryStore } from './store/memory.ts';
export { FIRST_ACCOUNT, isMnemonic, keyOfMnemonic } from './store/mnemonic.ts';
export {
  assertUnlocked,
  findWallet,
  holdWallet,
  type KeySource,
  knowsOnecall,
  listWallets,
  readAction,
  readShare,
  readWallet,
  type Store,
  shareFileName,
  type WalletInfo,
} from './store/store.ts';
export { cleanBlock, cleanLine, cleanText, hideSecret, Untrusted, visibleJson } from './text/untrusted.ts';
