import { InputError, within } from '../intent/read/json.ts';
import { readValue, type Type, type Value } from '../intent/types.ts';
import type { Constraint, Constraints } from './schema.ts';

/**
 * Checks that a constraint makes sense for a type, and gives it with its values in canonical form.
 *
 * @throws {@link InputError} if it does not
 */
function readConstraint(type: Type, constraint: Constraint, path: string): Constraint {
  const isNumber = type.kind === 'atom' && /^u?int/.test(type.name);
  const allowed =
    type.kind === 'list' ? ['each'] : type.kind === 'struct' ? ['fields'] : isNumber ? ['in', 'min', 'max'] : ['in'];
  const keys = Object.keys(constraint);
  if (keys.length === 0) throw new InputError(path, 'says nothing');
  const other = keys.find((key) => !allowed.includes(key));
  if (other !== undefined)
    throw new InputError(within(path, other), `does not fit the type; what does: ${allowed.join(', ')}`);

  if (type.kind === 'list' && constraint.each !== undefined) {
    return { each: readConstraint(type.item, constraint.each, `${path}.each`) };
  }
  if (constraint.fields !== undefined) return { fields: readConstraints(type, constraint.fields, `${path}.fields`) };
  for (const key of ['min', 'max'] as const) {
    const bound = constraint[key];
    if (bound !== undefined) readValue(type, bound, `${path}.${key}`);
  }
  const values = constraint.in?.map((item, i) => readValue(type, item, `${path}.in[${i}]`));
  if (values === undefined) return constraint;
  return { ...constraint, in: values.map((value) => (typeof value === 'boolean' ? value : String(value))) };
}

/** The same for each field of a struct. @throws InputError */
export function readConstraints(type: Type, constraints: Constraints, path: string): Constraints {
  const fields = new Map(type.kind === 'struct' ? type.fields.map((field) => [field.name, field.type]) : []);
  if (Object.keys(constraints).length === 0) throw new InputError(path, 'says nothing');
  const read = Object.entries(constraints).map(([name, constraint]) => {
    const field = fields.get(name);
    if (name === '' || field === undefined)
      throw new InputError(within(path, name), 'no field or argument has this name');
    return [name, readConstraint(field, constraint, within(path, name))] as const;
  });
  return Object.fromEntries(read);
}

/** Says where and how a struct's value breaks the constraints; `false` if it keeps them all. */
export function violation(
  type: Type,
  value: Value | undefined,
  constraints: Constraints,
  path: string,
): string | false {
  const fields = type.kind === 'struct' ? type.fields : [];
  for (const [name, constraint] of Object.entries(constraints)) {
    const field = fields.find((field) => field.name === name);
    const place = `${path}${name}`;
    const broken =
      field === undefined ? `${place} is not there` : breaks(field.type, part(value, name), constraint, place);
    if (broken !== false) return broken;
  }
  return false;
}

function part(value: Value | undefined, name: string): Value | undefined {
  return typeof value === 'object' && Object.hasOwn(value, name)
    ? (value as { [field: string]: Value })[name]
    : undefined;
}

function breaks(type: Type, value: Value | undefined, constraint: Constraint, path: string): string | false {
  if (value === undefined) return `${path} is not there`;
  if (type.kind === 'struct') return violation(type, value, constraint.fields ?? {}, `${path}.`);
  if (type.kind === 'list') {
    const { each } = constraint;
    if (each === undefined) return `${path} has no constraint for its items`;
    const broken = (value as readonly Value[]).map((item, i) => breaks(type.item, item, each, `${path}[${i}]`));
    return broken.find((item) => item !== false) ?? false;
  }
  if (constraint.in?.every((item) => readValue(type, item, path) !== value)) return `${path} is not in the list`;
  const { min, max } = constraint;
  if (min === undefined && max === undefined) return false;
  if (typeof value !== 'bigint') return `${path} is not a number`;
  if (min !== undefined && value < BigInt(min)) return `${path} is below ${min}`;
  return max !== undefined && value > BigInt(max) && `${path} is above ${max}`;
}
