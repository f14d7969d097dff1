import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { generateIdentity } from 'age-encryption';
import { build, type Plugin } from 'esbuild';
import { recoverMessageAddress } from 'viem';
import { buildAction } from '../ts/build/action.ts';
import { COSIGNER } from '../ts/build/slotted.ts';
import { builtinPolicies } from '../ts/policy/builtin.ts';
import { policyJson } from '../ts/policy/policy.ts';
import { PEERS } from '../ts/runtime/peer.ts';

// The package as those have it who install it: from one tarball, in an empty folder.

const root = join(import.meta.dirname, '..');
const run = promisify(execFile);
const bin = (name: string) => join(root, 'node_modules', '.bin', name);

/** Of a bundle of wallet, Lit host and viem account, gzipped. */
const MAX_WASM = 155_000;
const MAX_JS = 100_000;
/** How much longer than Node itself `tandem --help` may take, in milliseconds. */
const MAX_START_MS = 70;
/** How long a signature by `tandem` may take, as a part of what it takes from a clone. */
const MAX_SIGN = 0.6;

/** How programs are compiled against the package. */
const TYPES = {
  target: 'es2022',
  lib: ['es2022', 'dom'],
  strict: true,
  types: ['node'],
  typeRoots: [join(root, 'node_modules/@types')],
  skipLibCheck: true,
};

/** What a user starts from, each of which has an example: those that make what the others use, those that need Lit, … */
const FIRST = ['createWallet', 'openWallet'];
const OTHERS = [
  'memoryStore',
  'openStore',
  'cosigner',
  'parsePolicy',
  'toViemAccount',
  'TandemSigner',
  'LocalRuntime',
].concat(['LitServer', 'buildAction', 'buildCosigner', 'deriveAddresses', 'actionMain']);
const LAST = ['reshareWallet'];
const NOT_RUN = ['ChipotleRuntime', 'connectLitNodeClient'];

/** The examples in these folders, by the names of what they are of. */
function examplesIn(...folders: readonly string[]): Map<string, string> {
  const files = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(join(root, folder, name), 'utf8')),
  );
  const example = /@example\n \* ```ts\n((?: \*.*\n)*?) \* ```\n \*\/\nexport (?:async )?(?:class|function) (\w+)/g;
  return new Map(
    files.flatMap((text) =>
      Array.from(text.matchAll(example), ([, code = '', name = '']) => [name, code.replace(/^ \* ?/gm, '')] as const),
    ),
  );
}

const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  devDependencies: Record<string, string>;
};

let dir: string;
let tarball: string;
const env: Record<string, string> = {};

/** Runs a program in a folder. Its exit code and what it prints, whatever they are. */
function inFolder(cwd: string, program: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8', env });
  return { code: status, stdout, stderr };
}

/** What a program prints that succeeds, in the empty folder. */
function done(program: string, ...args: string[]): string {
  const { code, stdout, stderr } = inFolder(dir, program, ...args);
  assert.equal(code, 0, `${program} ${args.join(' ')}: ${stderr}\n${stdout}`);
  return stdout;
}

const tandem = (...args: string[]) => inFolder(dir, join(dir, 'node_modules/.bin/tandem'), ...args);
const npx = (...args: string[]) => done('npx', 'tandem', ...args);
const install = (...packages: string[]) =>
  done('npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', ...packages);
const write = (name: string, text: string) => writeFileSync(join(dir, name), text);

/** The shortest of some times, in milliseconds: what else the machine does only adds to them. */
function quickest(times: number, work: () => void): number {
  const each = Array.from({ length: times }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  });
  return Math.min(...each);
}

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tandem-pack-'));
  const { PATH = '', HOME = dir, GOCACHE, GOPATH, GOROOT } = process.env;
  const go = Object.entries({ GOCACHE, GOPATH, GOROOT }).filter(([, value]) => value !== undefined);
  Object.assign(env, { PATH, HOME, XDG_STATE_HOME: join(dir, 'state') }, Object.fromEntries(go));
  // As for a release: here .npmrc lets no script of a package run, ours among them.
  const pack = ['pack', '--ignore-scripts=false', '--json', '--pack-destination', dir];
  const { stdout } = await run('npm', pack, { cwd: root, maxBuffer: 2 ** 24 });
  const [name] = readdirSync(dir).filter((file) => file.endsWith('.tgz'));
  assert.ok(name, stdout);
  tarball = join(dir, name);
  write('package.json', JSON.stringify({ private: true, type: 'module' }));
  install(tarball);
});
after(() => rmSync(dir, { recursive: true, force: true }));

