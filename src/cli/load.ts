/** Loads the configuration of a command, and tells on stderr what is wrong with it. */

import { builtins } from '../app/builtins.ts';
import { countProblems, formatProblems } from '../config/format.ts';
import { type LoadDeps, type LoadResult, loadConfig } from '../config/load.ts';
import { wantsColour } from './colour.ts';
import type { Io } from './io.ts';

type Loaded = Extract<LoadResult, { readonly ok: true }>;

/** Undefined when it is invalid; that was told, and the process ends with 1. */
export async function loadOrTell(
  file: string,
  io: Io,
  env: Io['env'] = io.env,
  more: Pick<LoadDeps, 'tree'> = {},
): Promise<Loaded | undefined> {
  const result = await loadConfig(file, { catalogue: builtins, env, ...more });
  const problems = result.ok ? result.warnings : result.problems;
  const { columns } = io.err;
  io.err.write(
    formatProblems('text', problems, result.texts, { colour: wantsColour(io.err, io.env), columns }),
  );
  if (result.ok) return result;
  io.err.write(`${file}: ${countProblems(problems)}; nothing was loaded\n`);
  io.exit(1);
  return undefined;
}
