import { lookup } from 'node:dns';
import { type IncomingMessage, request as overHttp, type RequestOptions } from 'node:http';
import { request as overHttps } from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { UsageError } from '../errors.ts';

// What an agent is talked into fetching. It reaches the public internet by https, and nothing of this machine or of the networks that it
// is in; the address that was checked is the one that is connected to.

const MAX_BYTES = 256 * 1024;
const MAX_REDIRECTS = 3;

/** What names resolve to, which addresses may be connected to, and for how long. Tests have one of their own. */
export interface Internet {
  readonly lookup: typeof lookup;
  isPublic(address: string): boolean;
  readonly timeoutMs: number;
}

const privateV4 = new BlockList();
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  privateV4.addSubnet(net, prefix);
}

// What is unicast on the internet, without what has another address within it, or is for documents.
const publicV6 = new BlockList();
publicV6.addSubnet('2000::', 3, 'ipv6');
const specialV6 = new BlockList();
for (const [net, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  specialV6.addSubnet(net, prefix, 'ipv6');
}

/** Whether an IP address is one of the public internet. */
export function isPublic(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !privateV4.check(address);
  return family === 6 && publicV6.check(address, 'ipv6') && !specialV6.check(address, 'ipv6');
}

const INTERNET: Internet = { lookup, isPublic, timeoutMs: 30_000 };

/**
 * A fetch for URLs that others name: https, to addresses of the public internet, within limits of time and size, with redirects within
 * an origin only. What is compressed stays so.
 *
 * @param isLocal whether it also reaches this machine, by http: for trying things out
 */
export function guardedFetch(isLocal = false, internet: Internet = INTERNET): typeof globalThis.fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    const body = request.body === null ? undefined : Buffer.from(await request.arrayBuffer());
    const late = AbortSignal.timeout(internet.timeoutMs);
    const signal = AbortSignal.any([late, request.signal]);
    try {
      return await follow(request, (url) => send(url, request, body, { isLocal, internet, signal }));
    } catch (error) {
      throw late.aborted ? new UsageError(`There was no whole answer within ${internet.timeoutMs} ms.`) : error;
    }
  };
}

interface Answer {
  readonly response: IncomingMessage;
  readonly data: Uint8Array<ArrayBuffer>;
}

/** Sends a request, and again where the server redirects it within its origin. */
async function follow({ url: first, method }: Request, send: (url: URL) => Promise<Answer>): Promise<Response> {
  let url = new URL(first);
  const { origin } = url;
  for (let i = 0; i <= MAX_REDIRECTS; i++) {
    const { response, data } = await send(url);
    const status = response.statusCode ?? 0;
    const { location } = response.headers;
    if (location === undefined || ![301, 302, 303, 307, 308].includes(status)) {
      const headers = Object.entries(response.headersDistinct).flatMap(([name, values = []]) =>
        values.map((value): [string, string] => [name, value]),
      );
      return new Response([204, 205, 304].includes(status) ? null : data, { status, headers });
    }
    if (method !== 'GET') throw new UsageError('The server redirects what is not a GET.');
    url = new URL(location, url);
    if (url.origin !== origin) throw new UsageError('The server redirects to another origin.');
  }
  throw new UsageError(`The server redirects more than ${MAX_REDIRECTS} times.`);
}

function send(
  url: URL,
  { method, headers }: Request,
  body: Buffer | undefined,
  { isLocal, internet, signal }: { isLocal: boolean; internet: Internet; signal: AbortSignal },
): Promise<Answer> {
  const { protocol, username, password } = url;
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  const isHere = isLocal && ['127.0.0.1', '::1', 'localhost'].includes(hostname);
  if (protocol !== 'https:' && !(protocol === 'http:' && isHere)) throw new UsageError('Only https is fetched.');
  if (username !== '' || password !== '') throw new UsageError('A URL with a password is not fetched.');
  // An address is connected to without a look-up.
  if (isIP(hostname) !== 0 && !isHere && !internet.isPublic(hostname))
    throw new UsageError('That address is not a public one.');
  const options: RequestOptions & { rejectUnauthorized: boolean } = {
    method,
    headers: { ...Object.fromEntries(headers), ...(body && { 'content-length': String(body.length) }) },
    lookup: isHere ? internet.lookup : publicLookup(internet),
    rejectUnauthorized: true, // whatever the environment says
    agent: false, // a connection of its own, to what this look-up gave
    signal,
  };
  return new Promise((resolve, reject) => {
    let isAnswered = false;
    const closed = () => reject(new UsageError('The server closed the connection before its answer was whole.'));
    const request = (protocol === 'https:' ? overHttps : overHttp)(url, options, (response) => {
      isAnswered = true;
      const parts: Buffer[] = [];
      let size = 0;
      response.on('data', (part: Buffer) => {
        size += part.length;
        parts.push(part);
        if (size > MAX_BYTES) request.destroy(new UsageError(`The answer is longer than ${MAX_BYTES} bytes.`));
      });
      response.on('end', () => resolve({ response, data: new Uint8Array(Buffer.concat(parts)) }));
      response.on('error', reject);
      response.on('close', closed); // after its end, if that came
    });
    request.on('error', reject);
    request.on('close', () => isAnswered || closed());
    request.end(body);
  });
}

/** Looks a name up, and gives its addresses only if all of them are public. */
function publicLookup({ lookup, isPublic }: Internet): LookupFunction {
  return (hostname, options, done) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error) return done(error, []);
      const wrong = found.find(({ address }) => !isPublic(address));
      if (wrong !== undefined || found.length === 0)
        return done(new UsageError(`${hostname} has no public address.`), []);
      const [first] = found;
      return options.all === true || first === undefined ? done(null, found) : done(null, first.address, first.family);
    });
  };
}
