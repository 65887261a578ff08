/** Spreads jobs over threads; results come back in the order of the jobs, whoever ran them. */

import { Worker } from 'node:worker_threads';
import { type Job, run } from './jobs.ts';
import type { Result } from './result.ts';

/** What an earlier run that was interrupted has found already. */
export interface Kept {
  recall(job: Job): Result | undefined;
  keep(job: Job, result: Result): void;
}

const NOTHING_KEPT: Kept = { recall: () => undefined, keep: () => undefined };

/** `told` hears of each finished job. None of the threads: in this one. */
export async function runAll(
  jobs: readonly Job[],
  threads: number,
  told: (job: Job) => void,
  kept: Kept = NOTHING_KEPT,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  // The long ones first, so that no thread is left alone with one at the end.
  const order = jobs
    .map((job, index) => ({ job, index }))
    .sort((a, b) => b.job.cell.weight - a.job.cell.weight);
  let next = 0;
  const work = async (runs: (job: Job) => Promise<Result>): Promise<void> => {
    for (let one = order[next++]; one !== undefined; one = order[next++]) {
      const found = kept.recall(one.job) ?? (await runs(one.job));
      kept.keep(one.job, found);
      results[one.index] = found;
      told(one.job);
    }
  };
  if (threads === 0) {
    await work(run);
    return results;
  }
  await Promise.all(
    Array.from({ length: threads }, async () => {
      const worker = new Worker(new URL('./worker.ts', import.meta.url));
      try {
        await work((job) => askOf(worker, job));
      } finally {
        await worker.terminate();
      }
    }),
  );
  return results;
}

function askOf(worker: Worker, job: Job): Promise<Result> {
  const { promise, resolve, reject } = Promise.withResolvers<Result>();
  const done = (result: Result): void => {
    worker.off('error', reject);
    resolve(result);
  };
  worker.once('message', done);
  worker.once('error', reject);
  worker.postMessage(job);
  return promise;
}
