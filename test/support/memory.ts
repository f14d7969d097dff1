// Loaded before all tests (npm test): temporary folders are in memory where there is room. Stores sync every file that they
// write, and a wallet writes many; on a disk the whole run would wait for it for minutes. And correlations are in a folder of the
// run, not in that of whoever runs the tests.
import { accessSync, constants, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MEMORY = '/dev/shm';
const ROOM = 2 ** 30;

if (process.env.TMPDIR === undefined) {
  try {
    accessSync(MEMORY, constants.W_OK);
    const { bavail, bsize } = statfsSync(MEMORY);
    if (bavail * bsize >= ROOM) process.env.TMPDIR = MEMORY;
  } catch {} // another system, or no room
}

if (process.env.TANDEM_TEST_STATE === undefined) {
  const state = mkdtempSync(join(tmpdir(), 'tandem-state-'));
  Object.assign(process.env, { TANDEM_TEST_STATE: state, XDG_STATE_HOME: state });
  process.on('exit', () => rmSync(state, { recursive: true, force: true }));
}
