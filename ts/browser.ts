// A wallet's page in a browser: the store, the worker, passkeys, the provider for dapps of other origins.

export { DISTRUST_ADVICE } from './browser/advice.ts';
export { type BackupKind, dropCold, makeBackup, restoreBackup, returnCold } from './browser/backup.ts';
export { WalletClient, WorkerError } from './browser/client.ts';
export { type Chain, type Connection, Connections } from './browser/connections.ts';
export { type DappOptions, type DappUi, type Prompt, serveDapp } from './browser/dapps.ts';
export {
  KEYS,
  type Method,
  makeKeys,
  methodsOf,
  newRecoveryKey,
  type Opener,
  openKeys,
} from './browser/keys.ts';
export { loadFrom } from './browser/load.ts';
export type { LocalVerdict, Reviewed, SignedHere, WalletCalls, WalletState } from './browser/messages.ts';
export { assertPasskeys, makePasskey } from './browser/passkey.ts';
export { serveWallet, type WorkerOptions } from './browser/worker.ts';
export * from './errors.ts';
export { type Policy, parsePolicyJson } from './policy/policy.ts';
export { FORMAT } from './protocol/cosigner.ts';
export type { ProviderRpcError } from './provider/errors.ts';
export { ChipotleRuntime } from './runtime/chipotle/runtime.ts';
export { type BrowserStore, openBrowserStore } from './store/indexed-db.ts';
