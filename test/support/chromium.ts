import { existsSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { build } from 'esbuild';
import { type Browser, type BrowserContext, type CDPSession, chromium, type Page } from 'playwright-core';

// A real Chromium: Debian's, which toolchain/packages.sh installs.

const PATHS = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Where Chromium is; undefined where there is none, and what needs it is skipped. */
export const CHROMIUM = PATHS.find((path) => path !== undefined && existsSync(path));
export const NO_CHROMIUM = 'there is no Chromium here: toolchain/packages.sh installs it, or name one in CHROMIUM';

/** How Chromium is started. Its own sandbox cannot be had by root, which CI often is. */
const START = { executablePath: CHROMIUM ?? '', args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] };

export function launch(): Promise<Browser> {
  return chromium.launch(START);
}

/**
 * A browser whose storage is in a folder, which another start finds, with the passkeys of passkeys.ts in it. It ends when the
 * context is closed.
 */
export async function launchIn(dir: string): Promise<BrowserContext> {
  const extension = join(dir, 'extension');
  await build({
    entryPoints: [join(import.meta.dirname, 'passkeys.ts')],
    bundle: true,
    format: 'iife',
    outfile: join(extension, 'worker.js'),
    logLevel: 'silent',
  });
  const manifest = {
    manifest_version: 3,
    name: 'passkeys',
    version: '1',
    permissions: ['webAuthenticationProxy', 'storage'],
    background: { service_worker: 'worker.js' },
  };
  writeFileSync(join(extension, 'manifest.json'), JSON.stringify(manifest));
  const context = await chromium.launchPersistentContext(join(dir, 'profile'), {
    ...START,
    args: [...START.args, '--enable-unsafe-extension-debugging'],
    ignoreDefaultArgs: ['--disable-extensions'],
  });
  const started = context.waitForEvent('serviceworker');
  const session = await context.browser()?.newBrowserCDPSession();
  await session?.send('Extensions.loadUnpacked', { path: extension });
  const worker = await started;
  const why = await worker.evaluate(
    () => (globalThis as unknown as { attached: Promise<string | undefined> }).attached,
  );
  if (why) throw new Error(why);
  return context;
}

/** What a server of the tests answers. */
export interface Answer {
  readonly type: string;
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A server of pages, whose origin is its port of localhost. */
export async function servePages(
  answer: (path: string) => Answer | undefined,
): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => {
    const found = answer(new URL(request.url ?? '/', 'http://localhost').pathname);
    if (found === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': found.type, ...found.headers }).end(found.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://localhost:${(server.address() as AddressInfo).port}`, server };
}

/** An authenticator of a page: it answers by itself, and is there as long as the tab is. */
export interface Authenticator {
  readonly session: CDPSession;
  readonly authenticatorId: string;
}

export async function addAuthenticator(page: Page, hasPrf = true): Promise<Authenticator> {
  const session = await page.context().newCDPSession(page);
  await session.send('WebAuthn.enable');
  const { authenticatorId } = await session.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      ctap2Version: 'ctap2_1',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
      hasPrf,
    },
  });
  return { session, authenticatorId };
}
