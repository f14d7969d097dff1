import { TandemError } from '../core/errors.ts';
import { CheckFailedError, ProtocolError, StaleResponseError } from '../errors.ts';
import type { Hold } from '../store/store.ts';
import type { Opened } from './opened.ts';

// The last step with the action, and what it means if it fails: the lock.

/** Takes the step that can fail a check; a failed one locks the share before anybody hears of it. */
export function finish<T>(opened: Opened, hold: Hold, step: () => T): T {
  try {
    return step();
  } catch (error) {
    const code = error instanceof TandemError ? error.code : 'internal';
    const message = error instanceof Error ? error.message : String(error);
    switch (code) {
      case 'stale':
        throw new StaleResponseError('The answer is to another request; nothing was done with it.', {
          next: 'sign again. If that repeats, something between here and the action mixes up answers.',
          cause: error,
        });
      case 'input':
      case 'session':
      case 'identity':
        throw new ProtocolError(`The answer is not one of this protocol: ${message}.`, {
          next: 'sign again. If that repeats, see whether the host runs the action whose source the store keeps.',
          cause: error,
        });
      default:
        return failCheck(opened, hold, message);
    }
  }
}

/** @throws CheckFailedError always, once the share is locked on disk */
export function failCheck({ info, pool }: Opened, hold: Hold, reason: string): never {
  pool.clear();
  hold.lockHot(`an answer of the action failed a check: ${reason}`);
  throw new CheckFailedError(`The answer failed a check (${reason}). The hot share of ${info.address} is locked now.`, {
    next:
      'an honest action does not give such an answer, and each one can cost a bit of the share: move what the wallet ' +
      'holds with --recovery. npx tsx scripts/wallet.ts unlock takes the lock off again.',
  });
}
