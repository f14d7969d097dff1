import { CodedError, type ErrorCode } from '../errors.ts';
import { cleanLine } from '../text/untrusted.ts';

/** Any error of the client and of its files. Message and advice are one line each, whatever of them came from outside. */
export class WalletError extends CodedError {
  override readonly name: string = 'WalletError';
  override readonly code: ErrorCode = 'wallet';

  constructor(short: string, { next, cause }: { next?: string | undefined; cause?: unknown } = {}) {
    super(cleanLine(short), { next: next && cleanLine(next), cause });
  }
}

export type StoreErrorKind =
  | 'missing' // no such file, folder or wallet
  | 'passphrase' // the passphrase does not open the share
  | 'identity' // the age identity does not open the share
  | 'altered' // truncated, changed, or not one of our files
  | 'other-wallet' // a sound share, but of another wallet or another party
  | 'old-share' // a share of this wallet from before its shares were dealt anew, or one of after
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
