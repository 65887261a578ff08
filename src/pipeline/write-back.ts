/** Keeps one registry's marks in line with the judged healths: plans what is dirty, asks the guard, hands on to publish. */

import type { Clock } from '../core/clock.ts';
import type { InstanceId } from '../core/instance.ts';
import type { Log } from '../core/log.ts';
import type { DesiredHealth, Receipt, Registry, RegistryError } from '../core/registry.ts';
import type { Reporter } from '../core/report.ts';
import { isoTime } from '../lib/iso-time.ts';
import { Gate } from './gate.ts';
import type { BrakeLimits, Hold } from './guard.ts';
import { strongest } from './interventions.ts';
import { type Order, Publisher } from './publish.ts';
import { desiredOf, fingerprint, isWorse, plan, sameDesired, saysAlready, titleOf } from './reconcile.ts';
import { type InstanceRecord, isDead, standing, standsDead, toldOf } from './record.ts';

export interface WriteBackDeps {
  readonly name: string;
  readonly registry: Registry;
  readonly writer: string;
  readonly brake: BrakeLimits;
  /** Writes per second of the registry. */
  readonly maxPerSecond: number;
  /** Milliseconds until an instance may be written once more; three writes may come at once. */
  readonly perInstanceEvery: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
  readonly report: Reporter;
  /** Why nothing that goes down may be believed now; undefined while it may. */
  readonly doubt: () => string | undefined;
  /** The record's hold began or ended. */
  readonly onHold: (record: InstanceRecord) => void;
  /** A write came back: there is something to reconcile. */
  readonly onReceipt: () => void;
  /** What was written changed, and must be known after a restart. */
  readonly remember: (record: InstanceRecord) => void;
  /** The write-back of the same registry before a reload: its brake goes on. */
  readonly before?: WriteBack;
}

const INSTANCE_BURST = 3;
/** Seconds of the registry's rate that may come at once. */
const REGISTRY_BURST = 10;

export class WriteBack {
  readonly #deps: WriteBackDeps;
  readonly #publisher: Publisher;
  readonly #records = new Map<InstanceId, InstanceRecord>();
  readonly #dirty = new Set<InstanceRecord>();
  /** In this round planned or let through. */
  readonly #planned = new Set<InstanceRecord>();
  readonly #gate: Gate;

