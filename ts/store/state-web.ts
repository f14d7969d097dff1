import { memoryStore } from './memory.ts';
import type { Store } from './store.ts';

const state = memoryStore(async () => {
  throw new Error('there is no share in it');
});

/** In the place of state.ts where there are no files: what is in it ends with the page. */
export function stateStore(): Store {
  return state;
}
