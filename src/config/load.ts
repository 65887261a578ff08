/** Loads a configuration: everything that is wrong in one pass, or the configuration. */

import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Catalogue } from '../core/catalogue.ts';
import { assembleConfig } from './assemble-config.ts';
import type { Config } from './config.ts';
import { decodeShape } from './decode.ts';
import type { Sources } from './interpolation.ts';
import { tellIssues } from './issues.ts';
import { decodeKinds, underProbe } from './kinds.ts';
import { buildTree, type Parsed, type ParsedText, parseText, referencedFiles } from './parse.ts';
import { loadPlugins } from './plugins.ts';
import { ConfigError, type Problem, type ShownTexts } from './problem.ts';
import { revisionOf } from './revision.ts';
import { fileSchema } from './schema.ts';
import { tellContradictions } from './semantics.ts';
import { childOf, type Node, plainValue, textsOf } from './tree.ts';

export interface LoadDeps {
  /** The built-in kinds; those of the file's plugins come on top. */
  readonly catalogue: Catalogue;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute path to content; default the file system. */
  readonly readFile?: (path: string) => Promise<string>;
}

export type LoadResult =
  | {
      readonly ok: true;
      readonly config: Config;
      /** With the kinds of its plugins. */
      readonly catalogue: Catalogue;
      readonly warnings: readonly Problem[];
      readonly texts: ShownTexts;
    }
  /** `problems` holds warnings too. */
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly texts: ShownTexts };

/** Reads the file of this name, relative to the working directory. An unreadable file is a problem like any other. */
export async function loadConfig(file: string, deps: LoadDeps): Promise<LoadResult> {
  const text = await contentOf(resolve(file), deps);
  if ('text' in text) return loadText(file, text.text, deps);
  const start = { line: 1, col: 1 };
  const message = `cannot be read: ${text.error}`;
  const problem = {
    code: 'SND1010',
    severity: 'error',
    message,
    file,
    start,
    end: start,
    notes: [],
  } as const;
  return { ok: false, problems: [problem], texts: new Map() };
}

/** The same for a text at hand; relative paths start at the folder of `file`. */
export async function loadText(file: string, text: string, deps: LoadDeps): Promise<LoadResult> {
  const baseDir = dirname(resolve(file));
  const parsedText = parseText(file, text);
  const { sources, contents } = await sourcesOf(parsedText, baseDir, deps);
  const parsed = buildTree(parsedText, sources);
  const { findings, root } = parsed;
  if (root === undefined) return refused(parsed);
  if (root.kind !== 'map') {
    const empty = root.kind === 'scalar' && root.value === null;
    findings.add({
      code: 'SND1005',
      message: empty ? 'the file is empty' : 'a configuration is a map of keys',
      at: root.span,
      hint: 'the shortest beginning is: version: 1',
    });
    return refused(parsed);
  }

  const catalogue = await withPlugins(root, baseDir, parsed, deps.catalogue);
  const uses = decodeKinds(root, catalogue, findings);
  const decoded = decodeShape(fileSchema, withoutExtensions(root));
  if (!decoded.ok)
    tellIssues(decoded.issues, { findings, root, base: [], elsewhere: underProbe(root, catalogue) });
  const rulesNode = childOf(root, 'rules');
  const written = rulesNode?.kind === 'map' ? rulesNode.entries.keys() : [];
  tellContradictions(root, new Set([...uses.rules.keys(), ...written]), findings);
  if (!decoded.ok || findings.failed) return refused(parsed);

  const made = { baseDir, root, source: parsed.source, read: [...contents.keys()] };
  const assembled = assembleConfig(decoded.value, uses, made);
  // Of what was read, not of what the files say by now.
  const seen = new Map([[resolve(file), text], ...contents]);
  const revision = await revisionOf(
    assembled.files,
    async (path) => seen.get(path) ?? (await textOf(path, deps)),
  );
  const config = { ...assembled, revision };
  return { ok: true, config, catalogue, warnings: findings.sorted(), texts: shownTexts(parsed) };
}

/** Where a configuration that does not hold is an end of it: throws `ConfigError` with all problems. */
export async function loadConfigOrThrow(
  file: string,
  deps: LoadDeps,
): Promise<Extract<LoadResult, { readonly ok: true }>> {
  const result = await loadConfig(file, deps);
  if (result.ok) return result;
  throw new ConfigError(result.problems, result.texts);
}

function refused(parsed: Parsed): LoadResult {
  return { ok: false, problems: parsed.findings.sorted(), texts: shownTexts(parsed) };
}

function shownTexts(parsed: Parsed): ShownTexts {
  return new Map([[parsed.source.file, parsed.shown()]]);
}

/** Reads all referenced files beforehand: the tree is then built in one go. */
async function sourcesOf(
  parsed: ParsedText,
  baseDir: string,
  deps: LoadDeps,
): Promise<{ readonly sources: Sources; readonly contents: ReadonlyMap<string, string | undefined> }> {
  const filled = new Map<string, Content>();
  const contents = new Map<string, string | undefined>();
  for (const path of referencedFiles(parsed)) {
    const absolute = resolve(baseDir, path);
    const content = await contentOf(absolute, deps);
    contents.set(absolute, 'text' in content ? content.text : undefined);
    filled.set(path, 'text' in content ? { text: content.text.replace(/\r?\n$/, '') } : content);
  }
  const file: Sources['file'] = (path) => filled.get(path) ?? { error: 'it was not read' };
  return { sources: { env: deps.env, file }, contents };
}

/** The revision that loading would give the configuration made of these files now. */
export function revisionNow(files: readonly string[], deps: Pick<LoadDeps, 'readFile'>): Promise<string> {
  return revisionOf(files, (path) => textOf(path, deps));
}

async function textOf(path: string, deps: Pick<LoadDeps, 'readFile'>): Promise<string | undefined> {
  const content = await contentOf(path, deps);
  return 'text' in content ? content.text : undefined;
}

type Content = ReturnType<Sources['file']>;

async function contentOf(
  path: string,
  { readFile: read = readText }: Pick<LoadDeps, 'readFile'>,
): Promise<Content> {
  try {
    return { text: await read(path) };
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return { error: REASONS[error.code ?? ''] ?? error.message };
  }
}

async function withPlugins(
  root: Node,
  baseDir: string,
  { findings }: Parsed,
  builtins: Catalogue,
): Promise<Catalogue> {
  const node = childOf(root, 'plugins');
  const paths = node?.kind === 'list' ? textsOf(node).filter(({ text }) => text !== '') : [];
  const { catalogue, problems } = await loadPlugins(
    paths.map(({ text }) => text),
    baseDir,
    builtins,
  );
  for (const { index, code, message } of problems) {
    const at = paths[index]?.node.span ?? { start: 0, end: 0 };
    findings.add({ code, message, at });
  }
  return catalogue;
}

/** `x-…` at the top is a home for anchors. */
function withoutExtensions(root: Node): unknown {
  if (root.kind !== 'map') return plainValue(root);
  const entries = new Map([...root.entries].filter(([key]) => !key.startsWith('x-')));
  return plainValue({ ...root, entries });
}

function readText(path: string): Promise<string> {
  return readFile(path, 'utf8');
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && 'syscall' in error;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is no folder',
};
