/** Whether the programs of script checks are there and may be run. */

import { access, constants } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import type { Config } from '../../config/config.ts';
import type { Check } from '../../core/check.ts';
import { scriptProbe } from '../../probes/script.ts';
import type { ScriptOptions } from '../../probes/script-options.ts';
import { constantText } from '../../probes/template.ts';
import { error, type Finding, ok } from './finding.ts';

export async function examineScripts({ checks, baseDir }: Config): Promise<readonly Finding[]> {
  const scripts = checks.filter(isScript);
  return Promise.all(scripts.map((check) => examineScript(check, baseDir)));
}

type ScriptCheck = Check & { readonly probe: { readonly options: ScriptOptions } };

/** Options of the kind were decoded by its schema. */
function isScript(check: Check): check is ScriptCheck {
  return check.probe.kind === scriptProbe.name;
}

async function examineScript({ name, probe }: ScriptCheck, baseDir: string): Promise<Finding> {
  const { command, shell, cwd } = probe.options;
  const [first] = command;
  const program = first === undefined ? undefined : constantText(first);
  if (shell || program === undefined)
    return ok(`check ${name}: its command is for the shell, it was not looked into`);
  const folder = cwd === undefined ? baseDir : resolve(baseDir, cwd);
  const places = program.includes('/')
    ? [resolve(folder, program)]
    : (process.env.PATH ?? '').split(delimiter).map((path) => join(path, program));
  for (const place of places) if (await isExecutable(place)) return ok(`check ${name}: ${place} can be run`);
  return error(
    `check ${name}: ${program} is not there, or may not be run`,
    program.includes('/') ? `looked at ${places.join()}: chmod +x` : 'it is not in PATH',
  );
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
