import * as v from 'valibot';
import { commandLine } from '#command';
import { byteLength } from '../../core/bytes.ts';
import { readJson } from '../../json.ts';
import { hideSecret, Untrusted } from '../../text/untrusted.ts';
import { sleep, withDeadline } from '../deadline.ts';
import { aborted, RuntimeError, type RuntimeErrorKind } from '../errors.ts';
import type { Json } from '../types.ts';

const MAX_ANSWER = 8 * 1024 * 1024;
const MAX_MESSAGE = 300;
const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 8_000;

/** One attempt of a request, for a log: nothing of what was sent or answered, and no key. */
export interface LogEntry {
  /** Goes to the host as X-Correlation-Id, and is in the message of an error; the same for all attempts. */
  readonly id: string;
  readonly attempt: number;
  readonly method: string;
  readonly path: string;
  /** Its result: a status, or why there is no status. */
  readonly result: number | 'network' | 'timeout' | 'broken';
  readonly sent: number;
  readonly received: number;
  readonly ms: number;
}

/** Options of {@link LitHttp}. */
export interface LitHttpOptions {
  /** Where the API is: `https://…`, or `http://` on this machine. */
  readonly url: string;
  readonly key: string;
  /** How long a request, or the run of an action, may take with all its attempts. Default 2 minutes. */
  readonly deadlineMs?: number | undefined;
  /** How long one attempt may take. Default 1 minute. */
  readonly attemptMs?: number | undefined;
  readonly onAttempt?: ((entry: LogEntry) => void) | undefined;
}

/** One request. */
export interface LitRequest {
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Json;
  /** Whether it is safe to repeat. Only then it is tried again. */
  readonly isRepeatable: boolean;
  /** When its time is up, from {@link LitHttp.deadline}. Several requests may share one deadline. */
  readonly until?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((step: string) => void) | undefined;
}

/** What one attempt failed with, and whether another may do better. */
class Failure {
  readonly result: LogEntry['result'];
  readonly kind: RuntimeErrorKind;
  readonly message: string;
  readonly next: string | undefined;
  readonly isPassing: boolean;
  readonly pauseMs: number;
  /** The host's own name for the request, by which its operators find it. */
  readonly hostId: string | undefined;

  constructor(fields: Omit<Failure, 'next' | 'isPassing' | 'pauseMs' | 'hostId'> & Partial<Failure>) {
    this.result = fields.result;
    this.kind = fields.kind;
    this.message = fields.message;
    this.next = fields.next;
    this.isPassing = fields.isPassing ?? false;
    this.pauseMs = fields.pauseMs ?? 0;
    this.hostId = fields.hostId;
  }
}

const errorObject = v.object({ message: v.string(), fix: v.optional(v.string()) });

/** What a status means and, where the host does not say, what to do about it. */
const STATUSES: Readonly<Record<number, { kind: RuntimeErrorKind; what: string; next?: string; isPassing?: true }>> = {
  400: { kind: 'input', what: 'the host cannot use the request' },
  401: {
    kind: 'permission',
    what: 'the host does not know the API key',
    next: 'check LIT_API_KEY and the settings of the store',
  },
  402: { kind: 'payment', what: 'the account has no credit left', next: "add credit in Lit's dashboard" },
  403: { kind: 'permission', what: 'the API key may not do that', next: `see: ${commandLine('setup')} status` },
  404: { kind: 'input', what: 'the host does not have what was asked for' },
  413: {
    kind: 'limit',
    what: 'the request is too long for the host, or for a gateway before it',
    next: 'ask for less in one call; or build a shorter action, or one that fetches its wasm (--mode fetch)',
  },
  422: { kind: 'input', what: 'the host finds a field of the request malformed' },
  429: { kind: 'busy', what: 'the host has too many requests', next: 'try again in a minute', isPassing: true },
  500: {
    kind: 'unavailable',
    what: 'the host failed',
    next: 'try again; if that repeats, ask Lit with the id of the request',
  },
  502: { kind: 'unavailable', what: 'a gateway does not reach the host', next: 'try again later', isPassing: true },
  503: { kind: 'unavailable', what: 'the host is not available', next: 'try again later', isPassing: true },
  504: {
    kind: 'unavailable',
    what: 'a gateway waited too long for the host',
    next: 'try again later',
    isPassing: true,
  },
};

