import type { Page } from 'playwright-core';
import { StoreError, type StoreErrorKind } from '../../ts/errors.ts';
import type { Content, KeySource, Store } from '../../ts/store/store.ts';
import type { CallName, Outcome, Sent } from './store-page.ts';

const sent = (files: readonly Content[] | undefined): Sent[] | undefined =>
  files?.map(({ path, data }) => ({
    path,
    data: [...(typeof data === 'string' ? new TextEncoder().encode(data) : data)],
  }));

let count = 0;

/** The store of a page, which every call reaches through {@link page}: the tests run here, what they test runs there. */
export function remoteStore(page: () => Page, key: KeySource, database: string): Store {
  const call = async <T>(name: CallName, ...args: readonly unknown[]): Promise<T> => {
    const outcome: Outcome = await page().evaluate(
      ([database, name, args]) =>
        (globalThis as unknown as { callStore: (...all: unknown[]) => Promise<Outcome> }).callStore(
          database,
          name,
          args,
        ),
      [database, name, args] as const,
    );
    if ('ok' in outcome) return outcome.ok as T;
    if (outcome.kind === 'none') throw new Error(outcome.short);
    throw new StoreError(outcome.kind as StoreErrorKind, outcome.short);
  };
  return {
    name: `indexeddb:${database}`,
    key,
    list: (folder) => call('list', folder),
    has: (path) => call('has', path),
    read: async (path, limit) => Uint8Array.from(await call<number[]>('read', path, limit)),
    begin: async () => {
      const id = count++;
      await call('begin', id);
      return {
        finish: (folder, files) => call('finish', id, folder, sent(files)),
        discard: () => void call('discard', id),
      };
    },
    makeFolder: (folder) => call('makeFolder', folder),
    commit: (folder, { write, remove }) => call('commit', folder, sent(write), remove),
    take: async (path, limit) => Uint8Array.from(await call<number[]>('take', path, limit)),
    putBack: (path, data) => call('putBack', path, [...data]),
    mutex: async (path, signal) => {
      signal?.throwIfAborted();
      const id = count++;
      signal?.addEventListener('abort', () => void call('abort', id));
      await call('mutex', id, path).catch((error) => {
        throw signal?.aborted ? signal.reason : error;
      });
      return { release: () => void call('release', id), leave: (mark) => call('leave', id, mark) };
    },
    leftovers: (folder) => call('leftovers', folder),
    removeLeftovers: (folder) => call('removeLeftovers', folder),
  };
}
