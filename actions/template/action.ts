import { byteLength } from '../../ts/core/bytes.ts';
import { readJson } from '../../ts/json.ts';

/**
 * The longest parameters taken, and the longest response given, as JSON in bytes: the strictest figures of any host. They are not
 * imported from ts/runtime/limits.ts, so that a change there does not change the CID of every action.
 */
export const MAX_PARAMS = 64 * 1024;
export const MAX_RESPONSE = 100 * 1024;

/**
 * A refusal whose reason the caller may know, because it follows from what the caller sent and from this source alone.
 * Whatever else goes wrong shows as one and the same answer: a caller who can ask at will must not learn from errors
 * anything about what is sealed.
 */
export class PublicRefusal extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** The answer of an action: what it was asked for, or the reason why not. */
export type Answer<T> = { readonly ok: T } | { readonly error: { readonly code: string; readonly message: string } };

/** The one answer to everything that is refused without a public reason. */
export const REFUSED = { error: { code: 'refused', message: 'request refused' } } as const;

/**
 * Makes the `main` of an action: it hands the parameters to `handle`, whose result it wraps into an {@link Answer}. It
 * never throws, and what is longer than `limits`, by default what every host allows, is refused.
 *
 * @param limits of the parameters and of the answer as JSON, in bytes
 *
 * @example
 * ```ts
 * import { actionMain } from 'tandem-ecdsa/template/action';
 * import * as v from 'valibot';
 *
 * const requestSchema = v.strictObject({ name: v.string() });
 *
 * export const main = actionMain(async (params) => `hello, ${v.parse(requestSchema, params).name}`);
 * ```
 */
export function actionMain<T>(
  handle: (params: unknown) => Promise<T>,
  limits: { readonly params: number; readonly response: number } = { params: MAX_PARAMS, response: MAX_RESPONSE },
): (params: unknown) => Promise<Answer<T>> {
  return async (params) => {
    try {
      const text = JSON.stringify(params);
      if (byteLength(text) > limits.params) throw new Error(`more than ${limits.params} bytes of parameters`);
      // Parsed again, because hosts may give parameters as a literal, in which "__proto__" sets what is inherited.
      const answer = { ok: await handle(readJson(text)) };
      if (byteLength(JSON.stringify(answer)) > limits.response)
        throw new Error(`more than ${limits.response} bytes to answer`);
      return answer;
    } catch (error) {
      if (error instanceof PublicRefusal) return { error: { code: error.code, message: error.message } };
      // There while an action is developed, with run-action; on no host of Lit.
      const { showRefusal } = globalThis as { showRefusal?: unknown };
      if (typeof showRefusal === 'function') showRefusal(error);
      return REFUSED;
    }
  };
}
