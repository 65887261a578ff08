/** From text to tree: YAML read, references filled in, literal secrets found. */

import { type Document, LineCounter, type ParsedNode, parseDocument, visit, type YAMLError } from 'yaml';
import { TreeBuilder } from './build-tree.ts';
import { type Finding, Findings } from './findings.ts';
import { filesOf, InterpolationError, parseReferences, type Sources } from './interpolation.ts';
import type { ShownTexts } from './problem.ts';
import { isSecret, secretSpansOf } from './secret.ts';
import { Source, type SourceFile } from './source.ts';
import { type Node, type Span, scalarsOf } from './tree.ts';

export interface Parsed {
  readonly source: Source;
  readonly findings: Findings;
  /** Of each text; undefined where it is not YAML. */
  readonly roots: readonly (Node | undefined)[];
  /** The texts as they may be shown. */
  shown(): ShownTexts;
}

export interface ParsedText {
  readonly source: SourceFile;
  readonly document: Document.Parsed<ParsedNode>;
}

/** `file` is how the user named it; offsets start at `base`. */
export function parseText(file: string, text: string, base: number): ParsedText {
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
  return { source: { file, text, base, lines }, document };
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

export function buildTrees(texts: readonly ParsedText[], sources: Sources): Parsed {
  const source = new Source(texts.map((one) => one.source));
  const findings = new Findings(source);
  const roots = texts.map((text) => buildTree(text, sources, source, findings));
  const spans = function* (): Generator<Span> {
    for (const [index, { source: one }] of texts.entries()) {
      const root = roots[index];
      if (root !== undefined) yield* literalSecrets(root, source);
      else
        for (const { start, end } of secretSpansOf(one.text))
          yield { start: one.base + start, end: one.base + end };
    }
  };
  return { source, findings, roots, shown: () => source.masked(spans()) };
}

function buildTree(
  { source: { text, base }, document }: ParsedText,
  sources: Sources,
  source: Source,
  findings: Findings,
): Node | undefined {
  const faults = document.errors.length > 0 ? document.errors : document.warnings;
  for (const fault of firstOfEachLine(faults, source, base)) findings.add(findingOf(fault, text, base));
  if (document.errors.length > 0) return undefined;
  const builder = new TreeBuilder(sources, base, (finding) => findings.add(finding));
  return builder.build(document.contents, { start: base, end: base });
}

/** One mistake often makes the parser stumble several times, and over whatever comes after it. */
function firstOfEachLine(faults: readonly YAMLError[], source: Source, base: number): readonly YAMLError[] {
  const lines = new Set<number>();
  return [...faults]
    .sort((a, b) => a.pos[0] - b.pos[0])
    .filter(({ code, pos: [start] }, index) => {
      if (index > 0 && code === 'UNEXPECTED_TOKEN') return false;
      const { line } = source.place({ start: base + start, end: base + start }).start;
      return !lines.has(line) && lines.add(line);
    });
}

/** Where the parser's own words do not fit what is done here. */
const MESSAGES: { readonly [C in YAMLError['code']]?: string } = {
  MULTIPLE_DOCS: 'a second document begins here',
  NON_STRING_KEY: 'a key must be a text',
};

function findingOf({ code, message, pos: [start, end] }: YAMLError, text: string, base: number): Finding {
  const at = { start: base + start, end: base + end };
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

function* literalSecrets(root: Node, source: Source): Generator<Span> {
  for (const { path, node } of scalarsOf(root)) {
    if (!isSecret(node, path)) continue;
    // A reference alone tells nothing; one with a default may.
    if (node.references.length === 0 || source.textAt(node.span).includes(':-')) yield node.span;
  }
}
