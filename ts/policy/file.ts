// For Node.
import { existsSync, readFileSync } from 'node:fs';
import { UsageError, WalletError } from '../errors.ts';
import { faultIn } from '../intent/read/faults.ts';
import { builtinPolicies } from './builtin.ts';
import { InputError, type Policy, parsePolicyJson } from './policy.ts';
import { checkPaces } from './sequences.ts';

/**
 * The policy that a name or a file stands for.
 *
 * @throws UsageError if there is neither
 * @throws WalletError if the file holds no policy; it says where it is wrong, also where paces contradict each other
 */
export function readPolicy(nameOrFile: string): Policy {
  if (nameOrFile === 'messages' || nameOrFile === 'any') return builtinPolicies[nameOrFile];
  if (!existsSync(nameOrFile)) {
    throw new UsageError(`${nameOrFile} is neither a policy (messages, any) nor a file.`);
  }
  const text = readFileSync(nameOrFile, 'utf8');
  try {
    const policy = parsePolicyJson(text);
    checkPaces(policy);
    return policy;
  } catch (cause) {
    if (!(cause instanceof InputError)) throw cause;
    const { message } = (cause.path === '' ? faultIn(text) : undefined) ?? cause;
    throw new WalletError(`${nameOrFile} is not a policy: ${message}.`, {
      next: 'compare it with docs/policy-reference.md.',
      cause,
    });
  }
}
