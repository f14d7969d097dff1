// What the commands that make a wallet have in common. Not a command itself.

import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { buildCosigner, hostKind } from '../ts/build.ts';
import { shareFileName } from '../ts/command/internals.ts';
import { createWallet, type WalletInfo } from '../ts/index.ts';
import {
  authorityOf,
  connect,
  correlationOf,
  localFolder,
  print,
  progress,
  sharesOf,
  storeOf,
  wholeNumber,
} from './cli.ts';
import { tell } from './terminal.ts';

export const CREATE_USAGE = `  --store DIR      the folder of the share store; made if it does not exist
  --runtime NAME   where the action runs: local (default), a Deno on this machine; chipotle, Lit (run setup first);
                   lit-node-client, a network of Lit's older generation (docs/lit.md); none, no action: all shares are here
  --threshold N    how many shares sign (2). More than 2 sign by dkls23, in three rounds
  --parties N      how many shares there are (3)
  --policy P       what the action signs: messages (default), all but raw digests and authorizations of a delegate;
                   any, these too; or a file of rules (docs/policies.md)
  --allow-interactive  let the action sign by dkls23 too, which a threshold above 2 needs. An attacker on this machine
                   gets the whole key, past any policy: docs/security.md, "The attack"
  --authority A    who may ask the action to give its share away, for other shares or to another action: cold (default,
                   if there is a cold share), guardian:0x…, the owner of an address; or none, nobody, which is final
  --correlation memory  leave no correlation with the action on disk: for machines that may be rolled back (docs/security.md)
  --json           print {wallet, address, publicKey, threshold, parties, calls, ms} alone

The shares open with TANDEM_IDENTITY (an age identity file), TANDEM_PASSPHRASE, or a passphrase that is asked for.`;

export const CREATE_OPTIONS = {
  store: { type: 'string' },
  runtime: { type: 'string', default: 'local' },
  threshold: { type: 'string', default: '2' },
  parties: { type: 'string', default: '3' },
  policy: { type: 'string', default: 'messages' },
  'allow-interactive': { type: 'boolean', default: false },
  authority: { type: 'string' },
  correlation: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

interface Values {
  readonly store?: string | undefined;
  readonly runtime: string;
  readonly threshold: string;
  readonly parties: string;
  readonly policy: string;
  readonly 'allow-interactive': boolean;
  readonly authority?: string | undefined;
  readonly correlation?: string | undefined;
  readonly json: boolean;
}

/** Makes a wallet as the command line says, with a new key or the one given, and prints what is public about it. */
export async function create(values: Values, signal: AbortSignal, secret?: () => Promise<Uint8Array>): Promise<void> {
  const start = performance.now();
  const store = storeOf(values.store);
  const threshold = wholeNumber(values.threshold, 'threshold');
  const parties = wholeNumber(values.parties, 'parties');
  const authority = authorityOf(values.authority);
  const correlation = correlationOf(values.correlation);
  const { runtime, close } = await connect(values.runtime, store.dir);
  let key: Uint8Array | undefined;
  try {
    key = await secret?.();
    progress.step('building the action');
    const action = runtime && { runtime, ...(await buildCosigner(values.policy, hostKind(runtime.name))) };
    const interactive = values['allow-interactive'];
    const [onProgress, onNotice] = [progress.step, progress.notice];
    const options = { store, action, threshold, parties, interactive, authority, correlation, secret: key };
    const { wallet, calls } = await createWallet({ ...options, onProgress, onNotice, signal });
    progress.end();
    const { address, publicKey } = wallet;
    const ms = Math.round(performance.now() - start);
    print(
      values.json,
      { wallet: address, address, publicKey, threshold, parties, calls, ms },
      {
        address,
        'public key': publicKey,
        shares: sharesOf(wallet),
        ...(wallet.action && {
          action: `${wallet.action.cid}, policy ${wallet.action.policy}${BOUNDS_NOTHING[wallet.action.policy] ?? ''}`,
          authority: wallet.action.authority,
        }),
        calls,
        time: `${ms} ms`,
      },
    );
    const advice = coldAdvice(store.dir, wallet) + localAdvice(store.dir, wallet);
    if (advice !== '') tell(advice);
  } finally {
    key?.fill(0);
    progress.end();
    close();
  }
}

/** What the policies that have a name sign, which their names do not say. */
const BOUNDS_NOTHING: Readonly<Record<string, string>> = {
  messages: ', which signs every message and every transaction',
  any: ', which signs everything',
};

/** An attacker who takes a machine with two shares has the whole key. */
export function coldAdvice(dir: string, wallet: WalletInfo): string {
  const files = wallet.parties
    .filter(({ role }) => role === 'cold')
    .map(({ index }) => join(dir, wallet.address, shareFileName(wallet, index)));
  const [first] = files;
  if (first === undefined) return '';
  return (
    `\nThe cold share is beside the hot one, and both together are the key. Move it to a medium that you put away, e.g.\n` +
    `${files.map((file) => `  mv ${file} /media/usb/\n`).join('')}` +
    `and put it back into ${dirname(first)} only to recover, reshare, migrate, export, or sign with --recovery.`
  );
}

/** Which cold shares are of no more use to anybody but a thief. */
export function destroyAdvice(epoch: number): string {
  const which = epoch === 0 ? 'of epoch 0' : `of epoch ${epoch} and of every earlier one`;
  return `Destroy the cold shares ${which}, wherever they are.`;
}

/** What no revocation on this machine can change. */
export const LOCAL_COPIES =
  'The old action no longer signs here, but it still does for anybody who has a copy of the local host: only moving what the wallet holds ends that.';

/** The host on this machine has its keys here, so anybody who takes the machine and opens the hot share has two shares. */
function localAdvice(dir: string, { runtime, action }: WalletInfo): string {
  if (runtime !== 'local' || action === undefined) return '';
  return (
    `\nThis wallet is for trying things out: its action runs on this machine, with the keys in ${localFolder(dir)}. ` +
    'Anybody who takes the machine and can open the hot share has two shares, and no policy stops them. For funds, use --runtime chipotle.'
  );
}
