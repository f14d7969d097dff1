import { commandLine } from '#command';
import { TandemError } from '../core/errors.ts';
import { CheckFailedError, ProtocolError, StaleResponseError } from '../errors.ts';
import type { Hold } from '../store/store.ts';
import type { Opened } from './opened.ts';

// What it means if the last step with the action fails: nothing at all, or a failed check, which locks the share.

/** Takes a step that no secret meets the answer in. @throws StaleResponseError, ProtocolError: nothing was done with the answer */
export function transported<T>(step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw (error instanceof TandemError && transportError(error)) || error;
  }
}

/** Takes the step that can fail a check; a failed one locks the share before anybody hears of it. */
export async function checked<T>(opened: Opened, hold: Hold, step: () => T): Promise<T> {
  try {
    return step();
  } catch (error) {
    const harmless = error instanceof TandemError && transportError(error);
    if (harmless) throw harmless;
    return failCheck(opened, hold, error instanceof Error ? error.message : String(error));
  }
}

/** What to say of an answer that is not the action's to this request; undefined if it is, and wrong. */
function transportError(error: TandemError): StaleResponseError | ProtocolError | undefined {
  switch (error.code) {
    case 'stale':
      return new StaleResponseError('The answer is not to this request, or was altered; nothing was done with it.', {
        next:
          'sign again. If that repeats, something between here and the action mixes up answers; or have the correlation ' +
          `made anew: ${commandLine('wallet')} correlate`,
        cause: error,
      });
    case 'input':
    case 'session':
    case 'identity':
      return new ProtocolError(`The answer is not one of this protocol: ${error.message}.`, {
        next: 'sign again. If that repeats, see whether the host runs the action whose source the store keeps.',
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
  const { info, prepared, correlations } = opened;
  prepared.clear();
  let trouble = '';
  // Each by itself: a disk that takes no note may still let files go.
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
      next:
        'an honest action does not give such an answer, and each one can cost a bit of the share: move what the wallet ' +
        `holds with --recovery. ${commandLine('wallet')} unlock takes the lock off again.`,
    },
  );
}
