import { TandemError } from '../core/errors.ts';
import { CodedError, type ErrorCode } from '../errors.ts';
import { cleanLine } from '../text/untrusted.ts';
import type { SentError } from './messages.ts';

// Most errors advise a command; a page has none.

/** What to do once an answer of the action has failed a check, as an error's `next`: for a page that says so by itself. */
export const DISTRUST_ADVICE =
  'do not trust this action. With a backup, the cold share and the recovery key, a computer gives the key another one (docs/browser.md).';

const ADVICE: { readonly [code in ErrorCode]?: string } = {
  locked: DISTRUST_ADVICE,
  'check-failed': DISTRUST_ADVICE,
  'stale-response': 'try again.',
  refused: 'check that this page is set up for the action of the wallet.',
  'store-missing': 'if the storage of this site was cleared, restore a backup, or recover with the cold share.',
  'store-identity': 'open the wallet again.',
  'store-busy': 'finish in the other tab, or close it.',
  'host-permission': 'the operator of this page has to set it up at the host again.',
  'host-unavailable': 'check the network, and try again.',
  'host-timeout': 'try again.',
};

/** An error as the page gets it: in words, with no stack, and with advice that a page can follow. */
export function sentError(error: unknown): SentError {
  if (!(error instanceof CodedError)) {
    return { code: 'internal', short: 'Something in the wallet failed.', next: 'reload the page, and try again.' };
  }
  if (error instanceof TandemError) return { code: error.code, short: cleanLine(error.short) };
  const { code, short, next } = error;
  const isForPages = next !== undefined && !/npx |TANDEM_|LIT_|--/.test(next);
  return { code, short, next: isForPages ? next : ADVICE[code] };
}