/**
 * Requests to Lit's HTTP API. After a transient failure (429, 502 to 504, the network, a damaged answer), repeatable
 * requests are sent again, at growing random intervals, until the deadline.
 */
export class LitHttp {
  /** How far this machine's clock is ahead of the host's, by the last answer; undefined before there was one. */
  clockAheadMs: number | undefined;
  readonly #options: LitHttpOptions;
  readonly #base: URL;

  /** @throws {RuntimeError} `input` if the URL or the key cannot be one */
  constructor(options: LitHttpOptions) {
    this.#options = options;
    this.#base = baseUrl(options.url);
    hideSecret(options.key);
    if (!/^[\x21-\x7e]{1,4096}$/.test(options.key)) {
      throw new RuntimeError('input', 'the API key has characters that no key has', { next: 'check LIT_API_KEY' });
    }
  }

  /** The deadline of a request that begins now. */
  deadline(): number {
    return performance.now() + (this.#options.deadlineMs ?? 120_000);
  }

  /** The same host with another key. @throws {RuntimeError} `input` if the key cannot be one */
  withKey(key: string): LitHttp {
    return new LitHttp({ ...this.#options, key });
  }

  /**
   * Sends a request to `/core/v1/…`, or with a slash before its path to the host's root, and returns the JSON of the answer.
   *
   * @throws {RuntimeError}
   */
  async send(method: 'GET' | 'POST', path: string, request: LitRequest): Promise<unknown> {
    const { onAttempt, attemptMs = 60_000 } = this.#options;
    const { until = this.deadline() } = request;
    const id = crypto.randomUUID();
    const left = () => until - performance.now();
    for (let attempt = 1; ; attempt++) {
      const begin = performance.now();
      const done = await withDeadline(Math.max(1, Math.min(attemptMs, left())), request.signal, (signal) =>
        this.#attempt(method, path, request, id, signal),
      );
      const { failure, sent, received } = done;
      const result = failure?.result ?? 200;
      onAttempt?.({ id, attempt, method, path, result, sent, received, ms: Math.round(performance.now() - begin) });
      if (failure === undefined) return done.value;
      if (request.signal?.aborted) throw aborted(request.signal);
      const pause = Math.max(
        failure.pauseMs,
        Math.random() * Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempt - 1)),
      );
      if (!request.isRepeatable || !failure.isPassing || pause >= left()) throw errorOf(failure, request, id, attempt);
      request.onProgress?.(`${failure.message}; trying again`);
      await sleep(pause, request.signal).catch(() => {
        throw aborted(request.signal);
      });
    }
  }

  async #attempt(method: string, path: string, request: LitRequest, id: string, signal: AbortSignal) {
    const { key } = this.#options;
    const url = new URL(path.startsWith('/') ? path.slice(1) : `core/v1/${path}`, this.#base);
    for (const [name, value] of Object.entries(request.query ?? {})) url.searchParams.set(name, value);
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    const sent = body === undefined ? 0 : byteLength(body);
    let received = 0;
    try {
      const response = await fetch(url, {
        method,
        headers: {
          accept: 'application/json',
          'x-api-key': key,
          'x-correlation-id': id,
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body }),
        signal,
        // The key is for this host alone.
        redirect: 'manual',
      });
      this.#readClock(response.headers.get('date'));
      const text = await readText(response, (length) => {
        received += length;
      });
      const outcome = response.ok ? answerOf(response, text) : { failure: failureOf(response, text, path) };
      return { value: undefined, failure: undefined, ...outcome, sent, received };
    } catch (error) {
      return {
        value: undefined,
        failure: this.#broken(error, signal.aborted && !request.signal?.aborted),
        sent,
        received,
      };
    }
  }

  #broken(error: unknown, isLate: boolean): Failure {
    const { host } = this.#base;
    if (error instanceof Failure) return error;
    if (isLate) {
      const message = `${host} did not answer in time`;
      return new Failure({ result: 'timeout', kind: 'timeout', message, next: 'try again later', isPassing: true });
    }
    const { code } = ((error as Error).cause ?? error) as { code?: string };
    const message = `${host} cannot be reached, or broke off${code === undefined ? '' : ` (${code})`}`;
    const next = 'check the network and the URL of the host, and try again';
    return new Failure({ result: 'network', kind: 'unavailable', message, next, isPassing: true });
  }

  #readClock(date: string | null): void {
    const time = Date.parse(date ?? '');
    if (!Number.isNaN(time)) this.clockAheadMs = Date.now() - time;
  }
}

