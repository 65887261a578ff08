/** Delivers to one webhook: several at once while it answers, one at a time with patience while it does not. */

import { Agent, type Dispatcher, request } from 'undici';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { type Backoff, backoffDelay } from '../lib/backoff.ts';
import { formatDuration } from '../lib/duration.ts';
import { type Delivery, deliveryOf } from './answer.ts';
import type { Notice } from './cloud-event.ts';
import { lookupOneByOne } from './lookup.ts';
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
  /** It had answered 410. */
  readonly unwanted: number;
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
  #unwanted = 0;
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
      unwanted: this.#unwanted,
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
    if (this.#disabled) {
      this.#unwanted++;
      return;
    }
    const { clock, log } = this.#deps;
    if (!this.#outbox.add(notice, clock.now()) && !this.#saidDropped) {
      this.#saidDropped = true;
      log.warn('Too many events wait for a webhook; the oldest are dropped', { webhook: this.#config.name });
    }
    this.#wake();
  }

  /**
   * Until `last` aborts. Once `end` aborts too, nothing more is waited for: what can be delivered at once still is, and
   * what was not is lost.
   */
  async run(last: AbortSignal, end: AbortSignal): Promise<void> {
    const agent = new Agent({ connections: AT_ONCE, connect: { lookup: lookupOneByOne } });
    const sending = new Set<Promise<void>>();
    const wake = (): void => this.#wake();
    last.addEventListener('abort', wake);
    end.addEventListener('abort', wake);
    try {
      while (!end.aborted) {
        for (let next = this.#next(); next !== undefined; next = this.#next()) {
          const sent = this.#send(next, agent, end).finally(() => sending.delete(sent));
          sending.add(sent);
        }
        if (last.aborted && this.#busy.size === 0) break;
        await this.#change();
      }
      await Promise.all(sending);
    } finally {
      last.removeEventListener('abort', wake);
      end.removeEventListener('abort', wake);
      await agent.destroy();
    }
    const { size } = this.#outbox;
    if (size > 0)
      this.#deps.log.warn('A webhook was not told everything', { webhook: this.#config.name, events: size });
  }

  #next(): Waiting | undefined {
    const now = this.#deps.clock.now();
    if (now < this.#pausedUntil || this.#busy.size >= this.#atOnce) return undefined;
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
    const at = this.#nextAt(now);
    using _timer = at < Number.POSITIVE_INFINITY ? clock.after(at - now, resolve) : undefined;
    await promise;
  }

  /** When to look again without being woken. What waits is looked through only where that can matter. */
  #nextAt(now: number): number {
    if (this.#outbox.size === 0 || this.#busy.size >= this.#atOnce) return Number.POSITIVE_INFINITY;
    return now < this.#pausedUntil ? this.#pausedUntil : this.#outbox.nextAt(this.#busy);
  }

  get #atOnce(): number {
    return this.#failures > 0 ? 1 : AT_ONCE;
  }

  async #send(waiting: Waiting, agent: Agent, signal: AbortSignal): Promise<void> {
    const round = this.#round;
    const delivery = await this.#post(waiting.notice, agent, signal);
    this.#busy.delete(waiting.notice.topic);
    if (delivery.kind === 'failed' && signal.aborted) this.#outbox.putBack(waiting);
    else this.#settle(waiting, delivery, round);
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
        if (this.#disabled) break;
        this.#disabled = true;
        this.#unwanted += 1 + this.#outbox.size;
        this.#outbox.clear();
        log.warn('A webhook wants no more events (410): it gets none until the next reload', { webhook });
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
