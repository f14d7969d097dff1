// For Node.
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { commandLine } from '#command';
import { readLimited, writeDurable } from '../../files/files.ts';
import { RuntimeError } from '../errors.ts';
import { type Settings, settingsSchema } from './settings.ts';

const NAME = 'lit.env';

/** Where the settings of a store are. */
export function settingsPath(storeDir: string): string {
  return join(storeDir, NAME);
}

/**
 * Reads the settings of a store: lines of NAME=value. Undefined if there are none yet.
 *
 * @throws {RuntimeError} `input` if the file is not one, or others than its owner may read it
 */
export function readSettings(storeDir: string): Settings | undefined {
  const path = settingsPath(storeDir);
  if (!existsSync(path)) return undefined;
  if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0) {
    throw new RuntimeError('input', `${path} holds a key, and others may read it`, { next: `run: chmod 600 ${path}` });
  }
  const lines = Buffer.from(readLimited(path, 64 * 1024))
    .toString('utf8')
    .split('\n');
  const entries = lines
    .filter((line) => !/^\s*(?:#|$)/.test(line))
    .map((line) => /^([A-Z_]+)=(.*)$/.exec(line)?.slice(1));
  const result = v.safeParse(
    settingsSchema,
    Object.fromEntries(entries.map((entry) => entry ?? ['a line', 'malformed'])),
  );
  if (result.success) return result.output;
  const reason = `${v.getDotPath(result.issues[0]) ?? 'a line'} is malformed or unknown`;
  throw new RuntimeError('input', `${path}: ${reason}`, {
    next: `restore it, or run ${commandLine('setup')} in another folder`,
  });
}

/** Writes the settings of a store, readable by their owner only; a crash leaves the old ones or the new. */
export function writeSettings(storeDir: string, settings: Settings): void {
  // Always in the same order, so that a set-up that changes nothing leaves the same file.
  const names = (Object.keys(settingsSchema.entries) as (keyof Settings)[]).filter(
    (name) => settings[name] !== undefined,
  );
  const lines = names.map((name) => `${name}=${settings[name]}\n`);
  writeDurable(
    settingsPath(storeDir),
    `# What setup prepared on Lit. It holds a key: keep it to yourself.\n${lines.join('')}`,
  );
}
