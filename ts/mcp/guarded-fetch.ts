import { lookup } from 'node:dns';
import { type IncomingMessage, request as overHttp, type RequestOptions } from 'node:http';
import { request as overHttps } from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { UsageError } from '../errors.ts';

// What an agent is talked into fetching. It reaches the public internet by https, and nothing of this machine or of the networks that it
// is in; the address that was checked is the one that is connected to.

const MAX_BYTES = 256 * 1024;
const MAX_REDIRECTS = 3;
const TIMEOUT_MS = 30_000;

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

/**
 * A fetch for URLs that others name: https, to addresses of the public internet, within limits of time and size, with redirects within
 * an origin only.
 *
 * @param isLocal whether it also reaches this machine, by http: for trying things out
 */
export function guardedFetch(isLocal = false): typeof globalThis.fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    const body = request.body === null ? undefined : Buffer.from(await request.arrayBuffer());
    const origin = new URL(request.url).origin;
    let url = new URL(request.url);
    for (let i = 0; i <= MAX_REDIRECTS; i++) {
      const { response, data } = await send(url, request, body, isLocal);
      const status = response.statusCode ?? 0;
      const { location } = response.headers;
      if (location === undefined || ![301, 302, 303, 307, 308].includes(status)) {
        const headers = Object.entries(response.headersDistinct).flatMap(([name, values = []]) =>
          values.map((value): [string, string] => [name, value]),
        );
        return new Response([204, 205, 304].includes(status) ? null : data, { status, headers });
      }
      if (body !== undefined || request.method !== 'GET')
        throw new UsageError('The server redirects what is not a GET.');
      url = new URL(location, url);
      if (url.origin !== origin) throw new UsageError('The server redirects to another origin.');
    }
    throw new UsageError(`The server redirects more than ${MAX_REDIRECTS} times.`);
  };
}

function send(
  url: URL,
  { method, headers }: Request,
  body: Buffer | undefined,
  isLocal: boolean,
): Promise<{ response: IncomingMessage; data: Uint8Array<ArrayBuffer> }> {
  const { protocol, username, password } = url;
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  const isHere = isLocal && ['127.0.0.1', '::1', 'localhost'].includes(hostname);
  if (protocol !== 'https:' && !(protocol === 'http:' && isHere)) throw new UsageError('Only https is fetched.');
  if (username !== '' || password !== '') throw new UsageError('A URL with a password is not fetched.');
  if (isIP(hostname) !== 0 && !isHere && !isPublic(hostname)) throw new UsageError('That address is not a public one.');
  const options: RequestOptions = {
    method,
    headers: { ...Object.fromEntries(headers), ...(body && { 'content-length': String(body.length) }) },
    lookup: isHere ? lookup : publicLookup,
    timeout: TIMEOUT_MS,
    agent: false,
  };
  return new Promise((resolve, reject) => {
    const request = (protocol === 'https:' ? overHttps : overHttp)(url, options, (response) => {
      const parts: Buffer[] = [];
      let size = 0;
      response.on('data', (part: Buffer) => {
        size += part.length;
        parts.push(part);
        if (size > MAX_BYTES) request.destroy(new UsageError(`The answer is longer than ${MAX_BYTES} bytes.`));
      });
      response.on('end', () => resolve({ response, data: new Uint8Array(Buffer.concat(parts)) }));
      response.on('error', reject);
    });
    const timer = setTimeout(() => request.destroy(new UsageError(`No answer within ${TIMEOUT_MS} ms.`)), TIMEOUT_MS);
    request.on('error', reject);
    request.on('close', () => clearTimeout(timer));
    request.end(body);
  });
}

/** Looks a name up, and gives its addresses only if all of them are public. */
const publicLookup: LookupFunction = (hostname, options, done) => {
  lookup(hostname, { ...options, all: true }, (error, found) => {
    if (error) return done(error, []);
    const wrong = found.find(({ address }) => !isPublic(address));
    if (wrong !== undefined || found.length === 0)
      return done(new UsageError(`${hostname} has no public address.`), []);
    const [first] = found;
    return options.all === true || first === undefined ? done(null, found) : done(null, first.address, first.family);
  });
};
