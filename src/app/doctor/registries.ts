/** Whether the registries answer, let us in, and have something for the checks. */

import type { Config } from '../../config/config.ts';
import type { Catalogue } from '../../core/catalogue.ts';
import type { RegistryErrorCode } from '../../core/registry.ts';
import { matches } from '../../pipeline/match.ts';
import { listRegistry } from '../list-registry.ts';
import { systemClock } from '../system-clock.ts';
import { error, type Finding, ok, warning } from './finding.ts';

/** Lists each registry once, all at the same time; a listing takes 10 s at most. */
export function examineRegistries(
  config: Config,
  catalogue: Catalogue,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  return Promise.all(
    config.registries.map(async (one): Promise<Finding> => {
      const started = systemClock.now();
      const listed = await listRegistry(one, config, catalogue, signal);
      if (listed.kind === 'failed') return error(listed.reason, hintFor(listed.code));
      const { instances } = listed;
      const services = new Set(
        instances.map(({ namespace, service }) => JSON.stringify([namespace, service])),
      );
      const took = Math.round(systemClock.now() - started);
      const size = `${instances.length} instances of ${services.size} services in ${took} ms`;
      const what = `${one.name} (${one.kind}, ${one.write.mode}) was listed: ${size}`;
      const watched = instances.filter((instance) =>
        config.checks.some(({ match }) => matches(match, instance)),
      );
      if (instances.length === 0) return warning(what, 'nobody is registered there: is it the right place?');
      if (watched.length === 0)
        return warning(what, 'no check matches any of them: look at the match of the checks');
      return ok(
        watched.length === instances.length ? what : `${what}, ${watched.length} of them matched by checks`,
      );
    }),
  );
}

const HINTS: Readonly<Record<RegistryErrorCode, string>> = {
  unreachable: 'is it running, and is the way to it open?',
  unauthorised: 'user or password are not the right ones',
  forbidden: 'the user may not do this: give it the right to read what is to be listed',
  protocol: 'something else than expected answers there, or what it holds cannot be read',
  conflict: 'somebody else changes the same things at the same time',
  overloaded: 'it has too much to do: ask less often, or try again later',
  unsupported: 'this version of it cannot do what is needed',
};

function hintFor(code: RegistryErrorCode | undefined): string {
  return code === undefined ? 'it accepts connections and does not answer in time' : HINTS[code];
}
