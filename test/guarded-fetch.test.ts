// What an agent is talked into fetching, from a real https server. Two addresses of this machine stand for a public and a private one.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { type AddressInfo, createServer as overTcp, type Server as TcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json, text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { isPublic } from '../ts/mcp/guarded-fetch.ts';
import { certificateFor } from './support/certificate.ts';
import type { Fetched, Fetching } from './support/guarded.ts';

const [PUBLIC, PRIVATE] = ['127.0.0.1', '127.0.0.2'];
const NAME = 'shop.example';
const LIMIT = 256 * 1024;
/** For answers that do not come; each wait of the server is shorter. */
const SHORT = 400;

const root = mkdtempSync(join(tmpdir(), 'tandem-guarded-'));
const CA = join(root, 'ca.pem');
let server: Server;
let inside: TcpServer;
let port: number;
/** How often somebody connected to the private address. */
let reached = 0;
const seen: string[] = [];

before(async () => {
  const { key, cert } = certificateFor(NAME);
  writeFileSync(CA, cert);
  server = createServer({ key, cert }, ({ url = '', method = '' }, response) => {
    seen.push(`${method} ${url}`);
    answer(url, response);
  });
  server.on('tlsClientError', () => {});
  server.listen(0, PUBLIC);
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
  inside = overTcp((socket) => {
    reached += 1;
    socket.destroy();
  });
  inside.listen(port, PRIVATE);
  await once(inside, 'listening');
});
after(() => {
  server?.close();
  server?.closeAllConnections();
  inside?.close();
  rmSync(root, { recursive: true, force: true });
});

function answer(url: string, response: ServerResponse): void {
  const to = (location: string) => response.writeHead(302, { location }).end();
  const answers: Readonly<Record<string, () => void>> = {
    '/ok': () => response.end('goods'),
    '/here': () => to('/ok'),
    '/chain': () => to('/here'),
    '/loop': () => to('/loop'),
    '/to-other': () => to(`https://other.example:${port}/ok`),
    '/to-http': () => to(`http://${NAME}:${port}/ok`),
    '/to-port': () => to(`https://${NAME}:1/ok`),
    '/to-private': () => to(`https://${PRIVATE}:${port}/ok`),
    '/to-scheme': () => to('data:text/plain,goods'),
    '/to-password': () => to(`https://user:pass@${NAME}:${port}/ok`),
    '/to-nowhere': () => to('https://['),
    '/full': () => response.end('x'.repeat(LIMIT)),
    '/long': () => response.end('x'.repeat(LIMIT + 1)),
    '/endless': () => {
      const more = () => void (response.write('x'.repeat(65_536)) ? setImmediate(more) : response.once('drain', more));
      more();
    },
    '/bomb': () => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(32 * 1024 * 1024)));
    },
    '/plain': () => response.socket?.end('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\ngoods'),
    '/silent': () => {},
    '/drip': () => {
      const timer = setInterval(() => response.write('x'), SHORT / 8);
      response.on('close', () => clearInterval(timer));
    },
    '/slow-1': () => setTimeout(() => to('/slow-2'), SHORT / 2),
    '/slow-2': () => setTimeout(() => to('/slow-3'), SHORT / 2),
    '/slow-3': () => setTimeout(() => to('/ok'), SHORT / 2),
    '/cut': () => {
      response.writeHead(200, { 'content-length': '1000' }).write('x');
      setTimeout(() => response.destroy(), 20);
    },
    '/nothing': () => response.destroy(),
    '/upgrade': () =>
      response.socket?.end('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'),
    '/hints': () => {
      response.writeEarlyHints({ link: '</x>; rel=preload' });
      response.end('goods');
    },
    '/strange': () => response.socket?.end('HTTP/1.1 999 Strange\r\nContent-Length: 0\r\n\r\n'),
    '/headers': () => response.writeHead(200, { x: 'x'.repeat(20_000) }).end(),
  };
  (answers[url] ?? (() => response.writeHead(404).end()))();
}

/** Fetches in a process that trusts the server's certificate, unless it has another environment. */
async function fetched(fetchings: readonly Fetching[], env = { NODE_EXTRA_CA_CERTS: CA }): Promise<readonly Fetched[]> {
  const script = join(import.meta.dirname, 'support/guarded.ts');
  const { PATH = '' } = process.env;
  const child = spawn(process.execPath, ['--import', 'tsx', script], { env: { PATH, ...env } });
  child.stdin.end(JSON.stringify({ isPublic: [PUBLIC], fetchings }));
  const errors = text(child.stderr);
  const results = (await json(child.stdout).catch(async () => assert.fail(await errors))) as Fetched[];
  assert.equal(results.length, fetchings.length);
  return results;
}

/** Fetches paths of the server, and asserts what comes of each: a status and a text, or an error. */
async function expect(...cases: readonly [string | Fetching, RegExp | readonly [number, string]][]): Promise<void> {
  const fetchings = cases.map(([given]) =>
    typeof given === 'string' ? { url: `https://${NAME}:${port}${given}`, resolves: [[PUBLIC]] } : given,
  );
  for (const [i, result] of (await fetched(fetchings)).entries()) {
    const wanted = cases[i]?.[1];
    const what = `${fetchings[i]?.url}: ${JSON.stringify(result).slice(0, 300)}`;
    if (wanted instanceof RegExp) assert.match(result.error ?? '', wanted, what);
    else assert.deepEqual([result.status, result.text], wanted, what);
  }
}

const at = (host: string, ...resolves: string[][]): Fetching => ({ url: `https://${host}:${port}/ok`, resolves });

