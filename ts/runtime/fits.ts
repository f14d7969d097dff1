import { RuntimeError } from './errors.ts';
import { MAX_BODY } from './limits.ts';
import type { Limits } from './types.ts';

const PARTS = {
  code: { name: 'the code', limitIn: (limits: Limits) => limits.maxCodeLength },
  params: { name: 'the parameters', limitIn: (limits: Limits) => limits.maxParamsLength },
  body: { name: 'the request', limitIn: () => MAX_BODY },
  response: { name: 'the response', limitIn: (limits: Limits) => limits.maxResponseLength },
} as const;

type Part = keyof typeof PARTS;

/** The known lengths of a call, in bytes of UTF-8. */
export type Sizes = Readonly<Partial<Record<Part, number>>>;

/** Whether a call of these sizes is within a host's limits. */
export function fits(sizes: Sizes, limits: Limits): boolean {
  return excess(sizes, limits) === undefined;
}

/** @throws {RuntimeError} `limit`, unless {@link fits} */
export function assertFits(sizes: Sizes, limits: Limits): void {
  const part = excess(sizes, limits);
  if (part === undefined) return;
  const { name, limitIn } = PARTS[part];
  throw new RuntimeError('limit', `${name}: ${sizes[part]} bytes, where the host allows ${limitIn(limits)}`);
}

function excess(sizes: Sizes, limits: Limits): Part | undefined {
  return (Object.keys(PARTS) as Part[]).find((part) => (sizes[part] ?? 0) > PARTS[part].limitIn(limits));
}
