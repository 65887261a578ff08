/** The table of registries in docs/registries.md, made of what the adapters declare; as a program it puts it there. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtins } from '../../src/app/builtins.ts';
import type { RegistryFacts, RegistryPlugin } from '../../src/core/registry.ts';

const DOCS = join(import.meta.dirname, '../../docs');
const START = '<!-- made of what the adapters declare; npm run generate -->\n';
const END = '<!-- end of what is made -->\n';

const HEAD = [
  'registry',
  'discovers',
  'watch',
  'write-back',
  'auth',
  'sub-healthy',
  'dead',
  'tested with',
  'limits',
];

/** Pages that tell of several kinds, or of one under another name. */
const PAGES: Readonly<Record<string, string>> = { 'file-sd': 'prometheus', 'http-sd': 'prometheus' };

export function registryTable(plugins: readonly RegistryPlugin[]): string {
  const rows = plugins.map((plugin) => row(plugin));
  return [HEAD, HEAD.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}

function row({ name, capabilities: { facts } }: RegistryPlugin): readonly string[] {
  if (facts === undefined) throw new Error(`the registry ${name} declares no facts (RegistryCapabilities)`);
  const { discovers, writesTo = 'none', auth, mapping, tested, limits } = facts;
  return [
    `[\`${name}\`](${pageOf(name)})`,
    discovers,
    watchOf(facts),
    writesTo,
    auth.length === 0 ? 'none' : auth.join(', '),
    mapping?.subHealthy ?? '–',
    mapping?.dead ?? '–',
    tested.join(', '),
    limits,
  ];
}

function watchOf({ follows }: RegistryFacts): string {
  switch (follows) {
    case 'push':
      return 'pushed';
    case 'hints':
      return 'hinted, and polled';
    case 'poll':
      return 'polled';
    default:
      return follows satisfies never;
  }
}

function pageOf(name: string): string {
  const page = `registries/${PAGES[name] ?? name}.md`;
  return existsSync(join(DOCS, page)) ? page : `#${name}`;
}

/** The page with its table made anew. */
export function withTable(text: string): string {
  const [from, to] = [text.indexOf(START), text.indexOf(END)];
  if (from < 0 || to < from) throw new Error('docs/registries.md has no place for the table');
  return `${text.slice(0, from)}${START}\n${registryTable(builtins.registries)}\n${text.slice(to)}`;
}

if (import.meta.main) {
  const page = join(DOCS, 'registries.md');
  writeFileSync(page, withTable(readFileSync(page, 'utf8')));
}
