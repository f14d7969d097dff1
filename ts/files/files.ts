import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { StoreError } from '../errors.ts';
import { isRunning, shortHash, thisProcess } from './process.ts';

/** The beginning of the names of what is being written, and how long it may take where its writer cannot be looked for. */
const TEMP = '.tmp-';
const ABANDONED_MS = 3_600_000;

/** A name for what is being written, which tells by whom: {@link abandoned} finds it once that process is dead. */
export function tempName(base: string): string {
  const { pid, started, host } = thisProcess();
  return `${TEMP}${base}-${pid}-${started}-${shortHash(host)}-${randomBytes(6).toString('hex')}`;
}

/** The names in a folder of what dead processes began to write: theirs of this machine, and of others after an hour. */
export function abandoned(folder: string): string[] {
  return readdirSync(folder).filter((name) => {
    const [, pid, started, host] = /^\.tmp-.*-(\d+)-(\d*)-([0-9a-f]{8})-[0-9a-f]{12}$/.exec(name) ?? [];
    if (pid === undefined || started === undefined) return false;
    if (host === shortHash(hostname())) return !isRunning(Number(pid), started);
    return Date.now() - (statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > ABANDONED_MS;
  });
}

/** Deletes what dead processes began to write in a folder. */
export function removeAbandoned(folder: string): void {
  for (const name of abandoned(folder)) rmSync(join(folder, name), { recursive: true, force: true });
}

/**
 * Reads a regular file of at most `limit` bytes; the size is checked before anything is read.
 *
 * @throws StoreError missing, altered (too long, not a file), io
 */
export function readLimited(path: string, limit: number): Uint8Array<ArrayBuffer> {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw fileError(error, path, 'read');
  }
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) throw new StoreError('altered', `${path} is not a file.`);
    if (stat.size > limit) {
      throw new StoreError('altered', `${path} has ${stat.size} bytes; at most ${limit} are expected.`);
    }
    const bytes = new Uint8Array(stat.size);
    let done = 0;
    while (done < bytes.length) {
      const got = readSync(file, bytes, done, bytes.length - done, done);
      if (got === 0) break;
      done += got;
    }
    return bytes.subarray(0, done);
  } catch (error) {
    throw fileError(error, path, 'read');
  } finally {
    closeSync(file);
  }
}

/**
 * Writes a file of mode 0600 so that after a crash at any moment the path holds either the old content or the new:
 * a new file beside it, fsync, rename, fsync of the folder.
 *
 * @throws StoreError read-only, full, missing (no such folder), io
 */
export function writeDurable(path: string, data: Uint8Array | string): void {
  const temp = join(dirname(path), tempName(basename(path)));
  try {
    createFile(temp, data);
    renameSync(temp, path);
    syncFolder(dirname(path));
  } catch (error) {
    rmSync(temp, { force: true });
    throw fileError(error, path, 'write');
  }
}

/** Writes a file of mode 0600 that must not exist yet, and fsyncs it. For folders that nobody else sees yet. */
export function writeNew(path: string, data: Uint8Array | string): void {
  try {
    createFile(path, data);
  } catch (error) {
    throw fileError(error, path, 'write');
  }
}

/** As {@link writeNew}, with the errors of the file system. */
export function createFile(path: string, data: Uint8Array | string): void {
  const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
  const file = openSync(path, 'wx', 0o600);
  try {
    for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/**
 * Makes a folder of mode 0700 and those above it that are missing.
 *
 * @throws StoreError read-only, full, io
 */
export function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path)); // not mkdir's own recursion, whose errors do not tell a read-only file system
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (!existsSync(path)) throw fileError(error, path, 'write');
  }
}

/** Makes renames and new names in a folder survive a power cut. */
export function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** The StoreError for an error of the file system; anything that is a StoreError already passes unchanged. */
export function fileError(error: unknown, path: string, doing: 'read' | 'write'): StoreError {
  if (error instanceof StoreError) return error;
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  const cause = error;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new StoreError('missing', `${path} does not exist.`, {
        next: 'check the path, or restore the file from a backup.',
        cause,
      });
    case 'EEXIST':
      return new StoreError('exists', `${path} exists already.`, { next: 'choose another name.', cause });
    case 'EROFS':
      return new StoreError('read-only', `${path} is on a read-only file system.`, {
        next: 'mount the store writable: a signature may have to lock the share.',
        cause,
      });
    case 'EACCES':
    case 'EPERM':
      return doing === 'write'
        ? new StoreError('read-only', `${path} may not be written by this user.`, {
            next: `check the owner and mode of ${dirname(path)}.`,
            cause,
          })
        : new StoreError('io', `${path} may not be read by this user.`, {
            next: 'check its owner and mode, or run as the user who owns the store.',
            cause,
          });
    case 'ENOSPC':
    case 'EDQUOT':
      return new StoreError('full', `No space left to write ${path}; the existing files are unchanged.`, {
        next: 'free some space and try again.',
        cause,
      });
    default:
      return new StoreError('io', `Could not ${doing} ${path}: ${error instanceof Error ? error.message : error}`, {
        cause,
      });
  }
}
