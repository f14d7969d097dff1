// A process of its own for guardedFetch, so that it can trust a certificate of a test (NODE_EXTRA_CA_CERTS). It reads what to fetch from
// stdin, one after the other, and prints what came of each.
import { text } from 'node:stream/consumers';
import { guardedFetch, type Internet } from '../../ts/mcp/guarded-fetch.ts';

export interface Fetching {
  readonly url: string;
  readonly method?: string;
  readonly timeoutMs?: number;
  /** What the name resolves to, each time that it is looked up; the last stays. */
  readonly resolves?: readonly (readonly string[])[];
}

export interface Fetched {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly text?: string;
  readonly error?: string;
  readonly lookups: number;
}

const { isPublic, fetchings } = JSON.parse(await text(process.stdin)) as {
  isPublic: readonly string[];
  fetchings: readonly Fetching[];
};
const results: Fetched[] = [];
const alive = setInterval(() => {}, 1000); // a look-up of the system would keep the process, those here do not
for (const { url, method = 'GET', timeoutMs = 20_000, resolves = [] } of fetchings) {
  let lookups = 0;
  const lookup = (_host: string, _options: object, done: (error: null, found: object[]) => void) => {
    const addresses = resolves[Math.min(lookups, resolves.length - 1)];
    lookups += 1;
    // Without an answer it takes as long as it takes.
    if (addresses)
      process.nextTick(() =>
        done(
          null,
          addresses.map((address) => ({ address, family: 4 })),
        ),
      );
  };
  const internet = { lookup, isPublic: (address: string) => isPublic.includes(address), timeoutMs };
  try {
    const response = await guardedFetch(false, internet as unknown as Internet)(url, { method });
    const headers = Object.fromEntries(response.headers);
    results.push({ status: response.status, headers, text: await response.text(), lookups });
  } catch (error) {
    results.push({
      error: error instanceof Error ? `${error.message} ${String(error.cause ?? '')}` : 'unknown',
      lookups,
    });
  }
}
clearInterval(alive);
console.log(JSON.stringify(results));
