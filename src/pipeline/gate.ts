/** Where dead instances wait until floor and brake of their registry let them be written. */

import type { Clock } from '../core/clock.ts';
import type { Instance, InstanceId } from '../core/instance.ts';
import type { Log } from '../core/log.ts';
import type { Reporter } from '../core/report.ts';
import { attribution } from './attribution.ts';
import {
  type BrakeDecision,
  type BrakeLimits,
  belowFloor,
  brake,
  CALM,
  type Census,
  countPassed,
  type Hold,
} from './guard.ts';
import { type InstanceRecord, standsDead } from './record.ts';

export interface GateDeps {
  readonly registry: string;
  readonly limits: BrakeLimits;
  readonly clock: Clock;
  readonly log: Log;
  readonly report: Reporter;
  /** Why nothing that goes down may be believed now; undefined while it may. */
  readonly doubt: () => string | undefined;
  readonly setHeld: (record: InstanceRecord, held: Hold | null) => void;
  readonly admit: (record: InstanceRecord) => void;
  /** The gate of the same registry before a reload: what it let through counts. */
  readonly before?: Gate;
}

const BRAKE_HOLDS = {
  wait: 'mass-change',
  frozen: 'frozen',
  doubted: 'self-doubt',
} as const satisfies Record<Exclude<BrakeDecision, 'pass'>, Hold>;

/** Milliseconds within which instances die together. */
const LATELY = 60_000;

export class Gate {
  readonly #deps: GateDeps;
  readonly #waiting = new Set<InstanceRecord>();
  #brake = CALM;
  #decision: BrakeDecision = 'pass';
  #released = false;
  /** Services of which the floor holds somebody. */
  #floored: ReadonlySet<string> = new Set();

  constructor(deps: GateDeps) {
    this.#deps = deps;
    const { before } = deps;
    if (before === undefined) return;
    this.#brake = before.#brake;
    this.#decision = before.#decision;
    this.#floored = before.#floored;
  }

  wait(record: InstanceRecord): void {
    this.#waiting.add(record);
  }

  leave(record: InstanceRecord): void {
    this.#waiting.delete(record);
  }

  /** An operator lets through what the brake holds now; the floors stay. */
  release(): void {
    this.#released = true;
  }

  /** Lets the waiting through as far as floor and brake allow; `records` are all instances of the registry. */
  open(records: ReadonlyMap<InstanceId, InstanceRecord>): void {
    if (this.#waiting.size === 0 && this.#decision === 'pass' && this.#floored.size === 0) return;
    const now = this.#deps.clock.now();
    const candidates = [...this.#waiting].map(({ instance, service, since }) => ({
      id: instance.id,
      service,
      since,
    }));
    const admitted = belowFloor(candidates, census(records));
    const doubt = this.#deps.doubt();
    const { state, decision } = brake(
      this.#brake,
      {
        pending: candidates.length,
        suspects: countSuspects(records, now),
        total: records.size,
        now,
        released: this.#released,
        doubted: doubt !== undefined,
      },
      this.#deps.limits,
    );
    this.#released = false;
    const about = decision === this.#decision ? '' : aboutMass(this.#waiting, records, doubt, now);
    let passed = 0;
    const floored = new Set<string>();
    for (const record of this.#waiting) {
      if (!admitted.has(record.instance.id)) {
        floored.add(`${record.instance.namespace}/${record.instance.service}`);
        this.#deps.setHeld(record, 'max-unavailable');
      } else if (decision !== 'pass') {
        this.#deps.setHeld(record, BRAKE_HOLDS[decision]);
      } else {
        passed++;
        this.#waiting.delete(record);
        this.#deps.setHeld(record, null);
        this.#deps.admit(record);
      }
    }
    this.#brake = countPassed(state, passed, now);
    this.#tell(decision, floored, about);
  }

  /** Says once when brake or floor begin or end to hold. */
  #tell(decision: BrakeDecision, floored: ReadonlySet<string>, about: string): void {
    const { registry, log, report } = this.#deps;
    if (decision !== this.#decision) {
      const change = { from: this.#decision, to: decision };
      log.warn('The brake of a registry changed', { registry, ...change, about });
      report({
        kind: 'event',
        event: { kind: 'guard', subject: registry, ...change, reason: 'brake', detail: about },
      });
    }
    for (const service of new Set([...floored, ...this.#floored])) {
      const held = floored.has(service);
      if (held === this.#floored.has(service)) continue;
      const change = held ? { from: 'pass', to: 'held' } : { from: 'held', to: 'pass' };
      log.warn('The floor of a service changed', { registry, service, ...change });
      report({
        kind: 'event',
        event: { kind: 'guard', subject: service, ...change, reason: 'max-unavailable' },
      });
    }
    this.#decision = decision;
    this.#floored = floored;
  }
}

/** Milliseconds without reach from which on a target may be about to be dead: a lost look is answered sooner by another. */
const SUSPECT = 1_000;

function countSuspects(records: ReadonlyMap<InstanceId, InstanceRecord>, now: number): number {
  let suspects = 0;
  for (const { health, instance, targets } of records.values()) {
    if (health.health === 'dead' || instance.draining) continue;
    for (const { lostSince } of targets.values()) {
      if (lostSince === null || now - lostSince < SUSPECT) continue;
      suspects++;
      break;
    }
  }
  return suspects;
}

/** How many they are, and what they have in common that the others have not. */
function aboutMass(
  waiting: ReadonlySet<InstanceRecord>,
  records: ReadonlyMap<InstanceId, InstanceRecord>,
  doubt: string | undefined,
  now: number,
): string {
  if (waiting.size === 0) return 'nothing waits any more';
  const many = `${waiting.size} of ${records.size} instances are dead and not written so`;
  if (doubt !== undefined) return `${many}; the prober doubts itself: ${doubt}`;
  const dead: Instance[] = [];
  const others: Instance[] = [];
  for (const { health, since, instance } of records.values()) {
    if (health.health !== 'dead') others.push(instance);
    else if (now - since < LATELY) dead.push(instance);
  }
  const common = attribution(dead, others);
  return common === undefined ? many : `${many}; ${common}`;
}

function census(records: ReadonlyMap<InstanceId, InstanceRecord>): ReadonlyMap<string, Census> {
  const services = new Map<string, { size: number; unavailable: number; maxUnavailable: number }>();
  for (const record of records.values()) {
    let here = services.get(record.service);
    if (here === undefined) {
      here = { size: 0, unavailable: 0, maxUnavailable: record.maxUnavailable };
      services.set(record.service, here);
    }
    // Instances may differ in metadata, and so in policy: the strictest one holds for the service.
    here.maxUnavailable = Math.min(here.maxUnavailable, record.maxUnavailable);
    if (record.instance.draining) continue;
    here.size++;
    if (!record.instance.enabled || record.write.admitted || standsDead(record)) here.unavailable++;
  }
  return services;
}
