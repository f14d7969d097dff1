import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import * as v from 'valibot';
import { packageRoot } from '../../core/root.ts';
import { readJson } from '../../json.ts';
import { RuntimeError } from '../errors.ts';
import { MAX_BODY } from '../limits.ts';
import { ENDPOINTS, type Endpoint, findCaller, methodOf, NOT_HERE, SourceCache } from './api.ts';
import { ApiError, apiError } from './api-errors.ts';
import { LitHost, type LitHostOptions } from './host.ts';
import type { Caller } from './permissions.ts';
import { Room } from './room.ts';

const BASE = '/core/v1/';
const MB = 1024 * 1024;
const MAX_MESSAGE = 400;
const MAX_CACHED = 64 * MB;
/** How many bytes the bodies of all requests may have together, and the body of one request without an action. */
const MAX_BODIES = 128 * MB;
export const MAX_SHORT_BODY = 64 * 1024;
const MAX_CONNECTIONS = 2048;
const MAX_REQUESTS = 256;
/** Pages of every site may call, as at Lit. They need a key to do anything, and no browser sends that by itself. */
const CORS = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET, POST, OPTIONS',
  'access-control-allow-headers': 'authorization, content-type, x-api-key, x-correlation-id',
  'access-control-expose-headers': 'x-correlation-id, x-request-id',
};
/** How long a request may take to arrive, and an answer to be taken. */
const TRANSFER_MS = 60_000;
/** The account of callers without a key. */
const NOBODY = -1;

/** Options of {@link LitServer.start}. */
export interface LitServerOptions extends LitHostOptions {
  /** Default 0: any that is free. */
  readonly port?: number;
  /** The address to listen at. Default 127.0.0.1: anybody who reaches the server can make an account and run code. */
  readonly address?: string;
  /** How many calls of actions there is credit for, of all accounts together: making one is free. Default: any number. */
  readonly credit?: number;
  /** How far the server's clock, by its answers, is ahead of this machine's. Default 0. */
  readonly clockAheadMs?: number;
  /** Called for each request once it is answered. */
  readonly onRequest?: (request: { method: string; path: string; status: number; ms: number }) => void;
  /** Called for errors that are the server's own fault. */
  readonly onFault?: (error: unknown) => void;
}

/**
 * A {@link LitHost} behind Lit's HTTP API.
 *
 * @example
 * ```ts
 * import { LitServer } from 'tandem-ecdsa/local';
 *
 * const server = await LitServer.start({ dir: '.tandem/local-lit', port: 0 });
 * console.log(server.url);
 * await server.close();
 * ```
 */
export class LitServer {
  readonly host: LitHost;
  /** Where clients find it, such as `http://127.0.0.1:8787`. */
  readonly url: string;
  readonly #http: Server;

