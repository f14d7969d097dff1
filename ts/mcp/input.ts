import { UsageError } from '../errors.ts';
import { MAX_JSON_SIZE } from '../intent/read/json.ts';
import { isRecord } from '../intent/read/loose.ts';

/** What a tool takes, in as much of JSON Schema as is needed here. */
export interface InputSchema {
  readonly type: 'object';
  readonly properties: { readonly [name: string]: Field };
  readonly required?: readonly string[];
  readonly additionalProperties: false;
}

type Field = {
  readonly description: string;
} & (
  | {
      readonly type: 'string';
      readonly maxLength: number;
      readonly pattern?: string;
      readonly enum?: readonly string[];
    }
  | { readonly type: 'integer'; readonly minimum: number; readonly maximum: number }
  | { readonly type: 'object' }
);

export type Input = { readonly [name: string]: string | number | object | undefined };

/** What a model gives a tool, if it is as the schema says. @throws UsageError */
export function readInput({ properties, required = [] }: InputSchema, given: unknown): Input {
  const input = isRecord(given) ? given : {};
  const known = Object.keys(properties);
  for (const name of Object.keys(input)) {
    if (Object.hasOwn(properties, name)) continue;
    throw new UsageError(`There is no argument "${name.slice(0, 40)}".`, {
      next: known.length === 0 ? 'give none.' : `give only these: ${known.join(', ')}.`,
    });
  }
  const missing = required.find((name) => !Object.hasOwn(input, name));
  if (missing !== undefined) throw new UsageError(`The argument ${missing} is missing.`);
  const read: Record<string, string | number | object> = {};
  for (const [name, field] of Object.entries(properties)) {
    const value = Object.hasOwn(input, name) ? asNumber(field, input[name]) : undefined;
    if (value === undefined) continue;
    if (!fits(field, value)) throw new UsageError(`${name}: not what is expected (${field.description}).`);
    read[name] = value as string | number | object;
  }
  return read;
}

/** A whole number may be text, as it is in results. */
function asNumber(field: Field, value: unknown): unknown {
  return field.type === 'integer' && typeof value === 'string' && /^[1-9]\d{0,15}$/.test(value) ? Number(value) : value;
}

function fits(field: Field, value: unknown): boolean {
  switch (field.type) {
    case 'string':
      return (
        typeof value === 'string' &&
        value.length <= field.maxLength &&
        (field.pattern === undefined || new RegExp(field.pattern).test(value)) &&
        (field.enum === undefined || field.enum.includes(value))
      );
    case 'integer':
      return Number.isSafeInteger(value) && Number(value) >= field.minimum && Number(value) <= field.maximum;
    case 'object':
      return isRecord(value) && JSON.stringify(value).length <= MAX_JSON_SIZE;
  }
}