/** HTTPS, or a server on this machine. */
function baseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text.endsWith('/') ? text : `${text}/`) : undefined;
  const isSafe =
    url?.protocol === 'https:' ||
    (url?.protocol === 'http:' && /^(?:127\.0\.0\.1|localhost|\[::1\])$/.test(url.hostname));
  if (isSafe && !url.username && !url.password && !url.search && !url.hash) return url;
  throw new RuntimeError('input', `${text} is not a URL of Lit's API: it must have https, no user, no query`, {
    next: 'check LIT_API_URL',
  });
}

async function readText(response: Response, count: (length: number) => void): Promise<string> {
  const decoder = new TextDecoder();
  const reader = response.body?.getReader();
  let text = '';
  let length = 0;
  // Not `for await`: some browsers cannot iterate over a body.
  for (let part = await reader?.read(); part !== undefined && !part.done; part = await reader?.read()) {
    count(part.value.length);
    length += part.value.length;
    if (length > MAX_ANSWER) {
      await reader?.cancel();
      throw broken(`the answer has more than ${MAX_ANSWER} bytes`);
    }
    text += decoder.decode(part.value, { stream: true });
  }
  return text + decoder.decode();
}

function answerOf(response: Response, text: string): { value: unknown } | { failure: Failure } {
  if (isHtml(response, text)) return { failure: broken('the answer is an HTML page, not one of the API') };
  try {
    return { value: readJson(text) as unknown };
  } catch {
    return { failure: broken(`the answer is not JSON: ${text.length} characters, cut short or altered`) };
  }
}

function broken(message: string): Failure {
  const next = 'something between here and the host alters answers: check proxies and the URL of the host';
  return new Failure({ result: 'broken', kind: 'unavailable', message, next, isPassing: true });
}

function failureOf(response: Response, text: string, path: string): Failure {
  const { status, headers } = response;
  const { kind, what, ...known } = STATUSES[status] ?? { kind: 'unavailable', what: `the host answered ${status}` };
  const hostId = /^[\w.:-]{1,64}$/.exec(headers.get('x-request-id') ?? '')?.[0];
  if (isHtml(response, text)) {
    const message = `${what}: ${status} with an HTML page, from a proxy rather than the API`;
    return new Failure({ result: status, kind, message, ...known, hostId });
  }
  const said = sayingOf(text);
  if (status === 500 && path === 'lit_action' && said !== undefined && said.fix === undefined) {
    const message = `the action failed: ${said.message}`;
    return new Failure({ result: status, kind: 'action', message, hostId });
  }
  const message = said?.message.raw ? `${what}: ${said.message}` : what;
  const next = said?.fix === undefined ? known.next : String(said.fix);
  const pauseMs = 1000 * Number(/^[0-9]{1,4}$/.exec(headers.get('retry-after') ?? '')?.[0] ?? 0);
  return new Failure({ result: status, kind, message, next, pauseMs, isPassing: known.isPassing ?? false, hostId });
}

/** What an error says: an object with `message` and `fix`, or a bare text. */
function sayingOf(text: string): { message: Untrusted; fix?: Untrusted | undefined } | undefined {
  try {
    const value: unknown = readJson(text);
    if (typeof value === 'string') return { message: new Untrusted(value, MAX_MESSAGE) };
    if (!v.is(errorObject, value)) return undefined;
    const { message, fix } = value;
    return { message: new Untrusted(message, MAX_MESSAGE), fix: fix ? new Untrusted(fix, MAX_MESSAGE) : undefined };
  } catch {
    return undefined;
  }
}

function isHtml(response: Response, text: string): boolean {
  return /\bhtml\b/i.test(response.headers.get('content-type') ?? '') || /^\s*</.test(text);
}

function errorOf(failure: Failure, { isRepeatable }: LitRequest, id: string, attempts: number): RuntimeError {
  const { kind, message, next, result, isPassing, hostId } = failure;
  const there = hostId === undefined ? '' : `, at the host ${hostId}`;
  const tries = attempts > 1 ? `, after ${attempts} attempts` : '';
  const unknown = isPassing && !isRepeatable && kind !== 'busy';
  const told = unknown ? `${message}; whether the host did what was asked is not known` : message;
  return new RuntimeError(kind, `${told} (request ${id}${there}${tries})`, {
    ...(typeof result === 'number' && { status: result }),
    ...(next !== undefined && { next }),
  });
}
