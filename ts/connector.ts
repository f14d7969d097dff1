// A dapp's page: the wallet of another origin as its provider. It has no cryptography, no key and no wasm.

export { type AnnounceOptions, announceTandem, type ProviderInfo } from './provider/announce.ts';
export { ProviderRpcError, RPC } from './provider/errors.ts';
export { type ProviderOptions, type RequestArguments, TandemProvider } from './provider/provider.ts';
