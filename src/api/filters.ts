/** The query parameters that lists and the stream have in common, and how they are described. */

import type { EventFilter } from '../board/event-log.ts';
import type { Filter, InstanceFilter } from '../board/filter.ts';
import { EVENT_KINDS } from '../core/event.ts';
import { HEALTHS } from '../core/health.ts';
import type { Parameter } from './about.ts';
import type { Query } from './query.ts';

const LONGEST_Q = 200;
const names = (name: string): Parameter => ({
  name,
  description: `One of these names, separated by commas`,
  schema: { type: 'string' },
});

export const FILTER_PARAMETERS: readonly Parameter[] = [
  names('registry'),
  names('namespace'),
  names('service'),
  {
    name: 'health',
    description: `One of ${HEALTHS.join(', ')}, separated by commas`,
    schema: { type: 'string' },
  },
  {
    name: 'q',
    description: 'Part of a name, address or id, in any case',
    schema: { type: 'string', maxLength: LONGEST_Q },
  },
];

export const INSTANCE_PARAMETERS: readonly Parameter[] = [
  ...FILTER_PARAMETERS,
  {
    name: 'disagree',
    description: 'true: a shadow rule judges other than the rule in force',
    schema: { enum: ['true', 'false'] },
  },
];

export const EVENT_PARAMETERS: readonly Parameter[] = [
  ...FILTER_PARAMETERS,
  {
    name: 'kind',
    description: `One of ${EVENT_KINDS.join(', ')}, separated by commas`,
    schema: { type: 'string' },
  },
  {
    name: 'subject',
    description: 'Instance ids or names, separated by commas',
    schema: { type: 'string' },
  },
  {
    name: 'since',
    description: 'Only events after the one with this id',
    schema: { type: 'string', pattern: '^[0-9]+$' },
  },
];

export function readFilter(query: Query): Filter {
  const registry = query.list('registry');
  const namespace = query.list('namespace');
  const service = query.list('service');
  const health = query.listOf('health', HEALTHS);
  const q = query.text('q');
  if (q !== undefined && q.length > LONGEST_Q) query.wrong('q', `has more than ${LONGEST_Q} characters`);
  return {
    ...(registry === undefined ? {} : { registry }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(service === undefined ? {} : { service }),
    ...(health === undefined ? {} : { health }),
    ...(q === undefined ? {} : { q }),
  };
}

export function readInstanceFilter(query: Query): InstanceFilter {
  const filter = readFilter(query);
  return query.oneOf('disagree', ['true', 'false'], 'false') === 'true'
    ? { ...filter, disagree: true }
    : filter;
}

export function readEventFilter(query: Query): EventFilter {
  const kind = query.listOf('kind', EVENT_KINDS);
  const subject = query.list('subject');
  const since = query.text('since');
  if (since !== undefined && !/^[0-9]{1,20}$/.test(since)) query.wrong('since', 'must be the id of an event');
  return {
    ...readFilter(query),
    ...(kind === undefined ? {} : { kind }),
    ...(subject === undefined ? {} : { subject }),
    ...(since === undefined ? {} : { since }),
  };
}
