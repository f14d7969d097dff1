import * as v from 'valibot';
import { BuildError } from '../errors.ts';
import { slotOf } from '../protocol/slot.ts';
import type { Json } from '../runtime/types.ts';

// This also runs where constants.ts runs apart, so it imports nothing from Node.

/** What a file constants.ts makes of the constants: JSON. A module that is null is left out. */
export type Configured =
  | { readonly constants: Readonly<Record<string, Json>>; readonly modules: Readonly<Record<string, string | null>> }
  | { readonly error: string };

/** Applies what a file constants.ts exports: a schema of the constants, and perhaps a function that names modules. */
export function configure(file: object, define: Readonly<Record<string, Json>>): Configured {
  const { constants: schema, modules } = file as {
    constants?: v.GenericSchema;
    modules?: (constants: unknown) => Readonly<Record<string, string | undefined>>;
  };
  if (schema?.kind !== 'schema') return { error: 'constants.ts has to export a valibot schema named constants' };
  const { issues, output } = v.safeParse(schema, define);
  if (issues) {
    const reasons = issues.map((issue) => `${v.getDotPath(issue) ?? 'constants'}: ${issue.message}`);
    return { error: reasons.join('\n') };
  }
  const constants = output as Record<string, Json>;
  try {
    slotOf(constants); // whatever is not JSON would be lost on the way, or changed
  } catch (error) {
    if (error instanceof BuildError) return { error: error.message };
    throw error;
  }
  const named = Object.entries(modules?.(output) ?? {}).map(([name, path]) => [name, path ?? null]);
  return { constants, modules: Object.fromEntries(named) as Record<string, string | null> };
}
