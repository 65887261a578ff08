/** The public read model as JSON Schema (2020-12), for `/openapi.json`. Objects are closed: what is not said here is not told. */

import { EVENT_KINDS } from '../core/event.ts';
import { HEALTHS } from '../core/health.ts';
import { INTERVENTION_KINDS } from '../core/intervention.ts';
import { RECEIPTS } from '../core/registry.ts';
import { DURATION_PATTERN } from '../lib/duration.ts';

type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: 'string' };
const textOrNull: Schema = { type: ['string', 'null'] };
const time: Schema = { type: 'string', format: 'date-time' };
const timeOrNull: Schema = { type: ['string', 'null'], format: 'date-time' };
const count: Schema = { type: 'integer', minimum: 0 };
const number: Schema = { type: 'number' };
const numberOrNull: Schema = { type: ['number', 'null'] };
const rate: Schema = { type: ['number', 'null'], minimum: 0, maximum: 1 };
const flag: Schema = { type: 'boolean' };
const texts: Schema = { type: 'object', additionalProperties: text };
const counts: Schema = { type: 'object', additionalProperties: count };
const health: Schema = { enum: HEALTHS };
const writeMode: Schema = { enum: ['apply', 'dry-run', 'observe'] };
const healthCounts = closed(Object.fromEntries(HEALTHS.map((one) => [one, count])));

/** An object that has all of these and nothing else; names that end in `?` may be absent. */
function closed(properties: Readonly<Record<string, Schema>>): Schema {
  const entries = Object.entries(properties);
  return {
    type: 'object',
    additionalProperties: false,
    required: entries.map(([name]) => name).filter((name) => !name.endsWith('?')),
    properties: Object.fromEntries(entries.map(([name, schema]) => [name.replace(/\?$/, ''), schema])),
  };
}

function list(items: Schema): Schema {
  return { type: 'array', items };
}

