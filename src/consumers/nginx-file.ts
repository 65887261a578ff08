/**
 * The file of upstreams that nginx includes: made from what is said of the instances, and read again for what stood in it.
 * Pure. What is written depends on nothing but what is said, so that an unchanged file means that nothing changed.
 */

import type { NginxUpstreamsConfig } from '../core/consumer.ts';
import type { WritableHealth } from '../core/health.ts';
import { formatHostPort } from '../lib/host-port.ts';
import type { Said } from './directory.ts';

export interface Rendered {
  readonly text: string;
  /** Names that cannot stand in a configuration of nginx: their upstreams or servers are left out. */
  readonly refused: readonly string[];
}

/** What stood in the file. */
export interface Stood {
  readonly upstreams: ReadonlySet<string>;
  /** By upstream and server. */
  readonly servers: ReadonlyMap<string, WritableHealth>;
}

export const NOTHING_STOOD: Stood = { upstreams: new Set(), servers: new Map() };

type Form = Pick<NginxUpstreamsConfig, 'upstream' | 'directives' | 'subHealthyWeight'>;

/** nginx refuses an upstream without servers; nobody listens on the port discard of this machine. */
const NOBODY = 'server 127.0.0.1:9 down; # no instances';
/** Weight of one whose registry knows none: shares of it must still be whole numbers. */
const USUAL_WEIGHT = 100;
const MOST_WEIGHT = 65_535;

export function renderUpstreams(all: readonly Said[], form: Form, stood: Stood): Rendered {
  const refused = new Set<string>();
  // A configuration that names an upstream which is no longer there is refused as a whole: one without instances stays.
  const upstreams = new Map([...stood.upstreams].map((name) => [name, new Map<string, string>()]));
  for (const said of all) {
    const upstream = nameOf(said, form.upstream);
    const { host, port } = said.instance;
    const place = formatHostPort(host, port);
    if (upstream === undefined) refused.add(`${said.instance.namespace}/${said.instance.service}`);
    // Registrants choose host and name: nothing of theirs may be read as a directive.
    else if (!/^[A-Za-z0-9._:-]+$/.test(host)) refused.add(place);
    else {
      const servers = upstreams.get(upstream) ?? new Map<string, string>();
      upstreams.set(upstream, servers);
      servers.set(
        place,
        serverLine(place, said, stood.servers.get(`${upstream} ${place}`), form.subHealthyWeight),
      );
    }
  }
  const blocks = [...upstreams]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, servers]) => block(name, form.directives, [...servers.values()]));
  return { text: `# Written by sonde; changes are lost.\n${blocks.join('')}`, refused: [...refused] };
}

/** What an earlier process said of the servers. Lines that are not ours say nothing. */
export function readUpstreams(text: string): Stood {
  const upstreams = new Set<string>();
  const servers = new Map<string, WritableHealth>();
  let upstream = '';
  for (const line of text.split('\n')) {
    const [, name] = /^upstream (\S+) \{$/.exec(line) ?? [];
    if (name !== undefined) upstreams.add(name);
    upstream = name ?? upstream;
    const [, place, health] = /^ {2}server (\S+) .*# (healthy|sub-healthy|dead)\b/.exec(line) ?? [];
    if (place !== undefined && health !== undefined)
      servers.set(`${upstream} ${place}`, health as WritableHealth);
  }
  return { upstreams, servers };
}

function block(name: string, directives: readonly string[], servers: readonly string[]): string {
  const lines = [...directives.map((one) => `${one};`), ...(servers.length === 0 ? [NOBODY] : servers)];
  return `\nupstream ${name} {\n${lines.map((line) => `  ${line}\n`).join('')}}\n`;
}

function serverLine(
  place: string,
  { instance, told }: Said,
  stood: WritableHealth | undefined,
  subHealthyWeight: number,
): string {
  const given = instance.weight ?? USUAL_WEIGHT;
  // nginx knows no weight of 0; who has it is given no requests.
  if (given <= 0) return `server ${place} down; # weight 0 in the registry`;
  const weight = Math.min(MOST_WEIGHT, Math.max(1, Math.round(given)));
  if (!instance.enabled) return `server ${place} weight=${weight} down; # disabled in the registry`;
  if (instance.draining) return `server ${place} weight=${weight} down; # draining`;
  // Before anything is known a restart must not bring back what was dead.
  const health = told === null ? (stood ?? 'healthy') : told.kind === 'release' ? 'healthy' : told.health;
  const reason = told?.kind === 'health' ? `: ${told.reason.replace(/[^\w-]/g, '')}` : '';
  switch (health) {
    case 'healthy':
      return `server ${place} weight=${weight}; # healthy`;
    case 'sub-healthy':
      return `server ${place} weight=${Math.max(1, Math.round(weight * subHealthyWeight))}; # sub-healthy${reason}`;
    case 'dead':
      return `server ${place} weight=${weight} down; # dead${reason}`;
    default:
      return health satisfies never;
  }
}

function nameOf({ instance }: Said, template: string): string | undefined {
  const { registry, namespace, service } = instance;
  const name = template
    .replaceAll('{registry}', registry)
    .replaceAll('{namespace}', namespace)
    .replaceAll('{service}', service);
  return /^[A-Za-z0-9._-]+$/.test(name) ? name : undefined;
}
