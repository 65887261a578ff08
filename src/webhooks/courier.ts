/** Delivers to one webhook: several at once while it answers, one at a time with patience while it does not. */

import { Agent, type Dispatcher, request } from 'undici';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { type Backoff, backoffDelay } from '../lib/backoff.ts';
import { formatDuration } from '../lib/duration.ts';
import { type Delivery, deliveryOf } from './answer.ts';
import type { Notice } from './cloud-event.ts';
import { Outbox, type OutboxCounters, type Waiting } from './outbox.ts';
import { signedHeaders } from './signature.ts';
import type { WebhookConfig } from './webhook.ts';

export interface CourierDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1). */
  readonly random: () => number;
}

export interface WebhookCounters extends OutboxCounters {
  readonly waiting: number;
  readonly delivered: number;
  /** Attempts that failed. */
  readonly failed: number;
  /** It answered 410. */
  readonly disabled: boolean;
}

const AT_ONCE = 8;
const CAPACITY = 10_000;
const LIFETIME = 3_600_000;
const RETRY: Backoff = { base: 5_000, cap: 300_000 };
/** Bytes of an answer that are read before its connection is given up. */
const ANSWER_LIMIT = 64 * 1024;

export class Courier {
  #config: WebhookConfig;
  readonly #deps: CourierDeps;
  readonly #outbox = new Outbox(CAPACITY, LIFETIME);
  /** Topics that are being delivered: of one topic never two at once, or they might arrive in the wrong order. */
  readonly #busy = new Set<string>();
  #delivered = 0;
  #failed = 0;
  #disabled = false;
  /** Since the last success. What was sent before the last pause is of an earlier round, and says nothing new. */
  #failures = 0;
  #round = 0;
  #pausedUntil = 0;
  #saidDropped = false;
  #wake: () => void = () => undefined;

  constructor(config: WebhookConfig, deps: CourierDeps) {
    this.#config = config;
    this.#deps = deps;
  }

  get config(): WebhookConfig {
    return this.#config;
  }

  get counters(): WebhookCounters {
    return {
      waiting: this.#outbox.size + this.#busy.size,
      delivered: this.#delivered,
      failed: this.#failed,
      disabled: this.#disabled,
      ...this.#outbox.counters,
    };
  }

  /** From now on, also for what waits; it is tried at once. */
  configure(config: WebhookConfig): void {
    this.#config = config;
    this.#disabled = false;
    this.#pausedUntil = 0;
    this.#wake();
  }

