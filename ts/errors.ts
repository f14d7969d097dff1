/** Every code that an error can have. docs/errors.md says of each what happened and what to do. */
export const CODES = [
  'wallet',
  'usage',
  'policy',
  'refused',
  'locked',
  'check-failed',
  'stale-response',
  'protocol',
  'malformed',
  'build',
  'store-missing',
  'store-passphrase',
  'store-identity',
  'store-altered',
  'store-other-wallet',
  'store-old-share',
  'store-changed',
  'store-version',
  'store-exists',
  'store-busy',
  'store-read-only',
  'store-full',
  'store-io',
  'age-wrong-key',
  'age-altered',
  'host-input',
  'host-permission',
  'host-limit',
  'host-timeout',
  'host-memory',
  'host-aborted',
  'host-action',
  'host-busy',
  'host-payment',
  'host-unavailable',
  // Those of the wasm module, as it gives them.
  'input',
  'session',
  'identity',
  'stale',
  'check',
  'party',
  'internal',
] as const;

export type ErrorCode = (typeof CODES)[number];

/**
 * The base of every error that reaches people. `message` says what happened and, where that is known, the next step: an
 * error printed by anybody is already the advice. Interfaces of their own take `short` and `next`, and programs `code`,
 * which stays the same when the words change. No part of it holds a secret.
 */
export abstract class CodedError extends Error {
  abstract readonly code: ErrorCode;
  /** What happened. */
  readonly short: string;
  /** What to do about it. */
  readonly next: string | undefined;

  constructor(short: string, { next, cause }: { next?: string | undefined; cause?: unknown } = {}) {
    super(next === undefined ? short : `${short}\nNext: ${next}`, cause === undefined ? undefined : { cause });
    this.short = short;
    this.next = next;
  }

  /** Where the documentation says more about it, from the root of the package. */
  get docs(): string {
    return `docs/errors.md#${this.code}`;
  }
}
