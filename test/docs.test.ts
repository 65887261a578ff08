import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { parse, parseDocument } from 'yaml';
import { builtins } from '../src/app/builtins.ts';
import { createProgram } from '../src/cli/program.ts';
import { type LoadResult, loadText } from '../src/config/load.ts';
import { PROBLEM_CODES } from '../src/config/problem.ts';
import { checkFields, fileSchema, registryFields } from '../src/config/schema.ts';
import { FakeIo } from './cli/fake-io.ts';
import { short } from './support/config-bench.ts';
import { withTable } from './support/registry-table.ts';

const ROOT = join(import.meta.dirname, '..');
const CONFIGURATION = readFileSync(join(ROOT, 'docs/configuration.md'), 'utf8');

interface Block {
  /** File and line. */
  readonly where: string;
  /** What stands behind the opening fence. */
  readonly info: string;
  readonly text: string;
}

const files = [
  ...readdirSync(ROOT).filter((name) => name === 'README.md' || name === 'CONTRIBUTING.md'),
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];
const blocks = files.flatMap((file) => blocksOf(file, readFileSync(join(ROOT, file), 'utf8')));

function blocksOf(file: string, text: string): readonly Block[] {
  return [...text.matchAll(/^```([^\n`]+)\n([\s\S]*?)^```$/gm)].map(
    ({ 1: info = '', 2: body = '', index }) => ({
      where: `${file}:${text.slice(0, index).split('\n').length}`,
      info: info.trim(),
      text: body,
    }),
  );
}

const SECTIONS = Object.keys(fileSchema.shape);

/** A whole configuration, sections of one, or keys of a check: the rest of it is made up. */
function completed(text: string): string {
  if (/^version: /m.test(text)) return text;
  const keys = Object.keys(parse(text));
  if (!keys.every((key) => SECTIONS.includes(key) || key.startsWith('x-')))
    return completed(`checks:\n  - name: check\n${text.replace(/^/gm, '    ').trimEnd()}\n`);
  const registries = 'registries: [{ name: local, kind: file, path: ./providers.yaml }]\n';
  const checks = 'checks: [{ name: check, probe: { kind: tcp } }]\n';
  const missing = `${keys.includes('registries') ? '' : registries}${keys.includes('checks') ? '' : checks}`;
  return `version: 1\n${missing}${text}`;
}

function loadBlock(text: string): Promise<LoadResult> {
  return loadText(join(ROOT, 'docs.yaml'), completed(text), { catalogue: builtins, env: {} });
}

async function problemsOf(text: string): Promise<readonly string[]> {
  const result = await loadBlock(text);
  return result.ok ? result.warnings.map(short) : result.problems.map(short);
}

describe('the documentation', () => {
  it('shows of every registry what its adapter declares (npm run generate)', () => {
    const page = readFileSync(join(ROOT, 'docs/registries.md'), 'utf8');
    expect(page).toBe(withTable(page));
    for (const { name, capabilities } of builtins.registries) {
      const { writesTo, mapping } = capabilities.facts ?? {};
      expect({ name, writes: writesTo !== undefined }).toEqual({ name, writes: capabilities.writes });
      expect({ name, maps: mapping !== undefined }).toEqual({ name, maps: capabilities.writes });
    }
  });

  it('was looked at', () => {
    expect(blocks.filter(({ info }) => info === 'yaml').length).toBeGreaterThan(5);
    expect(blocks.filter(({ info }) => info === 'sh').length).toBeGreaterThan(0);
  });

  it.each(files)('has no link in %s that leads nowhere', (file) => {
    const text = readFileSync(join(ROOT, file), 'utf8').replace(/^```[\s\S]*?^```$/gm, '');
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link.replace(/#.*$/, ''));
    const local = links.filter((link) => link !== '' && !/^[a-z]+:/.test(link));
    expect(local.filter((link) => !existsSync(join(ROOT, dirname(file), link)))).toEqual([]);
  });

  it('names every command in the README', () => {
    const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
    const [, row = ''] = /^\| command line \|(.*)\|$/m.exec(readme) ?? [];
    const named = [...row.matchAll(/`(\w+)`/g)].map(([, name]) => name);
    const hidden = ['help', '__complete'];
    const commands = createProgram(new FakeIo()).commands.map((one) => one.name());
    expect(named.toSorted()).toEqual(commands.filter((name) => !hidden.includes(name)).toSorted());
  });

  it.each(blocks.filter(({ info }) => info === 'yaml'))(
    'shows configuration that holds at $where',
    async ({ text }) => {
      expect(await problemsOf(text)).toEqual([]);
    },
  );

  // What is YAML and no configuration: providers, manifests.
  it.each(blocks.filter(({ info }) => info.startsWith('yaml ')))('shows YAML at $where', ({ info, text }) => {
    expect(info).toBe('yaml data');
    expect(parseDocument(text).errors).toEqual([]);
  });

  it.each(commandLines())('shows a command that exists at $where: $line', ({ line }) => {
    expect(unknownIn(line)).toEqual([]);
  });

  it('would notice a command, an option and a key that are not there', async () => {
    expect(unknownIn('sonde validat x.yaml')).toEqual(['validat']);
    expect(unknownIn('sonde validate --frmat json x.yaml')).toEqual(['--frmat']);
    expect(unknownIn('sonde config scheme')).toEqual(['scheme']);
    expect(await problemsOf('probe: { kind: tcp }\nintervall: 3s\n')).toEqual([
      '6:5 SND1003 unknown key `intervall`',
    ]);
  });
});

describe('the configuration reference', () => {
  const { shape } = fileSchema;
  const keys = new Set([
    ...SECTIONS,
    ...Object.keys(checkFields.shape),
    ...Object.keys(registryFields.shape),
    ...Object.keys(shape.server.unwrap().shape),
    ...Object.keys(shape.defaults.unwrap().shape),
    ...Object.keys(shape.engine.unwrap().shape),
    ...Object.keys(shape.state.unwrap().shape),
    ...Object.keys(shape.localHealth.unwrap().shape),
    ...Object.keys(shape.reload.unwrap().shape),
    ...Object.keys(shape.webhooks.unwrap().element.shape),
  ]);

  it.each([...keys])('has the key %s', (key) => {
    expect(CONFIGURATION).toMatch(new RegExp(`\`(${key}|${key}\\.[a-zA-Z]+)\``));
  });

  it.each(Object.keys(PROBLEM_CODES))('has the code %s', (code) => {
    expect(CONFIGURATION).toContain(`\`${code}\``);
  });

  it('has every kind', () => {
    const kinds = [...builtins.probes, ...builtins.registries];
    for (const { name } of kinds) expect(CONFIGURATION).toContain(`\`${name}\``);
  });
});

