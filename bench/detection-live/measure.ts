/** One run of the live bench: the real program against real listeners, first paused by SIGSTOP, then all faults at once. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { SondeProcess } from '../../test/support/sonde-process.ts';
import { LATENCY } from './providers.ts';
import { isIll, providersFile, SERVICES, World } from './world.ts';

/** Milliseconds. */
const PAUSE = 3_000;
/** So slow for a moment that many looks are under way when the prober is stopped; their answers come meanwhile. */
const SLOW = 1_400;
const AFTER_PAUSE = 10_000;
const WATCHED = 95_000;
const WARM_UP_LIMIT = 50_000;

export interface Detected {
  readonly service: string;
  readonly host: string;
  /** Seconds from the fault to the first time it was dead, or not healthy; null where it never was. */
  readonly dead: number | null;
  readonly flagged: number | null;
  /** Changes of health from the fault to the end. */
  readonly transitions: number;
  /** Of the time after it was first flagged, the share in which it was not healthy. */
  readonly stayed: number | null;
  /** How the registry has it at the end. */
  readonly written: string | null;
}

export interface LiveRun {
  /** Seconds until all instances were healthy. */
  readonly warmUp: number;
  /** From the stop of the prober for 3 s to 10 s after it: transitions, and looks that failed. */
  readonly pause: { readonly transitions: number; readonly failed: number };
  readonly ill: readonly Detected[];
  /** Transitions of instances to which nothing was done. */
  readonly wrong: readonly string[];
  /** Looks beside the schedule are in it. */
  readonly looks: number;
}

interface Transition {
  readonly at: number;
  readonly subject: string;
  readonly to: string;
}

interface Listed {
  readonly id: string;
  readonly host: string;
  readonly service: string;
  readonly health: string;
}

const CONFIG = `version: 1
server: { listen: "127.0.0.1:0" }
registries: [{ name: local, kind: file, path: ./providers.yaml, write: { mode: apply } }]
rules: { standard: { kind: success-rate } }
defaults: { interval: 5s, timeout: 2s, connectTimeout: 500ms, rule: standard }
checks: [{ name: web, probe: { kind: http } }]
`;

