/** Transitions as Kubernetes Events: best effort, bounded, never in the way of a write. */

import type { Clock } from '../../core/clock.ts';
import type { WritableHealth } from '../../core/health.ts';
import type { Log } from '../../core/log.ts';
import { RegistryError } from '../../core/registry.ts';
import { hashId } from '../../lib/hash.ts';
import { isoTime } from '../../lib/iso-time.ts';
import { type Bucket, fullBucket, takeToken } from '../../lib/token-bucket.ts';
import type { KubernetesApi } from './api.ts';
import { CONTROLLER } from './names.ts';
import type { Thing } from './objects.ts';

/** Fewer than the apiserver's own limit, and enough for a rack at once: 100, then one a second. */
const LIMITS = { capacity: 100, refillEvery: 1_000 } as const;

export interface EventsDeps {
  /** Name of the registry. */
  readonly name: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly scope: AsyncDisposableStack;
}

export interface Told {
  readonly about: Thing;
  readonly health: WritableHealth;
  /** One sentence. */
  readonly note: string;
  readonly writer: string;
}

const REASONS: Readonly<Record<WritableHealth, string>> = {
  healthy: 'ProbeHealthy',
  'sub-healthy': 'ProbeSubHealthy',
  dead: 'ProbeDead',
};

export class Events {
  readonly #api: KubernetesApi;
  readonly #deps: EventsDeps;
  readonly #closing = new AbortController();
  readonly #sending = new Set<Promise<void>>();
  #bucket: Bucket;
  /** What was last said of failures: each is said once. */
  #said: string | undefined;
  #sequence = 0;

  constructor(api: KubernetesApi, deps: EventsDeps) {
    this.#api = api;
    this.#deps = deps;
    this.#bucket = fullBucket(LIMITS, deps.clock.now());
    deps.scope.defer(async () => {
      this.#closing.abort(new Error('closed'));
      await Promise.all(this.#sending);
    });
  }

  /** Returns at once. Beyond the limits an Event is dropped: health itself stands in the object. */
  tell(told: Told): void {
    const bucket = takeToken(LIMITS, this.#bucket, this.#deps.clock.now());
    if (bucket === undefined) return;
    this.#bucket = bucket;
    const sending = this.#send(told).finally(() => this.#sending.delete(sending));
    this.#sending.add(sending);
  }

  async #send(told: Told): Promise<void> {
    const at = isoTime(this.#deps.clock.wall());
    const suffix = hashId(at, told.writer, told.about.metadata.uid, String(this.#sequence++));
    try {
      await this.#api.createEvent(
        told.about.metadata.namespace,
        eventOf(told, at, suffix),
        this.#closing.signal,
      );
      this.#said = undefined;
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      if (!(error instanceof RegistryError)) throw error;
      if (this.#said === error.code) return;
      this.#said = error.code;
      this.#deps.log.warn('Kubernetes Events cannot be created; health is written all the same', {
        registry: this.#deps.name,
        code: error.code,
        error: error.message,
      });
    }
  }
}

function eventOf({ about, health, note, writer }: Told, at: string, suffix: string): object {
  const { namespace, name, uid } = about.metadata;
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { namespace, name: `${name.slice(0, 200).replace(/[^a-z0-9]+$/, '')}.${suffix}` },
    // MicroTime wants six digits.
    eventTime: at.replace(/\.([0-9]{3})Z$/, '.$1000Z'),
    reportingController: CONTROLLER,
    reportingInstance: writer.slice(0, 128),
    action: 'Probe',
    reason: REASONS[health],
    type: health === 'healthy' ? 'Normal' : 'Warning',
    note: note.slice(0, 1_024),
    regarding: {
      apiVersion: about.kind === 'Pod' ? 'v1' : 'discovery.k8s.io/v1',
      kind: about.kind,
      namespace,
      name,
      uid,
    },
  };
}
