import { StoreError } from '../../ts/errors.ts';
import { browserState, openBrowserStore } from '../../ts/store/indexed-db.ts';
import type { Change, Content, Mutex, NewFolder, Store } from '../../ts/store/store.ts';

// In the page: the store of a browser, for tests that run in Node. store-remote.ts is their end.

/** Bytes and errors as text, which is all that goes between the two. */
export type Sent = { readonly path: string; readonly data: readonly number[] };
export type Outcome = { readonly ok: unknown } | { readonly kind: string; readonly short: string };

const stores = new Map<string, Store>();
const folders = new Map<number, NewFolder>();
const mutexes = new Map<number, Mutex>();
const waiting = new Map<number, AbortController>();

const content = (files: readonly Sent[] | undefined): Content[] =>
  (files ?? []).map(({ path, data }) => ({ path, data: Uint8Array.from(data) }));

function storeOf(database: string): Store {
  const known = stores.get(database);
  if (known !== undefined) return known;
  const noKey = async () => {
    throw new Error('the keys are in Node');
  };
  const store = database.startsWith('state:') ? browserState(database.slice(6)) : openBrowserStore(noKey, database);
  stores.set(database, store);
  return store;
}

const calls = {
  list: (store: Store, folder: string) => store.list(folder),
  has: (store: Store, path: string) => store.has(path),
  read: async (store: Store, path: string, limit: number) => [...(await store.read(path, limit))],
  begin: async (store: Store, id: number) => {
    folders.set(id, await store.begin());
  },
  finish: async (_: Store, id: number, folder: string, files: readonly Sent[]) =>
    folders.get(id)?.finish(folder, content(files)),
  discard: async (_: Store, id: number) => folders.get(id)?.discard(),
  makeFolder: (store: Store, folder: string) => store.makeFolder(folder),
  commit: (store: Store, folder: string, write: readonly Sent[] | undefined, remove: Change['remove']) =>
    store.commit(folder, { write: content(write), ...(remove && { remove }) }),
  take: async (store: Store, path: string, limit: number) => [...(await store.take(path, limit))],
  putBack: (store: Store, path: string, data: readonly number[]) => store.putBack(path, Uint8Array.from(data)),
  mutex: async (store: Store, id: number, path: string) => {
    const controller = new AbortController();
    waiting.set(id, controller);
    mutexes.set(id, await store.mutex(path, controller.signal).finally(() => waiting.delete(id)));
  },
  abort: async (_: Store, id: number) => waiting.get(id)?.abort(),
  release: async (_: Store, id: number) => mutexes.get(id)?.release(),
  leave: async (_: Store, id: number, mark: string) => mutexes.get(id)?.leave(mark),
  leftovers: (store: Store, folder: string) => store.leftovers(folder),
  removeLeftovers: (store: Store, folder: string) => store.removeLeftovers(folder),
};

export type CallName = keyof typeof calls;

async function callStore(database: string, name: CallName, args: readonly unknown[]): Promise<Outcome> {
  try {
    const call = calls[name] as (store: Store, ...args: readonly unknown[]) => Promise<unknown>;
    return { ok: await call(storeOf(database), ...args) };
  } catch (error) {
    if (error instanceof StoreError) return { kind: error.kind, short: error.short };
    return { kind: 'none', short: String(error) };
  }
}

Object.assign(globalThis, { callStore });
