import { BuildError } from '../errors.ts';
import { cidOf } from '../protocol/cid.ts';
import { RuntimeError } from './errors.ts';
import type { Action } from './types.ts';

/** The CID of a source that a host is given. @throws {RuntimeError} `input` if it is not well-formed Unicode */
export async function sourceCid(source: string): Promise<string> {
  try {
    return await cidOf(source);
  } catch (cause) {
    throw cause instanceof BuildError ? new RuntimeError('input', cause.message, { cause }) : cause;
  }
}

/** @throws {RuntimeError} `input` unless the source is the one that the CID names */
export async function assertSource({ source, cid }: Action): Promise<void> {
  const actual = await sourceCid(source);
  if (actual !== cid) throw new RuntimeError('input', `the source is not that of ${cid}: its CID is ${actual}`);
}
