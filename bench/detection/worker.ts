/** Runs one job after the other for the thread that started this one. */

import { parentPort } from 'node:worker_threads';
import { type Job, run } from './jobs.ts';

parentPort?.on('message', (job: Job) => {
  // What fails ends the thread, and is told by that.
  void run(job).then((found) => parentPort?.postMessage(found));
});
