import { x402Client } from '@x402/core/client';
import { wrapFetchWithPayment } from '@x402/fetch';
import { CountedExactScheme, type CountedOptions } from './x402.ts';

/**
 * A client of @x402/core that pays from this wallet, on EVM chains, within its policy: the spending controls of the client are off,
 * since the action has them. It is for @x402/fetch, @x402/axios and the like.
 */
export function payingClient(options: CountedOptions): x402Client {
  const scheme = new CountedExactScheme(options);
  return new x402Client()
    .register('eip155:*', scheme)
    .setSpendControls(false)
    .registerPolicy((_version, wanted) => wanted.filter((requirements) => scheme.canPay(requirements)));
}

/** Fetches, and pays where a server answers 402. What the policy refuses rejects. */
export function payingFetch(
  options: CountedOptions,
  fetch: typeof globalThis.fetch = globalThis.fetch,
): typeof globalThis.fetch {
  return wrapFetchWithPayment(fetch, payingClient(options));
}