describe('the package', () => {
  test('the package is what publint and attw want', async () => {
    await run(bin('publint'), ['--strict', tarball]);
    await run(bin('attw'), [tarball, '--profile', 'esm-only', '--format', 'ascii']);
  });

  test('the package has no more in it than it says, and no tests', async () => {
    const { stdout } = await run('tar', ['tzf', tarball], { maxBuffer: 2 ** 24 });
    const folders = new Set(stdout.split('\n').map((path) => path.split('/')[1]));
    const known = ['dist', 'ts', 'actions', 'build', 'toolchain', 'docs'];
    const files = ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'SECURITY.md', 'SKILL.md', 'llms.txt'];
    assert.deepEqual([...folders].filter(Boolean).sort(), [...known, ...files].sort());
  });

  test('the package says the peers that its errors name', () => {
    const { peerDependencies, peerDependenciesMeta } = JSON.parse(
      readFileSync(join(root, 'package.json'), 'utf8'),
    ) as Record<string, Record<string, unknown>>;
    for (const [name, { install: what }] of Object.entries(PEERS)) {
      const version = devDependencies[name];
      const [, major] = /@([0-9]+)$/.exec(what) ?? []; // any version of a major one
      if (major !== undefined) assert.equal(`${version}`.split('.')[0], major);
      else assert.equal(what, `${name}@${version}`);
      if (String(version).startsWith('npm:')) continue; // a second version of another, which is no peer
      assert.deepEqual(peerDependenciesMeta?.[name], { optional: true });
      if (major === undefined) assert.equal(peerDependencies?.[name], version);
      else assert.match(`${peerDependencies?.[name]}`, new RegExp(`^\\^${major}\\.`));
    }
  });

  test('what runs anywhere needs no peer; what is missing is named with what installs it', () => {
    const entries = ['', '/node', '/viem', '/browser', '/connector', '/lit', '/local', '/build', '/lit-node-client'];
    write('load.js', entries.map((entry) => `import 'tandem-ecdsa${entry}';`).join('\n'));
    done('node', 'load.js');
    const missing: [string[], string][] = [
      [
        ['keygen', '--store', 'none'],
        `deno, which runs actions on this machine, is not installed.\nNext: run: npm install ${PEERS.deno.install}\n`,
      ],
      [
        ['build-action', '--main', 'load.js', '--wasm', 'node_modules/tandem-ecdsa/build/tandem.wasm', '--out', 'a.js'],
        `esbuild, which builds actions, is not installed.\nNext: run: npm install ${PEERS.esbuild.install}\n`,
      ],
    ];
    env.TANDEM_PASSPHRASE = 'correct horse';
    for (const [args, says] of missing) {
      const { code, stderr } = tandem(...args);
      assert.deepEqual([code, stderr], [1, says]);
    }
    assert.match(tandem('mcp', '--help').stderr, /is not installed\.\nNext: run: npm install @/);
    delete env.TANDEM_PASSPHRASE;
    const { stderr } = inFolder(dir, 'node', '--input-type=module', '--eval', "import 'tandem-ecdsa/ethers'");
    assert.match(stderr, /ethers, which .* is not installed\.\nNext: run: npm install ethers@6/);
  });

  test('tandem starts at once, lists its commands, and suggests the one that was meant', () => {
    const help = npx('--help');
    const table = readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^\| `([a-z-]+)(?:\.ts)? /gm);
    for (const [, name = ''] of table) assert.match(help, new RegExp(`^ {2}${name} `, 'm'));
    assert.match(npx('sign', '--help'), /usage: npx tandem sign --store DIR/);
    const mistyped = tandem('kegen');
    assert.deepEqual(
      [mistyped.code, mistyped.stderr],
      [64, 'There is no command "kegen".\nNext: did you mean keygen?\n'],
    );
    assert.equal(tandem('\u001b[2Jx').code, 64);
    assert.ok(!tandem('\u001b[2Jx').stderr.includes('\u001b'));
    assert.equal(
      tandem('--version').stdout.trim(),
      (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version,
    );
    const file = join(dir, 'node_modules/tandem-ecdsa/dist/bin/tandem.js');
    const node = quickest(7, () => done('node', '-e', '0'));
    const ours = quickest(7, () => done('node', file, '--help'));
    assert.ok(ours - node <= MAX_START_MS, `node ${node} ms, tandem --help ${ours} ms`);
  });

  test('tandem makes a wallet and signs, quicker than the script of a clone', async () => {
    install(PEERS.deno.install, PEERS.esbuild.install, `ethers@${devDependencies.ethers}`);
    write('identity.txt', `${await generateIdentity()}\n`);
    env.TANDEM_IDENTITY = join(dir, 'identity.txt');
    const made = JSON.parse(npx('keygen', '--store', 'wallets', '--json'));
    assert.equal(made.calls, 2);
    const signed = JSON.parse(npx('sign', '--store', 'wallets', '--message', 'hello', '--json'));
    assert.equal(await recoverMessageAddress({ message: 'hello', signature: signed.signature }), made.address);
    assert.match(tandem('sign', '--store', 'none', '--message', 'x').stderr, /Next: make one: npx tandem keygen/);
    const args = ['--store', join(dir, 'wallets'), '--message', 'hello'];
    const ours = quickest(3, () => assert.equal(tandem('sign', ...args).code, 0));
    const theirs = quickest(3, () => assert.equal(inFolder(root, 'npx', 'tsx', 'scripts/sign.ts', ...args).code, 0));
    assert.ok(ours <= MAX_SIGN * theirs, `tandem sign ${ours} ms, from a clone ${theirs} ms`);
  });

  test('what docs/mcp.md says to each client starts a server that lists its tools, whatever folder it starts in', async () => {
    install(PEERS['@modelcontextprotocol/sdk'].install);
    const page = readFileSync(join(root, 'docs/mcp.md'), 'utf8');
    const own = (text: string) =>
      text.replaceAll('/home/you/agent', dir).replaceAll('https://…', 'http://127.0.0.1:1/');
    const [, setup = ''] = /^```\n([\s\S]*?)^```/m.exec(page) ?? [];
    const [needed = '', ...lines] = setup.trim().split('\n');
    const words = needed.split(' ');
    for (const name of ['deno', '@modelcontextprotocol/sdk'] as const)
      assert.ok(words.includes(PEERS[name].install), name);
    assert.ok(needed.endsWith(PEERS['@x402/core'].install));
    const [policy = '', keygen = ''] = lines.filter((line) => /^npx tandem (policy|keygen)/.test(line));
    write('setup.sh', `${policy.replace('0x…', `0x${'42'.repeat(20)}`)}\n${keygen.replace('wallets', 'agent')}\n`);
    write('key.txt', readFileSync(join(dir, 'identity.txt'), 'utf8'));
    done('sh', '-e', 'setup.sh');
    const [wallet = ''] = readdirSync(join(dir, 'agent')).filter((name) => name.startsWith('0x'));
    rmSync(join(dir, 'agent', wallet, 'cold.age')); // put away

    // Each client's own program is replaced by one that shows what the shell gives it.
    mkdirSync(join(dir, 'clients'));
    for (const name of ['claude', 'codex', 'gemini', 'code']) {
      const show = '#!/usr/bin/env node\nconsole.log(JSON.stringify(process.argv.slice(2)));\n';
      writeFileSync(join(dir, 'clients', name), show, { mode: 0o755 });
    }
    const { PATH = '', HOME = '', XDG_STATE_HOME = '' } = env;
    const given = (line: string): string[] => {
      const shown = spawnSync('sh', ['-c', line], {
        cwd: dir,
        encoding: 'utf8',
        env: { PATH: `${join(dir, 'clients')}:${PATH}` },
      });
      return JSON.parse(shown.stdout) as string[];
    };
    const snippets = Array.from(
      page.matchAll(/^\| ([A-Z][^|]*) \| `([^`]+)` \|$/gm),
      ([, client = '', text = '']) => [client, own(text)] as const,
    );
    assert.equal(snippets.length, 5);
    for (const [client, text] of snippets) {
      const server = startedBy(text, given);
      assert.deepEqual(server.args.slice(0, 2), ['mcp', '--store'], client);
      const args = server.args.map((word) => (word === join(dir, 'wallets') ? join(dir, 'agent') : word));
      const mcp = new Client({ name: client, version: '1' });
      const transport = {
        command: server.command,
        args,
        env: { PATH, HOME, XDG_STATE_HOME, ...server.env },
        cwd: tmpdir(),
      };
      await mcp.connect(new StdioClientTransport({ ...transport, stderr: 'inherit' }));
      try {
        const { tools } = await mcp.listTools();
        assert.equal(tools.length, 7, client);
        if (client !== snippets[0]?.[0]) continue;
        const paid = await mcp.callTool({ name: 'pay', arguments: { url: 'https://example.com/' } });
        const missing =
          /@x402\/core, which pays by x402, is not installed\. ?Next: run: npm install @x402\/core@2 @x402\/fetch@2/;
        assert.match(JSON.stringify(paid.structuredContent), missing);
      } finally {
        await mcp.close();
      }
    }
  });

  test('the co-signer of the package is the one that is built here', async () => {
    const code = `import { builtinPolicies, cosigner } from 'tandem-ecdsa';
      console.log((await cosigner(builtinPolicies.messages)).cid);`;
    const cid = done('node', '--input-type=module', '--eval', code).trim();
    const POLICY = JSON.parse(policyJson(builtinPolicies.messages));
    assert.equal(cid, (await buildAction({ ...COSIGNER, define: { POLICY } })).cid);
  });

  test('programs type-check against the package, by either resolution, and run: one that signs with viem, all examples', () => {
    const examples = examplesIn('ts', 'actions/template');
    assert.deepEqual([...examples.keys()].sort(), [...FIRST, ...OTHERS, ...NOT_RUN, ...LAST].sort());
    mkdirSync(join(dir, 'examples'));
    for (const [name, code] of examples) write(`examples/${name}.ts`, code);
    write('examples/sign.ts', PROGRAM);
    for (const [module, moduleResolution] of [
      ['esnext', 'bundler'],
      ['node16', 'node16'],
    ]) {
      const compilerOptions = { ...TYPES, module, moduleResolution };
      write('examples/tsconfig.json', JSON.stringify({ compilerOptions, include: ['*.ts'] }));
      done(bin('tsc'), '-p', 'examples');
    }
    const identity = readFileSync(join(dir, 'identity.txt'), 'utf8').trim();
    assert.equal(done('node', 'examples/sign.js', identity), 'true\n');

    const names = [...FIRST, ...OTHERS, ...LAST];
    write('examples/all.js', names.map((name) => `console.log('${name}'); await import('./${name}.js');`).join('\n'));
    const { status, stdout, stderr } = spawnSync('node', ['all.js'], {
      cwd: join(dir, 'examples'),
      encoding: 'utf8',
      env: { ...env, TANDEM_IDENTITY: '', TANDEM_PASSPHRASE: 'correct horse' },
    });
    assert.equal(status, 0, `${stdout}\n${stderr}`);
    assert.match(stdout, /^openWallet\n0x[0-9a-f]{130}\n/m);
  });

  test('an action of one own is begun, built, run and verified without a clone', () => {
    npx('action', 'init', 'hello');
    assert.deepEqual(JSON.parse(npx('action', 'run', 'hello', '{"name":"you"}')), { ok: 'hello, you' });
    const { cid } = JSON.parse(npx('action', 'build', 'hello', '--json'));
    assert.match(npx('action', 'verify', 'hello', cid), new RegExp(`^${cid} is what `));
    done('node', '--test', 'hello/');
    done(bin('tsc'), '-p', 'hello', '--skipLibCheck', '--types', '');
    write('hello/main.go', readFileSync(join(dir, 'hello/main.go'), 'utf8').replace('hello, ', 'good day, '));
    assert.deepEqual(JSON.parse(npx('action', 'run', 'hello', '{"name":"you"}')), { ok: 'good day, you' });
    assert.equal(tandem('action', 'verify', 'hello', cid).code, 1);
    assert.equal(tandem('action', 'init', 'hello').code, 64);
    npx('action', 'init', 'tiny', '--lang', 'tinygo');
    assert.ok(readdirSync(join(dir, 'tiny')).includes('main.go'));
  });

  test('a bundle for a browser has all that a wallet needs, and is small', async () => {
    const bundled = async (code: string) => {
      const { outputFiles } = await build({
        stdin: { contents: code, resolveDir: dir },
        bundle: true,
        write: false,
        minify: true,
        format: 'esm',
        platform: 'browser',
        target: 'es2022',
        plugins: [LATER],
      });
      return outputFiles[0]?.text ?? '';
    };
    const signing = await bundled(`export { openWallet, memoryStore } from 'tandem-ecdsa';
      export { ChipotleRuntime } from 'tandem-ecdsa/lit';
      export { toViemAccount } from 'tandem-ecdsa/viem';`);
    const [, wasm = ''] = /"([A-Za-z0-9+/=]{100000,})"/.exec(signing) ?? [];
    const size = (text: string) => gzipSync(text, { level: 9 }).length;
    const [wasmSize, jsSize] = [size(wasm), size(signing.replace(wasm, ''))];
    assert.ok(wasmSize > 100_000 && wasmSize <= MAX_WASM, `the module has ${wasmSize} bytes, gzipped`);
    assert.ok(jsSize <= MAX_JS, `the code has ${jsSize} bytes, gzipped`);
    mkdirSync(join(dir, 'page'));
    write('page/page.js', await bundled(PAGE));
    const code = `import { live } from ${JSON.stringify(pathToFileURL(join(dir, 'page/page.js')).href)}; console.log(await live());`;
    assert.equal(done('node', '--input-type=module', '--eval', code), 'true undefined\n');
    write('run.js', "import { live } from './page/page.js'; console.log(await live());");
    assert.equal(done(join(dir, 'node_modules/.bin/deno'), 'run', '--no-remote', 'run.js'), 'true undefined\n');
  });
});

