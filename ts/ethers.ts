// A wallet as a signer of ethers 6, which has to be installed.

export { TandemSigner } from './adapters/ethers.ts';
export type { AdapterOptions } from './adapters/viem.ts';