  private constructor(host: LitHost, http: Server) {
    this.host = host;
    this.#http = http;
    const { address, family, port } = http.address() as AddressInfo;
    this.url = `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  }

  /**
   * Opens the host and listens.
   *
   * @throws {RuntimeError} `unavailable` if the state cannot be read; Error if the port cannot be had
   */
  static async start(options: LitServerOptions): Promise<LitServer> {
    const host = await LitHost.open(options);
    const cache = new SourceCache(MAX_CACHED);
    const handler = new Handler(host, cache, options);
    const timeouts = {
      requestTimeout: TRANSFER_MS,
      headersTimeout: TRANSFER_MS / 3,
      connectionsCheckingInterval: 5000,
    };
    const http = createServer(timeouts, (request, response) => void handler.handle(request, response));
    http.maxConnections = MAX_CONNECTIONS;
    http.maxRequestsPerSocket = MAX_REQUESTS; // which also bounds how many may be sent before one is answered
    try {
      await new Promise<void>((resolve, reject) => {
        http.once('error', reject);
        http.listen(options.port ?? 0, options.address ?? '127.0.0.1', resolve);
      });
    } catch (error) {
      host.close();
      throw error;
    }
    return new LitServer(host, http);
  }

  /** Stops listening, ends what runs, and returns once that is done. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#http.close(resolve));
    this.#http.closeAllConnections();
    await closed;
    this.host.close();
  }
}

class Handler {
  readonly #host: LitHost;
  readonly #cache: SourceCache;
  readonly #options: LitServerOptions;
  readonly #isLocal: boolean;
  readonly #bodies = new Room(MAX_BODIES);
  #calls = 0;

  constructor(host: LitHost, cache: SourceCache, options: LitServerOptions) {
    this.#host = host;
    this.#cache = cache;
    this.#options = options;
    this.#isLocal = isLoopback(options.address ?? '127.0.0.1');
  }

  /** Never rejects: what goes wrong with one request does not affect the others. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#handle(request, response);
    } catch (error) {
      response.destroy();
      try {
        this.#options.onFault?.(error);
      } catch {} // who is told of faults has failed as well
    }
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const start = performance.now();
    const { pathname, searchParams } = new URL(`http://host${request.url?.startsWith('/') ? request.url : '/'}`);
    const controller = new AbortController();
    response.once('close', () => controller.abort(new Error('the client is gone')));
    response.on('error', () => controller.abort(new Error('the client is gone')));
    const ids = idsOf(request);
    let status = 200;
    let bytes: Buffer;
    try {
      const answer = await this.#answer(request, pathname, searchParams, ids, controller.signal);
      bytes = Buffer.from(JSON.stringify(answer));
    } catch (error) {
      const failure = apiError(error);
      status = failure.status;
      bytes = Buffer.from(JSON.stringify(failure.body));
      if (!(error instanceof ApiError) && !(error instanceof RuntimeError)) this.#options.onFault?.(error);
    }
    const headers = {
      ...CORS,
      ...ids,
      'content-type': 'application/json',
      'content-length': bytes.length,
      'cache-control': 'no-store',
      date: new Date(Date.now() + (this.#options.clockAheadMs ?? 0)).toUTCString(),
    };
    // What was not read of a request that was refused early cannot be told from the next one.
    response.writeHead(status, request.complete ? headers : { ...headers, connection: 'close' }).end(bytes);
    const patience = setTimeout(() => response.destroy(), TRANSFER_MS).unref();
    response.once('close', () => clearTimeout(patience));
    const method = request.method ?? '';
    this.#options.onRequest?.({ method, path: pathname, status, ms: performance.now() - start });
  }

  async #answer(
    request: IncomingMessage,
    path: string,
    search: URLSearchParams,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<unknown> {
    // A page in a browser that had its name resolve to this machine must not get at the API.
    if (this.#isLocal && !isLoopback(hostName(request.headers.host))) {
      throw new ApiError(403, 'this server answers to the name localhost only', 'call it as localhost or 127.0.0.1');
    }
    if (request.method === 'OPTIONS') return null; // the headers say all
    if (path === `${BASE}openapi.json` && request.method === 'GET') return description();
    const endpoint = ENDPOINTS.find((candidate) => path === `${BASE}${candidate.path}`);
    if (endpoint === undefined || methodOf(endpoint, this.#host.generation) !== request.method) {
      const isLits = NOT_HERE.some((name) => path === BASE + name || path.startsWith(`${BASE}${name}/`));
      const what = isLits ? 'the local server does not have this endpoint of Lit' : 'there is no such endpoint';
      throw new ApiError(404, what, `see GET ${BASE}openapi.json`);
    }
    if (request.method === 'POST' && !/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
      throw new ApiError(
        404,
        'no endpoint takes a body that is not declared as JSON',
        'send the header Content-Type: application/json',
      );
    }
    const key = apiKey(request);
    const caller = this.#authorised(endpoint, key);
    if (endpoint.path === 'lit_action') this.#charge();
    const query = checked(endpoint.query, Object.fromEntries(search), 'the query');
    const call = { host: this.#host, cache: this.#cache, caller, query, key, headers, signal };
    if (endpoint.body === undefined) return endpoint.handle({ ...call, body: undefined });
    let length = 0;
    try {
      const limit = endpoint.isLong ? MAX_BODY : MAX_SHORT_BODY;
      const body = await read(request, limit, (more) => {
        this.#bodies.take(caller.account, more);
        length += more;
      });
      return await endpoint.handle({ ...call, body: checked(endpoint.body, parse(body), 'the body') });
    } finally {
      this.#bodies.giveBack(caller.account, length);
    }
  }

  #charge(): void {
    if (this.#calls >= (this.#options.credit ?? Number.POSITIVE_INFINITY)) {
      throw new ApiError(402, 'the account has no credit left', 'start the server with a higher --credit');
    }
    this.#calls++;
  }

  #authorised({ auth }: Endpoint, key: string): Caller {
    if (auth === 'none') return { account: NOBODY };
    const next = 'send the key of an account in the header X-Api-Key; POST new_account makes one';
    if (key === '') throw new ApiError(401, 'there is no API key', next);
    const caller = auth === 'any' ? { account: NOBODY } : findCaller(this.#host.state.read(), key);
    if (caller === undefined) throw new ApiError(401, 'this API key belongs to no account', next);
    return caller;
  }
}

let described: unknown;

/** The description of the API; scripts/openapi.ts writes it. */
function description(): unknown {
  described ??= readJson(readFileSync(join(packageRoot, 'ts/runtime/local/openapi.json'), 'utf8'));
  return described;
}

/** If there are both headers, Authorization counts. */
function apiKey({ headers }: IncomingMessage): string {
  const bearer = /^\s*bearer\s+(\S+)/i.exec(headers.authorization ?? '')?.[1];
  const plain = headers['x-api-key'];
  return bearer ?? (typeof plain === 'string' ? plain.trim() : '');
}

/** The ids of a request, which the answer has and the action may read: one of ours and, if it is given and proper, the caller's. */
function idsOf({ headers }: IncomingMessage): Record<string, string> {
  const given = headers['x-correlation-id'];
  const isProper = typeof given === 'string' && /^[\x20-\x7e]{1,128}$/.test(given);
  return { 'x-request-id': randomUUID(), ...(isProper && { 'x-correlation-id': given }) };
}

/** Reads a body; `take` is told of each part's length, before the part is kept. */
async function read(request: IncomingMessage, limit: number, take: (length: number) => void): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  try {
    for await (const part of request as AsyncIterable<Buffer>) {
      length += part.length;
      if (length > limit) throw new ApiError(413, `the body has more than ${limit} bytes`, 'send a shorter one');
      take(part.length);
      parts.push(part);
    }
  } catch (error) {
    throw error instanceof ApiError || error instanceof RuntimeError
      ? error
      : new ApiError(400, 'the request broke off', 'send it again');
  }
  return Buffer.concat(parts);
}

function parse(body: Buffer): unknown {
  try {
    return readJson(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (error) {
    throw new ApiError(400, `the body is not JSON: ${(error as Error).message}`, `see GET ${BASE}openapi.json`);
  }
}

function checked(schema: v.GenericSchema | undefined, value: unknown, what: string): unknown {
  if (schema === undefined) return undefined;
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const where = v.getDotPath(issue);
  throw new ApiError(
    422,
    `${what}${where === null ? '' : `, ${where}`}: ${issue.message}`.slice(0, MAX_MESSAGE),
    `see GET ${BASE}openapi.json`,
  );
}

function hostName(host: string | undefined): string {
  return (host ?? '').replace(/:[0-9]+$/, '');
}

function isLoopback(name: string): boolean {
  return /^(?:localhost|127\.[0-9.]+|\[?::1\]?)$/.test(name);
}