  constructor(deps: WriteBackDeps) {
    this.#deps = deps;
    this.#publisher = new Publisher({
      name: deps.name,
      registry: deps.registry,
      writer: deps.writer,
      perInstance: { capacity: INSTANCE_BURST, refillEvery: deps.perInstanceEvery },
      perRegistry: { capacity: deps.maxPerSecond * REGISTRY_BURST, refillEvery: 1_000 / deps.maxPerSecond },
      clock: deps.clock,
      log: deps.log,
      random: deps.random,
      onReceipt: (order, receipt) => this.#onReceipt(order, receipt),
      onFailing: (error) => this.#onFailing(error),
    });
    this.#gate = new Gate({
      registry: deps.name,
      limits: deps.brake,
      clock: deps.clock,
      log: deps.log,
      report: deps.report,
      doubt: deps.doubt,
      setHeld: (record, held) => this.#setHeld(record, held),
      admit: (record) => {
        record.write.admitted = true;
        this.#planned.add(record);
        this.#carryOut(record);
      },
      ...(deps.before === undefined ? {} : { before: deps.before.#gate }),
    });
  }

  get pending(): number {
    return this.#publisher.pending;
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#publisher.run(signal);
  }

  finish(): void {
    this.#publisher.finish();
  }

  /** Nothing that waits is written any more; what is being written comes to its end. */
  withdrawAll(): void {
    for (const id of this.#records.keys()) this.#publisher.withdraw(id);
  }

  /** Something about the instance changed. */
  touch(record: InstanceRecord): void {
    this.#records.set(record.instance.id, record);
    this.#dirty.add(record);
    const { written } = record.write;
    if (written === undefined || written.seen || !this.#stands(record, written.desired)) return;
    record.write.written = { ...written, seen: true };
    this.#deps.remember(record);
  }

  forget(record: InstanceRecord): void {
    this.#records.delete(record.instance.id);
    this.#dirty.delete(record);
    this.#gate.leave(record);
    this.#publisher.forget(record.instance.id);
  }

  /** Level-triggered: looks at everything again, so that nothing lost stays lost. */
  touchAll(): void {
    for (const record of this.#records.values()) this.#dirty.add(record);
  }

  /** An operator lets through what the brake holds now. */
  releaseGuard(): void {
    this.#gate.release();
  }

  reconcile(): void {
    const now = this.#deps.clock.now();
    for (const record of this.#dirty) {
      this.#plan(record, now);
      this.#planned.add(record);
    }
    this.#dirty.clear();
    this.#gate.open(this.#records);
    for (const record of this.#planned) this.#tell(record);
    this.#planned.clear();
  }

  /** Those that ask no registry hear what floor and brake let through. */
  #tell(record: InstanceRecord): void {
    const told = toldOf(record);
    if (sameDesired(told, record.write.told)) return;
    record.write.told = told;
    this.#deps.report({ kind: 'told', instance: record.instance.id, told });
  }

  #plan(record: InstanceRecord, now: number): void {
    const { write, instance } = record;
    const { writer } = this.#deps;
    const mark = instance.mark;
    const word = strongest(record.laid);
    const desired = desiredOf(word === 'release' ? 'observe' : record.mode, judgedHealth(record), {
      checked: record.targets.size > 0,
      mark,
      writer,
    });
    if (!sameDesired(desired, write.desired)) {
      write.desired = desired;
      write.since = now;
      write.admitted = false;
      write.refused = false;
      this.#reportDesired(record);
    }
    const next =
      sameDesired(write.shadow, desired) && record.mode === 'dry-run' ? 'rest' : this.#next(record, now);
    this.#setContested(record, next === 'contested');
    const told = word === 'pause' ? 'paused' : word === 'hold' && this.#worsens(record) ? 'operator' : null;
    if (told !== null) {
      this.#gate.leave(record);
      this.#publisher.withdraw(instance.id);
      this.#setHeld(record, next === 'write' ? told : null);
      return;
    }
    const guarded = next === 'write' && isDead(desired) && !standsDead(record);
    if (guarded && !write.admitted) {
      this.#gate.wait(record);
      this.#publisher.withdraw(instance.id);
      return;
    }
    this.#gate.leave(record);
    this.#setHeld(record, null);
    if (next === 'write') this.#carryOut(record);
    else this.#publisher.withdraw(instance.id);
  }

  #worsens(record: InstanceRecord): boolean {
    const { desired } = record.write;
    return desired?.kind === 'health' && isWorse(desired.health, standing(record));
  }

  #next(record: InstanceRecord, now: number): ReturnType<typeof plan> {
    const { desired, written, contestedAt, force } = record.write;
    // Nobody can write there: what was let through is told, and that is all.
    if (this.#deps.registry.write === undefined)
      return desired === null || sameDesired(written?.desired ?? null, desired) ? 'rest' : 'write';
    const { mark } = record.instance;
    const next = plan({ desired, mark, written, contestedAt, force, now, writer: this.#deps.writer });
    return next === 'rest' && this.#lapses(record, now) ? 'write' : next;
  }

  /** It stands there, and will not for ever. */
  #lapses(record: InstanceRecord, now: number): boolean {
    const { renewEvery } = this.#deps.registry;
    const { desired, written } = record.write;
    if (renewEvery === undefined || record.mode !== 'apply' || desired === null || !isDead(desired))
      return false;
    const asked = written === undefined ? Number.NEGATIVE_INFINITY : written.at;
    return now - asked >= renewEvery && this.#stands(record, desired);
  }

  #carryOut(record: InstanceRecord): void {
    const { desired, force, since } = record.write;
    if (desired === null) return;
    if (this.#deps.registry.write === undefined && record.mode === 'apply') {
      record.write.written = { desired, at: this.#deps.clock.now(), seen: false };
      this.#deps.remember(record);
      return;
    }
    if (record.mode !== 'dry-run') {
      this.#publisher.offer({ instance: record.instance, desired, force, since });
      return;
    }
    record.write.shadow = desired;
    this.#deps.log.info('Would write (dry-run)', { ...nameOf(record), desired: titleOf(desired) });
    this.#event(record, { to: titleOf(desired), reason: 'dry-run' });
  }

  #onReceipt(order: Order, receipt: Receipt): void {
    const now = this.#deps.clock.now();
    const desired = titleOf(order.desired);
    const detail = receipt.detail === undefined ? {} : { detail: receipt.detail };
    this.#deps.report({
      kind: 'receipt',
      instance: receipt.instance,
      registry: this.#deps.name,
      desired,
      receipt: receipt.kind,
      lag: now - order.since,
      ...detail,
    });
    const record = this.#records.get(receipt.instance);
    if (record === undefined) return;
    const { write } = record;
    switch (receipt.kind) {
      case 'written':
        this.#deps.log.info('Health written', { ...nameOf(record), desired });
        this.#event(record, { to: desired, reason: 'written', ...detail });
        write.written = { desired: order.desired, at: now, seen: false };
        write.force = false;
        write.refused = false;
        break;
      case 'unchanged':
      case 'gone':
        write.written = { desired: order.desired, at: now, seen: false };
        write.force = false;
        write.refused = false;
        break;
      case 'contested':
        write.contestedAt = fingerprint(record.instance.mark);
        this.#setContested(record, true, receipt.detail);
        break;
      case 'refused':
        if (write.refused) break;
        write.refused = true;
        this.#deps.log.warn('The registry refused a write; it is tried again', {
          ...nameOf(record),
          desired,
          ...detail,
        });
        this.#event(record, { to: desired, reason: 'refused', ...detail });
        break;
      default:
        receipt.kind satisfies never;
    }
    this.#deps.remember(record);
    if (receipt.kind === 'refused') return;
    this.touch(record);
    this.#deps.onReceipt();
  }

  #onFailing(error: RegistryError | undefined): void {
    const { name: subject, report } = this.#deps;
    const event =
      error === undefined
        ? ({ kind: 'write', subject, to: 'working' } as const)
        : ({ kind: 'write', subject, to: 'failing', reason: error.code, detail: error.message } as const);
    report({ kind: 'event', event });
  }

  #stands(record: InstanceRecord, desired: NonNullable<InstanceRecord['write']['desired']>): boolean {
    return saysAlready(record.instance.mark, desired, this.#deps.writer);
  }

  #setContested(record: InstanceRecord, contested: boolean, detail?: string): void {
    if (record.write.contested === contested) return;
    record.write.contested = contested;
    this.#reportDesired(record);
    if (!contested) return;
    this.#deps.log.warn("Somebody else's value stands in the registry; it is left alone", nameOf(record));
    this.#event(record, { reason: 'contested', ...(detail === undefined ? {} : { detail }) });
  }

  #setHeld(record: InstanceRecord, held: Hold | null): void {
    if (record.write.held === held) return;
    record.write.held = held;
    this.#reportDesired(record);
    this.#deps.onHold(record);
  }

  #reportDesired(record: InstanceRecord): void {
    const { desired, held, contested } = record.write;
    this.#deps.report({
      kind: 'desired',
      instance: record.instance.id,
      desired: desired === null ? null : titleOf(desired),
      held,
      contested,
    });
  }

  #event(record: InstanceRecord, told: { to?: string; reason: string; detail?: string }): void {
    const { namespace, service, host, port } = record.instance;
    const more = told.detail === undefined ? '' : `: ${told.detail}`;
    const event = { ...told, detail: `${namespace}/${service} ${host}:${port}${more}` };
    this.#deps.report({ kind: 'event', event: { kind: 'write', subject: record.instance.id, ...event } });
  }
}

function judgedHealth(record: InstanceRecord): DesiredHealth | null {
  const { health, reason } = record.health;
  if (health === 'unknown') return null;
  return { kind: 'health', health, reason, since: isoTime(record.since) };
}

function nameOf(record: InstanceRecord): Record<string, string> {
  const { registry, namespace, service, host, port } = record.instance;
  return { registry, namespace, service, instance: `${host}:${port}` };
}
