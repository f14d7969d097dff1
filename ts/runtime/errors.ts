import { CodedError } from '../errors.ts';
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
 * An error of a {@link Runtime}. `status` is an HTTP status. Message and advice are safe to show, including the parts that come from
 * the host.
 */
export class RuntimeError extends CodedError {
  override readonly name = 'RuntimeError';
  override readonly code: `host-${RuntimeErrorKind}`;
  readonly kind: RuntimeErrorKind;
  readonly status: number | undefined;

  constructor(
    kind: RuntimeErrorKind,
    message: string,
    details: { status?: number; next?: string; cause?: unknown } = {},
  ) {
    const { status, next, cause } = details;
    super(cleanBlock(message), { next: next && cleanLine(next), cause });
    this.code = `host-${kind}`;
    this.kind = kind;
    this.status = status;
  }
}

/** The error of a call that its caller ended. */
export function aborted(signal: AbortSignal | undefined): RuntimeError {
  return new RuntimeError('aborted', 'the call was aborted', { cause: signal?.reason });
}
