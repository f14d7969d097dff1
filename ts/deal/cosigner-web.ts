import { UsageError } from '../errors.ts';
import type { Slotted } from '../protocol/slot.ts';

/** In the place of ts/build/slotted.ts where nothing can be built: the package has it built. @throws UsageError */
export async function slotted(_isGuarded: boolean): Promise<Slotted> {
  throw new UsageError('The co-signer cannot be built here.', { next: 'take it from the package, where it is built.' });
}
