import { decodeCbor, encodeCbor } from './cbor.ts';
import { isErrorCode, TandemError } from './errors.ts';
import { type Glue, RandomGlue } from './glue.ts';

/** A call: the name of the export and its argument in, its result out. */
export type Call = (name: string, argument: object) => Result;

/** The memory and the functions that every module of ours exports, besides one function per call. */
interface Exports extends WebAssembly.Exports {
  memory: WebAssembly.Memory;
  tandem_alloc: (length: number) => number;
  tandem_free: (pointer: number, length: number) => void;
}

type Step = (pointer: number, length: number) => bigint;

/**
 * Starts an instance of any Go module with our exports (package abi) and returns its calls. It serves one session
 * and is then dropped: its memory only ever grows.
 *
 * @param glue for a module that imports more than tandem.wasm does, see {@link globalGlue}
 * @throws {@link TandemError} with code `internal` if the module does not start or is another one
 */
export async function startModule(module: WebAssembly.Module, glue: Glue = RandomGlue): Promise<Call> {
  const go = new glue();
  try {
    // At once: a promise of an instance waits for what V8 compiles in the background, up to half a millisecond.
    const instance = new WebAssembly.Instance(module, go.importObject);
    await go.run(instance);
    return caller(instance.exports);
  } catch (cause) {
    if (cause instanceof TandemError) throw cause;
    throw new TandemError('internal', 'the wasm module does not start', { cause });
  }
}

function caller(exports: WebAssembly.Exports): Call {
  if (!isOurs(exports)) throw new TandemError('internal', 'the wasm module is not one of ours: an export is missing');
  let trapped = false;

  return (name, argument) => {
    if (trapped) throw new TandemError('internal', 'this instance failed before; start a new one');
    const step = exports[name];
    if (typeof step !== 'function') throw new TandemError('internal', `the wasm module has no ${name}`);
    const input = encodeCbor(argument);
    try {
      return resultOf(run(exports, step as Step, input));
    } catch (cause) {
      if (cause instanceof TandemError) throw cause;
      trapped = true;
      new Uint8Array(exports.memory.buffer).fill(0); // what the call had in hand; the instance is of no more use
      throw new TandemError('internal', `the wasm module failed in ${name}`, { cause });
    } finally {
      input.fill(0);
    }
  };
}

function isOurs(exports: WebAssembly.Exports): exports is Exports {
  return (
    exports.memory instanceof WebAssembly.Memory &&
    typeof exports.tandem_alloc === 'function' &&
    typeof exports.tandem_free === 'function'
  );
}

function run(exports: Exports, step: Step, input: Uint8Array): Uint8Array {
  const pointer = exports.tandem_alloc(input.length);
  if (pointer === 0) throw new TandemError('input', `an argument of ${input.length} bytes is too long`);
  new Uint8Array(exports.memory.buffer, pointer, input.length).set(input);
  const packed = BigInt.asUintN(64, step(pointer, input.length));
  exports.tandem_free(pointer, input.length);
  const outPointer = Number(packed >> 32n);
  const outLength = Number(packed & 0xffffffffn);
  const output = new Uint8Array(exports.memory.buffer, outPointer, outLength).slice();
  exports.tandem_free(outPointer, outLength);
  return output;
}

function resultOf(output: Uint8Array): Result {
  const envelope = new Result(decodeCbor(output));
  output.fill(0);
  if (!envelope.has('error')) return envelope.child('ok');
  const error = envelope.child('error');
  const code = error.text('code');
  throw new TandemError(isErrorCode(code) ? code : 'internal', error.text('message'), {
    party: error.has('party') ? error.int('party') : undefined,
  });
}

/** A map with text keys, as a call returns it. A field of another type than asked for is a fault of the module. */
export class Result {
  readonly #fields: ReadonlyMap<unknown, unknown>;

  constructor(value: unknown) {
    this.#fields = checked(value, isMap, 'map');
  }

  has(name: string): boolean {
    return this.#fields.has(name);
  }

  bytes(name: string): Uint8Array {
    return checked(this.#fields.get(name), isBytes, name);
  }

  text(name: string): string {
    return checked(this.#fields.get(name), isText, name);
  }

  int(name: string): number {
    return checked(this.#fields.get(name), isInt, name);
  }

  ints(name: string): number[] {
    return checked(this.#fields.get(name), isArray, name).map((item) => checked(item, isInt, name));
  }

  texts(name: string): string[] {
    return checked(this.#fields.get(name), isArray, name).map((item) => checked(item, isText, name));
  }

  child(name: string): Result {
    return new Result(this.#fields.get(name));
  }

  children(name: string): Result[] {
    return checked(this.#fields.get(name), isArray, name).map((item) => new Result(item));
  }
}

const isMap = (value: unknown): value is ReadonlyMap<unknown, unknown> => value instanceof Map;
const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array;
const isText = (value: unknown): value is string => typeof value === 'string';
const isInt = (value: unknown): value is number => Number.isSafeInteger(value);
const isArray = (value: unknown): value is unknown[] => Array.isArray(value);

function checked<T>(value: unknown, is: (value: unknown) => value is T, name: string): T {
  if (!is(value)) throw new TandemError('internal', `the wasm module returned no valid ${name}`);
  return value;
}
