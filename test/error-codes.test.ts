import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { TandemError, type TandemErrorCode } from '../ts/core/errors.ts';
import {
  BuildError,
  CheckFailedError,
  CODES,
  CodedError,
  type ErrorCode,
  LockedError,
  PasskeyError,
  PolicyError,
  ProtocolError,
  RefusedError,
  StaleResponseError,
  StoreError,
  type StoreErrorKind,
  UsageError,
  WalletError,
} from '../ts/errors.ts';
import { InputError } from '../ts/intent/read/json.ts';
import { RuntimeError, type RuntimeErrorKind } from '../ts/runtime/errors.ts';
import { AgeError } from '../ts/store/age.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

const cause = new Error('why');
const next = 'do it.';
const store = (kind: StoreErrorKind) => new StoreError(kind, 'x', { next, cause });
const host = (kind: RuntimeErrorKind) => new RuntimeError(kind, 'x', { next, cause, status: 500 });
const module = (code: TandemErrorCode) => new TandemError(code, 'x', { party: 2, cause });
/** An error of every code: this does not compile while one is missing, or while a class has a kind without a code. */
const errors: { readonly [code in ErrorCode]: CodedError } = {
  wallet: new WalletError('x', { next, cause }),
  usage: new UsageError('x', { next, cause }),
  policy: new PolicyError('x', { next, cause }),
  refused: new RefusedError('x', { next, cause }),
  locked: new LockedError('x', { next, cause }),
  'check-failed': new CheckFailedError('x', { next, cause }),
  'stale-response': new StaleResponseError('x', { next, cause }),
  protocol: new ProtocolError('x', { next, cause }),
  malformed: new InputError('', 'x'),
  build: new BuildError('x', { cause }),
  'store-missing': store('missing'),
  'store-passphrase': store('passphrase'),
  'store-identity': store('identity'),
  'store-altered': store('altered'),
  'store-other-wallet': store('other-wallet'),
  'store-old-share': store('old-share'),
  'store-changed': store('changed'),
  'store-version': store('version'),
  'store-exists': store('exists'),
  'store-busy': store('busy'),
  'store-read-only': store('read-only'),
  'store-full': store('full'),
  'store-io': store('io'),
  'age-wrong-key': new AgeError('wrong-key', 'x', cause),
  'age-unsupported': new AgeError('unsupported', 'x', cause),
  'age-altered': new AgeError('altered', 'x', cause),
  passkey: new PasskeyError('x', { next, cause }),
  'host-input': host('input'),
  'host-permission': host('permission'),
  'host-limit': host('limit'),
  'host-timeout': host('timeout'),
  'host-memory': host('memory'),
  'host-aborted': host('aborted'),
  'host-action': host('action'),
  'host-busy': host('busy'),
  'host-payment': host('payment'),
  'host-unavailable': host('unavailable'),
  input: module('input'),
  session: module('session'),
  identity: module('identity'),
  stale: module('stale'),
  check: module('check'),
  party: module('party'),
  internal: module('internal'),
};

/** What the documentation has of codes: the heading, and the text below it. */
function documented(): [code: string, text: string][] {
  const text = readFileSync(`${root}docs/errors.md`, 'utf8');
  return [...text.matchAll(/^### `([^`]+)`\n([^#]*)/gm)].map(([, code = '', below = '']) => [code, below.trim()]);
}

describe('errors', () => {
  test('every code has one class, and says what happened and what to do in the same places', () => {
    assert.deepEqual(Object.keys(errors).sort(), [...CODES].sort());
    for (const [code, error] of Object.entries(errors)) {
      assert.ok(error instanceof CodedError);
      assert.equal(error.code, code);
      assert.equal(error.name, error.constructor.name);
      assert.equal(error.short, 'x');
      assert.equal(error.message, error.next === undefined ? 'x' : 'x\nNext: do it.');
      assert.equal(error.docs, `docs/errors.md#${code}`);
      if (!(error instanceof InputError)) assert.equal(error.cause, cause);
      assert.ok(!('fix' in error));
    }
    assert.ok(!('cause' in new StoreError('io', 'x')));
  });

  test('the documentation has every code, once and with words, and no other', () => {
    const sections = documented();
    assert.deepEqual(sections.map(([code]) => code).sort(), [...CODES].sort());
    for (const [code, text] of sections) assert.ok(text.length > 20, code);
  });

  test('no other class is an error, except what goes over a wire', () => {
    const wire = ['PublicRefusal', 'OpError', 'ApiError', 'ProviderRpcError'];
    const files = ['ts', 'actions', 'scripts', 'examples'].flatMap((folder) =>
      readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' }).map((file) => `${root}${folder}/${file}`),
    );
    const found = files
      .filter((file) => file.endsWith('.ts'))
      .flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/class (\w+) extends (?:Type|Range)?Error\b/g)])
      .map(([, name = '']) => name);
    assert.deepEqual(found.sort(), ['CodedError', ...wire].sort());
  });
});
