import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { fileError } from '../files/files.ts';
import { takeMutex } from '../files/mutex.ts';

// A log of what was asked for, and what came of it, by hashes: it shows no message and no amount. Each line has the hash of the one
// before, so that a line that is changed or missing shows, also where several servers of one wallet write to it.

export interface Audit {
  /** Checks that a line can be added now. @throws StoreError */
  assertWritable(): Promise<void>;
  /** Adds a line. @throws StoreError */
  note(tool: string, given: unknown, outcome: 'done' | 'refused' | 'failed', result: unknown): Promise<void>;
}

/** More than the longest line. */
const LINE = 4096;
/** How long another server that writes a line is waited for. */
const WAIT_MS = 5000;

/** A log in a file, to which lines are only added. `waitMs` is how long another process may hold it. */
export function openAudit(path: string, waitMs: number = WAIT_MS): Audit {
  const locked = async (work: () => void): Promise<void> => {
    const release = await takeMutex(`${path}.lock`, { waitMs });
    try {
      work();
    } catch (error) {
      throw fileError(error, path, 'write');
    } finally {
      release();
    }
  };
  return {
    // The lock is a new file with content, so that a full disk shows too.
    assertWritable: () => locked(() => closeSync(openSync(path, 'a+', 0o600))),
    async note(tool, given, outcome, result) {
      const time = new Date().toISOString();
      const facts = { time, tool, outcome, given: hashOf(jsonOf(given)), result: hashOf(jsonOf(result)) };
      await locked(() => add(path, (last) => JSON.stringify({ ...facts, previous: hashOf(last) })));
    },
  };
}

/** Adds a line, which depends on the last one. What a crash left of that stays a line of its own. */
function add(path: string, line: (last: string) => string): void {
  const file = openSync(path, 'a+', 0o600);
  try {
    const end = Buffer.alloc(LINE);
    const { size } = fstatSync(file);
    const text = end.toString('utf8', 0, readSync(file, end, 0, LINE, Math.max(0, size - LINE)));
    const isWhole = text === '' || text.endsWith('\n');
    const last = text.trimEnd().split('\n').at(-1) ?? '';
    writeSync(file, `${isWhole ? '' : '\n'}${line(last)}\n`);
  } finally {
    closeSync(file);
  }
}

/** What nests too deep for JSON is noted too. */
function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    return '';
  }
}

function hashOf(text: string): string {
  return bytesToHex(sha256(new TextEncoder().encode(text)));
}
