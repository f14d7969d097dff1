import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { generateIdentity } from 'age-encryption';
import { command, json } from './support/command.ts';

// The commands in the documents, run as they stand there: what a reader types works.

const root = join(import.meta.dirname, '..');
const before = process.cwd();
const dir = mkdtempSync(join(tmpdir(), 'tandem-commands-'));
after(() => {
  process.chdir(before);
  rmSync(dir, { recursive: true, force: true });
});

/** The commands that are not run here: which, and why not or where else. */
const ELSEWHERE: readonly (readonly [RegExp, string])[] = [
  [/^(setup|doctor) |--runtime chipotle/, 'needs an account at Lit: test/lit-life.test.ts has a stand-in'],
  [/--runtime lit-node-client/, 'needs the client of 700 MB: test/lit-node-client.test.ts has a stand-in'],
  [/^(action|build-action|run-action|verify-action|serve|demo)\b/, 'test/modes, examples, serve and others'],
  [/^mcp /, 'serves until it is ended: test/mcp.test.ts'],
  [/ NAME\b|…\)/, 'stands for several commands'],
  [/--approval 0x…/, "needs a guardian's signature: test/wallet.test.ts"],
  [/^docs\/lit.md (sign|recover) /, 'as docs/lit.md keygen'],
];

const ACCOUNT = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
/** What a reader puts in the place of a word. */
const IN_PLACE: Readonly<Record<string, string>> = { POLICY: 'policy.json', INTENT: 'intent.json', '0x…': ACCOUNT };

const PAYMENT = {
  ...{ type: 'eip1559', chainId: 8453, nonce: 0, to: ACCOUNT, value: '1', gas: 21000 },
  ...{ maxFeePerGas: '2', maxPriorityFeePerGas: '1' },
};
/** The files that the commands name. */
const FILES: Readonly<Record<string, unknown>> = {
  'intent.json': { kind: 'message', message: 'hello' },
  'payment.json': PAYMENT,
  'sweep.json': PAYMENT,
  'token.json': JSON.parse(
    /^```json\n(.*?)^```/ms.exec(readFileSync(join(root, 'docs/wallets.md'), 'utf8'))?.[1] ?? '',
  ),
  'permit.json': {
    domain: { name: 'Token', version: '1', chainId: 8453, verifyingContract: ACCOUNT },
    types: { Permit: [{ name: 'spender', type: 'address' }] },
    primaryType: 'Permit',
    message: { spender: ACCOUNT },
  },
  'policy.json': {
    version: 1,
    rules: [
      { name: 'pay', kind: 'transaction', chains: ['8453'], to: [ACCOUNT], maxValue: '1', maxFee: '1000000' },
      { name: 'greet', kind: 'message', prefixes: ['hello'] },
      { name: 'sign in', kind: 'message', prefixes: ['sign in'], guardian: `0x${'47'.repeat(20)}` },
    ],
  },
};

interface Line {
  readonly file: string;
  readonly text: string;
  /** The machine at whose prompt it stands. */
  readonly machine: string | undefined;
  readonly name: string;
  readonly args: readonly string[];
}

const COMMAND = /^ *(?:(\w+)\$ +)?(?:npx tsx scripts\/([\w-]+)\.ts|(?:npx )?tandem ([a-z-]+)(?= .*-))([^\n]*)$/gm;

/** The commands in the blocks of a document, in their order. */
function linesOf(file: string): Line[] {
  const text = readFileSync(join(root, file), 'utf8').replaceAll('\\\n', ' ');
  return Array.from(text.matchAll(COMMAND), ([, machine, script, verb, rest = '']) => {
    const name = script ?? verb ?? '';
    const line = rest.replace(/\s+#.*$/, '').trim();
    const words = Array.from(line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g), ([, a, b, c]) => a ?? b ?? c ?? '');
    return { file, text: `${name} ${line}`, machine, name, args: words.map((word) => IN_PLACE[word] ?? word) };
  });
}

const names = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
const documents = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...names.map((name) => `docs/${name}`)];
const lines = documents.flatMap(linesOf);
/** Its commands are those of a wallet's whole life, some of it on two machines. */
const KEYS = 'docs/keys.md';
const isElsewhere = ({ file, text }: Line) =>
  ELSEWHERE.some(([pattern]) => pattern.test(text) || pattern.test(`${file} ${text}`));

