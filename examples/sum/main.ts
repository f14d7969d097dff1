// The template with the smallest module there is:
//   npx wasm-as examples/sum/sum.wat -o build/sum.wasm
//   npx tsx scripts/build-action.ts --main examples/sum/main.ts --wasm build/sum.wasm --glue none --out build/sum.js
//   npx tsx scripts/run-action.ts build/sum.js '{"a":"40","b":"2"}'
import * as v from 'valibot';
import { actionMain } from '../../actions/template/action.ts';
import { loadWasm } from '../../actions/template/wasm.ts';

const int64 = v.pipe(
  v.string(),
  v.regex(/^-?[0-9]{1,19}$/),
  v.transform((digits) => BigInt(digits)),
);
const requestSchema = v.strictObject({ a: int64, b: int64 });

/** The sum of two whole numbers, modulo 2^64. */
export const main = actionMain(async (params) => {
  const { a, b } = v.parse(requestSchema, params);
  const { exports } = await WebAssembly.instantiate(await loadWasm());
  const sum = exports.sum as (a: bigint, b: bigint) => bigint;
  return { sum: String(sum(a, b)) };
});
