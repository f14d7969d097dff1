import { cleanBlock, cleanLine } from './text/untrusted.ts';

/** Every code that an error can have. docs/errors.md says for each what happened and what to do. */
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
  'age-unsupported',
  'age-altered',
  'passkey',
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

/** One of {@link CODES}. */
export type ErrorCode = (typeof CODES)[number];

/**
 * The base of every error that reaches people. `message` says what happened and, where that is known, the next step: a
 * printed error already contains the advice. User interfaces use `short` and `next`, and programs use `code`, which stays the
 * same when the words change. No part of it contains a secret.
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

/** Any error of the client and of its files. Message and advice are one line each, whatever of them came from outside. */
export class WalletError extends CodedError {
  override readonly name: string = 'WalletError';
  override readonly code: ErrorCode = 'wallet';

  constructor(short: string, { next, cause }: { next?: string | undefined; cause?: unknown } = {}) {
    super(cleanLine(short), { next: next && cleanLine(next), cause });
  }
}

/** What is wrong with a store. */
export type StoreErrorKind =
  | 'missing' // no such file, folder or wallet
  | 'passphrase' // the passphrase does not open the share
  | 'identity' // the age identity does not open the share
  | 'altered' // truncated, changed, or not one of our files
  | 'other-wallet' // an intact share of another wallet or another party
  | 'old-share' // a share of this wallet from another epoch than wallet.json
  | 'changed' // the wallet has other shares or another action than a moment ago
  | 'version' // written by a version of tandem that this one does not know
  | 'exists' // would overwrite
  | 'busy' // another process holds the wallet
  | 'read-only' // may not be written
  | 'full' // no space left
  | 'io'; // anything else from the file system

/** Anything wrong with the files of the share store. */
export class StoreError extends WalletError {
  override readonly name = 'StoreError';
  override readonly code: `store-${StoreErrorKind}`;
  readonly kind: StoreErrorKind;

  constructor(kind: StoreErrorKind, short: string, options: { next?: string; cause?: unknown } = {}) {
    super(short, options);
    this.code = `store-${kind}`;
    this.kind = kind;
  }
}

/** An argument is missing or wrong. Nothing was done. */
export class UsageError extends WalletError {
  override readonly name = 'UsageError';
  override readonly code = 'usage';
}

/** The action's policy does not allow this intent; the reason is the action's own. */
export class PolicyError extends WalletError {
  override readonly name = 'PolicyError';
  override readonly code = 'policy';
}

/** The action refused for a reason that it keeps to itself (wrong wallet, wrong share, a request that does not parse). */
export class RefusedError extends WalletError {
  override readonly name = 'RefusedError';
  override readonly code = 'refused';
}

/** The hot share is locked on disk: an earlier answer of the action failed a check. */
export class LockedError extends WalletError {
  override readonly name = 'LockedError';
  override readonly code = 'locked';
}

/** The action's answer failed a check just now; the hot share was locked before this error was made. */
export class CheckFailedError extends WalletError {
  override readonly name = 'CheckFailedError';
  override readonly code = 'check-failed';
}

/** The answer belongs to another request; no secret was used on it and nothing is locked. */
export class StaleResponseError extends WalletError {
  override readonly name = 'StaleResponseError';
  override readonly code = 'stale-response';
}

/** A message that does not have the agreed form; no secret was used on it and nothing is locked. */
export class ProtocolError extends WalletError {
  override readonly name = 'ProtocolError';
  override readonly code = 'protocol';
}

/** A passkey could not be made or used: this device has none that can keep a wallet, it is another one, or nobody confirmed. */
export class PasskeyError extends WalletError {
  override readonly name = 'PasskeyError';
  override readonly code = 'passkey';
}

/** The parts do not make an action: an import is missing, a constant is not valid, or a file has the wrong kind. */
export class BuildError extends CodedError {
  override readonly name = 'BuildError';
  override readonly code = 'build';

  constructor(message: string, options: { cause?: unknown } = {}) {
    super(cleanBlock(message), options);
  }
}
