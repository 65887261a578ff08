/** Makes the configuration of what was decoded without a problem. */

import { resolve } from 'node:path';
import type { Check, Match, Use } from '../core/check.ts';
import type { ConsumerConfig } from '../core/consumer.ts';
import type { Config, PolicyConfig, RegistryConfig, WebhookConfig } from './config.ts';
import type { Uses } from './kinds.ts';
import { STANDARD_RULE } from './names.ts';
import type { DecodedFile } from './schema.ts';
import type { Source } from './source.ts';
import { type TimeKey, timesOf } from './times.ts';
import { childOf, itemsOf, keyOf, locate, type Node, type Path, scalarsOf, textsOf } from './tree.ts';

export interface Made {
  readonly baseDir: string;
  /** The folder whose files these are, where it is one. Absolute. */
  readonly folder: string | undefined;
  readonly root: Node;
  readonly source: Source;
  /** Files that references were filled in from. Absolute. */
  readonly read: readonly string[];
  /** What the secret files of webhooks hold, by absolute path. */
  readonly secrets: ReadonlyMap<string, string>;
}

/** All but the revision, which says what the files said that the rest was made from. */
export function assembleConfig(decoded: DecodedFile, uses: Uses, made: Made): Omit<Config, 'revision'> {
  const { baseDir, root } = made;
  const { listen, telemetry, socket, tokenFile, tls, names } = decoded.server;
  return {
    server: {
      listen,
      ...(telemetry !== undefined && { telemetry }),
      ...(socket !== undefined && { socket: resolve(baseDir, socket) }),
      ...(tokenFile !== undefined && { tokenFile: resolve(baseDir, tokenFile) }),
      ...(tls !== undefined && {
        tls: { certFile: resolve(baseDir, tls.certFile), keyFile: resolve(baseDir, tls.keyFile) },
      }),
      names,
    },
    ...(decoded.state !== undefined && {
      stateDir: resolve(baseDir, decoded.state.dir),
      stateMaxSize: decoded.state.maxSize,
    }),
    registries: decoded.registries.map(
      ({ name, write, networks: { allow, deny }, guard }, index): RegistryConfig => ({
        name,
        ...present(uses.registries[index]),
        write,
        networks: { deny, ...(allow !== undefined && { allow }) },
        guard,
      }),
    ),
    checks: decoded.checks.map((check, index): Check => {
      const ruleName = check.rule ?? decoded.defaults.rule ?? STANDARD_RULE;
      return {
        name: check.name,
        match: matchOf(check.match),
        probe: present(uses.probes[index]),
        ruleName,
        rule: present(uses.rules.get(ruleName)),
        ...(check.shadow !== undefined && {
          shadow: { ruleName: check.shadow, rule: present(uses.rules.get(check.shadow)) },
        }),
        ...millis(itemsOf(childOf(root, 'checks'))[index], childOf(root, 'defaults')),
      };
    }),
    policies: decoded.policies.map(
      ({ match, guard, write }): PolicyConfig => ({
        match: matchOf(match),
        ...(guard?.maxUnavailable !== undefined && { maxUnavailable: guard.maxUnavailable }),
        ...(write?.mode !== undefined && { mode: write.mode }),
      }),
    ),
    webhooks: decoded.webhooks.map(({ secret, secretFile, match, insecure: _, ...rest }): WebhookConfig => {
      const read = secretFile === undefined ? undefined : made.secrets.get(resolve(baseDir, secretFile));
      return { ...rest, match: matchOf(match), secrets: secret ?? (read === undefined ? [] : [read]) };
    }),
    consumers: decoded.consumers.map((one): ConsumerConfig => {
      const match = matchOf(one.match);
      return one.kind === 'haproxy-agent'
        ? { ...one, match }
        : { ...one, match, path: resolve(baseDir, one.path) };
    }),
    localHealth: decoded.localHealth,
    engine: {
      concurrency: decoded.engine.concurrency,
      perHost: decoded.engine.perHost,
      scripts: decoded.engine.scripts,
      extraLooks: decoded.engine.extraLooks,
    },
    reload: decoded.reload,
    positions: positionsOf(made),
    baseDir,
    files: filesOf(made),
  };
}

/** A use that could not be decoded is a problem, and then there is no configuration. */
function present(use: Use | undefined): Use {
  if (use === undefined) throw new Error('a kind without decoded options');
  return use;
}

type Times = Pick<Check, TimeKey>;

function millis(check: Node | undefined, defaults: Node | undefined): Times {
  const times = timesOf(check, defaults);
  const ms = (key: TimeKey): number => times[key].ms ?? 0;
  return {
    interval: ms('interval'),
    edgeInterval: ms('edgeInterval'),
    deadInterval: ms('deadInterval'),
    timeout: ms('timeout'),
    connectTimeout: ms('connectTimeout'),
    startPeriod: ms('startPeriod'),
  };
}

function matchOf(match: DecodedFile['checks'][number]['match']): Match {
  return Object.fromEntries(Object.entries(match).filter(([, value]) => value !== undefined));
}

function positionsOf({ root, source }: Made): ReadonlyMap<string, string> {
  const positions = new Map<string, string>();
  const add = (path: Path): void => {
    const { file, start } = source.place(locate(root, path).handle);
    const pointer = path
      .map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`)
      .join('');
    positions.set(pointer, `${file}:${start.line}:${start.col}`);
  };
  for (const list of ['registries', 'checks', 'policies'])
    for (const index of itemsOf(childOf(root, list)).keys()) add([list, index]);
  const rules = childOf(root, 'rules');
  for (const name of rules?.kind === 'map' ? rules.entries.keys() : []) add(['rules', name]);
  return positions;
}

/** The files themselves (of a folder, it too: another file may come), what their references name, and what options name as `…File`; not the token that sonde makes itself. */
function filesOf({ root, source, baseDir, folder, read }: Made): readonly string[] {
  const files = new Set(source.files.map(({ file }) => resolve(file)));
  if (folder !== undefined) files.add(folder);
  for (const path of read) files.add(path);
  for (const { path, node } of scalarsOf(root)) {
    const { value } = node;
    if (!keyOf(path).endsWith('File') || typeof value !== 'string' || value.includes('${')) continue;
    if (path[0] !== 'server' || path[1] !== 'tokenFile') files.add(resolve(baseDir, value));
  }
  for (const { text } of textsOf(childOf(root, 'plugins'))) files.add(resolve(baseDir, text));
  return [...files];
}
