// Prints the JSON Schema of policies: npx tsx scripts/policy-schema.ts > docs/policy.schema.json

import { toJsonSchema } from '@valibot/to-json-schema';
import { CallSchema, ConstraintSchema, PolicySchema, SumSchema } from '../ts/command/internals.ts';
import { say } from './terminal.ts';

const schema = toJsonSchema(PolicySchema, {
  target: 'draft-2020-12',
  definitions: { Constraint: ConstraintSchema, Sum: SumSchema, Call: CallSchema },
});
say(JSON.stringify({ ...schema, title: 'A policy of tandem' }, null, 2));
