/** A process to which nothing ever happens: under the manual clock beats would only cost time. */

import type { Sources } from '../../src/local-health/sources.ts';

export const quietSources: Sources = {
  beat: undefined,
  delay: () => 0,
  onCollection: () => ({ [Symbol.dispose]: () => undefined }),
  throttled: () => undefined,
};
