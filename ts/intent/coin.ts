import { formatEther } from 'viem/utils';

// What a chain's own coin is called, for people. A wrong name would mislead, so a coin without one here goes without.

const coins: ReadonlyMap<string, string> = new Map([
  ['1', 'ETH'],
  ['10', 'ETH'],
  ['56', 'BNB'],
  ['137', 'POL'],
  ['8453', 'ETH'],
  ['31337', 'ETH'], // Anvil and Hardhat
  ['42161', 'ETH'],
  ['84532', 'ETH'],
  ['11155111', 'ETH'],
]);

/** The name of the coin that all these chains have; undefined if they have several, or one that has no name here. */
export function coinOf(chains: 'any' | readonly string[]): string | undefined {
  const names = new Set(chains === 'any' ? [] : chains.map((chain) => coins.get(chain)));
  return names.size === 1 ? [...names][0] : undefined;
}

/** An amount of the chain's own coin in words. */
export function inCoin(wei: bigint, chains: 'any' | readonly string[]): string {
  return `${formatEther(wei)} ${coinOf(chains) ?? "of the chain's own coin"}`;
}
