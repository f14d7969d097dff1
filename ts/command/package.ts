/** In the place of clone.ts in the package, whose one program has all commands. */
export function commandLine(name: string): string {
  return `npx tandem ${name}`;
}
