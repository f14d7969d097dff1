import { type ProviderOptions, TandemProvider } from './provider.ts';

/** What EIP-6963 tells of a provider. */
export interface ProviderInfo {
  readonly uuid: string;
  readonly name: string;
  readonly icon: `data:image/${string}`;
  readonly rdns: string;
}

export interface AnnounceOptions extends ProviderOptions {
  readonly name?: string | undefined;
  readonly icon?: `data:image/${string}` | undefined;
  /** The wallet's domain in reverse; by default that of its URL. */
  readonly rdns?: string | undefined;
}

/** Two halves of one disc. */
export const ICON =
  'data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 viewBox=%220 0 32 32%22%3E%3Crect width=%2232%22 height=%2232%22 rx=%227%22 fill=%22%23123c4a%22/%3E%3Cpath d=%22M15 7a9 9 0 0 0 0 18z%22 fill=%22%23f4efe6%22/%3E%3Cpath d=%22M17 7a9 9 0 0 1 0 18z%22 fill=%22%23e2a15b%22/%3E%3C/svg%3E';

/**
 * Offers the wallet to this page's libraries (EIP-6963): wagmi, viem with mipd and others find it by themselves.
 *
 * @returns the provider, and what ends the offer
 */
export function announceTandem(options: AnnounceOptions): {
  provider: TandemProvider;
  info: ProviderInfo;
  stop: () => void;
} {
  const provider = new TandemProvider(options);
  const { hostname } = new URL(options.wallet, location.href);
  const info: ProviderInfo = Object.freeze({
    uuid: crypto.randomUUID(),
    name: options.name ?? 'Tandem',
    icon: options.icon ?? ICON,
    rdns: options.rdns ?? hostname.split('.').reverse().join('.'),
  });
  const detail = Object.freeze({ info, provider });
  const announce = () => dispatchEvent(new CustomEvent('eip6963:announceProvider', { detail }));
  addEventListener('eip6963:requestProvider', announce);
  announce();
  return { provider, info, stop: () => removeEventListener('eip6963:requestProvider', announce) };
}
