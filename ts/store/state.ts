// For Node: where programs keep state of this user on this machine, which is not a document and of no use elsewhere.
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { openStore } from './node.ts';
import { noKey, type Store } from './store.ts';

/** The store of this user's state, in the folder that the system names for it (XDG). */
export function stateStore(env: Readonly<Record<string, string | undefined>> = process.env): Store {
  const { XDG_STATE_HOME: home } = env;
  const dir = join(home && isAbsolute(home) ? home : join(homedir(), '.local', 'state'), 'tandem');
  return openStore(dir, noKey);
}
