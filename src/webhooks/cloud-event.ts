/** CloudEvents 1.0 in their structured JSON form (cloudevents.io): what a webhook is sent. Pure. */

import type { ToldEvent } from '../core/event.ts';
import type { Instance } from '../core/instance.ts';
import { hashId } from '../lib/hash.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { isoTime } from '../lib/iso-time.ts';
import type { WebhookEvent } from './webhook.ts';

/** In what order its attributes stand is in what order they are sent. */
interface CloudEvent {
  readonly specversion: '1.0';
  /** The same for every attempt to deliver the same event. */
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string;
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly data: Readonly<Record<string, unknown>>;
}

/** An event on its way to webhooks. */
export interface Notice {
  readonly about: WebhookEvent;
  /** A newer notice of the same topic makes this one needless. */
  readonly topic: string;
  readonly event: CloudEvent;
}

export interface Origin {
  readonly source: string;
  /** `Clock.wall()`. */
  readonly wall: number;
}

/** `told` is of the kind `transition`. */
export function transitionNotice(instance: Instance, told: ToldEvent, origin: Origin): Notice {
  const { from, to, reason, numbers } = told;
  const windowStart = numbers?.windowStart ?? null;
  const shown =
    numbers === undefined
      ? {}
      : { numbers: { ...numbers, windowStart: windowStart === null ? null : isoTime(windowStart) } };
  return {
    about: 'transition',
    topic: `transition ${instance.id}`,
    event: cloudEvent('io.sonde.instance.transition.v1', subjectOf(instance), origin, {
      ...placeOf(instance),
      from,
      to,
      reason,
      ...shown,
    }),
  };
}

/** `told` is of the kind `write` and says that one was refused or is contested. */
export function writeFailedNotice(instance: Instance, told: ToldEvent, origin: Origin): Notice {
  const { to: desired, reason: receipt, detail } = told;
  return {
    about: 'write-failure',
    topic: `write ${instance.id}`,
    event: cloudEvent('io.sonde.write.failed.v1', subjectOf(instance), origin, {
      ...placeOf(instance),
      receipt,
      desired,
      detail,
    }),
  };
}

/** `told` says that writes to a registry fail, one after the other. */
export function writesFailedNotice(registry: string, told: ToldEvent, origin: Origin): Notice {
  const { reason: error, detail } = told;
  return {
    about: 'write-failure',
    topic: `writes ${registry}`,
    event: cloudEvent('io.sonde.registry.writes.failed.v1', registry, origin, { registry, error, detail }),
  };
}

/** `error` says why it is down. */
export function registryNotice(
  registry: string,
  state: { readonly up: boolean; readonly downSince: number; readonly error?: string | undefined },
  origin: Origin,
): Notice {
  const { up, downSince, error } = state;
  return {
    about: 'registry',
    topic: `registry ${registry}`,
    event: cloudEvent(`io.sonde.registry.${up ? 'up' : 'down'}.v1`, registry, origin, {
      registry,
      downSince: isoTime(downSince),
      error,
    }),
  };
}

/** What is undefined in `data` is not sent. */
function cloudEvent(
  type: string,
  subject: string,
  { source, wall }: Origin,
  data: Readonly<Record<string, unknown>>,
): CloudEvent {
  const time = isoTime(wall);
  return {
    specversion: '1.0',
    id: hashId(type, subject, time, JSON.stringify(data)),
    source,
    type,
    subject,
    time,
    datacontenttype: 'application/json',
    data,
  };
}

function subjectOf({ registry, namespace, service, host, port }: Instance): string {
  return `${registry}/${namespace}/${service}/${formatHostPort(host, port)}`;
}

function placeOf({ id, registry, namespace, service, host, port }: Instance) {
  return { instance: id, registry, namespace, service, host, port };
}
