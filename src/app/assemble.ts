/** The composition root: makes everything of a configuration and connects it. Only here both sides of an interface are seen. */

import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { createApi } from '../api/api.ts';
import type { Address } from '../api/listen.ts';
import type { Door } from '../api/message.ts';
import { type Certificate, serve } from '../api/serve.ts';
import { loadToken } from '../api/token.ts';
import { type Board, createBoard } from '../board/board.ts';
import type { Config, RegistryConfig } from '../config/config.ts';
import { Consumers } from '../consumers/consumers.ts';
import type { Catalogue } from '../core/catalogue.ts';
import type { Clock } from '../core/clock.ts';
import type { Control, ReloadChanges } from '../core/control.ts';
import type { Log } from '../core/log.ts';
import type { Registry } from '../core/registry.ts';
import type { Report, Reporter } from '../core/report.ts';
import type { WriteMode } from '../core/view.ts';
import { createEngine, type EngineCheck } from '../engine/engine.ts';
import { createLocalHealth } from '../local-health/local-health.ts';
import type { Sources } from '../local-health/sources.ts';
import { createMetrics, type Metrics } from '../metrics/metrics.ts';
import { matches } from '../pipeline/match.ts';
import { Pipeline, type PipelinePlan } from '../pipeline/pipeline.ts';
import { createWebhooks } from '../webhooks/webhooks.ts';
import { anchorLook } from './anchor-look.ts';
import { explain } from './explain.ts';
import { Kept, type Prepared } from './kept.ts';
import { CheckMaker, pick } from './make-checks.ts';
import { registryRecipes } from './make-registries.ts';
import { type Loaded, type Origin, Reloader } from './reload.ts';
import { NO_STATE, type State, stateView } from './state.ts';
import { tokenPlace } from './token-place.ts';
import { version } from './version.ts';

export interface AppDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** In [0, 1). */
  readonly random: () => number;
  /** Hears everything that board and metrics hear. */
  readonly tap?: Reporter;
  /** What survives the process; default nothing. */
  readonly state?: State;
  /** What the system tells of this process; for tests. */
  readonly sources?: Sources;
  /** Where to read the configuration again; without it a reload changes nothing. */
  readonly origin?: Origin;
}

export interface App extends AsyncDisposable {
  readonly board: Board;
  readonly metrics: Metrics;
  readonly reloader: Reloader;
  readonly control: Control;
  /** Opens the listeners; a sentence about why not where one cannot be opened, else undefined. */
  listen(): Promise<string | undefined>;
  /** Addresses of the open listeners. */
  readonly addresses: ReadonlyMap<Door, Address>;
  /** Runs until aborted, then drains. Rejects only because of a mistake of ours. */
  run(signal: AbortSignal): Promise<void>;
}

/** The place that this prober looks from. */
const VANTAGE = 'local';

