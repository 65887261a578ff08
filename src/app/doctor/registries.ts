/** Whether the registries answer, let us in, and have something for the checks. */

import type { Config } from '../../config/config.ts';
import type { Catalogue } from '../../core/catalogue.ts';
import type { Check } from '../../core/check.ts';
import type { Instance } from '../../core/instance.ts';
import type { RegistryErrorCode } from '../../core/registry.ts';
import { matches } from '../../pipeline/match.ts';
import { listRegistry } from '../list-registry.ts';
import { systemClock } from '../system-clock.ts';
import { type Examination, error, type Finding, ok, warning } from './finding.ts';

/** Lists each registry once, all at the same time; a listing takes 10 s at most. */
export async function examineRegistries(
  config: Config,
  catalogue: Catalogue,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  return (await survey(config, catalogue, signal)).map(({ finding }) => finding);
}

/** The same, and what each check would look at. */
export async function examineOnline(
  config: Config,
  catalogue: Catalogue,
  signal: AbortSignal,
): Promise<readonly Examination[]> {
  const surveyed = await survey(config, catalogue, signal);
  const instances = surveyed.flatMap((one) => one.instances);
  const complete = surveyed.every(({ finding }) => finding.verdict !== 'error');
  return [
    { subject: 'registries', findings: surveyed.map(({ finding }) => finding) },
    { subject: 'checks', findings: config.checks.map((check) => matchFinding(check, instances, complete)) },
  ];
}

interface Surveyed {
  readonly finding: Finding;
  readonly instances: readonly Instance[];
}

function survey(config: Config, catalogue: Catalogue, signal: AbortSignal): Promise<readonly Surveyed[]> {
  return Promise.all(
    config.registries.map(async (one): Promise<Surveyed> => {
      const started = systemClock.now();
      const listed = await listRegistry(one, config, catalogue, signal);
      if (listed.kind === 'failed')
        return { finding: error(listed.reason, hintFor(listed.code)), instances: [] };
      const { instances } = listed;
      const took = Math.round(systemClock.now() - started);
      const what = `${one.name} (${one.kind}, ${one.write.mode}) was listed: ${sizeOf(instances)} in ${took} ms`;
      const watched = instances.filter((instance) =>
        config.checks.some(({ match }) => matches(match, instance)),
      );
      return { finding: listedFinding(what, instances.length, watched.length), instances };
    }),
  );
}

function listedFinding(what: string, all: number, watched: number): Finding {
  if (all === 0) return warning(what, 'nobody is registered there: is it the right place?');
  if (watched === 0) return warning(what, 'no check matches any of them: look at the match of the checks');
  return ok(watched === all ? what : `${what}, ${watched} of them matched by checks`);
}

function matchFinding({ name, match }: Check, instances: readonly Instance[], complete: boolean): Finding {
  const matched = instances.filter((instance) => matches(match, instance));
  if (matched.length > 0) return ok(`${name} looks at ${sizeOf(matched)}`);
  const hint = complete
    ? 'nothing that is registered now has these names and metadata'
    : 'not every registry could be listed: it may match what is there';
  return warning(`${name} looks at nobody`, hint);
}

function sizeOf(instances: readonly Instance[]): string {
  const services = new Set(instances.map(({ namespace, service }) => JSON.stringify([namespace, service])));
  const [some, all] = [instances.length, services.size];
  return `${some} ${some === 1 ? 'instance' : 'instances'} of ${all} ${all === 1 ? 'service' : 'services'}`;
}

const HINTS: Readonly<Record<RegistryErrorCode, string>> = {
  unreachable: 'is it running, and is the way to it open?',
  unauthorised: 'user, password, token or certificate are not the right ones',
  forbidden: 'the user may not do this: give it the right to read what is to be listed',
  protocol: 'something else than expected answers there, or what it holds cannot be read',
  conflict: 'somebody else changes the same things at the same time',
  overloaded: 'it has too much to do: ask less often, or try again later',
  unsupported: 'this version of it cannot do what is needed',
};

function hintFor(code: RegistryErrorCode | undefined): string {
  return code === undefined ? 'it accepts connections and does not answer in time' : HINTS[code];
}
