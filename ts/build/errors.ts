import { CodedError } from '../errors.ts';
import { cleanBlock } from '../text/untrusted.ts';

/** The parts do not make an action: an import is missing, a constant is not one, or a file is not what was meant. */
export class BuildError extends CodedError {
  override readonly name = 'BuildError';
  override readonly code = 'build';

  constructor(message: string, options: { cause?: unknown } = {}) {
    super(cleanBlock(message), options);
  }
}
