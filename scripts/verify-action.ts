import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as v from 'valibot';
import { type Manifest, readManifest, verifyManifest } from '../ts/build.ts';
import { cleanLine, commandLine, forms, readLimited, sourceOf } from '../ts/command/internals.ts';
import { cidOf, UsageError, WalletError } from '../ts/index.ts';
import { buildPath } from '../ts/node.ts';
import { EXIT, run } from './cli.ts';
import { say, sayJson, tell } from './terminal.ts';

const USAGE = `Builds an action again from its manifest and compares: does this CID come from these files?

usage: ${commandLine('verify-action')} CID [MANIFEST]... [--json]

Without MANIFEST, it takes the CID's among the *.manifest.json of this folder and of build/. The action file beside the
manifest is compared too, if it is there. Nothing of the files runs in this process: they are bundled, and constants.ts
is asked in a Deno without files, environment and network. Exit code 0: all as the CID says; 1: something differs, and it says what;
64: wrong arguments.`;

const MAX_SOURCE = 16 * 1024 * 1024;

function manifestsIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => name.endsWith('.manifest.json'));
  return names.map((name) => join(folder, name));
}

async function find(cid: string, given: readonly string[]): Promise<[path: string, manifest: Manifest]> {
  const paths = given.length > 0 ? given : [...manifestsIn('.'), ...manifestsIn(buildPath)];
  const others: string[] = [];
  for (const path of paths) {
    const manifest = await readManifest(path);
    if (manifest.cid === cid) return [path, manifest];
    others.push(`${path} is the manifest of ${manifest.cid}`);
  }
  throw new WalletError(`There is no manifest of ${cid} here${others.map((other) => `; ${other}`).join('')}.`, {
    next: 'name the manifest that belongs to this CID, after the CID.',
  });
}

/** The action file beside a manifest must be the one that it speaks of. */
async function fileDifferences(path: string, { cid }: Manifest): Promise<string[]> {
  const file = path.replace(/\.manifest\.json$/, '.js');
  if (!existsSync(file)) return [];
  const found = cidOf(sourceOf(readLimited(file, MAX_SOURCE)));
  return found === cid ? [] : [cleanLine(`the CID of ${file} is ${found}`)];
}

run('verify-action', async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  });
  if (values.help) return say(USAGE);
  const [cid, ...given] = positionals;
  if (cid === undefined) throw new UsageError('Name the CID of the action first.');
  if (!v.is(forms.Cid, cid)) {
    throw new UsageError(`"${cid}" is not the CID of an action.`, { next: 'a CID is Qm and 44 letters and digits.' });
  }
  const [path, manifest] = await find(cid, given);
  const differences = [...(await fileDifferences(path, manifest)), ...(await verifyManifest(path, manifest))];
  if (values.json) sayJson({ cid, manifest: path, verified: differences.length === 0, differences });
  else if (differences.length === 0) say(`${cid} is what ${cleanLine(path)} builds`);
  else tell(`${cid} is not what ${cleanLine(path)} builds:`);
  if (!values.json) for (const line of differences) tell(`  ${line}`);
  if (differences.length > 0) process.exitCode = EXIT.failure;
});
