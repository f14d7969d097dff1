import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { devNull } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { packageRoot } from '../../core/root.ts';
import { readJson } from '../../json.ts';
import { aborted, RuntimeError } from '../errors.ts';
import { peerMissing } from '../peer.ts';
import type { Json, Limits } from '../types.ts';
import type { Generation } from './generations.ts';

/**
 * What a guest process is told: the action, its parameters as JSON text, the headers it may read, and whether it prints why it
 * refuses.
 */
export interface Job {
  readonly source: string;
  readonly params: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly showsRefusals?: boolean;
}

/** One request of a running action to its host. */
export interface GuestRequest {
  readonly op: string;
  readonly [argument: string]: Json;
}

/** Answers a request. What it throws as {@link OpError} is thrown inside the action, with its message. */
export type Answer = (request: GuestRequest) => Json | Promise<Json>;

/** A refusal that the action itself gets to see. */
export class OpError extends Error {}

const MAX_FRAME = 4 * 1024 * 1024;
const MAX_REQUESTS = 100_000;
const MAX_STDERR = 64 * 1024;

/** What a Deno has of writable memory before it runs anything: much more is reserved for code and threads than is used. */
const OWN_DATA_MB = 768;

/**
 * Whether the system holds a process to a limit of its memory outside of V8's heap (buffers, wasm). Elsewhere nothing bounds
 * that: the limits of Unix that other systems have are not for memory that is mapped.
 */
export const LIMITS_MEMORY = process.platform === 'linux';

/** How V8 says that there is no memory left, of the heap or outside of it. */
const OUT_OF_MEMORY =
  /JavaScript out of memory|Fatal process out of memory|^error: Uncaught .*RangeError: (?:Array buffer allocation failed|WebAssembly\.[\w.]+\(\): .*(?:allocate|grow))/m;

/** The folder of the code that runs in Deno. No bundle of this program contains that code. */
const here = join(packageRoot, 'ts/runtime/local');
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** The package links its executable into place at first use; its own script for that says where it is. */
function denoExecutable({ deno, package: name }: Generation): string {
  try {
    const { runInstall } = createRequire(import.meta.url)(`${name}/install_api.cjs`) as { runInstall(): string };
    return runInstall();
  } catch (cause) {
    if ((cause as { code?: unknown }).code === 'MODULE_NOT_FOUND') throw peerMissing(name, cause);
    throw new RuntimeError('unavailable', `Deno ${deno} is not there for this system`, { cause });
  }
}

/**
 * A Deno process that waits for one job, runs it, and is gone. It is started with the real host's V8 flags and
 * permissions, an empty environment, no core dumps (they would hold secrets), a bound on its memory where the system has one
 * ({@link LIMITS_MEMORY}), and one on its processor time (so that it ends even if this process is killed).
 */
export class GuestProcess {
  readonly #child: ChildProcess;
  readonly #stdin: Writable;
  readonly #stdout: Readable;
  readonly #exited: Promise<unknown>;
  readonly #limits: Limits;
  readonly #generation: Generation;
  #stderr = '';

