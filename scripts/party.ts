import { parseArgs } from 'node:util';
import { buildCosigner, hostKind } from '../ts/build.ts';
import { cleanLine, commandLine, dealName, planAuthority, planParties } from '../ts/command/internals.ts';
import { findWallet, listDeals, readWallet, UsageError } from '../ts/index.ts';
import {
  beginDeal,
  beginReshare,
  confirmDeal,
  type DealState,
  dropDeal,
  type FileStore,
  finishDeal,
  stepDeal,
} from '../ts/node.ts';
import { authorityOf, type Connection, connect, needed, print, progress, run, storeOf, wholeNumber } from './cli.ts';
import { askByFiles, PERMISSION_USAGE, permissionOptions } from './permission.ts';
import { promptLine } from './prompt.ts';
import { say, tell } from './terminal.ts';

const USAGE = `Makes a wallet whose parties are on several machines, or gives one new shares: no machine ever has another's share. They
exchange files, by stick, mail or chat. Anybody who carries them learns the public key, and nothing about a share.

usage: ${commandLine('party')} begin --store DIR --out FILE [--parties N] [--runtime NAME] [--policy P] [--here LIST]
                                           [--allow-interactive]
       ${commandLine('party')} begin --reshare --store DIR --out FILE [--wallet ID] [--parties N] [--from LIST] [--here LIST]
       ${commandLine('party')} step --store DIR --in FILE [--in FILE …] --out FILE [--here LIST]
       ${commandLine('party')} confirm --store DIR --out FILE [--deal ID] [--phrase WORDS]
       ${commandLine('party')} finish --store DIR [--deal ID] [--phrase WORDS]
       ${commandLine('party')} list | drop --store DIR [--deal ID]

  begin            on the machine of the hot share, which also calls the action. --reshare: new shares of a wallet that is
                   there; the address stays. Without an action any machine that has a share may begin
  step             takes the others' newest files, and writes one for them; on a machine that joins, --here says as whom.
                   Repeat, in turns, until all machines show words: six of a new key, at the end; twelve of new shares, first
  confirm          new shares, once somebody has compared: this machine deals, which it does not before, and a cold share on
                   it allows the action to. WORDS are those that all other machines show
  finish           the wallet appears in the store, or has its new shares. For a new key, WORDS are those of the other machine
  list             the deals that are under way here
  drop             forgets one

  --store DIR      the folder of the share store; made if it does not exist
  --in FILE        a file of another machine
  --out FILE       the file for the others; what was there is replaced
  --here LIST      the parties on this machine: 1 is hot (default of begin), those after the action's 2 are cold; e.g. 3, or 3,4.
                   In a reshare the default is the parties whose old shares this machine has
  --parties N      how many shares there are (3; of new shares as before)
  --threshold N    how many shares sign (2; likewise)
  --runtime NAME   where the action runs: local (default); none, no action
  --policy P       what the action signs, as for keygen
  --allow-interactive  as for keygen: a threshold above 2 needs it where there is an action
  --authority A    who may ask the action to give its share away: cold (default), guardian:0x… or none; of new shares as before
  --wallet ID      which wallet gets new shares, if there are several
  --from LIST      which old parties deal, without an action; by default the first ones
  --deal ID        which deal, if there are several
  --phrase WORDS   the words that the other machine shows, instead of typing them when asked
${PERMISSION_USAGE}
  --yes            drop new shares although the others may rely on them
  --json           print JSON alone

A session is kept in the store between the files, sealed like a share, with TANDEM_PASSPHRASE, a passphrase that is asked for,
or TANDEM_IDENTITY (an age identity file). Do not restore a store from a backup while a deal is under way.`;