function ref(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

function page(name: string): Schema {
  return closed({ items: list(ref(name)), nextCursor: textOrNull });
}

const place = { registry: text, namespace: text, service: text };
const address = { id: text, ...place, host: text, port: { type: 'integer', minimum: 1, maximum: 65_535 } };
const write = {
  mode: writeMode,
  desired: textOrNull,
  written: textOrNull,
  reported: textOrNull,
  'served?': text,
  receipt: { enum: [...RECEIPTS, null] },
  at: timeOrNull,
  held: textOrNull,
};
const selector = closed({ 'registry?': text, 'namespace?': text, 'service?': text, 'instance?': text });
const named = closed({ name: text, fingerprint: text });
const look = closed({
  at: time,
  outcome: { enum: ['pass', 'fail', 'skip'] },
  cause: textOrNull,
  duration: number,
  detail: textOrNull,
});

export const SCHEMAS = {
  Alive: closed({ alive: flag }),
  Ready: closed({ ready: flag }),
  ServiceHealth: closed({
    ...place,
    accepted: count,
    min: count,
    accept: list(health),
    instances: healthCounts,
  }),
  Summary: closed({
    version: text,
    instances: healthCounts,
    services: count,
    targets: count,
    registries: list(
      closed({
        name: text,
        kind: text,
        up: flag,
        snapshotAge: numberOrNull,
        instances: count,
        writeMode,
        pendingWrites: count,
        held: count,
        notices: list(text),
      }),
    ),
    localHealth: number,
    prober: closed({
      score: { type: 'number', minimum: 0, maximum: 8 },
      reasons: list(text),
      quarantinedUntil: timeOrNull,
      blind: flag,
      suspectsSelf: flag,
      handOver: flag,
      timeoutFactor: number,
      lastStall: { anyOf: [closed({ at: time, lost: number, cause: text }), { type: 'null' }] },
      anchors: list(closed({ anchor: text, reached: { type: ['boolean', 'null'] } })),
    }),
    firstRound: closed({ done: count, total: count }),
  }),
  Service: closed({
    ...place,
    instances: healthCounts,
    held: counts,
    checks: list(closed({ name: text, kind: text, targets: count, passed: count, total: count, rate })),
  }),
  ServicePage: page('Service'),
  Look: look,
  Instance: closed({
    ...address,
    metadata: texts,
    health,
    flags: list({ enum: ['stale', 'held', 'paused'] }),
    since: time,
    reason: text,
    checks: list(
      closed({
        name: text,
        kind: text,
        health,
        reason: text,
        since: time,
        rate,
        reach: rate,
        passed: count,
        total: count,
        windowStart: timeOrNull,
        latency: closed({ p50: numberOrNull, p95: numberOrNull }),
        last: { anyOf: [ref('Look'), { type: 'null' }] },
        'shadow?': {
          anyOf: [closed({ rule: text, health, reason: text }), { type: 'null' }],
        },
      }),
    ),
    write: closed(write),
  }),
  InstancePage: page('Instance'),
  WriteRow: closed({ ...address, ...write }),
  WritePage: page('WriteRow'),
  Event: closed({
    id: text,
    at: time,
    kind: { enum: EVENT_KINDS },
    subject: text,
    'from?': text,
    'to?': text,
    'reason?': text,
    'detail?': text,
    'numbers?': closed({
      rate,
      reach: rate,
      passed: count,
      total: count,
      inRow: count,
      windowStart: timeOrNull,
    }),
    'by?': text,
  }),
  EventPage: page('Event'),
  Explain: closed({
    instance: ref('Instance'),
    sentence: text,
    checks: list(
      closed({
        name: text,
        kind: text,
        health,
        reason: text,
        since: time,
        sentence: text,
        position: textOrNull,
        rule: closed({ name: text, kind: text, position: textOrNull }),
        counters: { type: 'object', additionalProperties: { type: ['number', 'string', 'null'] } },
        changes: list(closed({ to: health, when: text })),
        failures: list(ref('Look')),
        'shadow?': closed({
          rule: closed({ name: text, kind: text, position: textOrNull }),
          health,
          reason: text,
          sentence: text,
        }),
      }),
    ),
    write: text,
    doubt: textOrNull,
    interventions: list(ref('Intervention')),
  }),
  Configuration: closed({
    source: text,
    revision: text,
    appliedAt: time,
    rejected: { anyOf: [closed({ at: time, text }), { type: 'null' }] },
    checks: list(named),
    registries: list(named),
    state: {
      anyOf: [
        closed({
          kept: { type: 'boolean' },
          problem: { type: ['string', 'null'] },
          since: { type: ['string', 'null'] },
        }),
        { type: 'null' },
      ],
    },
  }),
  Intervention: closed({
    id: text,
    kind: { enum: INTERVENTION_KINDS },
    selector,
    reason: text,
    by: text,
    at: time,
    until: timeOrNull,
    instances: count,
  }),
  InterventionPage: page('Intervention'),
  InterventionOrder: closed({
    kind: { enum: INTERVENTION_KINDS },
    selector,
    reason: text,
    'by?': text,
    'for?': { type: 'string', pattern: DURATION_PATTERN },
  }),
  Author: closed({ 'by?': text }),
  Release: closed({ 'by?': text, 'reason?': text }),
  InstanceId: closed({ id: text }),
  RegistryName: closed({ registry: text }),
  Reloaded: {
    oneOf: [
      closed({ kind: { const: 'unchanged' } }),
      closed({
        kind: { const: 'applied' },
        changes: closed({ added: count, removed: count, changed: count, kept: count }),
      }),
    ],
  },
  TargetGroups: list(closed({ targets: list(text), labels: texts })),
  Problem: {
    type: 'object',
    required: ['type', 'title', 'status', 'detail'],
    properties: { type: text, title: text, status: { type: 'integer' }, detail: text },
  },
} as const satisfies Readonly<Record<string, Schema>>;

export type SchemaName = keyof typeof SCHEMAS;
