import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { parseSync } from 'oxc-parser';
import { describe, expect, it } from 'vitest';

const SRC = resolve(import.meta.dirname, '../src');
const LINES = 400;

/** Who may import whom: folder → folders and packages. Default deny; core and lib are open to all but lib and core. */
const TABLE: Readonly<Record<string, readonly string[]>> = {
  main: ['cli', 'commander'],
  cli: ['app', 'api', 'config', 'commander', 'undici', 'yaml'],
  app: [
    'config',
    'probes',
    'rules',
    'registries/file',
    'registries/etcd',
    'registries/eureka',
    'registries/dns',
    'registries/consul',
    'registries/nacos',
    'registries/prometheus',
    'registries/redis',
    'registries/kubernetes',
    'registries/zookeeper',
    'engine',
    'pipeline',
    'board',
    'consumers',
    'journal',
    'local-health',
    'metrics',
    'webhooks',
    'api',
    'p-limit',
    'pino',
  ],
  config: ['options', 'yaml', 'zod'],
  options: ['zod'],
  probes: ['options', 'undici', 'p-limit', 're2js', 'zod'],
  rules: ['options', 'zod'],
  'registries/file': ['registries/shared', 'options', 'yaml', 'zod'],
  'registries/etcd': ['registries/shared', 'options', 'undici', 'zod'],
  'registries/consul': ['registries/shared', 'options', 'undici', 'zod'],
  'registries/eureka': ['registries/shared', 'options', 'undici', 'zod'],
  'registries/dns': ['registries/shared', 'options', 'zod'],
  'registries/nacos': ['registries/shared', 'options', 'undici', 'zod'],
  'registries/prometheus': ['registries/shared', 'options', 'undici', 'yaml', 'zod'],
  'registries/redis': ['registries/shared', 'options', '@redis/client', 'zod'],
  'registries/kubernetes': ['registries/shared', 'options', 'undici', 'yaml', 'zod'],
  'registries/zookeeper': ['registries/shared', 'options', 'yaml', 'zod'],
  'registries/shared': ['options', 'undici', 'zod'],
  engine: ['p-limit'],
  pipeline: [],
  board: [],
  journal: [],
  consumers: [],
  'local-health': [],
  metrics: ['prom-client'],
  webhooks: ['undici'],
  api: ['board'],
  core: [],
  lib: [],
};

const OPEN_TO_ALL = ['core', 'lib'];

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => join(SRC, name));

describe('the architecture', () => {
  it('was looked at', () => {
    expect(files.length).toBeGreaterThan(60);
    expect(new Set(files.map(folderOf))).toEqual(new Set(Object.keys(TABLE)));
  });

  it.each(files.map((file) => relative(SRC, file)))('%s imports only what it may', (name) => {
    const file = join(SRC, name);
    const from = folderOf(file);
    const allowed = [...(TABLE[from] ?? []), from, ...(OPEN_TO_ALL.includes(from) ? [] : OPEN_TO_ALL)];
    expect(targetsOf(file).filter((to) => !allowed.includes(to))).toEqual([]);
  });

  it.each(files.map((file) => relative(SRC, file)))(
    `%s says what it is for and has at most ${LINES} lines`,
    (name) => {
      const text = readFileSync(join(SRC, name), 'utf8');
      expect(text.startsWith('/**')).toBe(true);
      expect(text.split('\n').length).toBeLessThanOrEqual(LINES + 1);
    },
  );

  it('allows nothing that nobody needs', () => {
    const used = new Map<string, Set<string>>(Object.keys(TABLE).map((folder) => [folder, new Set()]));
    for (const file of files) for (const to of targetsOf(file)) used.get(folderOf(file))?.add(to);
    for (const [folder, allowed] of Object.entries(TABLE))
      expect([folder, allowed.filter((to) => used.get(folder)?.has(to) !== true)]).toEqual([folder, []]);
  });

  it('notices a forbidden import', () => {
    const found = specifiers(
      'core/outcome.ts',
      "export type { X } from '../probes/tcp.ts'; await import('undici');",
    );
    expect(found).toEqual(['../probes/tcp.ts', 'undici']);
    expect(TABLE.core).not.toContain('probes');
  });
});

/** The table's row of a file: its folder under src, or `main` for the file at the top. */
function folderOf(file: string): string {
  const parts = relative(SRC, file).split('/');
  if (parts.length === 1) return 'main';
  const [top = '', second = ''] = parts;
  return top === 'registries' && parts.length > 2 ? `${top}/${second}` : top;
}

/** The folders and packages that a file imports from. */
function targetsOf(file: string): readonly string[] {
  return importsOf(file)
    .filter((specifier) => !specifier.startsWith('node:'))
    .map((specifier) =>
      specifier.startsWith('.') ? folderOf(resolve(dirname(file), specifier)) : packageOf(specifier),
    );
}

function packageOf(specifier: string): string {
  return specifier.startsWith('@')
    ? specifier.split('/').slice(0, 2).join('/')
    : (specifier.split('/')[0] ?? '');
}

function importsOf(file: string): readonly string[] {
  return specifiers(file, readFileSync(file, 'utf8'));
}

/** All modules a text imports: statically, as types, by re-export, dynamically. */
function specifiers(name: string, text: string): readonly string[] {
  const { module, errors } = parseSync(name, text);
  expect(errors).toEqual([]);
  const fixed = module.staticImports.map((one) => one.moduleRequest.value);
  const exported = module.staticExports.flatMap((one) =>
    one.entries.flatMap((entry) => (entry.moduleRequest === null ? [] : [entry.moduleRequest.value])),
  );
  const dynamic = module.dynamicImports.map(({ moduleRequest: { start, end } }) =>
    text.slice(start + 1, end - 1),
  );
  return [...fixed, ...exported, ...dynamic].filter(
    (specifier) => specifier !== '' && !specifier.includes('${'),
  );
}
