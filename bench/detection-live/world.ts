/** The services of the live bench: real listeners on loopback, some of which fall ill in one way each. */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type Behaviour, LATENCY, type Order } from './providers.ts';

const PORT = 18_090;

export interface Service {
  readonly name: string;
  readonly instances: number;
  /** How many of them, the first ones, fall ill. */
  readonly ill: number;
  /** What becomes of those; `hole`: no SYN is answered any more. */
  readonly fault: Behaviour | { readonly kind: 'hole' };
}

const failing = (share: number): Behaviour => ({ kind: 'answer', latency: LATENCY, failing: share });

export const SERVICES = [
  { name: 'refused', instances: 10, ill: 4, fault: { kind: 'closed' } },
  { name: 'hole', instances: 10, ill: 4, fault: { kind: 'hole' } },
  { name: 'half', instances: 10, ill: 5, fault: { kind: 'closed' } },
  { name: 'status-100', instances: 10, ill: 3, fault: failing(1) },
  { name: 'status-50', instances: 12, ill: 5, fault: failing(0.5) },
  { name: 'status-30', instances: 12, ill: 5, fault: failing(0.3) },
  { name: 'hang', instances: 10, ill: 3, fault: { kind: 'hang' } },
  { name: 'slow', instances: 10, ill: 3, fault: { kind: 'answer', latency: 3 * LATENCY, failing: 0 } },
  { name: 'well', instances: 10, ill: 0, fault: { kind: 'hang' } },
] as const satisfies readonly Service[];

export type ServiceName = (typeof SERVICES)[number]['name'];

/** Every instance has an address of its own, as hosts have; all of 127.0.0.0/8 is loopback. */
function hostsOf(service: Service): readonly string[] {
  const at = SERVICES.findIndex(({ name }) => name === service.name);
  return Array.from({ length: service.instances }, (_, i) => `127.77.${at}.${i + 1}`);
}

function illOf(service: Service): readonly string[] {
  return hostsOf(service).slice(0, service.ill);
}

/** What the file registry reads. */
export function providersFile(): string {
  const services = SERVICES.map((service) => ({
    name: service.name,
    instances: hostsOf(service).map((host) => ({ host, port: PORT })),
  }));
  return JSON.stringify({ services });
}

export class World {
  /** Those that go into a hole need a process that can be stopped for good. */
  readonly #holes: ChildProcess;
  readonly #others: ChildProcess;
  readonly #scope: AsyncDisposableStack;

  private constructor(scope: AsyncDisposableStack) {
    this.#scope = scope;
    this.#holes = this.#child();
    this.#others = this.#child();
  }

  static async start(scope: AsyncDisposableStack): Promise<World> {
    const world = new World(scope);
    const all = SERVICES.flatMap((service) => hostsOf(service));
    const holes = holesOf();
    await tell(world.#holes, { kind: 'listen', port: PORT, hosts: holes });
    const hosts = all.filter((host) => !holes.includes(host));
    await tell(world.#others, { kind: 'listen', port: PORT, hosts });
    return world;
  }

  /** Everybody answers after about so many milliseconds. */
  async answerWithin(latency: number): Promise<void> {
    const hosts = SERVICES.flatMap((service) => hostsOf(service));
    const order: Order = { kind: 'behave', hosts, how: { kind: 'answer', latency, failing: 0 } };
    await Promise.all([tell(this.#holes, order), tell(this.#others, order)]);
  }

  /** All faults at once. */
  async fallIll(): Promise<void> {
    await tell(this.#holes, { kind: 'block' });
    await Promise.all(holesOf().map((host) => this.#fill(host)));
    for (const service of SERVICES) {
      if (service.fault.kind === 'hole') continue;
      await tell(this.#others, { kind: 'behave', hosts: illOf(service), how: service.fault });
    }
  }

  /** Fills the accept queue, so that the kernel answers no SYN any more. */
  async #fill(host: string): Promise<void> {
    const sockets = Array.from({ length: 8 }, () =>
      connect({ host, port: PORT }).on('error', () => undefined),
    );
    this.#scope.defer(() => {
      for (const socket of sockets) socket.destroy();
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    if (sockets.every(({ readyState }) => readyState === 'open'))
      throw new Error(`the accept queue of ${host} did not fill`);
  }

  #child(): ChildProcess {
    const child = fork(join(import.meta.dirname, 'providers.ts'));
    this.#scope.defer(async () => {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    });
    return child;
  }
}

function holesOf(): readonly string[] {
  return SERVICES.flatMap((service) => (service.fault.kind === 'hole' ? illOf(service) : []));
}

export function isIll(host: string): boolean {
  return SERVICES.some((service) => illOf(service).includes(host));
}

async function tell(child: ChildProcess, order: Order): Promise<void> {
  const done = once(child, 'message');
  child.send(order);
  await done;
}
