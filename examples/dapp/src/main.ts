import {
  connect,
  createConfig,
  disconnect,
  getAccount,
  http,
  reconnect,
  sendTransaction,
  signMessage,
  signTypedData,
  switchChain,
  watchAccount,
  watchConnectors,
} from '@wagmi/core';
import { type Chain, defineChain, parseEther } from 'viem';
import { announceTandem } from '../../../ts/connector.ts';
import { tandemConnector } from '../../../ts/wagmi.ts';

// A dapp with plain wagmi. One line of it is about tandem: it announces the wallet, and wagmi finds it as it finds any other.

interface Settings {
  /** The wallet's page. */
  readonly wallet: string;
  /** Whether the wallet is a connector of this page's own list, rather than announced. */
  readonly isListed?: boolean;
  readonly chains: readonly { readonly id: number; readonly name: string; readonly rpcUrl: string }[];
}

const settings = (await (await fetch('/dapp.json')).json()) as Settings;
const chains = settings.chains.map(({ id, name, rpcUrl }) =>
  defineChain({
    id,
    name,
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [rpcUrl] } },
  }),
);
// Before the config is made: what is announced while wagmi reads its storage, it drops.
const options = { wallet: settings.wallet, chainId: chains[0]?.id };
const provider = settings.isListed ? undefined : announceTandem(options).provider;
const config = createConfig({
  connectors: settings.isListed ? [tandemConnector(options)] : [],
  chains: chains as unknown as readonly [Chain, ...Chain[]],
  transports: Object.fromEntries(chains.map(({ id }) => [id, http()])),
});
// For the curious, and for the tests.
Object.assign(globalThis, { provider, config });

const element = (id: string) => document.getElementById(id) as HTMLElement;
const outcome = element('outcome');

function show(): void {
  const { address, chainId, isConnected } = getAccount(config);
  element('account').textContent = isConnected && address ? address : 'not connected';
  element('chain').textContent = String(chainId ?? '–');
}

/** Does what a button is for, and shows what came of it. */
function on(button: HTMLElement, work: () => Promise<unknown>): void {
  button.addEventListener('click', () => {
    outcome.textContent = '…';
    work().then(
      (result) => {
        outcome.textContent = `ok ${String(result)}`;
      },
      (error: { name: string; code?: number; cause?: { code?: number }; shortMessage?: string; details?: string }) => {
        const code = error.code ?? error.cause?.code ?? '';
        outcome.textContent = `${error.name} ${code}: ${error.details ?? error.shortMessage ?? String(error)}`;
      },
    );
  });
}

function showWallets(): void {
  element('wallets').replaceChildren(
    ...config.connectors.map((connector) => {
      const button = document.createElement('button');
      button.textContent = `Connect ${connector.name}`;
      on(button, async () => (await connect(config, { connector })).accounts[0]);
      return button;
    }),
  );
}

on(element('switch'), async () => {
  const { chainId } = getAccount(config);
  const other = chains.find(({ id }) => id !== chainId) ?? chains[0];
  return (await switchChain(config, { chainId: other?.id ?? 1 })).id;
});
on(element('message'), () => signMessage(config, { message: 'I am the owner of this account.' }));
on(element('typed'), () =>
  signTypedData(config, {
    domain: { name: 'A dapp', version: '1', chainId: getAccount(config).chainId ?? 1 },
    types: {
      Order: [
        { name: 'buyer', type: 'address' },
        { name: 'item', type: 'string' },
        { name: 'price', type: 'uint256' },
      ],
    },
    primaryType: 'Order',
    message: { buyer: getAccount(config).address ?? '0x', item: 'A lamp', price: parseEther('0.02') },
  }),
);
const TO = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
on(element('send'), () => sendTransaction(config, { to: TO, value: parseEther('0.1') }));
on(element('much'), () => sendTransaction(config, { to: TO, value: parseEther('100'), gas: 21_000n }));
on(element('disconnect'), () => disconnect(config));

watchAccount(config, { onChange: show });
watchConnectors(config, { onChange: showWallets });
showWallets();
show();
await reconnect(config);
for (const set of document.querySelectorAll('fieldset')) set.disabled = false;
