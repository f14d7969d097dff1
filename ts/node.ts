// For Node: a store in files, and what else is in files: policies, settings, messages of offline deals, keys.

export { buildPath } from './core/node.ts';
export {
  type BeginOptions,
  beginDeal,
  beginReshare,
  confirmDeal,
  type DealState,
  dropDeal,
  finishDeal,
  type StepOptions,
  stepDeal,
} from './deal/files/party.ts';
export { readPolicy } from './policy/file.ts';
export { readSettings, writeSettings } from './runtime/chipotle/settings-file.ts';
export { decryptKeystore, encryptKeystore } from './store/keystore.ts';
export { type FileStore, openStore, readShareFile, type SecretSource } from './store/node.ts';
export type { Secret } from './store/scrypt.ts';
