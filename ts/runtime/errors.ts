import { cleanBlock, cleanLine } from '../text/untrusted.ts';

/**
 * What went wrong at a host:
 * - `input`: the call was malformed (a CID that is not the source's, bad JSON, no such wallet)
 * - `permission`: this key or this action may not do that
 * - `limit`: the call would exceed a limit, or exceeded one
 * - `timeout`, `memory`: the action ran too long, or grew too large, and was stopped
 * - `aborted`: the caller's signal ended the call
 * - `action`: the action's own code threw
 * - `busy`: the host asks to be called again later
 * - `payment`: the account has to be topped up
 * - `unavailable`: the host cannot be reached, cannot start, or failed
 */
export type RuntimeErrorKind =
  | 'input'
  | 'permission'
  | 'limit'
  | 'timeout'
  | 'memory'
  | 'aborted'
  | 'action'
  | 'busy'
  | 'payment'
  | 'unavailable';

/**
 * An error of a {@link Runtime}. `fix` says what to do about it, where that is known; `status` is an HTTP status. Message and
 * `fix` can be shown as they are, whatever of them the host said.
 */
export class RuntimeError extends Error {
  readonly kind: RuntimeErrorKind;
  readonly status: number | undefined;
  readonly fix: string | undefined;

  constructor(
    kind: RuntimeErrorKind,
    message: string,
    details: { status?: number; fix?: string; cause?: unknown } = {},
  ) {
    super(cleanBlock(message), details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'RuntimeError';
    this.kind = kind;
    this.status = details.status;
    this.fix = details.fix && cleanLine(details.fix);
  }
}
