// A process for test/kill.test.ts, which bundles it so that it starts soon: it runs an operation on a store, and kills itself
// just before one of the changes that the operation makes to files. Between two of them nothing on disk changes, so that
// with every one of them tried, a crash at any instant is.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { loadTandem } from '../../ts/core/node.ts';
import { finishDeal, stepDeal } from '../../ts/deal/files/party.ts';
import { createWallet } from '../../ts/deal/keygen.ts';
import { reshareWallet } from '../../ts/deal/reshare.ts';
import { LocalRuntime } from '../../ts/runtime/local/runtime.ts';
import type { Action } from '../../ts/runtime/types.ts';
import { openWallet } from '../../ts/signing/wallet.ts';
import { openStore } from '../../ts/store/node.ts';
import { fakeAction } from './fake-action.ts';

/** What the process is told, as one line of JSON on stdin. When it is done, it says on stdout how many changes it made. */
export interface Task {
  readonly operation: keyof typeof operations;
  readonly dir: string;
  readonly identity: string;
  /** Before which change it dies, from 1; undefined: it does not. */
  readonly kill: number | undefined;
  readonly action: Action & { readonly policy: string };
  /** Of a reshare with an action: the next one. */
  readonly next?: Action & { readonly policy: string };
  /** Of new shares offline: which deal, in hex. */
  readonly deal?: string;
}

type Change = (...given: unknown[]) => unknown;
const table = fs as unknown as Record<string, Change>;
const promises = fs.promises as unknown as Record<string, Change>;

let changes = 0;
let last: number | undefined;

/** A change is about to be made. */
function change(): void {
  if (++changes !== last) return;
  process.kill(process.pid, 'SIGKILL');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

/** By these files are changed in this project: each call is one change. */
const COUNTED = ['mkdir', 'open', 'write', 'rename', 'link', 'unlink', 'rmdir'];
/** By these, and by what is asynchronous, they could be: who begins to use one has to count it too. */
const UNCOUNTED = ['appendFile', 'chmod', 'copyFile', 'cp', 'mkdtemp', 'symlink', 'truncate', 'utimes', 'writeFile'];

function countChanges(): void {
  for (const name of COUNTED.map((name) => `${name}Sync`)) {
    const real = table[name] as Change;
    table[name] = (...given) => {
      if (name !== 'openSync' || !isReading(given[1])) change();
      return real(...given);
    };
  }
  table.rmSync = (path, options) => removeAll(String(path), options as fs.RmOptions | undefined);
  const refuse = (functions: Record<string, Change>, name: string) => {
    functions[name] = () => {
      throw new Error(`fs.${name} changes files and is not counted: see test/support/killed.ts`);
    };
  };
  for (const name of UNCOUNTED) refuse(table, `${name}Sync`);
  for (const name of [...COUNTED, ...UNCOUNTED, 'rm']) {
    refuse(table, name);
    refuse(promises, name);
  }
  syncBuiltinESMExports();
}

const isReading = (flags: unknown) =>
  flags === 'r' || (typeof flags === 'number' && (flags & (fs.constants.O_WRONLY | fs.constants.O_RDWR)) === 0);

/** As rmSync does it, one change after the other. */
function removeAll(path: string, options: fs.RmOptions = {}): void {
  const stat = fs.lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined && options.force) return;
  if (stat?.isDirectory()) {
    if (options.recursive) for (const name of fs.readdirSync(path)) removeAll(join(path, name), options);
    fs.rmdirSync(path);
  } else {
    fs.unlinkSync(path);
  }
}

const operations = {
  keygen: ({ dir, identity }: Task) => createWallet({ store: storeAt(dir, identity), threshold: 2, parties: 2 }),
  import: ({ dir, identity }: Task) =>
    createWallet({ store: storeAt(dir, identity), threshold: 2, parties: 2, secret: new Uint8Array(32).fill(7) }),
  // The action's part is played here, and the user's state is in the store's folder, so that each copy has its own.
  sign: async ({ dir, identity }: Task) => {
    process.env.XDG_STATE_HOME = join(dir, 'state');
    const wallet = await openWallet(storeAt(dir, identity), { runtime: fakeAction() });
    await wallet.signMessage('killed');
  },
  reshare: ({ dir, identity }: Task) => reshareWallet({ store: storeAt(dir, identity) }),
  'keygen with an action': async ({ dir, identity, action }: Task) =>
    createWallet({
      store: storeAt(dir, identity),
      threshold: 2,
      parties: 3,
      action: { runtime: await hostAt(dir), ...action },
    }),
  // The files are in the store, so that each copy of it has its own.
  'party step': async ({ dir, identity }: Task) => {
    const runtime = await hostAt(dir);
    const files = [join(dir, 'in.deal')];
    await stepDeal({ store: storeAt(dir, identity), files, out: join(dir, 'out.deal'), connect: async () => runtime });
  },
  'party finish': ({ dir, identity, deal = '' }: Task) =>
    finishDeal({ store: storeAt(dir, identity), deal: Buffer.from(deal, 'hex') }),
  'reshare with an action': async ({ dir, identity, next }: Task) => {
    const runtime = await hostAt(dir);
    if (next === undefined) throw new Error('no next action');
    await reshareWallet({ store: storeAt(dir, identity), runtime, next: { runtime, ...next } });
  },
};

const storeAt = (dir: string, identity: string) => openStore(dir, async () => ({ identities: [identity] }));
const hostAt = (dir: string) => LocalRuntime.open({ dir: join(dir, 'local-lit') });

await loadTandem();
const lines = createInterface(process.stdin);
const line = await new Promise<string>((resolve) => lines.once('line', resolve));
const task = JSON.parse(line) as Task;
last = task.kill;
countChanges();
await operations[task.operation](task);
fs.closeSync(0);
console.log(changes);
process.exit();
