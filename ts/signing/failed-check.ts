import { commandLine } from '#command';
import { TandemError } from '../core/errors.ts';
import { CheckFailedError, ProtocolError, StaleResponseError } from '../errors.ts';
import { distrustAdvice, type Hold } from '../store/store.ts';
import type { Opened } from './opened.ts';

// What a failure of the last step with the action means: nothing, or a failed check, which locks the share.

/** Takes a step in which no secret meets the answer. @throws StaleResponseError, ProtocolError: the answer was not used */
export function transported<T>(step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw (error instanceof TandemError && transportError(error)) || error;
  }
}

/** Takes the step that can fail a check. If it fails, the share is locked before the caller gets the error. */
export async function checked<T>(opened: Opened, hold: Hold, step: () => T): Promise<T> {
  try {
    return step();
  } catch (error) {
    const harmless = error instanceof TandemError && transportError(error);
    if (harmless) throw harmless;
    return failCheck(opened, hold, error instanceof Error ? error.message : String(error));
  }
}

/** The error for an answer that is not the action's answer to this request; undefined if it is, and is wrong. */
function transportError(error: TandemError): StaleResponseError | ProtocolError | undefined {
  switch (error.code) {
    case 'stale':
      return new StaleResponseError('The answer belongs to another request, or was altered. It was not used.', {
        next:
          'sign again. If that repeats, something between here and the action mixes up answers; or the correlation ' +
          `has to be replaced: ${commandLine('wallet')} correlate`,
        cause: error,
      });
    case 'input':
    case 'session':
    case 'identity':
      return new ProtocolError(`The answer is not one of this protocol: ${error.message}.`, {
        next: 'sign again. If that repeats, check whether the host runs the action whose source is in the store.',
        cause: error,
      });
    default:
      return undefined;
  }
}

/**
 * Counts the failure, which ends every correlation that was made before it, and locks the share.
 *
 * @throws CheckFailedError always, once that is on disk
 */
export async function failCheck(opened: Opened, hold: Hold, reason: string): Promise<never> {
  const { store, info, prepared, correlations } = opened;
  prepared.clear();
  let trouble = '';
  // Each step separately: a disk that is too full for a note may still delete files.
  for (const step of [() => correlations.countFailure(), () => correlations.end()]) {
    try {
      await step();
    } catch (error) {
      trouble = ` The failure could not be counted: ${error instanceof Error ? error.message : error}`;
    }
  }
  await hold.lockHot(`an answer of the action failed a check: ${reason}`);
  throw new CheckFailedError(
    `The answer failed a check (${reason}). The hot share of ${info.address} is locked now.${trouble}`,
    {
      next: `${distrustAdvice(store, info.address)} If you know why the check failed: ${commandLine('wallet')} unlock`,
    },
  );
}
