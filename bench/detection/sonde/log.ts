/** A log that says nothing. */

import type { Log } from '../../../src/core/log.ts';

const silence = (): void => undefined;

export const SILENT: Log = { debug: silence, info: silence, warn: silence, error: silence };
