import { CodedError } from '../errors.ts';

/**
 * Why a call of the wasm module failed:
 * - `input`: an argument or a message does not parse or is out of range
 * - `session`: the session is of another kind, round or share
 * - `identity`: a message of another key, party or set of signers
 * - `stale`: an answer to another session; no secret was touched
 * - `check`: a check against secrets failed; the share must be locked before anybody is told
 * - `party`: a party, named in {@link TandemError.party}, broke the protocol
 * - `internal`: no randomness, or a fault of the module; the instance is of no more use
 */
export type TandemErrorCode = (typeof codes)[number];

const codes = ['input', 'session', 'identity', 'stale', 'check', 'party', 'internal'] as const;

/** The error of every method of `Tandem`. Its message holds no secret. */
export class TandemError extends CodedError {
  override readonly name = 'TandemError';
  override readonly code: TandemErrorCode;
  /** The index of the party at fault, where the protocol can name one. */
  readonly party: number | undefined;

  constructor(code: TandemErrorCode, message: string, options: { party?: number | undefined; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.party = options.party;
  }
}

/** Tells whether `value` is the code of an error; the module's own, from newer versions, may not be. */
export function isErrorCode(value: unknown): value is TandemErrorCode {
  return codes.some((code) => code === value);
}