describe('the example', () => {
  it('holds without any variable set, and without a warning', async () => {
    const text = readFileSync(join(ROOT, 'probes.example.yaml'), 'utf8');
    expect(await problemsOf(text)).toEqual([]);
  });
});

/** Lines of shell blocks that call sonde. */
function commandLines(): readonly { readonly where: string; readonly line: string }[] {
  return blocks
    .filter(({ info }) => info === 'sh')
    .flatMap(({ where, text }) =>
      text
        .replaceAll('\\\n', ' ')
        .split('\n')
        .map((line) => line.replace(/^\$ /, '').replace(/\s+#.*$/, ''))
        .map((line) => /(?:^|\s)(?:npx |npm run )?(sonde\s.*)$/.exec(line)?.[1] ?? '')
        .filter((line) => line !== '')
        .map((line) => ({ where: relative('.', where), line })),
    );
}

/** The commands and options of a line that the program does not have. */
function unknownIn(line: string): readonly string[] {
  const words = (/^[^|&;<>]*/.exec(line)?.[0] ?? '').trim().split(/\s+/).slice(1);
  let command: Command = createProgram(new FakeIo());
  const unknown: string[] = [];
  for (const word of words) {
    if (word === '--') break;
    if (word.startsWith('-') && word !== '-') {
      const [name = ''] = word.split('=');
      const known = [...command.options, ...(command.parent?.options ?? [])];
      const help = ['-h', '--help'].includes(name);
      if (!help && !known.some(({ long, short }) => name === long || name === short)) unknown.push(name);
    } else if (command.commands.length > 0) {
      const next = command.commands.find((one) => one.name() === word || one.aliases().includes(word));
      if (next === undefined) return [...unknown, word];
      command = next;
    }
  }
  return unknown;
}
