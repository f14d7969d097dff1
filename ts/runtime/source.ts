import { BuildError } from '../errors.ts';
import { cidOf } from '../protocol/cid.ts';
import { RuntimeError } from './errors.ts';
import type { Action } from './types.ts';

/** The CID of a source that a host is given. @throws {RuntimeError} `input` if it is not well-formed Unicode */
export function sourceCid(source: string): string {
  try {
    return cidOf(source);
  } catch (cause) {
    throw cause instanceof BuildError ? new RuntimeError('input', cause.message, { cause }) : cause;
  }
}

/** @throws {RuntimeError} `input` unless the source is the one that the CID names */
export function assertSource({ source, cid }: Action): void {
  const actual = sourceCid(source);
  if (actual !== cid) throw new RuntimeError('input', `the source is not that of ${cid}: its CID is ${actual}`);
}
