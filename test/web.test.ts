import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { addAuthenticator, CHROMIUM, launch, NO_CHROMIUM } from './support/chromium.ts';
import { startWeb, type Web } from './support/web.ts';

describe('a wallet in a browser', { skip: CHROMIUM === undefined && NO_CHROMIUM }, () => {
  let browser: Browser;
  let web: Web;
  before(async () => {
    [browser, web] = await Promise.all([launch(), startWeb()]);
  });
  after(async () => {
    await browser.close();
    await web.close();
  });

  const newPage = async (context: BrowserContext): Promise<Page> => {
    const page = await context.newPage();

    page.on('pageerror', (error) => console.log('pageerror', error));
    page.setDefaultTimeout(10_000);
    return page;
  };

  test('made by a passkey, it signs', async () => {
    const context = await browser.newContext();
    const page = await newPage(context);
    await page.goto(web.wallet);
    await addAuthenticator(page);
    await page.getByLabel('I keep it where').check();
    await page.screenshot({ path: '/tmp/s1.png' });
    await page.getByRole('button', { name: 'Make the wallet' }).click();
    try {
      await page.getByRole('heading', { name: 'Your wallet' }).waitFor();
    } finally {
      await page.screenshot({ path: '/tmp/s2.png', fullPage: true });
    }
    assert.match((await page.locator('#address').textContent()) ?? '', /^0x/);
  });
});
