import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { unzipSync } from 'fflate';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import {
  createPublicClient,
  createTestClient,
  type Hex,
  http,
  parseEther,
  recoverAddress,
  verifyMessage,
  verifyTypedData,
} from 'viem';
import { startHolder } from '../examples/key-holder.ts';
import { decodeCbor } from '../ts/core/cbor.ts';
import { openWallet } from '../ts/signing/wallet.ts';
import { openStore } from '../ts/store/node.ts';
import { listWallets, readShare, readWallet } from '../ts/store/store.ts';
import { BUNDLERS, makeApp } from './support/bundlers.ts';
import { addAuthenticator, CHROMIUM, launch, launchIn, NO_CHROMIUM, servePages } from './support/chromium.ts';
import { remoteStore } from './support/store-remote.ts';
import { testStores } from './support/store-tests.ts';
import {
  addressAt,
  ask,
  askRaw,
  assertAccessible,
  choose,
  clearStorage,
  makeWallet,
  newPage,
  openRaw,
  outcome,
  PASSPHRASE,
  press,
  type Raw,
  recover,
  saved,
} from './support/wallet-page.ts';
import { startWeb, type Web } from './support/web.ts';

// What a browser has to do, in a real Chromium. One browser for all of it.

const root = join(import.meta.dirname, '..');

