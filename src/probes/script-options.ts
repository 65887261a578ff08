/** The options of the probe `script`. */

import { basename } from 'node:path';
import { z } from 'zod';
import { duration, filePath } from '../options/fields.ts';
import { template } from './fields.ts';
import { constantText, type Template } from './template.ts';

const SHELLS = ['sh', 'ash', 'bash', 'dash', 'ksh', 'mksh', 'zsh', 'fish', 'csh', 'tcsh', 'busybox'];

export const scriptOptions = z
  .strictObject({
    command: z
      .array(template)
      .min(1)
      .meta({ description: 'Program and arguments; templates are filled in, each argument stays one' }),
    shell: z
      .boolean()
      .default(false)
      .meta({ description: 'Hand the one command to /bin/sh; no templates then' }),
    cwd: filePath
      .optional()
      .meta({ description: "Working directory; default the folder of the configuration's file" }),
    env: z
      .record(
        z.string().regex(/^[^=\0]+$/, 'not the name of a variable'),
        z.string().regex(/^[^\0]*$/, 'no value holds a zero byte'),
      )
      .default({})
      .meta({ description: 'Environment beside PATH and SONDE_*' }),
    exitCodes: z.enum(['nagios', 'docker']).default('nagios').meta({
      description: 'nagios: 0 pass, 1 sub-healthy, 2 dead, 3 nothing to say; docker: 0 pass, 1 dead',
    }),
    killAfter: duration.prefault('500ms').meta({ description: 'From SIGTERM to SIGKILL' }),
  })
  .superRefine(({ shell, command }, context) => {
    const wrong = (message: string): void => context.addIssue({ code: 'custom', path: ['command'], message });
    const [program, ...args] = command;
    if (program === undefined) return;
    const name = constantText(program);
    if (name === '') wrong('the program has no name');
    // What a registrant may write must never be read by a shell or choose the program; SONDE_* are in the environment.
    if (shell && args.length > 0) wrong('with shell there is exactly one command');
    if (shell && name === undefined) wrong(NO_TEMPLATE);
    else if (name === undefined) wrong('the program itself cannot be a template');
    if (!shell && scriptTexts(command).some((text) => constantText(text) === undefined)) wrong(NO_TEMPLATE);
  });

const NO_TEMPLATE = 'no ${instance.…} in what a shell reads: use "$SONDE_HOST" and its like there';

/** The words that a shell among the words would read as a script: `sh -c SCRIPT`, `env sh -ec SCRIPT`. */
function scriptTexts(command: readonly Template[]): readonly Template[] {
  const shellAt = command.findIndex((word) => SHELLS.includes(basename(constantText(word) ?? '')));
  if (shellAt < 0) return [];
  const option = command.findIndex(
    (word, at) => at > shellAt && /^-[a-zA-Z]*c/.test(constantText(word) ?? ''),
  );
  return option < 0 ? [] : command.slice(option + 1, option + 2);
}

export type ScriptOptions = z.output<typeof scriptOptions>;
