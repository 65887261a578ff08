/** Loads a configuration: everything that is wrong in one pass, or the configuration. */

import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Catalogue } from '../core/catalogue.ts';
import { assembleConfig } from './assemble-config.ts';
import type { Config } from './config.ts';
import { decodeShape } from './decode.ts';
import type { Findings } from './findings.ts';
import { configFilesIn } from './folder.ts';
import type { Sources } from './interpolation.ts';
import { tellIssues } from './issues.ts';
import { joinRoots } from './join.ts';
import { decodeKinds, underProbe } from './kinds.ts';
import { buildTrees, type Parsed, type ParsedText, parseText, referencedFiles } from './parse.ts';
import { loadPlugins } from './plugins.ts';
import { ConfigError, type Problem, type ShownTexts } from './problem.ts';
import { revisionOf } from './revision.ts';
import { fileSchema } from './schema.ts';
import { tellContradictions } from './semantics.ts';
import type { Source } from './source.ts';
import {
  childOf,
  itemsOf,
  type MapNode,
  type Node,
  plainValue,
  textOf as scalarText,
  shownText,
  textsOf,
} from './tree.ts';

export interface LoadDeps {
  /** The built-in kinds; those of the file's plugins come on top. */
  readonly catalogue: Catalogue;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute path to content; default the file system. */
  readonly readFile?: (path: string) => Promise<string>;
  /** Hears the tree of a configuration that holds, with the kinds of its plugins. */
  readonly tree?: (root: MapNode, source: Source, catalogue: Catalogue) => void;
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

interface Text {
  /** As the user named it. */
  readonly file: string;
  readonly text: string;
}

interface Origin {
  /** Relative paths start here. Absolute. */
  readonly baseDir: string;
  /** Where the texts are all files of one folder. Absolute. */
  readonly folder?: string;
}

/**
 * Reads the file of this name, or all `*.yaml` and `*.yml` of the folder of this name as one configuration; relative to
 * the working directory. What cannot be read is a problem like any other.
 */
export async function loadConfig(file: string, deps: LoadDeps): Promise<LoadResult> {
  const absolute = resolve(file);
  const names = await configFilesIn(absolute);
  const paths = names === undefined ? [file] : names.map((name) => join(file, name));
  if (paths.length === 0) return unreadable([{ file, error: 'the folder holds no .yaml and no .yml' }]);
  const texts: Text[] = [];
  const missing: { readonly file: string; readonly error: string }[] = [];
  for (const path of paths) {
    const content = await contentOf(resolve(path), deps);
    if ('text' in content) texts.push({ file: path, text: content.text });
    else missing.push({ file: path, error: content.error });
  }
  if (missing.length > 0) return unreadable(missing);
  const origin =
    names === undefined ? { baseDir: dirname(absolute) } : { baseDir: absolute, folder: absolute };
  return loadTexts(texts, origin, deps);
}

function unreadable(files: readonly { readonly file: string; readonly error: string }[]): LoadResult {
  const start = { line: 1, col: 1 };
  const problems = files.map(({ file, error }): Problem => {
    const message = `cannot be read: ${error}`;
    return { code: 'SND1010', severity: 'error', message, file, start, end: start, notes: [] };
  });
  return { ok: false, problems, texts: new Map() };
}

/** The same for a text at hand; relative paths start at the folder of `file`. */
export function loadText(file: string, text: string, deps: LoadDeps): Promise<LoadResult> {
  return loadTexts([{ file, text }], { baseDir: dirname(resolve(file)) }, deps);
}

/** The same for texts that are one configuration. */
async function loadTexts(
  texts: readonly Text[],
  { baseDir, folder }: Origin,
  deps: LoadDeps,
): Promise<LoadResult> {
  let base = 0;
  const parsedTexts = texts.map(({ file, text }) => {
    const parsed = parseText(file, text, base);
    base += text.length + 1;
    return parsed;
  });
  const { sources, contents } = await sourcesOf(parsedTexts, baseDir, deps);
  const parsed = buildTrees(parsedTexts, sources);
  const { findings } = parsed;
  const roots = parsed.roots.filter((root) => isMap(root, findings));
  if (roots.length < texts.length) return refused(parsed);
  const root = joinRoots(roots, findings);

  const catalogue = await withPlugins(root, baseDir, parsed, deps.catalogue);
  const uses = decodeKinds(root, catalogue, findings);
  const decoded = decodeShape(fileSchema, withoutExtensions(root));
  if (!decoded.ok)
    tellIssues(decoded.issues, { findings, root, base: [], elsewhere: underProbe(root, catalogue) });
  const rulesNode = childOf(root, 'rules');
  const written = rulesNode?.kind === 'map' ? rulesNode.entries.keys() : [];
  tellContradictions(root, new Set([...uses.rules.keys(), ...written]), findings);
  const secrets = await webhookSecrets(root, baseDir, deps, findings);
  if (!decoded.ok || findings.failed) return refused(parsed);

  const read = [...contents.keys()];
  const made = { baseDir, folder, root, source: parsed.source, read, secrets };
  const assembled = assembleConfig(decoded.value, uses, made);
  // Of what was read, not of what the files say by now.
  const seen = new Map([...texts.map(({ file, text }) => [resolve(file), text] as const), ...contents]);
  const revision = await revisionOf(
    assembled.files,
    async (path) => seen.get(path) ?? (await textOf(path, deps)),
  );
  const config = { ...assembled, revision };
  deps.tree?.(root, parsed.source, catalogue);
  return { ok: true, config, catalogue, warnings: findings.sorted(), texts: parsed.shown() };
}

function isMap(root: Node | undefined, findings: Findings): root is MapNode {
  if (root === undefined || root.kind === 'map') return root !== undefined;
  const empty = root.kind === 'scalar' && root.value === null;
  findings.add({
    code: 'SND1005',
    message: empty ? 'the file is empty' : 'a configuration is a map of keys',
    at: root.span,
    hint: 'the shortest beginning is: version: 1',
  });
  return false;
}

/** Read with the configuration: another content is another configuration. */
async function webhookSecrets(
  root: Node,
  baseDir: string,
  deps: LoadDeps,
  findings: Findings,
): Promise<ReadonlyMap<string, string>> {
  const secrets = new Map<string, string>();
  for (const webhook of itemsOf(childOf(root, 'webhooks'))) {
    const node = childOf(webhook, 'secretFile');
    const path = scalarText(node);
    // Both are a contradiction that is told elsewhere.
    const needless = childOf(webhook, 'secret') !== undefined;
    if (node === undefined || path === undefined || path === '' || needless) continue;
    const content = await contentOf(resolve(baseDir, path), deps);
    const text = 'text' in content ? content.text.replace(/\r?\n$/, '') : '';
    if ('error' in content || text === '') {
      const why = 'error' in content ? content.error : 'it is empty';
      const message = `the file ${shownText(node)} cannot be read: ${why}`;
      findings.add({ code: 'SND1010', message, at: node.span });
    } else secrets.set(resolve(baseDir, path), text);
  }
  return secrets;
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
  return { ok: false, problems: parsed.findings.sorted(), texts: parsed.shown() };
}

/** Reads all referenced files beforehand: the tree is then built in one go. */
async function sourcesOf(
  texts: readonly ParsedText[],
  baseDir: string,
  deps: LoadDeps,
): Promise<{ readonly sources: Sources; readonly contents: ReadonlyMap<string, string | undefined> }> {
  const filled = new Map<string, Content>();
  const contents = new Map<string, string | undefined>();
  for (const path of new Set(texts.flatMap((text) => [...referencedFiles(text)]))) {
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

/** Of a folder the names of its files. */
async function textOf(path: string, deps: Pick<LoadDeps, 'readFile'>): Promise<string | undefined> {
  const names = await configFilesIn(path);
  if (names !== undefined) return names.join('\n');
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
