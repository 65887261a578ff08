/** The operators' words in force: what they lay on which instances, and until when. */

import type { Clock } from '../core/clock.ts';
import type { Instance } from '../core/instance.ts';
import {
  INTERVENTION_KINDS,
  type Intervention,
  type InterventionKind,
  type InterventionOrder,
  type Selector,
} from '../core/intervention.ts';
import type { Memory } from '../core/memory.ts';
import { globMatches } from '../lib/glob.ts';
import { hashId } from '../lib/hash.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { isoTime, parseIsoTime } from '../lib/iso-time.ts';

/** One as it is kept; whom it concerns is counted when somebody asks. */
export type Laid = Omit<Intervention, 'instances'>;

/** One key for all of them: they are few, and found before any instance is. */
const KEY = 'interventions';

export class Interventions {
  readonly #clock: Clock;
  readonly #memory: Memory;
  #laid: readonly Laid[];
  #count = 0;

  constructor(clock: Clock, memory: Memory) {
    this.#clock = clock;
    this.#memory = memory;
    this.#laid = decodeLaid(memory.recall(KEY));
  }

  /** Oldest first. */
  get all(): readonly Laid[] {
    return this.#laid;
  }

  lay({ kind, selector, reason, by, lasts }: InterventionOrder): Laid {
    const wall = this.#clock.wall();
    const at = isoTime(wall);
    const laid = {
      id: hashId(at, String(this.#count++), JSON.stringify(selector)),
      kind,
      selector,
      reason,
      by,
      at,
      until: lasts === null ? null : isoTime(wall + lasts),
    };
    this.#keep([...this.#laid, laid]);
    return laid;
  }

  /** What was lifted, undefined if there is none with that id. */
  lift(id: string): Laid | undefined {
    const found = this.#laid.find((one) => one.id === id);
    if (found !== undefined) this.#keep(this.#laid.filter((one) => one !== found));
    return found;
  }

  /** Ends those whose time is over, and says which. */
  expire(): readonly Laid[] {
    const wall = this.#clock.wall();
    const over = this.#laid.filter(({ until }) => until !== null && (parseIsoTime(until) ?? 0) <= wall);
    if (over.length > 0) this.#keep(this.#laid.filter((one) => !over.includes(one)));
    return over;
  }

  /** Those that concern the instance. */
  on(instance: Instance): readonly Laid[] {
    return this.#laid.length === 0
      ? this.#laid
      : this.#laid.filter(({ selector }) => selects(selector, instance));
  }

  #keep(laid: readonly Laid[]): void {
    this.#laid = laid;
    this.#memory.remember(KEY, laid.length === 0 ? undefined : laid);
  }
}

export function selects({ registry, namespace, service, instance }: Selector, one: Instance): boolean {
  const wants = (pattern: string | undefined, text: string): boolean =>
    pattern === undefined || globMatches(pattern, text);
  return (
    wants(registry, one.registry) &&
    wants(namespace, one.namespace) &&
    wants(service, one.service) &&
    (instance === undefined || instance === one.id || instance === formatHostPort(one.host, one.port))
  );
}

/** The selector for people: `registry/namespace/service`, and the instance. */
export function selectorText({ registry = '*', namespace = '*', service = '*', instance }: Selector): string {
  const place = `${registry}/${namespace}/${service}`;
  return instance === undefined ? place : `${place} ${instance}`;
}

/** Which of them decides what is written: taking back goes before leaving alone, and that before holding. */
export function strongest(laid: readonly Laid[]): InterventionKind | undefined {
  return (['release', 'pause', 'hold'] as const).find((kind) => laid.some((one) => one.kind === kind));
}

/** As remembered; what cannot be read is nothing. */
function decodeLaid(value: unknown): readonly Laid[] {
  return Array.isArray(value) ? value.filter(isLaid) : [];
}

function isLaid(value: unknown): value is Laid {
  if (typeof value !== 'object' || value === null) return false;
  const { id, kind, selector, reason, by, at, until } = value as Readonly<Record<string, unknown>>;
  const texts = [id, reason, by, at].every((text) => typeof text === 'string');
  return (
    texts &&
    INTERVENTION_KINDS.some((known) => known === kind) &&
    typeof selector === 'object' &&
    selector !== null &&
    (until === null || typeof until === 'string')
  );
}
