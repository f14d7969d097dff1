// What `action init` writes. Not a command itself.
import { commandLine } from '../ts/command/internals.ts';

/** What compiles the module. */
export const LANGUAGES = ['go', 'tinygo'] as const;

/** See {@link LANGUAGES}. */
export type Language = (typeof LANGUAGES)[number];

/** The files of a new action, by their names. */
export function starter(name: string, lang: Language): Record<string, string> {
  return {
    'main.ts': MAIN_TS,
    'main.go': MAIN_GO,
    'go.mod': `module ${name}\n\ngo 1.24\n`,
    'main.test.mjs': testOf(),
    'tsconfig.json': TSCONFIG,
    'README.md': readme(name, lang),
    '.gitignore': 'build/\n.tandem/\n',
  };
}

const MAIN_TS = `import { actionMain } from 'tandem-ecdsa/template/action';
import { startGo } from 'tandem-ecdsa/template/go';
import { loadWasm } from 'tandem-ecdsa/template/wasm';
import * as v from 'valibot';

const requestSchema = v.strictObject({ name: v.pipe(v.string(), v.maxLength(100)) });

export const main = actionMain(async (params) => {
  const { name } = v.parse(requestSchema, params);
  await startGo(await loadWasm());
  return (globalThis as unknown as { greet(name: string): string }).greet(name);
});
`;

const MAIN_GO = `package main

import "syscall/js"

func main() {
	js.Global().Set("greet", js.FuncOf(func(_ js.Value, args []js.Value) any {
		return "hello, " + args[0].String()
	}))
	select {} // keeps greet callable
}
`;

const TSCONFIG = `{
  "compilerOptions": {
    "target": "es2022",
    "lib": ["es2022", "dom"],
    "module": "esnext",
    "moduleResolution": "bundler",
    "strict": true,
    "noEmit": true
  },
  "include": ["main.ts"]
}
`;

function testOf(): string {
  return `// node --test
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

const run = (params) => {
  const command = ${JSON.stringify(commandLine('action').split(' '))};
  return JSON.parse(execFileSync(command[0], [...command.slice(1), 'run', import.meta.dirname, JSON.stringify(params)]));
};

test('it greets', () => {
  assert.deepEqual(run({ name: 'you' }), { ok: 'hello, you' });
});

test('it refuses what is not a request', () => {
  assert.equal(run({}).error.code, 'refused');
});
`;
}

function readme(name: string, lang: Language): string {
  const action = commandLine('action');
  return `# ${name}

A Lit Action: \`main.ts\` is what hosts run, \`main.go\` is compiled to the wasm module inside it by ${lang === 'go' ? 'Go' : 'TinyGo'}.

    ${action} build ${name}                        # build/${name}.js, its manifest and its CID
    ${action} run ${name} '{"name":"you"}'         # what it answers, on this machine
    ${action} verify ${name}                       # does the CID come from these files?
    ${action} serve                            # Lit's API on this machine
    node --test ${name}

What \`actionMain\` makes of your function never throws: a result comes as \`{ok}\`, everything else as \`{error: {code, message}}\`, which
says \`refused\` and no more. Throw a \`PublicRefusal(code, message)\` for what the caller may know.
`;
}
