// For Node.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { readJson } from '../json.ts';

/** Where Lit's hosts take imports from: the files of npm packages, as they were published. */
export const CDN = 'https://cdn.jsdelivr.net/npm/';

/** A file of an npm package, by the name that it has on jsDelivr. */
export interface NpmFile {
  readonly name: string;
  /** An exact version. */
  readonly version: string;
  /** Its path inside the package. */
  readonly file: string;
}

const NAME = '(?:@[a-z0-9-~][a-z0-9-._~]*/)?[a-z0-9-~][a-z0-9-._~]*';
const VERSION = '[0-9]+\\.[0-9]+\\.[0-9]+(?:[-+][0-9A-Za-z.+-]+)?';
/**
 * The characters of a part of a path. Every other character means something to some parser of URLs on the way, and could
 * lead out of the package: `%2e%2e` and `\\` lead upwards, `?`, `#` and `:` end the path.
 */
const PART = '(?!\\.{1,2}(?:/|$))[\\w.~@+-]+';
const SPECIFIER = new RegExp(`^(${NAME})@(${VERSION})(?:/(${PART}(?:/${PART})*))?$`);
const RELATIVE = new RegExp(`^(?:/|(?:\\.{1,2}/)+)${PART}(?:/${PART})*$`);

/**
 * Reads `name@1.2.3/path`, with jsDelivr's address in front of it or not. Without a path it means jsDelivr's own bundle
 * of the package, `+esm`.
 *
 * @returns undefined if it is something else: no exact version, or a path that is not spelled out in plain characters
 */
export function parseNpmFile(specifier: string): NpmFile | undefined {
  const path = specifier.startsWith(CDN) ? specifier.slice(CDN.length) : specifier;
  const [, name, version, file = '+esm'] = SPECIFIER.exec(path) ?? [];
  return name === undefined || version === undefined ? undefined : { name, version, file };
}

/**
 * Reads what a file of a package imports: as {@link parseNpmFile} does, or relative to itself (`./a.js`) or to
 * jsDelivr's root (`/npm/name@1.2.3/+esm`).
 */
export function parseNpmImport(specifier: string, importer: NpmFile): NpmFile | undefined {
  if (!RELATIVE.test(specifier)) return parseNpmFile(specifier);
  return parseNpmFile(new URL(specifier, `${CDN}${npmSpecifier(importer)}`).href);
}

/** The file's name as actions import it: `name@1.2.3/path`. */
export function npmSpecifier({ name, version, file }: NpmFile): string {
  return `${name}@${version}/${file}`;
}

/** The path of a file in the node_modules of a folder or one above it, if that very version is installed. */
export function findInstalled({ name, version, file }: NpmFile, from: string): string | undefined {
  const root = packageRoot(name, from);
  if (root === undefined || versionOf(root) !== version) return undefined;
  const path = join(root, file);
  return existsSync(path) && isInside(realpathSync(root), realpathSync(path)) ? path : undefined;
}

/** The installed package and its file at a path; undefined if the path is not in a package. */
export function npmFileAt(path: string): NpmFile | undefined {
  const parts = realpathSync(path).split(sep);
  const at = parts.lastIndexOf('node_modules') + 1;
  if (at === 0) return undefined;
  const end = at + (parts[at]?.startsWith('@') ? 2 : 1);
  const version = versionOf(parts.slice(0, end).join(sep));
  if (version === undefined) return undefined;
  return { name: parts.slice(at, end).join('/'), version, file: parts.slice(end).join('/') };
}

/** The Subresource Integrity of bytes: `sha384-` and base64. */
export function sha384(bytes: Uint8Array): string {
  return `sha384-${createHash('sha384').update(bytes).digest('base64')}`;
}

/** The version of a package that is installed in the node_modules of a folder or one above it. */
export function installedVersion(name: string, from: string): string | undefined {
  const root = packageRoot(name, from);
  return root === undefined ? undefined : versionOf(root);
}

function packageRoot(name: string, from: string): string | undefined {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    const root = join(folder, 'node_modules', name);
    if (existsSync(join(root, 'package.json'))) return root;
    if (dirname(folder) === folder) return undefined;
  }
}

function versionOf(root: string): string | undefined {
  try {
    const { version } = readJson(readFileSync(join(root, 'package.json'), 'utf8')) as { version?: unknown };
    return typeof version === 'string' ? version : undefined;
  } catch {
    return undefined;
  }
}

function isInside(folder: string, path: string): boolean {
  const inner = relative(folder, path);
  return inner !== '..' && !inner.startsWith(`..${sep}`);
}
