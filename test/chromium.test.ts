import assert from 'node:assert/strict';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { build } from 'esbuild';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { CHROMIUM, launch, NO_CHROMIUM, servePages } from './support/chromium.ts';
import { remoteStore } from './support/store-remote.ts';
import { testStores } from './support/store-tests.ts';

// What a browser has to do, in a real Chromium. One browser for all of it.

const root = join(import.meta.dirname, '..');

describe('in Chromium', { skip: CHROMIUM === undefined && NO_CHROMIUM }, () => {
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let served: { url: string; server: Server };
  before(async () => {
    const { outputFiles } = await build({
      entryPoints: [join(root, 'test/support/store-page.ts')],
      bundle: true,
      write: false,
      format: 'esm',
    });
    const script = outputFiles[0]?.text ?? '';
    served = await servePages((path) =>
      path === '/page.js'
        ? { type: 'text/javascript', body: script }
        : { type: 'text/html', body: '<!doctype html><title>t</title><script type="module" src="/page.js"></script>' },
    );
    browser = await launch();
    context = await browser.newContext();
    page = await context.newPage();
    await page.goto(served.url);
  });
  after(async () => {
    await browser.close();
    served.server.close();
  });

  let databases = 0;
  testStores('a browser', (key) => remoteStore(() => page, key, `test-${databases++}`));

  test('a store of a browser is one for all tabs: one of them has the mutex, and what the other wrote', async () => {
    const other = await context.newPage();
    await other.goto(served.url);
    const noKey = async () => assert.fail('no share is opened');
    const [here, there] = [page, other].map((tab) => remoteStore(() => tab, noKey, 'tabs'));
    assert.ok(here && there);
    await here.makeFolder('a');
    await here.putBack('a/x', Uint8Array.of(1));
    const held = await here.mutex('a/lock');
    await assert.rejects(there.mutex('a/lock', AbortSignal.timeout(100)), { name: 'TimeoutError' });
    const taken = await Promise.allSettled([here.take('a/x', 9), there.take('a/x', 9)]);
    assert.equal(taken.filter(({ status }) => status === 'fulfilled').length, 1);
    // A tab that is closed, whatever it was doing, leaves no mutex.
    held.release();
    await there.mutex('a/lock');
    const next = here.mutex('a/lock');
    await other.close();
    (await next).release();
  });

  test('a store of a browser outlives a reload, and the deletion of its database in another tab', async () => {
    const store = remoteStore(
      () => page,
      async () => assert.fail('no share is opened'),
      'reload',
    );
    await store.makeFolder('a');
    await store.putBack('a/x', Uint8Array.of(1));
    await page.reload();
    assert.deepEqual(await store.list('a'), ['x']);
    const other = await context.newPage();
    await other.goto(served.url);
    await other.evaluate(
      () =>
        new Promise((resolve, reject) => {
          const deleting = indexedDB.deleteDatabase('reload');
          deleting.onsuccess = resolve;
          deleting.onerror = deleting.onblocked = reject;
        }),
    );
    await other.close();
    assert.deepEqual([await store.list(''), await store.has('a/x')], [[], false]);
    await store.makeFolder('b');
    assert.deepEqual(await store.list(''), ['b']);
  });

  test('the state of a browser is in the same database, apart from the wallets', async () => {
    const noKey = async () => assert.fail('no share is opened');
    const [files, state] = ['both', 'state:both'].map((name) => remoteStore(() => page, noKey, name));
    assert.ok(files && state);
    await files.makeFolder('a');
    await state.makeFolder('correlations');
    assert.deepEqual([await files.list(''), await state.list('')], [['a'], ['correlations']]);
    const names = await page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name));
    assert.deepEqual(
      names.filter((name) => name?.includes('both')),
      ['both'],
    );
  });
});
