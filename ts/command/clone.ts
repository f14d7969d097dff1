/** How a command is called here, for advice: in a clone of the repository. In the package package.ts is in its place. */
export function commandLine(name: string): string {
  return `npx tsx scripts/${name}.ts`;
}
