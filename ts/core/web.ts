import { UsageError } from '../errors.ts';
import type { Tandem } from './wasm.ts';

/** In the place of node.ts where there are no files: the module has to be given. @throws UsageError */
export async function loadTandem(): Promise<Tandem> {
  throw new UsageError('The wasm module cannot be found here.', {
    next: 'give `load`, which starts an instance of it: instantiate(module).',
  });
}
