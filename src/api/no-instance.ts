/** The answer where an instance is asked for that is not there. */

import type { ApiResponse } from './message.ts';
import { problem } from './problem.ts';

export function noInstance(id: string): ApiResponse {
  return problem('not-found', `There is no instance with the id ${JSON.stringify(id)}.`);
}
