import { dirname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type BuildFailure, build, type Plugin, transform } from 'esbuild';
import * as v from 'valibot';
import { BuildError } from '../errors.ts';
import { readLimited } from '../files/files.ts';
import { sourceOf } from '../protocol/source.ts';
import { RuntimeError } from '../runtime/errors.ts';
import { STRICT_LIMITS } from '../runtime/limits.ts';
import { GENERATIONS } from '../runtime/local/generations.ts';
import { GuestProcess, OpError } from '../runtime/local/guest-process.ts';
import type { Json, Limits } from '../runtime/types.ts';
import type { Configured } from './configure.ts';

const here = dirname(fileURLToPath(import.meta.url));

const MAX_FILE = 8 * 1024 * 1024;
const MAX_ANSWER = 1024 * 1024;
const LIMITS: Limits = { ...STRICT_LIMITS, memoryLimitMb: 128, timeoutMs: 10_000 };

/** What comes back is whatever the file wanted to: it is checked like any other input. */
const answerSchema = v.union([
  v.strictObject({ error: v.string() }),
  v.strictObject({
    constants: v.record(v.string(), v.unknown()),
    modules: v.record(v.pipe(v.string(), v.regex(/^[\w./-]{1,100}$/)), v.nullable(v.string())),
  }),
]);

/**
 * What a file constants.ts makes of the constants, by somebody else's file, which is judged and not trusted: it is bundled,
 * which runs nothing, and the bundle runs as an action does, in a Deno process that may read no file and no environment and
 * reach no network, for a bounded time and in bounded memory. All that comes out of it is an answer in JSON.
 *
 * @throws {BuildError} if it does not run there, or answers in another form
 */
export async function configureApart(
  path: string,
  define: Readonly<Record<string, Json>>,
  limits: Limits = LIMITS,
): Promise<Configured> {
  const source = await bundled(path);
  const guest = new GuestProcess(limits, GENERATIONS.newest, false);
  let answer = '';
  try {
    // A text, as the parameters of an action are a literal, in which "__proto__" would mean something else.
    await guest.run({ source, params: JSON.stringify(JSON.stringify(define)), headers: {} }, ({ op, response }) => {
      if (op === 'print') return null;
      if (op !== 'setResponse' || typeof response !== 'string') throw new OpError('this is not available here');
      if (response.length > MAX_ANSWER) throw new OpError('the answer is too long');
      answer = response;
      return null;
    });
  } catch (cause) {
    if (!(cause instanceof RuntimeError)) throw cause;
    throw new BuildError(`${path} does not run apart, without files, environment and network: ${cause.message}`, {
      cause,
    });
  }
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), answerSchema), answer);
  if (!result.success) throw new BuildError(`${path} answers in a form that is not agreed`);
  return result.output as Configured;
}

/** The file and all that it imports as one script, with a global `main`. */
async function bundled(path: string): Promise<string> {
  const contents = `
    import { configure } from ${JSON.stringify(`${here}/configure.ts`)};
    import * as file from ${JSON.stringify(path)};
    globalThis.main = async (define) => JSON.stringify(configure(file, JSON.parse(define)));`;
  try {
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: here, sourcefile: 'constants' },
      bundle: true,
      write: false,
      absWorkingDir: resolve(here, '../..'),
      plugins: [withOwnUrl],
      format: 'iife',
      platform: 'neutral',
      mainFields: ['module', 'main'],
      conditions: ['deno'],
      target: 'es2022',
      charset: 'ascii',
      logLevel: 'silent',
      tsconfigRaw: '{}',
    });
    return outputFiles.map(({ text }) => text).join('');
  } catch (error) {
    const messages = (error as Partial<BuildFailure>).errors?.map(({ text }) => text);
    if (messages === undefined) throw error;
    throw new BuildError(`${path} does not run apart: ${messages.join('\n')}`, { cause: error });
  }
}

/** Modules name files by their own URL, which a bundle does not have. */
const withOwnUrl: Plugin = {
  name: 'own-url',
  setup(build) {
    build.onLoad({ filter: /\.[cm]?[jt]s$/, namespace: 'file' }, async ({ path }) => {
      const code = sourceOf(readLimited(path, MAX_FILE));
      if (!code.includes('import.meta')) return undefined;
      const define = { 'import.meta.url': JSON.stringify(pathToFileURL(path).href) };
      const loader = /\.[cm]?ts$/.test(path) ? 'ts' : 'js';
      return { contents: (await transform(code, { loader, define, tsconfigRaw: '{}' })).code, loader: 'js' };
    });
  },
};