/** `tell` hears how far it is. Takes about two and a half minutes. */
export async function measure(tell: (step: string) => void): Promise<LiveRun> {
  await using scope = new AsyncDisposableStack();
  const dir = mkdtempSync(join(tmpdir(), 'sonde-live-'));
  scope.defer(() => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(join(dir, 'providers.yaml'), providersFile());
  writeFileSync(join(dir, 'sonde.yaml'), CONFIG);
  const world = await World.start(scope);
  const began = Date.now();
  const sonde = new SondeProcess(['run', '-c', join(dir, 'sonde.yaml')]);
  scope.defer(async () => {
    sonde.poke('SIGCONT');
    await sonde.signal('SIGKILL');
  });
  const api = await addressOf(sonde);

  tell('waiting until everything is healthy');
  await until(WARM_UP_LIMIT, async () => (await list(api)).every(({ health }) => health === 'healthy'));
  const warmUp = (Date.now() - began) / 1_000;

  tell('the prober is stopped for 3 s');
  const failedBefore = await looks(api, 'fail');
  const pausedAt = Date.now();
  await world.answerWithin(SLOW);
  await sleep(SLOW);
  sonde.poke('SIGSTOP');
  await sleep(PAUSE / 2);
  await world.answerWithin(LATENCY);
  await sleep(PAUSE / 2);
  sonde.poke('SIGCONT');
  await sleep(AFTER_PAUSE);
  const pause = {
    transitions: (await transitions(api)).filter(({ at }) => at >= pausedAt).length,
    failed: (await looks(api, 'fail')) - failedBefore,
  };

  tell(`all faults at once, watched for ${WATCHED / 1_000} s`);
  const illAt = Date.now();
  await world.fallIll();
  await sleep(WATCHED);
  const end = Date.now();
  const after = (await transitions(api)).filter(({ at }) => at >= illAt);
  const instances = await list(api);
  const statuses = written(join(dir, 'providers.status.json'));
  const nameOf = new Map(instances.map(({ id, service, host }) => [id, `${service} ${host}`]));
  const ill = instances
    .filter(({ host }) => isIll(host))
    .map(({ id, service, host }) => ({
      service,
      host,
      ...detected(
        after.filter(({ subject }) => subject === id),
        illAt,
        end,
      ),
      written: statuses.find(([key]) => key.includes(`/${service}/${host}:`))?.[1] ?? null,
    }));
  const healthy = new Set(instances.filter(({ host }) => !isIll(host)).map(({ id }) => id));
  const wrong = after
    .filter(({ subject }) => healthy.has(subject))
    .map(({ subject, to }) => `${nameOf.get(subject)} became ${to}`);
  return { warmUp, pause, ill, wrong, looks: await looks(api, '') };
}

function detected(of: readonly Transition[], from: number, end: number) {
  const seconds = (one: Transition | undefined): number | null =>
    one === undefined ? null : (one.at - from) / 1_000;
  const flagged = of.find(({ to }) => to !== 'healthy');
  let bad = 0;
  for (const [i, { at, to }] of of.entries()) if (to !== 'healthy') bad += (of[i + 1]?.at ?? end) - at;
  return {
    dead: seconds(of.find(({ to }) => to === 'dead')),
    flagged: seconds(flagged),
    transitions: of.length,
    stayed: flagged === undefined ? null : bad / (end - flagged.at),
  };
}

/** Oldest first. */
async function transitions(api: string): Promise<readonly Transition[]> {
  const found: Transition[] = [];
  for (let cursor = ''; ; ) {
    const page = (await get(`${api}/v1/events?kind=transition&limit=1000${cursor}`)) as {
      readonly items: readonly { readonly at: string; readonly subject: string; readonly to: string }[];
      readonly nextCursor: string | null;
    };
    found.push(...page.items.map(({ at, subject, to }) => ({ at: Date.parse(at), subject, to })));
    if (page.nextCursor === null) return found.reverse();
    cursor = `&cursor=${page.nextCursor}`;
  }
}

async function list(api: string): Promise<readonly Listed[]> {
  const { items } = (await get(`${api}/v1/instances?limit=1000`)) as { readonly items: readonly Listed[] };
  const expected = SERVICES.reduce((sum, { instances }) => sum + instances, 0);
  // Before the first listing there is nobody, and nobody is healthy then.
  return items.length === expected ? items : [{ id: '', host: '', service: '', health: 'unknown' }];
}

/** Looks that ended so; all of them by ''. */
async function looks(api: string, outcome: string): Promise<number> {
  const { body } = await request(`${api}/metrics`);
  const series = (await body.text()).matchAll(/^sonde_probes_total\{[^}]*outcome="(\w+)"[^}]*\} (\d+)$/gm);
  let sum = 0;
  for (const [, of, count] of series) if (outcome === '' || outcome === of) sum += Number(count);
  return sum;
}

async function get(url: string): Promise<unknown> {
  const { statusCode, body } = await request(url);
  const answer = await body.json();
  if (statusCode !== 200) throw new Error(`${url}: ${statusCode} ${JSON.stringify(answer)}`);
  return answer;
}

function written(file: string): readonly (readonly [string, string])[] {
  const { instances } = JSON.parse(readFileSync(file, 'utf8')) as {
    readonly instances: Readonly<Record<string, { readonly health: string }>>;
  };
  return Object.entries(instances).map(([key, { health }]) => [key, health]);
}

async function addressOf(sonde: SondeProcess): Promise<string> {
  let address: string | undefined;
  await until(20_000, async () => {
    address = /"main":"(http:[^"]+)"/.exec(sonde.err)?.[1];
    return address !== undefined;
  });
  return address ?? '';
}

async function until(limit: number, done: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + limit;
  while (!(await done())) {
    if (Date.now() > end) throw new Error(`not within ${limit / 1_000} s`);
    await sleep(200);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
