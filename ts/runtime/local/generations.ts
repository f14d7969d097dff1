import { APRIL_LIMITS, NEWEST_LIMITS } from '../limits.ts';
import type { Peer } from '../peer.ts';
import type { Limits } from '../types.ts';

/** A generation of Lit's hosts, as far as an action or a client can tell one from another. */
export interface Generation {
  /** The version of Deno that its hosts embed, and the npm package which has it. */
  readonly deno: string;
  readonly package: Peer;
  /** A version of Lit's API server of that generation. */
  readonly api: string;
  /** With which method wallets are made. */
  readonly createWallet: 'GET' | 'POST';
  /** Whether there are `Lit.Auth`, a global `viem`, and `Lit.Actions.proxiedFetch`. */
  readonly hasAuth: boolean;
  readonly hasViem: boolean;
  readonly hasProxiedFetch: boolean;
  /** Whether `getLitActionPublicKey` gives 33 bytes rather than 65, and `Decrypt` takes hex with `0x`. */
  readonly hasCompressedKeys: boolean;
  readonly takes0x: boolean;
  readonly limits: Limits;
}

/** The generations of 2026 that are known: that of April, and the newest. */
export const GENERATIONS = {
  april: {
    deno: '2.2.2',
    package: 'deno-2.2.2',
    api: '1.1.9',
    createWallet: 'GET',
    hasAuth: true,
    hasViem: true,
    hasProxiedFetch: false,
    hasCompressedKeys: false,
    takes0x: false,
    limits: APRIL_LIMITS,
  },
  newest: {
    deno: '2.8.0',
    package: 'deno',
    api: '1.1.10',
    createWallet: 'POST',
    hasAuth: false,
    hasViem: false,
    hasProxiedFetch: true,
    hasCompressedKeys: true,
    takes0x: true,
    limits: NEWEST_LIMITS,
  },
} as const satisfies Record<string, Generation>;

export type GenerationName = keyof typeof GENERATIONS;
