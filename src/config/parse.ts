/** From text to tree: YAML read, references filled in, literal secrets found. */

import { type Document, LineCounter, type ParsedNode, parseDocument, visit, type YAMLError } from 'yaml';
import { TreeBuilder } from './build-tree.ts';
import { type Finding, Findings } from './findings.ts';
import { filesOf, InterpolationError, parseReferences, type Sources } from './interpolation.ts';
import { isSecretKey, secretSpansOf } from './secret.ts';
import { Source } from './source.ts';
import { keyOf, type Node, type Span, scalarsOf } from './tree.ts';

export interface Parsed {
  readonly source: Source;
  readonly findings: Findings;
  /** Undefined where the text is not YAML. */
  readonly root: Node | undefined;
  /** The text as it may be shown. */
  shown(): string;
}

export interface ParsedText {
  readonly source: Source;
  readonly document: Document.Parsed<ParsedNode>;
}

/** `file` is how the user named it. */
export function parseText(file: string, text: string): ParsedText {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    schema: 'core',
    merge: true,
    // The tree tells them, with the place of the first.
    uniqueKeys: false,
    stringKeys: true,
    prettyErrors: false,
  });
  return { source: new Source(file, text, lines), document };
}

/** The paths of all `${file:…}` references in values. */
export function referencedFiles({ document }: ParsedText): ReadonlySet<string> {
  const paths = new Set<string>();
  visit(document, {
    Scalar(key, { value }) {
      if (key === 'key' || typeof value !== 'string' || !value.includes('${file:')) return;
      try {
        for (const path of filesOf(parseReferences(value))) paths.add(path);
      } catch (error) {
        // Told when the tree is built.
        if (!(error instanceof InterpolationError)) throw error;
      }
    },
  });
  return paths;
}

export function buildTree({ source, document }: ParsedText, sources: Sources): Parsed {
  const findings = new Findings(source);
  const faults = document.errors.length > 0 ? document.errors : document.warnings;
  for (const fault of firstOfEachLine(faults, source)) findings.add(findingOf(fault, source.text));
  const builder = new TreeBuilder(sources, (finding) => findings.add(finding));
  if (document.errors.length > 0)
    return { source, findings, root: undefined, shown: () => source.masked(secretSpansOf(source.text)) };
  const root = builder.build(document.contents, { start: 0, end: 0 });
  return { source, findings, root, shown: () => source.masked(literalSecrets(root, source.text)) };
}

/** One mistake often makes the parser stumble several times, and over whatever comes after it. */
function firstOfEachLine(faults: readonly YAMLError[], source: Source): readonly YAMLError[] {
  const lines = new Set<number>();
  return [...faults]
    .sort((a, b) => a.pos[0] - b.pos[0])
    .filter(({ code, pos: [start] }, index) => {
      if (index > 0 && code === 'UNEXPECTED_TOKEN') return false;
      const { line } = source.place({ start, end: start }).start;
      return !lines.has(line) && lines.add(line);
    });
}

/** Where the parser's own words do not fit what is done here. */
const MESSAGES: { readonly [C in YAMLError['code']]?: string } = {
  MULTIPLE_DOCS: 'a second document begins here',
  NON_STRING_KEY: 'a key must be a text',
};

function findingOf({ code, message, pos: [start, end] }: YAMLError, text: string): Finding {
  const at = { start, end };
  const own = MESSAGES[code] ?? `${message[0]?.toLowerCase() ?? ''}${message.slice(1)}`;
  return { code: 'SND1001', message: own, at, hint: hintFor(code, start, text) };
}

function hintFor(code: YAMLError['code'], start: number, text: string): string | undefined {
  if (code === 'BAD_ALIAS') return 'a text that starts with * needs quotes: "*"';
  if (code === 'TAG_RESOLVE_FAILED') return 'a text that starts with ! needs quotes';
  if (code === 'TAB_AS_INDENT') return 'indent with spaces';
  if (code === 'MULTIPLE_DOCS') return 'one file holds one document';
  const before = text.lastIndexOf('\n', start - 1) + 1;
  if (text.slice(before, start + 2).includes('${'))
    return 'inside { } and [ ] a reference needs quotes: "${env:NAME}"';
  return undefined;
}

function* literalSecrets(root: Node, text: string): Generator<Span> {
  for (const { path, node } of scalarsOf(root)) {
    if (node.value === null || !isSecretKey(keyOf(path))) continue;
    const { start, end } = node.span;
    // A reference alone tells nothing; one with a default may.
    if (node.references.length === 0 || text.slice(start, end).includes(':-')) yield node.span;
  }
}
