import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { build, type UserConfig } from 'vite';
import { config as dappConfig } from '../../examples/dapp/vite.config.ts';
import { writePage } from '../../examples/web-wallet/prepare.ts';
import { HEADERS, config as walletConfig } from '../../examples/web-wallet/vite.config.ts';
import { startAnvil } from '../../scripts/chain.ts';
import { buildCosigner } from '../../ts/build/cosigner.ts';
import { LitAccount } from '../../ts/runtime/chipotle/account.ts';
import { LitHttp } from '../../ts/runtime/chipotle/http.ts';
import { isComplete, type Settings } from '../../ts/runtime/chipotle/settings.ts';
import { setUp } from '../../ts/runtime/chipotle/setup.ts';
import { LitServer } from '../../ts/runtime/local/server.ts';
import { type Answer, servePages } from './chromium.ts';

// All that a wallet in a browser talks to: a host, two chains, the wallet's page and a dapp's, each an origin of its own.

const POLICY = {
  version: 1,
  rules: [
    { name: 'messages', kind: 'message', prefixes: 'any' },
    { name: 'typed data', kind: 'typedData', domains: 'any', types: 'any' },
    {
      name: 'small payments',
      kind: 'transaction',
      chains: 'any',
      to: 'any',
      maxValue: '1000000000000000000',
      maxFee: 'any',
      calls: 'any',
      create: 'any',
      accessList: 'any',
      maxBlobs: 'any',
      delegates: 'any',
    },
  ],
};

export interface Web {
  readonly wallet: string;
  readonly dapp: string;
  /** Pages of a third origin. */
  readonly stranger: string;
  readonly chains: readonly {
    readonly id: number;
    readonly name: string;
    readonly symbol: string;
    readonly rpcUrl: string;
  }[];
  readonly settings: Settings;
  /** Stops the host, or has it listen again. */
  stopHost(): Promise<void>;
  startHost(): Promise<void>;
  /** How often the action was called. */
  calls(): number;
  close(): Promise<void>;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
};

function fileAt(dir: string, path: string, headers: Readonly<Record<string, string>>): Answer | undefined {
  const name = path === '/' ? '/index.html' : path;
  const type = TYPES[extname(name)];
  if (type === undefined || name.includes('..')) return undefined;
  try {
    return { type, body: readFileSync(join(dir, name)), headers };
  } catch {
    return undefined;
  }
}

async function bundle(config: UserConfig, outDir: string): Promise<void> {
  const options = { ...config.build, outDir, emptyOutDir: true, reportCompressedSize: false };
  await build({ ...config, configFile: false, logLevel: 'error', build: options });
}

export async function startWeb(): Promise<Web> {
  const dir = mkdtempSync(join(tmpdir(), 'tandem-web-'));
  const policyFile = join(dir, 'policy.json');
  writeFileSync(policyFile, JSON.stringify(POLICY));
  const [walletDir, dappDir] = [join(dir, 'wallet'), join(dir, 'dapp')];
  let calls = 0;
  const start = (port = 0) =>
    LitServer.start({
      dir: join(dir, 'lit'),
      spare: 1,
      port,
      onRequest: ({ path }) => {
        if (path.endsWith('/lit_action')) calls += 1;
      },
    });
  let host = await start();
  const { url } = host;
  const action = await buildCosigner(policyFile);
  const [first, second, settings] = await Promise.all([
    startAnvil(),
    startAnvil('--chain-id', '31338'),
    prepared(url, action, policyFile),
    bundle(walletConfig, walletDir),
    bundle(dappConfig, dappDir),
  ]);
  const chains = [
    { id: 31337, name: 'Anvil', symbol: 'ETH', rpcUrl: first.url },
    { id: 31338, name: 'Other', symbol: 'ETH', rpcUrl: second.url },
  ];
  if (!isComplete(settings)) throw new Error('the set-up is not complete');
  writePage(walletDir, {
    settings,
    source: action.source,
    chains: chains.slice(0, 1),
    deadlineMs: 4000,
    idleMs: 300_000,
  });
  const wallet = await servePages((path) => fileAt(walletDir, path, HEADERS));
  mkdirSync(dappDir, { recursive: true });
  writeFileSync(join(dappDir, 'dapp.json'), JSON.stringify({ wallet: wallet.url, chains }));
  const dapp = await servePages((path) => fileAt(dappDir, path, {}));
  const stranger = await servePages(() => ({ type: 'text/html', body: '<!doctype html><title>stranger</title>' }));
  const servers: Server[] = [wallet.server, dapp.server, stranger.server];
  return {
    wallet: wallet.url,
    dapp: dapp.url,
    stranger: stranger.url,
    chains,
    settings,
    stopHost: () => host.close(),
    startHost: async () => {
      host = await start(Number(new URL(url).port));
    },
    calls: () => calls,
    close: async () => {
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
      first.close();
      second.close();
      await host.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function prepared(url: string, action: { cid: string; source: string }, policy: string): Promise<Settings> {
  const body = JSON.stringify({ account_name: 'a', account_description: '' });
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/core/v1/new_account`, { method: 'POST', headers, body });
  const { api_key: key } = (await answer.json()) as { api_key: string };
  const account = new LitAccount(new LitHttp({ url, key }));
  return setUp(action, policy, { account, settings: { LIT_API_URL: url }, save: () => {}, onStep: () => {} });
}
