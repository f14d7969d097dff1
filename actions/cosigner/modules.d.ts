declare module 'tandem:constants' {
  /** The policy that this build of the co-signer enforces. */
  export const POLICY: unknown;
  /** Its hash. */
  export const POLICY_HASH: string;
  /** It works with no share of an epoch below this one. */
  export const MIN_EPOCH: number;
  /** The only wallet of the host that it works for, in lower-case hex; empty for any. */
  export const WALLET: string;
}
