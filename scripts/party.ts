import { parseArgs } from 'node:util';
import { buildCosigner, hostKind } from '../ts/client/cosigner.ts';
import { planAuthority, planParties } from '../ts/client/deal.ts';
import { UsageError } from '../ts/client/errors.ts';
import { beginDeal, type DealState, dropDeal, finishDeal, listDeals, stepDeal } from '../ts/client/party.ts';
import { openStore, type Store } from '../ts/client/store.ts';
import { type Connection, connect, environmentKey, print, progress, run, wholeNumber } from './cli.ts';
import { promptLine } from './prompt.ts';

const USAGE = `Makes a wallet whose parties are on several machines: no machine ever has another's share. They exchange files, by stick,
mail or chat: who carries them learns the public key and nothing of a share.

usage: npx tsx scripts/party.ts begin --store DIR --out FILE [--parties N] [--runtime NAME] [--policy P] [--here LIST]
       npx tsx scripts/party.ts step --store DIR --in FILE [--in FILE …] --out FILE [--here LIST]
       npx tsx scripts/party.ts finish --store DIR [--deal ID] [--phrase WORDS]
       npx tsx scripts/party.ts list | drop --store DIR [--deal ID]

  begin           on the machine of the hot share, which also calls the action
  step            takes the others' newest files, and writes one for them; on a machine that joins, --here says as whom.
                  Repeat, in turns, until both machines show six words
  finish          once somebody has compared them: the wallet appears in the store. WORDS are those of the other machine
  list            the deals that are under way here
  drop            forgets one

  --store DIR     the folder of the share store; made if it does not exist
  --in FILE       a file of another machine
  --out FILE      the file for the others; what was there is replaced
  --here LIST     the parties on this machine: 1 is hot (default of begin), those after the action's 2 are cold; e.g. 3, or 3,4
  --parties N     how many shares there are (3)
  --threshold N   how many shares sign (2)
  --runtime NAME  where the action runs: local (default); none, no action
  --policy P      what the action signs, as for keygen
  --deal ID       which deal, if there are several
  --phrase WORDS  the six words that the other machine shows, instead of typing them when asked
  --json          print JSON alone

A session is kept in the store between the files, sealed like a share, with TANDEM_PASSPHRASE, a passphrase that is asked for,
or TANDEM_IDENTITY (an age identity file). Do not restore a store from a backup while a deal is under way.`;

run(USAGE, async (signal) => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      store: { type: 'string' },
      in: { type: 'string', multiple: true },
      out: { type: 'string' },
      here: { type: 'string' },
      parties: { type: 'string', default: '3' },
      threshold: { type: 'string', default: '2' },
      runtime: { type: 'string', default: 'local' },
      policy: { type: 'string', default: 'messages' },
      deal: { type: 'string' },
      phrase: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  if (!values.store) throw new UsageError('--store is needed.');
  const store = openStore(values.store, environmentKey);
  const [command, ...more] = positionals;
  if (more.length > 0) throw new UsageError(`What is ${more.join(' ')}?`);
  const { json } = values;
  const options = { store, signal, onProgress: progress.step };
  const connections: Connection[] = [];
  const runtimeOf = async (name: string) => {
    const connection = await connect(name, store.dir);
    connections.push(connection);
    return connection.runtime;
  };
  try {
    switch (command) {
      case 'begin': {
        const out = needed(values.out, '--out');
        const threshold = wholeNumber(values.threshold, 'threshold');
        const count = wholeNumber(values.parties, 'parties');
        const parties = planParties(threshold, count, values.runtime === 'none' ? undefined : {});
        const authority = planAuthority(undefined, parties);
        const runtime = await runtimeOf(values.runtime);
        progress.step('building the action');
        const action = runtime && {
          runtime,
          authority,
          ...(await buildCosigner(values.policy, hostKind(runtime.name))),
        };
        const here = indices(values.here ?? '1');
        return show(json, await beginDeal({ ...options, threshold, parties, here, action, out }), out);
      }
      case 'step': {
        const [files, out] = [values.in ?? [], needed(values.out, '--out')];
        const here = values.here === undefined ? undefined : indices(values.here);
        return show(json, await stepDeal({ ...options, files, here, connect: runtimeOf, out }), out);
      }
      case 'finish': {
        const deal = findDeal(store, values.deal);
        const advice = 'name them: --phrase "…"';
        const phrase = values.phrase ?? (await promptLine('The six words that the other machine shows: ', advice));
        const { address, publicKey, threshold, parties } = await finishDeal({ ...options, deal, phrase });
        progress.end();
        const lines = { address, 'public key': publicKey, parties: parties.map(({ role }) => role).join(', ') };
        return print(json, { wallet: address, address, publicKey, threshold, parties: parties.length }, lines);
      }
      case 'list': {
        const deals = listDeals(store).map((deal) => Buffer.from(deal).toString('hex'));
        return print(json, { deals }, Object.fromEntries(deals.map((deal) => [deal, 'under way'])));
      }
      case 'drop': {
        const deal = findDeal(store, values.deal);
        await dropDeal(store, deal);
        return print(json, { dropped: hex(deal) }, { dropped: hex(deal) });
      }
      default:
        throw new UsageError(`There is no command "${command ?? ''}".`, {
          next: 'choose one of begin, step, finish, list, drop.',
        });
    }
  } finally {
    progress.end();
    for (const { close } of connections) close();
  }
});

function needed(value: string | undefined, name: string): string {
  if (!value) throw new UsageError(`${name} is needed.`);
  return value;
}

function indices(list: string): number[] {
  return list.split(',').map((index) => wholeNumber(index, 'here'));
}

const hex = (deal: Uint8Array) => Buffer.from(deal).toString('hex');

function findDeal(store: Store, id: string | undefined): Uint8Array {
  const deals = listDeals(store);
  const found = id === undefined ? deals : deals.filter((deal) => hex(deal) === id);
  const [deal, ...others] = found;
  if (deal === undefined) throw new UsageError('There is no such deal here.');
  if (others.length > 0) throw new UsageError('Several deals are under way here.', { next: 'name one with --deal.' });
  return deal;
}

function show(json: boolean, state: DealState, out: string): void {
  progress.end();
  const { deal, terms, here, waitingFor, dealt } = state;
  const roles = terms.parties.map(({ index, role }) => `${index} ${role}${here.includes(index) ? ' (here)' : ''}`);
  print(
    json,
    { deal, here, waitingFor, ...dealt, out },
    {
      deal,
      parties: `${roles.join(', ')}; ${terms.threshold} of them sign`,
      ...(terms.action && { action: `${terms.action.cid}, policy ${terms.action.policy}` }),
      'for the others': out,
      ...(waitingFor.length > 0 && { 'waiting for': `party ${waitingFor.join(', ')}` }),
      ...dealt,
    },
  );
  if (dealt === undefined) return;
  console.error(`
Give the others ${out} if they have not shown their words yet. Then compare: all machines must show the same six words. If
they do: npx tsx scripts/party.ts finish. If not, somebody stands between the machines: party.ts drop, on all of them.`);
}
