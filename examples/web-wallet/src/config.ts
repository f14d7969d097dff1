import type { Chain } from '../../../ts/browser.ts';

/** What prepare.ts wrote: which host, by which key, with which action. */
export interface Config {
  readonly settings: {
    readonly LIT_API_URL: string;
    readonly LIT_WALLET: string;
    readonly LIT_POLICY: string;
    readonly LIT_CID: string;
    readonly LIT_GROUP: string;
    readonly LIT_USAGE_KEY: string;
  };
  /** The policy of the action, as JSON, and what it is called. */
  readonly policy: { readonly name: string; readonly rules: string };
  readonly chains: readonly Chain[];
  /** How long a call of the host may take, and how long the session lasts, in milliseconds. */
  readonly deadlineMs: number;
  readonly idleMs: number;
}

export async function readConfig(): Promise<Config> {
  const response = await fetch('/config.json');
  if (!response.ok) throw new Error('This page is not set up: run examples/web-wallet/prepare.ts.');
  return (await response.json()) as Config;
}
