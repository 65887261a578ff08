/** Tells webhooks what happens: makes events of reports and hands each to those that want it. Never delays a probe. */

import type { Match } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import type { Instance } from '../core/instance.ts';
import type { Log } from '../core/log.ts';
import type { Report, Reporter } from '../core/report.ts';
import { globListMatches } from '../lib/glob.ts';
import {
  type Notice,
  registryNotice,
  transitionNotice,
  writeFailedNotice,
  writesFailedNotice,
} from './cloud-event.ts';
import { Courier, type WebhookCounters } from './courier.ts';
import type { WebhookConfig } from './webhook.ts';

export interface WebhooksDeps {
  readonly webhooks: readonly WebhookConfig[];
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1). */
  readonly random: () => number;
  /** Who says it: the `source` of all events. */
  readonly source: string;
  readonly matches: (match: Match, instance: Instance) => boolean;
}

export interface Webhooks {
  /** Never throws, never waits. */
  readonly take: Reporter;
  /** Other webhooks from now on. One of the same name keeps what waits for it, and one that was disabled is not any more. */
  replace(webhooks: readonly WebhookConfig[]): void;
  /** By name of the webhook. */
  counters(): ReadonlyMap<string, WebhookCounters>;
  /** Delivers until aborted; what waits then has 3 s more, as long as it is taken, and is lost after that. */
  run(signal: AbortSignal): Promise<void>;
}

export function createWebhooks(deps: WebhooksDeps): Webhooks {
  return new ReportWebhooks(deps);
}

/** Milliseconds for which a registry is down before webhooks are told. */
const DOWN_AFTER = 60_000;
/** Milliseconds for what waits when the program ends. */
const GRACE = 3_000;

interface Down {
  readonly since: number;
  readonly timer: Disposable;
  /** The last one that was said. */
  error: string | undefined;
  told: boolean;
}

interface Posted {
  readonly courier: Courier;
  readonly stop: AbortController;
}

class ReportWebhooks implements Webhooks {
  readonly #deps: WebhooksDeps;
  readonly #instances = new Map<string, Instance>();
  /** Registries that are down. */
  readonly #down = new Map<string, Down>();
  #posted: ReadonlyMap<string, Posted> = new Map();
  /** While it runs. */
  #start: ((posted: Posted) => void) | undefined;

  constructor(deps: WebhooksDeps) {
    this.#deps = deps;
    this.replace(deps.webhooks);
  }

  readonly take = (report: Report): void => {
    switch (report.kind) {
      case 'instance':
        this.#instances.set(report.instance.id, report.instance);
        break;
      case 'departed':
        this.#instances.delete(report.instance);
        break;
      case 'event':
        this.#hear(report.event);
        break;
      case 'registry':
        if (report.up) this.#registryUp(report.registry);
        else this.#registryDown(report.registry, report.error);
        break;
      case 'observed':
      case 'target-transition':
      case 'health':
      case 'desired':
      case 'told':
      case 'receipt':
      case 'numbers':
        // What matters of them is told as an event, once.
        break;
      default:
        report satisfies never;
    }
  };

  replace(webhooks: readonly WebhookConfig[]): void {
    const before = this.#posted;
    const next = new Map<string, Posted>();
    for (const config of webhooks) {
      const known = before.get(config.name);
      known?.courier.configure(config);
      next.set(
        config.name,
        known ?? { courier: new Courier(config, this.#deps), stop: new AbortController() },
      );
    }
    this.#posted = next;
    for (const [name, posted] of next) if (!before.has(name)) this.#start?.(posted);
    for (const [name, { stop }] of before)
      if (!next.has(name)) stop.abort(new Error('the webhook was removed'));
  }

  counters(): ReadonlyMap<string, WebhookCounters> {
    return new Map([...this.#posted].map(([name, { courier }]) => [name, courier.counters]));
  }

  async run(signal: AbortSignal): Promise<void> {
    const bug = new AbortController();
    const end = new AbortController();
    const last = AbortSignal.any([signal, bug.signal]);
    const running = new Set<Promise<void>>();
    this.#start = ({ courier, stop }) => {
      const run = courier
        .run(last, AbortSignal.any([end.signal, bug.signal, stop.signal]))
        .catch((error: unknown) => bug.abort(error))
        .finally(() => running.delete(run));
      running.add(run);
    };
    for (const posted of this.#posted.values()) this.#start(posted);
    await aborted(last);
    this.#start = undefined;
    for (const { timer } of this.#down.values()) timer[Symbol.dispose]();
    using _grace = this.#deps.clock.after(GRACE, () => end.abort(new Error('there is no more time')));
    await Promise.all(running);
    bug.signal.throwIfAborted();
  }

  #hear(event: Extract<Report, { readonly kind: 'event' }>['event']): void {
    const instance = this.#instances.get(event.subject);
    if (event.kind === 'write' && event.to === 'failing')
      this.#tellOfRegistry(event.subject, writesFailedNotice(event.subject, event, this.#origin()));
    if (instance === undefined) return;
    if (event.kind === 'transition') this.#tell(instance, transitionNotice(instance, event, this.#origin()));
    if (event.kind === 'write' && (event.reason === 'refused' || event.reason === 'contested'))
      this.#tell(instance, writeFailedNotice(instance, event, this.#origin()));
  }

  #tell(instance: Instance, notice: Notice): void {
    for (const { courier } of this.#posted.values()) {
      const { events, match } = courier.config;
      if (events.includes(notice.about) && this.#deps.matches(match, instance)) courier.offer(notice);
    }
  }

  #registryDown(registry: string, error: string | undefined): void {
    const known = this.#down.get(registry);
    if (known !== undefined) {
      known.error = error ?? known.error;
      return;
    }
    const { clock } = this.#deps;
    const down: Down = {
      since: clock.now(),
      error,
      told: false,
      timer: clock.after(DOWN_AFTER, () => {
        down.told = true;
        this.#tellRegistry(registry, down, false);
      }),
    };
    this.#down.set(registry, down);
  }

  #registryUp(registry: string): void {
    const down = this.#down.get(registry);
    if (down === undefined) return;
    down.timer[Symbol.dispose]();
    this.#down.delete(registry);
    if (down.told) this.#tellRegistry(registry, down, true);
  }

  #tellRegistry(registry: string, { since, error }: Down, up: boolean): void {
    this.#tellOfRegistry(registry, registryNotice(registry, { up, downSince: since, error }, this.#origin()));
  }

  #tellOfRegistry(registry: string, notice: Notice): void {
    for (const { courier } of this.#posted.values()) {
      const { events, match } = courier.config;
      const wanted = match.registry === undefined || globListMatches(match.registry, registry);
      if (wanted && events.includes(notice.about)) courier.offer(notice);
    }
  }

  #origin(): { readonly source: string; readonly wall: number } {
    return { source: this.#deps.source, wall: this.#deps.clock.wall() };
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
