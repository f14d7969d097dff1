import { WalletError } from '../errors.ts';

/**
 * Optional packages, which users install if they need them: each with its name for npm, and its purpose. The versions are those of package.json.
 */
export const PEERS = {
  '@modelcontextprotocol/sdk': { install: '@modelcontextprotocol/sdk@1', what: 'speaks to a model' },
  '@x402/core': { install: '@x402/core@2 @x402/fetch@2', what: 'pays by x402' },
  '@x402/fetch': { install: '@x402/fetch@2', what: 'pays by x402 for what is fetched' },
  deno: { install: 'deno@2.8.0', what: 'runs actions on this machine' },
  'deno-2.2.2': { install: 'deno-2.2.2@npm:deno@2.2.2', what: "runs actions as Lit's hosts of April 2026 do" },
  esbuild: { install: 'esbuild@0.28.2', what: 'builds actions' },
  ethers: { install: 'ethers@6', what: 'has the signers that a wallet is made one of' },
  'ethers-v5': { install: 'ethers-v5@npm:ethers@5.7.2', what: 'is what an action on this machine has as `ethers`' },
} as const;

export type Peer = keyof typeof PEERS;

/** The error of a package that is not installed. */
export function peerMissing(name: Peer, cause: unknown): WalletError {
  const { install, what } = PEERS[name];
  return new WalletError(`${name}, which ${what}, is not installed.`, { next: `run: npm install ${install}`, cause });
}

/** The error of a package that is not installed, if an import failed for want of one of these. */
export function peerMissingIn(error: unknown): WalletError | undefined {
  const { code, message = '' } = error as { code?: unknown; message?: string };
  const [, name = ''] = code === 'ERR_MODULE_NOT_FOUND' ? (/^Cannot find package '([^']+)'/.exec(message) ?? []) : [];
  return Object.hasOwn(PEERS, name) ? peerMissing(name as Peer, error) : undefined;
}

/** esbuild. @throws {WalletError} if it is not installed */
export async function esbuild(): Promise<typeof import('esbuild')> {
  try {
    return await import('esbuild');
  } catch (cause) {
    throw peerMissing('esbuild', cause);
  }
}
