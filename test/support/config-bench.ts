/** Configurations from text: nothing is read but the text. */

import { builtins } from '../../src/app/builtins.ts';
import type { Config } from '../../src/config/config.ts';
import { type LoadDeps, type LoadResult, loadText } from '../../src/config/load.ts';
import type { Problem } from '../../src/config/problem.ts';

/** The beginning of a configuration, with one registry `local`. */
export const HEAD = 'version: 1\nregistries:\n  - { name: local, kind: file, path: ./providers.yaml }\n';

export function load(text: string, deps: Partial<LoadDeps> = {}): Promise<LoadResult> {
  return loadText('/etc/sonde/sonde.yaml', text, { catalogue: builtins, env: {}, ...deps });
}

export async function loaded(text: string, deps: Partial<LoadDeps> = {}): Promise<Config> {
  const result = await load(text, deps);
  if (!result.ok) throw new Error(result.problems.map(short).join('\n'));
  return result.config;
}

/** All problems, warnings too, as `line:col code message`. */
export async function problemsOf(text: string, deps: Partial<LoadDeps> = {}): Promise<readonly string[]> {
  const result = await load(text, deps);
  return (result.ok ? result.warnings : result.problems).map(short);
}

export function short({ start, code, message }: Problem): string {
  return `${start.line}:${start.col} ${code} ${message}`;
}
