import { generateIdentity, identityToRecipient } from 'age-encryption';
import { buildCosigner } from '../../ts/build/cosigner.ts';
import { loadTandem } from '../../ts/core/node.ts';
import { createWallet } from '../../ts/deal/keygen.ts';
import { ChipotleRuntime } from '../../ts/runtime/chipotle/runtime.ts';
import { isComplete } from '../../ts/runtime/chipotle/settings.ts';
import { openWallet } from '../../ts/signing/wallet.ts';
import { memoryStore } from '../../ts/store/memory.ts';
import { addAuthenticator, CHROMIUM, launch } from './chromium.ts';
import { makeWallet, newPage, outcome, press } from './wallet-page.ts';
import { startWeb } from './web.ts';

/**
 * How long a signature takes, from the click in the wallet's window until it is done there, and in Node until it resolves, each at
 * the same local host, with the wallet open and its correlation made. All times in milliseconds; undefined without a Chromium.
 */
export async function browserTimes(runs: number): Promise<{ browser: number[]; node: number[] } | undefined> {
  if (CHROMIUM === undefined) return undefined;
  const [browser, web] = await Promise.all([launch(), startWeb()]);
  try {
    const dapp = await newPage(await browser.newContext());
    await dapp.goto(web.dapp);
    const connect = dapp.getByRole('button', { name: 'Connect Tandem' });
    const [popup] = await Promise.all([dapp.waitForEvent('popup'), connect.click()]);
    await addAuthenticator(popup);
    await makeWallet(popup, { passkey: true });
    await popup.getByRole('button', { name: 'Connect' }).click();
    await outcome(dapp);
    await popup.evaluate(() => {
      const times: number[] = [];
      let start = 0;
      addEventListener('click', () => (start = performance.now()), true);
      const status = document.getElementById('status') as HTMLElement;
      // No function in here has a name: what compiles this would keep it, with a helper that the page lacks.
      new MutationObserver(() => {
        if (status.textContent === 'Done.') times.push(performance.now() - start);
      }).observe(status, { childList: true });
      Object.assign(globalThis, { times });
    });
    for (let i = 0; i < runs; i++) {
      await press(dapp, 'message');
      await popup.getByRole('button', { name: 'Sign' }).click();
      await outcome(dapp);
    }
    const times = await popup.evaluate(() => (globalThis as unknown as { times: number[] }).times);
    return { browser: times, node: await nodeTimes(web, runs) };
  } finally {
    await browser.close();
    await web.close();
  }
}

async function nodeTimes({ settings }: Awaited<ReturnType<typeof startWeb>>, runs: number): Promise<number[]> {
  if (!isComplete(settings)) throw new Error('the host is not set up');
  const runtime = new ChipotleRuntime({ settings });
  const identity = await generateIdentity();
  const recipient = await identityToRecipient(identity);
  const store = memoryStore(async () => ({ identities: [identity], recipients: async () => [recipient] }));
  const action = { runtime, ...(await buildCosigner(settings.LIT_POLICY)) };
  await createWallet({ store, action, load: loadTandem, threshold: 2, parties: 3, correlation: 'memory' });
  const wallet = await openWallet(store, { runtime, correlation: 'memory' });
  await wallet.prepare();
  const times: number[] = [];
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    await wallet.signMessage('I am the owner of this account.');
    times.push(performance.now() - start);
  }
  return times;
}
