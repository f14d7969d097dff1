import * as v from 'valibot';
import { actionMain } from '../../actions/template/action.ts';
import { digestOf, intentJson, parseIntentJson } from '../../ts/intent/intent.ts';

const requestSchema = v.strictObject({ intents: v.array(v.string()) });

/** What an action makes of intents: their digests, and their texts in canonical form. */
export const main = actionMain(
  async (params) => {
    const intents = v.parse(requestSchema, params).intents.map(parseIntentJson);
    return { digests: intents.map(digestOf), texts: intents.map(intentJson) };
  },
  { params: 10_000_000, response: 10_000_000 },
);
