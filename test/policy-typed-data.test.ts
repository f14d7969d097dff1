// Rules for typed data.
import { pad } from 'viem';
import {
  alice,
  mallory,
  permit,
  permitDomain,
  permitMessage,
  permitRule,
  permitTypes,
  testRules,
} from './support/policies.ts';

testRules('typed data', [
  ['domain', permitRule, permit(), permit({ domain: { ...permitDomain, version: '2' } }), /^the domain is not allowed/],
  [
    'domain without a field',
    permitRule,
    permit(),
    permit({ domain: { name: 'Token', version: '1', chainId: '1' } }),
    /^the domain/,
  ],
  [
    'domain with another field',
    { ...permitRule, domains: [{ name: 'Token' }] },
    permit({ domain: { name: 'Token' } }),
    permit(),
    /^the domain/,
  ],
  [
    'empty domain',
    { ...permitRule, domains: [{}] },
    permit({ domain: {} }),
    permit({ domain: { name: 'undefined' } }),
    /^the domain/,
  ],
  [
    'any domain',
    { ...permitRule, domains: 'any', types: ['Permit'] },
    permit({ domain: { salt: pad('0x01') } }),
    permit({ primaryType: 'Detail', types: { Detail: permitTypes.Detail }, message: { note: '', share: '0' } }),
    /^the type Detail/,
  ],
  [
    'type in full',
    permitRule,
    permit(),
    permit({
      types: {
        ...permitTypes,
        Detail: [
          { name: 'note', type: 'string' },
          { name: 'share', type: 'int16' },
        ],
      },
    }),
    /^the type Permit is not allowed, or is defined otherwise/,
  ],
  ['any type', { ...permitRule, types: 'any' }, permit(), permit({ domain: {} }), /^the domain/],
  [
    'address field',
    { ...permitRule, fields: { spender: { in: [alice] } } },
    permit(),
    permit({ message: { ...permitMessage, spender: mallory } }),
    /^spender is not in the list/,
  ],
  [
    'number field',
    { ...permitRule, fields: { value: { max: '5' } } },
    permit(),
    permit({ message: { ...permitMessage, value: '6' } }),
    /^value is above 5/,
  ],
  [
    'fields of a list',
    {
      ...permitRule,
      fields: { details: { each: { fields: { note: { in: ['a'] }, share: { min: '-1', max: '0' } } } } },
    },
    permit(),
    permit({ message: { ...permitMessage, details: [...permitMessage.details, { note: 'a', share: '1' }] } }),
    /^details\[1\].share is above 0/,
  ],
]);
