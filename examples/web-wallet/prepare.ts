import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildCosigner } from '../../ts/build.ts';
import { policyJson, policyName } from '../../ts/index.ts';
import { type CompleteSettings, isComplete } from '../../ts/lit.ts';
import { readPolicy, readSettings } from '../../ts/node.ts';
import type { Config } from './src/config.ts';

// Writes what the wallet's page needs to know of the host, from a store that scripts/setup.ts prepared:
//
//     npx tsx scripts/setup.ts --store wallets
//     npx tsx examples/web-wallet/prepare.ts --store wallets
//     npx vite examples/web-wallet
//
// The usage key is then for everybody who opens the page: docs/browser.md says what that means.

export interface PageOptions extends Partial<Pick<Config, 'chains' | 'deadlineMs' | 'idleMs'>> {
  readonly settings: CompleteSettings;
  /** The source of the action, which is the one of the settings. */
  readonly source: string;
}

const MAINNET = { id: 1, name: 'Ethereum', symbol: 'ETH', rpcUrl: 'https://eth.merkle.io' };

/** Writes config.json and cosigner.js into a folder. */
export function writePage(dir: string, options: PageOptions): void {
  const { settings, source, chains = [MAINNET], deadlineMs = 30_000, idleMs = 300_000 } = options;
  const { LIT_CHANGED: _, ...needed } = settings;
  const rules = readPolicy(settings.LIT_POLICY);
  const policy = { name: policyName(rules), rules: policyJson(rules) };
  const config: Config = { settings: needed, policy, chains, deadlineMs, idleMs };
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'config.json'), JSON.stringify(config, undefined, 2));
  writeFileSync(join(dir, 'cosigner.js'), source);
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({ options: { store: { type: 'string', default: 'wallets' } } });
  const settings = readSettings(values.store);
  if (!isComplete(settings))
    throw new Error(`${values.store} is not set up: npx tsx scripts/setup.ts --store ${values.store}`);
  const { source, cid } = await buildCosigner(settings.LIT_POLICY);
  if (cid !== settings.LIT_CID) throw new Error(`${values.store} is set up for another action: ${settings.LIT_CID}`);
  writePage(join(import.meta.dirname, 'public'), { settings, source });
}
