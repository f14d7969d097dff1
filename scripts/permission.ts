// How a command asks an authority on another machine: with files. Not a command itself.

import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import { cleanLine, commandLine, forms, writeDurable } from '../ts/command/internals.ts';
import {
  type AskAuthority,
  describePermission,
  type PermissionSignature,
  typedDataOf,
  UsageError,
  WalletError,
} from '../ts/index.ts';
import { progress } from './cli.ts';
import { tell } from './terminal.ts';

export const PERMISSION_USAGE = `  --request FILE        where to write what the authority has to sign, if it is not here: typed data (EIP-712)
  --authorization FILE  where the signature will be: of authorize for a cold share, of any tool for typed data
                        for a guardian. The command waits for it, for up to 50 minutes`;

export const permissionOptions = {
  request: { type: 'string' },
  authorization: { type: 'string' },
} as const;

const File = v.union([
  v.pipe(
    v.string(),
    v.parseJson(),
    v.strictObject({
      by: v.optional(forms.Index),
      signature: forms.Signature,
    }),
  ),
  v.pipe(
    v.string(),
    v.trim(),
    v.toLowerCase(),
    forms.Signature,
    v.transform((signature) => ({ signature })),
  ),
]);

/** Asks by the two files of the command line, if they are given. @throws UsageError */
export function askByFiles(
  { request, authorization }: { readonly request?: string | undefined; readonly authorization?: string | undefined },
  signal: AbortSignal,
): AskAuthority | undefined {
  if (request === undefined && authorization === undefined) return undefined;
  if (request === undefined || authorization === undefined) {
    throw new UsageError('--request and --authorization are given together.');
  }
  if (existsSync(authorization)) {
    throw new UsageError(`${authorization} is there already, and every request is another one.`, {
      next: 'delete it, or name another file.',
    });
  }
  return async (permission) => {
    writeDurable(request, `${JSON.stringify(typedDataOf(permission), undefined, 2)}\n`);
    progress.end();
    const lines = Object.entries(describePermission(permission)).map(([name, text]) => `  ${name}: ${cleanLine(text)}`);
    tell(
      `To be signed: ${request}\n${lines.join('\n')}\n` +
        `A cold share signs with: ${commandLine('authorize')} --share cold.age --request ${request} --out ${authorization}\n` +
        `Waiting for ${authorization} …`,
    );
    for (;;) {
      const found = read(authorization);
      if (found !== undefined) return found;
      if (Date.now() > permission.expires * 1000) {
        throw new WalletError('The authorization did not come in time.', { next: 'start again.' });
      }
      await sleep(500, undefined, { signal });
    }
  };
}

/** The signature, once its file is there, whole. */
function read(path: string): PermissionSignature | undefined {
  if (!existsSync(path)) return undefined;
  const result = v.safeParse(File, readFileSync(path, 'utf8'));
  return result.success ? result.output : undefined;
}
