// What of a file is prose: all of a document but its code, and of a source its comments and string literals.

/** A rule that a text breaks, and where. */
export interface Finding {
  readonly line: number;
  readonly text: string;
  readonly instead: string;
}

export interface Rule {
  /** What the rule refuses. A space in it matches any white space, also the end of a line of a comment. */
  readonly pattern: RegExp;
  /** What to write instead. */
  readonly instead: string;
  /** Sentences that the rule must find, and sentences that it must not. */
  readonly bad: readonly string[];
  readonly good?: readonly string[];
}

/** Stands where code was, so that no pattern matches across it. */
const CODE = '\0';

const blank = (text: string): string => text.replace(/\S/g, ' ');
const hidden = (text: string): string => text.replace(/\S/g, CODE);
/** Code within a sentence takes the place of a word. */
const word = (text: string): string => text.replace(/\S/g, 'x');

/** A token of TypeScript or Go that is a comment, a string, a template or a regular expression. */
const TOKEN =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`|(?<=(?:^|[(,=:[!&|?{};>]|return)\s*)\/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\//g;

/** The strings of Go are part of the wasm, whose hash is written down: they change together with its code, not with a word. */
function proseOfToken(token: string, isGo: boolean): string {
  if (token.startsWith('//')) return proseOfText(blank('//') + token.slice(2));
  if (token.startsWith('/*')) return proseOfText(token.replace(/^\/\*+|\*+\/$|^[ \t]*\*/gm, blank));
  if (token.startsWith('/') || isGo) return hidden(token);
  const inside = token
    .slice(1, -1)
    .replace(/\$\{[^}]*\}/g, word)
    .replace(/\\n/g, blank);
  return CODE + inside + CODE;
}

const proseOfText = (text: string): string => text.replace(/`[^`\n]*`/g, word);

/** The prose of a TypeScript or Go source, each character at its place. */
function proseOfSource(source: string, isGo: boolean): string {
  let prose = '';
  let end = 0;
  for (const { 0: token, index } of source.matchAll(TOKEN)) {
    prose += hidden(source.slice(end, index)) + proseOfToken(token, isGo);
    end = index + token.length;
  }
  return prose + hidden(source.slice(end));
}

/** The prose of a Markdown document, each character at its place. */
function proseOfDocument(text: string): string {
  return proseOfText(
    text
      .replace(/^```[\s\S]*?^```/gm, hidden)
      .replace(/^(?: {4}|\t).*$/gm, hidden)
      .replace(/\]\([^)]*\)/g, (target) => `]${word(target.slice(1))}`),
  );
}

export function findingsIn(name: string, text: string, rules: readonly Rule[]): Finding[] {
  const prose = name.endsWith('.md') ? proseOfDocument(text) : proseOfSource(text, name.endsWith('.go'));
  const findings = rules.flatMap(({ pattern, instead }) => {
    const everywhere = new RegExp(pattern.source.replaceAll(' ', '\\s+'), `g${pattern.flags}`);
    return Array.from(prose.matchAll(everywhere), ({ 0: found, index }) => {
      const line = text.slice(0, index).split('\n').length;
      return { line, text: found.replace(/\s+/g, ' ').trim(), instead };
    });
  });
  return findings.sort((a, b) => a.line - b.line);
}
