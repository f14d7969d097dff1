/**
 * Measures whether secrets show in timing, after "dude, is my code constant time?" (ePrint 2016/1123): every operation runs
 * on one fixed secret and on random ones, in random order, and Welch's t-test tells whether the two sets of times differ.
 * Natively and in wasm. One operation is leaky on purpose, and has to be caught.
 *
 *     npx tsx scripts/ct.ts [--samples 100000] [--subject NAME] [--json]
 *
 * Exits 1 if a secret shows or the leaky operation passes. Wants a quiet machine.
 */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { globalGlue } from '../ts/core/glue.ts';

const THRESHOLD = 4.5;
const LEAKY = 'leaky';
const NATIVE = 'build/ct';
const WASM = 'build/ct.wasm';
/** Modules never free memory, so an instance is dropped when it has grown to this many bytes. */
const MEMORY = 64 << 20;

/** Times in nanoseconds of one operation, by the class of its secret. */
type Samples = { fixed: number[]; random: number[] };

const root = fileURLToPath(new URL('..', import.meta.url));
const { values: options } = parseArgs({
  options: {
    samples: { type: 'string', default: '100000' },
    subject: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const samples = Number(options.samples);

async function native(args: string[], line: (text: string) => void): Promise<void> {
  const child = spawn(`${root}${NATIVE}`, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = new Promise<number | null>((resolve) => child.on('close', resolve));
  for await (const text of createInterface(child.stdout)) line(text);
  if ((await exit) !== 0) throw new Error(`${NATIVE} failed; build it with: make ct`);
}

async function measureNative(subject: string): Promise<Samples> {
  const out: Samples = { fixed: [], random: [] };
  await native([subject, String(samples)], (text) => {
    const [kind, time] = text.split(' ');
    (kind === '0' ? out.fixed : out.random).push(Number(time));
  });
  return out;
}

interface CtExports extends WebAssembly.Exports {
  memory: WebAssembly.Memory;
  prepare: (subject: number, sample: number, random: number) => void;
  run: () => void;
}

async function measureWasm(module: WebAssembly.Module, subject: number): Promise<Samples> {
  const start = async (): Promise<CtExports> => {
    const go = new (globalGlue())();
    const instance = await WebAssembly.instantiate(module, go.importObject);
    await go.run(instance);
    return instance.exports as CtExports;
  };
  const out: Samples = { fixed: [], random: [] };
  let instance = await start();
  for (let n = 0; n < samples; n++) {
    if (instance.memory.buffer.byteLength > MEMORY) instance = await start();
    const random = Math.random() < 0.5;
    instance.prepare(subject, n, random ? 1 : 0);
    const before = process.hrtime.bigint();
    instance.run();
    (random ? out.random : out.fixed).push(Number(process.hrtime.bigint() - before));
  }
  return out;
}

/** Welch's t of the two classes, without the slowest tenth of all samples: what interrupts a process is no secret. */
function welch({ fixed, random }: Samples): number {
  const all = [...fixed, ...random].sort((a, b) => a - b);
  const limit = all[Math.floor(all.length * 0.9)] ?? Number.POSITIVE_INFINITY;
  const [a, b] = [fixed, random].map((times) => moments(times.filter((time) => time < limit)));
  return a && b ? (a.mean - b.mean) / Math.sqrt(a.variance / a.count + b.variance / b.count) : Number.NaN;
}

function moments(values: number[]): { count: number; mean: number; variance: number } {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  return { count, mean, variance };
}

await import(pathToFileURL(`${root}build/wasm_exec.js`).href);
const module = await WebAssembly.compile(await readFile(`${root}${WASM}`));
const subjects: string[] = [];
await native([], (text) => subjects.push(...(JSON.parse(text) as string[])));

const results: { subject: string; platform: string; samples: number; t: number; ok: boolean }[] = [];
for (const [index, subject] of subjects.entries()) {
  if (options.subject !== undefined && options.subject !== subject) continue;
  for (const platform of ['native', 'wasm']) {
    const times = platform === 'native' ? await measureNative(subject) : await measureWasm(module, index);
    const t = welch(times);
    const ok = Math.abs(t) < THRESHOLD !== (subject === LEAKY);
    results.push({ subject, platform, samples, t, ok });
    if (!options.json) {
      const verdict = subject === LEAKY ? (ok ? 'caught, as it must be' : 'NOT CAUGHT') : ok ? 'ok' : 'LEAKS';
      console.log(`${subject.padEnd(22)} ${platform.padEnd(7)} t = ${t.toFixed(2).padStart(7)}  ${verdict}`);
    }
  }
}
if (options.json) console.log(JSON.stringify(results));
process.exitCode = results.every(({ ok }) => ok) && results.length > 0 ? 0 : 1;
