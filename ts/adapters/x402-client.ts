import { x402Client } from '@x402/core/client';
import { wrapFetchWithPayment } from '@x402/fetch';
import { CountedExactScheme, type CountedOptions } from './x402.ts';

/**
 * A client of @x402/core that pays from this wallet, on EVM chains, within its policy and `maxAmountPerPayment`. The client's own spending
 * controls are off: they count dollars, in tokens that the client knows. It is for @x402/fetch, @x402/axios and the like.
 */
export function payingClient(options: CountedOptions): x402Client {
  const scheme = new CountedExactScheme(options);
  return new x402Client()
    .register('eip155:*', scheme)
    .setSpendControls(false)
    .registerPolicy((_version, wanted) => {
      const payable = wanted.filter((requirements) => scheme.canPay(requirements));
      const within = payable.filter((requirements) => scheme.isWithinMaximum(requirements));
      return within.length > 0 ? within : payable; // so that the scheme says by how much it is too high
    });
}

/** Fetches, and pays where a server answers 402. What the policy refuses rejects, and so does what is above the maximum. */
export function payingFetch(
  options: CountedOptions,
  fetch: typeof globalThis.fetch = globalThis.fetch,
): typeof globalThis.fetch {
  return wrapFetchWithPayment(fetch, payingClient(options));
}
