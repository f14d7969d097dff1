import { writeFileSync } from 'node:fs';
import { generateIdentity } from 'age-encryption';
import { type FileStore, openStore } from '../../ts/store/node.ts';

/** A machine is a store, which need not exist yet, with a key of its own. */
export interface Machine {
  readonly store: FileStore;
  /** For commands on it. */
  readonly env: Record<string, string>;
}

export async function newMachine(dir: string): Promise<Machine> {
  const identity = await generateIdentity();
  const file = `${dir}.txt`;
  writeFileSync(file, `${identity}\n`);
  return { store: openStore(dir, async () => ({ identities: [identity] })), env: { TANDEM_IDENTITY: file } };
}
