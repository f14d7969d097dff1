/**
 * Every error of the client says what happened and, where there is one, the next step. `message` holds both, so that an
 * error printed by anybody is already the advice; `short` and `next` are there for interfaces of their own.
 */
export class WalletError extends Error {
  override readonly name: string = 'WalletError';
  readonly short: string;
  readonly next: string | undefined;

  constructor(short: string, options: { next?: string; cause?: unknown } = {}) {
    super(
      options.next === undefined ? short : `${short}\nNext: ${options.next}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.short = short;
    this.next = options.next;
  }
}

/** An argument that cannot be right, found before anything was done. */
export class UsageError extends WalletError {
  override readonly name = 'UsageError';
}

/** The action's policy does not allow this intent; the reason is the action's own. */
export class PolicyError extends WalletError {
  override readonly name = 'PolicyError';
}

/** The action refused for a reason that it keeps to itself (wrong wallet, wrong share, a request that does not parse). */
export class RefusedError extends WalletError {
  override readonly name = 'RefusedError';
}

/** The hot share is locked on disk: an earlier answer of the action failed a check. */
export class LockedError extends WalletError {
  override readonly name = 'LockedError';
}

/** The action's answer failed a check just now; the hot share was locked before this error was made. */
export class CheckFailedError extends WalletError {
  override readonly name = 'CheckFailedError';
}

/** The answer belongs to another request; no secret was used on it and nothing is locked. */
export class StaleResponseError extends WalletError {
  override readonly name = 'StaleResponseError';
}

/** A message that does not have the agreed form; no secret was used on it and nothing is locked. */
export class ProtocolError extends WalletError {
  override readonly name = 'ProtocolError';
}

export type StoreErrorKind =
  | 'missing' // no such file, folder or wallet
  | 'passphrase' // the passphrase does not open the share
  | 'identity' // the age identity does not open the share
  | 'altered' // truncated, changed, or not one of our files
  | 'other-wallet' // a sound share, but of another wallet or another party
  | 'version' // written by a version of tandem that this one does not know
  | 'exists' // would overwrite
  | 'busy' // another process holds the wallet
  | 'read-only' // may not be written
  | 'full' // no space left
  | 'io'; // anything else from the file system

/** Anything wrong with the files of the share store. */
export class StoreError extends WalletError {
  override readonly name = 'StoreError';
  readonly kind: StoreErrorKind;

  constructor(kind: StoreErrorKind, short: string, options: { next?: string; cause?: unknown } = {}) {
    super(short, options);
    this.kind = kind;
  }
}
