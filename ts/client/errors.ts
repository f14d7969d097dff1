import { WalletError } from '../files/errors.ts';

export { CodedError, type ErrorCode } from '../errors.ts';
export { StoreError, type StoreErrorKind, WalletError } from '../files/errors.ts';

/** An argument that cannot be right, found before anything was done. */
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
