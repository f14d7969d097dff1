import * as v from 'valibot';
import { BuildError } from '../errors.ts';
import { RuntimeError } from '../runtime/errors.ts';
import { STRICT_LIMITS } from '../runtime/limits.ts';
import { GENERATIONS } from '../runtime/local/generations.ts';
import { GuestProcess, OpError } from '../runtime/local/guest-process.ts';
import type { Json, Limits } from '../runtime/types.ts';
import { bundleConstants } from './bundle.ts';
import type { Configured } from './configure.ts';

const MAX_ANSWER = 1024 * 1024;
const LIMITS: Limits = { ...STRICT_LIMITS, memoryLimitMb: 128, timeoutMs: 10_000 };

/** The file decides what comes back, so it is checked like any other input. */
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
  const source = await bundleConstants(
    path,
    'iife',
    (configured) => `
    globalThis.main = async (define) => JSON.stringify(${configured}(JSON.parse(define)));`,
  );
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
    throw new BuildError(`${path} does not run without files, environment and network: ${cause.message}`, {
      cause,
    });
  }
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), answerSchema), answer);
  if (!result.success) throw new BuildError(`${path} gives an answer of an unexpected form`);
  return result.output as Configured;
}