run('party', async (signal) => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      store: { type: 'string' },
      in: { type: 'string', multiple: true },
      out: { type: 'string' },
      here: { type: 'string' },
      reshare: { type: 'boolean', default: false },
      wallet: { type: 'string' },
      from: { type: 'string' },
      parties: { type: 'string' },
      threshold: { type: 'string' },
      runtime: { type: 'string' },
      policy: { type: 'string' },
      'allow-interactive': { type: 'boolean', default: false },
      authority: { type: 'string' },
      ...permissionOptions,
      yes: { type: 'boolean', default: false },
      deal: { type: 'string' },
      phrase: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return say(USAGE);
  const store = storeOf(values.store);
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
        const out = needed(values.out, 'out');
        const here = indices(values.here ?? '1', 'here');
        const authority = authorityOf(values.authority);
        if (values.reshare) {
          if (values.runtime !== undefined || values.policy !== undefined || values['allow-interactive']) {
            throw new UsageError('The action stays the same with new shares.', {
              next: 'leave out --runtime, --policy and --allow-interactive; migrate moves its share to another action.',
            });
          }
          const { address: id, runtime: host } = await readWallet(store, await findWallet(store, values.wallet));
          const runtime = await runtimeOf(host);
          const threshold = optional(values.threshold, (text) => wholeNumber(text, 'threshold'));
          const parties = optional(values.parties, (text) => wholeNumber(text, 'parties'));
          const dealers = optional(values.from, (list) => indices(list, 'from'));
          const reshare = { ...options, id, runtime, threshold, parties, authority, dealers, here, out };
          return show(json, await beginReshare(reshare), out);
        }
        if (values.wallet !== undefined || values.from !== undefined) {
          throw new UsageError('--wallet and --from are for new shares: --reshare.');
        }
        const name = values.runtime ?? 'local';
        const threshold = wholeNumber(values.threshold ?? '2', 'threshold');
        const interactive = values['allow-interactive'];
        const parties = planParties(
          threshold,
          wholeNumber(values.parties ?? '3', 'parties'),
          name === 'none' ? undefined : { interactive },
        );
        if (name === 'none' && authority !== undefined) {
          throw new UsageError('An authority is over the share of an action.', { next: 'leave out --authority.' });
        }
        const wanted = planAuthority(authority, parties);
        const runtime = await runtimeOf(name);
        progress.step('building the action');
        const action = runtime && {
          runtime,
          authority: wanted,
          ...(await buildCosigner(values.policy ?? 'messages', hostKind(runtime.name))),
        };
        return show(json, await beginDeal({ ...options, threshold, parties, here, action, interactive, out }), out);
      }
      case 'step': {
        const [files, out] = [values.in ?? [], needed(values.out, 'out')];
        const here = optional(values.here, (list) => indices(list, 'here'));
        const askAuthority = askByFiles(values, signal);
        return show(json, await stepDeal({ ...options, files, here, connect: runtimeOf, askAuthority, out }), out);
      }
      case 'confirm': {
        const [deal, out] = [await findDeal(store, values.deal), needed(values.out, 'out')];
        const askAuthority = askByFiles(values, signal);
        const ask = async (state: DealState) => {
          explain(state);
          return promptLine('The twelve words that all other machines show: ', PHRASE_ADVICE);
        };
        const phrase = values.phrase ?? ask;
        return show(json, await confirmDeal({ ...options, deal, phrase, connect: runtimeOf, askAuthority, out }), out);
      }
      case 'finish': {
        const deal = await findDeal(store, values.deal);
        const phrase =
          values.phrase ?? (() => promptLine('The six words that the other machine shows: ', PHRASE_ADVICE));
        const { address, publicKey, threshold, parties, epoch, action } = await finishDeal({
          ...options,
          deal,
          phrase,
        });
        progress.end();
        const roles = parties.map(({ role }) => role).join(', ');
        print(
          json,
          { wallet: address, address, publicKey, threshold, parties: parties.length, epoch },
          { address, 'public key': publicKey, parties: roles, epoch },
        );
        if (epoch === 0) return;
        tell(`
The last file is kept in ${store.dir}/deals, in case that the others have not got it. Destroy copies of the old share: with
another old one it still signs.${action ? REVOKE_ADVICE : ''}`);
        return;
      }
      case 'list': {
        const deals = (await listDeals(store)).map(dealName);
        return print(json, { deals }, Object.fromEntries(deals.map((deal) => [deal, 'under way'])));
      }
      case 'drop': {
        const deal = await findDeal(store, values.deal);
        await dropDeal(store, deal, values.yes);
        return print(json, { dropped: dealName(deal) }, { dropped: dealName(deal) });
      }
      default:
        throw new UsageError(`There is no command "${command ?? ''}".`, {
          next: 'choose one of begin, step, confirm, finish, list, drop.',
        });
    }
  } finally {
    progress.end();
    for (const { close } of connections) close();
  }
});

