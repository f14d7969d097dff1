import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { promisify } from 'node:util';

// What examples/ has, run as it says there.

const dir = mkdtempSync(join(tmpdir(), 'tandem-examples-'));
after(() => rmSync(dir, { recursive: true, force: true }));

async function tsx(file: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, TANDEM_PASSPHRASE: 'correct horse battery staple' };
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', file, ...args], { env });
  return stdout;
}

describe('examples', { concurrency: true }, () => {
  test('the example sign.ts signs with a wallet of keygen.ts', async () => {
    const store = join(dir, 'wallets');
    const { address } = JSON.parse(await tsx('scripts/keygen.ts', '--store', store, '--json'));
    assert.match(await tsx('examples/sign.ts', store), new RegExp(`^0x[0-9a-f]{130} by ${address}\n$`));
  });

  test('the example agent.ts pays what its budget allows, and no more', async () => {
    const output = await tsx('examples/agent.ts');
    assert.match(output, /^What is not used stays.*\n {2}ETH on chain 31337: 0.202 ETH at once, .* 2.02 ETH in all\n/s);
    const lines = output.split('\n').filter((line) => /^[\d.]+ ETH: /.test(line));
    const expected = [
      /^0.1 ETH: paid$/,
      /the value .* is above/,
      /^0.1 ETH: paid$/,
      /the nonce 2 is not allowed before \d+ \(/,
    ];
    assert.equal(lines.length, expected.length);
    for (const [i, pattern] of expected.entries()) assert.match(lines[i] ?? '', pattern);
  });

  test('the example sum builds and runs', async () => {
    const [wasm, out] = [join(dir, 'sum.wasm'), join(dir, 'sum.js')];
    await promisify(execFile)('node_modules/.bin/wasm-as', ['examples/sum/sum.wat', '-o', wasm]);
    const build = ['--main', 'examples/sum/main.ts', '--wasm', wasm, '--glue', 'none', '--out', out];
    await tsx('scripts/build-action.ts', ...build);
    const params = JSON.stringify({ a: '40', b: '2' });
    assert.equal(
      await tsx('scripts/run-action.ts', out, params, '--store', join(dir, 'host')),
      '{"ok":{"sum":"42"}}\n',
    );
  });
});
