/** The composition root: makes everything of a configuration and connects it. Only here both sides of an interface are seen. */

import { createApi } from '../api/api.ts';
import type { Address } from '../api/listen.ts';
import type { Door } from '../api/message.ts';
import { serve } from '../api/serve.ts';
import { loadToken } from '../api/token.ts';
import { type Board, createBoard } from '../board/board.ts';
import type { Config } from '../config/config.ts';
import type { Catalogue } from '../core/catalogue.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Report, Reporter } from '../core/report.ts';
import { createEngine } from '../engine/engine.ts';
import { createMetrics, type Metrics } from '../metrics/metrics.ts';
import { Pipeline } from '../pipeline/pipeline.ts';
import { makeChecks, pick } from './make-checks.ts';
import { tokenPlace } from './token-place.ts';
import { version } from './version.ts';

export interface AppDeps {
  readonly catalogue: Catalogue;
  readonly clock: Clock;
  readonly log: Log;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** In [0, 1). */
  readonly random: () => number;
  /** Hears everything that board and metrics hear. */
  readonly tap?: Reporter;
}

export interface App extends AsyncDisposable {
  readonly board: Board;
  readonly metrics: Metrics;
  /** Opens the listeners; a sentence about why not where one cannot be opened, else undefined. */
  listen(): Promise<string | undefined>;
  /** Addresses of the open listeners. */
  readonly addresses: ReadonlyMap<Door, Address>;
  /** Runs until aborted, then drains. Rejects only because of a mistake of ours. */
  run(signal: AbortSignal): Promise<void>;
}

/** Nothing is open yet but what registries and probes open when they are made; disposing closes it all. */
export function assemble(config: Config, deps: AppDeps): App {
  const { catalogue, clock, log, tap } = deps;
  const scope = new AsyncDisposableStack();
  const checks = makeChecks(config, { catalogue, clock, log, scope });
  const kindOf = (check: string): string => checks.get(check)?.check.probe.kind ?? '';
  const appliedAt = clock.wall();

  const board = createBoard({
    clock,
    version,
    registries: config.registries.map(({ name, kind, write }) => ({ name, kind, writeMode: write.mode })),
    kindOf,
    localHealth: () => 0,
  });
  const metrics = createMetrics({
    version,
    kindOf,
    summary: () => board.summary(),
    services: () => board.services({}),
    samples: () => board.samples(),
    configuration: () => ({ applied: true, appliedAt }),
  });
  const report = (said: Report): void => {
    board.take(said);
    metrics.take(said);
    tap?.(said);
  };

  const engine = createEngine({
    checks: (name) => checks.get(name),
    clock,
    log,
    vantage: 'local',
    limits: config.engine,
    emit: (message) => pipeline.hear(message),
  });
  const pipeline = new Pipeline({
    registries: config.registries.map((one) => ({
      name: one.name,
      registry: pick(catalogue.registries, one).create(one.options, {
        name: one.name,
        clock,
        log,
        scope,
        baseDir: config.baseDir,
      }),
      ...one.write,
      guard: one.guard,
    })),
    checks: config.checks,
    policies: config.policies,
    engine,
    clock,
    log,
    random: deps.random,
    report,
  });

  const addresses = new Map<Door, Address>();

  async function listen(): Promise<string | undefined> {
    const place = tokenPlace(config, deps.env);
    const token = await loadToken(place.file, place.shared);
    if (token.kind === 'unusable') return `token: ${token.reason}`;
    if (token.exposed) log.warn('Others may read the token file', { file: place.file });
    const api = createApi({
      board,
      log,
      token: token.token,
      hosts: [config.server.listen.host],
      ready: () => ({ ready: pipeline.waitingFor.length === 0, waitingFor: pipeline.waitingFor }),
      metrics: () => metrics.text(),
      instanceMetrics: () => metrics.instancesText(),
      metricsContentType: metrics.contentType,
      probeNow: (id) => pipeline.probeNow(id),
      overwrite: (id) => pipeline.overwrite(id),
      releaseGuard: (registry) => pipeline.releaseGuard(registry),
    });
    const { listen: main, telemetry, socket } = config.server;
    const doors: readonly (readonly [Door, Address | undefined])[] = [
      ['main', main],
      ['telemetry', telemetry],
      ['socket', socket === undefined ? undefined : { path: socket }],
    ];
    for (const [door, address] of doors) {
      if (address === undefined) continue;
      const served = await serve({ door, address }, { api, clock, log, scope });
      if (served.kind === 'failed') return served.reason;
      addresses.set(door, served.address);
    }
    return undefined;
  }

  return {
    board,
    metrics,
    addresses,
    listen,
    run: (signal) => pipeline.run(signal),
    [Symbol.asyncDispose]: () => scope.disposeAsync(),
  };
}
