import { formatUnits } from 'viem/utils';

// Tokens that have a name here, so that policies can be made and explained without asking a chain.

export interface Token {
  readonly chain: string;
  /** In lower case. */
  readonly address: string;
  readonly symbol: string;
  readonly decimals: number;
  /** What its domain of typed data says (EIP-712). */
  readonly name: string;
  readonly version: string;
}

const usdc = { symbol: 'USDC', decimals: 6, name: 'USD Coin', version: '2' };

export const tokens: readonly Token[] = [
  { ...usdc, chain: '1', address: '0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48' },
  { ...usdc, chain: '10', address: '0x0b2c639c533813f4aa9d7837caf62653d097ff85' },
  { ...usdc, chain: '137', address: '0x3c499c542cef5e3811e1192ce70d8cc03d5c3359' },
  { ...usdc, chain: '8453', address: '0x833589fcd6edb6e08f4c7c32d4f71b54bda02913' },
  { ...usdc, chain: '42161', address: '0xaf88d065e77c8cc2239327c5edb3a432268e5831' },
  { ...usdc, chain: '84532', address: '0x036cbd53842c5426634e7929541ec2318f3dcf7e', name: 'USDC' },
  { ...usdc, chain: '11155111', address: '0x1c7d4b196cb0c7b01d743fbc6116a902379c7238', name: 'USDC' },
];

/** The token at an address on a chain, if it has a name here. */
export function tokenAt(chain: string | undefined, address: string | undefined): Token | undefined {
  return tokens.find((token) => token.chain === chain && token.address === address);
}

/** An amount of the token's smallest unit as people write it. */
export function inUnits(amount: bigint, { symbol, decimals }: Token): string {
  return `${formatUnits(amount, decimals)} ${symbol}`;
}
