import { createHash } from 'node:crypto';
import { existsSync, readdirSync, renameSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Gives the correlations in a folder of a user's state to a store that has moved to here: they are named for where it lies. */
export function adoptCorrelations(state: string, store: string): void {
  const folder = join(state, 'tandem', 'correlations');
  if (!existsSync(folder)) return;
  const place = createHash('sha256').update(resolve(store)).digest('hex').slice(0, 16);
  for (const name of readdirSync(folder)) renameSync(join(folder, name), join(folder, `${place}${name.slice(16)}`));
}
