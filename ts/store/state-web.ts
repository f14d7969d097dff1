import { browserState, hasIndexedDb } from './indexed-db.ts';
import { memoryStore } from './memory.ts';
import { noKey, type Store } from './store.ts';

let state: Store | undefined;

/**
 * In the place of state.ts where there are no files: in the database of this origin, so that the next tab finds it. Where there
 * is none, it ends with the page.
 */
export function stateStore(): Store {
  state ??= hasIndexedDb() ? browserState() : memoryStore(noKey);
  return state;
}
