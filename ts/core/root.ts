// For Node.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readJson } from '../json.ts';

/** The folder of the package or of the clone. It has the files that are not code (build/, toolchain/) and the sources of actions. */
export const packageRoot: string = above(dirname(fileURLToPath(import.meta.url)));

/** The version of the package. */
export function packageVersion(): string {
  const { version } = readJson(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string };
  return version;
}

function above(folder: string): string {
  if (existsSync(join(folder, 'actions', 'template', 'action.ts'))) return folder;
  if (dirname(folder) === folder) throw new Error('the files of the package are not where they were installed');
  return above(dirname(folder));
}