/** Goes to a new folder, as a reader who has these files. */
function enter(name: string): void {
  const path = join(dir, name);
  mkdirSync(path);
  process.chdir(path);
  for (const [file, value] of Object.entries(FILES)) writeFileSync(file, JSON.stringify(value));
  writeFileSync('key.txt', `0x${'11'.repeat(32)}\n`);
}

const identity = join(dir, 'identity.txt');
writeFileSync(identity, await generateIdentity());
const env = { TANDEM_IDENTITY: identity, TANDEM_KEYSTORE_PASSPHRASE: 'four words are good' };

async function runs({ file, text, name, args }: Line, ...more: string[]) {
  const outcome = await command(name, [...args, ...more], env);
  assert.equal(outcome.code, 0, `${file}: ${text}\n${outcome.stdout}${outcome.stderr}`);
  return outcome;
}

function loseHotShare(folder: string): void {
  const found = readdirSync(folder).filter((name) => /^hot.*\.age$/.test(name));
  assert.equal(found.length, 1);
  for (const name of found) rmSync(join(folder, name));
}

const linesIn = (file: string) => lines.filter((line) => line.file === file && !isElsewhere(line));

describe('the commands in the documents', { timeout: 600_000 }, () => {
  test('the commands in the documents that are not run here are known', () => {
    assert.ok(lines.length > 40, `${lines.length} commands`);
    const needless = ELSEWHERE.filter(
      ([pattern]) => !lines.some((line) => pattern.test(`${line.file} ${line.text}`) || pattern.test(line.text)),
    );
    assert.deepEqual(needless, []);
  });

  test('the commands in the documents name only options that there are', () => {
    const sourceOf = (file: string, seen = new Set<string>()): string => {
      if (seen.has(file) || !existsSync(join(root, 'scripts', file))) return '';
      const text = readFileSync(join(root, 'scripts', file), 'utf8');
      seen.add(file);
      return text + Array.from(text.matchAll(/'\.\/([\w-]+\.ts)'/g), ([, name = '']) => sourceOf(name, seen)).join('');
    };
    const wrong = lines.filter(({ name, args }) => {
      const source = sourceOf(`${name}.ts`);
      const options = args.filter((word) => word.startsWith('--')).map((word) => word.slice(2));
      return source === '' || options.some((option) => !source.includes(option));
    });
    assert.deepEqual(
      wrong.map(({ file, text }) => `${file}: ${text}`).filter((line) => !line.includes('policy new')),
      [],
    );
  });

  for (const file of documents.filter((name) => name !== KEYS && linesIn(name).length > 0)) {
    test(`the commands in ${file} run`, async () => {
      enter(file.replace('/', '-'));
      for (const line of linesIn(file)) await runs(line);
    });
  }

  test('the commands in docs/keys.md run, for a wallet on one machine', async () => {
    enter('keys');
    const { address } = json(await command('keygen', ['--store', 'wallets', '--json'], env));
    for (const line of linesIn(KEYS).filter(({ machine }) => machine === undefined)) {
      if (line.name === 'recover') loseHotShare(join('wallets', String(address)));
      if (line.name === 'import') {
        await runs({ ...line, args: line.args.map((word) => (word === 'wallets' ? 'imported' : word)) });
      } else await runs(line, ...(line.name === 'export' ? ['--confirm', String(address)] : []));
    }
  });

  test('the commands in docs/keys.md run, for a key on two machines', async () => {
    const machines = ['hot', 'cold'];
    for (const name of machines) enter(name);
    const shown = new Map<string, string>();
    let isReshare = false;
    for (const line of linesIn(KEYS).filter(({ machine }) => machine !== undefined)) {
      for (const name of line.machine === 'both' ? machines : [String(line.machine)]) {
        const other = name === 'hot' ? 'cold' : 'hot';
        process.chdir(join(dir, name));
        if (line.args[0] === 'begin') isReshare = line.args.includes('--reshare');
        const isAsked = line.args[0] === (isReshare ? 'confirm' : 'finish');
        const { phrase } = json(await runs(line, ...(isAsked ? ['--phrase', shown.get(other) ?? ''] : []), '--json'));
        if (phrase !== undefined) shown.set(name, String(phrase));
        for (const file of ['a.deal', 'b.deal'].filter(
          (written) => existsSync(written) && line.args.includes(written),
        )) {
          copyFileSync(file, join(dir, other, file));
        }
      }
    }
  });
});
