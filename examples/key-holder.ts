import { createServer, type IncomingMessage } from 'node:http';
import { pathToFileURL } from 'node:url';
import { cidOf } from '../ts/index.ts';

// Holds the usage key for a page of wallets, so that the page has none: it passes on runs of one action, from one origin, a few
// a minute from each address, and nothing else that would cost credit. The page's LIT_API_URL is this server's address.
//
//     LIT_USAGE_KEY=… LIT_CID=Qm… PAGE=https://wallet.example npx tsx examples/key-holder.ts

export interface HolderOptions {
  readonly host: string;
  readonly key: string;
  readonly cid: string;
  /** The origin of the page. */
  readonly page: string;
  readonly runsPerMinute?: number;
}

export function startHolder({ host, key, cid, page, runsPerMinute = 30 }: HolderOptions) {
  const runs = new Map<string, number>();
  setInterval(() => runs.clear(), 60_000).unref();
  const answer = async (request: IncomingMessage): Promise<[number, string]> => {
    const { method, url = '', headers, socket } = request;
    if (headers.origin !== page) return [403, '"this key is for another page"'];
    const isRun = method === 'POST' && url === '/core/v1/lit_action';
    if (!isRun && !(method === 'GET' && /^\/core\/v1\/[a-z_]+(?:\?[\w=&]*)?$/.test(url)))
      return [404, '"not passed on"'];
    let body = '';
    for await (const part of request) {
      body += part;
      if (body.length > 8_000_000) return [413, '"too long"'];
    }
    if (isRun) {
      const { code, ipfs_id: id } = JSON.parse(body) as { code?: string; ipfs_id?: string };
      if ((code === undefined ? id : cidOf(code)) !== cid) return [403, '"another action"'];
      const count = (runs.get(socket.remoteAddress ?? '') ?? 0) + 1;
      runs.set(socket.remoteAddress ?? '', count);
      if (count > runsPerMinute) return [429, '"too many signatures a minute"'];
    }
    const passed = { 'x-api-key': key, 'content-type': 'application/json' };
    const response = await fetch(new URL(url, host), { method, headers: passed, ...(isRun && { body }) });
    return [response.status, await response.text()];
  };
  return createServer(async (request, response) => {
    const headers = {
      'access-control-allow-origin': page,
      'access-control-allow-headers': 'content-type, x-api-key, x-correlation-id',
    };
    const [status, text] =
      request.method === 'OPTIONS' ? [204, ''] : await answer(request).catch(() => [502, '"not passed on"'] as const);
    response.writeHead(status, { ...headers, 'content-type': 'application/json' }).end(text);
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const {
    LIT_API_URL: host = 'https://api.chipotle.litprotocol.com',
    LIT_USAGE_KEY: key = '',
    LIT_CID: cid = '',
    PAGE: page = '',
  } = process.env;
  startHolder({ host, key, cid, page }).listen(8788, '127.0.0.1');
}
