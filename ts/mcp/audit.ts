import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

// A log of what was asked for, and what came of it, by hashes: it shows no message and no amount. Each line has the hash of the one
// before, so that a line that is changed or missing shows.

export interface Audit {
  note(tool: string, given: unknown, outcome: 'done' | 'refused' | 'failed', result: unknown): void;
}

/** A log in a file, to which lines are only added. */
export function openAudit(path: string): Audit {
  const lines = existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : [];
  let previous = hashOf(lines.at(-1) ?? '');
  return {
    note(tool, given, outcome, result) {
      const time = new Date().toISOString();
      const line = JSON.stringify({
        time,
        tool,
        outcome,
        given: hashOf(JSON.stringify(given) ?? ''),
        result: hashOf(JSON.stringify(result) ?? ''),
        previous,
      });
      appendFileSync(path, `${line}\n`, { mode: 0o600 });
      previous = hashOf(line);
    },
  };
}

function hashOf(text: string): string {
  return bytesToHex(sha256(new TextEncoder().encode(text)));
}
