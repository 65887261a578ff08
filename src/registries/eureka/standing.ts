/** What stands in Eureka for an instance, and whose it is: a mark in its metadata, an override of its status. Pure. */

import { z } from 'zod';
import type { Entry, FoundMark } from '../../core/instance.ts';
import { type MarkRecord, readMark } from '../shared/mark.ts';
import type { EurekaOptions } from './options.ts';
import type { InstanceInfo } from './wire.ts';

export const OUT = 'OUT_OF_SERVICE';
const NONE = 'UNKNOWN';

/**
 * Beside the mark: `ours`, the override that stands is our own; `changing`, it is being set or lifted, and what stands there is
 * ours to finish; `none`, no override of ours.
 */
export type Override = 'ours' | 'changing' | 'none';

export interface Standing {
  readonly mark: FoundMark | undefined;
  readonly override: Override;
  /** Consumers see OUT_OF_SERVICE, and that is our doing. */
  readonly ours: boolean;
}

const beside = z.looseObject({ override: z.enum(['ours', 'changing', 'none']).catch('none') });

/** `remembered`: the override was ours when it was last looked at; a provider that registers again wipes out the mark. */
export function standingOf(info: InstanceInfo, metadataKey: string, remembered: boolean): Standing {
  const stored = storedMark(info.metadata[metadataKey]);
  const mark = readMark(stored, undefined);
  const out = info.override === OUT || (info.override === NONE && info.status === OUT);
  if (mark === undefined) return { mark, override: 'none', ours: remembered && out };
  const { override } = beside.parse(stored);
  switch (override) {
    case 'ours':
      // An override that is gone or another one is somebody's intent.
      return { mark: out ? mark : { ...mark, intact: false }, override, ours: out };
    case 'changing':
      return { mark, override, ours: out };
    case 'none':
      // It was out of service already when it was marked dead, and is back: there is something to write again.
      return {
        mark: mark.health === 'dead' && info.status === 'UP' ? undefined : mark,
        override,
        ours: false,
      };
    default:
      return override satisfies never;
  }
}

/** What is no JSON is somebody's, like a damaged mark; an empty text is what is left of a released one. */
function storedMark(text: string | undefined): unknown {
  if (text === undefined || text === '') return undefined;
  try {
    return (JSON.parse(text) as unknown) ?? {};
  } catch {
    return {};
  }
}

export function markText(mark: MarkRecord, override: Override): string {
  return JSON.stringify({ ...mark, override });
}

/** The entry, or undefined where the server does not say what it is. */
export function entryOf(
  info: InstanceInfo,
  { ours, mark }: Standing,
  options: EurekaOptions,
): Entry | undefined {
  const host = options.address === 'ip' ? info.ip : info.hostName;
  if (host === '' || !Number.isInteger(info.port) || info.port < 1 || info.port > 65_535) return undefined;
  const { [options.metadataKey]: _, ...metadata } = info.metadata;
  return {
    key: info.id,
    incarnation: '',
    revision: '',
    host,
    port: info.port,
    metadata,
    enabled: info.status === 'UP' || ours,
    draining: false,
    ...(mark === undefined ? {} : { mark }),
  };
}
