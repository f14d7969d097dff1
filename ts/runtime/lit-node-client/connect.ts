import * as v from 'valibot';
import { privateKeyToAccount } from 'viem/accounts';
import { AnyHex } from '../../protocol/schema.ts';
import { RuntimeError } from '../errors.ts';
import { LitNodeClientRuntime, type NodeClient } from './runtime.ts';

const VERSION = '7.4.0';
const SESSION_MS = 10 * 60 * 1000;

// The parts of the packages that are used here; toolchain/lit-node-client checks them against the packages themselves.

/** `@lit-protocol/lit-node-client`. */
export interface ClientPackage {
  readonly LitNodeClient: new (config: { litNetwork: Network; rpcUrl?: string; debug: boolean }) => SessionClient;
}

/** `@lit-protocol/auth-helpers`. */
export interface HelpersPackage {
  createSiweMessage(params: SiweParams): Promise<string>;
  readonly LitActionResource: new (resource: string) => Resource;
}

/** A network of the older generation. */
export type Network = (typeof NETWORKS)[number];
const NETWORKS = ['custom', 'datil', 'datil-dev', 'datil-test'] as const;

interface Resource {
  readonly resource: string;
  readonly resourcePrefix: 'lit-litaction';
  getResourceKey(): string;
  isValidLitAbility(ability: typeof EXECUTION): boolean;
}

const EXECUTION = 'lit-action-execution';
type Request = { resource: Resource; ability: typeof EXECUTION };
type AuthSig = { sig: string; derivedVia: string; signedMessage: string; address: string };
type SessionSigs = Record<string, AuthSig>;

interface SiweParams {
  uri: string;
  expiration: string;
  walletAddress: string;
  nonce: string;
  resources: Request[];
  litNodeClient: SessionClient;
}

interface SessionClient extends NodeClient<SessionSigs> {
  connect(): Promise<unknown>;
  disconnect(): Promise<unknown>;
  getLatestBlockhash(): Promise<string>;
  getSessionSigs(params: {
    chain: string;
    expiration: string;
    resourceAbilityRequests: Request[];
    authNeededCallback: (params: { uri?: string; expiration?: string }) => Promise<AuthSig>;
  }): Promise<SessionSigs>;
}

/**
 * Connects to the network that LIT_NETWORK names (by the chain at LIT_RPC_URL, if that is set), as the Ethereum account whose
 * private key is in LIT_ETHEREUM_KEY: the account that the network lets run actions.
 *
 * @throws {RuntimeError} `input` if these are not set; `unavailable` if the package is not installed, or no node answers
 *
 * @example
 * ```ts
 * import { openWallet } from 'tandem-ecdsa';
 * import { connectLitNodeClient } from 'tandem-ecdsa/lit-node-client';
 * import { openStore } from 'tandem-ecdsa/node';
 *
 * const store = openStore('wallets', async () => ({ passphrase: process.env.TANDEM_PASSPHRASE ?? '' }));
 * const { runtime, close } = await connectLitNodeClient(process.env);
 * const wallet = await openWallet(store, { runtime });
 * console.log((await wallet.signMessage('hello')).signature);
 * close();
 * ```
 */
export async function connectLitNodeClient(
  env: Readonly<Record<string, string | undefined>>,
): Promise<{ runtime: LitNodeClientRuntime<SessionSigs>; close: () => void }> {
  const { LIT_NETWORK = 'datil', LIT_RPC_URL, LIT_ETHEREUM_KEY = '' } = env;
  const litNetwork = NETWORKS.find((name) => name === LIT_NETWORK);
  if (litNetwork === undefined || !v.is(AnyHex(32), LIT_ETHEREUM_KEY)) {
    throw new RuntimeError('input', 'LIT_NETWORK does not name a network, or LIT_ETHEREUM_KEY is not a private key', {
      next: `set LIT_NETWORK to one of ${NETWORKS.join(', ')}, and LIT_ETHEREUM_KEY to 0x and 64 digits`,
    });
  }
  const { LitNodeClient } = await load<ClientPackage>('@lit-protocol/lit-node-client');
  const { createSiweMessage, LitActionResource } = await load<HelpersPackage>('@lit-protocol/auth-helpers');
  const client = new LitNodeClient({ litNetwork, debug: false, ...(LIT_RPC_URL && { rpcUrl: LIT_RPC_URL }) });
  await client.connect().catch((cause: unknown) => {
    throw new RuntimeError('unavailable', `the network ${litNetwork} cannot be reached`, {
      next: 'check LIT_NETWORK and LIT_RPC_URL; Lit retired its own network of this generation on 1 April 2026',
      cause,
    });
  });
  const account = privateKeyToAccount(LIT_ETHEREUM_KEY as `0x${string}`);
  const resources: Request[] = [{ resource: new LitActionResource('*'), ability: EXECUTION }];
  const sessionSigs = () => {
    const expiration = new Date(Date.now() + SESSION_MS).toISOString();
    return client.getSessionSigs({
      chain: 'ethereum',
      expiration,
      resourceAbilityRequests: resources,
      authNeededCallback: async ({ uri = '' }) => {
        const nonce = await client.getLatestBlockhash();
        const { address } = account;
        const siwe = { uri, expiration, walletAddress: address, nonce, resources, litNodeClient: client };
        const signedMessage = await createSiweMessage(siwe);
        const sig = await account.signMessage({ message: signedMessage });
        return { sig, derivedVia: 'web3.eth.personal.sign', signedMessage, address };
      },
    });
  };
  const close = () => void client.disconnect();
  return { runtime: new LitNodeClientRuntime({ client, sessionSigs }), close };
}

async function load<T>(name: string): Promise<T> {
  try {
    return (await import(name)) as T;
  } catch (cause) {
    throw new RuntimeError('unavailable', `the package ${name} is not installed, or does not load`, {
      next: `run: npm install --no-save @lit-protocol/lit-node-client@${VERSION} (700 MB)`,
      cause,
    });
  }
}
