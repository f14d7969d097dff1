import { BrowserProvider } from 'ethers';
import { createWalletClient, custom, type Hex } from 'viem';
import { TandemProvider } from '../../ts/connector.ts';

// In a dapp's page: the wallet as the provider of ethers and of viem. The test calls each by its name.

const DOMAIN = { name: 'A dapp', version: '1', chainId: 31337 } as const;
const TYPES = { Note: [{ name: 'text', type: 'string' }] } as const;
const TO = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';

export function librariesOf(wallet: string, node: string) {
  const provider = new TandemProvider({ wallet, chainId: 31337, rpcUrls: { 31337: node }, storage: undefined });
  const ethers = new BrowserProvider(provider as never);
  const viem = createWalletClient({ transport: custom(provider as never) });
  const text = { text: 'hello' };
  const account = async () => ((await viem.requestAddresses())[0] ?? '0x') as Hex;
  return {
    account,
    'ethers message': async () => (await ethers.getSigner()).signMessage('hello'),
    'ethers transaction': async () => (await (await ethers.getSigner()).sendTransaction({ to: TO, value: 1n })).hash,
    'viem typed data': async () =>
      viem.signTypedData({
        account: await account(),
        domain: DOMAIN,
        types: TYPES,
        primaryType: 'Note',
        message: text,
      }),
    'viem transaction': async () => viem.sendTransaction({ account: await account(), chain: null, to: TO, value: 1n }),
  };
}

Object.assign(globalThis, { librariesOf });
