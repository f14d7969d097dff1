import { existsSync, linkSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { StoreError } from '../errors.ts';
import { readJson } from '../json.ts';
import { createFile, fileError, readLimited, tempName } from './files.ts';
import { isRunning, type Process, shortHash, thisProcess } from './process.ts';

// What lets one process at a time work: a mutex is a file that names its holder, and the mutex of a dead one is taken over.

/** Mutexes that this very process holds, so that its own id in a file is not mistaken for a live holder. */
const held = new Set<string>();

/** How long a mutex may be waited for before the holder is named in an error. */
const WAIT_MS = 30_000;

/**
 * Takes a mutex, waiting for its holder; that of a dead holder is taken over. Returns the release.
 *
 * @throws StoreError busy (with the holder's process id), read-only, full, missing, io
 */
export async function takeMutex(
  path: string,
  options: { waitMs?: number; signal?: AbortSignal | undefined } = {},
): Promise<() => void> {
  const deadline = Date.now() + (options.waitMs ?? WAIT_MS);
  for (;;) {
    options.signal?.throwIfAborted();
    if (!held.has(path) && tryTake(path)) return () => release(path);
    if (Date.now() > deadline) {
      const holder = readHolder(path);
      const who = holder ? `process ${holder.pid} on ${holder.host}` : 'another process';
      throw new StoreError('busy', `${path} is held by ${who}.`, {
        next: `wait for it to end, or delete ${path} if it is not a tandem process.`,
      });
    }
    await sleep(25);
  }
}

function release(path: string): void {
  if (!held.delete(path)) return;
  rmSync(path, { force: true });
}

/** A mutex appears with its content, by link(2), so that nobody ever reads half of one. A dead holder's is removed. */
function tryTake(path: string): boolean {
  const mine = join(dirname(path), tempName(basename(path)));
  try {
    createFile(mine, JSON.stringify(thisProcess()));
    linkSync(mine, path);
    held.add(path);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'EEXIST') throw fileError(error, path, 'write');
  } finally {
    rmSync(mine, { force: true });
  }
  const holder = readHolder(path);
  if (holder !== undefined && !isAlive(holder)) removeDead(path, holder);
  return false;
}

/**
 * Removes a dead holder's mutex, under a mutex that is named for that holder: of several processes that found it dead, the
 * slower ones then see that it is gone, and do not take away the mutex of one that has come since.
 */
function removeDead(path: string, dead: Process): void {
  const breaking = `${path}.${shortHash(JSON.stringify(dead))}`;
  if (!tryTake(breaking)) return;
  if (isDeepStrictEqual(readHolder(path), dead)) rmSync(path, { force: true });
  release(breaking);
}

function readHolder(path: string): Process | undefined {
  try {
    const value: unknown = readJson(new TextDecoder().decode(readLimited(path, 4096)));
    if (typeof value !== 'object' || value === null) return undefined;
    const { pid, host, started } = value as Record<string, unknown>;
    if (typeof pid !== 'number' || typeof host !== 'string' || typeof started !== 'string') return undefined;
    return { pid, host, started };
  } catch {
    return undefined;
  }
}

/** Whether a mutex is there, and is not free: its holder is alive or cannot be seen from here. */
export function isHeld(path: string): boolean {
  if (!existsSync(path)) return false;
  const holder = readHolder(path);
  return holder === undefined || isAlive(holder);
}

function isAlive(holder: Process): boolean {
  // Another machine's (or container's) processes cannot be seen from here.
  return holder.host !== hostname() || isRunning(holder.pid, holder.started);
}
