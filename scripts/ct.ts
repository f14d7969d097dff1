/**
 * Measures whether secrets show in timing, after "dude, is my code constant time?" (ePrint 2016/1123): every operation runs
 * on one fixed secret and on random ones, in random order, and Welch's t-test tells whether the two sets of times differ.
 * Natively and in wasm. One operation is leaky on purpose, and has to be caught.
 *
 *     npx tsx scripts/ct.ts [--samples 100000] [--subject NAME] [--json] [--docs]
 *
 * Exits 1 if a secret shows or the leaky operation passes. Takes about half an hour on a quiet machine. With --docs it writes what
 * it found into docs/performance.md.
 */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { globalGlue } from '../ts/command/internals.ts';
import { putFigures } from './figures.ts';
import { say, sayJson, status } from './terminal.ts';

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
    docs: { type: 'boolean', default: false },
  },
});

/** A subject, and how many of the samples asked for stand for one of it: what takes long is measured less often. */
interface Subject {
  name: string;
  every: number;
}

async function native(args: string[], line: (text: string) => void): Promise<void> {
  const child = spawn(`${root}${NATIVE}`, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = new Promise<number | null>((resolve) => child.on('close', resolve));
  for await (const text of createInterface(child.stdout)) line(text);
  if ((await exit) !== 0) throw new Error(`${NATIVE} failed; build it with: make ct`);
}

async function measureNative(subject: string, samples: number): Promise<Samples> {
  const out: Samples = { fixed: [], random: [] };
  await native([subject, String(samples)], (text) => {
    const [kind, time] = text.split(' ');
    (kind === '0' ? out.fixed : out.random).push(Number(time));
    progress(subject, 'native', out.fixed.length + out.random.length, samples);
  });
  return out;
}

interface CtExports extends WebAssembly.Exports {
  memory: WebAssembly.Memory;
  prepare: (subject: number, sample: number, random: number) => void;
  run: () => void;
}

async function measureWasm(
  module: WebAssembly.Module,
  subject: string,
  index: number,
  samples: number,
): Promise<Samples> {
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
    instance.prepare(index, n, random ? 1 : 0);
    const before = process.hrtime.bigint();
    instance.run();
    (random ? out.random : out.fixed).push(Number(process.hrtime.bigint() - before));
    progress(subject, 'wasm', n + 1, samples);
  }
  return out;
}

/** The parts of all samples, from the fastest on, on which t is computed: what interrupts a process is not secret. */
const CROPS = [0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1];

/** Welch's t of the two classes: the largest of all crops. */
function welch({ fixed, random }: Samples): number {
  const all = [...fixed, ...random].sort((a, b) => a - b);
  const ts = CROPS.map((part) => {
    const limit = all[Math.ceil(all.length * part) - 1] ?? Number.NaN;
    const [a, b] = [moments(fixed, limit), moments(random, limit)];
    return (a.mean - b.mean) / Math.sqrt(a.variance / a.count + b.variance / b.count);
  });
  return ts.reduce((max, t) => (Math.abs(t) < Math.abs(max) ? max : t));
}

function moments(times: number[], limit: number): { count: number; mean: number; variance: number } {
  const values = times.filter((time) => time <= limit);
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  return { count, mean, variance };
}

/** Says on a terminal how far a measurement is. */
function progress(subject: string, platform: string, done: number, samples: number): void {
  if (!process.stderr.isTTY || done % 1000 !== 0) return;
  status(done < samples ? `${subject}, ${platform}: ${done} of ${samples}` : '');
}

await import(pathToFileURL(`${root}build/wasm_exec.js`).href);
const module = await WebAssembly.compile(await readFile(`${root}${WASM}`));
const subjects: Subject[] = [];
await native([], (text) => subjects.push(...(JSON.parse(text) as Subject[])));

const results: { subject: string; platform: string; samples: number; t: number; ok: boolean }[] = [];
for (const [index, { name: subject, every }] of subjects.entries()) {
  if (options.subject !== undefined && options.subject !== subject) continue;
  const samples = Math.ceil(Number(options.samples) / every);
  for (const platform of ['native', 'wasm']) {
    const times =
      platform === 'native'
        ? await measureNative(subject, samples)
        : await measureWasm(module, subject, index, samples);
    const t = welch(times);
    const ok = Math.abs(t) < THRESHOLD !== (subject === LEAKY);
    results.push({ subject, platform, samples, t, ok });
    if (!options.json) {
      const verdict = subject === LEAKY ? (ok ? 'caught, as it must be' : 'NOT CAUGHT') : ok ? 'ok' : 'LEAKS';
      say(`${subject.padEnd(22)} ${platform.padEnd(7)} t = ${t.toFixed(2).padStart(7)}  ${verdict}`);
    }
  }
}
if (options.json) sayJson(results);
if (options.docs) {
  const rows = subjects.flatMap(({ name }) => {
    const [own, wasm] = ['native', 'wasm'].map((where) =>
      results.find(({ subject, platform }) => subject === name && platform === where),
    );
    if (own === undefined || wasm === undefined) return [];
    const what = name === LEAKY ? 'a multiplication that is leaky on purpose' : `\`${name}\``;
    return [`| ${what} | ${own.samples.toLocaleString('en')} | ${own.t.toFixed(2)} | ${wasm.t.toFixed(2)} |`];
  });
  putFigures('ct', ['| | samples | t, native | t, wasm |', '|---|---:|---:|---:|', ...rows]);
}
process.exitCode = results.every(({ ok }) => ok) && results.length > 0 ? 0 : 1;
