// Payments by x402 that a budget bounds. @x402/core has to be installed, and for fetch @x402/fetch.

export { CountedExactScheme, type CountedOptions, type NonceStore } from './adapters/x402.ts';
export { payingClient, payingFetch } from './adapters/x402-client.ts';
export { storedNonces } from './store/nonces.ts';