interface McpServer {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Record<string, string>;
}

/** What a client starts that is given this: JSON for its settings, or a line that runs its own program with some arguments. */
function startedBy(text: string, given: (line: string) => string[]): McpServer {
  if (text.startsWith('{')) return (JSON.parse(text) as { mcpServers: { tandem: McpServer } }).mcpServers.tandem;
  const words = given(text);
  if (text.startsWith('code ')) {
    const [option, json = ''] = words;
    assert.equal(option, '--add-mcp');
    return JSON.parse(json) as McpServer;
  }
  // mcp add, the name and the variables; the command is behind `--`, and with Gemini behind the name.
  assert.deepEqual(words.splice(0, 2), ['mcp', 'add']);
  const end = words.includes('--') ? words.indexOf('--') : words.indexOf('tandem');
  const [command = '', ...args] = words.slice(end + 1);
  const [, name = '', value = ''] =
    /^([A-Z_]+)=(.*)$/.exec(words.slice(0, end).find((word) => word.includes('=')) ?? '') ?? [];
  assert.ok(words.slice(0, end + 1).includes('tandem'));
  return { command, args, env: { [name]: value } };
}

const PROGRAM = `
  import { openWallet, type Wallet } from 'tandem-ecdsa';
  import { LocalRuntime } from 'tandem-ecdsa/local';
  import { openStore } from 'tandem-ecdsa/node';
  import { toViemAccount } from 'tandem-ecdsa/viem';
  import { type Hex, recoverMessageAddress } from 'viem';

  const store = openStore('wallets', async () => ({ identities: [process.argv[2] ?? ''] }));
  const runtime = await LocalRuntime.open({ dir: 'wallets/local-lit' });
  const wallet: Wallet = await openWallet(store, { runtime });
  const account = toViemAccount(wallet);
  const signature: Hex = await account.signMessage({ message: 'hello' });
  console.log((await recoverMessageAddress({ message: 'hello', signature })) === account.address);
  runtime.close();
  // @ts-expect-error: the types are there
  export const wrong = () => wallet.signMessage(1);`;

/** The co-signers, which a page loads only when it makes a wallet with one. */
const LATER: Plugin = {
  name: 'later',
  setup: ({ onResolve }) => onResolve({ filter: /\/(?:plain|guarded)\.js$/ }, ({ path }) => ({ path, external: true })),
};

const PAGE = `
  import { generateIdentity, identityToRecipient } from 'age-encryption';
  import { createWallet, memoryStore, openWallet } from 'tandem-ecdsa';
  import { ChipotleRuntime } from 'tandem-ecdsa/lit';
  import { toViemAccount } from 'tandem-ecdsa/viem';
  import { recoverMessageAddress } from 'viem/utils';

  export const host = (settings) => new ChipotleRuntime({ settings });
  export async function live() {
    const identity = await generateIdentity();
    const recipient = await identityToRecipient(identity);
    const store = memoryStore(async () => ({ identities: [identity], recipients: async () => [recipient] }));
    await createWallet({ store, threshold: 2, parties: 2 });
    const account = toViemAccount(await openWallet(store));
    const signature = await account.signMessage({ message: 'hello' });
    const signer = await recoverMessageAddress({ message: 'hello', signature });
    return (signer === account.address) + ' ' + typeof globalThis.Go;
  }`;
