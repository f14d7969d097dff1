import { UsageError } from '../errors.ts';
import { fits } from '../runtime/fits.ts';
import type { Limits } from '../runtime/types.ts';
import { actionOf, type Holder } from '../store/action.ts';
import { type Opened, theParty } from './opened.ts';

// The action, where it runs, and what fits into one call of it.

/** An action that is to sign. */
export interface HostedSigner extends Holder {
  readonly index: number;
}

/** The wallet's action where it runs, with the share that only it can open. */
export async function hostedAction({ store, info, runtime }: Opened): Promise<HostedSigner> {
  const { index } = theParty(info, 'action');
  return { index, ...(await actionOf(store, info, runtime)) };
}

/** The length of bytes in base64. */
export function inBase64(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}

/**
 * @param sizes of the parameters and of the answer for so many signatures, in bytes
 * @throws UsageError if the host's limits would refuse the call or its answer
 */
export function assertPossible(
  limits: Limits,
  count: number,
  sizes: (count: number) => { readonly params: number; readonly response: number },
): void {
  if (fits(sizes(count), limits)) return;
  const { params, response } = sizes(count);
  const what = count === 1 ? 'The signature does' : `The ${count} signatures do`;
  let most = count - 1;
  while (most > 0 && !fits(sizes(most), limits)) most -= 1;
  throw new UsageError(
    `${what} not fit one call: parameters of ${params} bytes and an answer of ${response}, ` +
      `where the host takes ${limits.maxParamsLength} and ${limits.maxResponseLength}.`,
    { next: most === 0 ? 'sign something shorter.' : `sign ${most} of them in one call.` },
  );
}