  constructor(limits: Limits, generation: Generation, hasNetwork = true) {
    const flags = [
      '--disallow-code-generation-from-strings',
      '--clear-free-memory',
      `--max-heap-size=${limits.memoryLimitMb}`,
    ];
    const command = [
      denoExecutable(generation),
      'run',
      '--quiet',
      '--no-prompt',
      '--no-config',
      '--no-lock',
      '--no-remote',
      '--no-npm',
      '--no-code-cache',
      ...(hasNetwork ? ['--allow-net'] : []),
      `--import-map=${join(here, 'guest-imports.json')}`,
      `--v8-flags=${flags.join(',')}`,
      join(here, 'guest.js'),
    ];
    const cpuSeconds = 2 * Math.ceil(limits.timeoutMs / 1000) + 10;
    const dataKb = 1024 * (OWN_DATA_MB + 2 * limits.memoryLimitMb);
    const ulimits = `ulimit -c 0; ulimit -t ${cpuSeconds}; ${LIMITS_MEMORY ? `ulimit -d ${dataKb};` : ''}`;
    const limited = ['/bin/sh', '-c', `${ulimits} exec "$@"`, 'sh', ...command];
    const [program, ...args] = (process.platform === 'win32' ? command : limited) as [string, ...string[]];
    // A cache folder that cannot exist: Deno then keeps nothing, so no call leaves a trace for the next.
    const env = { DENO_DIR: join(devNull, 'none'), DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1', TZ: 'UTC' };
    const child = spawn(program, args, { cwd: '/', env, stdio: 'pipe' });
    child.on('error', ({ message }) => {
      this.#stderr += message;
    });
    if (child.stdin === null || child.stdin === undefined) {
      throw new RuntimeError('unavailable', 'the system has no file descriptors left to start Deno', {
        next: 'try again later',
      });
    }
    running.add(child);
    this.#child = child;
    this.#stdin = child.stdin;
    this.#stdout = child.stdout;
    this.#limits = limits;
    this.#generation = generation;
    this.#exited = once(child, 'close').then(
      () => running.delete(child),
      () => running.delete(child),
    );
    child.stdin.on('error', () => {}); // a process that is gone shows as the end of its output
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(0, MAX_STDERR);
    });
  }

  /**
   * Runs the job to its end. The process serves no other and is killed afterwards.
   *
   * @throws {RuntimeError} `action` if the code threw, `timeout`, `memory`, `limit`, `aborted`, or `unavailable`
   */
  async run(job: Job, answer: Answer, signal?: AbortSignal): Promise<void> {
    const { memoryLimitMb, timeoutMs } = this.#limits;
    const outOfMemory = () =>
      new RuntimeError('memory', `the action exceeded the maximum memory of ${memoryLimitMb} MB and was stopped`);
    let reason: RuntimeError | undefined;
    const stop = (error: RuntimeError) => {
      reason ??= error;
      this.kill();
    };
    const onAbort = () => stop(aborted(signal));
    const timer = setTimeout(() => {
      stop(new RuntimeError('timeout', `the action exceeded the maximum time of ${timeoutMs} ms and was stopped`));
    }, timeoutMs);
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted) onAbort();
    try {
      await this.#converse(job, answer);
    } catch (error) {
      if (error instanceof RuntimeError) stop(error);
      await this.#exited;
      if (reason) throw reason;
      if (OUT_OF_MEMORY.test(this.#stderr)) throw outOfMemory();
      const uncaught = /^error: (Uncaught [\s\S]*)/m.exec(this.#stderr)?.[1];
      if (uncaught) throw new RuntimeError('action', withoutGuest(uncaught));
      throw new RuntimeError('unavailable', `Deno ended unexpectedly: ${this.#stderr.trim() || 'no message'}`, {
        cause: error,
      });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      this.kill();
    }
  }

  /** Whether it can still take a job. */
  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Ends the process at once. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async #converse(job: Job, answer: Answer): Promise<void> {
    let requests = 0;
    const { limits: _, ...generation } = this.#generation;
    await this.#send({ ...job, generation });
    for await (const message of frames(this.#stdout)) {
      if (message.op === 'done') return;
      if (++requests > MAX_REQUESTS) throw new RuntimeError('limit', `more than ${MAX_REQUESTS} calls to the host`);
      let reply: { ok: Json } | { error: string };
      try {
        reply = { ok: await answer(message) };
      } catch (error) {
        if (!(error instanceof OpError)) throw error;
        reply = { error: error.message };
      }
      await this.#send(reply);
    }
    throw new Error('the process ended before the action did');
  }

  #send(message: Json): Promise<void> {
    const body = Buffer.from(JSON.stringify(message));
    const header = Buffer.alloc(4);
    header.writeUInt32BE(body.length);
    this.#stdin.write(header);
    return new Promise((resolve, reject) => {
      this.#stdin.write(body, (error) => (error ? reject(error) : resolve()));
    });
  }
}

/** The messages in a guest's output. Whatever is not one ends the conversation: the action may write what it likes. */
async function* frames(stream: Readable): AsyncGenerator<GuestRequest> {
  let pending: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    pending.push(chunk);
    length += chunk.length;
    while (length >= 4) {
      const head = Buffer.concat(pending.slice(0, 4)).readUInt32BE(0);
      if (head > MAX_FRAME) throw new RuntimeError('limit', `a message of ${head} bytes to the host is too long`);
      if (length < 4 + head) break;
      const all = pending.length === 1 && pending[0] ? pending[0] : Buffer.concat(pending);
      yield parse(all.subarray(4, 4 + head));
      pending = [all.subarray(4 + head)];
      length -= 4 + head;
    }
  }
}

function parse(body: Buffer): GuestRequest {
  try {
    const message: unknown = readJson(body.toString('utf8'));
    if (typeof message === 'object' && message !== null && 'op' in message && typeof message.op === 'string') {
      return message as GuestRequest;
    }
  } catch {}
  throw new RuntimeError('action', 'the action disturbed its channel to the host and was stopped');
}

/** Leaves out what Deno shows of this package's own files: an excerpt of the source, and stack frames with paths. */
function withoutGuest(error: string): string {
  const lines = error
    .replace(/\n[^\n]*\n *\^+ *$/m, '')
    .trimEnd()
    .split('\n');
  return lines.filter((line) => !line.includes('/guest.js:')).join('\n');
}