/** Nothing is open yet but what registries and probes open when they are made; disposing closes it all. */
export function assemble(first: Loaded, deps: AppDeps): App {
  const { clock, log, tap, state = NO_STATE } = deps;
  const { memory } = state;
  const scope = new AsyncDisposableStack();
  const localHealth = scope.use(
    createLocalHealth({
      clock,
      log,
      vantage: VANTAGE,
      anchors: first.config.localHealth.anchors,
      look: anchorLook(clock, log, scope),
      report: (said) => report(said),
      ...(deps.sources === undefined ? {} : { sources: deps.sources }),
    }),
  );
  const maker = new CheckMaker(clock, log, () => localHealth.timeoutFactor);
  const checks = scope.use(new Kept<EngineCheck>());
  const registries = scope.use(new Kept<Registry>());
  let inForce = first.config;
  const kindOf = (check: string): string => checks.get(check)?.check.probe.kind ?? '';

  const board = createBoard({
    clock,
    version,
    registries: registryInfos(first),
    kindOf,
    shadowOf: (check) => checks.get(check)?.check.shadow?.ruleName,
    memory,
    localHealth: () => localHealth.view(),
  });
  const webhooks = createWebhooks({
    webhooks: first.config.webhooks,
    clock,
    log,
    random: deps.random,
    source: `/sonde/${encodeURIComponent(hostname())}`,
    matches,
  });
  const consumers = new Consumers({
    consumers: first.config.consumers,
    registries: first.config.registries.map(({ name }) => name),
    clock,
    log,
    random: deps.random,
    matches,
  });
  const metrics = createMetrics({
    version,
    consumers: () => consumers.counters(),
    kindOf,
    summary: () => board.summary(),
    services: () => board.services({}),
    samples: () => board.samples(),
    configuration: () => ({ applied: reloader.applied, appliedAt: reloader.appliedAt }),
    webhooks: () => webhooks.counters(),
    kept: () => (state.journal === undefined ? undefined : state.journal.kind === 'ok'),
  });
  const report = (said: Report): void => {
    board.take(said);
    metrics.take(said);
    webhooks.take(said);
    consumers.take(said);
    if (said.kind === 'registry') localHealth.registry(said.registry, said.up);
    tap?.(said);
  };

  /** Makes all that is new of a configuration; nothing is in force before `commit` of both. */
  function prepare({ config, catalogue }: Loaded): {
    readonly checks: Prepared<EngineCheck>;
    readonly registries: Prepared<Registry>;
  } {
    const made = checks.prepare(maker.recipes(config, catalogue));
    try {
      return { checks: made, registries: registries.prepare(registryRecipes(config, catalogue, deps)) };
    } catch (error) {
      void made.discard();
      throw error;
    }
  }

  function apply(loaded: Loaded): ReloadChanges {
    const prepared = prepare(loaded);
    const { config } = loaded;
    const refused = renewTls?.();
    if (refused !== undefined) {
      void prepared.checks.discard();
      void prepared.registries.discard();
      throw new Error(`server.tls: ${refused}`);
    }
    const gone = [prepared.checks.commit(), prepared.registries.commit()];
    maker.adopt(config);
    inForce = config;
    board.setRegistries(registryInfos(loaded));
    webhooks.replace(config.webhooks);
    engine.tell({ kind: 'limits', limits: config.engine });
    localHealth.adopt(config.localHealth.anchors);
    const changes = pipeline.replan(planOf(loaded, prepared));
    consumers.replace(
      config.consumers,
      config.registries.map(({ name }) => name),
    );
    for (const { close } of gone) void close();
    return changes;
  }

  const prepared = prepare(first);
  prepared.checks.commit();
  prepared.registries.commit();
  maker.adopt(first.config);
  const reloader = new Reloader(
    { origin: deps.origin ?? unchanging(first), clock, log, report, apply },
    first,
  );
  const engine = createEngine({
    checks: (name) => checks.get(name),
    clock,
    log,
    vantage: VANTAGE,
    limits: first.config.engine,
    doubt: localHealth,
    emit: (message) => pipeline.hear(message),
  });
  const pipeline = new Pipeline({
    ...planOf(first, prepared),
    engine,
    clock,
    log,
    memory,
    random: deps.random,
    report,
    doubt: () => localHealth.doubt,
  });

  const control: Control = {
    probeNow: (id) => pipeline.probeNow(id),
    overwrite: (id, by) => pipeline.overwrite(id, by),
    releaseGuard: (registry, by, reason) => pipeline.releaseGuard(registry, by, reason),
    intervene: (order) => pipeline.intervene(order),
    interventions: () => pipeline.interventions(),
    lift: (id, by) => pipeline.lift(id, by),
    reload: (by) => reloader.reload(by),
  };
  const addresses = new Map<Door, Address>();
  /** Takes the certificate that is in the files now; why it does not, if so. */
  let renewTls: (() => string | undefined) | undefined;

  async function listen(): Promise<string | undefined> {
    const place = tokenPlace(first.config, deps.env);
    const token = await loadToken(place.file, place.shared);
    if (token.kind === 'unusable') return `token: ${token.reason}`;
    if (token.exposed) log.warn('Others may read the token file', { file: place.file });
    const { server } = first.config;
    const api = createApi({
      board,
      log,
      token: token.token,
      tokenFile: place.file,
      hosts: [server.listen.host, ...server.names],
      ready: () => ({ ready: pipeline.waitingFor.length === 0, waitingFor: pipeline.waitingFor }),
      metrics: () => metrics.text(),
      instanceMetrics: () => metrics.instancesText(),
      metricsContentType: metrics.contentType,
      clock,
      control,
      explain: (id) =>
        explain(id, {
          board,
          pipeline,
          madeOf: (name) => checks.get(name),
          config: inForce,
          clock,
          prober: () => localHealth.view(),
        }),
      configuration: () => ({
        ...reloader.view,
        checks: checks.fingerprints,
        registries: registries.fingerprints,
        state: stateView(state),
      }),
    });
    const { tls } = server;
    const certificate = tls === undefined ? undefined : () => readCertificate(tls);
    const doors: readonly (readonly [Door, Address | undefined])[] = [
      ['main', server.listen],
      ['telemetry', server.telemetry],
      ['socket', server.socket === undefined ? undefined : { path: server.socket }],
    ];
    for (const [door, address] of doors) {
      if (address === undefined) continue;
      const secure = door === 'main' && certificate !== undefined ? { tls: certificate } : {};
      const served = await serve({ door, address, ...secure }, { api, clock, log, scope });
      if (served.kind === 'failed') return served.reason;
      addresses.set(door, served.address);
      renewTls ??= served.renewTls;
    }
    return undefined;
  }

  async function run(signal: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const bug = new AbortController();
    const stop = AbortSignal.any([signal, bug.signal]);
    const beside = [
      reloader.watch(() => inForce.reload.every, AbortSignal.any([stop, ended.signal])),
      state.run(() => pipeline.waitingFor.length === 0, ended.signal),
      webhooks.run(ended.signal),
      consumers.run(ended.signal),
      localHealth.run(ended.signal),
    ].map((work) => work.catch((error: unknown) => bug.abort(error)));
    try {
      await pipeline.run(stop);
    } finally {
      ended.abort(new Error('the pipeline has ended'));
      await Promise.all(beside);
    }
    bug.signal.throwIfAborted();
  }

  return {
    board,
    metrics,
    reloader,
    control,
    addresses,
    listen,
    run,
    [Symbol.asyncDispose]: () => scope.disposeAsync(),
  };
}

