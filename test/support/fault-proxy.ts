import {
  Agent,
  createServer,
  type IncomingMessage,
  request as requestTo,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** One request through the proxy, with the answer of the server behind it. */
export interface Exchange {
  readonly path: string;
  readonly sent: Buffer;
  /** The server's answer; undefined if the request did not get so far. */
  readonly answer?: { readonly status: number; readonly body: Buffer } | undefined;
}

/** What a fault gets: it answers, or destroys the connection, and may have the request forwarded, any number of times. */
export interface Passage {
  readonly response: ServerResponse;
  readonly forward: () => Promise<{ readonly status: number; readonly body: Buffer }>;
}

export type Fault = (passage: Passage) => Promise<void>;

const JSON_TYPE = { 'content-type': 'application/json' };

function reply(response: ServerResponse, status: number, body: Buffer | string, headers: object = JSON_TYPE): void {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body);
}

const failing =
  (status: number, body: unknown): Fault =>
  async ({ response }) =>
    reply(response, status, JSON.stringify(body));

const page =
  (status: number): Fault =>
  async ({ response }) =>
    reply(response, status, '<html><body><h1>nginx</h1></body></html>', { 'content-type': 'text/html' });

const failure = (message: string) => ({ error: 'e', message, fix: 'try again', docs_url: '/' });

/** A status that comes several times in a row: the faults of the requests after the first. */
export const BURSTS: readonly Fault[] = [
  failing(413, failure('too long')),
  failing(429, failure('slow down')),
  failing(500, failure('oops')),
  failing(503, 'not now'),
];

/** What goes wrong on the way between a client and its host. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  async delay({ response, forward }) {
    await sleep(500);
    const { status, body } = await forward();
    reply(response, status, body);
  },
  async 'reset before the request'({ response }) {
    response.socket?.destroy();
  },
  async 'reset before the answer'({ response, forward }) {
    await forward();
    response.socket?.destroy();
  },
  async 'reset in the answer'({ response, forward }) {
    const { status, body } = await forward();
    response.writeHead(status, { ...JSON_TYPE, 'content-length': body.length });
    response.write(body.subarray(0, body.length >> 1), () => response.socket?.destroy());
  },
  async 'request sent twice'({ response, forward }) {
    const [, { status, body }] = await Promise.all([forward(), forward()]);
    reply(response, status, body);
  },
  async 'JSON cut short'({ response, forward }) {
    const { status, body } = await forward();
    reply(response, status, body.subarray(0, body.length - 1 - Math.floor(Math.random() * (body.length - 1))));
  },
  'HTML, 502': page(502),
  'HTML, 200': page(200),
  async 'an answer called HTML'({ response, forward }) {
    const { status, body } = await forward();
    reply(response, status, body, { 'content-type': 'text/html' });
  },
  async 'an answer called text'({ response, forward }) {
    const { status, body } = await forward();
    reply(response, status, body, { 'content-type': 'text/plain' });
  },
  async 'slow loris'({ response, forward }) {
    const { status, body } = await forward();
    response.writeHead(status, { ...JSON_TYPE, 'content-length': body.length });
    for (let at = 0; at < body.length && !response.destroyed; at++) {
      response.write(body.subarray(at, at + 1));
      await sleep(200);
    }
  },
};

/** A proxy on this machine between a client and a host, which does to each request what `choose` says. */
export class FaultProxy {
  readonly url: string;
  readonly #http: Server;
  readonly #agent = new Agent({ keepAlive: true });

  private constructor(http: Server) {
    this.#http = http;
    this.url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  }

  /**
   * @param choose the fault of a request; none, and it goes through unharmed
   * @param onExchange told of all that went through, in both directions
   */
  static async start(
    target: string,
    choose: (path: string) => Fault | undefined,
    onExchange: (exchange: Exchange) => void = () => {},
  ): Promise<FaultProxy> {
    const handle = async (request: IncomingMessage, response: ServerResponse) => {
      const path = request.url ?? '';
      const sent = await bodyOf(request);
      let count = 0;
      const forward = async () => {
        count++;
        const answer = await send(target, request, sent, proxy.#agent);
        onExchange({ path, sent, answer });
        return answer;
      };
      const fault = choose(path);
      if (fault) await fault({ response, forward });
      else {
        const { status, body } = await forward();
        reply(response, status, body);
      }
      if (count === 0) onExchange({ path, sent });
    };
    const http = createServer((request, response) => {
      response.on('error', () => {});
      handle(request, response).catch(() => response.destroy());
    });
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    const proxy = new FaultProxy(http);
    return proxy;
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }
}

async function bodyOf(stream: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts);
}

function send(target: string, { method, url, headers }: IncomingMessage, body: Buffer, agent: Agent) {
  return new Promise<{ status: number; body: Buffer }>((resolve, reject) => {
    const { host: _, connection: __, 'transfer-encoding': ___, ...kept } = headers;
    const options = { method, agent, headers: { ...kept, 'content-length': body.length } };
    const outgoing = requestTo(new URL(url ?? '', target), options, (incoming) => {
      bodyOf(incoming).then((answer) => resolve({ status: incoming.statusCode ?? 0, body: answer }), reject);
    });
    outgoing.once('error', reject).end(body);
  });
}
