import { parseArgs } from 'node:util';
import { assertSignable, commandLine, writeDurable } from '../ts/command/internals.ts';
import {
  describePermission,
  loadTandem,
  parsePermission,
  signPermission,
  UsageError,
  WalletError,
} from '../ts/index.ts';
import { readShareFile } from '../ts/node.ts';
import { environmentKey, print, readInput, run } from './cli.ts';
import { promptLine } from './prompt.ts';
import { say } from './terminal.ts';

const USAGE = `Signs, with a cold share, that the action may give its share away: for new shares of the key, or to another action.
Runs on a machine without a network. Shows what it allows, and asks.

usage: ${commandLine('authorize')} --share FILE --request FILE --out FILE [--yes] [--json]

  --share FILE    the cold share: cold.age
  --request FILE  what reshare, recover or migrate wrote
  --out FILE      where to write the authorization, which that command waits for
  --yes           do not ask
  --json          print {wallet, by, allows} alone

The share opens with TANDEM_PASSPHRASE, a passphrase that is asked for, or TANDEM_IDENTITY (an age identity file).`;

run('authorize', async () => {
  const { values } = parseArgs({
    options: {
      share: { type: 'string' },
      request: { type: 'string' },
      out: { type: 'string' },
      yes: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return say(USAGE);
  if (!values.share || !values.request || !values.out) throw new UsageError('--share, --request and --out are needed.');
  const permission = parsePermission(readInput(values.request, 64 * 1024));
  const { wallet, share } = await readShareFile(values.share, environmentKey);
  try {
    const tandem = await loadTandem();
    assertSignable(tandem.shareInfo(share), permission);
    const allows = describePermission(permission);
    if (!values.json) print(false, {}, allows);
    const question =
      '\nDo the machines show the same? Anybody who holds as many shares as sign has the key. Type yes: ';
    if (!values.yes && (await promptLine(question, 'give --yes, having read the request.')).trim() !== 'yes') {
      throw new WalletError('Nothing was signed.');
    }
    const authorization = signPermission(tandem, share, permission);
    writeDurable(values.out, `${JSON.stringify(authorization)}\n`);
    if (values.json) print(true, { wallet, by: authorization.by, allows }, {});
  } finally {
    share.fill(0);
  }
});
