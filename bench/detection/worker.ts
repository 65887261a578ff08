/** Runs one job after the other for the thread that started this one. */

import { parentPort } from 'node:worker_threads';
import { type Job, run } from './jobs.ts';

parentPort?.on('message', async (job: Job) => {
  parentPort?.postMessage(await run(job));
});