function readCertificate(files: { readonly certFile: string; readonly keyFile: string }): Certificate {
  return { cert: readFileSync(files.certFile), key: readFileSync(files.keyFile) };
}

function registryInfos({ config, catalogue }: Loaded): Parameters<Board['setRegistries']>[0] {
  return config.registries.map((one) => ({
    name: one.name,
    kind: one.kind,
    writeMode: modeOf(one, config, catalogue),
  }));
}

/** A registry that cannot be written is observed, whatever stands in the file; but for consumers it may be applied. */
function modeOf(one: RegistryConfig, { consumers }: Config, catalogue: Catalogue): WriteMode {
  const { mode } = one.write;
  const told = mode === 'apply' && consumers.length > 0;
  return told || pick(catalogue.registries, one).capabilities.writes ? mode : 'observe';
}

/** What the pipeline works by; checks and registries that did not change are the objects they were. */
function planOf(
  { config, catalogue }: Loaded,
  prepared: { readonly checks: Prepared<EngineCheck>; readonly registries: Prepared<Registry> },
): PipelinePlan {
  return {
    checks: [...prepared.checks.things.values()].map(({ check }) => check),
    policies: config.policies,
    registries: config.registries.map((one) => {
      const { name, write, guard } = one;
      const registry = prepared.registries.things.get(name);
      if (registry === undefined) throw new Error(`registry ${name} was not made`);
      return { name, registry, ...write, mode: modeOf(one, config, catalogue), guard };
    }),
  };
}

/** A configuration that nobody can read again says what it said. */
function unchanging({ config, catalogue }: Loaded): Origin {
  return {
    name: 'the configuration at the start',
    load: () => Promise.resolve({ ok: true, config, catalogue, warnings: [], texts: new Map() }),
    revision: () => Promise.resolve(config.revision),
  };
}
