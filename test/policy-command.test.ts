// scripts/policy.ts.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { hashMessage } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { parsePolicyJson } from '../ts/policy/policy.ts';
import { command } from './support/command.ts';
import { alice, blocks, bob, documented, payRule } from './support/policies.ts';

describe('scripts/policy.ts', { concurrency: true }, () => {
  let dir: string;
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'tandem-policy-'));
    writeFileSync(join(dir, 'policy.json'), documented[0] ?? '');
    writeFileSync(
      join(dir, 'guarded.json'),
      JSON.stringify({ version: 1, rules: [{ name: 'x', ...payRule, guardian: alice }] }),
    );
    writeFileSync(join(dir, 'bad.json'), '{"version":1,"rules":[{}]}');
    const paced = {
      ...payRule,
      maxFee: '210000',
      pace: { first: '0', count: '10', every: '60', from: '100', total: '90' },
    };
    const policyFile = (...rules: object[]) =>
      JSON.stringify({ version: 1, rules: rules.map((rule, i) => ({ name: `rule ${i}`, ...rule })) });
    writeFileSync(join(dir, 'paced.json'), policyFile(paced));
    writeFileSync(join(dir, 'endless.json'), policyFile({ ...paced, maxFee: 'any' }));
    writeFileSync(join(dir, 'torn.json'), policyFile(paced, payRule));
    const message = (text: string) => JSON.stringify({ kind: 'message', message: text });
    writeFileSync(join(dir, 'sign-in.json'), message('example.com wants you to sign in'));
    writeFileSync(join(dir, 'other.json'), message('hello'));
    writeFileSync(join(dir, 'twice.json'), '{"kind":"message","message":"a","message":"b"}');
    const typed = { types: { EIP712Domain: [], A: [{ name: 'x', type: 'uint256' }] }, primaryType: 'A', domain: {} };
    writeFileSync(join(dir, 'surplus.json'), JSON.stringify({ ...typed, message: { x: '1', amount: 4.2 } }));
    writeFileSync(
      join(dir, 'large.json'),
      JSON.stringify({ ...typed, message: { x: 5 } }).replace(':5}', `:1${'0'.repeat(17)}1}`),
    );
    writeFileSync(join(dir, 'pay.json'), blocks.find((text) => text.includes('"nonce": "7",\n    "maxFee')) ?? '');
  });
  after(() => rmSync(dir, { recursive: true }));

  const policy = (...args: string[]) =>
    command(
      'policy',
      args.map((arg) => (arg.endsWith('.json') ? join(dir, arg) : arg)),
      {},
    );

  test('policy test tells by its exit code', async () => {
    const cases: [string[], number, RegExp][] = [
      [['test', 'policy.json', 'sign-in.json'], 0, /^allowed by the rule sign in\n$/],
      [
        ['test', 'policy.json', 'other.json'],
        2,
        /^refused: the rule sign in: the message does not begin as it must\n$/,
      ],
      // Not a refusal: nothing was judged. `sign` says the same.
      [['test', 'policy.json', 'twice.json'], 64, /^.*twice\.json: message: given twice\.\n/],
      [['explain', 'any', 'twice.json'], 64, /^.*twice\.json: message: given twice\.\n/],
      [['test', 'bad.json', 'other.json'], 1, /bad.json is not a policy: rules/],
      [['test', 'none.json', 'other.json'], 64, /neither a policy/],
      [
        ['test', 'torn.json', 'other.json'],
        1,
        /torn.json is not a policy: rules\[0\]: the rule rule 1 has no pace for/,
      ],
      [['test', 'paced.json', 'pay.json', '--now', '100'], 2, /^refused: the rule rule 0: the recipient/],
      [['test', 'any', 'other.json', '--nonsense'], 64, /nonsense/],
    ];
    const told = cases.map(async ([args, status, output]) => {
      const { code, stdout, stderr } = await policy(...args);
      assert.equal(code, status, `${args.join(' ')}: ${stderr}`);
      assert.match(stdout + stderr, output);
    });
    await Promise.all(told);
  });

  test('the command line says what of it is not signed, and what a text that looks like bytes is', async () => {
    const explain = async (...args: string[]) => {
      const { code, stdout, stderr } = await policy('explain', 'any', ...args, '--json');
      const { digest } = stdout === '' ? {} : JSON.parse(stdout);
      return { code, stderr, digest };
    };
    const [text, bytes, odd, none, surplus, large, several] = await Promise.all([
      explain('--message', '0xdeadbeef'),
      explain('--message-hex', '0xDEADbeef'),
      explain('--message-hex', '0xdea'),
      explain('--message-hex', '0x'),
      explain('--typed-data', 'surplus.json'),
      explain('--typed-data', 'large.json'),
      explain('--message', 'x', '--message-hex', '0x'),
    ]);
    assert.equal(text.digest, hashMessage('0xdeadbeef'));
    assert.match(
      text.stderr,
      /^--message signs the text of 10 characters as it is written\. .* use --message-hex\.\n$/,
    );
    assert.equal(bytes.digest, hashMessage({ raw: '0xdeadbeef' }));
    assert.equal(bytes.stderr, '');
    assert.deepEqual([odd.code, several.code], [64, 64]);
    assert.match(odd.stderr, /^--message-hex takes 0x and two hex digits for each byte\./);
    assert.equal(none.digest, hashMessage(''));
    assert.match(surplus.stderr, /^typedData\.message\.amount is not signed: its type has no such field\.\n$/);
    assert.equal(large.code, 64);
    assert.match(
      large.stderr,
      /large\.json: message\.x: the number 10{17}1 would be read as 10{18}: write it as a string\.\n/,
    );
    assert.match(several.stderr, /^Give one thing to sign: --message, --message-hex, --typed-data, /);
  });

  test('policy explain says what a policy allows', async () => {
    const { code, stdout } = await policy('explain', 'policy.json', 'pay.json');
    assert.equal(code, 0);
    assert.match(stdout, /^Allows what one of these rules allows/);
    assert.match(stdout, /Send a transaction to 0x70997970C51812dc3A010C7d01b50e0d17dc79C8\n/);
    assert.match(stdout, /\nallowed by the rule pay suppliers\n$/);
    const guarded = await policy('explain', 'guarded.json', 'pay.json', '--account', bob, '--json');
    assert.equal(guarded.code, 2);
    assert.equal(JSON.parse(guarded.stdout).allowed, false);
  });

  test('policy explain states the sum that a policy bounds, or why it cannot', async () => {
    const { stdout } = await policy('explain', 'paced.json', '--now', '160');
    assert.match(stdout, /^ {2}the nonce is 0 to 9, from 100 \(1970.*\) on, 10 more every minute, never above 89$/m);
    assert.match(
      stdout,
      /^What is not used stays, and all of it may go at once\.\nSignatures under this policy alone can move, /m,
    );
    assert.match(
      stdout,
      /^ {2}ETH on chain 1: 0.0000000000042002 ETH at once, at 160 \(1970.*\), .* 1 minute later, .* in all$/m,
    );
    assert.match(
      (await policy('explain', 'endless.json')).stdout,
      /^No sum is bounded: .*\n {2}rule 0: its fee has no bound\n/m,
    );
    assert.match((await policy('explain', 'policy.json')).stdout, /^No sum is bounded: .*\n.* it has no pace\n/m);
    const { budget, budgetText } = JSON.parse((await policy('explain', 'paced.json', '--json', '--now', '160')).stdout);
    assert.deepEqual(budget.assets, [
      {
        chain: '1',
        now: '4200200',
        all: '18900900',
        spending: [
          {
            sequence: "the account's nonces on chain 1",
            pace: { count: '10', every: '60', first: '0', from: '100', total: '90' },
            each: '210010',
          },
        ],
      },
    ]);
    assert.match(budgetText, /^What is not used stays/);
  });

  test('policy test takes what is to be signed as sign.ts does', async () => {
    const text = await policy('test', 'policy.json', '--message', 'example.com wants you to sign in');
    assert.deepEqual([text.code, text.stdout], [0, 'allowed by the rule sign in\n']);
    const both = await policy('test', 'policy.json', 'sign-in.json', '--message', 'hello');
    assert.equal(both.code, 64);
    assert.match(both.stderr, /^Give one thing to sign/);
    const none = await policy('test', 'policy.json', '--digest', '0x12');
    assert.deepEqual([none.code, none.stdout], [64, '']);
    assert.match(none.stderr, /^digest: not 32 bytes\n/);
  });

  test('policy new prints a ready-made policy, or writes and explains it', async () => {
    const args = ['--token', 'USDC', '--chain', '8453', '--to', alice, '--per-day', '20', '--per-payment', '5'];
    const printed = await policy('new', 'agent-budget', ...args);
    assert.deepEqual([printed.code, printed.stderr], [0, '']);
    assert.equal(parsePolicyJson(printed.stdout).version, 1);
    const written = await policy('new', 'agent-budget', ...args, '--out', 'budget.json');
    assert.match(written.stdout, /20 USDC at once, .* 600 USDC in all\n/);
    const explained = await policy('explain', 'budget.json');
    assert.equal(explained.stdout.split('\n').at(-2), written.stdout.split('\n').at(-2));
    const help = await policy('new', 'x402', '--help');
    assert.match(help.stdout, /^x402: payments by x402.*\n\n {2}--token .*--days .* \(30\)\n/s);
    const names = await policy('new', '--help');
    assert.equal(names.code, 0);
    assert.match(names.stdout, /^usage: .*policy.* new NAME .*\n {14}agent-budget .*\n {14}sign-in /ms);
    const wrong: [string[], RegExp][] = [
      [['new'], /^Say which policy is to be made: agent-budget, x402, trader, sign-in/],
      [['new', 'toString'], /^Say which policy is to be made/],
      [['new', 'agent-budget', '--chain', '1'], /^--token is needed: the token/],
      [['new', 'sign-in', '--domain', 'example.com', '--chain', '1'], /chain/],
      [
        ['new', 'agent-budget', ...args, '--out', 'budget.json'],
        /budget.json exists already\.\nNext: choose another name\.\nSee `npx tsx scripts\/policy\.ts --help`\.\n$/,
      ],
    ];
    for (const [given, message] of wrong) {
      const { code, stderr } = await policy(...given);
      assert.equal(code, 64);
      assert.match(stderr, message);
    }
  });

  test('policy approve prints what a guardian signs, which then approves', async () => {
    const guardian = privateKeyToAccount(`0x${'77'.repeat(32)}`);
    writeFileSync(
      join(dir, 'ours.json'),
      JSON.stringify({
        version: 1,
        rules: [{ name: 'x', ...payRule, to: 'any', maxValue: 'any', guardian: guardian.address }],
      }),
    );
    const account = ['--account', bob];
    const { code, stdout } = await policy('approve', 'ours.json', 'pay.json', ...account);
    assert.equal(code, 0);
    assert.match(stdout, /^tandem approval\naccount 0xb0.*\npolicy 0x.*\nintent \{.*\}\n$/);
    const approval = await guardian.signMessage({ message: stdout.trimEnd() });
    const by = async (address: string) =>
      (await policy('test', 'ours.json', 'pay.json', '--account', address, '--approval', approval)).stdout;
    assert.equal(await by(bob), 'allowed by the rule x\n');
    assert.match(await by(alice), /^refused: the rule x: .* not of the guardian/);
    for (const [expected, ...args] of [
      [/--account is needed/, 'ours.json', 'pay.json'],
      [/No rule of this policy has a guardian/, 'policy.json', 'pay.json', ...account],
    ] as const) {
      const wrong = await policy('approve', ...args);
      assert.deepEqual([wrong.code, wrong.stdout], [64, '']);
      assert.match(wrong.stderr, expected);
    }
  });
});
