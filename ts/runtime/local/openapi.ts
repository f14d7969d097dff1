import { toJsonSchema } from '@valibot/to-json-schema';
import * as v from 'valibot';
import { ENDPOINTS, type Endpoint, methodOf } from './api.ts';

const errorObject = v.object({ error: v.string(), message: v.string(), fix: v.string(), docs_url: v.string() });

/** What an endpoint answers if it does not succeed. */
export const errorSchema = v.union([errorObject, v.string()]);

/** The description of the API (OpenAPI 3.1), made from the schemas that requests are checked with. */
export function describeApi(): object {
  const paths = ENDPOINTS.map((endpoint) => [
    `/core/v1/${endpoint.path}`,
    { [methodOf(endpoint).toLowerCase()]: operation(endpoint) },
  ]);
  return {
    openapi: '3.1.0',
    info: {
      title: 'A local host for Lit Actions',
      version: '1',
      description: "The part of Lit's API that setting up and running actions takes, on this machine.",
    },
    paths: Object.fromEntries(paths),
    components: {
      responses: {
        Error: { description: 'What is wrong, and what to do about it', content: json(errorSchema, 'output') },
      },
      securitySchemes: {
        key: { type: 'apiKey', in: 'header', name: 'X-Api-Key' },
        bearer: { type: 'http', scheme: 'bearer' },
      },
    },
  };
}

function operation({ path, summary, auth, query, body, answer }: Endpoint): object {
  const refusals = ['400', ...(auth === 'none' ? [] : ['401', '402']), '403', '404', '413', '422', '429', '500', '503'];
  return {
    operationId: path,
    summary,
    ...(auth !== 'none' && { security: [{ key: [] }, { bearer: [] }] }),
    ...(query && { parameters: parameters(query) }),
    ...(body && { requestBody: { required: true, content: json(body, 'input') } }),
    responses: {
      200: { description: 'Done', content: json(answer, 'output') },
      ...Object.fromEntries(refusals.map((status) => [status, { $ref: '#/components/responses/Error' }])),
    },
  };
}

function json(schema: v.GenericSchema, typeMode: 'input' | 'output'): object {
  return { 'application/json': { schema: schemaOf(schema, typeMode) } };
}

function parameters(query: v.GenericSchema): object[] {
  const { properties = {}, required = [] } = schemaOf(query, 'input') as {
    properties?: Record<string, object>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }));
}

function schemaOf(schema: v.GenericSchema, typeMode: 'input' | 'output'): object {
  const { $schema: _, ...rest } = toJsonSchema(schema, { typeMode, errorMode: 'ignore' });
  return rest;
}