describe('what is fetched by https', () => {
  test('addresses of this machine, of private networks and with another address within are none of the internet', () => {
    const v4 = ['127.0.0.1', '10.1.2.3', '172.31.0.1', '192.168.0.1', '169.254.169.254', '100.64.0.1', '0.0.0.0']
      .concat(['192.0.0.8', '198.18.0.1', '224.0.0.1', '240.0.0.1', '255.255.255.255', '1', '1.2.3', '01.2.3.4', ''])
      .concat(['localhost', 'example.com']);
    const v6 = [
      '::1',
      '::',
      'fe80::1',
      'fe80::1%eth0',
      'fc00::1',
      'fec0::1',
      'ff02::1',
      '2001:db8::1',
      '3fff::1',
      '100::1',
    ]
      .concat(['::ffff:127.0.0.1', '::ffff:7f00:1', '0:0:0:0:0:ffff:7f00:1', '::ffff:1.2.3.4', '::127.0.0.1'])
      .concat(['::ffff:0:127.0.0.1', '64:ff9b::a00:1', '64:ff9b:1::a00:1', '2002:7f00:1::', '2001:0:7f00:1::']);
    for (const address of [...v4, ...v6]) assert.equal(isPublic(address), false, address);
    for (const address of ['1.1.1.1', '93.184.216.34', '172.32.0.1', '2606:4700::1111', '2a00:1450::1'])
      assert.ok(isPublic(address), address);
  });

  test('a server that is proven by its certificate is fetched, and no other, whatever the environment says', async () => {
    await expect(
      ['/ok', [200, 'goods']],
      ['/hints', [200, 'goods']],
      [at('other.example', [PUBLIC]), /altnames|does not match/],
      [at(PUBLIC), /altnames|does not match/], // an address, not the name
      [{ url: `http://${NAME}:${port}/ok`, resolves: [[PUBLIC]] }, /Only https/],
    );
    for (const env of [{}, { NODE_TLS_REJECT_UNAUTHORIZED: '0' }]) {
      const [result] = await fetched([at(NAME, [PUBLIC])], env as { NODE_EXTRA_CA_CERTS: string });
      assert.match(result?.error ?? '', /self-signed certificate/);
    }
  });

  test('a name is looked up once for a request, and what was checked is what is connected to', async () => {
    const before = reached;
    const [once, again] = await fetched([
      at(NAME, [PUBLIC], [PRIVATE]),
      { ...at(NAME, [PUBLIC], [PRIVATE]), url: `https://${NAME}:${port}/here` },
    ]);
    assert.deepEqual([once?.text, once?.lookups], ['goods', 1]);
    assert.match(again?.error ?? '', /shop\.example has no public address/); // where the redirect asked again
    await expect(
      [at(NAME, [PRIVATE]), /no public address/],
      [at(NAME, [PUBLIC, PRIVATE]), /no public address/],
      [at(NAME, [PRIVATE, PUBLIC]), /no public address/],
      [at(NAME, []), /no public address/],
      [at(PRIVATE), /not a public one/],
      [at('2130706434'), /not a public one/],
      [at('0x7f.2'), /not a public one/],
      [at('0177.0.0.2'), /not a public one/],
      [at('127.2'), /not a public one/],
      [at('[::ffff:127.0.0.2]'), /not a public one/],
      [at('[::1]'), /not a public one/],
      [at('0'), /not a public one/],
      [at('localhost.', [PRIVATE]), /no public address/],
      [at(`user@${NAME}`, [PUBLIC]), /credentials/],
      [at(`${NAME}@${PRIVATE}`, [PUBLIC]), /credentials/],
    );
    assert.equal(reached, before);
  });

  test('redirects stay within the origin, are few, and are for GET alone', async () => {
    await expect(
      ['/here', [200, 'goods']],
      ['/chain', [200, 'goods']],
      ['/loop', /redirects more than 3 times/],
      ['/to-other', /another origin/],
      ['/to-http', /another origin/],
      ['/to-port', /another origin/],
      ['/to-private', /another origin/],
      ['/to-scheme', /another origin/],
      ['/to-password', /password/],
      ['/to-nowhere', /Invalid URL/],
      [{ url: `https://${NAME}:${port}/here`, method: 'POST', resolves: [[PUBLIC]] }, /not a GET/],
    );
    assert.equal(seen.filter((line) => line === 'GET /loop').length, 4);
  });

  test('answers are bounded in size and in time, redirects included, and what is compressed stays so', async () => {
    const short = (path: string): Fetching => ({
      ...{ url: `https://${NAME}:${port}${path}`, resolves: [[PUBLIC]] },
      timeoutMs: SHORT,
    });
    const late = /no whole answer within 400 ms/;
    await expect(
      ['/plain', [200, 'goods']],
      ['/full', [200, 'x'.repeat(LIMIT)]],
      ['/long', /longer than 262144 bytes/],
      ['/endless', /longer than 262144 bytes/],
      ['/headers', /Header overflow/i],
      ['/cut', /aborted/],
      ['/nothing', /socket hang up/],
      ['/upgrade', /closed the connection before its answer was whole/],
      ['/strange', /status/],
      [short('/silent'), late],
      [short('/drip'), late],
      [short('/slow-1'), late],
      [{ ...short('/ok'), resolves: [] }, late],
    );
    const [bomb] = await fetched([{ ...short('/bomb'), timeoutMs: 20_000 }]);
    assert.equal(bomb?.headers?.['content-encoding'], 'gzip');
    assert.ok(Number(bomb?.text?.length) > 1000 && Number(bomb?.text?.length) < LIMIT);
  });
});
