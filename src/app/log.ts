/** The log of a running sonde: pino, one JSON object a line, on stderr. */

import { type DestinationStream, pino } from 'pino';
import type { Log, LogFields } from '../core/log.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface AppLog extends Log {
  /** Writes out what is still buffered. */
  flush(): void;
}

export function createLog(level: LogLevel): AppLog {
  const destination = pino.destination({ dest: 2, sync: false });
  const logger = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: nameLevel } },
    destination as DestinationStream,
  );
  const at =
    (name: Exclude<LogLevel, 'silent'>) =>
    (message: string, fields: LogFields = {}): void =>
      logger[name](fields, message);
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    flush: () => destination.flushSync(),
  };
}

function nameLevel(label: string): object {
  return { level: label };
}
