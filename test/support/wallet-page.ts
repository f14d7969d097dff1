import assert from 'node:assert/strict';
import type { BrowserContext, Page } from 'playwright-core';

// What a user does at the wallet's page and at the dapp's.

export const PASSPHRASE = 'correct horse battery staple';

export async function newPage(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  return page;
}

export interface Made {
  readonly address: string;
  readonly recoveryKey: string;
}

/** Chooses what opens the wallet from now on, by a passkey unless a passphrase is given, or by both. */
export async function choose(
  page: Page,
  { passkey, passphrase }: { passkey: boolean; passphrase?: string },
): Promise<string> {
  const recoveryKey = (await page.locator('#recovery-key').textContent()) ?? '';
  await page.getByLabel('I keep it where').check();
  await page.getByLabel('A passkey of this device').setChecked(passkey);
  if (passphrase !== undefined) {
    await page.getByLabel('A passphrase', { exact: true }).check();
    await page.getByLabel('Passphrase: five').fill(passphrase);
  }
  return recoveryKey;
}

/** Makes a wallet at its page, which has none. */
export async function makeWallet(page: Page, by: { passkey: boolean; passphrase?: string }): Promise<string> {
  const recoveryKey = await choose(page, by);
  await page.getByRole('button', { name: 'Make the wallet' }).click();
  return recoveryKey;
}

export async function addressAt(page: Page): Promise<string> {
  await page.getByRole('heading', { name: 'Your wallet' }).waitFor();
  return (await page.locator('#address').textContent()) ?? '';
}

/** Has a button save a file. */
export async function saved(page: Page, name: string): Promise<string> {
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name }).click()]);
  return download.path();
}

/** What clearing the data of a site does. */
export async function clearStorage(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const { origin } = new URL(page.url());
  await page.goto('about:blank');
  await session.send('Storage.clearDataForOrigin', { origin, storageTypes: 'all' });
  await page.goto(origin);
}

export async function recover(
  page: Page,
  given: { recoveryKey: string; file?: string; passphrase?: string; passkey: boolean },
): Promise<string> {
  await page.getByLabel('The recovery key of until now').fill(given.recoveryKey);
  if (given.file !== undefined) await page.getByLabel('The cold share, or a backup').setInputFiles(given.file);
  const next = await choose(page, given);
  await page.getByRole('button', { name: 'Recover', exact: true }).click();
  return next;
}

/** Has the dapp do what its button is for, and says what came of it. */
export async function press(dapp: Page, id: string): Promise<void> {
  await dapp.locator(`#${id}`).click();
}

export async function outcome(dapp: Page): Promise<string> {
  const output = dapp.locator('#outcome');
  await output.filter({ hasNotText: '…' }).filter({ hasText: /./ }).waitFor();
  return (await output.textContent()) ?? '';
}

/** What a provider of the page says, or the error that it throws. */
export async function ask(dapp: Page, method: string, params: readonly unknown[] = []): Promise<unknown> {
  return dapp.evaluate(
    async ([method, params]) => {
      const { provider } = globalThis as unknown as { provider: { request: (args: object) => Promise<unknown> } };
      return provider.request({ method, params }).catch(({ code, message }) => ({ code, message }));
    },
    [method, params] as const,
  );
}

/** In a page that opened the wallet by {@link openRaw}: the window, and all that it says. */
export interface Raw {
  readonly popup: Window;
  readonly got: readonly { readonly error?: { readonly code: number } }[];
}

/** Has a page open the wallet as an attacker would: without the connector. */
export async function openRaw(page: Page, wallet: string): Promise<Page> {
  const opened = page.waitForEvent('popup');
  await page.evaluate(
    (url) =>
      new Promise<void>((resolve) => {
        const popup = open(url, '_blank', 'popup');
        const got: unknown[] = [];
        Object.assign(globalThis, { popup, got });
        addEventListener('message', ({ data, source }) => {
          if (source !== popup) return;
          got.push(data);
          if (data.loaded) resolve();
        });
      }),
    wallet,
  );
  const popup = await opened;
  popup.setDefaultTimeout(20_000);
  return popup;
}

/** What the wallet's window answers to that page. */
export function askRaw(page: Page, method: string, params: readonly unknown[] = []): Promise<unknown> {
  return page.evaluate(
    ([method, params]) =>
      new Promise((resolve) => {
        const { popup } = globalThis as unknown as Raw;
        const id = crypto.randomUUID();
        addEventListener('message', ({ data, source }) => {
          if (source === popup && data.id === id) resolve(data.error ?? data.result);
        });
        popup.postMessage({ tandem: 1, id, method, params: JSON.stringify(params) }, '*');
      }),
    [method, params] as const,
  );
}

/** What is in sight and has too little contrast to be read (WCAG 2, AA). A colour is what a canvas makes of it. */
const FAINT = `(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const over = (colours) => {
    for (const colour of ['white', ...colours]) {
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
    }
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((part) => {
      const of1 = part / 255;
      return of1 <= 0.04045 ? of1 / 12.92 : ((of1 + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { parentElement: element, textContent: text } = walker.currentNode;
    if (text.trim() === '' || !element.checkVisibility() || element.closest(':disabled')) continue;
    const below = [];
    for (let each = element; each; each = each.parentElement) below.unshift(getComputedStyle(each).backgroundColor);
    const { color, fontSize, fontWeight } = getComputedStyle(element);
    const [one, two] = [over(below), over([...below, color])].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (two + 0.05);
    const size = Number.parseFloat(fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && fontWeight >= 700);
    if (ratio < (isLarge ? 3 : 4.5)) faint.push(ratio.toFixed(2) + ' ' + text);
  }
  return faint;
})()`;

/** Whether all of a page can be read, in light and dark, and heard: what can be pressed or filled in has a name. */
export async function assertAccessible(page: Page): Promise<void> {
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await page.evaluate(FAINT), [], colorScheme);
  }
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send('Accessibility.getFullAXTree');
  const controls = nodes.filter(
    ({ role, ignored }) => !ignored && /^(?:button|textbox|checkbox)$/.test(role?.value ?? ''),
  );
  assert.ok(controls.length > 0);
  for (const { name, role } of controls) assert.match(name?.value ?? '', /\w/, role?.value);
}
