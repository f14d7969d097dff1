// Records test/vectors/intents.json: go-ethereum's digests of the intents that a seed generates.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { intents } from '../support/intents.ts';

const seed = 712;
const count = 900;
const folder = fileURLToPath(new URL('geth', import.meta.url));
const lines = fc.sample(intents, { seed, numRuns: count }).map((intent) => JSON.stringify(intent));
const digests = execFileSync('go', ['run', '.'], { cwd: folder, input: lines.join('\n'), encoding: 'utf8' })
  .split('\n')
  .slice(0, count);
writeFileSync(new URL('../vectors/intents.json', import.meta.url), `${JSON.stringify({ seed, digests }, null, 2)}\n`);
console.log(`${digests.filter((digest) => digest !== '').length} of ${count} digests`);
