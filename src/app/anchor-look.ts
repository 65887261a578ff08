/** Looks at the anchors of local health with the code of the probes, and nothing of the checks. */

import type { Clock } from '../core/clock.ts';
import type { Instance, InstanceId } from '../core/instance.ts';
import type { Log } from '../core/log.ts';
import type { Outcome } from '../core/outcome.ts';
import type { Probe, ProbeDeps, ProbePlugin } from '../core/probe.ts';
import { examine } from '../engine/examine.ts';
import { httpProbe } from '../probes/http.ts';
import { createResolver } from '../probes/resolve.ts';
import { tcpProbe } from '../probes/tcp.ts';

/** Milliseconds for a look; local health ends it after as long. */
const TIMEOUT = 1_000;
/** The operator named the address: no network is refused. */
const ANYWHERE = { allow: ['0.0.0.0/0', '::/0'], deny: [] };

/** What is made for an anchor once, however often it is looked at. */
interface Made {
  readonly probe: Probe;
  readonly instance: Instance;
}

/** A function that looks at a URL or host:port; what it keeps open is closed with the scope. */
export function anchorLook(
  clock: Clock,
  log: Log,
  scope: AsyncDisposableStack,
): (anchor: string, signal: AbortSignal) => Promise<Outcome> {
  const deps: ProbeDeps = {
    clock,
    log,
    scope,
    resolve: createResolver({ clock, networks: new Map([['', ANYWHERE]]) }),
    connectTimeout: TIMEOUT,
    timeout: TIMEOUT,
    scriptLimit: (run) => run(),
    baseDir: '/',
  };
  const made = new Map<string, Made>();
  return async (anchor, signal) => {
    const { probe, instance } = made.get(anchor) ?? makeFor(anchor, deps);
    made.set(anchor, { probe, instance });
    return (await examine(probe, instance, TIMEOUT, clock, signal)).outcome;
  };
}

function makeFor(anchor: string, deps: ProbeDeps): Made {
  if (!/^https?:\/\//.test(anchor)) {
    const url = new URL(`tcp://${anchor}`);
    return { probe: make(tcpProbe, {}, deps), instance: at(url.hostname, Number(url.port)) };
  }
  const url = new URL(anchor);
  const tls = url.protocol === 'https:';
  const port = url.port === '' ? (tls ? 443 : 80) : Number(url.port);
  const options = {
    path: `${url.pathname}${url.search}`.replaceAll('${', '$%7B'),
    // That it answers at all says that we get out: who it is says nothing of our network.
    ...(tls ? { tls: { insecure: true } } : {}),
  };
  return { probe: make(httpProbe, options, deps), instance: at(url.hostname, port) };
}

function make<O>(plugin: ProbePlugin<O>, given: object, deps: ProbeDeps): Probe {
  const decoded = plugin.options['~standard'].validate(given);
  if (decoded instanceof Promise || decoded.issues !== undefined)
    throw new Error(`an anchor makes no options of ${plugin.name}`);
  return plugin.create(decoded.value, deps);
}

function at(hostname: string, port: number): Instance {
  const host = hostname.replace(/^\[|\]$/g, '');
  return {
    id: 'anchor' as InstanceId,
    registry: '',
    namespace: '',
    service: '',
    key: `${host}:${port}`,
    incarnation: '',
    revision: '',
    host,
    port,
    metadata: {},
    enabled: true,
    draining: false,
  };
}
