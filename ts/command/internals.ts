// For Node. What commands need beyond the package's entry points: it is not among its exports, and may change with any version.

export { commandLine } from '#command';
export { entryImports, readWasm, type WasmFile } from '../build/action.ts';
export { needsGlue } from '../build/glue.ts';
export { fromBase64, toBase64 } from '../core/bytes.ts';
export {
  addressOf,
  addressOfKey,
  derivePublicKey,
  fromHex,
  parsePath,
  readPrivateKey,
  recoverAddress,
  type SignatureParts,
  toHex,
} from '../core/evm.ts';
export { globalGlue } from '../core/glue.ts';
export { startModule } from '../core/module.ts';
export { loadGlue, loadModule } from '../core/node.ts';
export { packageRoot, packageVersion } from '../core/root.ts';
export { retire } from '../deal/change.ts';
export { assertSignable } from '../deal/permission.ts';
export { planAuthority, planParties } from '../deal/plan.ts';
export { fileError, makeFolder, readLimited, writeDurable, writeNew } from '../files/files.ts';
export { missingFields } from '../intent/from-transaction.ts';
export { faultIn } from '../intent/read/faults.ts';
export { parseJson } from '../intent/read/json.ts';
export { readJson } from '../json.ts';
export { CallSchema, ConstraintSchema, PolicySchema, SumSchema } from '../policy/schema.ts';
export * as forms from '../protocol/schema.ts';
export { sourceOf } from '../protocol/source.ts';
export { settingsPath } from '../runtime/chipotle/settings-file.ts';
export { LIMIT_SETS, STRICT_LIMITS } from '../runtime/limits.ts';
export { MESSAGE_LIMIT } from '../signing/rounds.ts';
export { commonAction } from '../store/action.ts';
export { Correlations, correlationKey, readNote } from '../store/correlations.ts';
export { dealName } from '../store/deals.ts';
export { isKeystore } from '../store/keystore.ts';
export { FIRST_ACCOUNT, isMnemonic } from '../store/mnemonic.ts';
export { policyOf } from '../store/policy.ts';
export { identitiesIn } from '../store/scrypt.ts';
export {
  assertUnlocked,
  holdWallet,
  knowsOnecall,
  localParties,
  readAction,
  readShare,
  shareFileName,
} from '../store/store.ts';
export { cleanBlock, cleanLine, cleanText, hideSecret, Untrusted, visibleJson } from '../text/untrusted.ts';
