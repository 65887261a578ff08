/** The same fleets under the rules of others: each target looked at by one prober, with the brakes on mass that those systems have. */

import { CONSECUTIVE } from '../peers/consecutive.ts';
import { ESM } from '../peers/esm.ts';
import type { PeerRule } from '../peers/peer.ts';
import { QUORUM_RULES } from '../peers/quorum.ts';
import { watch } from '../peers/watch.ts';
import { type Result, result } from '../result.ts';
import { awakeAt } from '../world/pauses.ts';
import { CHANNEL, chance, streamOf } from '../world/random.ts';
import { assess, type Change } from './assess.ts';
import { FAULT_AT, faultNamed, SERVICE } from './faults.ts';

/** What holds back who is down: Eureka renews nobody's lease when more than 15 % expired; Envoy ignores health in panic. */
type Brake = 'none' | 'eureka' | 'panic' | 'envoy';

interface Contender {
  readonly id: string;
  readonly title: string;
  readonly rule: PeerRule;
  readonly interval: number;
  readonly brake: Brake;
}

function named(id: string): PeerRule {
  const found = [...CONSECUTIVE, ...ESM, ...QUORUM_RULES].find((rule) => rule.id === id);
  if (found === undefined) throw new Error(`no rule ${id}`);
  return found;
}

function contender(
  id: string,
  title: string,
  rule: string,
  interval: number,
  brake: Brake = 'none',
): Contender {
  return { id, title, rule: named(rule), interval, brake };
}

const FIVE = 5_000;

/** Route 53's looks come from three places here: every target is looked at from all vantages in turn. */
export const CONTENDERS: readonly Contender[] = [
  contender('esm', 'consul-esm 0/0, 5 s', 'consul-esm', FIVE),
  contender('esm-ct3', 'consul-esm ct=3, 5 s', 'esm-documented', FIVE),
  contender('consec-3', '3/2 in a row, 5 s', 'haproxy', FIVE),
  contender('haproxy', 'HAProxy, 2 s', 'haproxy', 2_000),
  contender('kubelet', 'kubelet, 10 s', 'kubelet', 10_000),
  contender('eureka', '3/2, 5 s + Eureka 15 %', 'haproxy', FIVE, 'eureka'),
  contender('panic', '3/2, 5 s + panic 50 %', 'haproxy', FIVE, 'panic'),
  contender('envoy', 'Envoy outlier, 1 s, 10 %, panic', 'envoy-outlier', 1_000, 'envoy'),
  contender('route53', 'Route 53, 2 s in turn', 'route53', 2_000),
];

export interface PeerFleetParams {
  readonly fault: string;
  readonly contender: string;
}

const PROBERS = 3;
const TIMEOUT = 500;

export function peerFleet(seed: number, { fault: id, contender: name }: PeerFleetParams): Result {
  const fault = faultNamed(id);
  const contestant = CONTENDERS.find((one) => one.id === name);
  if (contestant === undefined) throw new Error(`no contender ${name}`);
  const { rule, interval, brake } = contestant;
  const scene = fault.make(seed);
  const everywhere = rule.id === 'route53';
  const turns: { readonly at: number; readonly target: number; readonly up: boolean }[] = [];
  let looks = 0;
  for (let target = 0; target < fault.targets; target++) {
    // Not the zone of the target: probers and targets lie anywhere.
    const vantage = Math.floor(target / PROBERS) % PROBERS;
    const pauses = scene.pauses(vantage);
    let turn = 0;
    const world = everywhere
      ? {
          look: (one: number, _vantage: number, at: number, timeout: number) =>
            scene.look(one, turn++ % PROBERS, at, timeout),
        }
      : scene;
    looks += watch({
      rule,
      interval,
      world,
      target,
      vantage,
      from: 0,
      until: fault.lasts,
      phase: Math.floor(chance(streamOf(seed, id, target, 0, CHANNEL.start), 0) * interval),
      timeout: TIMEOUT,
      awake: (at) => awakeAt(pauses, at),
      turned: (up, at) => turns.push({ at, target, up }),
    });
  }
  turns.sort((a, b) => a.at - b.at || a.target - b.target);
  const found = assess({ fault, scene, writes: braked(turns, brake, fault.targets, fault.lasts) });
  const share = looks / ((fault.targets * fault.lasts) / FIVE);
  return result({
    ...found,
    sums: { ...found.sums, runs: 1 },
    samples: { ...found.samples, looks: [share] },
  });
}

const FREEZE = 0.15;
const PANIC = 0.5;
const MOST_EJECTED = 0.1;

/** What consumers see: every change as it comes, or what the brake lets through, looked at each second. */
function braked(
  turns: readonly { readonly at: number; readonly target: number; readonly up: boolean }[],
  brake: Brake,
  targets: number,
  lasts: number,
): readonly Change[] {
  if (brake === 'none')
    return turns.map(({ at, target, up }) => ({ at, index: target, health: up ? 'healthy' : 'dead' }));
  const down = new Set<number>();
  const seen = new Set<number>();
  const changes: Change[] = [];
  let next = 0;
  for (let at = FAULT_AT - 60_000; at < lasts; at += 1_000) {
    for (let one = turns[next]; one !== undefined && one.at <= at; one = turns[++next]) {
      if (one.up) down.delete(one.target);
      else down.add(one.target);
    }
    const wanted = letThrough(down, seen, brake, targets);
    for (const target of [...seen]) {
      if (wanted.has(target)) continue;
      seen.delete(target);
      changes.push({ at, index: target, health: 'healthy' });
    }
    for (const target of wanted) {
      if (seen.has(target)) continue;
      seen.add(target);
      changes.push({ at, index: target, health: 'dead' });
    }
  }
  return changes;
}

function letThrough(
  down: ReadonlySet<number>,
  seen: ReadonlySet<number>,
  brake: Brake,
  targets: number,
): ReadonlySet<number> {
  if (brake === 'eureka')
    return down.size > FREEZE * targets
      ? new Set([...down].filter((target) => seen.has(target)))
      : new Set(down);
  const byService = new Map<number, number[]>();
  for (const target of down) {
    const service = Math.floor(target / SERVICE);
    byService.set(service, [...(byService.get(service) ?? []), target]);
  }
  const through = new Set<number>();
  for (const list of byService.values()) {
    const most = brake === 'envoy' ? Math.max(1, Math.floor(MOST_EJECTED * SERVICE)) : SERVICE;
    // In panic everybody gets traffic again.
    if (list.length <= PANIC * SERVICE) for (const target of list.slice(0, most)) through.add(target);
  }
  return through;
}
