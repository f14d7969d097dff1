import wasm from '../../../build/tandem.wasm?url';
import { ChipotleRuntime, FORMAT, loadFrom, parsePolicyJson, serveWallet } from '../../../ts/browser.ts';
import { readConfig } from './config.ts';

// The wallet: wasm, share and session key are in this worker, and nowhere else.

const config = readConfig();
serveWallet({
  load: loadFrom(new URL(wasm, location.href)),
  action: async () => {
    const { settings, policy, deadlineMs } = await config;
    const source = await (await fetch('/cosigner.js')).text();
    const runtime = new ChipotleRuntime({ settings, deadlineMs });
    return { runtime, source, cid: settings.LIT_CID, policy: policy.name, format: FORMAT };
  },
  policy: async () => parsePolicyJson((await config).policy.rules),
  idleMs: config.then(({ idleMs }) => idleMs),
});
