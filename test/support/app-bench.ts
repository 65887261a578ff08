/** The whole application over a registry and probes in memory, on the manual clock. */

import { type App, assemble } from '../../src/app/assemble.ts';
import { NO_STATE } from '../../src/app/state.ts';
import type { Config } from '../../src/config/config.ts';
import type { LoadResult } from '../../src/config/load.ts';
import type { Catalogue } from '../../src/core/catalogue.ts';
import type { Instance } from '../../src/core/instance.ts';
import type { Memory } from '../../src/core/memory.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import type { OptionsSchema } from '../../src/core/plugin.ts';
import type { Report } from '../../src/core/report.ts';
import type { WriteMode } from '../../src/core/view.ts';
import { successRateRule } from '../../src/rules/success-rate.ts';
import { checkNamed } from './check.ts';
import type { FakeRegistry } from './fake-registry.ts';
import { ManualClock } from './manual-clock.ts';
import { QuietLog } from './quiet-log.ts';
import { quietSources } from './quiet-sources.ts';

const ANY: OptionsSchema<unknown> = {
  '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) },
};

export interface AppBenchOptions {
  readonly registry: FakeRegistry;
  /** What a look at the instance finds. */
  readonly look: (instance: Instance, clock: ManualClock) => Outcome | Promise<Outcome>;
  readonly clock?: ManualClock;
  readonly config?: Partial<Config>;
  readonly rule?: object;
  readonly writeMode?: WriteMode;
  readonly memory?: Memory;
}

export class AppBench {
  readonly clock: ManualClock;
  readonly log = new QuietLog();
  readonly reports: Report[] = [];
  readonly app: App;
  readonly config: Config;
  /** What reading the configuration again finds. */
  next: LoadResult;
  looks = 0;
  readonly #stop = new AbortController();
  #done: Promise<void> | undefined;

  constructor(options: AppBenchOptions) {
    const clock = options.clock ?? new ManualClock();
    this.clock = clock;
    const decoded = successRateRule.options['~standard'].validate(options.rule ?? {});
    if (decoded instanceof Promise || decoded.issues !== undefined) throw new Error('wrong options');
    const config: Config = {
      server: { listen: { host: '127.0.0.1', port: 0 }, names: [] },
      registries: [
        {
          name: 'fake',
          kind: 'fake',
          options: {},
          write: {
            mode: options.writeMode ?? 'apply',
            writer: 'sonde',
            maxPerSecond: 50,
            perInstanceEvery: 10_000,
          },
          networks: { deny: [] },
          guard: { allowance: 0.05, freezeAbove: 0.6 },
        },
      ],
      checks: [checkNamed('web', { rule: { kind: 'success-rate', options: decoded.value } })],
      policies: [],
      webhooks: [],
      consumers: [],
      localHealth: { anchors: [] },
      engine: { concurrency: 512, perHost: 512, scripts: 4, extraLooks: 0.5 },
      positions: new Map(),
      baseDir: '/',
      files: [],
      revision: 'first',
      reload: { every: 0 },
      ...options.config,
    };
    const catalogue: Catalogue = {
      registries: [
        {
          name: 'fake',
          summary: 'in memory',
          options: ANY,
          capabilities: { writes: true, incarnations: true },
          create: () => options.registry,
        },
      ],
      probes: [
        {
          name: 'fake',
          summary: 'as told',
          options: ANY,
          create: () => ({
            run: (instance) => {
              this.looks++;
              return Promise.resolve(options.look(instance, clock));
            },
          }),
        },
      ],
      rules: [successRateRule],
    };
    this.config = config;
    this.next = { ok: true, config, catalogue, warnings: [], texts: new Map() };
    this.app = assemble(
      { config, catalogue },
      {
        clock,
        log: this.log,
        env: {},
        random: () => 0.5,
        sources: quietSources,
        tap: (report) => this.reports.push(report),
        ...(options.memory === undefined ? {} : { state: { ...NO_STATE, memory: options.memory } }),
        origin: {
          name: 'the bench',
          load: () => Promise.resolve(this.next),
          revision: () => Promise.resolve(this.next.ok ? this.next.config.revision : 'bad'),
        },
      },
    );
  }

  /** What the files say from now on. */
  rewrite(change: Partial<Config>): void {
    if (this.next.ok) this.next = { ...this.next, config: { ...this.next.config, ...change } };
  }

  start(): void {
    this.#done = this.app.run(this.#stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('the scenario is over'));
    await this.#done;
    await this.app[Symbol.asyncDispose]();
  }
}
