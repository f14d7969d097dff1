import { UsageError } from '../errors.ts';
import { fits } from '../runtime/fits.ts';
import type { Limits } from '../runtime/types.ts';
import { actionOf, type Holder } from '../store/action.ts';
import { type Opened, theParty } from './opened.ts';

// The action, where it runs, and what fits into one call of it.

/** An action that will sign. */
export interface HostedSigner extends Holder {
  readonly index: number;
}

/** The wallet's action where it runs, with the share that only it can open. */
export async function hostedAction({ store, info, runtime }: Opened): Promise<HostedSigner> {
  const { index } = theParty(info, 'action');
  return { index, ...(await actionOf(store, info, runtime)) };
}

/** The length of base64 for so many bytes. */
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
  let most = count - 1;
  while (most > 0 && !fits(sizes(most), limits)) most -= 1;
  throw new UsageError(
    `${count === 1 ? 'The signature does' : `The ${count} signatures do`} not fit one call: ${excess(sizes(count), limits)}.`,
    { next: most === 0 ? WITHOUT_LIMITS : `sign ${most} of them in one call.` },
  );
}

const WITHOUT_LIMITS =
  'sign something shorter, with the hot and the cold share (--recovery), which no call limits, or at a host with wider limits.';

/** By how much a call is too long. */
export function excess(
  { params, response }: { readonly params: number; readonly response: number },
  { maxParamsLength, maxResponseLength }: Limits,
): string {
  const parts = [
    { what: 'its parameters', size: params, max: maxParamsLength },
    { what: 'its answer', size: response, max: maxResponseLength },
  ];
  return parts
    .filter(({ size, max }) => size > max)
    .map(
      ({ what, size, max }) => `${what} would have ${size} bytes where the host takes ${max}, ${size - max} too many`,
    )
    .join(', and ');
}
