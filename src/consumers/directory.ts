/** What consumers may be told: every instance with what sonde says of it, and which registries have been listed. */

import type { Match } from '../core/check.ts';
import type { Instance, InstanceId } from '../core/instance.ts';
import type { Report, Told } from '../core/report.ts';
import { globListMatches } from '../lib/glob.ts';
import { formatHostPort } from '../lib/host-port.ts';

/** An instance and what is said of it. */
export interface Said {
  readonly instance: Instance;
  readonly told: Told;
}

export type Found =
  | { readonly kind: 'one'; readonly said: Said }
  | { readonly kind: 'none' }
  /** The name means several instances. */
  | { readonly kind: 'several' };

export class Directory {
  readonly #matches: (match: Match, instance: Instance) => boolean;
  readonly #said = new Map<InstanceId, Said>();
  /** Every name by which one may be asked for. */
  readonly #named = new Map<string, Set<InstanceId>>();
  readonly #listed = new Set<string>();
  #registries: readonly string[];

  constructor(registries: readonly string[], matches: (match: Match, instance: Instance) => boolean) {
    this.#registries = registries;
    this.#matches = matches;
  }

  /** Other registries are configured from now on. */
  setRegistries(registries: readonly string[]): void {
    this.#registries = registries;
  }

  /** True where the report may change what somebody is told. */
  take(report: Report): boolean {
    switch (report.kind) {
      case 'instance':
        this.#appear(report.instance);
        return true;
      case 'departed':
        return this.#depart(report.instance);
      case 'told':
        return this.#change(report.instance, report.told);
      case 'registry': {
        const first = report.syncedAt !== null && !this.#listed.has(report.registry);
        if (first) this.#listed.add(report.registry);
        return first;
      }
      case 'observed':
      case 'target-transition':
      case 'health':
      case 'desired':
      case 'receipt':
      case 'numbers':
      case 'event':
        return false;
      default:
        return report satisfies never;
    }
  }

  /** Whether every registry that the match can mean has been listed: before that nobody knows who is missing. */
  complete({ registry }: Match): boolean {
    return this.#registries.every(
      (name) => this.#listed.has(name) || (registry !== undefined && !globListMatches(registry, name)),
    );
  }

  /** Those that match, in an order that depends on nothing but their names. */
  all(match: Match): readonly Said[] {
    const matching = [...this.#said.values()].filter(({ instance }) => this.#matches(match, instance));
    return matching.sort((a, b) => compare(orderOf(a), orderOf(b)));
  }

  /** By id, `host:port`, `service/host:port` or `registry/namespace/service/host:port`. */
  find(name: string, match: Match): Found {
    const said = [...(this.#named.get(name) ?? [])]
      .map((id) => this.#said.get(id))
      .filter((one) => one !== undefined && this.#matches(match, one.instance));
    const [first, ...others] = said;
    if (first === undefined) return { kind: 'none' };
    return others.length > 0 ? { kind: 'several' } : { kind: 'one', said: first };
  }

  #appear(instance: Instance): void {
    const before = this.#said.get(instance.id);
    if (before !== undefined) this.#unname(before.instance);
    for (const name of namesOf(instance)) {
      const ids = this.#named.get(name) ?? new Set();
      this.#named.set(name, ids.add(instance.id));
    }
    this.#said.set(instance.id, { instance, told: before?.told ?? null });
  }

  #depart(id: InstanceId): boolean {
    const before = this.#said.get(id);
    if (before === undefined) return false;
    this.#unname(before.instance);
    return this.#said.delete(id);
  }

  #unname(instance: Instance): void {
    for (const name of namesOf(instance)) {
      const ids = this.#named.get(name);
      ids?.delete(instance.id);
      if (ids?.size === 0) this.#named.delete(name);
    }
  }

  #change(id: InstanceId, told: Told): boolean {
    const before = this.#said.get(id);
    if (before === undefined) return false;
    this.#said.set(id, { instance: before.instance, told });
    return true;
  }
}

function namesOf({ id, registry, namespace, service, host, port }: Instance): readonly string[] {
  const place = formatHostPort(host, port);
  return [id, place, `${service}/${place}`, `${registry}/${namespace}/${service}/${place}`];
}

function orderOf({ instance }: Said): string {
  const { registry, namespace, service, key } = instance;
  return [registry, namespace, service, key].join('\u0000');
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
