// Loaded before all tests (npm test): temporary folders are in memory where there is room. Stores sync every file that they
// write, and a wallet writes many; on a disk the whole run would wait for it for minutes.
import { accessSync, constants, statfsSync } from 'node:fs';

const MEMORY = '/dev/shm';
const ROOM = 2 ** 30;

if (process.env.TMPDIR === undefined) {
  try {
    accessSync(MEMORY, constants.W_OK);
    const { bavail, bsize } = statfsSync(MEMORY);
    if (bavail * bsize >= ROOM) process.env.TMPDIR = MEMORY;
  } catch {} // another system, or no room
}
