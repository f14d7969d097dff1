// A wallet as an account of viem.

export { type AdapterOptions, type TandemAccount, toViemAccount, type ViemAccountOptions } from './adapters/viem.ts';
