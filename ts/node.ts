// For Node: a store in files, and what else is in files: policies, settings, messages of offline deals, keys.

export { startModule } from './core/module.ts';
export { buildPath, loadGlue, loadModule } from './core/node.ts';
export { packageRoot, packageVersion } from './core/root.ts';
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
export { makeFolder, readLimited, writeDurable, writeNew } from './files/files.ts';
export { readPolicy } from './policy/file.ts';
export { readSettings, settingsPath, writeSettings } from './runtime/chipotle/settings-file.ts';
export { decryptKeystore, encryptKeystore, isKeystore } from './store/keystore.ts';
export { type FileStore, openStore, readShareFile, type SecretSource } from './store/node.ts';
export { identitiesIn, type Secret } from './store/scrypt.ts';
