declare module 'tandem:constants' {
  /** The policy that this build of the co-signer enforces. */
  export const POLICY: unknown;
}
