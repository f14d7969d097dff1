// Writes ts/runtime/local/openapi.json from the schemas of the endpoints. Run it after a change to them.
import { writeFileSync } from 'node:fs';
import { describeApi } from '../ts/runtime/local/openapi.ts';

writeFileSync(
  new URL('../ts/runtime/local/openapi.json', import.meta.url),
  `${JSON.stringify(describeApi(), null, 2)}\n`,
);