  offer(notice: Notice): void {
    if (this.#disabled) return;
    const { clock, log } = this.#deps;
    if (!this.#outbox.add(notice, clock.now()) && !this.#saidDropped) {
      this.#saidDropped = true;
      log.warn('Too many events wait for a webhook; the oldest are dropped', { webhook: this.#config.name });
    }
    this.#wake();
  }

  /** Until aborted; what was not delivered then is lost. */
  async run(signal: AbortSignal): Promise<void> {
    const agent = new Agent({ connections: AT_ONCE });
    const sending = new Set<Promise<void>>();
    signal.addEventListener('abort', () => this.#wake(), { once: true });
    try {
      while (!signal.aborted) {
        for (let next = this.#next(); next !== undefined; next = this.#next()) {
          const sent = this.#send(next, agent, signal);
          sending.add(sent);
          void sent.finally(() => sending.delete(sent));
        }
        await this.#change();
      }
      await Promise.all(sending);
    } finally {
      await agent.destroy();
    }
  }

  #next(): Waiting | undefined {
    const now = this.#deps.clock.now();
    const atOnce = this.#failures > 0 ? 1 : AT_ONCE;
    if (now < this.#pausedUntil || this.#busy.size >= atOnce) return undefined;
    const next = this.#outbox.take(now, this.#busy);
    if (next !== undefined) this.#busy.add(next.notice.topic);
    return next;
  }

  /** Something came or came back, or something is due. */
  async #change(): Promise<void> {
    const { clock } = this.#deps;
    const now = clock.now();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const at = Math.max(this.#outbox.nextAt(this.#busy), this.#pausedUntil);
    using _timer = at > now && at < Number.POSITIVE_INFINITY ? clock.after(at - now, resolve) : undefined;
    await promise;
  }

  async #send(waiting: Waiting, agent: Agent, signal: AbortSignal): Promise<void> {
    const round = this.#round;
    const delivery = await this.#post(waiting.notice, agent, signal);
    this.#busy.delete(waiting.notice.topic);
    if (!signal.aborted) this.#settle(waiting, delivery, round);
    this.#wake();
  }

  #settle(waiting: Waiting, delivery: Delivery, round: number): void {
    const { log } = this.#deps;
    const webhook = this.#config.name;
    switch (delivery.kind) {
      case 'delivered':
        this.#delivered++;
        if (this.#outbox.size === 0) this.#saidDropped = false;
        if (this.#failures === 0 || round !== this.#round) break;
        this.#failures = 0;
        log.info('A webhook takes events again', { webhook });
        break;
      case 'gone':
        this.#disabled = true;
        this.#outbox.clear();
        log.warn(
          'A webhook wants no more events (410): it gets none until the configuration is loaded again',
          {
            webhook,
          },
        );
        break;
      case 'failed':
        this.#putOff(waiting, delivery, round);
        break;
      default:
        delivery satisfies never;
    }
  }

  #putOff(waiting: Waiting, { reason, wait }: Delivery & { kind: 'failed' }, round: number): void {
    const { clock, random, log } = this.#deps;
    const now = clock.now();
    const delay = (failures: number): number => wait ?? backoffDelay(RETRY, failures, random());
    this.#failed++;
    const failures = waiting.failures + 1;
    this.#outbox.putBack({ ...waiting, failures, notBefore: now + delay(failures) });
    if (round !== this.#round) return;
    this.#round++;
    this.#failures++;
    this.#pausedUntil = now + delay(this.#failures);
    if (this.#failures === 1)
      log.warn('A webhook does not take events: they are tried again for an hour', {
        webhook: this.#config.name,
        reason,
      });
  }

  async #post({ event }: Notice, agent: Agent, signal: AbortSignal): Promise<Delivery> {
    const { clock } = this.#deps;
    const { timeout, secrets } = this.#config;
    using deadline = clock.deadline(timeout, signal);
    try {
      const { url, headers } = addressOf(this.#config);
      const body = JSON.stringify(event);
      const seconds = Math.floor(clock.wall() / 1_000);
      const answer = await request(url, {
        method: 'POST',
        headers: {
          ...headers,
          'content-type': 'application/cloudevents+json; charset=utf-8',
          'user-agent': 'sonde',
          ...signedHeaders({ id: event.id, seconds, body }, secrets),
        },
        body,
        dispatcher: agent,
        signal: deadline.signal,
      });
      await drain(answer.body, deadline.signal);
      const after = answer.headers['retry-after'];
      return deliveryOf(answer.statusCode, typeof after === 'string' ? after : undefined, clock.wall());
    } catch (error) {
      const reason = deadline.expired ? `no answer within ${formatDuration(timeout)}` : reasonOf(error);
      return { kind: 'failed', reason };
    }
  }
}

/** User and password in the address are sent as every client sends them, and undici would not. */
function addressOf({ url, headers }: WebhookConfig): {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
} {
  const address = new URL(url);
  const { username, password } = address;
  const given = Object.fromEntries(Object.entries(headers).map(([key, value]) => [key.toLowerCase(), value]));
  if (username === '' && password === '') return { url, headers: given };
  address.username = '';
  address.password = '';
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
  return { url: address.href, headers: { authorization, ...given } };
}

/** What it says is of no interest, but the connection can be used again when it was read; how it ends changes nothing. */
async function drain(body: Dispatcher.ResponseData['body'], signal: AbortSignal): Promise<void> {
  try {
    await body.dump({ limit: ANSWER_LIMIT, signal });
  } catch {
    // The status was there before.
  }
}

/** Without addresses, which may hold credentials. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
