/** The user's own probes, rules and registries: ES modules whose arrays of these names have the shape of core/plugin.ts. */

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Catalogue } from '../core/catalogue.ts';
import type { ProbePlugin } from '../core/probe.ts';
import type { RegistryPlugin } from '../core/registry.ts';
import type { RulePlugin } from '../core/rule.ts';
import { guardedPlugin } from './plugin-registry.ts';
import type { ProblemCode } from './problem.ts';

const LISTS = ['probes', 'rules', 'registries'] as const;
type ListName = (typeof LISTS)[number];

interface PluginProblem {
  /** Of the path in `paths`. */
  readonly index: number;
  readonly code: ProblemCode;
  readonly message: string;
}

export interface LoadedPlugins {
  /** The built-in ones and those of all modules that are as they must be. */
  readonly catalogue: Catalogue;
  readonly problems: readonly PluginProblem[];
}

/** Runs the modules' code. Relative paths start at `baseDir`. */
export async function loadPlugins(
  paths: readonly string[],
  baseDir: string,
  builtins: Catalogue,
): Promise<LoadedPlugins> {
  let catalogue = builtins;
  const problems: PluginProblem[] = [];
  for (const [index, path] of paths.entries()) {
    try {
      const module: unknown = await import(`${await urlOf(resolve(baseDir, path))}`);
      catalogue = extended(catalogue, listsOf(module));
    } catch (error) {
      const code = error instanceof ShapeError ? error.code : 'SND1201';
      problems.push({ index, code, message: code === 'SND1201' ? whyNotLoaded(error) : messageOf(error) });
    }
  }
  return { catalogue, problems };
}

/** Of another content another URL: a module is run once per URL, and a reload shall see what the file says by then. */
async function urlOf(path: string): Promise<string> {
  const url = pathToFileURL(path);
  const content = await readFile(path).catch(() => undefined);
  if (content !== undefined)
    url.searchParams.set('content', createHash('sha256').update(content).digest('hex').slice(0, 12));
  return url.href;
}

class ShapeError extends Error {
  readonly code: ProblemCode;
  constructor(code: ProblemCode, message: string) {
    super(message);
    this.code = code;
  }
}

type Lists = { readonly [L in ListName]: Catalogue[L] };

function listsOf(module: unknown): Lists {
  if (LISTS.every((list) => field(module, list) === undefined))
    throw new ShapeError('SND1202', 'the plugin exports none of the lists probes, rules and registries');
  return {
    probes: plugins(module, 'probes') as readonly ProbePlugin[],
    rules: plugins(module, 'rules') as readonly RulePlugin[],
    registries: (plugins(module, 'registries') as readonly RegistryPlugin[]).map(guarded),
  };
}

/** The same plugin is guarded once, so that a reload knows it again. */
const GUARDED = new WeakMap<RegistryPlugin, RegistryPlugin>();

function guarded(plugin: RegistryPlugin): RegistryPlugin {
  const known = GUARDED.get(plugin) ?? guardedPlugin(plugin);
  GUARDED.set(plugin, known);
  return known;
}

function plugins(module: unknown, list: ListName): readonly unknown[] {
  const value = field(module, list) ?? [];
  if (!Array.isArray(value)) throw new ShapeError('SND1202', `the plugin's export ${list} is no list`);
  for (const [index, plugin] of value.entries()) {
    const wrong = wrongWith(plugin, list);
    if (wrong !== undefined)
      throw new ShapeError('SND1202', `the plugin's ${list}[${index}] is none: ${wrong}`);
  }
  return value;
}

/** What a list's element lacks to be a plugin, or undefined. */
function wrongWith(plugin: unknown, list: ListName): string | undefined {
  const name = field(plugin, 'name');
  if (typeof name !== 'string' || !/^[a-z][a-z0-9-]*$/.test(name)) return 'name must be a kebab-case text';
  if (typeof field(plugin, 'summary') !== 'string') return 'summary must be a text';
  const schema = field(field(plugin, 'options'), '~standard');
  if (field(schema, 'version') !== 1 || typeof field(schema, 'validate') !== 'function')
    return 'options must be a Standard Schema (version 1)';
  if (typeof field(plugin, 'create') !== 'function') return 'create must be a function';
  if (list !== 'registries') return undefined;
  const capabilities = field(plugin, 'capabilities');
  const said = ['writes', 'incarnations'].every((one) => typeof field(capabilities, one) === 'boolean');
  return said ? undefined : 'capabilities must say writes and incarnations';
}

function extended(catalogue: Catalogue, lists: Lists): Catalogue {
  for (const list of LISTS) {
    const taken = new Set(catalogue[list].map(({ name }) => name));
    for (const { name } of lists[list]) {
      if (taken.has(name))
        throw new ShapeError(
          'SND1203',
          `the plugin brings ${name} under ${list}, and there is one of that name`,
        );
      taken.add(name);
    }
  }
  return {
    probes: [...catalogue.probes, ...lists.probes],
    rules: [...catalogue.rules, ...lists.rules],
    registries: [...catalogue.registries, ...lists.registries],
  };
}

function field(value: unknown, key: string): unknown {
  const holds = (typeof value === 'object' && value !== null) || typeof value === 'function';
  return holds ? (value as Readonly<Record<string, unknown>>)[key] : undefined;
}

function whyNotLoaded(error: unknown): string {
  // Node names the module and the importer, with absolute paths: only what is not plain is worth telling.
  const missing = field(error, 'code') === 'ERR_MODULE_NOT_FOUND' && !messageOf(error).includes("package '");
  const reason = missing
    ? 'it, or a module it imports, does not exist'
    : (messageOf(error).split('\n', 1)[0] ?? '');
  return `the plugin cannot be loaded: ${reason}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
