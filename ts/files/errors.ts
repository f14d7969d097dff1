import { cleanLine } from '../text/untrusted.ts';

/**
 * Every error of the client and of its files says what happened and, where there is one, the next step. `message` holds both, so that an
 * error printed by anybody is already the advice; `short` and `next` are there for interfaces of their own. Each is one line
 * that can be shown as it is, whatever of it came from outside.
 */
export class WalletError extends Error {
  override readonly name: string = 'WalletError';
  readonly short: string;
  readonly next: string | undefined;

  constructor(short: string, options: { next?: string; cause?: unknown } = {}) {
    const [said, next] = [cleanLine(short), options.next && cleanLine(options.next)];
    super(
      next === undefined ? said : `${said}\nNext: ${next}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.short = said;
    this.next = next;
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
  readonly kind: StoreErrorKind;

  constructor(kind: StoreErrorKind, short: string, options: { next?: string; cause?: unknown } = {}) {
    super(short, options);
    this.kind = kind;
  }
}
