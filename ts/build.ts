// For Node: actions, built by esbuild, which has to be installed, and the co-signer, which needs nothing.

export {
  type ActionParts,
  type BuiltAction,
  buildAction,
  buildWithToolchain,
  HOSTS,
  type HostKind,
  MODES,
  type Mode,
} from './build/action.ts';
export { buildCosigner, type CosignerLimits, hostKind } from './build/cosigner.ts';
export { type Manifest, manifestOf, manifestPath, readManifest, verifyManifest } from './build/manifest.ts';
export { slotted } from './build/slotted.ts';
export { PEERS, peerMissing, peerMissingIn } from './runtime/peer.ts';
