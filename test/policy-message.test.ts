// Rules for messages.
import { message, testRules } from './support/policies.ts';

testRules('messages', [
  [
    'message prefix',
    { kind: 'message', prefixes: ['Sign in to'] },
    message('Sign in to x'),
    message('sign in to x'),
    /does not begin/,
  ],
  [
    'message prefix, in bytes',
    { kind: 'message', prefixes: ['é'] },
    message({ raw: '0xc3a9ff' }),
    message('e\u0301'),
    /does not begin/,
  ],
  ['any message', { kind: 'message', prefixes: 'any' }, message(''), message('x'), /^$/],
]);