const PHRASE_ADVICE = 'name them: --phrase "…"';

const REVOKE_ADVICE = ` Anybody who has the old hot share and the old sealed one still signs through the action, under its
policy: ${commandLine('migrate')} with the same policy ends that.`;

function optional<T>(text: string | undefined, read: (text: string) => T): T | undefined {
  return text === undefined ? undefined : read(text);
}

function indices(list: string, name: string): number[] {
  return list.split(',').map((index) => wholeNumber(index, name));
}

async function findDeal(store: FileStore, id: string | undefined): Promise<Uint8Array> {
  const deals = await listDeals(store);
  const found = id === undefined ? deals : deals.filter((deal) => dealName(deal) === id);
  const [deal, ...others] = found;
  if (deal === undefined) throw new UsageError('There is no such deal here.');
  if (others.length > 0) throw new UsageError('Several deals are under way here.', { next: 'name one with --deal.' });
  return deal;
}

function show(json: boolean, state: DealState, out: string): void {
  progress.end();
  const { deal, here, waitingFor, phrase, messages, dealt } = state;
  print(
    json,
    { deal, here, waitingFor, ...(phrase && { phrase }), ...(messages && { messages }), ...dealt, out },
    {
      deal,
      ...linesOf(state),
      'for the others': out,
      ...(waitingFor.length > 0 && { 'waiting for': `party ${waitingFor.join(', ')}` }),
      ...(phrase && { phrase }),
      ...dealt,
    },
  );
  const advice = adviceFor(state, out);
  if (advice !== '') tell(`\n${advice}`);
}

/** What is dealt, by whom, to whom. */
function linesOf({ terms, here, messages }: DealState): Record<string, string> {
  const { parties, threshold, action, reshare } = terms;
  const roles = parties.map(({ index, role }) => `${index} ${role}${here.includes(index) ? ' (here)' : ''}`);
  const { authority = action?.authority } = reshare ?? {};
  const until = authority === action?.authority ? '' : `, until now ${authority}`;
  return {
    ...(reshare && { wallet: reshare.account, epoch: `${reshare.epoch}, dealt by ${reshare.dealers.join(', ')}` }),
    parties: `${roles.join(', ')}; ${threshold} of them sign`,
    ...(action && {
      action: `${action.cid}, policy ${action.policy}${action.interactive ? ', may sign by dkls23 too' : ''}`,
      authority: action.authority + until,
    }),
    ...(messages && { messages: `${messages}, as the guardian is to see it` }),
  };
}

/** Before the words are asked for, what they will stand for. */
function explain(state: DealState): void {
  const lines = Object.entries(linesOf(state)).map(([name, text]) => `  ${name}: ${cleanLine(text)}`);
  tell(`New shares:\n${lines.join('\n')}\nAnybody who holds as many shares as sign has the key.\n`);
}

function adviceFor({ terms, here, phrase, dealt }: DealState, out: string): string {
  const leaving = here.filter((index) => !terms.parties.some((party) => party.index === index));
  if (phrase !== undefined) {
    return `Give the others ${out} if they do not show their words yet. Then compare: all machines must show the same twelve words, and
nothing is dealt before. If they do: ${commandLine('party')} confirm. If not, somebody stands between the machines:
party drop, on all of them.`;
  }
  if (dealt === undefined) {
    return leaving.length === 0
      ? ''
      : `Party ${leaving.join(', ')} leaves: once the others have finished, its share is void. Then drop this deal and destroy it.`;
  }
  if (terms.reshare) return `Give the others ${out}. All have confirmed their shares: ${commandLine('party')} finish.`;
  return `Give the others ${out} if they have not shown their words yet. Then compare: all machines must show the same six words. If
they do: ${commandLine('party')} finish. If not, somebody stands between the machines: party drop, on all of them.`;
}
