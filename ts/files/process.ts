import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

// Which process something on disk is of, and whether that still runs: for what is being written, and for mutexes.

/** A process. `started` tells two with the same id apart, where the system tells us. */
export interface Process {
  readonly pid: number;
  readonly host: string;
  readonly started: string;
}

export function thisProcess(): Process {
  return { pid: process.pid, host: hostname(), started: startOf(process.pid) };
}

/** The hash of a text in names of files: of a host, or of a process. */
export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}

/** Whether a process of this machine runs. */
export function isRunning(pid: number, started: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
  const now = startOf(pid);
  return now === '' || started === '' || now === started;
}

/** When a process started, in clock ticks since boot; empty where /proc does not tell. */
function startOf(pid: number): string {
  try {
    // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}