describe('in Chromium', { skip: CHROMIUM === undefined && NO_CHROMIUM, timeout: 600_000 }, () => {
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

  test('a browser signs in a worker, whichever bundler made the page', async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'tandem-bundlers-'));
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    const app = join(dir, 'app');
    await makeApp(app);
    for (const [name, make] of Object.entries(BUNDLERS)) {
      const out = join(dir, name.replace(/\W/g, ''));
      const { url, close } = await make(app, out);
      t.after(close);
      const tab = await newPage(context);
      await tab.goto(url);
      const waiting = await tab.waitForFunction(() => (globalThis as unknown as { outcome?: unknown }).outcome);
      const outcome = (await waiting.jsonValue()) as { digest: Hex; address: string; signature: Hex };
      assert.equal(typeof outcome, 'object', `${name}: ${outcome}`);
      assert.equal(await recoverAddress({ hash: outcome.digest, signature: outcome.signature }), outcome.address, name);
      await tab.close();
    }
  });

  describe('the page of a wallet', () => {
    let web: Web;
    before(async () => {
      web = await startWeb();
    });
    after(() => web.close());

    /** A user with a wallet of this passkey, at its page. */
    const madeByPasskey = async (hasPrf = true) => {
      const context = await browser.newContext();
      const page = await newPage(context);
      const errors: string[] = [];
      page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
      await page.goto(web.wallet);
      const authenticator = await addAuthenticator(page, hasPrf);
      const recoveryKey = await makeWallet(page, { passkey: true });
      return { context, page, authenticator, recoveryKey, errors };
    };
    /** For docs/browser.md: SCREENSHOTS=docs/images. */
    const shot = async (page: Page, name: string, colorScheme: 'light' | 'dark' = 'light') => {
      const { SCREENSHOTS: dir } = process.env;
      if (dir === undefined) return;
      await page.setViewportSize({ width: 440, height: 680 });
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: join(dir, `browser-${name}.png`) });
    };
    const alert = (page: Page) => page.getByRole('alert').first();

    test('the page of a wallet makes one by a passkey, forgets it with the tab, and opens it by the passkey', async () => {
      const { context, page, authenticator, errors } = await madeByPasskey();
      const address = await addressAt(page);
      assert.match(address, /^0x[0-9a-fA-F]{40}$/);
      await assertAccessible(page);
      await page.goto('about:blank');
      await page.goto(web.wallet);
      assert.equal(await addressAt(page), address);
      await page.getByText('Locked').waitFor();
      await page.getByRole('button', { name: 'Open', exact: true }).click();
      await page.getByRole('button', { name: 'Open with the passkey' }).click();
      await page.getByRole('button', { name: 'Lock' }).click();
      await page.getByText('Locked').waitFor();

      // A passkey of the same name that is another one; and none at all.
      const { session, authenticatorId } = authenticator;
      const { credentials } = await session.send('WebAuthn.getCredentials', { authenticatorId });
      assert.ok(credentials[0]);
      await session.send('WebAuthn.clearCredentials', { authenticatorId });
      await session.send('WebAuthn.addCredential', { authenticatorId, credential: credentials[0] });
      await page.getByRole('button', { name: 'Open', exact: true }).click();
      await page.getByRole('button', { name: 'Open with the passkey' }).click();
      assert.match((await alert(page).textContent()) ?? '', /This passkey does not open the wallet/);
      await session.send('WebAuthn.clearCredentials', { authenticatorId });
      await page.getByRole('button', { name: 'Open with the passkey' }).click();
      await alert(page)
        .filter({ hasText: /was not used.*use the recovery key/ })
        .waitFor();
      assert.deepEqual(errors, []); // nothing of its own is against its Content Security Policy
      await context.close();
    });

    test('the page of a wallet has it again in the next browser: the passkey, the passphrase, the correlation', async (t) => {
      const dir = mkdtempSync(join(tmpdir(), 'tandem-profile-'));
      t.after(() => rmSync(dir, { recursive: true, force: true, maxRetries: 9 }));
      const asked: { op: string; request?: string }[] = [];
      let isToCrash = false;
      /** A browser that is another process than the one before, at the dapp. */
      const start = async () => {
        const context = await launchIn(dir);
        t.after(() => context.close());
        const crash = async () => {
          const session = await context.browser()?.newBrowserCDPSession();
          void session?.send('Browser.crash').catch(() => {});
        };
        await context.route('**/core/v1/lit_action', async (route) => {
          asked.push(route.request().postDataJSON().js_params);
          const response = await route.fetch();
          if (isToCrash && asked.at(-1)?.op === 'onecall') await crash();
          else await route.fulfill({ response });
        });
        const dapp = await newPage(context);
        await dapp.goto(web.dapp);
        const ended = new Promise<void>((resolve) => context.once('close', () => resolve()));
        return { context, dapp, ended };
      };
      const opensWith = async (dapp: Page, name: string) => {
        const [popup] = await Promise.all([dapp.waitForEvent('popup'), press(dapp, 'message')]);
        popup.setDefaultTimeout(20_000);
        await popup.getByRole('button', { name: 'Sign' }).click();
        if (name === 'Open') await popup.getByLabel('Passphrase').fill(PASSPHRASE);
        await popup.getByRole('button', { name, exact: true }).click();
      };
      const signature = async (dapp: Page) => (await outcome(dapp)).slice(3) as `0x${string}`;
      const made: `0x${string}`[] = [];

      const first = await start();
      const connect = first.dapp.getByRole('button', { name: 'Connect Tandem' });
      const [popup] = await Promise.all([first.dapp.waitForEvent('popup'), connect.click()]);
      await makeWallet(popup, { passkey: true, passphrase: PASSPHRASE });
      await popup.getByRole('button', { name: 'Connect' }).click();
      const address = await signature(first.dapp);
      await press(first.dapp, 'message');
      await popup.getByRole('button', { name: 'Sign' }).click();
      made.push(await signature(first.dapp));
      await first.context.close();

      const second = await start();
      asked.length = 0;
      await second.dapp.locator('#account').filter({ hasText: address }).waitFor();
      await opensWith(second.dapp, 'Open with the passkey');
      made.push(await signature(second.dapp));
      // The correlation of the browser before is the one that is used.
      assert.deepEqual(
        asked.map(({ op }) => op),
        ['onecall'],
      );
      // This browser crashes before the answer of the host arrives. The correlation has met none, so it lives; the request does not.
      isToCrash = true;
      await press(second.dapp, 'message');
      await second.context.pages().at(-1)?.getByRole('button', { name: 'Sign' }).click();
      await second.ended;
      isToCrash = false;

      const third = await start();
      await opensWith(third.dapp, 'Open');
      made.push(await signature(third.dapp));
      assert.deepEqual(
        asked.map(({ op }) => op),
        ['onecall', 'onecall', 'onecall'],
      );
      const requests = asked.flatMap(({ op, request }) => (op === 'onecall' ? [request] : []));
      assert.equal(new Set(requests).size, requests.length);
      for (const signature of made) {
        const message = 'I am the owner of this account.';
        assert.ok(await verifyMessage({ address: address as `0x${string}`, message, signature }));
      }
      assert.equal(new Set(made.map((signature) => signature.slice(0, 66))).size, made.length);
      await third.context.close();
    });

    test('the page of a wallet says that a passkey cannot encrypt before it makes anything', async () => {
      const calls = web.calls();
      const without = await browser.newContext();
      await without.addInitScript(() => {
        PublicKeyCredential.getClientCapabilities = async () => ({ 'extension:prf': false });
      });
      const other = await newPage(without);
      await other.goto(web.wallet);
      assert.match((await alert(other).textContent()) ?? '', /passkeys of this browser cannot encrypt/);
      assert.ok(await other.getByLabel('A passkey of this device').isDisabled());
      assert.ok(await other.getByLabel('A passphrase', { exact: true }).isChecked());
      await without.close();

      // Where only the passkey tells: it is told next, and the passkey is taken back.
      const { context, page, authenticator } = await madeByPasskey(false);
      assert.match(
        (await alert(page).textContent()) ?? '',
        /cannot encrypt, so no wallet was made.*"Tandem wallet of 20.*remove it.*choose a passphrase/s,
      );
      const { session, authenticatorId } = authenticator;
      assert.deepEqual((await session.send('WebAuthn.getCredentials', { authenticatorId })).credentials, []);
      const files = await page.evaluate(
        () =>
          new Promise((resolve, reject) => {
            const opening = indexedDB.open('tandem');
            opening.onsuccess = () => {
              const files = opening.result.transaction('files').objectStore('files');
              files.getAllKeys().onsuccess = ({ target }) => resolve((target as IDBRequest).result);
              opening.result.close();
            };
            opening.onerror = reject;
          }),
      );
      assert.deepEqual(files, ['']);
      await page.reload();
      await page.getByRole('heading', { name: 'A wallet whose key is never whole' }).waitFor();
      assert.equal(web.calls(), calls);
      await context.close();
    });

    test('the page of a wallet makes one passkey for one wallet, however often it is tried', async () => {
      const page = await newPage(await browser.newContext());
      await page.goto(web.wallet);
      const { session, authenticatorId } = await addAuthenticator(page);
      await makeWallet(page, { passkey: true, passphrase: 'too short' });
      await alert(page).filter({ hasText: 'fewer than 10 characters' }).waitFor();
      await page.getByLabel('A passphrase', { exact: true }).uncheck();
      await page.getByRole('button', { name: 'Make the wallet' }).click();
      await addressAt(page);
      assert.equal((await session.send('WebAuthn.getCredentials', { authenticatorId })).credentials.length, 1);
      await page.context().close();
    });

    test('the page of a wallet makes one though two tabs are asked at once', async () => {
      const context = await browser.newContext();
      const other = await newPage(context);
      await other.goto(web.wallet);
      await choose(other, { passkey: false, passphrase: PASSPHRASE });
      const page = await newPage(context);
      await page.goto(web.wallet);
      await addAuthenticator(page);
      await choose(page, { passkey: true });
      // The first one is amid it as the second begins.
      const begun = new Promise<void>((resolve) => {
        void page.route(
          '**/core/v1/lit_action',
          async (route) => {
            resolve();
            await sleep(1000);
            await route.fallback();
          },
          { times: 1 },
        );
      });
      await page.getByRole('button', { name: 'Make the wallet' }).click();
      await begun;
      await other.getByRole('button', { name: 'Make the wallet' }).dispatchEvent('click'); // it is in the background
      const address = await addressAt(page);
      await alert(other)
        .filter({ hasText: `There is a wallet in this browser already: ${address}` })
        .waitFor();
      // It opens by what it was made with.
      await page.reload();
      await page.getByRole('button', { name: 'Open', exact: true }).click();
      await page.getByRole('button', { name: 'Open with the passkey' }).click();
      await page.getByRole('button', { name: 'Lock' }).waitFor();
      await context.close();
    });

    test('the page of a wallet brings it back after its storage was cleared: a backup, or the cold share', async (t) => {
      const { context, page, authenticator, recoveryKey } = await madeByPasskey();
      const address = await addressAt(page);
      const cold = await saved(page, 'Save the cold share');
      await page.getByLabel('I have put the file away').check();
      await page.getByRole('button', { name: 'Remove it from this browser' }).click();
      await page.locator('#cold').waitFor({ state: 'detached' });
      const backup = await saved(page, 'Save a backup');

      // Both together are a store on a disk, which the recovery key opens: the host may be gone.
      const dir = mkdtempSync(join(tmpdir(), 'tandem-backup-'));
      t.after(() => rmSync(dir, { recursive: true, force: true }));
      for (const file of [backup, cold]) {
        for (const [name, data] of Object.entries(unzipSync(readFileSync(file)))) {
          mkdirSync(dirname(join(dir, name)), { recursive: true });
          writeFileSync(join(dir, name), data);
        }
      }
      const unpacked = await openWallet(openStore(dir, async () => ({ identities: [recoveryKey] })));
      const { digest, signature } = await unpacked.signMessage('hello', { recovery: true });
      assert.equal((await recoverAddress({ hash: digest, signature })).toLowerCase(), address.toLowerCase());

      // What the worker itself says of the wallet.
      await page.addInitScript(() => {
        const { Worker } = globalThis;
        globalThis.Worker = class extends Worker {
          constructor(...given: ConstructorParameters<typeof Worker>) {
            super(...given);
            Object.assign(globalThis, { worker: this });
          }
        };
      });
      const state = () =>
        page.evaluate(() => {
          const { worker } = globalThis as unknown as { worker: Worker };
          const id = 1e6;
          return new Promise<{ isOpen: boolean }>((resolve) => {
            worker.addEventListener('message', ({ data }) => data.id === id && resolve(data.ok));
            worker.postMessage({ call: 'state', id, args: {} });
          });
        });
      await clearStorage(page);
      await page.getByText('I have a wallet already').click();
      await page.getByLabel('The file of the backup').setInputFiles(backup);
      await page.getByRole('button', { name: 'Restore' }).click();
      assert.equal(await addressAt(page), address);
      await page.getByRole('button', { name: 'Open', exact: true }).click();
      await page.getByRole('button', { name: 'Open with the passkey' }).click();
      await page.getByRole('button', { name: 'Lock' }).waitFor();

      // With a passkey that is lost: the share here and the cold one. A wrong key changes nothing.
      await page.getByRole('button', { name: 'Recover with the recovery key' }).click();
      const wrong = (await page.locator('#recovery-key').textContent()) ?? '';
      await recover(page, { recoveryKey: wrong, file: cold, passkey: true });
      await page
        .getByRole('alert')
        .filter({ hasText: /identit.* opens/ })
        .waitFor();
      assert.equal((await state()).isOpen, true);
      const nextKey = await recover(page, { recoveryKey, file: cold, passkey: true });
      assert.equal(await addressAt(page), address);
      const nextCold = await saved(page, 'Save the cold share');
      const { session, authenticatorId } = authenticator;
      await session.send('WebAuthn.clearCredentials', { authenticatorId }); // it has space for three

      await clearStorage(page);
      await page.getByText('I have a wallet already').click();
      await assertAccessible(page);
      await page.getByRole('button', { name: 'Recover with the recovery key' }).click();
      await assertAccessible(page);
      await recover(page, { recoveryKey: nextKey.toLowerCase(), file: nextCold, passkey: true });
      assert.equal(await addressAt(page), address);
      await page.locator('#cold').waitFor();
      await shot(page, 'wallet');
      await page.getByRole('button', { name: 'Lock' }).waitFor();

      // The session ends by itself.
      const config = (await (await fetch(`${web.wallet}/config.json`)).json()) as object;
      await context.route('**/config.json', (route) => route.fulfill({ json: { ...config, idleMs: 300 } }));
      await page.reload();
      await page.getByRole('button', { name: 'Open', exact: true }).click();
      await page.getByRole('button', { name: 'Open with the passkey' }).click();
      await page.getByRole('button', { name: 'Lock' }).waitFor();
      await page.getByText('Locked').waitFor();
      await context.close();
    });

    test('the page of a wallet runs no script but its own files, and in no frame', async () => {
      const context = await browser.newContext();
      const page = await newPage(context);
      const foreign = `${web.stranger}/x.js`;
      await page.route(foreign, (route) =>
        route.fulfill({
          contentType: 'text/javascript',
          headers: { 'access-control-allow-origin': '*' },
          body: 'globalThis.ran = "a script of another origin"',
        }),
      );
      // What somebody might get into the page itself.
      const more = `<script>ran = 'a script in the page'</script><img src="/none.svg" onerror="ran = 'a handler in the page'">
        <script src="${foreign}"></script><base href="${web.stranger}/">`;
      // What its own script might be made to do. DevTools allow eval as long as they wait, so all of it comes after.
      const tries = `
        const script = document.createElement('script');
        const by = {
          'eval': () => eval('ran = "eval"'),
          'Function': () => new Function('ran = "Function"')(),
          'a timer of text': () => setTimeout('ran = "a timer of text"'),
          'a script of text': () => { script.text = 'ran = "a script of text"'; document.body.append(script); },
          'a script of another origin': () => {
            const other = document.createElement('script');
            other.src = '${foreign}';
            document.body.append(other);
          },
          'a worker of another script': () => {
            const url = URL.createObjectURL(new Blob(['postMessage(1)']));
            new Worker(url).onmessage = () => { ran = 'a worker of another script'; };
          },
          'innerHTML': () => {
            const place = document.body.appendChild(document.createElement('div'));
            place.innerHTML = '<img src="/none.svg" onerror="ran = 1">';
          },
          'a handler': () => { document.body.setAttribute('onclick', 'ran = "a handler"'); document.body.click(); },
          'javascript:': () => { location.href = 'javascript:void(ran = "javascript:")'; },
          'import of data': () => import('data:text/javascript,globalThis.ran = "import of data"'),
          'import of another origin': () => import('${foreign}'),
          'a policy of its own': () => trustedTypes.createPolicy('mine', { createScript: (text) => text }),
          'the policy again': () => trustedTypes.createPolicy('tandem', { createScriptURL: (url) => url }),
        };
        globalThis.refused = {};
        setTimeout(async () => {
          for (const [name, run] of Object.entries(by)) {
            try { await run(); refused[name] = false; } catch (error) { refused[name] = error.name; }
          }
          setTimeout(() => { done = true; }, 200);
        });`;
      /** Loads the page, and does all of that. */
      const attack = async (without?: RegExp) => {
        await page.route(`${web.wallet}/`, async (route) => {
          const response = await route.fetch();
          const { 'content-security-policy': policy = '', ...headers } = response.headers();
          const less = (text: string) => (without ? text.replace(without, '') : text);
          const body = less(await response.text()).replace('<body>', `<body>${more}`);
          await route.fulfill({ headers: { ...headers, 'content-security-policy': less(policy) }, body });
        });
        await page.goto(web.wallet);
        await page.getByRole('heading', { name: 'A wallet whose key is never whole' }).waitFor();
        assert.equal(await page.evaluate(() => document.baseURI), `${web.wallet}/`);
        await page.evaluate(tries);
        await page.waitForFunction(() => 'done' in globalThis);
        const seen = await page.evaluate(() => {
          const { refused, ran } = globalThis as unknown as { refused: Record<string, unknown>; ran: unknown };
          return { refused, ran };
        });
        assert.equal(seen.ran, undefined);
        return Object.keys(seen.refused).filter((name) => !seen.refused[name]);
      };
      // Two lines of defence: Trusted Types refuse nearly all of it before it is done, and where a browser has none, nothing runs.
      assert.deepEqual(await attack(), ['javascript:']);
      const without = await attack(/; require-trusted-types-for .*?trusted-types tandem/);
      assert.ok(without.includes('innerHTML'));

      // The worker has its own policy, from its own headers.
      const [worker] = page.workers();
      assert.ok(worker);
      await worker.evaluate(`setTimeout(async () => {
        const tries = [() => eval('1'), () => new Function('return 1')(), () => import('data:text/javascript,1'), () => importScripts('${web.stranger}/x.js')];
        globalThis.refused = await Promise.all(tries.map(async (run) => { try { await run(); return false; } catch (error) { return true; } }));
      })`);
      let inWorker: unknown;
      while (inWorker === undefined) inWorker = await worker.evaluate('globalThis.refused');
      assert.deepEqual(inWorker, [true, true, true, true]);

      // In a frame: not shown at all, and, from a host that sends no headers, not as a wallet.
      const stranger = await newPage(context);
      await stranger.goto(web.stranger);
      const framed = async () => {
        await stranger.evaluate(
          (url) =>
            new Promise((resolve) => {
              const frame = document.createElement('iframe');
              frame.onload = resolve;
              frame.src = url;
              document.body.replaceChildren(frame);
            }),
          web.wallet,
        );
        const body = stranger.frames()[1]?.locator('body');
        return (await body?.textContent()) ?? '';
      };
      assert.doesNotMatch(await framed(), /Tandem/);
      await context.route(`${web.wallet}/**`, async (route) => {
        const response = await route.fetch();
        const headers = Object.entries(response.headers()).filter(([name]) => name !== 'content-security-policy');
        await route.fulfill({ response, headers: Object.fromEntries(headers) });
      });
      assert.match(await framed(), /No wallet in a frame/);
      await context.close();
    });

    test('the page of a wallet can do without a key: examples/key-holder.ts runs its action for it, and no other', async (t) => {
      const { LIT_USAGE_KEY: key = '', LIT_CID: cid = '', LIT_API_URL: host } = web.settings;
      const holder = startHolder({ host, key, cid, page: web.wallet, runsPerMinute: 2 });
      await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
      t.after(() => holder.close());
      const { port } = holder.address() as AddressInfo;
      const run = async (ipfs_id: string, origin = web.wallet) => {
        const body = JSON.stringify({ ipfs_id, js_params: null });
        const headers = { origin, 'content-type': 'application/json', connection: 'close' };
        const answer = await fetch(`http://127.0.0.1:${port}/core/v1/lit_action`, { method: 'POST', headers, body });
        await answer.text();
        return answer.status;
      };
      const other = cid.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a'));
      assert.deepEqual([await run(cid, web.stranger), await run(other)], [403, 403]);
      // Passed on: 400 where the host has not had the code yet.
      for (let i = 0; i < 2; i++) assert.ok([200, 400].includes(await run(cid)));
      assert.equal(await run(cid), 429);
    });

    describe('a dapp of another origin', () => {
      let context: BrowserContext;
      let dapp: Page;
      let popup: Page;
      let account: `0x${string}`;
      let recoveryKey: string;
      before(async () => {
        context = await browser.newContext();
        // For a forger who knows what only the dapp does: the ids of its requests, and the wallet's window.
        await context.addInitScript(() => {
          const randomUUID = crypto.randomUUID.bind(crypto);
          crypto.randomUUID = () => {
            const lastId = randomUUID();
            Object.assign(globalThis, { lastId });
            return lastId;
          };
          const openWindow = globalThis.open.bind(globalThis);
          globalThis.open = (...given) => {
            const opened = openWindow(...given);
            Object.assign(globalThis, { opened });
            return opened;
          };
        });
        // All that the wallet's page and its worker say to each other.
        await context.addInitScript({
          content: `
            const said = [];
            const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
            const keep = (message) =>
              said.push(JSON.stringify(message, (_, value) => (value instanceof Uint8Array ? hex(value) : value)));
            globalThis.said = said;
            globalThis.Worker = class extends Worker {
              constructor(...given) {
                super(...given);
                this.addEventListener('message', ({ data }) => keep(data));
              }
              postMessage(message, ...rest) {
                keep(message);
                super.postMessage(message, ...rest);
              }
            };`,
        });
        dapp = await newPage(context);
        await dapp.goto(web.dapp);
      });
      after(() => context.close());

      /** Presses a button of the dapp, and agrees in the wallet's window. */
      const signs = async (id: string) => {
        await press(dapp, id);
        await popup.getByRole('button', { name: 'Sign' }).click();
      };
      const signature = async () => (await outcome(dapp)).slice(3) as `0x${string}`;
      const isOurs = (signature: `0x${string}`) =>
        verifyMessage({ address: account, message: 'I am the owner of this account.', signature });

      test('a dapp of another origin finds the wallet, which has no say before the user agrees', async () => {
        await dapp.getByRole('button', { name: 'Connect Tandem' }).waitFor();
        // Nothing opens for what is not connected, or not there.
        assert.deepEqual(await ask(dapp, 'eth_accounts'), []);
        assert.equal(((await ask(dapp, 'personal_sign', ['0x', '0x'])) as { code: number }).code, 4100);
        assert.equal(((await ask(dapp, 'eth_sign', [])) as { code: number }).code, 4200);
        await dapp.evaluate(() => {
          globalThis.open = () => null;
        });
        const blocked = (await ask(dapp, 'eth_requestAccounts')) as { code: number; message: string };
        assert.deepEqual([blocked.code, /browser blocked/.test(blocked.message)], [4900, true]);
        await dapp.reload();

        [popup] = await Promise.all([
          dapp.waitForEvent('popup'),
          dapp.getByRole('button', { name: 'Connect Tandem' }).click(),
        ]);
        popup.setDefaultTimeout(20_000);
        await addAuthenticator(popup);
        recoveryKey = await makeWallet(popup, { passkey: true, passphrase: PASSPHRASE });
        await popup.getByText('wants to connect').waitFor();
        assert.match((await popup.locator('h1').textContent()) ?? '', new RegExp(`^${web.dapp} `));
        await popup.getByRole('button', { name: 'Reject' }).click();
        assert.match(await outcome(dapp), /UserRejectedRequestError 4001/);
        await dapp.getByRole('button', { name: 'Connect Tandem' }).click();
        await popup.getByRole('button', { name: 'Connect' }).click();
        account = await signature();
        await dapp.locator('#account').filter({ hasText: account }).waitFor();
      });

      test('a dapp of another origin has messages and typed data signed, which are shown in words', async () => {
        await press(dapp, 'message');
        await popup.getByText('I am the owner of this account.').waitFor();
        assert.match((await popup.locator('.tag').textContent()) ?? '', /policy allows it, by the rule “messages”/);
        await popup.getByRole('button', { name: 'Sign' }).click();
        assert.ok(await isOurs(await signature()));

        await press(dapp, 'typed');
        await popup.getByText('A lamp').waitFor();
        await popup.getByRole('button', { name: 'Sign' }).click();
        const types = {
          Order: [
            { name: 'buyer', type: 'address' },
            { name: 'item', type: 'string' },
            { name: 'price', type: 'uint256' },
          ],
        } as const;
        const typed = {
          domain: { name: 'A dapp', version: '1', chainId: 31337 },
          types,
          primaryType: 'Order',
          message: { buyer: account, item: 'A lamp', price: parseEther('0.02') },
        } as const;
        assert.ok(await verifyTypedData({ address: account, ...typed, signature: await signature() }));
      });

      test('a dapp of another origin sends what the policy allows, and is told in words what it refuses', async () => {
        const chain = createTestClient({ mode: 'anvil', transport: http(web.chains[0]?.rpcUrl) });
        const node = createPublicClient({ transport: http(web.chains[0]?.rpcUrl) });
        await chain.setBalance({ address: account, value: parseEther('200') });
        await press(dapp, 'send');
        await popup.getByText('value: 0.1 ETH').waitFor();
        await popup.getByRole('button', { name: 'Sign and send' }).and(popup.locator(':enabled')).waitFor();
        await assertAccessible(popup);
        await shot(popup, 'request');
        await popup.getByRole('button', { name: 'Sign and send' }).click();
        const hash = (await outcome(dapp)).slice(3) as `0x${string}`;
        assert.equal((await node.waitForTransactionReceipt({ hash, pollingInterval: 50 })).status, 'success');

        await press(dapp, 'much');
        await popup.getByText('The policy refuses it:').waitFor();
        await assertAccessible(popup);
        await shot(popup, 'refused', 'dark');
        assert.equal(await popup.getByRole('button', { name: 'Sign and send' }).count(), 0);
        await popup.getByRole('button', { name: 'Close' }).click();
        assert.match(await outcome(dapp), / 4100: .*policy refuses this: /);
      });

      test('a dapp of another origin, and the page itself, hear nothing of the share from the worker that holds it', async (t) => {
        const home = await newPage(context);
        await home.goto(web.wallet);
        const backup = unzipSync(readFileSync(await saved(home, 'Save a backup')));
        await home.close();
        const dir = mkdtempSync(join(tmpdir(), 'tandem-said-'));
        t.after(() => rmSync(dir, { recursive: true, force: true }));
        for (const [name, data] of Object.entries(backup)) {
          mkdirSync(dirname(join(dir, name)), { recursive: true });
          writeFileSync(join(dir, name), data);
        }
        const store = openStore(dir, async () => ({ identities: [recoveryKey] }));
        const [id = ''] = await listWallets(store);
        const info = await readWallet(store, id);
        const said = (await popup.evaluate(() => (globalThis as unknown as { said: string[] }).said)).join('\n');
        // It has made a wallet and signed, and it was all recorded: the question of what seals a key is in it.
        for (const word of ['"create"', '"wrap"', '"sign"', '"signature"']) assert.ok(said.includes(word), word);
        for (const { index, role } of info.parties) {
          if (role === 'action') continue;
          const share = decodeCbor(await readShare(store, info, index)) as Map<number, unknown>;
          const secrets = [share.get(5), ...(share.get(6) as unknown[])];
          assert.ok(secrets.length > 1);
          for (const secret of secrets) {
            assert.ok(secret instanceof Uint8Array && secret.length === 32);
            for (const encoding of ['hex', 'base64', 'base64url'] as const) {
              assert.ok(!said.includes(Buffer.from(secret).toString(encoding).replace(/=+$/, '')), role);
            }
          }
        }
        // Of identities, it says the new recovery key, which is for the user to keep.
        const identities = new Set(said.match(/AGE-SECRET-KEY-1[0-9A-Z]+/g));
        assert.deepEqual([...identities], [recoveryKey]);
      });

      test('a dapp of another origin has a chain added, and switches', async () => {
        const unknown = (await ask(dapp, 'wallet_switchEthereumChain', [{ chainId: '0x7a6a' }])) as { code: number };
        assert.equal(unknown.code, 4902);
        await press(dapp, 'switch');
        await popup.getByRole('button', { name: 'Add it' }).click();
        assert.equal(await outcome(dapp), 'ok 31338');
        await press(dapp, 'switch');
        await popup.getByRole('button', { name: 'Use it' }).click();
        assert.equal(await outcome(dapp), 'ok 31337');
      });

      test('a dapp of another origin is told that the host is down', async () => {
        await web.stopHost();
        await signs('message');
        await popup.getByRole('alert').filter({ hasText: 'cannot be reached' }).waitFor();
        assert.match(await outcome(dapp), / 4900: .*cannot be reached/);
        await web.startHost();
      });

      test('a dapp of another origin is the only one that is heard and answered', async () => {
        await press(dapp, 'message');
        await popup.getByRole('button', { name: 'Sign' }).waitFor();
        const lastId = await dapp.evaluate(() => (globalThis as unknown as { lastId: string }).lastId);
        // From another origin, and from the wallet's own in another window than the wallet's.
        await context.route(`${web.wallet}/frame`, (route) => route.fulfill({ contentType: 'text/html', body: '' }));
        for (const url of [`${web.stranger}/`, `${web.wallet}/frame`]) {
          await dapp.evaluate(
            (url) =>
              new Promise((resolve) => {
                const frame = document.createElement('iframe');
                frame.onload = resolve;
                frame.src = url;
                document.body.append(frame);
              }),
            url,
          );
          await dapp.frame({ url })?.evaluate((id) => {
            parent.postMessage({ tandem: 1, id, result: '0xforged' }, '*');
            parent.postMessage({ tandem: 1, event: 'accountsChanged', data: ['0xforged'] }, '*');
          }, lastId);
        }
        // Another window of the dapp's origin than the one that opened the wallet's.
        await dapp.evaluate((account) => {
          const frame = document.body.appendChild(document.createElement('iframe'));
          const { opened } = globalThis as unknown as { opened: Window };
          const params = JSON.stringify(['a request of a frame', account]);
          const request = { tandem: 1, id: crypto.randomUUID(), method: 'personal_sign', params };
          Object.assign(frame.contentWindow ?? {}, { opened, request });
          const script = frame.contentDocument?.createElement('script');
          if (script) script.text = 'opened.postMessage(request, "*")';
          if (script) frame.contentDocument?.body.append(script);
        }, account);
        await sleep(300);
        assert.equal(await dapp.locator('#outcome').textContent(), '…');
        assert.equal(await dapp.locator('#account').textContent(), account);
        await popup.getByRole('button', { name: 'Sign' }).click();
        assert.ok(await isOurs(await signature()));
        await popup.getByText('Nothing to do').waitFor();
        await sleep(300);
        assert.equal(await popup.locator('pre').count(), 0); // no other request is in the queue

        // The wallet's window while it is another page, which gets nothing. Back at the wallet's, the request is shown.
        const goTo = async (url: string) => {
          await popup.evaluate((url) => {
            location.href = url;
          }, url);
          await popup.waitForURL(`${url}/`);
        };
        await goTo(web.stranger);
        await popup.evaluate(() => {
          const got: unknown[] = [];
          Object.assign(globalThis, { got });
          addEventListener('message', ({ data }) => got.push(data));
        });
        await press(dapp, 'message');
        await popup.evaluate(
          (id) => opener.postMessage({ tandem: 1, id, result: '0xforged' }, '*'),
          await dapp.evaluate(() => (globalThis as unknown as { lastId: string }).lastId),
        );
        await sleep(300);
        assert.equal(await dapp.locator('#outcome').textContent(), '…');
        assert.deepEqual(await popup.evaluate(() => (globalThis as unknown as Raw).got), []);
        await goTo(web.wallet);
        await popup.getByRole('button', { name: 'Sign' }).click();
        await popup.getByRole('button', { name: 'Open with the passkey' }).click();
        assert.ok(await isOurs(await signature()));

        // A stranger that opens the wallet itself is another page that is not connected; and no page has it in a frame.
        const stranger = await newPage(context);
        await stranger.goto(web.stranger);
        const answer = await stranger.evaluate(
          ([url, account]) =>
            new Promise((resolve) => {
              const wallet = open(url, 'mine');
              const frame = document.createElement('iframe');
              frame.src = url ?? '';
              document.body.append(frame);
              addEventListener('message', ({ data, source }) => {
                const request = { tandem: 1, id: crypto.randomUUID(), method: 'personal_sign' };
                if (source !== wallet) resolve('the frame speaks');
                else if (data.loaded)
                  wallet?.postMessage({ ...request, params: JSON.stringify(['0x00', account]) }, '*');
                else if (data.error) resolve(data.error.code);
              });
            }),
          [web.wallet, account] as const,
        );
        assert.equal(answer, 4100);

        // A page without an origin, of which the user could not be told who it is.
        const opened = stranger.waitForEvent('popup');
        const heard = await stranger.evaluate(
          (url) =>
            new Promise((resolve) => {
              const frame = document.createElement('iframe');
              frame.setAttribute('sandbox', 'allow-scripts allow-popups allow-popups-to-escape-sandbox');
              frame.srcdoc = `<script>
                const wallet = open('${url}');
                onmessage = ({ data }) => {
                  if (!data.loaded) return parent.postMessage('an answer', '*');
                  const id = crypto.randomUUID?.() ?? '00000000-0000-4000-8000-000000000000';
                  wallet.postMessage({ tandem: 1, id, method: 'eth_requestAccounts', params: '[]' }, '*');
                  setTimeout(() => parent.postMessage('asked, no answer', '*'), 300);
                };
              </script>`;
              addEventListener('message', ({ data, source }) => {
                if (source === frame.contentWindow) resolve(data);
              });
              document.body.append(frame);
            }),
          web.wallet,
        );
        assert.equal(heard, 'asked, no answer');
        await (await opened).getByText('Nothing to do').waitFor();
        await stranger.close();
      });

      test('a dapp of another origin gets nothing by a click or a key that was meant for it', async () => {
        await press(dapp, 'message');
        const agree = popup.getByRole('button', { name: 'Sign' });
        await agree.waitFor();
        // An address with a fragment would have its element focused: the opener may choose it, but there is none to press.
        assert.equal(await popup.locator(':is(button, a, input):is([id], [name])').count(), 0);
        // As soon as it is in sight, where it will be, and by the keys that press a button.
        const { x = 0, y = 0, width = 0, height = 0 } = (await agree.boundingBox()) ?? {};
        const strays = async () => {
          await popup.mouse.click(x + width / 2, y + height / 2, { clickCount: 2 });
          for (const key of ['Enter', 'Space']) await popup.keyboard.press(key);
        };
        await strays();
        assert.ok(await agree.isDisabled());
        await agree.and(popup.locator(':enabled')).waitFor();
        for (const key of ['Enter', 'Space']) await popup.keyboard.press(key);
        // The window comes to the front, as when the dapp calls it there below the pointer: it has to be in sight again.
        await popup.evaluate(() => dispatchEvent(new Event('focus')));
        await strays();
        assert.ok(await agree.isDisabled());
        // It is in sight and has not the focus: what the user does is not for it.
        await popup.evaluate(() => {
          document.hasFocus = () => false;
          dispatchEvent(new Event('focus'));
        });
        await sleep(1000);
        await strays();
        assert.ok(await agree.isDisabled());
        assert.equal(await dapp.locator('#outcome').textContent(), '…');
        await popup.evaluate(() => {
          document.hasFocus = () => true;
          dispatchEvent(new Event('focus'));
        });
        await agree.and(popup.locator(':enabled')).waitFor();
        // By the keyboard alone, from where the focus is: what is asked, Reject, Sign.
        for (let i = 0; i < 3; i++) await popup.keyboard.press('Tab');
        await popup.keyboard.press('Enter');
        assert.ok(await isOurs(await signature()));
      });

      test('a dapp of another origin has its requests shown one at a time, and few of them wait', async () => {
        const stranger = await newPage(context);
        await stranger.goto(web.stranger);
        const window = await openRaw(stranger, web.wallet);
        const connected = askRaw(stranger, 'eth_requestAccounts');
        await window.getByRole('button', { name: 'Connect' }).click();
        assert.deepEqual(await connected, [account]);
        const answers = Promise.all(
          Array.from({ length: 40 }, (_, i) => askRaw(stranger, 'personal_sign', [`request ${i}`, account])),
        );
        answers.catch(() => {}); // its window is closed below
        const got = (code: number) =>
          stranger.evaluate(
            (code) => (globalThis as unknown as Raw).got.filter(({ error }) => error?.code === code).length,
            code,
          );
        const words = window.locator('pre');
        await words.filter({ hasText: 'request 0' }).waitFor();
        const patience = AbortSignal.timeout(5000);
        while ((await got(-32603)) < 24 && !patience.aborted) await sleep(20);
        await sleep(200);
        assert.deepEqual([await got(-32603), await got(4001)], [24, 0]);
        assert.match((await words.textContent()) ?? '', /request 0/);
        // The next one is shown once this one is answered, and a second click does not answer it.
        const agree = window.getByRole('button', { name: 'Sign' });
        await agree.and(window.locator(':enabled')).waitFor();
        const reject = window.getByRole('button', { name: 'Reject' });
        await reject.click();
        await words.filter({ hasText: 'request 1' }).waitFor();
        assert.ok(await agree.isDisabled());
        assert.deepEqual([await got(-32603), await got(4001)], [24, 1]);
        await stranger.close();
        await window.close();
      });

      test('a dapp of another origin has chains of its own, which no other one sees or changes', async () => {
        const stranger = await newPage(context);
        await stranger.goto(web.stranger);
        const again = await openRaw(stranger, web.wallet);
        const other = web.chains[1];
        assert.ok(other);
        const unknown = await askRaw(stranger, 'wallet_switchEthereumChain', [{ chainId: '0x7a6a' }]);
        assert.equal((unknown as { code: number }).code, 4902);
        const asked: string[] = [];
        const node = createServer(async (request, response) => {
          let body = '';
          for await (const part of request) body += part;
          if (body !== '') asked.push((JSON.parse(body) as { method: string }).method);
          const headers = { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*' };
          response.writeHead(200, headers).end(JSON.stringify({ jsonrpc: '2.0', id: 1, result: '0x7a6a' }));
        });
        await new Promise<void>((resolve) => node.listen(0, '127.0.0.1', resolve));
        const mine = `http://127.0.0.1:${(node.address() as AddressInfo).port}`;
        const added = (chainId: string) =>
          askRaw(stranger, 'wallet_addEthereumChain', [
            {
              chainId,
              chainName: 'Mine',
              nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
              rpcUrls: [mine],
            },
          ]);
        const adding = added('0x7a6a');
        await again.locator('pre').filter({ hasText: mine }).waitFor();
        assert.equal(asked.length, 0); // the node is asked after the user agreed
        await again.getByRole('button', { name: 'Add it' }).click();
        assert.equal(await adding, null);
        assert.ok(asked.includes('eth_chainId'));
        asked.length = 0;
        // What the wallet comes with, nobody replaces.
        const replacing = added('0x7a69');
        await again
          .locator('pre')
          .filter({ hasText: web.chains[0]?.rpcUrl ?? '' })
          .waitFor();
        await again.getByRole('button', { name: 'Add it' }).click();
        assert.equal(await replacing, null);
        await stranger.close();
        await again.close();

        await press(dapp, 'switch');
        await popup.getByRole('button', { name: 'Use it' }).click();
        assert.equal(await outcome(dapp), 'ok 31338');
        await createTestClient({ mode: 'anvil', transport: http(other.rpcUrl) }).setBalance({
          address: account,
          value: parseEther('1'),
        });
        await press(dapp, 'send');
        await popup.getByRole('button', { name: 'Sign and send' }).click();
        assert.match(await outcome(dapp), /^ok 0x/);
        assert.equal(asked.length, 0);
        node.close();
      });

      test('a dapp of another origin signs for the chain that was shown, though another tab of it switches', async () => {
        const { rpcUrl = '' } = web.chains[1] ?? {};
        const node = createPublicClient({ transport: http(rpcUrl) });
        const count = await node.getTransactionCount({ address: account });
        const other = await newPage(context);
        await other.goto(web.dapp);
        await press(dapp, 'send');
        await popup.getByText('Chain of this site: "Other" (31338)').waitFor();
        const [second] = await Promise.all([other.waitForEvent('popup'), press(other, 'switch')]);
        await second.getByRole('button', { name: 'Use it' }).click();
        assert.equal(await outcome(other), 'ok 31337');
        // All tabs of the dapp know, and the request is what it was.
        await dapp.locator('#chain').filter({ hasText: '31337' }).waitFor();
        await popup.getByRole('button', { name: 'Sign and send' }).click();
        const hash = (await outcome(dapp)).slice(3) as `0x${string}`;
        await node.waitForTransactionReceipt({ hash, pollingInterval: 50 });
        assert.equal(await node.getTransactionCount({ address: account }), count + 1);
        await other.close();
      });

      test('a dapp of another origin is told that it is connected no more', async () => {
        // Revoked at the wallet's own page, which is another tab, while a request is shown.
        await press(dapp, 'message');
        await popup.getByRole('button', { name: 'Sign' }).waitFor();
        const home = await newPage(context);
        await home.goto(web.wallet);
        const revoke = home.getByRole('button', { name: `Revoke ${web.dapp}` });
        await revoke.click();
        await revoke.waitFor({ state: 'detached' });
        await home.getByRole('button', { name: `Revoke ${web.stranger}` }).waitFor();
        await popup.getByRole('button', { name: 'Sign' }).click();
        assert.match(await outcome(dapp), /not connected/);
        await dapp.locator('#account').filter({ hasText: 'not connected' }).waitFor();
        await home.close();
        await dapp.getByRole('button', { name: 'Connect Tandem' }).click();
        await popup.getByRole('button', { name: 'Connect' }).click();
        assert.equal(await outcome(dapp), `ok ${account}`);
      });

      test('a dapp of another origin uses the wallet by ethers, and by viem', async () => {
        const { outputFiles } = await build({
          entryPoints: [join(root, 'test/support/dapp-page.ts')],
          bundle: true,
          write: false,
          format: 'iife',
        });
        const node = web.chains[0]?.rpcUrl ?? '';
        const other = await newPage(context);
        await other.goto(web.stranger);
        await other.addScriptTag({ content: outputFiles[0]?.text ?? '' });
        await other.evaluate(
          ([wallet, node]) => {
            const { librariesOf } = globalThis as unknown as { librariesOf: (...given: unknown[]) => object };
            Object.assign(globalThis, { libraries: librariesOf(wallet, node) });
          },
          [web.wallet, node] as const,
        );
        const start = (name: string) =>
          other.evaluate(
            (name) => (globalThis as unknown as { libraries: Record<string, () => Promise<Hex>> }).libraries[name]?.(),
            name,
          );
        const [window, connected] = await Promise.all([other.waitForEvent('popup'), start('account')]);
        assert.equal(connected?.toLowerCase(), account.toLowerCase()); // it agreed to this origin before
        window.setDefaultTimeout(20_000);
        const agreed = async (name: string) => {
          const asked = start(name);
          await window.getByRole('button', { name: /^Sign/ }).click();
          const passkey = window.getByRole('button', { name: 'Open with the passkey' });
          const isToOpen = (await window.locator('#session').textContent()) === 'Locked';
          if (isToOpen) {
            await passkey.waitFor();
            await window.getByLabel('Passphrase').fill(PASSPHRASE);
            await window.getByRole('button', { name: 'Open', exact: true }).click();
          }
          const made = await asked;
          assert.ok(made, name);
          return made;
        };
        const typed = {
          domain: { name: 'A dapp', version: '1', chainId: 31337 },
          types: { Note: [{ name: 'text', type: 'string' }] },
          primaryType: 'Note',
          message: { text: 'hello' },
        } as const;
        const chain = createPublicClient({ transport: http(node) });
        const signature = await agreed('ethers message');
        assert.ok(await verifyMessage({ address: account, message: 'hello', signature }));
        const ofTyped = await agreed('viem typed data');
        assert.ok(await verifyTypedData({ address: account, ...typed, signature: ofTyped }));
        for (const library of ['ethers', 'viem']) {
          const hash = await agreed(`${library} transaction`);
          assert.equal((await chain.waitForTransactionReceipt({ hash, pollingInterval: 50 })).status, 'success');
        }
        await other.close();
        await window.close();
      });

      test('a dapp of another origin signs from two tabs at once', async () => {
        const other = await newPage(context);
        await other.goto(web.dapp);
        await other.locator('#account').filter({ hasText: account }).waitFor();
        const [second] = await Promise.all([other.waitForEvent('popup'), press(other, 'message')]);
        second.setDefaultTimeout(20_000);
        await second.getByRole('button', { name: 'Sign' }).click();
        await second.getByLabel('Passphrase').fill('not the passphrase');
        await second.getByRole('button', { name: 'Open', exact: true }).click();
        await second.getByRole('alert').filter({ hasText: 'The passphrase does not open the wallet' }).waitFor();
        await second.getByLabel('Passphrase').fill(PASSPHRASE);
        await press(dapp, 'message');
        const agree = popup.getByRole('button', { name: 'Sign' });
        await agree.and(popup.locator(':enabled')).waitFor();
        await Promise.all([agree.click(), second.getByRole('button', { name: 'Open', exact: true }).click()]);
        const [here, there] = await Promise.all([outcome(dapp), outcome(other)]);
        for (const text of [here, there]) assert.ok(await isOurs(text.slice(3) as `0x${string}`), text);
        assert.notEqual(here, there);
        // Whose window is closed is answered too.
        await press(other, 'message');
        await second.getByRole('button', { name: 'Sign' }).waitFor();
        await second.close();
        assert.match(await outcome(other), /4001/);
        await other.close();
      });

      test('a dapp of another origin gets its signature though the wallet was reloaded: no request is used twice', async () => {
        const asked: { op: string; request?: string }[] = [];
        /** The reload to come: before the answer of the host, or so long after it. */
        let next: { readonly ms: number | undefined; readonly done: () => void } | undefined;
        await context.route('**/core/v1/lit_action', async (route) => {
          asked.push(route.request().postDataJSON().js_params);
          const response = await route.fetch();
          const reload = asked.at(-1)?.op === 'onecall' ? next : undefined;
          if (reload !== undefined) next = undefined;
          if (reload?.ms !== undefined || reload === undefined) await route.fulfill({ response });
          if (reload === undefined) return;
          await sleep(reload.ms ?? 0);
          await popup.reload();
          reload.done();
        });
        const agreeAndOpen = async () => {
          await popup.getByRole('button', { name: 'Sign' }).click();
          const isLocked = (await popup.locator('#session').textContent()) === 'Locked';
          if (isLocked) await popup.getByRole('button', { name: 'Open with the passkey' }).click();
        };
        const rs = new Set<string>();
        for (const ms of [undefined, 0]) {
          const before = asked.length;
          await press(dapp, 'message');
          const reloaded = new Promise<void>((done) => {
            next = { ms, done };
          });
          await agreeAndOpen();
          await reloaded;
          // Either it was done, or it is asked again.
          const again = popup.getByRole('button', { name: 'Sign' });
          while ((await dapp.locator('#outcome').textContent()) === '…' && !(await again.isVisible())) await sleep(30);
          if (await again.isVisible()) await agreeAndOpen();
          const made = await signature();
          assert.ok(await isOurs(made));
          rs.add(made.slice(0, 66));
          if (ms === undefined) assert.ok(asked.length > before + 1, 'it was not asked again');
        }
        assert.equal(rs.size, 2);

        // A correlation that is gone, as it is between the answer and the signature, is made anew.
        await popup.evaluate(
          () =>
            new Promise<void>((resolve, reject) => {
              const opening = indexedDB.open('tandem');
              opening.onsuccess = () => {
                const clearing = opening.result.transaction('state', 'readwrite').objectStore('state');
                const range = IDBKeyRange.bound('correlations/', 'correlations/\uffff', true);
                clearing.delete(range).onsuccess = () => resolve();
                opening.result.close();
              };
              opening.onerror = reject;
            }),
        );
        const before = asked.length;
        await press(dapp, 'message');
        await agreeAndOpen();
        assert.ok(await isOurs(await signature()));
        assert.deepEqual(
          asked.slice(before).map(({ op }) => op),
          ['correlate', 'onecall'],
        );
        const requests = asked.flatMap(({ op, request }) => (op === 'onecall' ? [request] : []));
        assert.equal(new Set(requests).size, requests.length);
        await context.unroute('**/core/v1/lit_action');
      });

      test('a dapp of another origin that has gone leaves nothing to the page in its place', async () => {
        // The window that asked is another page by now: what was signed for the dapp does not reach it.
        await press(dapp, 'message');
        await popup.getByRole('button', { name: 'Sign' }).waitFor();
        await dapp.goto(web.stranger);
        await dapp.evaluate(() => {
          const got: unknown[] = [];
          Object.assign(globalThis, { got });
          addEventListener('message', ({ data }) => got.push(data));
        });
        await popup.getByRole('button', { name: 'Sign' }).click();
        await popup.getByText('Done.').waitFor();
        assert.deepEqual(await dapp.evaluate(() => (globalThis as unknown as { got: unknown[] }).got), []);
        await dapp.goto(web.dapp);
      });

      test('a dapp of another origin may have the wallet in its own list of connectors', async () => {
        const settings = { wallet: web.wallet, chains: web.chains, isListed: true };
        await context.route('**/dapp.json', (route) => route.fulfill({ json: settings }));
        const other = await newPage(context);
        await other.goto(web.dapp);
        await other.evaluate(() => localStorage.clear()); // it asks the wallet again, where it is connected
        await other.reload();
        const connect = other.getByRole('button', { name: 'Connect Tandem' });
        const [window] = await Promise.all([other.waitForEvent('popup'), connect.click()]);
        assert.equal(await outcome(other), `ok ${account}`);
        await window.close();
      });
    });
  });
});
