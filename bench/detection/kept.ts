/** Results of jobs in a folder, so that a run that was interrupted need not begin again. Only for the same code: nobody checks that. */

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Job } from './jobs.ts';
import type { Kept } from './pool.ts';
import type { Result } from './result.ts';

export function keptIn(folder: string): Kept {
  mkdirSync(folder, { recursive: true });
  const fileOf = ({ cell, seed }: Job): string =>
    join(
      folder,
      createHash('sha256')
        .update(JSON.stringify([cell.kind, cell.params, seed]))
        .digest('hex'),
    );
  return {
    recall(job) {
      const file = fileOf(job);
      // Written by ourselves; whoever puts something else there gets what he asked for.
      return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Result) : undefined;
    },
    keep(job, result) {
      const file = fileOf(job);
      if (!existsSync(file)) writeFileSync(file, JSON.stringify(result));
    },
  };
}
